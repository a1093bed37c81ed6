"""Golden vectors and the self-test at load.

A golden vector is a small synthetic picture with what the export machine made of it: the keypoints, the aligned crop and its
embedding. A runtime or delegate that gives other, or always the same, embeddings is refused before the first answer.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import cv2
import numpy as np

from facelite.errors import ImageError, SelfTestError
from facelite.face import FaceCrop, Floats, Pixels
from facelite.image import decode_image
from facelite.preprocess import align, template
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder

KEYPOINT_TOLERANCE = 0.02
"""Largest deviation of a keypoint, as a share of the distance between the eyes and the mouth."""

CROP_TOLERANCE = 2.0
"""Largest mean deviation of a crop's pixels, of 255: resamplers round differently."""

DISTANCE_TOLERANCE = 0.02
"""Largest squared distance of an embedding from the golden one; other kernels of int8 differ by up to 5 steps (cosine >= 0.994, distance 0.012)."""


MOST, MOST_PIXELS = 16, 1 << 20
"""Golden vectors of a bundle and pixels of a picture of theirs, at most: packed, a picture of one colour is 1000 times smaller."""


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """``frame`` (h, w, 3) uint8; ``landmarks`` (4, 2) found in it; ``crop`` the face aligned by them; ``vector`` (d,) its unit embedding."""

    frame: Pixels
    landmarks: Floats
    crop: Pixels
    vector: Floats

    def __post_init__(self) -> None:
        shapes = self.frame.ndim, self.landmarks.shape, self.crop.ndim, self.vector.ndim
        finite = np.isfinite(self.landmarks).all() and abs(float(np.linalg.norm(self.vector)) - 1) < 1e-2
        if shapes != (3, (4, 2), 3, 1) or not finite or np.ptp(self.landmarks, axis=0).min() < 1 or not self.unit >= 1:
            raise ValueError(f"two pictures, finite landmarks (4, 2) that differ and a vector of unit length missing in one of shapes {shapes}")

    @property
    def unit(self) -> float:
        """From between the eyes to the mouth, in pixels."""
        return float(np.linalg.norm(self.landmarks[3] - self.landmarks[:2].mean(0)))


def make_golden(frame: Pixels, detector: Detector, embedder: Embedder, /) -> Golden | None:
    """The golden vector of ``frame`` by this machine's detector and embedder; None when there is not exactly one face in it."""
    faces = detector.detect(frame)
    if len(faces) != 1:
        return None
    crop = align(frame, faces[0].landmarks, embedder.preprocessing.height, embedder.preprocessing.width)
    return Golden(frame, faces[0].landmarks, crop.pixels, embedder.embed(crop).vector)


def pack_golden(goldens: list[Golden], /) -> bytes:
    """JSON: pictures as PNG in base64, numbers as lists."""
    entries = [
        {
            "frame": _png(one.frame),
            "landmarks": one.landmarks.astype(float).round(4).tolist(),
            "crop": _png(one.crop),
            "embedding": one.vector.astype(float).round(6).tolist(),
        }
        for one in goldens
    ]
    return json.dumps(entries, indent=1).encode()


def unpack_golden(data: bytes, /) -> list[Golden]:
    """The inverse of ``pack_golden``. Raises SelfTestError when it is no such JSON."""
    try:
        if len(table := json.loads(data)) > MOST:
            raise ValueError(f"{len(table):,} of them")
        with np.errstate(over="ignore"):  # a number too large becomes infinite, which is refused
            return [
                Golden(
                    decode_image(base64.b64decode(one["frame"]), max_pixels=MOST_PIXELS),
                    np.array(one["landmarks"], np.float32),
                    decode_image(base64.b64decode(one["crop"]), max_pixels=MOST_PIXELS),
                    np.array(one["embedding"], np.float32),
                )
                for one in table
            ]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, ImageError) as error:
        raise SelfTestError(f"expected golden vectors, got {error}; export the bundle again") from None


def self_test(goldens: list[Golden], detector: Detector, embedder: Embedder, /) -> None:
    """Run every stage on the golden vectors. Raises SelfTestError with the stage that deviates."""
    if len(goldens) < 2:
        raise SelfTestError(f"expected two or more golden vectors, got {len(goldens)}; export the bundle again")
    for golden in goldens:
        _check_detector(golden, detector)
        _check_crop(golden, embedder)
        _check_embedding(golden, embedder)


def embedding_error(golden: Golden, embedder: Embedder, pixels: Pixels | None = None, /) -> float:
    """The distance between the golden embedding and this machine's, for the golden crop or for ``pixels`` in its place."""
    points = template(embedder.preprocessing.height, embedder.preprocessing.width)
    vector = embedder.vectors([FaceCrop(golden.crop if pixels is None else pixels, points)])[0]
    length = float(np.linalg.norm(vector))
    if not 1e-6 < length < np.inf or vector.shape != golden.vector.shape:  # also where it is not a number
        return 4.0
    return float(np.sum((vector / length - golden.vector) ** 2))


def _check_detector(golden: Golden, detector: Detector) -> None:
    found = detector.detect(golden.frame)
    error = min((float(np.abs(face.landmarks - golden.landmarks).max()) / golden.unit for face in found), default=float("inf"))
    if not error <= KEYPOINT_TOLERANCE:
        raise SelfTestError(f"the detector fails its self-test: expected keypoints within {KEYPOINT_TOLERANCE:g}, got {error:.3g}; {_REMEDY}")


def _check_crop(golden: Golden, embedder: Embedder) -> None:
    crop = align(golden.frame, golden.landmarks, embedder.preprocessing.height, embedder.preprocessing.width)
    error = float(np.abs(crop.pixels.astype(float) - golden.crop).mean()) if crop.pixels.shape == golden.crop.shape else np.inf
    if error > CROP_TOLERANCE:
        raise SelfTestError(f"alignment fails its self-test: expected pixels within {CROP_TOLERANCE:g}, got {error:.3g}; {_REMEDY}")


def _check_embedding(golden: Golden, embedder: Embedder) -> None:
    error = embedding_error(golden, embedder)
    if not error <= DISTANCE_TOLERANCE:
        raise SelfTestError(
            f"the embedder fails its self-test: expected a distance of at most {DISTANCE_TOLERANCE:g} "
            f"from the golden embedding, got {error:.3g}; {_REMEDY}"
        )


_REMEDY = "its parts are of different exports, or this runtime computes something else: export the bundle again, or install ai-edge-litert as pinned"


def _png(pixels: Pixels) -> str:
    encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]
    return base64.b64encode(encoded.tobytes()).decode()
