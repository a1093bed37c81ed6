"""Quality against closed forms: the mean luma of a flat crop, the Laplacian by a plain loop, landmarks moved by a known amount."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelite.face import Detection, FaceCrop, Outcome
from facelite.preprocess import align, template
from facelite.quality import Limits, Quality, judge_quality, measure_quality

GOOD = Quality(size=80, inside=1, light=110, sharpness=12, turn=0.02, clarity=8)
LIMITS = Limits(clarity=6.5)
TEMPLATE = template(112, 96)


def face(box=(40, 30, 80, 60), landmarks=TEMPLATE + 20):
    return Detection(np.float32(box), np.concatenate([landmarks, np.zeros((2, 2))]), 0.9)


def crop(pixels):
    return FaceCrop(pixels, TEMPLATE)


def chessboard(level=120, contrast=20):
    """Of single pixels: sharper nothing is."""
    board = (np.indices((112, 96)).sum(0) % 2 * 2 - 1)[..., None] * np.ones(3)
    return crop((level + contrast * board).astype(np.uint8))


def measured(one=None, pixels=None):
    return measure_quality(one or face(), pixels or chessboard(), (200, 150))


@pytest.mark.parametrize(
    "good, poor, outcome, remedy",
    [
        ({"size": 24}, {"size": 23.9}, Outcome.TOO_SMALL, "come nearer"),
        ({"inside": 0.75}, {"inside": 0.74}, Outcome.CUT_OFF, "move to the middle"),
        ({"light": 20}, {"light": 19.9}, Outcome.TOO_DARK, "add light"),
        ({"light": 200}, {"light": 200.1}, Outcome.TOO_BRIGHT, "turn away from the light"),
        ({"sharpness": 3}, {"sharpness": 2.9}, Outcome.BLURRED, "hold still"),
        ({"turn": 0.068}, {"turn": 0.0681}, Outcome.TURNED, "look at the camera"),
        ({"clarity": 6.5}, {"clarity": 6.49}, Outcome.UNCLEAR, "face the camera"),
    ],
)
def test_each_limit_is_still_good_and_what_lies_beyond_it_is_named(good, poor, outcome, remedy):
    assert judge_quality(replace(GOOD, **good), LIMITS) is None
    found, detail = judge_quality(replace(GOOD, **poor), LIMITS)
    assert found is outcome
    assert detail.startswith("expected ") and ", got " in detail and remedy in detail


def test_of_several_faults_the_one_that_can_be_mended_first_is_named():
    everything = Quality(size=10, inside=0.1, light=5, sharpness=0, turn=1, clarity=0)
    order = []
    for mended in ("size", "inside", "light", "sharpness", "turn", "clarity"):
        order.append(judge_quality(everything, LIMITS)[0])
        everything = replace(everything, **{mended: getattr(GOOD, mended)})
    assert order == [Outcome.TOO_SMALL, Outcome.CUT_OFF, Outcome.TOO_DARK, Outcome.BLURRED, Outcome.TURNED, Outcome.UNCLEAR]
    assert judge_quality(everything, LIMITS) is None


def test_before_a_face_is_embedded_its_clarity_is_not_judged():
    assert judge_quality(replace(GOOD, clarity=None), LIMITS) is None
    assert GOOD.embedded(np.float32([3, 4, 0])).clarity == 5


@pytest.mark.parametrize("wrong", [{"size": -1.0}, {"turn": float("nan")}, {"bright": float("inf")}])
def test_impossible_limits_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"expected a limit of quality of 0 or more, got {next(iter(wrong))} "):
        Limits(**wrong)


@pytest.mark.parametrize(
    "box, inside",
    [
        ((40, 30, 80, 60), 1),
        ((-0.5, -0.5, 200, 150), 1),  # pixels are squares about their centres
        ((-20.5, 30, 80, 60), 0.75),
        ((159.5, 30, 80, 60), 0.5),
        ((159.5, 119.5, 80, 60), 0.25),
        ((-300, 30, 80, 60), 0),
    ],
)
def test_inside_is_the_share_of_the_box_in_the_picture(box, inside):
    assert measured(face(box)).inside == pytest.approx(inside)


@pytest.mark.parametrize("level", [0, 19, 110, 255])
def test_light_is_the_mean_luma(level):
    assert measured(pixels=crop(np.full((112, 96, 3), level, np.uint8))).light == level


def test_size_is_the_longer_side():
    assert (measured(face((0, 0, 30, 50))).size, measured(face((0, 0, 50, 30))).size) == (50, 50)


@pytest.mark.parametrize("scale, degrees, shift", [(1, 0, 0), (3, 0, 20), (0.4, 77, -5)])
def test_a_face_that_looks_into_the_camera_has_no_turn_however_it_lies_in_the_picture(scale, degrees, shift):
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    assert measured(face(landmarks=TEMPLATE @ np.array([(c, s), (-s, c)]) + shift)).turn == pytest.approx(0, abs=1e-6)


def head(yaw, pitch):
    """The landmarks of a head whose landmarks seen from the front are the template, with the eyes' and mouth's depth zero, the nose 25 in front."""
    points = np.column_stack([TEMPLATE - TEMPLATE.mean(0), [0, 0, 25, 0]])
    a, b = np.radians(yaw), np.radians(pitch)
    sideways = np.array([(np.cos(a), 0, np.sin(a)), (0, 1, 0), (-np.sin(a), 0, np.cos(a))])
    nodding = np.array([(1, 0, 0), (0, np.cos(b), np.sin(b)), (0, -np.sin(b), np.cos(b))])
    return (points @ (nodding @ sideways).T)[:, :2] * 1.5 + 90


@pytest.mark.parametrize("axis", ["yaw", "pitch"])
@pytest.mark.parametrize("side", [-1, 1])
def test_turn_grows_as_a_head_turns(axis, side):
    angles = [0, 10, 20, 30, 40, 50]
    turns = [measured(face(landmarks=head(**{"yaw": 0, "pitch": 0, axis: side * angle}))).turn for angle in angles]
    assert turns == sorted(turns) and turns[0] < 1e-6
    assert turns[2] < Limits().turn < turns[5]


def plain_sharpness(grey):
    """Standard deviation of the sum of the four neighbours minus four times the pixel; borders mirrored without the edge."""
    padded = np.pad(grey.astype(float), 1, mode="reflect")
    values = [
        padded[y - 1, x] + padded[y + 1, x] + padded[y, x - 1] + padded[y, x + 1] - 4 * padded[y, x]
        for y in range(1, grey.shape[0] + 1)
        for x in range(1, grey.shape[1] + 1)
    ]
    return np.std(values)


@pytest.mark.parametrize("degrees", [0, 30, -100])
@pytest.mark.parametrize("scale", [0.9, 0.3, 0.11])
def test_light_and_sharpness_are_those_of_the_picture_not_of_the_black_beyond_it(scale, degrees):
    """A flat picture is flat, and as light as it is, over whichever edge the crop reaches and however much is halved for it."""
    c, s = np.cos(np.radians(degrees)) / scale, np.sin(np.radians(degrees)) / scale
    for size, middle in ((457, 311), (0, 0)), ((457, 311), (456, 310)), ((200, 150), (100, 0)), ((200, 150), (199, 70)):
        landmarks = (TEMPLATE - (47.5, 55.5)) @ np.array([(c, s), (-s, c)]) + middle
        seen = align(np.full((*size[::-1], 3), 120, np.uint8), landmarks.astype(np.float32), 112, 96)
        assert (seen.pixels == 0).any()  # it does reach beyond
        quality = measure_quality(face(landmarks=landmarks), seen, size)
        assert (quality.light, quality.sharpness) == (pytest.approx(120), 0)


def test_of_a_crop_that_shows_nothing_of_the_picture_light_and_sharpness_are_zero():
    quality = measured(face(landmarks=TEMPLATE - 500))
    assert (quality.light, quality.sharpness) == (0, 0)


@pytest.mark.parametrize("contrast", [0, 0.5, 2, 8])
def test_sharpness_is_the_deviation_of_a_plain_laplacian(contrast):
    grey = np.clip(120 + contrast * np.random.default_rng(0).normal(size=(112, 96)), 0, 255).round().astype(np.uint8)
    assert measured(pixels=crop(np.repeat(grey[..., None], 3, axis=2))).sharpness == pytest.approx(plain_sharpness(grey), abs=1e-4)
