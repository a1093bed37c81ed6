"""A recipe -> a run folder: the loop that trains, judges on held-out people, and survives a kill at any point.

The run folder holds ``recipe.json``, ``run.json`` (versions, and which data), ``log.csv`` and its ``curves.png``, ``state.npz`` (everything
a resumed run needs), ``best.npz`` (the averaged weights that did best on the held-out people), where a Siamese head is trained
``best_head.npz`` (averaged with those), ``init.npz`` (what it began with, if named) and ``teacher.npz`` (the targets, where a
model or the first weights made some; other recipes may name it).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import keras
import numpy as np

from facelite.calibration import Interval
from facelite.errors import InputError, TrainingCollapsed
from facelite.face import Floats
from facelite.networks import build, get_weights, set_weights
from facelite.networks.weights import BEST, Weights, pack_weights, read_weights
from facelite.runtime.device import usable_cores
from facelite.training.dataset import FaceSet, read_teacher
from facelite.training.facts import begun_precision, run_facts
from facelite.training.folder import append_log, check_run, claim, cut_log, damaged, draw_log, read_state, write, write_arrays
from facelite.training.identities import people_of
from facelite.training.judging import JUDGED, embed_crops, gain, judge, judged_at, unit_rows
from facelite.training.mining import from_arrays, mine, to_arrays
from facelite.training.pipeline import batches
from facelite.training.precision import resolve
from facelite.training.recipe import Precision, TrainingRecipe
from facelite.training.run import HEAD, INIT, STATE, TEACHER, sized_network
from facelite.training.sampling import Proposals
from facelite.training.siamese import pack_siamese
from facelite.training.state import TrainingState, begin, named
from facelite.training.statistics import Statistics
from facelite.training.taught import Taught, pack_taught

LOG_EVERY, LOG_SECONDS = 50, 10.0
"""Steps between two lines of the log, and the time after which there is one anyway. A judgement has its line too."""

SAVE_EVERY, SAVE_SECONDS = 200, 60.0
"""Steps between two states on disk, and the time after which there is one anyway: what a kill can cost."""

COLLAPSED = 0.02
"""Mean squared distance within a batch, of at most 4, below which the embedding counts as constant."""

PATIENCE = 4
"""Looks in a row, one each LOG_EVERY steps, that must find a collapse before the run is given up."""


MOST_WORKERS = 16
"""Threads that make batches, at most, unless more are asked for: each holds a batch, 80 MB of 256 crops of 160 x 160."""


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
    """``weights``: the averaged weights that did best on the held-out people, and ``val`` their VAL: None and NaN where none was judged yet.

    ``val_at`` says at which FMR that is: the smallest that so many held-out people support. ``steps`` were taken of ``planned``.
    ``gain``: by how much the VAL is larger than that of the weights that the run began with, if any; the best may be those themselves.
    ``waiting``: the share of their time that the steps since this start waited for their batches; 0 where there was none.
    """

    weights: Path | None
    val: float
    val_at: str
    steps: int
    planned: int
    gain: Interval | None = None
    waiting: float = 0.0


def train(
    recipe: TrainingRecipe,
    data: tuple[FaceSet, FaceSet],
    out: str | Path,
    /,
    *,
    resume: bool = False,
    init: Weights | None = None,
    teach: Callable[[FaceSet], Floats] | None = None,
    workers: int | None = None,
    stop: Callable[[int], bool] = lambda step: False,
    began: Callable[[int, int, Precision], None] = lambda step, steps, precision: None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Train until the schedule's end, or until ``stop`` of the step's number, asked after each, is True: ``resume`` goes on from there as if
    the run had not stopped.

    ``data`` is the training part and the held-out part. ``init`` are the weights to begin with, random ones otherwise; a run keeps them, and
    judges them first. ``teach`` gives the targets (n, d) of a recipe whose teacher has no file; without it ``init`` does. ``workers`` threads make
    the batches, which are the same whatever their number: one for each core, at most MOST_WORKERS, unless that is said. ``began`` is told the step
    from which it goes on, of how many, and what they compute in: a resumed run, on whatever machine, in what it began in.

    Raises InputError when ``out`` holds a run or other files and ``resume`` is False, or no run, one of another recipe or of other data,
    and for an ``init`` of another network; TrainingCollapsed when the embedding becomes constant or a number infinite; FaceliteError when ``out``
    cannot be written.
    """
    run = _Run(recipe, data, Path(out), resume, init, teach)
    state, first = run.state, run.state.step
    began(first, state.steps, run.recipe.schedule.precision)
    start = logged = saved = time.monotonic()
    with closing(run.batches(workers or min(usable_cores(), MOST_WORKERS))) as ahead:
        for x, y in ahead:
            loss = run.take_step(x, y)
            last = state.step == state.steps
            judged = last or state.step % run.judge_every == 0
            if judged:
                run.judge()
            ending = stop(state.step) or last
            regular = last or state.step % LOG_EVERY == 0
            if regular or judged or ending or time.monotonic() - logged > LOG_SECONDS:
                speed = (state.step - first) * recipe.schedule.batch / (time.monotonic() - start)
                now = state.measure(x, y)
                run.log(loss, now, speed)
                left = (state.steps - state.step) * recipe.schedule.batch / speed
                progress(Progress(state.step, state.steps, loss, now, speed, left, run.judged["val"]))
                if regular:
                    run.watch(now)
                logged = time.monotonic()
            if ending or state.step % SAVE_EVERY == 0 or time.monotonic() - saved > SAVE_SECONDS:
                run.save()
                saved = time.monotonic()
            if ending:
                break
    weights, val = (run.out / BEST, run.best) if run.best_weights else (None, float("nan"))
    return Result(weights, val, judged_at(data[1]), state.step, state.steps, run.gain(), run.waiting)


class _Run:
    """A run in its folder: the state, the weights that were best so far, and what was written down."""

    def __init__(
        self,
        recipe: TrainingRecipe,
        data: tuple[FaceSet, FaceSet],
        out: Path,
        resume: bool,
        init: Weights | None,
        teach: Callable[[FaceSet], Floats] | None,
    ) -> None:
        precision = resolve(begun_precision(out) or "auto") if recipe.schedule.precision == "auto" else recipe.schedule.precision
        self.recipe = replace(recipe, schedule=replace(recipe.schedule, precision=precision))
        self.out, self.held_out, self.network = out, data[1], sized_network(recipe.network)
        self.init = init if init is not None or not (out / INIT).exists() else read_weights(out / INIT)
        check_run(out, recipe, resume=resume)
        self.judge_model = build(self.network, keras=keras)
        if self.init is not None:
            begin(self.judge_model, self.init, network=recipe.network.name)  # others are refused before anything is written
        self.faces = self._taught(recipe, data[0], teach)
        _check_teacher(recipe, self.faces, self.network.embedding)
        claim(out, recipe, run_facts(self.recipe, data, init), resume=resume)
        if self.faces is not data[0] and not (out / TEACHER).exists():
            write(out / TEACHER, pack_taught(Taught(self.faces.names, self.faces.targets, self.faces.projection)))
            self.faces = self._kept(self.faces)
        schedule, pictures = recipe.schedule, len(data[0])
        self.per_epoch = schedule.steps_an_epoch(pictures)
        self.judge_every = max(1, round(schedule.judge * self.per_epoch))
        self.state = TrainingState(self.recipe, people_of(data[0]), per_epoch=self.per_epoch, steps=schedule.steps(pictures))
        if self.init is not None:
            self.state.begin_with(self.init)
            write(out / INIT, pack_weights(self.init))
        self.best, self.best_weights, self.best_head = -1.0, list[Floats](), list[Floats]()
        self.judged = dict.fromkeys(JUDGED, float("nan"))
        self.drawn, self.flat = True, 0
        self.waited = self.stepped = 0.0
        self.proposals: Proposals | None = None
        self.columns = COLUMNS + MINED * bool(recipe.mining.every)
        self._restore()
        cut_log(out, self.state.step, self.columns)
        if self.init is not None and self.best < 0:
            self.judge()  # where training does not help, these stay the best

    def _taught(self, recipe: TrainingRecipe, faces: FaceSet, teach: Callable[[FaceSet], Floats] | None) -> FaceSet:
        """``faces`` with the targets that no teacher's file has: those that the run keeps, else ``teach``'s, else those of the first weights."""
        if recipe.teacher is None:
            return faces
        if (self.out / TEACHER).exists():
            return self._kept(faces)
        if teach and recipe.teacher.file and (self.out / STATE).exists():
            raise InputError(f"{self.out}: expected no --teacher, as the run began, got one; leave it out, or begin a new run: --init {self.out}")
        if teach:
            targets = teach(faces)
        elif recipe.teacher.file:
            return faces
        elif self.init:
            targets = self._embed(self.init, faces)
        else:
            raise InputError("expected a teacher, got none: name a model, --teacher, or weights to begin with, --init, or set teacher.file")
        return faces.taught(unit_rows(targets))

    def _kept(self, faces: FaceSet) -> FaceSet:
        """``faces`` with the targets that the run keeps, in half precision, so that it trains by the same ones when it is resumed."""
        targets, has_target, _ = read_teacher(self.out / TEACHER, faces.names)
        return replace(faces, targets=targets, has_target=has_target)

    def gain(self) -> Interval | None:
        """VAL of the best weights less that of the weights that the run began with; None where it began with random ones."""
        if self.init is None or not self.best_weights:
            return None
        return gain(self._embed(self.init, self.held_out), self._embed(read_weights(self.out), self.held_out), self.held_out)

    def _embed(self, weights: Weights, faces: FaceSet) -> Floats:
        set_weights(self.judge_model, weights)
        return embed_crops(self.judge_model, faces, self.network)

    def batches(self, workers: int, /) -> Generator[tuple[Floats, Floats], None, None]:
        """The batches that are left. Where the recipe mines, those ahead end at a multiple of its steps, and after that one it looks anew."""
        state, every = self.state, self.recipe.mining.every or self.state.steps
        while state.step < state.steps:
            if state.step and state.step % every == 0:
                self.mine()
            steps = range(state.step, min(state.step - state.step % every + every, state.steps))
            with closing(batches(self.recipe, self.faces, steps=steps, workers=workers, proposals=self.proposals)) as ahead:
                yield from self._timed(ahead)

    def _timed(self, ahead: Iterator[tuple[Floats, Floats]]) -> Iterator[tuple[Floats, Floats]]:
        """``ahead``, while ``waited`` grows by the seconds that its batches are waited for."""
        while True:
            asked = time.monotonic()
            batch = next(ahead, None)
            self.waited += time.monotonic() - asked
            if batch is None:
                return
            yield batch

    def take_step(self, x: Floats, y: Floats) -> float:
        began = time.monotonic()
        loss = self.state.take_step(x, y)
        self.stepped += time.monotonic() - began
        return loss

    @property
    def waiting(self) -> float:
        """The share of their time that the steps have waited for their batches."""
        return self.waited / (self.waited + self.stepped) if self.stepped else 0.0

    def mine(self) -> None:
        """Propose what is hard for the averaged weights, out of twice as many pictures of a person as a batch shows: so there is a choice."""
        self.state.check_finite()
        self.judge_model.set_weights(self.state.average)
        self.proposals = mine(
            self.faces,
            lambda faces: embed_crops(self.judge_model, faces, self.network),
            mining=self.recipe.mining,
            each=2 * self.recipe.schedule.pictures,
            margin=self.recipe.loss.margin,
            seed=self.recipe.schedule.seed,
            step=self.state.step,
        )

    def judge(self) -> None:
        """VAL of the averaged weights on the held-out people; keep them if they are the best so far."""
        self.state.check_finite()
        self.judge_model.set_weights(self.state.average)
        self.judged = judge(embed_crops(self.judge_model, self.held_out, self.network), self.held_out)
        self.drawn = False
        if self.judged["val"] > self.best:
            self.best, self.best_weights = self.judged["val"], [value.copy() for value in self.state.average]
            self.best_head = [value.copy() for value in self.state.head]
            self._write_best()

    def _write_best(self) -> None:
        """The best weights, which the judging model holds, and their head, if there is one."""
        best = pack_weights(get_weights(self.judge_model))
        write(self.out / BEST, best)
        if self.best_head:
            write(self.out / HEAD, pack_siamese(*self.best_head, best=best))

    def log(self, loss: float, now: Statistics, speed: float) -> None:
        """A line of the log, and the curves when it holds a new judgement."""
        step = self.state.step
        values = {"epoch": step / self.per_epoch, "loss": loss, "images_per_second": speed, "waiting": self.waiting, **asdict(now), **self.judged}
        values["mined_active"] = self.proposals.active if self.proposals else float("nan")
        append_log(self.out, {"step": step, **{name: round(values[name], 5) for name in self.columns[1:]}})
        if not self.drawn:
            draw_log(self.out)
            self.drawn = True

    def watch(self, now: Statistics) -> None:
        """Raises TrainingCollapsed when the last looks all found a constant embedding."""
        self.flat = 0 if now.spread >= COLLAPSED else self.flat + 1
        if self.flat >= PATIENCE:
            raise TrainingCollapsed(
                f"expected embeddings that differ, got a mean distance of {now.spread:.4f} within a batch at step {self.state.step}; "
                "lower schedule.rate, raise schedule.warmup, or add distillation (loss.embedding)"
            )

    def save(self) -> None:
        """Write the state: what a resumed run goes on from."""
        self.state.check_finite()
        arrays = self.state.arrays() | {f"best_{i:04d}": value for i, value in enumerate(self.best_weights + self.best_head)}
        arrays |= {"best": np.array(self.best), "judged": np.array([self.judged[name] for name in JUDGED])} | to_arrays(self.proposals)
        write_arrays(self.out / STATE, arrays)

    def _restore(self) -> None:
        """Go on from the state in the folder, where there is one; ``best.npz`` becomes what it was at that step."""
        arrays = read_state(self.out)
        if arrays is None:
            return
        try:
            self.state.restore(arrays)
            self.best, kept, count = float(arrays["best"]), named(arrays, "best"), len(self.state.average)
            self.best_weights, self.best_head = kept[:count], kept[count:]
            self.judged = dict(zip(JUDGED, arrays["judged"].tolist(), strict=True))
            self.proposals = from_arrays(arrays)
            if self.best_weights:
                self.judge_model.set_weights(self.best_weights)
        except (KeyError, ValueError) as error:
            raise damaged(self.out, error) from None
        if self.best_weights:
            self._write_best()
        else:
            for name in (BEST, HEAD):
                (self.out / name).unlink(missing_ok=True)


COLUMNS = ["step", "epoch", "loss", "images_per_second", "waiting", *Statistics.__dataclass_fields__, *JUDGED]
"""The columns of the log."""

MINED = ["mined_active"]
"""The column more of a run that mines: see ``sampling.Proposals.active``."""


def _check_teacher(recipe: TrainingRecipe, faces: FaceSet, embedding: int) -> None:
    if recipe.loss.into_space and faces.targets.shape[1] != embedding:
        raise InputError(
            f"expected a teacher of {embedding} numbers, as the network has, got {faces.targets.shape[1]}; "
            "set network.embedding, or use loss.pairwise, which suits any"
        )
