"""What fine-tuning on a few people of one's own gains on them, and loses on others.

    python tests/benchmarks/fine_tuning.py WEIGHTS FACES OUT [--network nns2] [--people 32]

WEIGHTS are a release's, FACES a folder of aligned crops. Of the people in it whom no training has seen, those with the most pictures play one's own:
half of each one's pictures are trained on, by facelite train --init WEIGHTS, and the others judge; an eighth as many more are the ones that the
command itself holds out. Everybody else who is held out says what was forgotten. VAL at FMR 1e-2 and 1e-3 before and after, and the
difference with its 95 % interval by people.
"""

# ruff: noqa: E402 - the host is prepared before Keras is imported

from __future__ import annotations

import argparse
import shutil
import sys
from collections import defaultdict
from itertools import count
from pathlib import Path
from subprocess import run

from facelite.training.host import prepare_host

prepare_host()

import keras
import numpy as np

from facelite.calibration import Rates, compare_all, differences, rates
from facelite.networks import NETWORKS, build, set_weights
from facelite.networks.weights import read_weights
from facelite.split import is_held_out
from facelite.training.dataset import FaceSet, load
from facelite.training.judging import embed_crops
from facelite.training.recipe import TrainingSet


def names(held_out: bool):
    """Folders' names of one side of the split."""
    return (name for name in (f"own{i:04}" for i in count()) if is_held_out(name) == held_out)


def take_own(faces: Path, out: Path, people: int) -> tuple[set[str], set[str]]:
    """Write one's own people; the names in ``faces`` of those who are trained on and of those whom the command holds out."""
    pictures = defaultdict(list)
    for path in sorted(faces.glob("[!.]*/[!.]*.jpg")):
        if is_held_out(path.parent.name):
            pictures[path.parent.name].append(path)
    chosen = sorted(pictures, key=lambda person: (-len(pictures[person]), person))[: people + people // 8]
    own, judges = chosen[:people], chosen[people:]
    shutil.rmtree(out, ignore_errors=True)
    for group, new, step in ((own, names(False), 2), (judges, names(True), 1)):
        for person in group:
            folder = out / next(new)
            folder.mkdir(parents=True)
            for path in pictures[person][::step]:
                shutil.copy(path, folder)
    shutil.copy(faces / "align.json", out)
    return {path.relative_to(faces).as_posix() for person in own for path in pictures[person][1::2]}, {*own, *judges}


def part(faces: FaceSet, some: list[int]) -> FaceSet:
    return FaceSet(
        faces.pixels[some],
        [faces.names[i] for i in some],
        faces.subjects[some],
        faces.numbering[some],
        faces.targets[some],
        faces.has_target[some],
        faces.geometry,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--network", default="nns2", choices=NETWORKS)
    parser.add_argument("--people", type=int, default=32)
    wish = parser.parse_args()
    others, own = take_own(wish.faces, wish.out / "own", wish.people)
    _, held_out = load(wish.faces, (TrainingSet("."),), None)
    sides = {
        "other pictures of the same people": [i for i, name in enumerate(held_out.names) if name in others],
        "other people": [i for i, name in enumerate(held_out.names) if name.split("/")[0] not in own],
    }
    command = ["train", "--data", wish.out / "own", "--network", wish.network, "--init", wish.weights, "--out", wish.out / "run"]
    shutil.rmtree(wish.out / "run", ignore_errors=True)
    run([sys.executable, "-m", "facelite", *map(str, command)], check=True)
    trained = len(list((wish.out / "own").glob("*/*.jpg")))
    print(f"{trained} pictures of {wish.people + wish.people // 8} people")
    network = NETWORKS[wish.network]
    model = build(network, keras=keras)
    for side, some in sides.items():
        faces, vectors = part(held_out, some), []
        for weights in (wish.weights, wish.out / "run"):
            set_weights(model, read_weights(weights))
            vectors.append(embed_crops(model, faces, network))
        say(side, faces, *vectors)


def say(side: str, faces: FaceSet, before: np.ndarray, after: np.ndarray) -> None:
    pair = [compare_all(vectors, faces.subjects, numbering=faces.numbering) for vectors in (before, after)]

    def statistic(drawn: Rates) -> list[float]:
        return [drawn.val_at(1e-3)]

    gained = differences(*pair, statistics=(statistic, statistic))[0]
    vals = [" / ".join(f"{100 * rates(one).val_at(fmr):.1f}" for fmr in (1e-2, 1e-3)) for one in pair]
    interval = f"{100 * gained.value:+.1f} ({100 * gained.low:+.1f} to {100 * gained.high:+.1f})"
    print(f"{side} ({len(faces)} pictures of {faces.people}): VAL at FMR 1e-2 / 1e-3 {vals[0]} -> {vals[1]} %; at 1e-3 {interval} points")


if __name__ == "__main__":
    main()
