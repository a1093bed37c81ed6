"""A recipe -> a run folder: the loop that trains, judges on held-out people, and survives a kill at any point.

The run folder holds ``recipe.json``, ``run.json`` (versions, and which data), ``log.csv`` and its ``curves.png``, ``state.npz`` (everything
a resumed run needs) and ``best.npz`` (the averaged weights that did best on the held-out people).
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from facelite import __version__
from facelite.errors import InputError, TrainingCollapsed
from facelite.face import Floats
from facelite.networks import build, get_weights
from facelite.networks.weights import BEST, Weights, pack_weights
from facelite.training.dataset import FaceSet
from facelite.training.folder import append_log, claim, cut_log, damaged, draw_log, read_state, write, write_arrays
from facelite.training.judging import JUDGED, embed_crops, judge, judged_at
from facelite.training.pipeline import batches
from facelite.training.recipe import TrainingRecipe
from facelite.training.run import STATE, sized_network
from facelite.training.state import TrainingState, named
from facelite.training.statistics import Statistics

LOG_EVERY = 50
"""Steps between two lines of the log."""

SAVE_EVERY = 200
"""Steps between two states on disk: what a kill can cost."""

COLLAPSED = 0.02
"""Mean squared distance within a batch, of at most 4, below which the embedding counts as constant."""

PATIENCE = 4
"""Lines of the log in a row that must look collapsed before the run is given up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: for a live line. ``val`` is the last judgement, NaN before the first."""

    step: int
    steps: int
    loss: float
    statistics: Statistics
    images_per_second: float
    seconds_left: float
    val: float


@dataclass(frozen=True, slots=True)
class Result:
    """``weights``: the averaged weights that did best on the held-out people; ``val`` their VAL, NaN where none was judged yet.

    ``val_at`` says at which FMR that is: the smallest that so many held-out people support.
    """

    weights: Path
    val: float
    val_at: str
    steps: int


def train(
    recipe: TrainingRecipe,
    data: tuple[FaceSet, FaceSet],
    out: str | Path,
    /,
    *,
    resume: bool = False,
    init: Weights | None = None,
    workers: int = 2,
    stop_after: int | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Train until the schedule's end, or as far as ``stop_after`` steps, from where ``resume`` goes on as if it had not stopped.

    ``data`` is the training part and the held-out part. ``init`` are the weights to begin with, random ones otherwise.

    Raises InputError when ``out`` holds a run and ``resume`` is False, or a run of another recipe or of other data;
    TrainingCollapsed when the embedding becomes constant or a number infinite; FaceliteError when ``out`` cannot be written.
    """
    run = _Run(recipe, data, Path(out), resume, init)
    state, began, first = run.state, time.monotonic(), run.state.step
    end = min(state.steps, stop_after or state.steps)
    with closing(batches(recipe, data[0], steps=range(first, end), workers=workers)) as ahead:
        for x, y in ahead:
            loss = state.take_step(x, y)
            last = state.step == state.steps
            if state.step % run.judge_every == 0 or last:
                run.judge()
            if state.step % LOG_EVERY == 0 or last:
                speed = (state.step - first) * recipe.schedule.batch / (time.monotonic() - began)
                now = state.measure(x, y)
                run.log(loss, now, speed)
                left = (state.steps - state.step) * recipe.schedule.batch / speed
                progress(Progress(state.step, state.steps, loss, now, speed, left, run.judged["val"]))
                run.watch(now)
            if state.step % SAVE_EVERY == 0 or state.step == end:
                run.save()
    return Result(run.out / BEST, run.best if run.best >= 0 else float("nan"), judged_at(data[1]), state.step)


class _Run:
    """A run in its folder: the state, the weights that were best so far, and what was written down."""

    def __init__(self, recipe: TrainingRecipe, data: tuple[FaceSet, FaceSet], out: Path, resume: bool, init: Weights | None) -> None:
        self.out, self.held_out, self.network = out, data[1], sized_network(recipe.network)
        _check_teacher(recipe, data[0], self.network.embedding)
        claim(out, recipe, _facts(data, init), resume=resume)
        self.per_epoch = max(1, len(data[0]) // recipe.schedule.batch)
        self.judge_every = max(1, round(recipe.schedule.judge * self.per_epoch))
        self.state = TrainingState(recipe, per_epoch=self.per_epoch, steps=max(1, round(recipe.schedule.epochs * self.per_epoch)))
        if init is not None:
            self.state.begin_with(init)
        self.judge_model = build(self.network, keras=keras)
        self.best, self.best_weights = -1.0, list[Floats]()
        self.judged = dict.fromkeys(JUDGED, float("nan"))
        self.drawn, self.flat = True, 0
        self._restore()
        cut_log(out, self.state.step, COLUMNS)

    def judge(self) -> None:
        """VAL of the averaged weights on the held-out people; keep them if they are the best so far."""
        self.state.check_finite()
        self.judge_model.set_weights(self.state.average)
        self.judged = judge(embed_crops(self.judge_model, self.held_out, self.network), self.held_out)
        self.drawn = False
        if self.judged["val"] > self.best:
            self.best, self.best_weights = self.judged["val"], [value.copy() for value in self.state.average]
            write(self.out / BEST, pack_weights(get_weights(self.judge_model)))

    def log(self, loss: float, now: Statistics, speed: float) -> None:
        """A line of the log, and the curves when it holds a new judgement."""
        step = self.state.step
        values = {"epoch": step / self.per_epoch, "loss": loss, "images_per_second": speed, **asdict(now), **self.judged}
        append_log(self.out, {"step": step, **{name: round(values[name], 5) for name in COLUMNS[1:]}})
        if not self.drawn:
            draw_log(self.out)
            self.drawn = True

    def watch(self, now: Statistics) -> None:
        """Raises TrainingCollapsed when the last lines of the log all show a constant embedding."""
        self.flat = 0 if now.spread >= COLLAPSED else self.flat + 1
        if self.flat >= PATIENCE:
            raise TrainingCollapsed(
                f"expected embeddings that differ, got a mean distance of {now.spread:.4f} within a batch at step {self.state.step}; "
                "lower schedule.rate, raise schedule.warmup, or add distillation (loss.embedding)"
            )

    def save(self) -> None:
        """Write the state: what a resumed run goes on from."""
        self.state.check_finite()
        arrays = self.state.arrays() | {f"best_{i:04d}": value for i, value in enumerate(self.best_weights)}
        arrays |= {"best": np.array(self.best), "judged": np.array([self.judged[name] for name in JUDGED])}
        write_arrays(self.out / STATE, arrays)

    def _restore(self) -> None:
        """Go on from the state in the folder, where there is one; ``best.npz`` becomes what it was at that step."""
        arrays = read_state(self.out)
        if arrays is None:
            return
        try:
            self.state.restore(arrays)
            self.best, self.best_weights = float(arrays["best"]), named(arrays, "best")
            self.judged = dict(zip(JUDGED, arrays["judged"].tolist(), strict=True))
            if self.best_weights:
                self.judge_model.set_weights(self.best_weights)
        except (KeyError, ValueError) as error:
            raise damaged(self.out, error) from None
        if self.best_weights:
            write(self.out / BEST, pack_weights(get_weights(self.judge_model)))
        else:
            (self.out / BEST).unlink(missing_ok=True)


COLUMNS = ["step", "epoch", "loss", "images_per_second", *Statistics.__dataclass_fields__, *JUDGED]
"""The columns of the log."""


def _check_teacher(recipe: TrainingRecipe, faces: FaceSet, embedding: int) -> None:
    if recipe.loss.embedding and faces.targets.shape[1] != embedding:
        raise InputError(
            f"expected a teacher of {embedding} numbers, as the network has, got {faces.targets.shape[1]}; "
            "set network.embedding, or use loss.pairwise, which suits any"
        )


def _facts(data: tuple[FaceSet, FaceSet], init: Weights | None) -> dict[str, Any]:
    """What a run was made with and from, beside its recipe."""
    names = "\n".join([*data[0].names, "", *data[1].names])
    backend = keras.backend.backend()
    versions = {
        "facelite": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "keras": keras.__version__,
        backend: import_module(backend).__version__,
    }
    return {
        "versions": versions,
        "data": {
            "training": {"pictures": len(data[0]), "people": data[0].people},
            "held_out": {"pictures": len(data[1]), "people": data[1].people},
            "names_sha256": hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest(),
            "init_sha256": _digest(init),
        },
        "val_at": judged_at(data[1]),
    }


def _digest(weights: Weights | None) -> str:
    """Of the weights that a run began with; "" for random ones. A resumed run must begin with the same."""
    digest = hashlib.sha256()
    for name, values in sorted((weights or {}).items()):
        digest.update(name.encode() + b"".join(np.ascontiguousarray(value).tobytes() for value in values))
    return digest.hexdigest() if weights else ""
