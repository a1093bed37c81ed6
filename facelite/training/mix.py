"""Faces that nobody has: two pictures, each a little warped, as one.

A network that learns a teacher's embeddings needs faces, not names, and there are more mixtures than people. They are aligned crops in a folder,
an unlabelled set as any other; the teacher that trains by them says what they are.
Sources: mixup, Zhang et al., arXiv:1710.09412; that a teacher is to see the very pictures, and many of them, Beyer et al., arXiv:2106.05237.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from facelite.atomic import write_atomically
from facelite.errors import InputError
from facelite.face import Floats, Pixels
from facelite.split import is_held_out
from facelite.training.align import write_crop
from facelite.training.dataset import FaceSet
from facelite.training.geometry import claim_geometry

NOTE = "mix.json"
"""In the folder of the mixtures: by which seed and of which pictures they are."""

FOLDER = 500
"""Mixtures in one folder, which is nobody's."""

TOGETHER = 2000
"""Mixtures between two calls of ``progress``."""

WARP = 0.02
"""Largest standard deviation of a place's shift, as a share of the face."""


def mix(one: Pixels, other: Pixels, /, *, face: int, rng: np.random.Generator) -> Pixels:
    """Two crops (s, s, 3) of a ``face`` of so many pixels as one: blended, or each in places of its own with soft borders; both warped before."""
    one, other = (_warp(crop, rng.uniform(0, WARP * face), rng) for crop in (one, other[:, ::-1] if rng.random() < 0.5 else other))
    share = np.full((1, 1, 1), rng.uniform(0.15, 0.5)) if rng.random() < 0.5 else _places(len(one), rng)
    mixed: Pixels = np.rint(one * (1 - share) + other * share).astype(np.uint8)
    return mixed


def _warp(crop: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """``crop`` with its places moved by a smooth field of 3 to 6 knots a side, of so many pixels: another shape of face."""
    side, knots = len(crop), int(rng.integers(3, 7))
    field = cv2.resize(rng.standard_normal((knots, knots, 2)), (side, side), interpolation=cv2.INTER_CUBIC) * deviation
    rows, columns = np.indices((side, side))
    across, down = (columns + field[..., 0]).astype(np.float32), (rows + field[..., 1]).astype(np.float32)
    return cv2.remap(crop, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _places(side: int, rng: np.random.Generator) -> Floats:
    """Shares (side, side, 1) near 0 and near 1 in patches of a half to a quarter of the side."""
    knots = int(rng.integers(2, 5))
    field = cv2.resize(rng.standard_normal((knots, knots)), (side, side), interpolation=cv2.INTER_CUBIC) + rng.uniform(-0.5, 0.5)
    return (1 / (1 + np.exp(-4 * field)))[..., None]  # type: ignore[no-any-return]


def write_mixtures(
    faces: FaceSet,
    out: str | Path,
    /,
    *,
    pictures: int,
    seed: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write so many mixtures of ``faces``, none of whom may be held out, into the folder ``out``; the number that is new.

    An interrupted run goes on where it stopped, a larger number adds to a smaller one. Raises InputError where ``out`` holds other files, crops
    of another geometry, or mixtures by another seed or of other pictures.
    """
    out = Path(out)
    _claim(out, faces, seed)
    new = 0
    with ThreadPoolExecutor() as pool:
        for start in range(0, pictures, TOGETHER):
            progress(start, pictures)
            new += sum(pool.map(lambda number: _write(faces, out, seed, number), range(start, min(start + TOGETHER, pictures))))
    progress(pictures, pictures)
    return new


def is_mixed(folder: str | Path, /) -> bool:
    """Whether the ``folder`` holds mixtures."""
    return (Path(folder) / NOTE).exists()


def _claim(out: Path, faces: FaceSet, seed: int) -> None:
    names = hashlib.sha256("\n".join(faces.names).encode("utf-8", "surrogateescape")).hexdigest()
    note = json.dumps({"seed": seed, "pictures": len(faces), "names_sha256": names})
    if is_mixed(out):
        if (before := (out / NOTE).read_text()) != note:
            raise InputError(f"{out}: expected mixtures of the same pictures by the same seed, {note}, got {before}; name another folder")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: expected a new folder or one of mixtures, got one with other files in it; name another folder")
    write_atomically(out / NOTE, note.encode())
    claim_geometry(out, faces.geometry)


def _write(faces: FaceSet, out: Path, seed: int, number: int) -> bool:
    """Write the mixture of this number, if it is not there."""
    path = out / _place(seed, number)
    if path.exists():
        return False
    rng = np.random.default_rng([seed, number])
    one, other = faces.pixels[rng.choice(len(faces), 2, replace=False)]
    write_crop(path, mix(one, other, face=faces.geometry.face, rng=rng))
    return True


def _place(seed: int, number: int) -> str:
    """Folder and file of a mixture; the folder's name is none of those that are held out."""
    folder = f"mix{seed}-{number // FOLDER:04}"
    while is_held_out(folder):
        folder += "-"
    return f"{folder}/{number:06}.jpg"
