"""Artefacts and pictures -> figures: processes by turns, a new one for each artefact, number of threads and round.

So a cold start is measured in every round, memory is that of one artefact, and what else the machine does meets all alike. Figures are ratios within
a round first, and medians over rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from facelite import errors
from facelite.errors import FaceliteError
from facelite.evaluation.benchmark.artefact import Artefact
from facelite.evaluation.benchmark.door import DECISION, STAGES

WORKER = "facelite.evaluation.benchmark.worker"

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that bind NumPy to as many threads as the runtime."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds: the least, percentiles and mean of ``count`` passes."""

    least: float
    p50: float
    p95: float
    p99: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Seconds from the start of a process to its first decision, of two pictures in files: ``total``, and its parts.

    ``python`` is the interpreter's own start, ``imports`` those of NumPy, OpenCV and facelite; ``load`` is opening with the self-test.
    """

    total: float
    python: float
    imports: float
    load: float
    decide: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What an artefact takes with so many ``threads``.

    ``stages`` and the whole ``decision`` (pixels to answer; None without a detector) are per picture, whatever the batch. ``images_per_second`` has
    decoding in it. ``peak`` is resident memory in megabytes. ``ratios`` are to the first artefact with as many threads, where both have the figure.
    """

    threads: int
    cold: ColdStart
    decision: Spread | None
    stages: dict[str, Spread]
    images_per_second: float
    peak: float
    ratios: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class _Run:
    """What one process has said: a cold start, seconds of each pass by name, megabytes."""

    cold: ColdStart
    samples: dict[str, list[float]]
    peak: float

    @property
    def typical(self) -> dict[str, float]:
        """One number of each kind that artefacts are compared by."""
        kinds = {name: self.samples[name] for name in (DECISION, "embed") if name in self.samples}
        return {"cold": self.cold.total, **{name: median(values) for name, values in kinds.items()}}


def run_rounds(
    artefacts: Sequence[Artefact],
    pictures: Sequence[bytes],
    /,
    *,
    threads: Sequence[int],
    seconds: float,
    rounds: int = 5,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[list[Figures]]:
    """For each artefact its figures with each number of ``threads``, of which the measuring takes ``seconds`` in all. Raises what opening raises."""
    runs: dict[tuple[int, int], list[_Run]] = {(i, count): [] for i in range(len(artefacts)) for count in threads}
    with tempfile.TemporaryDirectory() as folder:
        files = [_write(Path(folder) / f"picture-{i}", data) for i, data in enumerate(pictures)]
        for turn in range(rounds):
            for i, count in list(runs)[:: -1 if turn % 2 else 1]:
                request = _request(artefacts[i], Path(folder)) | {"pictures": files, "threads": count, "seconds": seconds / len(threads) / rounds}
                runs[i, count].append(_run(artefacts[i].path, request))
                progress(sum(map(len, runs.values())), rounds * len(runs))
    return [[_figures(runs[i, count], runs[0, count], count) for count in threads] for i in range(len(artefacts))]


def _write(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return str(path)


def _request(artefact: Artefact, folder: Path) -> dict[str, Any]:
    """What ``worker`` needs to open it; a bare embedder's detector is written into ``folder``."""
    bare = artefact.preprocessing
    detector = _write(folder / "detector.tflite", artefact.detector) if bare and artefact.detector else None
    return {"model": artefact.path, "preprocessing": asdict(bare) if bare else None, "detector": detector}


def _run(name: str, request: dict[str, Any]) -> _Run:
    """One process. Raises the FaceliteError that it says, or one that tells how it ended."""
    environment = os.environ | dict.fromkeys(POOLS, str(request["threads"]))
    with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+", errors="replace") as said:
        json.dump(request, asked)
        asked.seek(0)
        began = time.perf_counter()
        command = [sys.executable, "-P", "-m", WORKER]
        with subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process:
            try:
                lines = process.stdout or ()
                first = next(iter(lines), "")
                total = time.perf_counter() - began
                last = next(iter(lines), first)
            except BaseException:  # an interrupt above all: nobody waits for the figures
                process.kill()
                raise
        said.seek(0)
        return _understood(name, first, last, total, process.returncode, said.read())


def _understood(name: str, first: str, last: str, total: float, status: int, said: str) -> _Run:
    start, answer = (json.loads(line or "{}") for line in (first, last))
    if "error" in answer:
        raise getattr(errors, answer["kind"])(answer["error"] if name in answer["error"] else f"{name}: {answer['error']}")
    if "samples" not in answer:
        reason = said.strip().rpartition("\n")[2] or "nothing more"
        raise FaceliteError(f"{name}: expected figures from the process that measures it, got exit status {status} and: {reason}; try it by itself")
    parts = start["import"], start["load"], start["decide"]
    return _Run(ColdStart(total, max(0.0, total - sum(parts)), *parts), answer["samples"], answer["peak"])


def _figures(runs: Sequence[_Run], first: Sequence[_Run], threads: int) -> Figures:
    samples = {name: [value for run in runs for value in run.samples[name]] for name in runs[0].samples}
    whole = [sum(samples[name]) for name in ("decode", DECISION) if name in samples] or [sum(samples["embed"])]
    parts = {part: median(getattr(run.cold, part) for run in runs) for part in ("total", "python", "imports", "load", "decide")}
    return Figures(
        threads=threads,
        cold=ColdStart(**parts),
        decision=_spread(samples[DECISION]) if DECISION in samples else None,
        stages={name: _spread(samples[name]) for name in STAGES if name in samples},
        images_per_second=len(samples["embed"]) / sum(whole),
        peak=max(run.peak for run in runs),
        ratios={name: _ratio(name, runs, first) for name in ("cold", DECISION, "embed")},
    )


def _spread(seconds: Sequence[float]) -> Spread:
    p50, p95, p99 = (float(value) for value in 1e3 * np.percentile(seconds, (50, 95, 99)))
    return Spread(1e3 * min(seconds), p50, p95, p99, 1e3 * sum(seconds) / len(seconds), len(seconds))


def _ratio(name: str, runs: Sequence[_Run], first: Sequence[_Run]) -> float | None:
    """How many times as long as the first artefact in the same round, the median of the rounds."""
    pairs = [(run.typical, other.typical) for run, other in zip(runs, first, strict=True)]
    return median(one[name] / other[name] for one, other in pairs) if all(name in one and name in other for one, other in pairs) else None
