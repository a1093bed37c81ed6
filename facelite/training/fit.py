"""A recipe -> a run folder: the loop that trains, judges on held-out people, and survives a kill at any point.

The run folder holds ``recipe.json``, ``log.csv``, ``state.npz`` (everything a resumed run needs) and ``best.npz`` (the averaged
weights that did best on the held-out people). Every file is replaced whole.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import cos, pi
from pathlib import Path
from typing import Any

import keras
import numpy as np

from facelite.atomic import write_atomically
from facelite.calibration import all_pairs, equal_error_rate, val_at
from facelite.errors import InputError, TrainingCollapsed
from facelite.face import Floats
from facelite.networks import Network, build, get_weights
from facelite.preprocess import Preprocessing, to_input
from facelite.training.augment import vary, view, view_matrix
from facelite.training.dataset import FaceSet
from facelite.training.losses import embedding_loss, pairwise_loss, triplet_loss, unit
from facelite.training.recipe import TrainingRecipe
from facelite.training.run import BEST, LOG, RECIPE, STATE, sized_network
from facelite.training.sampling import Sampler
from facelite.training.statistics import Statistics, statistics

LOG_EVERY = 50
"""Steps between two lines of the log."""

SAVE_EVERY = 200
"""Steps between two states on disk: what a kill can cost."""

JUDGED_FMR = 1e-3
"""Checkpoints are chosen by VAL at this FMR over all pairs of the held-out people."""

COLLAPSED = 0.02
"""Mean squared distance within a batch, of at most 4, below which the embedding counts as constant."""

PATIENCE = 4
"""Lines of the log in a row that must look collapsed before the run is given up."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: for a live line."""

    step: int
    steps: int
    loss: float
    statistics: Statistics
    images_per_second: float
    seconds_left: float
    val: float


@dataclass(frozen=True, slots=True)
class Result:
    """``weights``: the averaged weights that did best on the held-out people, and their VAL; ``steps`` done."""

    weights: Path
    val: float
    steps: int


def train(
    recipe: TrainingRecipe,
    data: tuple[FaceSet, FaceSet],
    out: str | Path,
    /,
    *,
    resume: bool = False,
    workers: int = 2,
    stop_after: int | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Result:
    """Train until the schedule's end, or until ``stop_after`` steps.

    ``data`` is the training part and the held-out part. Raises InputError when ``out`` holds a run and ``resume`` is False, or
    another recipe's run; TrainingCollapsed when the embedding becomes constant.
    """
    run = _Run(recipe, data, Path(out), resume)
    end = min(run.steps, stop_after or run.steps)
    began, first = time.monotonic(), run.step
    batches = _batches(recipe, data[0], run.network, range(run.step, end), workers)
    flat = 0
    for x, y in batches:
        loss = run.take_step(x, y)
        last = run.step == end
        if run.step % run.judge_every == 0 or last:
            run.judge()
        if run.step % LOG_EVERY == 0 or last:
            speed = (run.step - first) * recipe.schedule.batch / (time.monotonic() - began)
            now = run.measure(x, y)
            run.log(loss, now, speed)
            left = (run.steps - run.step) * recipe.schedule.batch / speed
            progress(Progress(run.step, run.steps, loss, now, speed, left, run.val))
            flat = flat + 1 if not now.spread >= COLLAPSED else 0
            if flat >= PATIENCE:
                raise TrainingCollapsed(
                    f"expected embeddings that differ, got a mean distance of {now.spread:.4f} within a batch at step {run.step}; "
                    "lower schedule.rate, raise schedule.warmup, or add distillation (loss.embedding)"
                )
        if run.step % SAVE_EVERY == 0 or last:
            run.save()
    return Result(run.best_path, run.best, run.step)


class _Run:
    """The state of a run: model, optimizer, averaged weights, step, and its folder."""

    def __init__(self, recipe: TrainingRecipe, data: tuple[FaceSet, FaceSet], out: Path, resume: bool) -> None:
        schedule = recipe.schedule
        self.recipe, self.held_out, self.out = recipe, data[1], out
        self.network = sized_network(recipe.network)
        self.per_epoch = max(1, len(data[0]) // schedule.batch)
        self.steps = max(1, round(schedule.epochs * self.per_epoch))
        self.judge_every = max(1, round(schedule.judge * self.per_epoch))
        keras.utils.set_random_seed(schedule.seed)
        keras.config.set_dtype_policy(schedule.precision)
        self.model = build(self.network, keras=keras)
        keras.config.set_dtype_policy("float32")
        self.judge_model = build(self.network, keras=keras)
        self.optimizer = keras.optimizers.AdamW(schedule.rate, weight_decay=schedule.decay)
        self.optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
        self.optimizer.build(self.model.trainable_variables)
        compiled = {"jit_compile": False} if keras.backend.backend() == "tensorflow" else {}
        self.model.compile(optimizer=self.optimizer, loss=_loss(recipe), **compiled)
        self.average = [np.array(value, np.float32) for value in self.model.get_weights()]
        self.step, self.val, self.best = 0, float("nan"), -1.0
        self.judged: dict[str, float] = {}
        self._claim(resume)

    @property
    def best_path(self) -> Path:
        return self.out / BEST

    def take_step(self, x: Floats, y: Floats) -> float:
        """One update of the weights and of their average; the batch's loss."""
        self.optimizer.learning_rate = _rate(self.recipe, self.step, self.per_epoch, self.steps)
        loss = float(self.model.train_on_batch(x, y))
        self.step += 1
        decay = min(self.recipe.schedule.average, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average, self.model.get_weights(), strict=True):
            mean += np.float32(1 - decay) * (np.asarray(value, np.float32) - mean)
        return loss

    def measure(self, x: Floats, y: Floats) -> Statistics:
        """What the current weights make of a batch."""
        vectors = _unit(np.asarray(self.model.predict_on_batch(x), np.float32))
        labelled = self.recipe.schedule.labelled
        return statistics(vectors, y[:, -2], y[:, -1], anchors=labelled, margin=self.recipe.loss.margin)

    def judge(self) -> None:
        """VAL of the averaged weights on the held-out people; keep them if they are the best so far."""
        self.judge_model.set_weights(self.average)
        vectors = embed_crops(self.judge_model, self.held_out, self.network)
        pairs = all_pairs(vectors, self.held_out.subjects, self.held_out.numbering)
        self.val = val_at(pairs.genuine, pairs.impostor, JUDGED_FMR)
        self.judged = {"val": self.val, "val_1e-2": val_at(pairs.genuine, pairs.impostor, 1e-2),
                       "val_1e-4": val_at(pairs.genuine, pairs.impostor, 1e-4), "eer": equal_error_rate(pairs.genuine, pairs.impostor)}
        if self.val > self.best:
            self.best = self.val
            save_weights(self.best_path, get_weights(self.judge_model))

    def log(self, loss: float, now: Statistics, speed: float) -> None:
        row = {"step": self.step, "epoch": round(self.step / self.per_epoch, 3), "loss": round(loss, 5), "images_per_second": round(speed, 1),
               **{name: round(value, 5) for name, value in asdict(now).items()},
               **{name: round(self.judged.get(name, float("nan")), 5) for name in ("val", "val_1e-2", "val_1e-4", "eer")}}
        path = self.out / LOG
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)

    def save(self) -> None:
        arrays = {f"weights_{i:04d}": value for i, value in enumerate(self.model.get_weights())}
        arrays |= {f"average_{i:04d}": value for i, value in enumerate(self.average)}
        arrays |= {f"optimizer_{i:04d}": keras.ops.convert_to_numpy(v) for i, v in enumerate(self.optimizer.variables)}
        _save_arrays(self.out / STATE, arrays | {"step": np.array(self.step), "best": np.array(self.best), "val": np.array(self.val)})

    def _claim(self, resume: bool) -> None:
        """Begin a run in ``out``, or go on with the one that is there."""
        recipe = json.dumps(asdict(self.recipe), indent=1).encode()
        path = self.out / RECIPE
        if path.exists() and not resume:
            raise InputError(f"{self.out}: expected an empty folder, got one with a run in it; add --resume or choose another --out")
        if path.exists() and path.read_bytes() != recipe:
            raise InputError(f"{self.out}: expected a run of this recipe, got another one's; choose another --out")
        write_atomically(path, recipe)
        if (self.out / STATE).exists():
            self._restore()
        self._cut_log()

    def _restore(self) -> None:
        with np.load(self.out / STATE) as file:
            state = {name: file[name] for name in file.files}
        self.model.set_weights([state[name] for name in sorted(state) if name.startswith("weights_")])
        self.average = [state[name] for name in sorted(state) if name.startswith("average_")]
        values = [state[name] for name in sorted(state) if name.startswith("optimizer_")]
        for variable, value in zip(self.optimizer.variables, values, strict=True):
            variable.assign(value)
        self.step, self.best, self.val = int(state["step"]), float(state["best"]), float(state["val"])

    def _cut_log(self) -> None:
        """Drop the lines that a killed run wrote after its last state."""
        path = self.out / LOG
        if path.exists():
            header, *lines = path.read_text().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and int(line.partition(",")[0]) <= self.step]
            write_atomically(path, "".join([header, *kept]).encode())


def embed_crops(model: Any, faces: FaceSet, network: Network, /, *, batch: int = 256) -> Floats:
    """Unit embeddings (n, d) of the stored crops of ``faces``, unvaried."""
    preprocessing = Preprocessing(network.height, network.width)
    matrix = view_matrix(faces.geometry, network.height, network.width)
    parts = []
    for start in range(0, len(faces), batch):
        crops = [view(pixels, matrix, network.height, network.width) for pixels in faces.pixels[start : start + batch]]
        x = np.concatenate([to_input(crop, preprocessing) for crop in crops])
        parts.append(np.asarray(model.predict_on_batch(x), np.float32))
    return _unit(np.concatenate(parts))


def save_weights(path: Path, weights: dict[str, list[Floats]], /) -> None:
    """Weights by layer name as an .npz with the entries "layer/0", "layer/1", ..."""
    _save_arrays(path, {f"{name}/{i}": value for name, values in weights.items() for i, value in enumerate(values)})


def _save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def _loss(recipe: TrainingRecipe) -> Callable[[Any, Any], Any]:
    """The recipe's terms over labels packed as (n, d + 3): teacher's embedding, has_target, subject, numbering."""
    weights = recipe.loss

    def loss(packed: Any, embeddings: Any) -> Any:
        vectors = unit(embeddings)
        targets, has_target, subjects, numbering = packed[:, :-3], packed[:, -3], packed[:, -2], packed[:, -1]
        value = 0.0
        if weights.triplet:
            value += weights.triplet * triplet_loss(vectors, subjects, numbering, anchors=recipe.schedule.labelled, margin=weights.margin)
        if weights.embedding:
            value += weights.embedding * embedding_loss(vectors, targets, has_target)
        if weights.pairwise:
            value += weights.pairwise * pairwise_loss(vectors, targets, has_target)
        return value

    return loss


def _rate(recipe: TrainingRecipe, step: int, per_epoch: int, steps: int) -> float:
    """Linear warm-up, then a cosine to zero."""
    schedule = recipe.schedule
    warmup = max(1.0, schedule.warmup * per_epoch)
    if step < warmup:
        return schedule.rate * (step + 1) / warmup
    return schedule.rate * 0.5 * (1 + cos(pi * (step - warmup) / max(1.0, steps - warmup)))


def _batches(recipe: TrainingRecipe, faces: FaceSet, network: Network, steps: range, workers: int) -> Iterator[tuple[Floats, Floats]]:
    """Batches in the order of ``steps``, made by ``workers`` threads ahead of their use."""
    schedule = recipe.schedule
    sampler = Sampler(faces, batch=schedule.batch, labelled=schedule.labelled, pictures=schedule.pictures, seed=schedule.seed)
    preprocessing = Preprocessing(network.height, network.width)

    def make(step: int) -> tuple[Floats, Floats]:
        chosen = sampler.batch(step)
        x = np.empty((len(chosen), network.height, network.width, 3), np.float32)
        for row, i in enumerate(chosen):
            rng = np.random.default_rng([schedule.seed, 2, step, row])
            x[row] = to_input(vary(faces.pixels[i], faces.geometry, network.height, network.width,
                                   augmentation=recipe.augmentation, rng=rng), preprocessing)[0]
        columns = [faces.has_target[chosen, None], faces.subjects[chosen, None], faces.numbering[chosen, None]]
        return x, np.concatenate([faces.targets[chosen], *columns], axis=1, dtype=np.float32)

    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[tuple[Floats, Floats]]] = deque()
        for step in steps:
            ahead.append(pool.submit(make, step))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _unit(vectors: Floats) -> Floats:
    unit_vectors: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit_vectors

