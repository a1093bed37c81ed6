"""Embeddings that were made before, so that a second look at the same pictures is instant.

One file for each road, that is for everything that decides an embedding beside the picture: embedder, detector, cropper, libraries.
Inside, pictures are known by the sha256 of their bytes. The files hold embeddings of people: they are readable by their owner alone.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from pathlib import Path

import numpy as np

from facelite.atomic import write_atomically
from facelite.face import Floats

SAVE_EVERY = 30.0
"""Seconds of work that a kill may cost."""


def default_folder() -> Path | None:
    """FACELITE_CACHE, else ``facelite`` in the user's cache folder; None for a user without a home."""
    if named := os.environ.get("FACELITE_CACHE"):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "facelite"
    except RuntimeError:
        return None


class Cache:
    """What is known of one road; ``folder`` None keeps nothing. Threads may share it: a dict's single operations are whole."""

    def __init__(self, folder: Path | None, road: str, /) -> None:
        self._path = folder / f"embeddings-{hashlib.sha256(road.encode()).hexdigest()[:32]}.npz" if folder else None
        self._known = self._read()
        self._kept, self._saved = len(self._known), time.monotonic()

    def get(self, picture: bytes, /) -> Floats | None:
        """The vector (d,) of the picture with this sha256, empty where it shows no face; None where that is not known."""
        return self._known.get(picture)

    def put(self, picture: bytes, vector: Floats, /) -> None:
        if self._path:
            self._known[picture] = vector

    def save(self, *, now: bool = False) -> None:
        """Write what was added, every SAVE_EVERY seconds or ``now``. A folder that cannot be written is no error: only time is lost."""
        if self._path is None or len(self._known) == self._kept or not (now or time.monotonic() - self._saved > SAVE_EVERY):
            return
        known, self._saved = dict(self._known), time.monotonic()
        size = max(len(vector) for vector in known.values())
        vectors = np.zeros((len(known), size), np.float32)
        for row, vector in zip(vectors, known.values(), strict=True):
            row[: len(vector)] = vector
        buffer = io.BytesIO()
        found = np.array([len(vector) > 0 for vector in known.values()])
        np.savez(buffer, pictures=np.frombuffer(b"".join(known), np.uint8).reshape(-1, 32), vectors=vectors, found=found)
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._path, buffer.getvalue(), mode=0o600)
        except OSError:
            return
        self._kept = len(known)

    def _read(self) -> dict[bytes, Floats]:
        if self._path is None:
            return {}
        try:
            with np.load(io.BytesIO(self._path.read_bytes())) as file:
                pictures, vectors, found = file["pictures"], np.asarray(file["vectors"], np.float32), file["found"]
                return {picture.tobytes(): vector[: len(vector) * one] for picture, vector, one in zip(pictures, vectors, found, strict=True)}
        except Exception:  # noqa: BLE001 - none yet, or damaged in whatever way: it is made again
            return {}
