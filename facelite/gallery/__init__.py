"""Templates of enrolled people in one encrypted file: enrol, remove, nearest.

All templates of a gallery lie in one embedding space. The key lies in a keyring, apart from the file.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from facelite.distance import SQUARED_L2, Distance
from facelite.errors import GalleryError, InputError, SpaceMismatch
from facelite.face import Embedding, Floats, fuse_groups
from facelite.gallery.keyring import Keyring
from facelite.gallery.seal import Template
from facelite.gallery.store import Change, Store

__all__ = ["Gallery", "Keyring", "Match", "Template", "restore_gallery"]

SAME = 1e-4
"""Squared L2 below which two embeddings are of one picture: float32 rounds at 1e-6, other kernels of int8 differ by about 2e-3."""


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest subject and its distance: that of its nearest template, or of the nearest group of them that is compared as one."""

    subject: str
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class _Compared:
    """What probes are compared with: ``matrix`` (m, d), whose each row is, everybody's ``rows``, how many of them stand for so many templates."""

    matrix: Floats
    subjects: list[str]
    rows: dict[str, list[int]]
    sizes: Counter[int]


class Gallery:
    """An open gallery; a context manager. Its templates are also held in memory, as one matrix.

    What another process writes is known at the next question here. It belongs to one thread. Each question and change may raise KeyMismatch,
    GalleryAltered, GalleryRolledBack, SpaceMismatch or GalleryError where the file is not what it should be.
    """

    def __init__(self, path: str | Path, /, *, space: str | None = None, create: bool = False, keyring: Keyring | None = None) -> None:
        """Open the gallery at ``path``; ``space`` None: whatever space it has. With ``create`` a missing one is made by the first enrolment."""
        if create and space is None:
            raise ValueError("expected the space of a gallery that may be made, got none")
        self.path = Path(path)
        self._store = Store(self.path, space=space, create=create, keyring=keyring or Keyring())
        if create and not self.path.parent.is_dir():
            raise GalleryError(f"{path}: expected an existing folder to make the gallery in, found none; check the path")
        self._made: dict[int, _Compared] = {}
        self._makers: set[str] | None = None
        self._hold({})
        self.refresh()

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        """How many templates there are."""
        self.refresh()
        return len(self._numbers)

    def close(self) -> None:
        self._store.close()

    @property
    def space(self) -> str:
        return str(self._store.space)

    @property
    def templates(self) -> list[Template]:
        """All, in the order of their enrolment."""
        self.refresh()
        return self._templates(range(len(self._numbers)))

    @property
    def counts(self) -> dict[str, int]:
        """Everybody enrolled, sorted, and the number of templates of each."""
        self.refresh()
        return dict(sorted(Counter(self._subjects).items()))

    @property
    def subjects(self) -> list[str]:
        """Everybody enrolled, sorted."""
        return list(self.counts)

    @property
    def artefacts(self) -> set[str]:
        """The embedders that made the templates."""
        self.refresh()
        if self._makers is None:
            self._makers = set(self._artefacts)
        return self._makers

    def count(self, subject: str, /) -> int:
        """How many templates ``subject`` has. Raises GalleryError when there is none."""
        self.refresh()
        if not (rows := self._rows(subject)):
            raise self._unknown(subject)
        return len(rows)

    def enrol(self, subject: str, embeddings: Sequence[Embedding], /, *, artefact: str) -> int:
        """Add templates of ``subject``, all or none; how many were new. One that the subject has already (SAME) is not added again.

        Raises InputError for an unusable name, SpaceMismatch for embeddings of another space.
        """
        if not embeddings:
            raise ValueError("expected at least one embedding, got none")
        if not subject.isprintable() or not subject.strip():
            raise InputError(f"expected a subject's name in printable letters, got {subject!r}; name the person")
        self._check_space(*embeddings)
        now = time.time()
        with self._writing() as change:
            self._check_space(*embeddings)
            new, known = np.stack([one.vector for one in embeddings]), self._matrix[self._rows(subject)]
            for row, embedding in enumerate(embeddings):
                others = np.concatenate([known.reshape(-1, new.shape[1]), new[:row]])
                if not (np.sum((others - new[row]) ** 2, axis=1) < SAME).any():
                    change.add(Template(subject, embedding, artefact, now))
        return len(change.new)

    def remove(self, subject: str, /) -> int:
        """Remove every template of ``subject``; how many there were. Raises GalleryError when there was none."""
        with self._writing() as change:
            change.gone = {self._numbers[row] for row in self._rows(subject)}
            if not change.gone:
                raise self._unknown(subject)
        return len(change.gone)

    def older(self, before: float, /) -> list[Template]:
        """The templates enrolled ``before`` that time, in seconds since 1970."""
        self.refresh()
        return self._templates(self._old(before))

    def purge(self, before: float, /) -> list[Template]:
        """Remove the templates that ``older`` gives, and return them."""
        with self._writing() as change:
            rows = self._old(before)
            old, change.gone = self._templates(rows), {self._numbers[row] for row in rows}
        return old

    def vectors(self, subject: str, /) -> Floats:
        """The templates (n, d) of ``subject``; none where nobody of that name is enrolled."""
        self.refresh()
        return self._matrix[self._rows(subject)]

    def sizes(self, *, fused: int = 1, subject: str | None = None) -> Counter[int]:
        """How many vectors a probe is compared with, of everybody or of ``subject``, by the number of templates behind each: see ``nearest``."""
        self.refresh()
        if subject is None:
            return self._compared(fused).sizes
        return Counter(fuse_groups(self._matrix[rows], fused)[1]) if (rows := self._rows(subject)) else Counter()

    def nearest(
        self, probe: Embedding, /, *, subject: str | None = None, besides: str | None = None, fused: int = 1, distance: Distance = SQUARED_L2
    ) -> Match:
        """Who is nearest to ``probe`` by ``distance``: out of everybody, of all ``besides`` one, or ``subject``. Raises GalleryError without any.

        Up to ``fused`` templates of a subject are compared as one, more of them in groups: see ``face.fuse_groups``.
        """
        self.refresh()
        self._check_space(probe)
        if subject is not None:
            if not (own := self._rows(subject)):
                raise self._unknown(subject)
            return Match(subject, _in_range(distance.table(probe.vector[None], fuse_groups(self._matrix[own], fused)[0]).min()))
        compared = self._compared(fused)
        others = compared.rows.get(besides, []) if besides is not None else []
        if len(compared.subjects) == len(others):
            raise self._unknown(subject)
        distances = distance.table(probe.vector[None], compared.matrix)[0]
        distances[others] = np.inf
        best = int(np.argmin(distances))
        return Match(compared.subjects[best], _in_range(distances[best]))

    def refresh(self) -> None:
        """Take up what other processes have written since the last look, which costs little where that is nothing."""
        if (templates := self._store.read()) is not None:
            try:
                self._hold(templates)
            except BaseException:
                self._store.close()  # so that all is read anew
                raise

    @contextmanager
    def _writing(self) -> Iterator[Change]:
        """A change of the latest state, which is held here; stored as a whole, or not at all."""
        self.refresh()
        with self._store.writing() as change:
            if change.fresh is not None:
                self._hold(change.fresh)
            yield change
        try:
            self._held(change)
        except BaseException:
            self._store.close()  # so that all is read anew
            raise

    def _hold(self, templates: dict[int, Template]) -> None:
        """Keep ``templates`` by number: their vectors as one matrix (n, d), all else in lists (n,)."""
        self._numbers, held = list(templates), list(templates.values())
        self._subjects, self._artefacts = [one.subject for one in held], [one.artefact for one in held]
        self._times = [one.enrolled_at for one in held]
        self._matrix: Floats = np.stack([one.embedding.vector for one in held]) if held else np.zeros((0, 0), np.float32)
        self._forget()

    def _held(self, change: Change) -> None:
        """Keep what ``change`` has made of them."""
        if change.gone:
            kept = [row for row, number in enumerate(self._numbers) if number not in change.gone]
            self._numbers, self._times = [self._numbers[row] for row in kept], [self._times[row] for row in kept]
            self._subjects, self._artefacts = [self._subjects[row] for row in kept], [self._artefacts[row] for row in kept]
            self._matrix = self._matrix[kept]
        new = list(change.new.values())
        self._numbers += change.new
        self._subjects += [one.subject for one in new]
        self._artefacts += [one.artefact for one in new]
        self._times += [one.enrolled_at for one in new]
        vectors = [one.embedding.vector[None] for one in new]
        self._matrix = np.concatenate([self._matrix, *vectors] if len(self._matrix) else vectors or [np.zeros((0, 0), np.float32)])
        self._forget()

    def _forget(self) -> None:
        """What was made of the templates before they changed."""
        self._made.clear()
        self._makers = None

    def _compared(self, fused: int) -> _Compared:
        if not (found := self._made.get(fused)):
            matrix, subjects, size = self._matrix, self._subjects, [1] * len(self._subjects)
            if fused > 1:
                groups = {name: fuse_groups(matrix[rows], fused) for name, rows in self._compared(1).rows.items()}
                subjects = [name for name, (vectors, _) in groups.items() for _ in vectors]
                size = [number for _, sizes in groups.values() for number in sizes]
                matrix = np.concatenate([vectors for vectors, _ in groups.values()]) if groups else matrix
            rows_of: dict[str, list[int]] = {}
            for row, name in enumerate(subjects):
                rows_of.setdefault(name, []).append(row)
            found = self._made[fused] = _Compared(matrix, subjects, rows_of, Counter(size))
        return found

    def _rows(self, subject: str) -> list[int]:
        """The places of the templates of ``subject``."""
        return self._compared(1).rows.get(subject, [])

    def _old(self, before: float) -> list[int]:
        return [row for row, at in enumerate(self._times) if at < before]

    def _templates(self, rows: Iterable[int]) -> list[Template]:
        return [Template(self._subjects[row], Embedding(self._matrix[row], self.space), self._artefacts[row], self._times[row]) for row in rows]

    def _unknown(self, subject: str | None) -> GalleryError:
        if not self._subjects:
            return GalleryError(f"{self.path}: expected somebody enrolled, got an empty gallery; enrol first: facelite enrol")
        return GalleryError(f"{self.path}: expected one of its {len(set(self._subjects))} subjects, got {subject!r}; see: facelite gallery list")

    def _check_space(self, *embeddings: Embedding) -> None:
        for one in embeddings:
            size = self._matrix.shape[1] if self._subjects else len(embeddings[0].vector)
            if (one.space, len(one.vector)) != (self.space, size):
                raise SpaceMismatch(
                    f"{self.path}: expected embeddings of the space {self.space!r} ({size} numbers), got {one.space!r} "
                    f"({len(one.vector)}); use the bundle that the gallery was made with, or enrol into a new gallery"
                )


def _in_range(distance: float) -> float:
    """``distance``, which rounding may have brought out of its range."""
    return min(max(float(distance), 0.0), 4.0)


def restore_gallery(path: str | Path, /, *, space: str | None = None, keyring: Keyring | None = None) -> Gallery:
    """The gallery in the file at ``path``, which is a copy from elsewhere or from earlier; no other copy is accepted from now on.

    Raises KeyMismatch, GalleryAltered, SpaceMismatch, GalleryError.
    """
    keyring = keyring or Keyring()
    store = Store(Path(path), space=space, create=False, keyring=keyring)
    store.restore()
    store.close()
    return Gallery(path, space=space, keyring=keyring)
