"""Which vectors lie near each other, block by block: of all the distances, BLOCK x BLOCK are held at a time.

A distance is 2 - 2 <a, b>: squared L2 between unit vectors; between the means of two groups of unit vectors the mean squared L2 of all pairs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from facelite.face import Floats

Integers = NDArray[np.int64]
Progress = Callable[[int, int], None]

BLOCK = 2048
"""16 MB of distances. 60,000 vectors of 128 numbers make 434 blocks of pairs."""

DECIMALS = 5
"""To which distances are equal: the same two vectors' differs by some 1e-7 with their places in a matrix product, by the library that makes it."""


def nearest_within(queries: Floats, vectors: Floats, /, *, limit: Callable[[slice], Floats]) -> tuple[Integers, Floats]:
    """For each of ``queries`` (m, d) the index (m,) of the nearest of ``vectors`` (n, d), the first of equals, and how far it is (m,).

    ``limit`` gives for some rows of the queries the distances (rows, n) up to which each vector counts; where none does, -1 and infinity.
    """
    index, distance = np.full(len(queries), -1), np.full(len(queries), np.inf, np.float32)
    step = max(1, BLOCK**2 // max(1, len(vectors)))
    for start in range(0, len(queries) if len(vectors) else 0, step):
        rows = slice(start, min(start + step, len(queries)))
        block = 2 - 2 * (queries[rows] @ vectors.T)
        block[block > limit(rows)] = np.inf
        nearest = block.round(DECIMALS).argmin(1)
        distance[rows] = np.maximum(block[np.arange(len(block)), nearest], 0)  # rounding
        index[rows] = np.where(np.isfinite(distance[rows]), nearest, -1)
    return index, distance


def mutual_nearest(vectors: Floats, /, *, limit: Callable[[slice], Floats]) -> tuple[Integers, Floats]:
    """The pairs (m, 2), smaller index first, of ``vectors`` (n, d) that are each other's nearest within ``limit``, and their distances (m,)."""
    index, distance = nearest_within(vectors, vectors, limit=limit)
    first = np.flatnonzero(index >= 0)
    first = first[(index[index[first]] == first) & (first < index[first])]
    return np.stack([first, index[first]], axis=1), distance[first]


def earlier_within(
    vectors: Floats,
    /,
    *,
    distance: float,
    kind: Callable[[Integers, Integers], Integers],
    progress: Progress = lambda done, total: None,
) -> tuple[Integers, Floats]:
    """For each of ``vectors`` (n, d) the nearest earlier one of each kind, if it lies within ``distance``: pairs (m, 2), earlier first, and how far.

    ``kind`` tells the kinds (k,) of pairs, given their earlier and their later indices (k,) each. So there are n pairs of a kind at most, and
    of many equal vectors each one is paired once.
    """
    pairs, distances = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.float32)]
    starts = range(0, len(vectors), BLOCK)
    for done, column in enumerate(starts, start=1):
        earlier, later, far = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        for row in starts[:done]:  # one block at a time is held: where all vectors are equal, all pairs of it are candidates
            more_earlier, more_later, more_far = _candidates(vectors, row, column, distance)
            earlier, later = np.concatenate([earlier, more_earlier]), np.concatenate([later, more_later])
            far = np.concatenate([far, more_far])
            best = _nearest(kind(earlier, later), earlier, later, far)
            earlier, later, far = earlier[best], later[best], far[best]
        pairs.append(np.stack([earlier, later], axis=1))
        distances.append(far)
        progress(done * (done + 1), len(starts) * (len(starts) + 1))
    return np.concatenate(pairs), np.concatenate(distances)


def _candidates(vectors: Floats, row: int, column: int, distance: float) -> tuple[Integers, Integers, Floats]:
    """The pairs within ``distance`` of a vector of the block at ``row`` and a later one of that at ``column``: their indices (k,), and how far."""
    block = 2 - 2 * (vectors[row : row + BLOCK] @ vectors[column : column + BLOCK].T)
    earlier, later = np.nonzero(block <= distance)
    earlier, later, far = earlier + row, later + column, np.maximum(block[earlier, later], 0)
    kept = earlier < later
    return earlier[kept], later[kept], far[kept]


def _nearest(kinds: Integers, earlier: Integers, later: Integers, far: Floats) -> Integers:
    """Which of the pairs (k,) have the smallest distance of their kind and later vector, the first of equals."""
    order = np.lexsort((earlier, far, later, kinds))
    new = (np.diff(kinds[order], prepend=-1) != 0) | (np.diff(later[order], prepend=-1) != 0)
    best: Integers = order[new]
    return best
