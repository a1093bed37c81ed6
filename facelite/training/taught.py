"""A teacher's file (.npz): what it made of pictures. ``names`` "set/person/picture", ``embeddings`` (n, d) and perhaps ``projection`` (m, d),
by which the teacher's own m numbers became d.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from facelite.errors import InputError
from facelite.face import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """``embeddings`` (n, d) of the pictures of these ``names``; ``projection`` (m, d) or None."""

    names: list[str]
    embeddings: Floats
    projection: Floats | None = None


def read_taught(path: Path, /) -> Taught:
    """The teacher's file at ``path``. Raises InputError."""
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            known = [name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name) for name in file["names"]]
            embeddings, projection = file["embeddings"], file["projection"].astype(np.float32) if "projection" in file else None
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise InputError(f"{path}: expected a teacher file with names and embeddings, got {' '.join(str(error).split())}; write it again") from None
    if embeddings.ndim != 2 or len(embeddings) != len(known) or embeddings.dtype.kind != "f":
        raise InputError(f"{path}: expected embeddings ({len(known)}, d) for its names, got {embeddings.shape}; write it again")
    if projection is not None and projection.shape[1:] != embeddings.shape[1:]:
        raise InputError(f"{path}: expected a projection to {embeddings.shape[1]} numbers, got {projection.shape}; write it again")
    return Taught(known, embeddings, projection)


def pack_taught(taught: Taught, /) -> bytes:
    """The file, with the embeddings in half precision."""
    names = np.array([name.encode("utf-8", "surrogateescape") for name in taught.names])
    arrays: dict[str, Any] = {"names": names, "embeddings": taught.embeddings.astype(np.float16)}
    if taught.projection is not None:
        arrays["projection"] = taught.projection
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
