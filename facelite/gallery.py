"""Templates of enrolled people in one SQLite file: enrol, remove, nearest.

All templates of a gallery lie in one embedding space. Writing is one transaction, so a kill leaves the old or the new state.
Templates are stored as plain numbers: whoever can read the file can compare faces against it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from facelite.errors import GalleryError, SpaceMismatch
from facelite.face import Embedding, Floats

FORMAT = 1

_SCHEMA = """
CREATE TABLE gallery (format INTEGER NOT NULL, space TEXT NOT NULL);
CREATE TABLE template (
    id INTEGER PRIMARY KEY, subject TEXT NOT NULL, vector BLOB NOT NULL, artefact TEXT NOT NULL, enrolled_at REAL NOT NULL);
CREATE INDEX template_subject ON template (subject);
"""


@dataclass(frozen=True, slots=True)
class Template:
    """One stored embedding of ``subject``; ``artefact`` is the sha256 of the embedder that made it; time in seconds since 1970."""

    subject: str
    embedding: Embedding
    artefact: str
    enrolled_at: float


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest subject and the squared L2 distance of its nearest template."""

    subject: str
    distance: float


class Gallery:
    """An open gallery file; a context manager. Its templates are also held in memory as one matrix."""

    def __init__(self, path: str | Path, /, *, space: str, create: bool = False) -> None:
        """Open the gallery at ``path``, or make it when ``create``. Raises GalleryError, SpaceMismatch."""
        self.path, self.space = Path(path), space
        if not self.path.exists() and not create:
            raise GalleryError(f"{path}: expected a gallery, found none; make one: facelite enrol --gallery {path} SUBJECT PICTURE")
        try:
            self._db = sqlite3.connect(self.path)
            self._begin()
            self._load()
        except sqlite3.Error as error:
            raise GalleryError(f"{path}: expected a gallery, got: {error}; restore it from a copy or enrol anew") from None

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    @property
    def subjects(self) -> list[str]:
        """Everybody enrolled, sorted."""
        return sorted({template.subject for template in self.templates})

    def enrol(self, subject: str, embeddings: Sequence[Embedding], /, *, artefact: str) -> None:
        """Add templates of ``subject``, all or none. Raises SpaceMismatch, ValueError for an empty name or no embedding."""
        if not subject.strip() or not embeddings:
            raise ValueError(f"expected a subject's name and at least one embedding, got {subject!r} and {len(embeddings)}")
        for embedding in embeddings:
            self._check_space(embedding.space)
        now = time.time()
        rows = [(subject, embedding.vector.astype("<f4").tobytes(), artefact, now) for embedding in embeddings]
        with self._writing() as db:
            db.executemany("INSERT INTO template (subject, vector, artefact, enrolled_at) VALUES (?, ?, ?, ?)", rows)
        self._load()

    def remove(self, subject: str, /) -> int:
        """Remove every template of ``subject``; how many there were. Raises GalleryError when there was none."""
        with self._writing() as db:
            count = db.execute("DELETE FROM template WHERE subject = ?", (subject,)).rowcount
        if not count:
            raise GalleryError(f"{self.path}: expected one of the subjects {', '.join(self.subjects) or '(none)'}, got {subject!r}")
        self._load()
        return count

    def nearest(self, probe: Embedding, /, *, subject: str | None = None) -> Match:
        """The template nearest to ``probe``, of everybody or of ``subject``. Raises GalleryError when there is none."""
        self._check_space(probe.space)
        if subject is not None and subject not in self.subjects:
            raise GalleryError(f"{self.path}: expected one of the subjects {', '.join(self.subjects) or '(none)'}, got {subject!r}")
        if not self.templates:
            raise GalleryError(f"{self.path}: expected somebody enrolled, found an empty gallery; enrol first")
        distances = np.clip(2 - 2 * self._matrix @ probe.vector, 0, 4)
        if subject is not None:
            distances[[template.subject != subject for template in self.templates]] = np.inf
        best = int(np.argmin(distances))
        return Match(self.templates[best].subject, float(distances[best]))

    def _check_space(self, space: str) -> None:
        if space != self.space:
            raise SpaceMismatch(f"{self.path}: expected embeddings of the space {self.space!r}, got {space!r}; "
                                "use the bundle that the gallery was made with, or enrol into a new gallery")

    def _begin(self) -> None:
        """Make the tables in a new file; in an old one check format and space."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'gallery'").fetchone():
            if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise GalleryError(f"{self.path}: expected a gallery, got another database; name a new file")
            with self._writing() as db:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    db.execute(statement)
                db.execute("INSERT INTO gallery VALUES (?, ?)", (FORMAT, self.space))
        form, space = self._db.execute("SELECT format, space FROM gallery").fetchone()
        if form != FORMAT:
            raise GalleryError(f"{self.path}: expected format {FORMAT}, got {form}; use the facelite that made the gallery")
        if space != self.space:
            raise SpaceMismatch(f"{self.path}: expected a gallery of the space {self.space!r}, which the bundle has, got {space!r}; "
                                "use the bundle that the gallery was made with, or enrol into a new gallery")

    def _writing(self) -> sqlite3.Connection:
        """The database inside a transaction that ends with the ``with`` block."""
        self._db.isolation_level = None
        self._db.execute("BEGIN IMMEDIATE")
        return self._db

    def _load(self) -> None:
        with closing(self._db.execute("SELECT subject, vector, artefact, enrolled_at FROM template ORDER BY id")) as rows:
            self.templates = [
                Template(subject, Embedding(np.frombuffer(vector, "<f4"), self.space), artefact, at) for subject, vector, artefact, at in rows
            ]
        vectors = [template.embedding.vector for template in self.templates]
        self._matrix: Floats = np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)
