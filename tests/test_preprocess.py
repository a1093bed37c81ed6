"""Oracles: scikit-image's least squares, a plain bilinear loop, exact means over areas, pictures whose shift is known."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from facelite import preprocess
from facelite.preprocess import TEMPLATE_112, Preprocessing, align, halve, sample, sample_halves, similarity, template, to_input

RNG = np.random.default_rng(0)
SMOOTH = cv2.resize(RNG.integers(0, 256, (30, 40, 3), dtype=np.uint8), (400, 300), interpolation=cv2.INTER_CUBIC)
NOISE = RNG.integers(0, 256, (300, 400, 3), dtype=np.uint8)

turns = st.floats(-np.pi, np.pi)
quick = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def turned(scale, angle, centre, height=112, width=96):
    """The matrix that shows the neighbourhood of ``centre`` in the middle of an output."""
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([(c, -s), (s, c)])
    return np.hstack([turn, (np.array([(width - 1) / 2, (height - 1) / 2]) - turn @ centre)[:, None]])


def bilinear(image, matrix, height, width):
    """The definition: four neighbours, weighed; black outside."""
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    out = np.zeros((height, width, 3))
    for y in range(height):
        for x in range(width):
            u, v, _ = inverse @ (x, y, 1)
            for row in (int(np.floor(v)), int(np.floor(v)) + 1):
                for column in (int(np.floor(u)), int(np.floor(u)) + 1):
                    if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
                        out[y, x] += max(0, 1 - abs(row - v)) * max(0, 1 - abs(column - u)) * image[row, column]
    return out


def test_the_template_at_112_is_the_usual_one():
    assert np.array_equal(template(112, 112), TEMPLATE_112)


@pytest.mark.parametrize("height, width", [(112, 96), (160, 160), (128, 160), (96, 112)])
def test_the_template_keeps_its_form_and_its_middle(height, width):
    points, scale = template(height, width), height / 112
    np.testing.assert_allclose(points - points[0], scale * (TEMPLATE_112 - TEMPLATE_112[0]), atol=1e-4)
    np.testing.assert_allclose(points - [(width - 1) / 2, (height - 1) / 2], scale * (TEMPLATE_112 - 55.5), atol=1e-4)


@quick
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_similarity_is_scikit_images(seed, count):
    rng = np.random.default_rng(seed)
    source, target = rng.uniform(0, 500, (2, count, 2)).astype(np.float32)
    matrix = similarity(source, target)
    if np.linalg.det(matrix[:, :2]) > 1e-3:  # for a mirrored cloud scikit-image takes the scale of the mirrored fit
        oracle = SimilarityTransform.from_estimate(source, target)
        mapped = source @ matrix[:, :2].T + matrix[:, 2]
        assert ((mapped - target) ** 2).sum() <= ((oracle(source) - target) ** 2).sum() + 1e-3
    rows = np.zeros((2 * count, 4))
    rows[0::2] = np.column_stack([source[:, 0], -source[:, 1], np.ones(count), np.zeros(count)])
    rows[1::2] = np.column_stack([source[:, 1], source[:, 0], np.zeros(count), np.ones(count)])
    a, b, x, y = np.linalg.lstsq(rows, target.astype(float).ravel(), rcond=None)[0]
    np.testing.assert_allclose(matrix, [(a, -b, x), (b, a, y)], atol=1e-3)


@quick
@given(st.floats(0.05, 20), turns, st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_similarity_finds_the_turn_that_was_made(scale, angle, x, y):
    true = turned(scale, angle, (x, y))
    moved = TEMPLATE_112 @ true[:, :2].T + true[:, 2]
    found = similarity(TEMPLATE_112, moved)
    np.testing.assert_allclose(TEMPLATE_112 @ found[:, :2].T + found[:, 2], moved, atol=1e-3 * max(1.0, scale))
    np.testing.assert_allclose(found, SimilarityTransform.from_estimate(TEMPLATE_112, moved).params[:2], rtol=1e-4, atol=0.05)


def test_one_point_has_no_similarity():
    with pytest.raises(ValueError, match="got one point"):
        similarity(np.full((4, 2), 7, np.float32), TEMPLATE_112)


@pytest.mark.parametrize("scale, angle", [(2.0, 0.0), (1.3, 0.2), (0.8, -2.5), (0.51, 1.0)])
@pytest.mark.parametrize("centre", [(200, 150), (390, 10), (-20, 140), (2000, 2000)])
def test_sample_is_bilinear(scale, angle, centre):
    """OpenCV 5 is exact to half a grey level; OpenCV 4 rounds positions to 1/32 pixel, which shows at edges and in noise."""
    matrix = turned(scale, angle, centre, 48, 40)
    for picture, usual, most in ((SMOOTH, 2.5, 8), (NOISE, 8, 16)):
        error = np.abs(sample(picture, matrix, 48, 40) - bilinear(picture, matrix, 48, 40))
        assert np.quantile(error, 0.99) <= usual
        assert error.max() <= most


@pytest.mark.parametrize("times", [2, 4, 8])
def test_shrinking_by_a_power_of_two_is_the_mean_of_an_area(times):
    height, width = 300 // times, 400 // times
    matrix = np.array([(1 / times, 0, (1 / times - 1) / 2), (0, 1 / times, (1 / times - 1) / 2)])
    areas = NOISE[: height * times, : width * times].reshape(height, times, width, times, 3).mean((1, 3))
    np.testing.assert_allclose(sample(NOISE, matrix, height, width), areas, atol=2)


@pytest.mark.parametrize("times", [2.1, 3.3, 4.1, 5.0, 7.9, 13.0])
def test_strong_shrinking_is_near_the_mean_of_an_area(astronaut, times):
    """After halving, up to one pixel in two is left to bilinear sampling: not the mean, but far from skipping pixels."""
    side = int(512 / times)
    matrix = np.array([(1 / times, 0, (1 / times - 1) / 2), (0, 1 / times, (1 / times - 1) / 2)])
    oracle = cv2.resize(astronaut[: round(side * times), : round(side * times)], (side, side), interpolation=cv2.INTER_AREA)
    skipping = cv2.warpAffine(astronaut, matrix, (side, side), flags=cv2.INTER_LINEAR)
    both = sample(astronaut, matrix, side, side), skipping
    error, skipped = (np.abs(pixels.astype(float) - oracle)[2:-2, 2:-2].mean() for pixels in both)
    assert error < min(4.0, skipped)
    assert error < 0.5 * skipped or times < 5


@quick
@given(st.floats(0.01, 3), turns, st.floats(-100, 500), st.floats(-100, 400))
def test_cutting_changes_nothing(scale, angle, x, y):
    matrix, cut = turned(scale, angle, (x, y)), preprocess._cut
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocess, "_cut", lambda image, matrix, height, width: (image, matrix))
        whole = sample(SMOOTH, matrix, 112, 96)
    assert preprocess._cut is cut
    np.testing.assert_allclose(sample(SMOOTH, matrix, 112, 96), whole, atol=1)


@quick
@given(st.floats(0.01, 3), turns, st.floats(-100, 500), st.floats(-100, 400), st.floats(0.02, 1))
def test_halves_made_beforehand_change_nothing(scale, angle, x, y, least):
    matrix, halves = turned(scale, angle, (x, y)), halve(SMOOTH, least)
    assert len(halves) == 1 + max(0, math.ceil(math.log2(0.5 / least)))
    both = sample_halves(halves, matrix, 112, 96), sample(SMOOTH, matrix, 112, 96)
    np.testing.assert_allclose(*both, atol=1)
    assert (both[0] != both[1]).mean() < 1e-3


@pytest.mark.parametrize("times", [0.25, 0.4, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, -0.25), (10.75, 3.5)])
def test_a_ramp_tells_where_each_pixel_was_taken(times, shift):
    """Two channels hold twice the coordinates: the output must hold those that the matrix says, to half a pixel."""
    ramp = np.zeros((120, 120, 3), np.uint8)
    ramp[:, :, 0], ramp[:, :, 1] = 2 * np.arange(120), 2 * np.arange(120)[:, None]
    matrix = np.array([(times, 0, -shift[0] * times), (0, times, -shift[1] * times)])
    out = sample(ramp, matrix, 24, 20)[2:-2, 2:-2, :2] / 2
    y, x = np.mgrid[2:22, 2:18]
    expected = np.stack([x / times + shift[0], y / times + shift[1]], -1)
    np.testing.assert_allclose(out, expected, atol=0.51)
    assert np.abs((out - expected).mean((0, 1))).max() < 0.26


def test_very_long_and_very_thin_pictures():
    """OpenCV refuses to warp a side above 32,767; a line cannot be halved."""
    long = np.zeros((40, 40_000, 3), np.uint8)
    long[:, 39_000:] = 200
    assert sample(long, turned(1, 0, (39_500, 20), 32, 32), 32, 32).min() == 200
    assert sample(long, np.array([(0.002, 0, 0), (0, 0.002, 10)]), 32, 96).max() > 0
    line = np.full((1, 5000, 3), 90, np.uint8)
    assert sample(line, np.array([(0.02, 0, 0), (0, 0.02, 5)]), 16, 96).shape == (16, 96, 3)


def test_sample_leaves_the_picture_alone():
    picture = NOISE.copy()
    picture.flags.writeable = False
    sample(picture, turned(0.2, 0.3, (200, 150)), 64, 64)
    assert np.array_equal(picture, NOISE)


@pytest.mark.parametrize("scale, angle", [(0.3, 0.4), (1.0, -0.5), (2.5, 0.0)])
def test_align_brings_landmarks_to_the_template(scale, angle):
    """Four bright points in a dark picture lie, after alignment, where the template says."""
    to_crop = turned(1 / scale, angle, (210, 160), 112, 112)
    inverse = cv2.invertAffineTransform(to_crop)
    landmarks = (TEMPLATE_112 @ inverse[:, :2].T + inverse[:, 2]).astype(np.float32)
    y, x = np.mgrid[:320, :420]
    for i, (u, v) in enumerate(landmarks):
        spot = (255 * np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * (2 * max(scale, 1)) ** 2))).astype(np.uint8)
        crop = align(np.repeat(spot[:, :, None], 3, 2), landmarks, 112, 96)
        rows, columns = np.mgrid[:112, :96]
        weights = crop.pixels[:, :, 0].astype(float)
        centre = [(columns * weights).sum() / weights.sum(), (rows * weights).sum() / weights.sum()]
        np.testing.assert_allclose(centre, template(112, 96)[i], atol=0.25)
        assert np.array_equal(crop.landmarks, template(112, 96))


def test_to_input():
    crop = NOISE[:64, :48]
    values = to_input(crop, Preprocessing(64, 48))
    assert values.shape == (1, 64, 48, 3)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[0], (crop.astype(float) - 127.5) / 128, atol=1e-6)
    with pytest.raises(ValueError, match="expected a crop 48 x 64 x 3"):
        to_input(crop, Preprocessing(48, 64))


def test_a_network_of_bgr_gets_the_colours_the_other_way_round():
    crop = NOISE[:64, :48]
    swapped = np.stack([crop[..., 2], crop[..., 1], crop[..., 0]], axis=-1)
    bgr = to_input(crop, Preprocessing(64, 48, mean=100.0, std=50.0, colours="BGR"))
    np.testing.assert_array_equal(bgr, to_input(swapped, Preprocessing(64, 48, mean=100.0, std=50.0)))
    np.testing.assert_allclose(bgr[0, :, :, 0], (crop[:, :, 2].astype(float) - 100) / 50, atol=1e-6)


@pytest.mark.parametrize("sizes", [
    (31, 64), (64, 31), (64, 64, 127.5, 0.0), (64, 64, 127.5, -1.0),
    (64, 64, float("nan")), (64, 64, float("inf")), (64, 64, 127.5, float("nan")), (64, 64, 127.5, float("inf")),
    (64, 64, 1e39), (64, 64, -1e39), (64, 64, 127.5, 1e39), (64, 64, 127.5, 1e-39),
])  # fmt: skip
def test_impossible_preprocessing(sizes):
    with pytest.raises(ValueError, match="32 x 32 or more, a mean of -1e6 to 1e6 and std of 1e-6 to 1e6"):
        Preprocessing(*sizes)
