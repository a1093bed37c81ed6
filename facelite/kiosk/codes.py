"""Secret numbers of people, kept as salted scrypt hashes: the second factor of subjects, and the administrator's."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path

from facelite.atomic import write_atomically
from facelite.errors import InputError

COST = {"n": 2**14, "r": 8, "p": 1}
"""Of scrypt: 16 MB and about 50 ms on a server's core, a third of a second on a Pi Zero 2."""

LEAST, LEAST_OF_ADMINISTRATOR = 4, 6
"""Digits or letters of a code: a subject's, which a face goes before, and the administrator's."""

ADMINISTRATOR = ""
"""In place of a subject's name, which is never empty: whose code lets enrol."""


class Codes:
    """The codes in ``file``, which need not exist yet. Raises InputError where it is something else."""

    def __init__(self, file: str | Path, /) -> None:
        self._path = Path(file)

    def set(self, subject: str, code: str, /) -> None:
        """Give ``subject`` this ``code`` in place of any before. Raises InputError for one that is too short."""
        least = LEAST_OF_ADMINISTRATOR if subject == ADMINISTRATOR else LEAST
        if len(code) < least or not code.isalnum() or not code.isascii():
            raise InputError(f"expected a code of {least} or more digits or letters, got {len(code)} characters; choose another")
        salt = os.urandom(16)
        self._write(self._read() | {subject: [salt.hex(), _hash(code, salt)]})

    def remove(self, subject: str, /) -> None:
        self._write({name: hashed for name, hashed in self._read().items() if name != subject})

    def has(self, subject: str, /) -> bool:
        return subject in self._read()

    def right(self, subject: str, code: str, /) -> bool:
        """Whether it is the code of ``subject``; never where there is none."""
        if not (code.isalnum() and code.isascii()):
            return False
        salt, hashed = self._read().get(subject) or (os.urandom(16).hex(), "")
        return hmac.compare_digest(_hash(code, bytes.fromhex(salt)), hashed)

    def _read(self) -> dict[str, list[str]]:
        try:
            codes = json.loads(self._path.read_text(encoding="utf-8"))
            if not all(isinstance(name, str) and len(one) == 2 and bytes.fromhex(one[0]) and isinstance(one[1], str) for name, one in codes.items()):
                raise ValueError("other values")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise InputError(f"{self._path}: expected a file of codes, got {error}; set them anew: facelite kiosk CONFIG --set-code") from None
        return dict(codes)

    def _write(self, codes: dict[str, list[str]]) -> None:
        write_atomically(self._path, json.dumps(codes, indent=1).encode(), mode=0o600)


def _hash(code: str, salt: bytes) -> str:
    return hashlib.scrypt(code.encode(), salt=salt, **COST).hex()
