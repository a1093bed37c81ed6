"""What opens galleries and lies apart from them: one key, and the last change of each gallery.

So a stolen gallery is read by nobody, and an older copy that takes its place is noticed.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from facelite.errors import GalleryError

KEY_BYTES = 32
"""AES-256."""

WAIT = 10.0
"""Seconds to wait for another process that is writing."""

COMMAND_SECONDS = 30.0
"""Seconds that the command of the key may take."""


class Last(NamedTuple):
    """The last change of a gallery: how many there were, and the MAC that the gallery then had, which tells two of one number apart."""

    generation: int
    mac: bytes


NEVER = Last(0, b"")


class Keyring:
    """A folder: ``key``, which the first enrolment makes, and ``generations.db``. None: FACELITE_KEYRING, else facelite/ in the user's configuration.

    The key is 64 hex digits: FACELITE_KEY, else what the command FACELITE_KEY_COMMAND prints, else the file, which nobody but its
    owner may have rights to.
    """

    def __init__(self, folder: str | Path | None = None, /) -> None:
        self.folder = Path(folder or os.environ.get("FACELITE_KEYRING") or _configuration() / "facelite")
        self._file, self._generations = self.folder / "key", self.folder / "generations.db"

    def key(self, *, create: bool = False) -> bytes:
        """The key, (32,) bytes; ``create``: one is made where there is no file. Raises GalleryError."""
        if text := os.environ.get("FACELITE_KEY"):
            return _key(text, "FACELITE_KEY")
        if command := os.environ.get("FACELITE_KEY_COMMAND", "").strip():
            return _key(_output(command), "what FACELITE_KEY_COMMAND prints")
        try:
            if create and not self._file.exists():
                self._make_key()
            if (mode := self._file.stat().st_mode & 0o777) & 0o077:
                raise GalleryError(f"{self._file}: expected a key that its owner alone may read, got the mode {mode:o}; chmod 600 {self._file}")
            return _key(self._file.read_text(errors="replace"), str(self._file))
        except FileNotFoundError:
            raise GalleryError(
                f"{self._file}: expected the key that the gallery was made with, found none; name its folder in FACELITE_KEYRING or with --keyring"
            ) from None
        except OSError as error:
            raise GalleryError(f"{self._file}: expected to read or make the key, got: {error.strerror or error}; see to its rights") from None

    def last(self, gallery: bytes, /) -> Last:
        """The last change of the ``gallery`` of that identity; that before the first where none is known. Raises GalleryError."""
        if not self._generations.exists():
            return NEVER
        with self._connected() as db:
            made = db.execute("SELECT 1 FROM sqlite_master").fetchone()  # a kill may have left an empty file
            return _last(db, gallery) if made else NEVER

    @contextmanager
    def writing(self) -> Iterator[Pen]:
        """The right to write galleries, of one process at a time. Raises GalleryError."""
        self._make_generations()
        with self._connected() as db:
            db.execute("BEGIN IMMEDIATE")
            yield Pen(db)
            db.execute("COMMIT")

    def _make_generations(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._generations.exists():
                self._generations.touch(0o600)
        except OSError as error:
            raise GalleryError(f"{self.folder}: expected to make a keyring, got: {error.strerror or error}; see to its rights") from None
        with self._connected() as db:
            db.execute("CREATE TABLE IF NOT EXISTS generation (gallery BLOB PRIMARY KEY, number INTEGER NOT NULL, mac BLOB NOT NULL) WITHOUT ROWID")

    def _make_key(self) -> None:
        """A whole file or none, whenever the process is killed; another process may be quicker."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.folder / f".key.{os.getpid()}"
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(os.urandom(KEY_BYTES).hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(unfinished, self._file)
        except FileExistsError:
            pass
        finally:
            unfinished.unlink(missing_ok=True)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._generations, timeout=WAIT, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = EXTRA")
                yield db
        except sqlite3.Error as error:
            raise GalleryError(
                f"{self._generations}: expected to read and write the generations, got: {error}; see to its rights and the space left"
            ) from None


class Pen:
    """The generations while nobody else may write."""

    def __init__(self, db: sqlite3.Connection, /) -> None:
        self._db = db

    def last(self, gallery: bytes, /) -> Last:
        """As ``Keyring.last``."""
        return _last(self._db, gallery)

    def note(self, gallery: bytes, last: Last, /) -> None:
        """The last change of the ``gallery``; an earlier one is forgotten, a later one kept."""
        statement = "INSERT INTO generation VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number, mac = excluded.mac"
        self._db.execute(f"{statement} WHERE excluded.number > number", (gallery, *last))


def _last(db: sqlite3.Connection, gallery: bytes) -> Last:
    found = db.execute("SELECT number, mac FROM generation WHERE gallery = ?", (gallery,)).fetchone()
    if found and [type(value) for value in found] != [int, bytes]:
        raise sqlite3.DatabaseError("another kind of value than facelite writes")
    return Last(*found) if found else NEVER


def _configuration() -> Path:
    """The user's, by the XDG base directory specification."""
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError:
        raise GalleryError("expected a home folder for the keyring, found none; name a folder in FACELITE_KEYRING or with --keyring") from None


def _key(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise GalleryError(
            f"{where}: expected a key of {2 * KEY_BYTES} hex digits, got something else; restore the key that the galleries were made with"
        )
    return key


def _output(command: str) -> str:
    try:
        return subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, timeout=COMMAND_SECONDS).stdout
    except (OSError, ValueError, subprocess.SubprocessError) as error:  # whose own words have the whole command in them, which may hold a secret
        got = getattr(error, "strerror", None) or (f"exit status {error.returncode}" if isinstance(error, subprocess.CalledProcessError) else "")
        got = got or (f"no end within {COMMAND_SECONDS:g} s" if isinstance(error, subprocess.TimeoutExpired) else "one that cannot be read")
        raise GalleryError(f"FACELITE_KEY_COMMAND: expected a command that prints the key, got: {got}; try it in a shell") from None
