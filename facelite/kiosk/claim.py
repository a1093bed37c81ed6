"""One kiosk for one log: a lock that the system takes back when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from facelite.errors import FaceliteError


class Claim:
    """Held from the constructor to ``close``. Raises FaceliteError where another process holds it."""

    def __init__(self, log: str | Path, /) -> None:
        path = Path(f"{log}.lock")
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise FaceliteError(f"{path}: expected no other kiosk with this log, found one; stop it: systemctl stop facelite-kiosk") from None

    def close(self) -> None:
        os.close(self._file)


def claimed(log: str | Path, /) -> bool:
    """Whether a kiosk with this log is at work now."""
    try:
        Claim(log).close()
    except FaceliteError:
        return True
    except OSError:
        return False
    return False
