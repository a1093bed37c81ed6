"""Images a second of a training step, of the input pipeline, and of both together, against a plain ``model.fit``.

    python tests/benchmarks/training.py [--network nns1] [--steps 6] [--rounds 3] [--workers N]

Plain is Keras as it comes: the same network with Keras' own batch normalisation, in float32, fitted on arrays in memory to one target, so without
an input pipeline. Pictures are noise: their content costs nothing. Runs take turns; medians, and ratios to plain within the run.
"""

# ruff: noqa: E402 - the host is prepared before Keras is imported

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from statistics import median
from unittest.mock import patch

from facelite.training.host import prepare_host

prepare_host()

import keras
import numpy as np

from facelite.networks import NETWORKS, build
from facelite.runtime.device import usable_cores
from facelite.training.dataset import FaceSet
from facelite.training.geometry import CropGeometry
from facelite.training.identities import people_of
from facelite.training.pipeline import batches
from facelite.training.recipe import Loss, NetworkChoice, Schedule, Teacher, TrainingRecipe, TrainingSet
from facelite.training.state import TrainingState

PICTURES, PEOPLE = 2000, 200
GEOMETRY = CropGeometry(face=128, margin=16)


def noise(embedding: int) -> FaceSet:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(PICTURES, embedding)).astype(np.float32)
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    pixels = rng.integers(0, 256, (PICTURES, GEOMETRY.side, GEOMETRY.side, 3), np.uint8)
    names = [f"set/{i % PEOPLE}/{i}" for i in range(PICTURES)]
    return FaceSet(pixels, names, np.arange(PICTURES) % PEOPLE, np.zeros(PICTURES, np.int64), targets, np.ones(PICTURES, bool), GEOMETRY)


def recipe(network: str, precision: str) -> TrainingRecipe:
    schedule = Schedule(precision=precision)
    return TrainingRecipe(
        NetworkChoice(network), (TrainingSet("set"),), "benchmark", Teacher("noise"), Loss(0.5, embedding=1.0, pairwise=10.0), schedule
    )


def plain(network: str, batch: int, steps: int) -> Callable[[], None]:
    table = NETWORKS[network]
    with patch.object(import_module("facelite.networks.build"), "batch_norm", lambda host: host.layers.BatchNormalization):
        model = build(table, keras=keras)
    model.compile(optimizer=keras.optimizers.AdamW(1e-3), loss="mse", jit_compile=False)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch * steps, table.height, table.width, 3)).astype(np.float32)
    y = rng.normal(size=(batch * steps, table.embedding)).astype(np.float32)
    return lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="nns1", choices=list(NETWORKS))
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=usable_cores())
    arguments = parser.parse_args()
    steps, workers, network = arguments.steps, arguments.workers, arguments.network
    faces, chosen = noise(NETWORKS[network].embedding), {name: recipe(network, name) for name in ("float32", "mixed_bfloat16")}
    states = {name: TrainingState(one, people_of(faces), per_epoch=PICTURES // one.schedule.batch, steps=1000) for name, one in chosen.items()}
    batch = chosen["float32"].schedule.batch
    (x, y), *_ = batches(chosen["float32"], faces, steps=range(1), workers=1)

    def step(name: str) -> None:
        for _ in range(steps):
            states[name].take_step(x, y)

    def pipeline() -> None:
        for _ in batches(chosen["float32"], faces, steps=range(steps), workers=workers):
            pass

    def together(name: str) -> None:
        with closing(batches(chosen[name], faces, steps=range(steps), workers=workers)) as ahead:
            for one in ahead:
                states[name].take_step(*one)

    runs = {
        "plain model.fit, float32": plain(network, batch, steps),
        "step, float32": lambda: step("float32"),
        "step, mixed_bfloat16": lambda: step("mixed_bfloat16"),
        f"pipeline, {workers} threads": pipeline,
        "both, float32": lambda: together("float32"),
        "both, mixed_bfloat16": lambda: together("mixed_bfloat16"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(arguments.rounds + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    rates = {name: steps * batch / median(taken[1:]) for name, taken in seconds.items()}  # the first round traces and warms up
    print(f"{network}, batch {batch}, {steps} steps a run, medians of {arguments.rounds}")
    for name, rate in rates.items():
        print(f"{name:<28}{rate:>8.0f} images/s{rate / rates['plain model.fit, float32']:>8.2f}")


if __name__ == "__main__":
    main()
