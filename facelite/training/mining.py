"""A look at the training pictures by the averaged weights: which pictures are hard, and which people, for the batches that follow.

Source: FaceNet, arXiv:1503.03832, section 3.2: "Generate triplets offline every n steps, using the most recent network checkpoint and
computing the argmin and argmax on a subset of the data." The hardest alone can spoil a training, as the paper says there, and mislabelled
pictures are among them: so the proposals decide who meets whom in a batch, beside pictures drawn at random, and the loss chooses there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields

import numpy as np

from facelite.face import Floats
from facelite.training.dataset import FaceSet, Integers
from facelite.training.judging import BATCH
from facelite.training.recipe import OfflineMining
from facelite.training.sampling import Proposals, people_with_pairs

BLOCK = 512
"""Anchors whose distances to all pictures are held at a time."""


def mine(
    faces: FaceSet, embed: Callable[[FaceSet], Floats], /, *, mining: OfflineMining, each: int, margin: float, seed: int, step: int
) -> Proposals:
    """What ``mining`` finds in ``faces`` by ``embed``, which gives unit embeddings (n, d): a function of them, of the seed and the step."""
    drawn = subset(faces, pictures=mining.pictures, each=each, seed=seed, step=step)
    vectors = [embed(_part(faces, some)) for some in np.split(drawn, range(BATCH, len(drawn), BATCH))]  # never a copy of all pixels
    labels = faces.subjects[drawn], faces.numbering[drawn]
    return propose(np.concatenate(vectors), *labels, pictures=drawn, people=mining.people, margin=margin)


def subset(faces: FaceSet, /, *, pictures: int, each: int, seed: int, step: int) -> Integers:
    """Up to ``pictures`` indices, two to ``each`` a person, of labelled people who have two or more, drawn by the seed and the step."""
    rng = np.random.default_rng([seed, 3, step])
    people, each, drawn, left = people_with_pairs(faces), min(each, pictures // 2), list[Integers](), pictures
    for person in rng.permutation(len(people)):
        room = min(each, len(people[person]), left)
        if room < 2:  # one picture makes no pair
            break
        drawn.append(rng.choice(people[person], room, replace=False))
        left -= room
    return np.concatenate(drawn)


def propose(vectors: Floats, subjects: Integers, numbering: Integers, /, *, pictures: Integers, people: int, margin: float) -> Proposals:
    """The hardest triplets of unit ``vectors`` (n, d): for each its farthest positive, and the nearest negative of each of ``people`` people.

    ``subjects`` (n,) are known people, each there twice or more; a negative is of the same ``numbering`` (n,), as in ``losses.pair_masks``.
    ``pictures`` (n,) are the indices that stand for the rows. Where two are equally hard, the first one is taken.
    """
    farthest, nearest = np.empty(len(vectors), np.int64), np.full((len(vectors), people), -1)
    active: list[bool] = []
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        d = np.clip(2 - 2 * vectors[rows] @ vectors.T, 0, 4)  # (block, n)
        near = numbering[rows, None] == numbering
        same = near & (subjects[rows, None] == subjects)
        positives = np.where(same & (rows[:, None] != np.arange(len(vectors))), d, -1)
        negatives = np.where(near & ~same, d, np.inf)
        farthest[rows] = positives.argmax(1)
        gap = negatives.min(1) - positives.max(1)
        active += (gap[np.isfinite(gap)] < margin).tolist()
        for i in range(people):
            one = negatives.argmin(1)
            found = np.isfinite(negatives[np.arange(len(rows)), one])
            nearest[rows[found], i] = pictures[one[found]]
            negatives[subjects == subjects[one, None]] = np.inf  # the next one is of another person
    return Proposals(pictures, pictures[farthest], nearest, float(np.mean(active)) if active else float("nan"))


def to_arrays(proposals: Proposals | None, /) -> dict[str, np.ndarray]:
    """What a state on disk keeps of them."""
    return {f"mined_{name}": np.asarray(value) for name, value in asdict(proposals).items()} if proposals else {}


def from_arrays(arrays: dict[str, np.ndarray], /) -> Proposals | None:
    """The proposals that ``to_arrays`` put among ``arrays``. Raises KeyError where some of them are missing."""
    if "mined_pictures" not in arrays:
        return None
    pictures, farthest, nearest, active = (arrays[f"mined_{field.name}"] for field in fields(Proposals))
    return Proposals(pictures, farthest, nearest, float(active))


def _part(faces: FaceSet, some: Integers) -> FaceSet:
    names = [faces.names[i] for i in some]
    labels = faces.subjects[some], faces.numbering[some]
    return FaceSet(faces.pixels[some], names, *labels, faces.targets[some], faces.has_target[some], faces.geometry)
