"""What opens galleries and lies apart from them: one key, and of each gallery the generation that was last written.

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

from facelite.errors import GalleryError

KEY_BYTES = 32
"""AES-256."""

WAIT = 10.0
"""Seconds to wait for another process that is writing."""

COMMAND_SECONDS = 30.0
"""Seconds that the command of the key may take."""


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
        if command := os.environ.get("FACELITE_KEY_COMMAND"):
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

    def generations(self) -> dict[bytes, int]:
        """How often each gallery, by its identity, was written. Raises GalleryError."""
        if not self._generations.exists():
            return {}
        with self._connected() as db:
            made = db.execute("SELECT 1 FROM sqlite_master").fetchone()  # a kill may have left an empty file
            return dict(db.execute("SELECT gallery, number FROM generation")) if made else {}

    @contextmanager
    def writing(self, *, create: bool = False) -> Iterator[Pen]:
        """The right to write galleries, of one process at a time; ``create``: into a new keyring too. Raises GalleryError."""
        if create:
            self._make_generations()
        with self._connected() as db:
            db.execute("BEGIN IMMEDIATE")
            yield Pen(db)
            db.execute("COMMIT")

    def _make_generations(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._generations.touch(0o600)
        except OSError as error:
            raise GalleryError(f"{self.folder}: expected to make a keyring, got: {error.strerror or error}; see to its rights") from None
        with self._connected() as db:
            db.execute("CREATE TABLE IF NOT EXISTS generation (gallery BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID")

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

    def generation(self, gallery: bytes, /) -> int:
        """How often the ``gallery`` was written, 0 where that is not known."""
        found = self._db.execute("SELECT number FROM generation WHERE gallery = ?", (gallery,)).fetchone()
        return int(found[0]) if found else 0

    def note(self, gallery: bytes, generation: int, /) -> None:
        """The ``gallery`` was written so often at least."""
        self._db.execute(
            "INSERT INTO generation VALUES (?, ?) ON CONFLICT DO UPDATE SET number = max(number, excluded.number)", (gallery, generation)
        )


def _configuration() -> Path:
    """The user's, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


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
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise GalleryError(f"FACELITE_KEY_COMMAND: expected a command that prints the key, got: {error}; try it in a shell") from None
