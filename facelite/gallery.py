"""Templates of enrolled people in one SQLite file: enrol, remove, nearest.

All templates of a gallery lie in one embedding space. Writing is one transaction, so a kill leaves the old or the new state.
Templates are stored as plain numbers: whoever can read the file can compare faces against it. So a new file is its owner's alone (0600).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from facelite.distance import SQUARED_L2, Distance
from facelite.errors import GalleryError, InputError, SpaceMismatch
from facelite.face import Embedding, Floats

FORMAT = 1

WAIT = 10.0
"""Seconds to wait for another process that is writing."""

SAME = 1e-4
"""Squared L2 below which two embeddings are of one picture: float32 rounds at 1e-6, other kernels of int8 differ by about 2e-3."""

_SCHEMA = (
    "CREATE TABLE gallery (format INTEGER NOT NULL, space TEXT NOT NULL)",
    "CREATE TABLE template (id INTEGER PRIMARY KEY, subject TEXT NOT NULL, vector BLOB NOT NULL, artefact TEXT NOT NULL, enrolled_at REAL NOT NULL)",
    "CREATE INDEX template_subject ON template (subject)",
)


@dataclass(frozen=True, slots=True)
class Template:
    """One stored embedding of ``subject``; ``artefact`` is the sha256 of the embedder that made it; time in seconds since 1970."""

    subject: str
    embedding: Embedding
    artefact: str
    enrolled_at: float


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest subject and the distance of its nearest template."""

    subject: str
    distance: float


class Gallery:
    """An open gallery file; a context manager. Its templates are also held in memory as one matrix.

    What another process enrols meanwhile is seen after the next enrolment or removal here, or by opening the gallery anew.
    """

    def __init__(self, path: str | Path, /, *, space: str, create: bool = False) -> None:
        """Open the gallery at ``path``; with ``create`` a missing one is made by the first enrolment. Raises GalleryError, SpaceMismatch."""
        self.path, self.space = Path(path), space
        self._db: sqlite3.Connection | None = None
        self._hold([])
        if self.path.exists():
            with self._transaction(write=False) as db:
                if create and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                    return  # an empty file
                self._check(db)
                self._load(db)
        elif not create:
            raise GalleryError(f"{path}: expected a gallery, found none; make one: facelite enrol --gallery {path} SUBJECT PICTURE")
        elif not self.path.parent.is_dir():
            raise GalleryError(f"{path}: expected an existing folder to make the gallery in, found none; check the path")

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    @property
    def subjects(self) -> list[str]:
        """Everybody enrolled, sorted."""
        return sorted({template.subject for template in self.templates})

    def enrol(self, subject: str, embeddings: Sequence[Embedding], /, *, artefact: str) -> int:
        """Add templates of ``subject``, all or none; how many were new. One that the subject has already (SAME) is not added again.

        Raises InputError for an unusable name, SpaceMismatch, GalleryError.
        """
        if not embeddings:
            raise ValueError("expected at least one embedding, got none")
        if not subject.isprintable() or not subject.strip():
            raise InputError(f"expected a subject's name in printable letters, got {subject!r}; name the person")
        for embedding in embeddings:
            self._check_space(embedding)
        now = time.time()
        with self._transaction(write=True) as db:
            stored = db.execute("SELECT vector FROM template WHERE subject = ?", (subject,)).fetchall()
            known = [Embedding(np.frombuffer(vector, "<f4"), self.space) for (vector,) in stored]
            for embedding in embeddings:
                if all(embedding.distance(other) >= SAME for other in known):
                    known.append(embedding)
            rows = [(subject, embedding.vector.astype("<f4").tobytes(), artefact, now) for embedding in known[len(stored) :]]
            db.executemany("INSERT INTO template (subject, vector, artefact, enrolled_at) VALUES (?, ?, ?, ?)", rows)
        return len(rows)

    def remove(self, subject: str, /) -> int:
        """Remove every template of ``subject``; how many there were. Raises GalleryError when there was none."""
        with self._transaction(write=True) as db:
            count = db.execute("DELETE FROM template WHERE subject = ?", (subject,)).rowcount
        if not count:
            raise self._unknown(subject)
        return count

    def count(self, subject: str, /) -> int:
        """How many templates ``subject`` has. Raises GalleryError when there is none."""
        count = sum(template.subject == subject for template in self.templates)
        if not count:
            raise self._unknown(subject)
        return count

    def nearest(self, probe: Embedding, /, *, subject: str | None = None, distance: Distance = SQUARED_L2) -> Match:
        """The template nearest to ``probe`` by ``distance``, of everybody or of ``subject``. Raises GalleryError when there is none."""
        self._check_space(probe)
        mine = np.array([subject in (None, template.subject) for template in self.templates], np.bool_)
        if not mine.any():
            raise self._unknown(subject)
        distances = np.where(mine, np.clip(distance.table(probe.vector[None], self._matrix)[0], 0, 4), np.inf)
        best = int(np.argmin(distances))
        return Match(self.templates[best].subject, float(distances[best]))

    def _unknown(self, subject: str | None) -> GalleryError:
        if not self.templates:
            return GalleryError(f"{self.path}: expected somebody enrolled, got an empty gallery; enrol first: facelite enrol")
        return GalleryError(f"{self.path}: expected one of its {len(self.subjects)} subjects, got {subject!r}; see: facelite gallery list")

    def _check_space(self, embedding: Embedding) -> None:
        size = self._matrix.shape[1] if self.templates else len(embedding.vector)
        if (embedding.space, len(embedding.vector)) != (self.space, size):
            raise SpaceMismatch(
                f"{self.path}: expected embeddings of the space {self.space!r} ({size} numbers), got {embedding.space!r} "
                f"({len(embedding.vector)}); use the bundle that the gallery was made with, or enrol into a new gallery"
            )

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        """The database inside a transaction: all of the block is stored, or nothing. A failure closes the file."""
        try:
            if write and not self.path.exists():
                self.path.touch(0o600)  # SQLite gives its journal the same mode
            if self._db is None:
                self._db = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
            self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            if write:
                self._make(self._db)
            yield self._db
            self._db.execute("COMMIT")
            if write:
                self._load(self._db)
        except (sqlite3.OperationalError, OSError) as error:
            self.close()  # which rolls back
            raise GalleryError(
                f"{self.path}: expected to read and write it, got: {error}; see to its rights, the space left and other processes that write"
            ) from None
        except (sqlite3.Error, ValueError, TypeError) as error:
            self.close()
            raise GalleryError(f"{self.path}: expected a gallery, got: {error}; restore it from a copy or name another") from None
        except BaseException:
            self.close()
            raise

    def _make(self, db: sqlite3.Connection) -> None:
        """The tables in a file that has none yet, be it that another process made them a moment ago."""
        if not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO gallery VALUES (?, ?)", (FORMAT, self.space))
        self._check(db)

    def _check(self, db: sqlite3.Connection) -> None:
        """Refuse another format and another space."""
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'gallery'").fetchone():
            raise GalleryError(f"{self.path}: expected a gallery, got an empty file or another database; name a gallery, or a new file to enrol into")
        form, space = db.execute("SELECT format, space FROM gallery").fetchone()
        if form != FORMAT:
            raise GalleryError(f"{self.path}: expected a gallery of format {FORMAT}, got {form}; use the facelite that made it")
        if space != self.space:
            raise SpaceMismatch(
                f"{self.path}: expected a gallery of the space {self.space!r}, which the bundle has, got {space!r}; "
                "use the bundle that the gallery was made with, or enrol into a new gallery"
            )

    def _load(self, db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT subject, vector, artefact, enrolled_at FROM template ORDER BY id").fetchall()
        self._hold([Template(subject, Embedding(np.frombuffer(vector, "<f4"), self.space), artefact, at) for subject, vector, artefact, at in rows])

    def _hold(self, templates: list[Template]) -> None:
        """Keep ``templates`` and their vectors as one matrix (n, d). Raises ValueError where their sizes differ."""
        self._matrix: Floats = np.stack([template.embedding.vector for template in templates]) if templates else np.zeros((0, 0), np.float32)
        self.templates = templates
