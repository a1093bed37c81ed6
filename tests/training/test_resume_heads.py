"""A run whose losses own something, killed between two states, goes on to the very state of an unbroken one."""

from __future__ import annotations

import signal
import subprocess
import sys

from facelite.networks.weights import BEST
from facelite.training.run import HEAD, STATE
from facelite.training.siamese import siamese_head

RUN = """
import os, signal, sys
from pathlib import Path
from facelite.training.host import prepare_host

prepare_host(1)

from facelite.networks import NETWORKS, Network
from facelite.networks.table import Conv, Flatten
from facelite.training import fit, folder
from facelite.training.dataset import load
from facelite.training.recipe import Loss, NetworkChoice, Schedule, TrainingRecipe, TrainingSet
from facelite.training.run import RECIPE
from facelite.training.state import TrainingState

NETWORKS["tiny"] = Network("tiny", 32, 32, (Conv("conv1", 3, 8, 2), Flatten("flatten")), 16)
fit.SAVE_EVERY, folder.plot_log = 3, lambda log, png: None
sets = (TrainingSet("."),)
loss = Loss(softmax=1, centre=1, verification=1, siamese=1)
schedule = Schedule(epochs=3.0, batch=24, labelled=16, pictures=4, rate=0.01, average=0.8, precision="float32")
recipe, faces = TrainingRecipe(NetworkChoice("tiny"), sets, "tiny", loss=loss, schedule=schedule), load(sys.argv[1], sets, None)
take_step = TrainingState.take_step


def killing(state, x, y):
    if state.step == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return take_step(state, x, y)


for out in sys.argv[2:]:
    TrainingState.take_step = killing if out.endswith("killed") and not Path(out).exists() else take_step
    fit.train(recipe, faces, out, resume=Path(out, RECIPE).exists())
"""


def test_a_killed_run_goes_on_with_what_its_losses_own(tiny, tmp_path, arrays):
    """Nine steps with a state after each third: killed before the sixth, it goes on from the third."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    first = subprocess.run([sys.executable, "-c", RUN, tiny, whole, killed], check=False, timeout=300)
    assert first.returncode == -signal.SIGKILL
    assert arrays(killed / STATE)["step"] == 3 and arrays(whole / STATE)["step"] == 9
    then = {name: value for name, value in arrays(killed / STATE).items() if name.startswith("objective_")}
    subprocess.run([sys.executable, "-c", RUN, tiny, killed], check=True, timeout=300)
    for name in (BEST, HEAD, STATE):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    now = arrays(killed / STATE)
    assert (siamese_head(killed).weights == siamese_head(whole).weights).all()
    assert len(then) == 6 and all((now[name] != value).any() for name, value in then.items())
