"""Who was not recognised, kept for some hours, encrypted: embeddings and one small picture, for the administrator to name or discard.

A row of the SQLite file is sealed as nonce (12) · ciphertext · tag (16), AES-256-GCM, by a key that HKDF-SHA256 makes of the keyring's with the
file's identity as salt. What goes is overwritten in the file; of its ciphertext SQLite's journal, which is then unlinked, has a copy for a moment.
"""

from __future__ import annotations

import json
import os
import sqlite3
from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from facelite.errors import InputError
from facelite.face import Embedding
from facelite.gallery import Keyring
from facelite.kiosk.config import StrangersConfig
from facelite.runtime.look import Look

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS file (identity BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS stranger (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, artefact TEXT NOT NULL, sealed BLOB NOT NULL)",
)

NONCE_BYTES, IDENTITY_BYTES = 12, 16

LOOKS = 5
"""Of one stranger, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Stranger:
    """Somebody who was not recognised, first ``at``, in seconds since 1970. ``picture``: the aligned crop with the most ``clarity``, a JPEG."""

    at: float
    embeddings: tuple[Embedding, ...] = ()
    clarity: float = -1.0
    picture: bytes = b""

    def seen(self, look: Look, /) -> Stranger:
        """With one ``look`` more, of which there must be an embedding and a crop."""
        if not look.embedding or not look.crop:
            raise ValueError("expected a look with an embedding and a crop, got one without")
        clarity = (look.quality and look.quality.clarity) or 0.0
        more = replace(self, embeddings=(*self.embeddings, look.embedding))
        if clarity <= self.clarity:
            return more
        crop = cv2.cvtColor(look.crop.pixels, cv2.COLOR_RGB2BGR)
        return replace(more, clarity=clarity, picture=cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())

    @property
    def looks(self) -> list[Look]:
        """What can be enrolled of them."""
        return [Look(embedding=embedding) for embedding in self.embeddings]


class Strangers:
    """The strangers in the ``config``'s file, which is made, readable by its owner alone, where there is none.

    Of those whom another embedder saw nothing is told: nothing can be compared with them any more. Raises InputError where the file is something
    else or cannot be written, GalleryError where there is no key.
    """

    def __init__(self, config: StrangersConfig, /, *, space: str, artefact: str, keyring: Keyring) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self._config, self._space, self._artefact = config, space, artefact
        self._about = f"facelite strangers 1\0{space}\0{artefact}".encode()
        path, key = Path(config.file), keyring.key(create=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            self._rows = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            self._rows.execute("PRAGMA journal_mode = DELETE")  # a write-ahead log would keep what is deleted
            self._rows.execute("PRAGMA secure_delete = ON")
            for statement in SCHEMA:
                self._rows.execute(statement)
            self._rows.execute("INSERT INTO file SELECT ? WHERE NOT EXISTS (SELECT * FROM file)", (os.urandom(IDENTITY_BYTES),))
            identity = self._rows.execute("SELECT identity FROM file").fetchone()[0]
            self._cipher = AESGCM(HKDF(SHA256(), length=32, salt=identity, info=b"facelite strangers").derive(key))
        except (OSError, sqlite3.Error, TypeError) as error:
            raise InputError(f"{path}: expected a file of strangers that can be written, got {error}; name another, or see to its rights") from None

    def keep(self, look: Look, at: float, /, *, number: int | None = None) -> int:
        """Keep the ``look``, as one more of the stranger ``number`` while that one is there; the stranger's number.

        Raises sqlite3.Error where it cannot be kept, InputError where the row was edited.
        """
        row = self._rows.execute("SELECT at, sealed FROM stranger WHERE number = ?", (number,)).fetchone() if number else None
        if number is None or row is None:
            values = (at, self._artefact, self._closed(Stranger(at).seen(look)))
            number = self._rows.execute("INSERT INTO stranger (at, artefact, sealed) VALUES (?, ?, ?)", values).lastrowid or 0
            too_many = "DELETE FROM stranger WHERE number NOT IN (SELECT number FROM stranger ORDER BY number DESC LIMIT ?)"
            self._rows.execute(too_many, (self._config.most,))
        elif len((stranger := self._opened(number, *row)).embeddings) < LOOKS:
            self._rows.execute("UPDATE stranger SET sealed = ? WHERE number = ?", (self._closed(stranger.seen(look)), number))
        return number

    def all(self, at: float, /, *, latest: int = -1) -> dict[int, Stranger]:
        """Who is kept at that time, by number, the ``latest`` first (-1: all); whose hours are over are removed.

        Raises InputError where a row was edited.
        """
        self.prune(at)
        wanted = "SELECT number, at, sealed FROM stranger WHERE artefact = ? ORDER BY number DESC LIMIT ?"
        rows = self._rows.execute(wanted, (self._artefact, latest)).fetchall()
        return {number: self._opened(number, seen, sealed) for number, seen, sealed in rows}

    def discard(self, *numbers: int) -> int:
        """Remove these; how many there were."""
        return sum(self._rows.execute("DELETE FROM stranger WHERE number = ?", (number,)).rowcount for number in numbers)

    def clear(self) -> int:
        """Remove all, those too that were edited; how many there were."""
        return self._rows.execute("DELETE FROM stranger").rowcount

    def prune(self, at: float, /) -> int:
        """Remove whose hours are over at that time, in seconds since 1970, and whom a clock that was wrong has put as far ahead; how many."""
        seconds = 3600 * self._config.hours
        return self._rows.execute("DELETE FROM stranger WHERE at NOT BETWEEN ? AND ?", (at - seconds, at + seconds)).rowcount

    def drop_foreign(self) -> int:
        """Remove whom another embedder saw; how many."""
        return self._rows.execute("DELETE FROM stranger WHERE artefact != ?", (self._artefact,)).rowcount

    def close(self) -> None:
        self._rows.close()

    def _closed(self, stranger: Stranger) -> bytes:
        vectors = [one.vector.tolist() for one in stranger.embeddings]
        data = json.dumps([stranger.at, vectors, stranger.clarity, b64encode(stranger.picture).decode()]).encode()
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, self._about)

    def _opened(self, number: int, at: float, sealed: bytes) -> Stranger:
        from cryptography.exceptions import InvalidTag

        try:
            kept, vectors, clarity, picture = json.loads(self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._about))
            if kept != at:
                raise ValueError
        except (InvalidTag, ValueError, TypeError):
            raise InputError(
                f"{self._config.file}: expected stranger {number} as the kiosk kept them, got an edited row or one of another key; "
                "discard them: facelite strangers discard CONFIG --all"
            ) from None
        return Stranger(kept, tuple(Embedding(vector, self._space) for vector in vectors), clarity, b64decode(picture))
