"""Oracles: detection, choice and alignment written out; noise and ramps whose middle square is known."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.evaluation.crop import CentreCrop, DetectedFace, square_side
from facelite.preprocess import TEMPLATE_112, Preprocessing, align, template
from facelite.runtime.choice import choose

SIZES = [Preprocessing(112, 96), Preprocessing(160, 160), Preprocessing(96, 112)]
NOISE = np.random.default_rng(0).integers(0, 256, (192, 160, 3), dtype=np.uint8)


@pytest.fixture(params=["astronaut", "hopper"])
def portrait(request):
    return request.getfixturevalue(request.param)


def test_a_detected_face_is_found_chosen_and_aligned(portrait, detector):
    crops = DetectedFace()(portrait, detector, SIZES)
    face = choose(detector.detect(portrait), portrait.shape, rule="centre")
    for crop, size in zip(crops, SIZES, strict=True):
        expected = align(portrait, face.landmarks, size.height, size.width)
        assert np.array_equal(crop.pixels, expected.pixels)
        assert np.array_equal(crop.landmarks, expected.landmarks)


def test_the_rule_says_which_face(astronaut, hopper, detector):
    """Hopper's face is twice as large; the astronaut's stands in the middle."""
    both = np.hstack([hopper[:400, 140:400], astronaut[:400, 120:450]])
    centre, largest = (DetectedFace(rule).landmarks(both, detector) for rule in ("centre", "largest"))
    assert square_side(largest) > 1.5 * square_side(centre)
    assert abs(centre[:, 0].mean() - both.shape[1] / 2) < abs(largest[:, 0].mean() - both.shape[1] / 2)
    assert DetectedFace("only")(both, detector, SIZES) is None


def test_no_face_is_no_crop(detector):
    empty = np.full((120, 120, 3), 90, np.uint8)
    assert DetectedFace().landmarks(empty, detector) is None
    assert DetectedFace()(empty, detector, SIZES) is None


@pytest.mark.parametrize("share, height, width", [(0.7, 112, 112), (0.7, 112, 96), (0.7, 112, 160), (1.0, 160, 160), (0.4, 64, 48)])
def test_at_scale_one_a_centre_crop_is_the_middle_of_the_picture(share, height, width):
    """The shorter side is 160, so that the square has as many pixels as the input is high; no detector is asked."""
    crop = CentreCrop(share)(NOISE, None, [Preprocessing(height, width)])[0]
    top, left = (192 - height) // 2, (160 - width) // 2
    assert np.array_equal(crop.pixels, NOISE[top : top + height, left : left + width])
    assert np.array_equal(crop.landmarks, template(height, width))


@pytest.mark.parametrize("share, height, width", [(0.3, 64, 48), (0.7, 112, 96), (0.9, 96, 112), (1.0, 160, 160)])
def test_at_other_scales_a_centre_crop_shows_its_share_about_the_middle(share, height, width):
    """Two channels hold twice the coordinates; at a scale above a half, bilinear sampling keeps a ramp to rounding."""
    ramp = np.zeros((121, 115, 3), np.uint8)
    ramp[:, :, 0], ramp[:, :, 1] = 2 * np.arange(115), 2 * np.arange(121)[:, None]
    crop = CentreCrop(share)(ramp, None, [Preprocessing(height, width)])[0].pixels
    y, x = np.mgrid[:height, :width]
    step = share * 115 / height
    expected = np.stack([57 + (x - (width - 1) / 2) * step, 60 + (y - (height - 1) / 2) * step], -1)
    inside = ((expected >= 0) & (expected <= (114, 120))).all(-1)
    assert inside.mean() > 0.8
    np.testing.assert_allclose(crop[inside][:, :2] / 2, expected[inside], atol=0.51)


@pytest.mark.parametrize("share", [0, -0.5, 1.01, float("nan")])
def test_impossible_shares(share):
    with pytest.raises(ValueError, match="expected a share"):
        CentreCrop(share)


@pytest.mark.parametrize("scale, angle", [(1.0, 0.0), (0.3, 0.5), (2.5, -2.0)])
def test_the_side_of_the_square_is_that_of_the_template_turned_and_scaled(scale, angle):
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    assert square_side((scale * TEMPLATE_112 @ turn + (40, -7)).astype(np.float32)) == pytest.approx(112 * scale, rel=1e-5)


def test_the_square_of_a_centre_crop_is_its_share_of_the_shorter_side():
    assert square_side(CentreCrop(0.55).landmarks(NOISE, None)) == pytest.approx(0.55 * 160, rel=1e-5)


def test_a_repr_says_all_that_a_cropper_does():
    croppers = [DetectedFace(), DetectedFace("only"), DetectedFace("largest"), CentreCrop(), CentreCrop(0.5)]
    assert [eval(repr(cropper)) for cropper in croppers] == croppers  # noqa: S307
    assert len({repr(cropper) for cropper in croppers}) == len(croppers)
