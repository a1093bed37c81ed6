"""Sets of labelled pictures to be cleaned: photographs, or the crops that were aligned from them, folders or tars -> their embeddings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from facelite.errors import InputError
from facelite.evaluation.crop import Cropper, DetectedFace, align_all
from facelite.evaluation.embed import Embedded, embed_pictures, missing_reason
from facelite.evaluation.findings import Labelled
from facelite.evaluation.judge import Model
from facelite.evaluation.limits import Limit
from facelite.face import FaceCrop, Floats, Outcome, Pixels
from facelite.image import decode_image
from facelite.preprocess import Preprocessing
from facelite.runtime.detector import Detector
from facelite.source import Read, check_people, open_source
from facelite.training.geometry import GEOMETRY, CropGeometry, read_geometry

Progress = Callable[[int, int], None]

COPIES, COPY_QUALITY, COPY_SHIFT, COPY_SHARE = 64, 50, 0.01, 0.95
"""So many of the pictures are shifted by this share of their sides, as a crop is that was aligned anew, and saved at this JPEG quality; within
the distance of this share of the copies, two pictures are one.

By the released int8 bundle on 572 photographs of 133 held-out people that was 0.19, on their aligned crops 0.18; both found the same five
pairs, each of them one photograph twice. Of 80 mirrored copies half lay farther away than 0.18: not all of those are found.
"""

ROUNDING = 1e-5
"""Equal pictures may lie so far apart: 2 - 2 <a, a> of 128 numbers in float32."""


@dataclass(frozen=True, slots=True)
class StoredCrop:
    """The face of an aligned crop, which lies where its geometry says."""

    geometry: CropGeometry

    def __call__(self, image: Pixels, detector: Detector, sizes: Sequence[Preprocessing], /) -> list[FaceCrop] | None:  # noqa: ARG002 - none is asked
        return align_all(image, self.geometry.landmarks if self.fits(image) else None, sizes)

    def fits(self, image: Pixels, /) -> bool:
        return image.shape[:2] == (self.geometry.side, self.geometry.side)


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """The pictures ``names`` (person/picture.jpg) in ``folder``, which ``read`` reads, and how the face is cut out of one."""

    folder: str
    names: list[str]
    read: Read
    crop: Cropper

    def picture(self, name: str, /) -> str:
        """The picture that is ``name`` among those of all sets."""
        return name.removeprefix(f"{self.folder}/")


@contextmanager
def open_sets(folders: Sequence[str], /) -> Iterator[list[PictureSet]]:
    """The sets in ``folders``, each a folder of people's folders, or a tar of one; a folder with align.json holds aligned crops.

    Raises InputError for a picture in no person's folder or deeper, and for a folder that is named twice.
    """
    paths = [Path(folder) for folder in folders]
    if twice := [str(path) for i, path in enumerate(paths) if path.resolve() in [other.resolve() for other in paths[:i]]]:
        raise InputError(f"{twice[0]}: expected each set once, got it twice; leave it out")
    with ExitStack() as stack:
        sets = []
        for path in paths:
            names, read = stack.enter_context(open_source(path))
            check_people(path, names)
            crop = StoredCrop(read_geometry(path)) if (path / GEOMETRY).exists() else DetectedFace()
            sets.append(PictureSet(path.as_posix(), names, read, crop))
        yield sets


def embed_sets(
    sets: Sequence[PictureSet],
    model: Model,
    /,
    *,
    one_numbering: bool = False,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Labelled:
    """The embeddings of all pictures. A person is a folder of a set, or with ``one_numbering`` the folder of this name in any set."""
    rows = [(i, name) for i, one in enumerate(sets) for name in one.names]
    vectors: list[Floats] = []
    reasons: dict[int, str] = {}
    for one in sets:
        done = sum(map(len, vectors))
        embedded = _embed(one, one.names, model, cache, workers, partial(_shifted, progress, done, len(rows)))
        vectors.append(embedded.vectors)
        reasons |= {done + k: _reason(one, one.names[k]) for k in np.flatnonzero(~embedded.found).tolist()}
    keys = [(0 if one_numbering else i, PurePosixPath(name).parent.as_posix()) for i, name in rows]
    people: dict[tuple[int, str], str] = {}
    for (i, _), key in zip(rows, keys, strict=True):
        people.setdefault(key, f"{sets[i].folder}/{key[1]}")
    place = {key: k for k, key in enumerate(people)}
    return Labelled(
        names=[f"{sets[i].folder}/{name}" for i, name in rows],
        vectors=_stacked(vectors),
        person=np.array([place[key] for key in keys]),
        source=np.array([i for i, _ in rows]),
        people=list(people.values()),
        numbering=np.array([numbering for numbering, _ in people]),
        reasons=reasons,
        decide=model.distance.name,
    )


def copy_limit(sets: Sequence[PictureSet], labelled: Labelled, model: Model, /, *, cache: Path | None = None, workers: int | None = None) -> Limit:
    """How far ``model`` takes a picture from its own copy: COPIES of the pictures with a face, evenly spread, are saved again and embedded."""
    found = np.flatnonzero(labelled.found)
    chosen = found[np.linspace(0, len(found) - 1, min(COPIES, len(found))).astype(int)]
    distances = []
    for i, one in enumerate(sets):
        part = chosen[labelled.source[chosen] == i]
        again = replace(one, read=partial(_saved_again, one.read))
        embedded = _embed(again, [one.picture(labelled.names[k]) for k in part], model, cache, workers)
        distances += [2 - 2 * float(a @ b) for a, b in zip(embedded.vectors, labelled.vectors[part], strict=True) if a.any()]
    distance = float(np.quantile(distances, COPY_SHARE)) if distances else 0.0
    return Limit(max(distance, ROUNDING), f"{COPY_SHARE:.0%} of copies, shifted by {COPY_SHIFT:.0%} and saved at JPEG quality {COPY_QUALITY}")


def _embed(
    one: PictureSet,
    names: Sequence[str],
    model: Model,
    cache: Path | None,
    workers: int | None,
    progress: Progress = lambda done, total: None,
) -> Embedded:
    def read(name: str) -> bytes:
        try:
            return one.read(name)
        except OSError:  # what cannot be read is no picture: _reason says why
            return b""

    if not names:
        return Embedded([], np.zeros((0, 1), np.float32), np.zeros(0, np.float32))
    (embedded,) = embed_pictures(
        names, read, detector=model.detector, embedders=[model.make], crop=one.crop, cache=cache, workers=workers, progress=progress
    )
    return embedded


def _reason(one: PictureSet, name: str) -> str:
    """Why a picture has no embedding."""
    try:
        reason = missing_reason(one.read(name))
    except OSError as error:
        return f"unreadable: expected to read it, got {error.strerror or error}; check the file and its rights"
    if isinstance(one.crop, StoredCrop) and reason == Outcome.NO_FACE.value:
        side = one.crop.geometry.side
        return f"unreadable: expected an aligned crop of {side} x {side} pixels, got another size; align again"
    return reason


def _stacked(vectors: Sequence[Floats]) -> Floats:
    """The vectors of all sets (n, d); one in which no face was found has no d of its own."""
    size = max(part.shape[1] for part in vectors)
    return np.concatenate([part if part.shape[1] == size else np.zeros((len(part), size), np.float32) for part in vectors])


def _shifted(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """What is done of one set, as a part of all."""
    progress(before + done, total)


def _saved_again(read: Read, name: str) -> bytes:
    pixels = cv2.cvtColor(decode_image(read(name)), cv2.COLOR_RGB2BGR)
    height, width = pixels.shape[:2]
    shift = np.array([(1, 0, COPY_SHIFT * width), (0, 1, COPY_SHIFT * height)])
    shifted = cv2.warpAffine(pixels, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return cv2.imencode(".jpg", shifted, [cv2.IMWRITE_JPEG_QUALITY, COPY_QUALITY])[1].tobytes()
