"""Which pictures make a batch: some people with several pictures each, then pictures drawn from all.

A batch is a function of seed, step and proposals alone, so a resumed run sees the batches that an unbroken one would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.training.dataset import FaceSet, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Triplets that ``mining.mine`` has found, all as indices of pictures.

    Each of ``pictures`` (n,) is an anchor, ``farthest`` (n,) its positive, and ``nearest`` (n, k) are its negatives, one each of k people,
    nearest first, -1 where there are fewer. ``active`` is the share of the triplets with the nearest that violate the margin.
    """

    pictures: Integers
    farthest: Integers
    nearest: Integers
    active: float


class Sampler:
    """Batches of indices into ``faces``: about ``labelled`` rows are people with two to ``pictures`` pictures each (P x K), the rest
    walk through everything, so that each picture is seen in every len(faces) / (batch - labelled) steps.

    With ``proposals``, up to ``follow`` people stand behind a person whom one of their pictures resembles, and the pictures of each that are
    shown begin with a proposed one and that which lies farthest from it. Who begins such a group is drawn as ever.
    """

    def __init__(
        self, faces: FaceSet, /, *, batch: int, labelled: int, pictures: int, seed: int, proposals: Proposals | None = None, follow: int = 0
    ) -> None:
        self._size, self._labelled, self._pictures, self._seed = len(faces), labelled, pictures, seed
        self._batch, self._proposals, self._follow = batch, proposals, follow
        self._people = people_with_pairs(faces)
        # a person with many pictures comes more often, though not as often as they are more
        shares = np.sqrt([len(group) for group in self._people])
        self._shares = shares / shares.sum()
        if proposals is not None:
            self._person = {picture: person for person, group in enumerate(self._people) for picture in group.tolist()}
            self._farthest = dict(zip(proposals.pictures.tolist(), proposals.farthest.tolist(), strict=True))
            self._anchors: dict[int, list[int]] = {}
            for row, picture in enumerate(proposals.pictures.tolist()):
                self._anchors.setdefault(self._person[picture], []).append(row)

    def batch(self, step: int, /) -> NDArray[np.int64]:
        """The indices (batch,) of step ``step``."""
        rng = np.random.default_rng([self._seed, 0, step])
        chosen: list[int] = []
        for group, proposed in self._groups(rng):
            room = min(self._pictures, len(group), self._labelled - len(chosen))
            if room < 2:  # one picture makes no pair
                break
            others = group[~np.isin(group, proposed)]
            chosen += proposed + rng.choice(others, room - len(proposed), replace=False).tolist()
        return np.array(chosen + self._all(step, self._batch - len(chosen)))

    def _groups(self, rng: np.random.Generator) -> Iterator[tuple[Integers, list[int]]]:
        """People, nobody twice: all pictures of each, and the two that are proposed, if any are."""
        drawn = rng.choice(len(self._people), min(self._labelled, len(self._people)), replace=False, p=self._shares)
        if self._proposals is None:
            yield from ((self._people[person], []) for person in drawn)
            return
        seen: set[int] = set()
        for person in drawn.tolist():
            for one, proposed in self._hard_group(person, rng) if person not in seen else ():
                if one not in seen:
                    seen.add(one)
                    yield self._people[one], proposed

    def _hard_group(self, person: int, rng: np.random.Generator) -> list[tuple[int, list[int]]]:
        """The person by one of their pictures, and people whom it resembles, each with two pictures; the person alone where none was looked at."""
        if self._proposals is None or person not in self._anchors:
            return [(person, [])]
        row = rng.choice(self._anchors[person])
        near = self._proposals.nearest[row][self._proposals.nearest[row] >= 0]
        followers = rng.choice(near, min(self._follow, len(near)), replace=False)
        pictures = [int(self._proposals.pictures[row]), *followers.tolist()]
        return [(self._person[picture], [picture, self._farthest[picture]]) for picture in pictures]

    def _all(self, step: int, wanted: int) -> list[int]:
        """``wanted`` pictures of the walk through everything, shuffled anew in each round."""
        first = step * (self._batch - self._labelled or self._batch)
        places = np.arange(first, first + wanted)
        rounds = places // self._size
        orders = {r: np.random.default_rng([self._seed, 1, int(r)]).permutation(self._size) for r in np.unique(rounds)}
        return [int(orders[r][place % self._size]) for r, place in zip(rounds, places, strict=True)]


def people_with_pairs(faces: FaceSet, /) -> list[Integers]:
    """The indices of the pictures of each labelled person who has two or more."""
    order = np.argsort(faces.subjects, kind="stable")
    known = order[faces.subjects[order] >= 0]
    groups = np.split(known, np.flatnonzero(np.diff(faces.subjects[known])) + 1)
    return [group for group in groups if len(group) >= 2]
