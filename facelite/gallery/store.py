"""The gallery's file: sealed templates in SQLite. Each change is one transaction, and nothing is believed that the keyring does not bear out.

A change commits the file first, and is noted in the keyring behind it. So a file that is one change ahead is what a kill between the two leaves, and
is accepted; an earlier one was put back, and is not, nor is another one of the same number.

The file uses SQLite's rollback journal and not its write-ahead log: a gallery is read once and seldom written, a log cannot be read on a
read-only medium, and a removed template would stay in it until the next checkpoint.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from facelite.errors import GalleryAltered, GalleryError, GalleryRolledBack, KeyMismatch, SpaceMismatch
from facelite.gallery.keyring import WAIT, Keyring, Last
from facelite.gallery.seal import FORMAT, IDENTITY_BYTES, Seal, Template, mark

_SCHEMA = (
    "CREATE TABLE gallery (format INTEGER NOT NULL, space TEXT NOT NULL, identity BLOB NOT NULL, proof BLOB NOT NULL,"
    " generation INTEGER NOT NULL, next INTEGER NOT NULL, templates INTEGER NOT NULL, mac BLOB NOT NULL)",
    "CREATE TABLE template (id INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
)

MOST_BYTES = 1 << 24
"""Of a value in the file, so that a damaged one does not fill the memory; a sealed template has a few thousand."""

TRIES = 5
"""Looks at a file that others write to all the while, before it is refused."""

_RESTORE = "put the latest copy back, or take this one for good: facelite gallery restore"
_UNALTERED = "put a copy back that nobody has altered (then: facelite gallery restore), or enrol into a new file"


class _Header(NamedTuple):
    """The row of the table ``gallery``, without its format."""

    space: str
    identity: bytes
    proof: bytes
    generation: int
    next: int
    templates: int
    mac: bytes


@dataclass(slots=True)
class Change:
    """``new`` templates, and the numbers of those that are to be ``gone``.

    ``before``: how many changes there were. ``fresh``: all templates by number as they were, if another process has written since the last look.
    """

    before: int = 0
    fresh: dict[int, Template] | None = None
    new: dict[int, Template] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    next: int = 1

    def add(self, template: Template, /) -> None:
        self.new[self.next] = template
        self.next += 1


@dataclass(frozen=True, slots=True)
class _State:
    """What the file held when this process last read or wrote it: ``marks`` of its templates by number, SQLite's ``version`` for this connection."""

    seal: Seal
    generation: int
    next: int
    marks: dict[int, bytes]
    mac: bytes
    version: int

    @property
    def last(self) -> Last:
        return Last(self.generation, self.mac)

    def follows(self, last: Last) -> int | None:
        """0 where this is the state after that change, 1 where one change more has been made; None for any other."""
        return 0 if self.last == last else 1 if self.generation == last.generation + 1 else None


class Store:
    """A gallery's file, open or still to be made. ``space`` None: whatever space it has."""

    def __init__(self, path: Path, /, *, space: str | None, create: bool, keyring: Keyring) -> None:
        self.path, self.space, self.keyring = path, space, keyring
        self._create, self._key, self._identity = create, b"", b""
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._state: _State | None = None
        self._opened: dict[int, tuple[int, Template]] = {}  # by number: the hash of what this connection has opened, and what it was

    @property
    def changes(self) -> int:
        """How many there were at the last look."""
        return self._state.generation if self._state else 0

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None

    def read(self) -> dict[int, Template] | None:
        """All templates by number; None where nobody else has written since the last look, which is cheap to find.

        One that is sealed as it was at the last look is not opened again, but the same object as then.

        Raises KeyMismatch, GalleryAltered, GalleryRolledBack, SpaceMismatch, GalleryError.
        """
        if self._is_current():
            return None
        for _ in range(TRIES):  # another process may write twice between the two
            with self._transaction("BEGIN") as db:
                if (header := self._header(db)) is None:
                    return {}
            self._key = self._key or self.keyring.key()  # a command may take its time: nobody is kept from writing
            last = self.keyring.last(header.identity)  # before the file, which is written first: no honest file is behind it
            with self._transaction("BEGIN") as db:
                if (header := self._header(db)) is None:
                    return {}
                templates, state = self._verified(db, header)
            if self._identity not in (b"", state.seal.identity):
                self.close()
                raise GalleryRolledBack(f"{self.path}: expected the gallery that was here, got another one in its place; put it back")
            if state.follows(last) is not None:
                self._state, self._identity, self._create = state, state.seal.identity, False
                return templates
        self.close()  # so that nothing is taken for current
        raise self._rolled_back(state, last)

    @contextmanager
    def writing(self) -> Iterator[Change]:
        """The block fills in a change of the latest state, which is then stored as a whole, or not at all. Raises what ``read`` does."""
        ahead, fresh = 1, None
        self._key = self._key or self.keyring.key(create=True)
        try:
            while ahead:  # what a kill has kept from the keyring is noted there first
                with self.keyring.writing() as pen:
                    with self._transaction("BEGIN IMMEDIATE") as db:
                        found, state = self._latest(db)
                        fresh, last = fresh if found is None else found, pen.last(state.seal.identity)
                        if (follows := state.follows(last)) is None:
                            raise self._rolled_back(state, last)
                        if not (ahead := follows):
                            change = Change(state.generation, fresh, next=state.next)
                            yield change
                            state = self._stored(db, state, change)
                    self._state = state
                    if state.generation:
                        self._identity, self._create = state.seal.identity, False
                        pen.note(state.seal.identity, state.last)
        except BaseException:
            self.close()  # be it stored or not, it is read anew
            raise

    def restore(self) -> None:
        """Take the file as it is, be it older than the keyring knows, for the latest; no other copy will then be. Raises what ``read`` does."""
        with self._transaction("BEGIN") as db:
            self._header(db)
        self._key = self.keyring.key()
        ahead = True
        while ahead:  # what a kill has kept from the keyring is noted there first, so that a kill here leaves one change, and not two
            with self.keyring.writing() as pen:
                with self._transaction("BEGIN IMMEDIATE") as db:
                    _, state = self._latest(db)
                    last = pen.last(state.seal.identity)
                    if not (ahead := state.follows(last) == 1):
                        newest = max(state.generation, last.generation)
                        state = self._stored(db, replace(state, generation=newest), Change(next=state.next), always=True)
                self._state = state
                pen.note(state.seal.identity, state.last)

    def _is_current(self) -> bool:
        """Whether the file is the one that was read, and nobody else has written since."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            if self._create:
                return True  # it is still to be made
            raise self._missing() from None
        except OSError:
            return False  # opening it says why
        if self._db is None or self._state is None or self._file != (found.st_dev, found.st_ino):
            self.close()
            return False
        with self._connection() as db:
            return _version(db) == self._state.version

    def _latest(self, db: sqlite3.Connection) -> tuple[dict[int, Template] | None, _State]:
        """The state inside a transaction that writes, and all templates if they had to be read; that of a new gallery where there is none yet."""
        if self._state and _version(db) == self._state.version:
            return None, self._state
        if (header := self._header(db)) is None:
            return None, _State(Seal(self._key, identity=os.urandom(IDENTITY_BYTES), space=str(self.space)), 0, 1, {}, b"", _version(db))
        return self._verified(db, header)

    def _header(self, db: sqlite3.Connection) -> _Header | None:
        """None in an empty file that may become a gallery. Refuses another format and another space."""
        schema = db.execute("SELECT type, name, sql FROM sqlite_master").fetchmany(1 + len(_SCHEMA))
        if not any(name == "gallery" for _, name, _ in schema):
            if self._create and not schema:
                return None
            raise GalleryError(f"{self.path}: expected a gallery, got an empty file or another database; name a gallery, or a new file to enrol into")
        if any(kind != "table" for kind, _, _ in schema):  # a view may compute for ever, a trigger write along
            raise GalleryAltered(f"{self.path}: expected a gallery as facelite writes it, got an edited one; {_UNALTERED}")
        if not (found := db.execute("SELECT format FROM gallery").fetchone()):
            raise GalleryAltered(f"{self.path}: expected a gallery as facelite writes it, got an empty table; {_UNALTERED}")
        if (form := found[0]) != FORMAT:
            raise GalleryError(
                f"{self.path}: expected a gallery of format {FORMAT}, got {form}; enrol into a new file, or use the facelite that made it"
            )
        header = _Header(*db.execute("SELECT space, identity, proof, generation, next, templates, mac FROM gallery").fetchone())
        if (
            {" ".join(str(sql).split()) for _, _, sql in schema} != set(_SCHEMA)  # other spaces are no other tables
            or [type(value) for value in header] != [str, bytes, bytes, int, int, int, bytes]
            or min(header.generation, header.next) < 1
        ):
            raise GalleryAltered(f"{self.path}: expected a gallery as facelite writes it, got an edited one; {_UNALTERED}")
        if self.space not in (None, header.space):
            raise SpaceMismatch(
                f"{self.path}: expected a gallery of the space {self.space!r}, which the bundle has, got {header.space!r}; "
                "use the bundle that the gallery was made with, or enrol into a new gallery"
            )
        return header

    def _verified(self, db: sqlite3.Connection, header: _Header) -> tuple[dict[int, Template], _State]:
        """All templates by number, each as it was enrolled, and none too few or too many."""
        seal = Seal(self._key, identity=header.identity, space=header.space)
        if not hmac.compare_digest(seal.proof, header.proof):
            raise KeyMismatch(f"{self.path}: expected the key that the gallery was made with, got another; see to the keyring, {self.keyring.folder}")
        opened: dict[int, tuple[int, Template]] = {}
        marks: dict[int, bytes] = {}
        for number, sealed in db.execute("SELECT id, sealed FROM template ORDER BY id"):
            try:
                if (type(number), type(sealed)) != (int, bytes) or number <= next(reversed(opened), 0):  # SQLite keeps to no types
                    raise ValueError
                before, now = self._opened.get(number), hash(sealed)
                opened[number] = before if before and before[0] == now else (now, seal.open(number, sealed))
                marks[number] = mark(sealed)
            except ValueError:
                raise GalleryAltered(f"{self.path}: expected template {number} as it was enrolled, got an edited one; {_UNALTERED}") from None
        mac = seal.mac(marks, generation=header.generation, next_number=header.next)
        if len(marks) != header.templates or not hmac.compare_digest(mac, header.mac):
            what = "one of them was replaced, or what is written about them edited"
            if len(marks) != header.templates:
                what = "some were removed" if len(marks) < header.templates else "some were put back"
            raise GalleryAltered(
                f"{self.path}: expected the {header.templates} template(s) of its last change, got {len(marks)}: {what}; {_UNALTERED}"
            )
        self.space, self._opened = header.space, opened
        templates = {number: template for number, (_, template) in opened.items()}
        return templates, _State(seal, header.generation, header.next, marks, header.mac, _version(db))

    def _stored(self, db: sqlite3.Connection, state: _State, change: Change, *, always: bool = False) -> _State:
        """The state after ``change``, written into the transaction; an empty change writes nothing, unless ``always``."""
        if not (change.new or change.gone or always):
            return state
        if not state.generation:
            for statement in _SCHEMA:
                db.execute(statement)
        for number in change.gone:
            self._opened.pop(number, None)
        sealed = {number: state.seal.close(number, template) for number, template in change.new.items()}
        db.executemany("DELETE FROM template WHERE id = ?", [(number,) for number in change.gone])
        db.executemany("INSERT INTO template VALUES (?, ?)", sealed.items())
        marks = {number: one for number, one in state.marks.items() if number not in change.gone}
        marks |= {number: mark(one) for number, one in sealed.items()}
        generation, seal = state.generation + 1, state.seal
        mac = seal.mac(marks, generation=generation, next_number=change.next)
        header = _Header(seal.space, seal.identity, seal.proof, generation, change.next, len(marks), mac)
        db.execute("DELETE FROM gallery")
        db.execute("INSERT INTO gallery VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (FORMAT, *header))
        return _State(seal, generation, change.next, marks, mac, state.version)

    def _missing(self) -> GalleryError:
        return GalleryError(f"{self.path}: expected a gallery, found none; make one: facelite enrol --gallery {self.path} SUBJECT PICTURE")

    def _rolled_back(self, state: _State, last: Last) -> GalleryRolledBack:
        which = "another one" if state.generation == last.generation else "an earlier one" if state.generation < last.generation else "a later one"
        return GalleryRolledBack(
            f"{self.path}: expected the state after {last.generation} change(s), the last that the keyring {self.keyring.folder} knows of, "
            f"got {which}, after {state.generation}; {_RESTORE}"
        )

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        """All of the block is stored, or nothing. A failure closes the file, which rolls back."""
        with self._connection() as db:
            db.execute(begin)
            yield db
            db.execute("COMMIT")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """The open file. A failure closes it."""
        try:
            if self._db is None:
                if not self.path.exists():
                    if not self._create:
                        raise self._missing()
                    self.path.touch(0o600)  # SQLite gives its journal the same mode
                found = self.path.stat()  # before it is opened: a file that comes between the two is looked at anew
                self._file, self._state, self._opened = (found.st_dev, found.st_ino), None, {}
                self._db = sqlite3.connect(self.path.absolute(), timeout=WAIT, isolation_level=None)
                self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
                self._db.execute("PRAGMA secure_delete = ON")
                self._db.execute("PRAGMA synchronous = EXTRA")
            yield self._db
        except (sqlite3.OperationalError, OSError) as error:
            self.close()
            raise GalleryError(
                f"{self.path}: expected to read and write it, got: {error}; see to its rights, the space left and other processes that write"
            ) from None
        except (sqlite3.Error, UnicodeError) as error:  # SQLite quotes what it found
            self.close()
            raise GalleryError(f"{self.path}: expected a gallery, got: {error}; restore it from a copy or name another") from None
        except BaseException:
            self.close()
            raise


def _version(db: sqlite3.Connection) -> int:
    """Another number after each change of the file by anybody else."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])
