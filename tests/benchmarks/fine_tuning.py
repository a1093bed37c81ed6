"""What fine-tuning on a few people of one's own gains on them, and loses on others or teaches of a camera.

    python tests/benchmarks/fine_tuning.py RECIPE FACES OUT [--people 32] [--camera]

RECIPE is a release's, with its weights beside it; FACES is what its data folders lie in. Of the people whom no training has seen, those with the
most pictures play one's own: half of each one's pictures are trained on, by facelite train --init, and the others judge; an eighth as many more are
the ones that the command itself holds out. Everybody else who is held out says what was forgotten. With --camera all pictures are as the made-up
one of look.py takes them, dim, warm, soft and noisy; other people by that camera say what was learnt of it, and their clear pictures what that
costs. VAL at FMR 1e-2 and 1e-3 before and after, and the difference with its 95 % interval by people.
"""

# ruff: noqa: E402 - the host is prepared before Keras is imported

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from subprocess import run

from facelite.training.host import prepare_host

prepare_host()

import keras
import numpy as np
from look import camera

from facelite.calibration import Rates, compare_all, differences, rates
from facelite.face import Floats
from facelite.networks import build, set_weights
from facelite.networks.weights import read_weights
from facelite.recipe import read_recipe
from facelite.split import is_held_out
from facelite.training.align import write_crop
from facelite.training.dataset import FaceSet, load
from facelite.training.judging import embed_crops
from facelite.training.recipe import TrainingRecipe
from facelite.training.run import sized_network


def names(held_out: bool) -> Iterator[str]:
    """Folders' names of one side of the split."""
    return (name for name in (f"own{i:04}" for i in count()) if is_held_out(name) == held_out)


def write_own(faces: FaceSet, geometry: Path, out: Path, people: int) -> dict[str, list[int]]:
    """Write one's own people, and those whom the command will hold out; which pictures judge what."""
    known, pictures = np.unique(faces.subjects, return_counts=True)
    chosen = known[np.argsort(-pictures, kind="stable")][: people + people // 8]
    shutil.rmtree(out, ignore_errors=True)
    for group, new, step in ((chosen[:people], names(False), 2), (chosen[people:], names(True), 1)):
        for person in group:
            folder = out / next(new)
            for i in np.flatnonzero(faces.subjects == person)[::step]:
                write_crop(folder / f"{i}.jpg", faces.pixels[i])
    shutil.copy(geometry, out)
    others = [np.flatnonzero(faces.subjects == person)[1::2] for person in chosen[:people]]
    return {
        "other pictures of the same people": np.concatenate(others).tolist(),
        "other people": np.flatnonzero(~np.isin(faces.subjects, chosen)).tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--camera", action="store_true")
    wish = parser.parse_args()
    recipe, weights, own, out = read_recipe(wish.recipe, TrainingRecipe), wish.recipe.parent / "weights.npz", wish.out / "own", wish.out / "run"
    sets = tuple(one for one in recipe.data if one.labelled)
    faces = load(wish.faces, sets, None)[1]
    clear = faces
    if wish.camera:
        rng = np.random.default_rng(0)
        faces = replace(faces, pixels=np.stack([camera(crop, rng) for crop in faces.pixels]))
    sides = write_own(faces, wish.faces / sets[0].folder / "align.json", own, wish.people)
    command = ["train", "--data", own, "--network", recipe.network.name, "--init", weights, "--out", out]
    shutil.rmtree(out, ignore_errors=True)
    run([sys.executable, "-m", "facelite", *map(str, command)], check=True)
    print(f"{len(list(own.glob('*/*.jpg')))} pictures of {wish.people + wish.people // 8} people")
    network = sized_network(recipe.network)
    model, vectors, looks = build(network, keras=keras), [], [faces, clear] if wish.camera else [faces]
    for one in (weights, out):
        set_weights(model, read_weights(one))
        vectors.append([embed_crops(model, look, network) for look in looks])
    for side, some in sides.items():
        say(side, faces.subjects[some], faces.numbering[some], *(one[0][some] for one in vectors))
    if wish.camera:
        others = sides["other people"]
        say("clear pictures of other people", faces.subjects[others], faces.numbering[others], *(one[1][others] for one in vectors))


def say(side: str, subjects: np.ndarray, numbering: np.ndarray, before: Floats, after: Floats) -> None:
    pair = [compare_all(vectors, subjects, numbering=numbering) for vectors in (before, after)]

    def statistic(drawn: Rates) -> list[float]:
        return [drawn.val_at(1e-3)]

    gained = differences(*pair, statistics=(statistic, statistic))[0]
    vals = [" / ".join(f"{100 * rates(one).val_at(fmr):.1f}" for fmr in (1e-2, 1e-3)) for one in pair]
    interval = f"{100 * gained.value:+.1f} ({100 * gained.low:+.1f} to {100 * gained.high:+.1f})"
    counted = f"{len(subjects)} pictures of {len(np.unique(subjects))}"
    print(f"{side} ({counted}): VAL at FMR 1e-2 / 1e-3 {vals[0]} -> {vals[1]} %; at 1e-3 {interval} points")


if __name__ == "__main__":
    main()
