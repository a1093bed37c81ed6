"""The look of a camera, from frames that it took: what renders a crop as it would have seen it, by statistics or by a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facelite.errors import InputError
from facelite.explain.features import Features
from facelite.explain.style import Look, paint
from facelite.face import Pixels
from facelite.frames import is_video_file, timed_frames
from facelite.image import read_image
from facelite.preprocess import sample, similarity
from facelite.runtime.detector import Detector
from facelite.split import is_held_out
from facelite.training.camera import Camera, measure_camera
from facelite.training.geometry import CropGeometry, read_geometry

LEAST_FACES, MOST_FACES = 8, 200
"""Faces that tell a camera's look, and how many are looked at."""

Render = Callable[[Pixels, np.random.Generator], Pixels]
"""A stored crop (s, s, 3) -> as the other camera would have seen it."""


def read_seen(frames: str | Path, detector: bytes, geometry: CropGeometry, /) -> list[Pixels]:
    """The faces of a folder of frames, or of one frame a second of a film, aligned, spread evenly. Raises InputError where there are too few."""
    found, finder, second = list[Pixels](), Detector(detector), -1
    for frame, time in timed_frames(Path(frames)):
        if is_video_file(Path(frames)) and int(time) == second:
            continue
        second = int(time)
        for face in finder.detect(frame):
            found.append(sample(frame, similarity(face.landmarks, geometry.landmarks), geometry.side, geometry.side))
    if len(found) < LEAST_FACES:
        raise InputError(f"{frames}: expected a folder of frames or a film with {LEAST_FACES} faces or more, got {len(found)}; take some more")
    return [found[i] for i in np.linspace(0, len(found) - 1, min(len(found), MOST_FACES)).astype(int)]


def pictures_of(source: str | Path, /) -> list[str]:
    """The names "person/picture.jpg" of the crops in the folder ``source`` of people who are not held out. Raises InputError where there are none."""
    names = sorted(path.relative_to(source).as_posix() for path in Path(source).glob("[!.]*/[!.]*.jpg") if not is_held_out(path.parent.name))
    if not names:
        raise InputError(f"{source}: expected aligned crops person/picture.jpg, found none; see its align.csv")
    return names


def look_of(source: str | Path, seen: Sequence[Pixels], /) -> Camera:
    """The camera that saw ``seen``, beside what took the crops in the folder ``source``, of which as many are measured."""
    names = pictures_of(source)
    some = [names[i] for i in np.linspace(0, len(names) - 1, min(len(names), MOST_FACES)).astype(int)]
    return measure_camera(seen, [read_image(Path(source) / name) for name in some], read_geometry(source))


def painter(network: Features, camera: Camera, seen: Sequence[Pixels], look: Look, /, *, steps: int) -> Render:
    """What renders a crop in the ``camera``'s colours, and by the ``network`` in the texture of one of the ``seen`` crops."""
    colours = replace(camera, kept=np.ones_like(camera.kept), noise=np.zeros_like(camera.noise))

    def render(crop: Pixels, rng: np.random.Generator) -> Pixels:
        coloured = colours.render(crop, rng)
        return paint(network, coloured, styles=[(seen[int(rng.integers(len(seen)))], 1.0)], look=look, steps=steps).pixels

    return render
