"""Each variation alone, against what its name and its number promise; all of them together, seeded."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelite.preprocess import sample, template
from facelite.training.augment import Augmentation, vary, view_matrix
from facelite.training.geometry import CropGeometry

GEOMETRY = CropGeometry(128, 16)
SIZES = [(112, 96), (112, 112), (128, 160), (64, 64)]
NONE = Augmentation.none()


@pytest.fixture(scope="module")
def crop(astronaut):
    return cv2.resize(astronaut[50:210, 144:304], (GEOMETRY.side, GEOMETRY.side))


def views(crop, count=200, height=112, width=96, **changes):
    rng = np.random.default_rng(0)
    return [vary(crop, GEOMETRY, height, width, augmentation=replace(NONE, **changes), rng=rng) for _ in range(count)]


def plain(crop):
    return views(crop, 1)[0]


def share_changed(crop, pictures):
    original = plain(crop)
    return np.mean([not np.array_equal(picture, original) for picture in pictures])


def spots(points):
    """A crop with a bright spot at each of ``points``, and a function that measures where spots lie."""
    y, x = np.mgrid[: GEOMETRY.side, : GEOMETRY.side]
    light = sum(255 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / 18) for u, v in points)
    return np.repeat(light.astype(np.uint8)[:, :, None], 3, 2)


def centroid(pixels):
    weights = pixels[:, :, 0].astype(float)
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    return np.array([(x * weights).sum(), (y * weights).sum()]) / weights.sum()


@pytest.mark.parametrize("height, width", SIZES)
def test_the_view_takes_landmarks_to_the_template(height, width):
    matrix = view_matrix(GEOMETRY, height, width)
    np.testing.assert_allclose(GEOMETRY.landmarks @ matrix[:, :2].T + matrix[:, 2], template(height, width), atol=1e-4)
    np.testing.assert_allclose(matrix[:, :2], np.eye(2) * height / GEOMETRY.face)


@pytest.mark.parametrize("height, width", SIZES)
def test_nothing_changes_without_augmentation(crop, height, width):
    expected = sample(crop, view_matrix(GEOMETRY, height, width), height, width)
    for picture in views(crop, 3, height, width):
        np.testing.assert_allclose(picture, expected, atol=1)


@pytest.mark.parametrize("height, width", SIZES)
def test_a_seed_makes_the_same_picture_and_leaves_the_crop_alone(crop, height, width):
    before = crop.copy()
    first, second = (
        [vary(crop, GEOMETRY, height, width, augmentation=Augmentation(), rng=rng) for _ in range(40)]
        for rng in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert np.array_equal(first, second)
    assert len({picture.tobytes() for picture in first}) == 40
    assert all(picture.shape == (height, width, 3) and picture.dtype == np.uint8 for picture in first)
    assert np.array_equal(crop, before)


def test_a_default_picture_is_still_that_face(crop):
    """The mean of many varied views looks like the view: nothing is systematically moved, turned or discoloured."""
    rng, upright = np.random.default_rng(0), replace(Augmentation(), mirror=0.0)
    mean = np.mean([vary(crop, GEOMETRY, 112, 96, augmentation=upright, rng=rng) for _ in range(400)], axis=0)
    correlation = np.corrcoef(mean.ravel(), plain(crop).ravel())[0, 1]
    assert correlation > 0.95


def test_mirroring(crop):
    mirrored = views(crop, 1, mirror=1.0)[0]
    np.testing.assert_allclose(mirrored, plain(crop)[:, ::-1], atol=2)
    assert 0.4 < share_changed(crop, views(crop, mirror=0.5)) < 0.6


def test_a_mirrored_face_still_fits_the_template():
    eye = GEOMETRY.landmarks[0]
    at = centroid(views(spots([eye]), 1, mirror=1.0)[0])
    assert np.abs(at - template(112, 96)[1]).max() < 1  # the template is symmetric but for some tenths of a pixel


def test_shift_is_in_pixels_of_a_112_face():
    middle = np.full(2, (GEOMETRY.side - 1) / 2)
    for height in (112, 224):
        at = np.array([centroid(picture) for picture in views(spots([middle]), 400, height, height, shift=2.4)])
        np.testing.assert_allclose(at.mean(0), (height - 1) / 2, atol=0.4 * height / 112)
        np.testing.assert_allclose(at.std(0), 2.4 * height / 112, rtol=0.12)


def test_turn_and_scale_are_about_the_middle():
    middle = np.full(2, (GEOMETRY.side - 1) / 2)
    reach = 30.0
    seen_reach = reach * 112 / GEOMETRY.face
    right = spots([(middle[0] + reach, middle[1])])
    turned = np.array([centroid(picture) for picture in views(right, 400, 112, 112, turn=0.06)]) - 55.5
    np.testing.assert_allclose(np.arctan2(turned[:, 1], turned[:, 0]).std(), 0.06, rtol=0.12)
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), seen_reach, atol=0.3)
    scaled = np.array([centroid(picture) for picture in views(right, 400, 112, 112, scale=0.05)]) - 55.5
    np.testing.assert_allclose(np.log(scaled[:, 0] / seen_reach).std(), 0.05, rtol=0.12)
    np.testing.assert_allclose(scaled[:, 1], 0, atol=0.3)


def test_light_keeps_order_and_hue(crop):
    ramp = np.repeat(np.linspace(0, 255, GEOMETRY.side).astype(np.uint8)[None, :, None], GEOMETRY.side, 0).repeat(3, 2)
    means = []
    for picture in views(ramp, 300, light=0.2):
        row = picture[50].astype(int)
        assert np.all(np.diff(row[:, 0]) >= 0)
        assert np.all(row == row[:, :1])
        means.append(picture.mean())
    assert 10 < np.std(means) < 60
    assert abs(np.mean(means) - plain(ramp).mean()) < 12


def test_balance_scales_each_channel():
    grey = np.full((GEOMETRY.side, GEOMETRY.side, 3), 120, np.uint8)
    middles = np.array([picture[56, 48] for picture in views(grey, 400, balance=0.06)]) / 120
    np.testing.assert_allclose(np.log(middles).std(0), 0.06, rtol=0.15)
    assert np.abs(np.corrcoef(middles.T)[np.triu_indices(3, 1)]).max() < 0.2


def test_grey(crop):
    picture = views(crop, 1, grey=1.0)[0]
    assert np.all(picture == picture[:, :, :1])
    np.testing.assert_allclose(picture[:, :, 0], cv2.cvtColor(plain(crop), cv2.COLOR_RGB2GRAY), atol=1)


@pytest.mark.parametrize("name", ["grey", "small", "blur", "noise", "jpeg", "cover"])
def test_shares_are_shares(crop, name):
    assert share_changed(crop, views(crop, 20, **{name: 0.0})) == 0
    assert share_changed(crop, views(crop, 20, **{name: 1.0})) == 1
    assert 0.2 < share_changed(crop, views(crop, 300, **{name: 0.3})) < 0.4


@pytest.mark.parametrize("name", ["small", "blur"])
def test_details_are_lost(crop, name):
    def sharpness(picture):
        return cv2.Laplacian(picture, cv2.CV_32F).std()

    assert all(sharpness(picture) < 0.9 * sharpness(plain(crop)) for picture in views(crop, 40, **{name: 1.0}))
    assert all(abs(picture.mean() - plain(crop).mean()) < 3 for picture in views(crop, 40, **{name: 1.0}))


@pytest.mark.parametrize("name, least, most", [("noise", 2, 12), ("jpeg", 0.5, 12)])
def test_disturbance_is_bounded(crop, name, least, most):
    errors = [np.abs(picture.astype(int) - plain(crop)).mean() for picture in views(crop, 60, **{name: 1.0})]
    assert least < min(errors)
    assert max(errors) < most


def test_a_cover_is_one_rectangle_of_one_colour(crop):
    for picture in views(crop, 60, cover=1.0):
        y, x = np.nonzero((picture != plain(crop)).any(2))
        inside = picture[y.min() : y.max() + 1, x.min() : x.max() + 1]
        assert np.all(inside == inside[0, 0])
        assert inside.shape[0] <= 0.35 * 112
        assert inside.shape[1] <= 0.35 * 96
