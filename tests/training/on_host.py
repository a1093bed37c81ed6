"""What test_jax.py asks of Keras on TensorFlow and of Keras on JAX alike: python on_host.py JOB ANSWER GIVEN..., ANSWER being an .npz file.

- "network": what a network of every kind of row makes of pictures.
- "steps": the state of each of RECIPES, new or out of the answer GIVEN, the losses of STEPS steps, the state then, and compilations.
- "embed": what the best weights of the run folder GIVEN make of the held-out people in the folder of crops GIVEN.
"""

# ruff: noqa: E402 - the host is prepared before Keras is imported

from __future__ import annotations

import sys

from facelite.training.host import prepare_host

prepare_host()

import keras
import numpy as np

from facelite.networks import NETWORKS, Network, build, set_weights
from facelite.networks.table import Conv, Flatten, Inception, Maxout, Norm, Pool
from facelite.networks.weights import read_weights
from facelite.training.dataset import load
from facelite.training.judging import embed_crops
from facelite.training.recipe import Loss, NetworkChoice, Schedule, Teacher, TrainingRecipe, TrainingSet
from facelite.training.run import run_network, run_recipe
from facelite.training.state import TrainingState

ROWS = (
    Conv("conv", 3, 16, 2),
    Norm("norm"),
    Pool("pool"),
    Inception("average", 8, (4, 8), (4, 8), "average", 8),
    Inception("maximum", 8, (4, 8), (4, 8), "max", five_as=(3, 3)),
    Inception("square", 8, (4, 8), None, "L2", 8, stride=2),
    Maxout("maxout", 16, 2),
)
NETWORKS["rows"] = Network("rows", 32, 24, ROWS, 16)
NETWORKS["small"] = Network("small", 8, 8, (Conv("conv", 3, 8, 2), Flatten("flatten")), 16)

EVERYTHING = Loss(contrastive=1, verification=1, softmax=1, centre=1, siamese=1, harmonic=1, embedding=1, pairwise=1)
LOSSES = {
    "semi-hard": Loss(),
    "emphasis": Loss(positives=0.5, mining="batch-all"),
    "batch-hard": Loss(mining="batch-hard"),
    "contrastive": Loss(triplet=0, contrastive=1),
    "verification": Loss(triplet=0, verification=1),
    "softmax": Loss(triplet=0, softmax=1),
    "centre": Loss(triplet=0, softmax=1, centre=1),
    "absolute": Loss(triplet=0, siamese=1),
    "chi-square": Loss(triplet=0, siamese=1, siamese_form="chi-square"),
    "harmonic": Loss(triplet=0, harmonic=1),
    "embedding": Loss(triplet=0, embedding=1),
    "pairwise": Loss(triplet=0, pairwise=1),
}
SCHEDULES = {
    "adamw": {"optimizer": "adamw"},
    "chunks": {"chunk": 8},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "mixed_float16": {"precision": "mixed_float16"},
}
RECIPES = {name: (loss, {}) for name, loss in LOSSES.items()} | {name: (EVERYTHING, schedule) for name, schedule in SCHEDULES.items()}
"""Of each the loss, and in what the schedule differs."""

STEPS = 3


def network():
    """Kernels with numbers of both signs, which keep the size of what passes through; else numbers above zero, as a variance must be."""
    model, rng = build(NETWORKS["rows"], keras=keras), np.random.default_rng(0)
    shapes = [value.shape for value in model.get_weights()]
    model.set_weights([rng.normal(size=s) * np.prod(s[:-1]) ** -0.5 if len(s) > 1 else rng.uniform(0.1, 1, s) for s in shapes])
    return {"outputs": model.predict_on_batch(rng.normal(size=(8, 32, 24, 3)).astype(np.float32))}


def batch(step):
    """Six people with four pictures each and a stranger on eight, half of them unknown to the teacher: noise, so that no gradient is zero."""
    rng = np.random.default_rng(step)
    targets = rng.normal(size=(32, 16))
    targets /= np.linalg.norm(targets, axis=1, keepdims=True)
    subjects, numbering = np.append(np.repeat(np.arange(6), 4), np.full(8, -1)), np.repeat([0, 1, 0], [12, 12, 8])
    y = np.concatenate([targets, rng.integers(0, 2, (32, 1)), subjects[:, None], numbering[:, None]], axis=1)
    return rng.normal(size=(32, 8, 8, 3)).astype(np.float32), y.astype(np.float32)


def steps(given=None):
    """By "recipe/begun/array", "recipe/losses", "recipe/then/array", and on JAX "recipe/compilations" in all steps but the first."""
    answer, compiled = {}, count_compilations()
    people = np.array([(i // 3, i) for i in range(6)])
    for name, (loss, differing) in RECIPES.items():
        schedule = Schedule(**{"batch": 32, "labelled": 24, "pictures": 4, "rate": 0.01, "precision": "float32", **differing})
        recipe = TrainingRecipe(NetworkChoice("small"), (TrainingSet("."),), "small", teacher=Teacher("none"), loss=loss, schedule=schedule)
        state = TrainingState(recipe, people, per_epoch=10, steps=100)
        if given:
            state.restore(part(given, f"{name}/begun/"))
        answer |= {f"{name}/begun/{key}": np.array(value) for key, value in state.arrays().items()}
        losses = [state.take_step(*batch(0))]
        before = len(compiled)
        losses += [state.take_step(*batch(step)) for step in range(1, STEPS)]
        answer |= {f"{name}/losses": np.array(losses), f"{name}/compilations": np.array(len(compiled) - before)}
        answer |= {f"{name}/then/{key}": value for key, value in state.arrays().items()}
    return answer


def part(path, prefix):
    with np.load(path) as file:
        return {name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)}


def count_compilations():
    """A list that grows by one entry whenever JAX compiles."""
    compiled = []
    if keras.backend.backend() == "jax":
        from jax import monitoring

        monitoring.register_event_duration_secs_listener(lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None)
    return compiled


def embed(run, crops):
    model = build(run_network(run), keras=keras)
    set_weights(model, read_weights(run))
    return {"embeddings": embed_crops(model, load(crops, run_recipe(run).data, None)[1], run_network(run))}


job, answer, *given = sys.argv[1:]
np.savez(answer, **{"network": network, "steps": steps, "embed": embed}[job](*given))
