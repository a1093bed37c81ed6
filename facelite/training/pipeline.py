"""A step's number -> its batch: varied views of the sampled pictures and what the loss must know of them, made ahead by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from facelite.face import Floats
from facelite.preprocess import Preprocessing, to_input
from facelite.training.augment import vary
from facelite.training.dataset import FaceSet, Integers
from facelite.training.recipe import TrainingRecipe
from facelite.training.run import sized_network
from facelite.training.sampling import Proposals, Sampler


def batches(
    recipe: TrainingRecipe, faces: FaceSet, /, *, steps: range, workers: int, proposals: Proposals | None = None
) -> Generator[tuple[Floats, Floats], None, None]:
    """The batches (inputs, labels) of ``steps`` in their order, made by ``workers`` threads ahead of their use; all by the same ``proposals``.

    Up to three more than are being made lie in memory.
    """
    schedule = recipe.schedule
    sampler = Sampler(
        faces,
        batch=schedule.batch,
        labelled=schedule.labelled,
        pictures=schedule.pictures,
        seed=schedule.seed,
        proposals=proposals,
        follow=recipe.mining.follow,
    )
    pool = ThreadPoolExecutor(workers)
    ahead: deque[Future[tuple[Floats, Floats]]] = deque()
    try:
        for step in steps:
            ahead.append(pool.submit(_batch, recipe, faces, sampler, step))
            if len(ahead) > workers + 2:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _batch(recipe: TrainingRecipe, faces: FaceSet, sampler: Sampler, step: int) -> tuple[Floats, Floats]:
    """A function of its arguments alone: each row has random numbers of its own, whichever thread makes it."""
    network, chosen = sized_network(recipe.network), sampler.batch(step)
    preprocessing = Preprocessing(network.height, network.width)
    x = np.empty((len(chosen), network.height, network.width, 3), np.float32)
    for row, i in enumerate(chosen):
        rng = np.random.default_rng([recipe.schedule.seed, 2, step, row])
        varied = vary(faces.pixels[i], faces.geometry, network.height, network.width, augmentation=recipe.augmentation, rng=rng)
        x[row] = to_input(varied, preprocessing)[0]
    return x, pack(faces, chosen)


def pack(faces: FaceSet, chosen: Integers, /) -> Floats:
    """What the loss must know of the ``chosen`` pictures as one array (n, d + 3): Keras hands a loss one array of labels."""
    columns = [faces.has_target[chosen, None], faces.subjects[chosen, None], faces.numbering[chosen, None]]
    return np.concatenate([faces.targets[chosen], *columns], axis=1, dtype=np.float32)


def unpack(packed: Any, /) -> tuple[Any, Any, Any, Any]:
    """Targets (n, d), has_target (n,), subjects (n,), numbering (n,) of ``packed`` (n, d + 3)."""
    return packed[:, :-3], packed[:, -3], packed[:, -2], packed[:, -1]
