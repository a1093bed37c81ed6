"""The look of a camera, from frames that it took: what renders a crop as it would have seen it, by statistics or by a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facelite.errors import InputError
from facelite.explain.features import Features
from facelite.explain.style import Look, paint
from facelite.face import Pixels
from facelite.frames import VIDEO_SUFFIXES, frame_files, is_video_file, timed_frames
from facelite.preprocess import sample, similarity
from facelite.runtime.detector import Detector
from facelite.split import is_held_out
from facelite.training.camera import Camera, measure_camera
from facelite.training.geometry import CropGeometry, read_crop, read_geometry

LEAST_FACES, MOST_FACES = 8, 200
"""Faces that tell a camera's look, and how many are looked at."""

Render = Callable[[Pixels, np.random.Generator], Pixels]
"""A stored crop (s, s, 3) -> as the other camera would have seen it."""


def read_seen(frames: str | Path, detector: bytes, geometry: CropGeometry, /) -> list[Pixels]:
    """The faces of a folder of frames, or of one frame a second of a film, that are whole in it, aligned, spread evenly.

    Raises InputError where there are too few.
    """
    frames = Path(frames)
    if not (film := is_video_file(frames)) and not frame_files(frames):
        raise InputError(f"{frames}: expected a folder of frames or a film ({' '.join(sorted(VIDEO_SUFFIXES))}), found none; check the path")
    found, finder, second, stride, number = list[Pixels](), Detector(detector), -1, 1, 0
    for frame, time in timed_frames(frames):
        if film and int(time) == second:
            continue
        second = int(time)
        for face in finder.detect(frame):
            matrix = similarity(face.landmarks, geometry.landmarks)
            if not _whole(matrix, geometry, frame):
                continue
            if number % stride == 0:
                found.append(sample(frame, matrix, geometry.side, geometry.side))
            number += 1
            if len(found) == 2 * MOST_FACES:
                found, stride = found[::2], 2 * stride
    if len(found) < LEAST_FACES:
        raise InputError(f"{frames}: expected {LEAST_FACES} whole faces or more, got {len(found)}; take more frames, with people in them")
    return [found[i] for i in np.linspace(0, len(found) - 1, min(len(found), MOST_FACES)).astype(int)]


def _whole(matrix: NDArray[np.float64], geometry: CropGeometry, frame: Pixels) -> bool:
    """Whether the face's square, without the margin, lies in the frame: beyond it a crop is black."""
    ends = geometry.margin, geometry.margin + geometry.face - 1
    corners = np.array([(x, y, 1) for x in ends for y in ends]) @ cv2.invertAffineTransform(matrix).T
    return bool((corners >= 0).all() and (corners <= np.array(frame.shape[1::-1]) - 1).all())


def pictures_of(source: str | Path, /) -> list[str]:
    """The names "person/picture.jpg" of the crops in the folder ``source`` of people who are not held out. Raises InputError where there are none."""
    names = sorted(path.relative_to(source).as_posix() for path in Path(source).glob("[!.]*/[!.]*.jpg") if not is_held_out(path.parent.name))
    if not names:
        raise InputError(f"{source}: expected aligned crops person/picture.jpg of people who are not held out, found none; see its align.csv")
    return names


def look_of(source: str | Path, seen: Sequence[Pixels], /) -> Camera:
    """The camera that saw ``seen``, beside what took the crops in the folder ``source``, of which as many are measured. Raises InputError."""
    names, geometry = pictures_of(source), read_geometry(source)
    some = [names[i] for i in np.linspace(0, len(names) - 1, min(len(names), MOST_FACES)).astype(int)]
    return measure_camera(seen, [read_crop(Path(source) / name, geometry) for name in some], geometry)


def painter(network: Features, camera: Camera, seen: Sequence[Pixels], look: Look, /, *, steps: int) -> Render:
    """What renders a crop in the ``camera``'s colours, and by the ``network`` in the texture of one of the ``seen`` crops.

    Raises InputError for a network that takes pictures of another size.
    """
    side = camera.geometry.side
    if network.size not in (None, (side, side)):
        raise InputError(f"expected a network of pictures of any size or of {side} x {side}, got one of {network.size}; name another")
    colours = replace(camera, kept=np.ones_like(camera.kept), noise=np.zeros_like(camera.noise))

    def render(crop: Pixels, rng: np.random.Generator) -> Pixels:
        coloured = colours.render(crop, rng)
        return paint(network, coloured, styles=[(seen[int(rng.integers(len(seen)))], 1.0)], look=look, steps=steps).pixels

    return render
