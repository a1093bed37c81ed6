"""Which pictures make a batch: some people with several pictures each, then pictures drawn from all.

A batch is a function of seed and step alone, so a resumed run sees the batches that an unbroken one would.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facelite.training.dataset import FaceSet


class Sampler:
    """Batches of indices into ``faces``: about ``labelled`` rows are people with two to ``pictures`` pictures each (P x K), the rest
    walk through everything, so that each picture is seen in every len(faces) / (batch - labelled) steps.
    """

    def __init__(self, faces: FaceSet, /, *, batch: int, labelled: int, pictures: int, seed: int) -> None:
        self._size, self._labelled, self._pictures, self._seed = len(faces), labelled, pictures, seed
        self._batch = batch
        order = np.argsort(faces.subjects, kind="stable")
        known = order[faces.subjects[order] >= 0]
        groups = np.split(known, np.flatnonzero(np.diff(faces.subjects[known])) + 1)
        self._people = [group for group in groups if len(group) >= 2]
        # a person with many pictures comes more often, though not as often as they are more
        shares = np.sqrt([len(group) for group in self._people])
        self._shares = shares / shares.sum()

    def batch(self, step: int, /) -> NDArray[np.int64]:
        """The indices (batch,) of step ``step``."""
        rng = np.random.default_rng([self._seed, 0, step])
        chosen: list[int] = []
        for person in rng.choice(len(self._people), min(self._labelled, len(self._people)), replace=False, p=self._shares):
            group = self._people[person]
            room = min(self._pictures, len(group), self._labelled - len(chosen))
            if room < 2:  # one picture makes no pair
                break
            chosen += rng.choice(group, room, replace=False).tolist()
        return np.array(chosen + self._all(step, self._batch - len(chosen)))

    def _all(self, step: int, wanted: int) -> list[int]:
        """``wanted`` pictures of the walk through everything, shuffled anew in each round."""
        first = step * (self._batch - self._labelled or self._batch)
        places = np.arange(first, first + wanted)
        rounds = places // self._size
        orders = {r: np.random.default_rng([self._seed, 1, int(r)]).permutation(self._size) for r in np.unique(rounds)}
        return [int(orders[r][place % self._size]) for r, place in zip(rounds, places, strict=True)]
