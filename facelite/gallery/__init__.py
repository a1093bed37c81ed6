"""Templates of enrolled people in one encrypted file: enrol, remove, nearest.

All templates of a gallery lie in one embedding space. The key lies in a keyring, apart from the file.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from facelite.distance import SQUARED_L2, Distance
from facelite.errors import GalleryError, InputError, SpaceMismatch
from facelite.face import Embedding, Floats, fuse_groups
from facelite.gallery.compared import Compared
from facelite.gallery.index import usable
from facelite.gallery.keyring import Keyring
from facelite.gallery.seal import Template
from facelite.gallery.store import Change, Store

__all__ = ["Gallery", "Keyring", "Match", "Template", "is_name", "restore_gallery"]

JOINERS = "\u200c\u200d\u3000"
"""Of names, and not printable to Python: what parts and joins letters in Persian and Sinhala, and the wide space of Japanese."""

SAME = 1e-4
"""Squared L2 below which two embeddings are of one picture: float32 rounds at 1e-6, other kernels of int8 differ by about 2e-3."""

MUCH = 0.1
"""A change of more than this share of the templates: what they are compared as is made anew, not subject by subject."""


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest subject and its distance: that of its nearest template, or of the nearest group of them that is compared as one."""

    subject: str
    distance: float


class Gallery:
    """An open gallery; a context manager. Its templates are also held in memory, and what probes are compared with as one matrix.

    What another process writes is known at the next question here. It belongs to one thread. Each question and change may raise KeyMismatch,
    GalleryAltered, GalleryRolledBack, SpaceMismatch or GalleryError where the file is not what it should be.
    """

    def __init__(
        self, path: str | Path, /, *, space: str | None = None, create: bool = False, keyring: Keyring | None = None, indexed: bool = False
    ) -> None:
        """Open the gallery at ``path``; ``space`` None: whatever space it has. With ``create`` a missing one is made by the first enrolment.

        ``indexed``, for a process that stays: where the comparisons are very many (``gallery.index``), the first question to all builds an index,
        and the nearest is found by it, at a recall below 1. Without the extra ``index``, and by another distance than squared L2, nothing changes.
        """
        if create and space is None:
            raise ValueError("expected the space of a gallery that may be made, got none")
        self.path = Path(path)
        self._store = Store(self.path, space=space, create=create, keyring=keyring or Keyring())
        if create and not self.path.parent.is_dir():
            raise GalleryError(f"{path}: expected an existing folder to make the gallery in, found none; check the path")
        self._indexed = indexed and usable()
        self._templates: dict[int, Template] = {}
        self._numbers: dict[str, list[int]] = {}
        self._makers: Counter[str] = Counter()
        self._made: dict[int, Compared] = {}
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __len__(self) -> int:
        """How many templates there are."""
        self.refresh()
        return len(self._templates)

    def close(self) -> None:
        self._store.close()

    @property
    def space(self) -> str:
        return str(self._store.space)

    @property
    def templates(self) -> list[Template]:
        """All, in the order of their enrolment."""
        self.refresh()
        return list(self._templates.values())

    @property
    def counts(self) -> dict[str, int]:
        """Everybody enrolled, sorted, and the number of templates of each."""
        self.refresh()
        return {subject: len(own) for subject, own in sorted(self._numbers.items())}

    @property
    def subjects(self) -> list[str]:
        """Everybody enrolled, sorted."""
        return list(self.counts)

    @property
    def changes(self) -> int:
        """How many changes the gallery has had."""
        self.refresh()
        return self._store.changes

    @property
    def artefacts(self) -> set[str]:
        """The embedders that made the templates."""
        self.refresh()
        return set(self._makers)

    def count(self, subject: str, /) -> int:
        """How many templates ``subject`` has. Raises GalleryError when there is none."""
        self.refresh()
        if subject not in self._numbers:
            raise self._unknown(subject)
        return len(self._numbers[subject])

    def enrol(self, subject: str, embeddings: Sequence[Embedding], /, *, artefact: str, changes: int | None = None) -> int | None:
        """Add templates of ``subject``, all or none; how many were new. One that the subject has already (SAME) is not added again.

        ``changes``: those that the gallery had when the embeddings were compared with it; None is added, and returned, where it has more by now.

        Raises InputError for an unusable name, SpaceMismatch for embeddings of another space.
        """
        if not embeddings:
            raise ValueError("expected at least one embedding, got none")
        if not is_name(subject):
            raise InputError(f"expected a subject's name in printable letters, got {subject!r}; name the person")
        self._check_space(*embeddings)
        now = time.time()
        with self._writing() as change:
            self._check_space(*embeddings)
            if changes not in (None, change.before):
                return None
            new, known = np.stack([one.vector for one in embeddings]), self._vectors(subject)
            for row, embedding in enumerate(embeddings):
                others = np.concatenate([known.reshape(-1, new.shape[1]), new[:row]])
                if not (np.sum((others - new[row]) ** 2, axis=1) < SAME).any():
                    change.add(Template(subject, embedding, artefact, now))
        return len(change.new)

    def add(self, templates: Sequence[Template], /) -> None:
        """Add ``templates`` as they are, with their makers and times, all or none. Raises SpaceMismatch for those of another space."""
        if not templates:
            raise ValueError("expected at least one template, got none")
        self._check_space(*[one.embedding for one in templates])
        with self._writing() as change:
            self._check_space(*[one.embedding for one in templates])
            for one in templates:
                change.add(one)

    def remove(self, subject: str, /) -> int:
        """Remove every template of ``subject``; how many there were. Raises GalleryError when there was none."""
        with self._writing() as change:
            change.gone = set(self._numbers.get(subject, []))
            if not change.gone:
                raise self._unknown(subject)
        return len(change.gone)

    def older(self, before: float, /) -> list[Template]:
        """The templates enrolled ``before`` that time, in seconds since 1970."""
        self.refresh()
        return list(self._old(before).values())

    def purge(self, before: float, /) -> list[Template]:
        """Remove the templates that ``older`` gives, and return them."""
        with self._writing() as change:
            old = self._old(before)
            change.gone = set(old)
        return list(old.values())

    def vectors(self, subject: str, /) -> Floats:
        """The templates (n, d) of ``subject``; none where nobody of that name is enrolled."""
        self.refresh()
        return self._vectors(subject)

    def sizes(self, *, fused: int = 1, subject: str | None = None) -> Counter[int]:
        """How many vectors a probe is compared with, of everybody or of ``subject``, by the number of templates behind each: see ``nearest``."""
        self.refresh()
        if subject is None:
            return self._compared(fused).sizes
        return Counter(self._groups(subject, fused)[1])

    def nearest(
        self, probe: Embedding, /, *, subject: str | None = None, besides: str | None = None, fused: int = 1, distance: Distance = SQUARED_L2
    ) -> Match:
        """Who is nearest to ``probe`` by ``distance``: out of everybody, of all ``besides`` one, or ``subject``. Raises GalleryError without any.

        Up to ``fused`` templates of a subject are compared as one, more of them in groups: see ``face.fuse_groups``.
        """
        self.refresh()
        self._check_space(probe)
        if subject is not None:
            if subject not in self._numbers:
                raise self._unknown(subject)
            return Match(subject, _in_range(distance.table(probe.vector[None], self._groups(subject, fused)[0]).min()))
        if len(self._numbers) == (besides in self._numbers):
            raise self._unknown(subject)
        who, near = self._compared(fused).nearest(probe.vector, besides=besides, distance=distance, indexed=self._indexed)
        return Match(who, _in_range(near))

    def refresh(self) -> None:
        """Take up what other processes have written since the last look, which costs little where that is nothing."""
        if (templates := self._store.read()) is not None:
            try:
                self._take(templates)
            except BaseException:
                self._store.close()  # so that all is read anew
                raise

    @contextmanager
    def _writing(self) -> Iterator[Change]:
        """A change of the latest state, which is held here; stored as a whole, or not at all."""
        self.refresh()
        with self._store.writing() as change:
            if change.fresh is not None:
                self._take(change.fresh)
            yield change
        try:
            self._held(change)
        except BaseException:
            self._store.close()  # so that all is read anew
            raise

    def _take(self, templates: dict[int, Template]) -> None:
        """Keep ``templates`` by number in place of what is kept."""
        new = {number: one for number, one in templates.items() if self._templates.get(number) is not one}
        gone = {number for number, one in self._templates.items() if templates.get(number) is not one}
        if len(new) + len(gone) <= MUCH * len(self._templates):
            self._held(Change(new=new, gone=gone))
            return
        self._templates, self._numbers, self._makers = templates, {}, Counter(one.artefact for one in templates.values())
        for number, one in templates.items():
            self._numbers.setdefault(one.subject, []).append(number)
        self._made.clear()

    def _held(self, change: Change) -> None:
        """Keep what ``change`` has made of them; of what was made of them, that of other subjects stays as it is."""
        if len(change.new) + len(change.gone) > MUCH * len(self._templates):
            self._made.clear()
        touched = {self._templates[number].subject for number in change.gone} | {one.subject for one in change.new.values()}
        for number in change.gone:
            one = self._templates.pop(number)
            self._makers -= Counter([one.artefact])
            self._numbers[one.subject].remove(number)
        for number, one in change.new.items():
            self._templates[number] = one
            self._makers[one.artefact] += 1
            self._numbers.setdefault(one.subject, []).append(number)
        for subject in touched:
            for fused, made in self._made.items():
                made.put(subject, *self._groups(subject, fused))
            if not self._numbers[subject]:
                del self._numbers[subject]

    def _vectors(self, subject: str) -> Floats:
        """The templates (n, d) of ``subject``, in the order of their enrolment."""
        own = [self._templates[number].embedding.vector for number in self._numbers.get(subject, [])]
        return np.stack(own) if own else np.zeros((0, 0), np.float32)

    def _groups(self, subject: str, fused: int) -> tuple[Floats, list[int]]:
        """What ``subject`` is compared by (m, d), and how many templates are behind each."""
        vectors = self._vectors(subject)
        return fuse_groups(vectors, fused) if fused > 1 and len(vectors) else (vectors, [1] * len(vectors))

    def _compared(self, fused: int) -> Compared:
        if not (found := self._made.get(fused)):
            if fused > 1:
                groups = {name: self._groups(name, fused) for name in self._numbers}
                vectors = [one for own, _ in groups.values() for one in own]
                subjects = [name for name, (own, _) in groups.items() for _ in own]
                sizes = [size for _, own in groups.values() for size in own]
            else:
                vectors = [one.embedding.vector for one in self._templates.values()]
                subjects, sizes = [one.subject for one in self._templates.values()], [1] * len(vectors)
            found = self._made[fused] = Compared(np.stack(vectors) if vectors else np.zeros((0, 0), np.float32), subjects, sizes)
        return found

    def _old(self, before: float) -> dict[int, Template]:
        return {number: one for number, one in self._templates.items() if one.enrolled_at < before}

    def _unknown(self, subject: str | None) -> GalleryError:
        if not self._numbers:
            return GalleryError(f"{self.path}: expected somebody enrolled, got an empty gallery; enrol first: facelite enrol")
        return GalleryError(f"{self.path}: expected one of its {len(self._numbers)} subjects, got {subject!r}; see: facelite gallery list")

    def _check_space(self, *embeddings: Embedding) -> None:
        any_template = next(iter(self._templates.values()), None)
        size = len(any_template.embedding.vector if any_template else embeddings[0].vector)
        for one in embeddings:
            if (one.space, len(one.vector)) != (self.space, size):
                raise SpaceMismatch(
                    f"{self.path}: expected embeddings of the space {self.space!r} ({size} numbers), got {one.space!r} "
                    f"({len(one.vector)}); use the bundle that the gallery was made with, or enrol into a new gallery"
                )


def is_name(subject: str, /) -> bool:
    """Whether somebody can be enrolled under this name: printable letters, not spaces alone."""
    return bool(subject.strip()) and all(letter.isprintable() or letter in JOINERS for letter in subject)


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
