"""Who came when, how near and what became of it: one SQLite file, without pictures and without embeddings, kept for so many days."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from facelite.errors import InputError
from facelite.kiosk.visits import Event, Kind

ENTRIES = """CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, subject TEXT, distance REAL, threshold REAL)"""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event at a time, in seconds since 1970."""

    at: float
    event: Event


class Log:
    """The log in ``file``, which is made, readable by its owner alone, where there is none.

    Raises InputError where it is no log or cannot be written.
    """

    def __init__(self, file: str | Path, /, *, days: float) -> None:
        self._days = days
        path = Path(file)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._rows = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            self._rows.execute("PRAGMA journal_mode = DELETE")  # a write-ahead log would keep what is deleted
            self._rows.execute("PRAGMA secure_delete = ON")
            self._rows.execute(ENTRIES)
            self.prune(time.time())
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"{file}: expected a log that can be written, got {error}; name another, or see to its rights") from None

    def add(self, event: Event, at: float, /) -> None:
        """Note ``event`` at that time, in seconds since 1970. Raises sqlite3.Error where it cannot be kept."""
        values = (at, event.kind.value, event.subject, event.distance, event.threshold)
        self._rows.execute("INSERT INTO entry (at, kind, subject, distance, threshold) VALUES (?, ?, ?, ?, ?)", values)

    def prune(self, at: float, /) -> int:
        """Remove what is older than the configured days; how many entries that were."""
        return self._rows.execute("DELETE FROM entry WHERE at < ?", (at - 86400 * self._days,)).rowcount

    def entries(self, latest: int = 100, /) -> list[Entry]:
        """The ``latest`` entries, the oldest of them first."""
        rows = self._rows.execute("SELECT at, kind, subject, distance, threshold FROM entry ORDER BY number DESC LIMIT ?", (latest,)).fetchall()
        return [Entry(at, Event(Kind(kind), subject, distance, threshold)) for at, kind, subject, distance, threshold in reversed(rows)]

    def remove(self, subject: str, /) -> int:
        """Forget who ``subject`` was, as a person may ask for; how many entries named them."""
        return self._rows.execute("DELETE FROM entry WHERE subject = ?", (subject,)).rowcount

    def close(self) -> None:
        self._rows.close()
