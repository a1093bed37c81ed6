"""Who may be nearest among very many: an inverted file (faiss, extra ``index``), in memory; its candidates are then compared exactly.

The vectors lie in cells about centres that k-means has found, four bits for each two numbers; the cells nearest to a probe are looked through (André,
Kermarrec and Le Scouarnec 2017: sixteen products a table, the tables in registers). At the same time as a byte for each number it looks through
three times as much, and so misses a quarter as many strangers. Below FROM vectors the bare product is fast enough. ``tests/benchmarks/gallery.py``
measures both. An index is built anew in each process: of 100,000 vectors faiss did it in less than a tenth of the time of usearch's graph, at much
the same recall. Neither has a wheel for armv7.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.face import Floats

FROM = 200_000
"""Vectors from which an index is asked: a product with so many takes longer than the rest of a decision on a picture, the index a 5th."""

CELLS = 2.0
"""Times the square root of the number of vectors: so many cells."""

PROBED = 0.3
"""Share of the cells that is looked through."""

CANDIDATES = 1000
"""Vectors that are compared exactly, for two bits a number put near ones in another order."""

TAUGHT = 30
"""Vectors for each centre that k-means is given."""

ROUNDS = 8
"""Of k-means."""


class Index:
    """An index of the rows of ``matrix`` (m, d), unit vectors.

    A vector that goes stays in the lists, of no row: faiss 1.15 loses others if it is taken out.
    """

    def __init__(self, matrix: Floats, /) -> None:
        faiss, (size, width) = _load(), matrix.shape
        cells = max(1, int(CELLS * size**0.5))
        codes = width // 2 if not width % 2 else width
        self._found: Any = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(width), width, cells, codes, 4, faiss.METRIC_INNER_PRODUCT)
        self._found.cp.niter, self._found.cp.min_points_per_centroid = ROUNDS, 1
        taught = np.random.default_rng(0).choice(size, min(size, TAUGHT * cells), replace=False)
        self._found.train(matrix[np.sort(taught)])
        self._found.nprobe = max(1, int(PROBED * cells))
        self._built, self._rows = size, np.empty(0, np.int64)  # whose row each vector of the lists is, or -1
        self.add(np.arange(size), matrix)

    @property
    def outgrown(self) -> bool:
        """Whether the lists hold twice what it was built of: it is time to build another."""
        return bool(len(self._rows) > 2 * self._built)

    def add(self, rows: NDArray[np.integer], vectors: Floats, /) -> None:
        """The ``vectors`` (n, d) as the ``rows`` (n,), which are not in yet."""
        self._found.add(vectors)
        self._rows = np.append(self._rows, rows)

    def remove(self, rows: NDArray[np.integer], /) -> None:
        self._rows[np.isin(self._rows, rows)] = -1

    def candidates(self, probe: Floats, number: int, /) -> NDArray[np.int64]:
        """About so many rows that are near to ``probe`` (d,), fewer where fewer are looked through."""
        while True:
            near = self._found.search(probe[None], min(number, len(self._rows)))[1][0]
            rows: NDArray[np.int64] = self._rows[near[near >= 0]]
            if 2 * np.count_nonzero(rows >= 0) >= number or len(rows) < number:
                return rows[rows >= 0]
            number *= 2  # most of the near ones have gone


def usable() -> bool:
    """Whether faiss is installed."""
    try:
        _load()
    except ImportError:
        return False
    return True


def _load() -> Any:
    """The module, whose own types name half of it."""
    return import_module("faiss")
