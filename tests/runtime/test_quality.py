"""Quality against closed forms: the mean luma of a flat crop, the Laplacian by a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.face import Detection, FaceCrop, Outcome
from facelite.runtime.quality import MIN_LIGHT, MIN_SHARPNESS, MIN_SIZE, judge_quality


def face(size=100.0):
    return Detection(np.float32([0, 0, size, 0.9 * size]), np.zeros((6, 2), np.float32), 0.9)


def crop(pixels):
    return FaceCrop(pixels, np.zeros((4, 2), np.float32))


def textured(level=120, contrast=20):
    """A chessboard of single pixels: sharper nothing is."""
    board = (np.indices((112, 96)).sum(0) % 2 * 2 - 1)[..., None] * np.ones(3)
    return crop((level + contrast * board).astype(np.uint8))


def test_a_good_face_passes():
    assert judge_quality(face(), textured()) is None


@pytest.mark.parametrize(("size", "usable"), [(MIN_SIZE - 0.5, False), (MIN_SIZE, True), (200, True)])
def test_size(size, usable):
    verdict = judge_quality(face(size), textured())
    assert verdict is None if usable else verdict[0] is Outcome.TOO_SMALL and "come nearer" in verdict[1]


@pytest.mark.parametrize(("level", "usable"), [(MIN_LIGHT - 1, False), (MIN_LIGHT + 1, True), (200, True)])
def test_light(level, usable):
    verdict = judge_quality(face(), textured(level, 15))
    assert verdict is None if usable else verdict[0] is Outcome.TOO_DARK and "add light" in verdict[1]


def plain_sharpness(grey):
    """Standard deviation of the sum of the four neighbours minus four times the pixel; borders mirrored without the edge."""
    padded = np.pad(grey.astype(float), 1, mode="reflect")
    values = [
        padded[y - 1, x] + padded[y + 1, x] + padded[y, x - 1] + padded[y, x + 1] - 4 * padded[y, x]
        for y in range(1, grey.shape[0] + 1)
        for x in range(1, grey.shape[1] + 1)
    ]
    return np.std(values)


@pytest.mark.parametrize("contrast", [0, 0.5, 2, 8])
def test_sharpness_is_the_deviation_of_a_plain_laplacian(contrast):
    rng = np.random.default_rng(0)
    grey = np.clip(120 + contrast * rng.normal(size=(112, 96)), 0, 255).round().astype(np.uint8)
    verdict = judge_quality(face(), crop(np.repeat(grey[..., None], 3, axis=2)))
    expected = plain_sharpness(grey)
    assert (verdict is None) == (expected >= MIN_SHARPNESS)
    if verdict:
        assert verdict == (Outcome.BLURRED, f"expected a sharpness of {MIN_SHARPNESS:g} or more, got {expected:.1f}; hold still")
