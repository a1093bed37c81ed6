"""Faces that nobody has: two people's crops, each a little warped, as one picture, and what a teacher makes of it.

A student that learns a teacher's embeddings needs pictures, not names, and there are more mixtures than people. They are crops in a folder as
``align`` writes them, with a teacher's file that has the recipe's pictures too, so that a recipe takes them as one more unlabelled set.
Sources: mixup, Zhang et al., arXiv:1710.09412, and that a student is to see what the teacher sees, Beyer et al., arXiv:2106.05237.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from facelite.errors import InputError
from facelite.face import Floats, Pixels
from facelite.split import is_held_out
from facelite.training.align import write_crop
from facelite.training.dataset import UNKNOWN, FaceSet
from facelite.training.folder import write
from facelite.training.geometry import claim_geometry
from facelite.training.judging import unit_rows
from facelite.training.taught import Taught, pack_taught, read_taught

TEACHER = "teacher.npz"
"""In the folder of the mixtures: what was taught of these and of the recipe's pictures."""

TOGETHER = 2000
"""Mixtures between two writes of the teacher's file: what a kill can cost."""

FOLDER = 500
"""Mixtures in one folder, which is nobody's."""

WARP = 0.02
"""Largest standard deviation of a place's shift, as a share of the crop's face."""


def mix(one: Pixels, other: Pixels, /, *, face: int, rng: np.random.Generator) -> Pixels:
    """Two crops (s, s, 3) of a ``face`` of so many pixels as one: blended, or each in places of its own with soft borders; both warped before."""
    one, other = (_warp(crop, rng.uniform(0, WARP * face), rng) for crop in (one, other[:, ::-1] if rng.random() < 0.5 else other))
    share = np.full((1, 1, 1), rng.uniform(0.15, 0.5)) if rng.random() < 0.5 else _places(len(one), rng)
    mixed: Pixels = np.rint(one * (1 - share) + other * share).astype(np.uint8)
    return mixed


def _warp(crop: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    """``crop`` with its places moved by a smooth field of 3 to 6 waves a side: another shape of face."""
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
    teach: Callable[[FaceSet], Floats],
    known: Taught,
    pictures: int,
    seed: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write so many mixtures of ``faces``, none of whom may be held out, into ``out``, and into its TEACHER what ``teach`` makes of them, behind
    what is ``known``; the number that is new.

    Where ``known`` has a projection, what ``teach`` gives goes through it. An interrupted run goes on where it stopped. Raises InputError for a
    teacher of another size than the known one's, for crops of another geometry in ``out``, and for mixtures of another seed.
    """
    out = Path(out)
    claim_geometry(out, faces.geometry)
    known, done = _begun(out, known, seed)
    for start in range(done, pictures, TOGETHER):
        progress(start, pictures)
        some = range(start, min(start + TOGETHER, pictures))
        with ThreadPoolExecutor() as pool:
            pixels = np.stack(list(pool.map(lambda number: _write(faces, out, seed, number), some)))
        names = [f"{out.name}/{_place(seed, number)}" for number in some]
        nobody = np.full(len(some), UNKNOWN)
        mixed = FaceSet(pixels, names, nobody, nobody, np.zeros((len(some), 1), np.float32), np.zeros(len(some), np.bool_), faces.geometry)
        known = known.joined(names, _projected(teach(mixed), known))
        write(out / TEACHER, pack_taught(known))
    progress(pictures, pictures)
    return max(0, pictures - done)


def _begun(out: Path, known: Taught, seed: int) -> tuple[Taught, int]:
    """What is ``known`` with the mixtures that an earlier run has made, and how many those are."""
    if not (out / TEACHER).exists():
        return known, 0
    before = read_taught(out / TEACHER)
    own = [i for i, name in enumerate(before.names) if name.startswith(f"{out.name}/")]
    if own and before.names[own[0]] != f"{out.name}/{_place(seed, 0)}":
        raise InputError(f"{out}: expected mixtures of seed {seed}, got {before.names[own[0]]}; name that seed, or another folder")
    return known.joined([before.names[i] for i in own], before.embeddings[own]), len(own)


def _projected(vectors: Floats, known: Taught) -> Floats:
    """The teacher's ``vectors`` as the numbers that the recipe's pictures have."""
    if known.projection is not None and vectors.shape[1] == len(known.projection):
        vectors = unit_rows(vectors @ known.projection)
    if vectors.shape[1:] != known.embeddings.shape[1:]:
        numbers = known.embeddings.shape[1]
        raise InputError(f"expected a teacher of {numbers} numbers, as the recipe's file has, got {vectors.shape[1]}; name that teacher")
    return vectors


def _write(faces: FaceSet, out: Path, seed: int, number: int) -> Pixels:
    """Write the mixture of this number, and give its crop."""
    rng = np.random.default_rng([seed, number])
    one, other = faces.pixels[rng.choice(len(faces), 2, replace=False)]
    mixed = mix(one, other, face=faces.geometry.face, rng=rng)
    write_crop(out / _place(seed, number), mixed)
    return mixed


def _place(seed: int, number: int) -> str:
    """Folder and file of a mixture; the folder's name is none of those that are held out."""
    folder = f"mix{seed}-{number // FOLDER:04}"
    while is_held_out(folder):
        folder += "-"
    return f"{folder}/{number:06}.jpg"
