"""A process of its own that trains, so that a test can kill it: python runs.py JOB, JOB being a JSON object.

{"data": folder, "threads": 1 or null, "runs": [{"out": folder, "resume": bool, "stop_after": n or null}],
"kill": {"write": n, "when": "before" | "within" | "after"}, "largest": bytes, "seconds": s}: the n-th file that the process replaces is
where it kills itself, it can write no larger file, and "seconds" lie between two lines and two states at most. A start that was killed
before it wrote its recipe is no run to be resumed: it is begun.
"""

# ruff: noqa: E402, T201 - the host is prepared before Keras is imported; what is printed is what the test reads

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
from pathlib import Path

from facelite.training.host import prepare_host

job = json.loads(sys.argv[1])
prepare_host(job["threads"])

from facelite import atomic
from facelite.networks import NETWORKS, Network
from facelite.networks.table import Conv, Flatten, Inception
from facelite.training import fit, folder
from facelite.training.dataset import load
from facelite.training.recipe import NetworkChoice, Schedule, TrainingRecipe, TrainingSet
from facelite.training.run import RECIPE

NETWORKS["tiny"] = Network("tiny", 32, 32, (Conv("conv1", 3, 8, 2), Inception("inception2", 8, (4, 8), (4, 8), "max", 4, 2), Flatten("flatten")), 16)
fit.LOG_EVERY, fit.SAVE_EVERY = 2, 5
fit.LOG_SECONDS = fit.SAVE_SECONDS = job.get("seconds", math.inf)
folder.plot_log = lambda log, png: None  # tried elsewhere

STEPS = 24
"""Of 24 pictures out of 72: an epoch is three, and the held-out people are looked at after each."""

recipe = TrainingRecipe(
    NetworkChoice("tiny"),
    (TrainingSet("."),),
    "tiny",
    schedule=Schedule(epochs=STEPS / 3, batch=24, labelled=16, pictures=4, rate=0.01, average=0.8, precision="float32"),
)

writes = 0


def dying(path: Path, data: bytes, /) -> None:
    """write_atomically, until its time has come."""
    global writes
    writes += 1
    print(writes, path.name, flush=True)
    when = job["kill"]["when"] if writes == job["kill"]["write"] else ""
    if when == "within":
        path.parent.mkdir(exist_ok=True)
        path.with_name(f".{path.name}.{os.getpid()}").write_bytes(data[: len(data) // 2])
    if when in ("before", "within"):
        os.kill(os.getpid(), signal.SIGKILL)
    atomic.write_atomically(path, data)
    if when == "after":
        os.kill(os.getpid(), signal.SIGKILL)


if job.get("kill"):
    folder.write_atomically = dying
if job.get("largest"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest"], job["largest"]))

faces = load(job["data"], recipe.data, None)
for one in job["runs"]:
    fit.train(
        recipe,
        faces,
        one["out"],
        resume=one["resume"] and Path(one["out"], RECIPE).exists(),
        stop=lambda step, last=one["stop_after"]: step == last,
        progress=lambda now: print("step", now.step, flush=True),
    )
