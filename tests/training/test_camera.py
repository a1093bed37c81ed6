"""A camera's look by statistics: what is known of it is found, and a crop rendered in it has it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.export.synthetic import draw_face
from facelite.training.camera import BANDS, PATCH, STEEPEST, measure_camera
from facelite.training.geometry import CropGeometry

GEOMETRY = CropGeometry(face=112, margin=8)
SIDE = GEOMETRY.side


def textured(seed):
    """A drawn face with as much of every frequency as of every other."""
    rng = np.random.default_rng(seed)
    return np.clip(draw_face(seed, side=SIDE) * 0.5 + 60 + rng.normal(0, 12, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


CROPS = [textured(seed) for seed in range(24)]


def seen(change):
    rng = np.random.default_rng(0)
    return [np.clip(np.rint(change(crop.astype(float), rng)), 0, 255).astype(np.uint8) for crop in CROPS]


def fine(values):
    """The rings above the frequency from which a picture's means are its colours, without the last, which hold few waves."""
    return values[int(np.ceil(BANDS / PATCH / np.sqrt(2))) + 1 : -4]


def test_a_camera_like_the_one_that_took_the_crops_changes_nothing_but_whose_light_it_is():
    camera = measure_camera(CROPS, CROPS, GEOMETRY)
    np.testing.assert_allclose(camera.kept, 1, atol=0.02)
    assert camera.noise[:, 0].max() < 0.05 * 12**2
    alone = measure_camera(CROPS[:1], CROPS[:1], GEOMETRY)
    assert np.abs(alone.render(CROPS[0], np.random.default_rng(0)).astype(int) - CROPS[0]).mean() < 1  # YCrCb in floats and back


def test_light_and_white_balance_are_taken_on():
    camera = measure_camera(seen(lambda crop, rng: crop * [0.6, 0.4, 0.2] + [10, 0, 5]), CROPS, GEOMETRY)
    rendered = np.stack([camera.render(crop, np.random.default_rng(i)) for i, crop in enumerate(CROPS)]).astype(float)
    wanted = np.stack(seen(lambda crop, rng: crop * [0.6, 0.4, 0.2] + [10, 0, 5])).astype(float)
    np.testing.assert_allclose(rendered.mean((0, 1, 2)), wanted.mean((0, 1, 2)), rtol=0.05)
    np.testing.assert_allclose(rendered.std((1, 2)).mean(0), wanted.std((1, 2)).mean(0), rtol=0.1)
    np.testing.assert_allclose(camera.kept, 1, atol=0.12)


def test_noise_is_found_and_added():
    """White noise of the same size in red, green and blue has a luma of 0.299^2 + 0.587^2 + 0.114^2 of its variance; cosines are orthonormal."""
    camera = measure_camera(seen(lambda crop, rng: crop + rng.normal(0, 15, crop.shape)), CROPS, GEOMETRY)
    found, true = fine(camera.noise[:, 0]), 15**2 * (0.299**2 + 0.587**2 + 0.114**2)
    np.testing.assert_allclose(found[3:], true, rtol=0.15)
    assert (0.6 * true < found[:3]).all() and (found[:3] < 1.1 * true).all()  # among the crops' own detail less is sure
    assert (fine(camera.kept) > 0.97).all() and (camera.noise[:3] == 0).all()
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    assert camera.render(grey, np.random.default_rng(0)).astype(float).std((0, 1)).mean() == pytest.approx(15, rel=0.15)


def test_blur_is_found_and_applied():
    """A Gaussian of deviation s, its border mirrored, multiplies the cosine of angular frequency w by exp(-s^2 w^2 / 2)."""
    camera = measure_camera(seen(lambda crop, rng: cv2.GaussianBlur(crop, (0, 0), 0.8, borderType=cv2.BORDER_REFLECT)), CROPS, GEOMETRY)
    frequency = (np.arange(BANDS) + 0.5) / BANDS * np.pi * np.sqrt(2)
    middle = slice(8, 22)  # beyond, what is left is less than the rounding to whole levels
    np.testing.assert_allclose(camera.kept[middle, 0], np.exp(-(0.8**2) * frequency[middle] ** 2 / 2), rtol=0.25)
    assert camera.noise[:, 0].max() < 1
    sharp = [np.abs(np.diff(picture.astype(float), axis=1)).mean() for picture in (CROPS[0], camera.render(CROPS[0], np.random.default_rng(0)))]
    assert sharp[1] < 0.6 * sharp[0]


def test_the_faces_that_lend_their_light_are_drawn_and_the_draw_decides():
    camera = measure_camera(seen(lambda crop, rng: crop * rng.uniform(0.2, 1)), CROPS, GEOMETRY)
    drawn = [camera.render(CROPS[0], np.random.default_rng(seed)) for seed in range(12)]
    assert np.ptp([picture.mean() for picture in drawn]) > 30
    np.testing.assert_array_equal(drawn[0], camera.render(CROPS[0], np.random.default_rng(0)))


def test_a_picture_of_one_grey_is_not_blown_up():
    camera = measure_camera(CROPS, CROPS, GEOMETRY)
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    grey[::16] += 3
    contrast = [float(np.ptp(picture.astype(float).mean((1, 2)))) for picture in (grey, camera.render(grey, np.random.default_rng(0)))]
    assert contrast[1] <= STEEPEST * contrast[0] + 2


def test_few_faces_of_the_crops_own_camera_make_no_noise():
    for start in range(0, 24, 8):
        camera = measure_camera(CROPS[start : start + 8], CROPS, GEOMETRY)
        assert np.sqrt(camera.noise[:, 0].max()) < 3


def test_blur_is_found_under_noise():
    """In part: these crops' own texture is in their smooth blocks, too."""
    blurred = seen(lambda crop, rng: cv2.GaussianBlur(crop, (0, 0), 1.0) + rng.normal(0, 8, crop.shape))
    kept = measure_camera(blurred, CROPS, GEOMETRY).kept[:, 0]
    assert kept[4] > 0.8 and (kept[15:25] < 0.75).all()
