"""The pictures that are decided: those of a folder in which there is a face to decide, else the synthetic ones inside a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from facelite.bundle import GOLDEN, Bundle
from facelite.errors import InputError
from facelite.evaluation.benchmark.artefact import Artefact
from facelite.evaluation.benchmark.door import Door, open_door
from facelite.image import find_images, read_image
from facelite.runtime.golden import unpack_golden

MOST = 50
"""Pictures of a folder that are decided, as far apart as its order allows."""


def choose_pictures(artefacts: Sequence[Artefact], path: str | None, /) -> list[bytes]:
    """Encoded pictures for all ``artefacts``: from ``path`` those that each with a detector can decide; None: the first bundle's own.

    None are needed where no artefact has a detector. Raises InputError.
    """
    doors = [artefact for artefact in artefacts if artefact.detector]
    bundle = next((artefact.bundle for artefact in artefacts if artefact.bundle), None)
    if path is None:
        if doors and not bundle:
            raise InputError("expected pictures, or a bundle that has some inside, got neither; name them: --pictures DIR")
        return golden_pictures(bundle) if bundle else []
    if not doors:
        raise InputError("expected pictures with a bundle or a detector, got bare embedders only, which are given noise; leave out --pictures")
    opened = [open_door(door.path, threads=1, preprocessing=door.preprocessing, detector=door.detector) for door in doors]
    return usable_pictures(find_pictures(path), opened)


def golden_pictures(bundle: Bundle, /) -> list[bytes]:
    """The frames of the golden vectors, as JPEG: that is what a door decodes."""
    frames = [cv2.cvtColor(golden.frame, cv2.COLOR_RGB2BGR) for golden in unpack_golden(bundle.files[GOLDEN])]
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


def find_pictures(path: str, /) -> list[Path]:
    """The picture ``path``, or up to MOST of those in the folder ``path``. Raises InputError."""
    files = find_images(Path(path)) if Path(path).is_dir() else [Path(path)]
    if not files:
        raise InputError(f"{path}: expected pictures, found none; name another folder")
    return files[:: -(-len(files) // MOST)]


def usable_pictures(files: Sequence[Path], doors: Sequence[Door], /) -> list[bytes]:
    """The content of those of ``files`` in which all ``doors`` find a face that they can decide. Raises InputError where none is."""
    found, reason = [], ""
    for file in files:
        try:
            image = read_image(file)
            for door in doors:
                door.vectors([image])
            found.append(file.read_bytes())
        except InputError as error:
            reason = reason or f"{file}: {str(error).removeprefix(f'{file}: ')}"
    if not found:
        raise InputError(f"expected a picture with a face to decide, got none out of {len(files)} ({reason}); name others: --pictures")
    return found
