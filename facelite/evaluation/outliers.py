"""Pictures that lie far from the other pictures of their person.

A picture is held against the mean of its person's n other pictures, and is an outlier beyond

    threshold + e(n) - e(infinity),    e(n) = 2 - 2 c sqrt(n / (1 + (n - 1) c))

The threshold is one of verification: what lies within it would pass for the person. n unit vectors with the mutual cosine c have a mean of the
length sqrt((1 + (n - 1) c) / n), so a picture whose cosine with each of them is c lies e(n) from that mean: the fewer the others, the farther,
and that much more is allowed. c is the median, over the pictures, of the mean cosine with their others.

Outliers do not count among others, nor in c: all is found anew until the outliers stay the same. So a wrong picture does not hide another one,
as long as the right ones are the most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.face import Floats

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROUNDS = 10
"""Where outliers come and go, the last of so many rounds decides."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where outliers begin; ``cosine`` is c."""

    threshold: float
    cosine: float

    def limit(self, others: NDArray[Any], /) -> Array:
        """The largest distance (n,) that is none of an outlier, with so many ``others`` (n,), one or more."""
        c = self.cosine
        return np.asarray(self.threshold + 2 * np.sqrt(c) - 2 * c * np.sqrt(others / (1 + (others - 1) * c)))


@dataclass(frozen=True, slots=True, eq=False)
class Outliers:
    """Of each picture the ``distance`` (n,) to its person's others, NaN where there are none, the ``limit`` (n,), and whether it is ``far`` (n,)."""

    distance: Array
    limit: Array
    far: Flags
    rule: Rule


def find_outliers(vectors: Floats, person: Integers, /, *, threshold: float) -> Outliers:
    """The outliers among ``vectors`` (n, d), unit length or zero where no face was found, of people ``person`` (n,) from 0."""
    found, far = vectors.any(1), np.zeros(len(vectors), np.bool_)
    for _ in range(ROUNDS):
        distance, cosine, others = _leave_one_out(vectors, person, found & ~far)
        judged = ~far & ~np.isnan(cosine)
        rule = Rule(threshold, max(float(np.median(cosine[judged])), 0.0) if judged.any() else 1.0)
        limit = rule.limit(np.maximum(others, 1))
        before, far = far, distance > limit  # NaN is not
        if np.array_equal(far, before):
            break
    return Outliers(distance, limit, far, rule)


def person_means(vectors: Floats, person: Integers, kept: Flags, /, *, people: int) -> tuple[Floats, Integers]:
    """The mean (people, d), no unit vector, of the ``kept`` (n,) vectors of each person, zero where there are none; and how many (people,)."""
    sums, count = _sums(vectors, person, kept, people)
    means: Floats = sums / np.maximum(count, 1).astype(np.float32)[:, None]
    return means, count


def _sums(vectors: Floats, person: Integers, kept: Flags, people: int) -> tuple[Floats, Integers]:
    sums = np.zeros((people, vectors.shape[1]), np.float32)
    np.add.at(sums, person[kept], vectors[kept])
    return sums, np.bincount(person[kept], minlength=people)


def _leave_one_out(vectors: Floats, person: Integers, kept: Flags) -> tuple[Array, Array, Integers]:
    """Of each picture the distance to the unit mean of its person's others and the mean cosine with them (n,), NaN without any; and their number.

    The others are those ``kept``; where none of them is, all with a face.
    """
    found, people = np.asarray(vectors.any(1)), int(person.max(initial=-1)) + 1
    sums, others = np.zeros_like(vectors), np.zeros(len(vectors), np.int64)
    for counted in (kept, found):
        of_all, count = _sums(vectors, person, counted, people)
        empty = others == 0
        sums[empty] = (of_all[person] - vectors * counted[:, None])[empty]
        others[empty] = (count[person] - counted)[empty]
    product = np.einsum("ij,ij->i", vectors, sums).astype(np.float64)
    known, length = found & (others > 0), np.maximum(np.linalg.norm(sums, axis=1), 1e-9)
    return np.where(known, 2 - 2 * product / length, np.nan), np.where(known, product / np.maximum(others, 1), np.nan), others
