"""What probes are compared with: one vector or several of each subject in one matrix, kept up to date subject by subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from facelite.distance import Distance, SquaredL2
from facelite.face import Floats
from facelite.gallery import index
from facelite.gallery.index import CANDIDATES, Index


class Compared:
    """``subjects`` (m,) says whose the rows of ``matrix`` (m, d) are, ``rows`` which are somebody's, ``sizes`` how many stand for so many templates.

    The rows are in no order: the last one takes the place of one that goes. The ``vectors`` given are its own from then on.
    """

    def __init__(self, vectors: Floats, subjects: Sequence[str], sizes: Sequence[int], /) -> None:
        self.subjects, self.sizes = list(subjects), Counter(sizes)
        self._vectors, self._sizes = vectors, list(sizes)
        self._index: Index | None = None
        self.rows: dict[str, list[int]] = {}
        for row, name in enumerate(subjects):
            self.rows.setdefault(name, []).append(row)

    @property
    def matrix(self) -> Floats:
        return self._vectors[: len(self.subjects)]

    def put(self, subject: str, vectors: Floats, sizes: Sequence[int], /) -> None:
        """What ``subject`` is compared by from now on: ``vectors`` (n, d), none of somebody who is gone."""
        for row in sorted(self.rows.pop(subject, []), reverse=True):
            self._drop(row)
        if not len(vectors):
            return
        first = len(self.subjects)
        rows = range(first, first + len(vectors))
        if not first:
            self._vectors, self._index = np.array(vectors), None
        elif rows.stop > len(self._vectors):
            self._vectors = np.concatenate([self.matrix, np.empty((max(len(rows), first // 8), vectors.shape[1]), np.float32)])
        self._vectors[rows.start : rows.stop] = vectors
        self.subjects += [subject] * len(rows)
        self.rows[subject] = list(rows)
        self._sizes += sizes
        self.sizes.update(sizes)
        if self._index:
            self._index.add(np.array(rows), vectors)

    def nearest(self, probe: Floats, /, *, besides: str | None, distance: Distance, indexed: bool) -> tuple[str, float]:
        """Whose row is nearest to ``probe`` (d,), and how near, out of all but those of ``besides``, of which there is one or more."""
        others = self.rows.get(besides, []) if besides is not None else []
        if indexed and isinstance(distance, SquaredL2) and len(self.subjects) >= index.FROM:
            if not self._index or self._index.outgrown:
                self._index = Index(self.matrix)
            rows = self._index.candidates(probe, CANDIDATES + len(others))
            if len(rows := rows[~np.isin(rows, others)]):
                distances = distance.table(probe[None], self.matrix[rows])[0]
                best = int(np.argmin(distances))
                return self.subjects[rows[best]], float(distances[best])
        distances = distance.table(probe[None], self.matrix)[0]
        distances[others] = np.inf
        best = int(np.argmin(distances))
        return self.subjects[best], float(distances[best])

    def _drop(self, row: int) -> None:
        """The last row takes the place of ``row``, whose subject is not in ``rows`` any more."""
        last = len(self.subjects) - 1
        if self._index:
            self._index.remove(np.unique([row, last]))
        self.sizes -= Counter([self._sizes[row]])
        if row != last:
            self._vectors[row] = self._vectors[last]
            self.subjects[row], self._sizes[row] = self.subjects[last], self._sizes[last]
            own = self.rows[self.subjects[row]]
            own[own.index(last)] = row
            if self._index:
                self._index.add(np.array([row]), self._vectors[row : row + 1])
        self.subjects.pop()
        self._sizes.pop()
