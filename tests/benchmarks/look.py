"""What training on pictures in a camera's look gains in that camera's pictures, at one budget of steps.

    python tests/benchmarks/look.py RECIPE FACES OUT [--people N] [--steps 300] [--full]

RECIPE is a training's, of which the first set is taken, FACES what that lies in; training begins with the released weights beside the recipe. The
camera is made up: dim, warm, soft, noisy, with hard JPEG. It saw FRAMES: pictures of training people of the recipe's other sets. Rows: the weights as
they are; trained on as before; with as many pictures in the camera's look by statistics, and by the network's layers (--full: seconds a picture); and
with those that the camera itself would have taken, which is the most that a look can give. VAL at FMR 1e-3 on held-out people: both pictures by that
camera, one of them, none. Intervals of the gain over "as before" are drawn by people, of whom the same have chosen between
a row's first weights and its last. Rows that OUT has are not run again.
"""

# ruff: noqa: E402 - the host is prepared before Keras is imported

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import run

from facelite.training.host import prepare_host

prepare_host()

import cv2
import keras
import numpy as np

from facelite.calibration import Rates, compare_all, differences, rates
from facelite.explain.look import pictures_of
from facelite.face import Floats, Pixels
from facelite.image import read_image
from facelite.networks import build, set_weights
from facelite.networks.weights import read_weights
from facelite.recipe import read_recipe
from facelite.training.align import write_crop
from facelite.training.dataset import FaceSet, load
from facelite.training.fit import train
from facelite.training.judging import embed_crops
from facelite.training.recipe import TrainingRecipe, TrainingSet
from facelite.training.run import sized_network

FMR = 1e-3
FRAMES = 150


def camera(crop: Pixels, rng: np.random.Generator) -> Pixels:
    """A crop as the made-up camera takes it."""
    small = cv2.resize(crop, (56, 56), interpolation=cv2.INTER_AREA) / 255
    light = np.clip(small**2.2 * [1.25, 0.95, 0.6] * rng.uniform(0.2, 0.6), 0, 1)
    counted = np.clip(rng.poisson(light * 300) / 300 + rng.normal(0, 0.008, light.shape), 0, 1) ** (1 / 2.2)
    large = cv2.resize((255 * counted).astype(np.uint8), crop.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    sharpened = cv2.addWeighted(large, 1.6, cv2.GaussianBlur(large, (0, 0), 1.5), -0.6, 0)
    jpeg = cv2.imencode(".jpg", sharpened[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1])


def take_frames(faces: Path, folders: list[str], out: Path) -> None:
    """What the camera saw: people of those sets who are not held out."""
    if out.exists():
        return
    names = [f"{folder}/{name}" for folder in folders for name in pictures_of(faces / folder)]
    rng = np.random.default_rng(0)
    for i, name in enumerate(names[:: max(1, len(names) // FRAMES)][:FRAMES]):
        write_crop(out / f"{i:03}.jpg", camera(read_image(faces / name), rng))


def take_people(source: Path, out: Path, people: int | None) -> None:
    """The set, or so many of its people who are not held out and all who are."""
    if out.exists():
        return
    names = pictures_of(source)
    known = sorted({name.split("/")[0] for name in names})
    left_out = set(known) - set(known[:: max(1, len(known) // people)][:people]) if people else set()
    shutil.copytree(source, out, ignore=lambda folder, entries: left_out & set(entries) if Path(folder) == source else ())


def by_camera(source: Path, out: Path) -> None:
    rng = np.random.default_rng(1)
    for name in pictures_of(source):
        write_crop(out / name, camera(read_image(source / name), rng))
    shutil.copy(source / "align.json", out / "align.json")


def by_command(source: Path, out: Path, frames: Path, *words: str) -> None:
    command = [sys.executable, "-m", "facelite", "style", *words, "--augment", source, "--look", frames, "--out", out]
    run([str(word) for word in command], check=True)


def trained(recipe: TrainingRecipe, data: tuple[FaceSet, FaceSet], weights: Path, out: Path, steps: int) -> None:
    if (out / "done").exists():
        return
    shutil.rmtree(out, ignore_errors=True)
    epochs = steps / recipe.schedule.steps_an_epoch(len(data[0]))
    schedule = replace(recipe.schedule, epochs=epochs, warmup=min(recipe.schedule.warmup, epochs / 10), judge=epochs)
    train(replace(recipe, schedule=schedule), data, out, init=read_weights(weights))
    (out / "done").touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--full", action="store_true")
    wish = parser.parse_args()
    recipe = read_recipe(wish.recipe, TrainingRecipe)
    first, *others = recipe.data
    frames, data, weights = wish.out / "frames", wish.out / "data", wish.recipe.parent / "weights.npz"
    take_frames(wish.faces, [one.folder for one in others if one.labelled], frames)
    take_people(wish.faces / first.folder, data / first.folder, wish.people)
    if recipe.teacher and recipe.teacher.file:
        (data / recipe.teacher.file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wish.faces / recipe.teacher.file, data / recipe.teacher.file)
    looks: dict[str, Callable[[Path, Path], None]] = {"statistics": partial(by_command, frames=frames), "the camera": by_camera}
    if wish.full:
        looks["layers"] = lambda source, out: by_command(source, out, frames, str(wish.recipe.parent / "int8.toml"), "--full", "--steps", "15")
    for name, make in looks.items():
        if not (data / f"{name}.done").exists():
            make(data / first.folder, data / name)
            (data / f"{name}.done").touch()
    network = sized_network(recipe.network)
    model = build(network, keras=keras)
    judged: dict[str, tuple[Floats, Floats]] = {}
    for row in ("as they are", "as before", *looks):
        sets = (first, TrainingSet(row, of=first.folder)) if row in looks else (first,)
        training, held_out = load(data, sets, recipe.teacher)
        rng = np.random.default_rng(2)
        dim = replace(held_out, pixels=np.stack([camera(crop, rng) for crop in held_out.pixels]))
        if row != "as they are":
            trained(replace(recipe, data=sets), (training, dim), weights, wish.out / row, wish.steps)
        set_weights(model, read_weights(weights if row == "as they are" else wish.out / row))
        judged[row] = embed_crops(model, dim, network), embed_crops(model, held_out, network)
        print(row, json.dumps(report(*judged[row], held_out, judged.get("as before"))), flush=True)


def report(dim: Floats, clear: Floats, faces: FaceSet, before: tuple[Floats, Floats] | None) -> dict[str, object]:
    """VAL of both by the camera, of one by it, of none; the gain of the first over ``before``, with its interval."""
    table = 2 - 2 * clear @ dim.T
    same = faces.subjects[:, None] == faces.subjects
    apart = ~np.eye(len(faces), dtype=bool)
    limit = np.quantile(table[~same], FMR)
    values: dict[str, object] = {"both": val(dim, faces), "one": float((table[same & apart] <= limit).mean()), "none": val(clear, faces)}
    if before is not None:

        def statistic(drawn: Rates) -> list[float]:
            return [drawn.val_at(FMR)]

        pair = [compare_all(vectors, faces.subjects, numbering=faces.numbering) for vectors in (before[0], dim)]
        gained = differences(*pair, statistics=(statistic, statistic))[0]
        values["gain"] = [round(100 * one, 2) for one in (gained.value, gained.low, gained.high)]
    return values


def val(vectors: Floats, faces: FaceSet) -> float:
    return rates(compare_all(vectors, faces.subjects, numbering=faces.numbering)).val_at(FMR)


if __name__ == "__main__":
    main()
