"""Who may be nearest among very many: an inverted file (faiss, extra ``index``), in memory; its candidates are then compared exactly.

The vectors lie in cells about centres that k-means has found, a byte for each number; the cells nearest to a probe are looked through. Below FROM
vectors the bare product is fast enough. ``tests/benchmarks/gallery.py`` measures both. An index is built anew in each process: of 100,000
vectors faiss did it in less than a tenth of the time of usearch's graph, at much the same recall. Neither has a wheel for armv7.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.face import Floats

FROM = 200_000
"""Vectors from which an index is asked: a product with so many takes about as long as the rest of a decision on a picture, the index a 17th."""

CELLS = 2.0
"""Times the square root of the number of vectors: so many cells."""

PROBED = 0.1
"""Share of the cells that is looked through."""

CANDIDATES = 16
"""Vectors that are compared exactly, for a byte a number puts near ones in another order."""

TAUGHT = 30
"""Vectors for each centre that k-means is given."""

ROUNDS = 8
"""Of k-means."""


class Index:
    """An index of the rows of ``matrix`` (m, d), unit vectors; ``size`` as it was built."""

    def __init__(self, matrix: Floats, /) -> None:
        self._faiss = faiss = _load()
        self.size, cells = len(matrix), max(1, int(CELLS * len(matrix) ** 0.5))
        centres = faiss.IndexFlatIP(matrix.shape[1])
        self._found: Any = faiss.IndexIVFScalarQuantizer(centres, matrix.shape[1], cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        self._found.cp.niter, self._found.cp.min_points_per_centroid = ROUNDS, 1
        taught = np.random.default_rng(0).choice(len(matrix), min(len(matrix), TAUGHT * cells), replace=False)
        self._found.train(matrix[np.sort(taught)])
        self._found.set_direct_map_type(faiss.DirectMap.Hashtable)  # so that a row is removed without a look at all others
        self._found.nprobe = max(1, int(PROBED * cells))
        self.add(np.arange(len(matrix)), matrix)

    def add(self, rows: NDArray[np.integer], vectors: Floats, /) -> None:
        """The ``vectors`` (n, d) as the ``rows`` (n,), which are not in yet."""
        self._found.add_with_ids(vectors, rows.astype(np.int64))

    def remove(self, rows: NDArray[np.integer], /) -> None:
        self._found.remove_ids(self._faiss.IDSelectorArray(rows.astype(np.int64)))

    def candidates(self, probe: Floats, number: int, /) -> NDArray[np.int64]:
        """So many rows that are near to ``probe`` (d,), or fewer."""
        rows: NDArray[np.int64] = self._found.search(probe[None], number)[1][0]
        return rows[rows >= 0]


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
