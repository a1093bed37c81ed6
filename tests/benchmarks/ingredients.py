"""What each ingredient of a training run is worth: one recipe, one thing changed at a time, a short and equal budget, judged on held-out people.

    python tests/benchmarks/ingredients.py RECIPE FACES OUT [--epochs 3] [--only PATTERN] [--unaligned FACES2]
    python tests/benchmarks/unaligned.py FACES SOURCES FACES2

FACES is what the recipe's data folders lie in, FACES2 the same pictures cut without alignment. A row that OUT/results.csv has is not run again,
so an interrupted table goes on. Networks take a third of the epochs, the paper's large ones at a small input. A short budget favours what
learns fast: a row says what an ingredient does to the beginning of a run, not to its end.
"""

# ruff: noqa: E402 - the host is prepared before Keras is imported

from __future__ import annotations

import argparse
import csv
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facelite.training.host import prepare_host

prepare_host()

import keras
import numpy as np

from facelite.calibration import Interval, Rates, compare_all, intervals, rates
from facelite.networks import build, count, set_weights, total
from facelite.networks.weights import read_weights
from facelite.recipe import read_recipe
from facelite.training.augment import Augmentation
from facelite.training.dataset import FaceSet, load
from facelite.training.fit import Progress, train
from facelite.training.judging import embed_crops
from facelite.training.recipe import Loss, NetworkChoice, OfflineMining, TrainingRecipe
from facelite.training.run import sized_network

DISTILLED, TRIPLETS, TARGETLESS = Loss(0.0, embedding=1.0, pairwise=10.0), Loss(), Loss(0.5, pairwise=10.0)
FMR = 1e-3
FIELDS = ("table", "row", "parameters", "multiply_adds", "pictures", "people", "steps", "val", "low", "high", "across", "seconds")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what of the recipe is another, the share of the training part's people, and the share of the epochs."""

    table: str
    name: str
    recipe: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    people: float = 1.0
    epochs: float = 1.0
    aligned: bool = True


def loss(name: str, value: Loss, **others: Any) -> Row:
    return Row("loss", name, {"loss": value, **others})


def network(name: str, side: int = 0) -> Row:
    return Row("network", f"{name} at {side}" if side else name, {"network": NetworkChoice(name, side, side)}, epochs=1 / 3)


ROWS = (
    Row("recipe", "as it is"),
    Row("recipe", "AdamW in place of Muon", schedule={"optimizer": "adamw"}),
    Row("recipe", "pictures not varied", {"augmentation": Augmentation.none()}),
    Row("recipe", "faces not aligned", aligned=False),
    loss("distillation alone", DISTILLED),
    loss("harmonic triplets and distillation", replace(DISTILLED, harmonic=0.5)),
    loss("harmonic triplets alone", Loss(0.0, harmonic=1.0)),
    loss("triplets alone, semi-hard", TRIPLETS),
    loss("triplets, batch-hard", replace(TRIPLETS, mining="batch-hard")),
    loss("triplets, batch-all", replace(TRIPLETS, mining="batch-all")),
    loss("triplets, semi-hard and offline", TRIPLETS, mining=OfflineMining(every=100)),
    loss("triplets, the half of the positives that differ most", replace(TRIPLETS, positives=0.5)),
    replace(loss("triplets, 40 pictures a person", TRIPLETS), schedule={"labelled": 160, "pictures": 40}),
    loss("contrastive", Loss(0.0, contrastive=1.0)),
    loss("softmax", Loss(0.0, softmax=1.0)),
    loss("softmax, centre", Loss(0.0, softmax=1.0, centre=0.5)),
    loss("softmax, verification", Loss(0.0, softmax=1.0, verification=0.5)),
    loss("Siamese head", Loss(0.0, siamese=1.0)),
    loss("Siamese head, chi-square", Loss(0.0, siamese=1.0, siamese_form="chi-square")),
    *(Row("numbers", str(d), {"network": NetworkChoice("nns2", embedding=d), "loss": TARGETLESS}) for d in (64, 128, 256, 512)),
    *(Row("people", f"1/{n}", people=1 / n) for n in (8, 4, 2, 1)),
    *(network(name) for name in ("nns2", "nns1")),
    *(network(name, 96) for name in ("nn4", "nn2", "nn1")),
    network("nn3", 112),
)


def run(row: Row, base: TrainingRecipe, data: tuple[FaceSet, FaceSet], out: Path, *, epochs: float) -> dict[str, Any]:
    """Train by the row's recipe, judged once, at its end; the line of results.csv."""
    steps = base.schedule.steps_an_epoch(len(data[0])) * epochs * row.epochs
    training = with_people(data[0], row.people)
    schedule = replace(base.schedule, **row.schedule)
    epochs = steps / schedule.steps_an_epoch(len(training))
    warmup = base.schedule.warmup * data_ratio(data[0], training)
    recipe = replace(base, **row.recipe, schedule=replace(schedule, epochs=epochs, judge=epochs, warmup=warmup))
    began = time.monotonic()
    result = train(recipe, (training, data[1]), out, resume=(out / "state.npz").exists(), progress=show)
    seconds, table = time.monotonic() - began, sized_network(recipe.network)
    val, across = judged(result.weights.parent, recipe, data[1])
    parameters, multiply_adds = total(count(table))
    sizes = (parameters, multiply_adds, len(training), training.people, result.steps, val.value, val.low, val.high, across, round(seconds))
    return dict(zip(FIELDS, (row.table, row.name, *sizes), strict=True))


def data_ratio(whole: FaceSet, part: FaceSet) -> float:
    return len(whole) / len(part)


def with_people(faces: FaceSet, share: float) -> FaceSet:
    """The pictures of the ``share`` of the people, unlabelled pictures counting as one each, drawn once and for all."""
    if share == 1:
        return faces
    unknown = faces.subjects < 0
    people = np.where(unknown, np.arange(len(faces)) + faces.subjects.max() + 1, faces.subjects)
    names, which = np.unique(people, return_inverse=True)
    chosen = np.flatnonzero((np.random.default_rng(0).permutation(len(names)) < share * len(names))[which])
    arrays = {name: getattr(faces, name)[chosen] for name in ("pixels", "subjects", "numbering", "targets", "has_target")}
    return replace(faces, names=[faces.names[i] for i in chosen], **arrays)


def judged(folder: Path, recipe: TrainingRecipe, faces: FaceSet) -> tuple[Interval, float | str]:
    """VAL at FMR of the run's weights on the held-out ``faces``, with its interval over people, and with the teacher's embeddings as templates."""
    table = sized_network(recipe.network)
    model = build(table, keras=keras)
    set_weights(model, read_weights(folder))
    vectors = embed_crops(model, faces, table)
    comparisons = compare_all(vectors, faces.subjects, numbering=faces.numbering)

    def statistic(drawn: Rates) -> list[float]:
        return [drawn.val_at(FMR)]

    val = intervals(comparisons, statistic, trials=[comparisons.genuine_people])[0]
    if not recipe.loss.into_space:
        return val, ""
    across = compare_all(faces.targets, faces.subjects, numbering=faces.numbering, probes=vectors)
    return val, rates(across).val_at(FMR)


def show(progress: Progress) -> None:
    line = f"\r  step {progress.step}/{progress.steps}  {progress.images_per_second:.0f} images/s  left {progress.seconds_left / 60:.1f} min "
    print(line, end="", file=sys.stderr, flush=True)


def done(path: Path) -> list[dict[str, str]]:
    with suppress(FileNotFoundError), path.open(newline="") as file:
        return list(csv.DictReader(file))
    return []


def table(lines: list[dict[str, str]]) -> Iterator[str]:
    """The results as Markdown, in the order of ROWS."""
    yield f"| | parameters | multiply-adds | pictures | steps | VAL at FMR {FMR:g} | 95 % | teacher's templates |\n|---|---|---|---|---|---|---|---|"
    order = {(row.table, row.name): place for place, row in enumerate(ROWS)}
    for line in sorted(lines, key=lambda line: order.get((line["table"], line["row"]), len(order))):
        sizes = f"{float(line['parameters']) / 1e6:.2f}M | {float(line['multiply_adds']) / 1e6:.1f}M | {line['pictures']} | {line['steps']}"
        val, low, high = (f"{100 * float(line[name]):.1f}" for name in ("val", "low", "high"))
        across = f"{100 * float(line['across']):.1f} %" if line["across"] else "-"
        yield f"| {line['table']}: {line['row']} | {sizes} | {val} % | {low} to {high} | {across} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("recipe", "faces", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--epochs", type=float, default=3.0)
    parser.add_argument("--only", default="", help="a regular expression that 'table: row' must match")
    parser.add_argument("--unaligned", type=Path)
    arguments = parser.parse_args()
    base, results, out = read_recipe(arguments.recipe, TrainingRecipe), arguments.out / "results.csv", arguments.out
    out.mkdir(parents=True, exist_ok=True)
    loaded: dict[Path, tuple[FaceSet, FaceSet]] = {}
    for place, row in enumerate(ROWS):
        known = {(line["table"], line["row"]) for line in done(results)}
        faces = arguments.faces if row.aligned else arguments.unaligned
        if faces is None or (row.table, row.name) in known or not re.search(arguments.only, f"{row.table}: {row.name}"):
            continue
        if faces not in loaded:
            loaded = {faces: load(faces, base.data, base.teacher)}
        print(f"{row.table}: {row.name}", file=sys.stderr)
        line = run(row, base, loaded[faces], out / f"row{place}", epochs=arguments.epochs)
        with results.open("a", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            if not known:
                writer.writeheader()
            writer.writerow(line)
        shutil.rmtree(out / f"row{place}")
        keras.backend.clear_session()
        print(file=sys.stderr)
    print("\n".join(table(done(results))))


if __name__ == "__main__":
    main()
