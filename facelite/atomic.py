"""Writing a file whole or not at all, whenever the process is killed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path


def write_atomically(path: Path, data: bytes, /, *, mode: int = 0o666) -> None:
    """Replace ``path`` by ``data``; a reader sees the old file or the new one. Makes missing folders.

    ``mode``: the file's rights from its first byte on, less what the process's umask takes away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(unfinished, "wb", opener=partial(os.open, mode=mode)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
