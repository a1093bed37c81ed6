"""A liveness model of the user's: how its input is cut, which output means live, and what is refused when it is opened."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.errors import BundleError, InputError, RecipeError
from facelite.face import Detection
from facelite.runtime.liveness import LivenessModel, ModelCheck, ModelUse, Sight, Verdict, open_liveness_model
from facelite.runtime.liveness.model import cut_around

SHAPE = (1, 40, 40, 3)
FACE = Detection(np.array([30, 40, 20, 20]), np.zeros((6, 2)), 0.9)


def frame(value=128, shape=(100, 120)):
    return np.full((*shape, 3), value, np.uint8)


@pytest.fixture
def brightness(stub_runtime):
    """brightness(outputs): from now on a model's scores are what ``outputs`` makes of the mean of its input."""

    def put(outputs, **named):
        scores = np.atleast_1d(outputs(0.0))
        stub_runtime(
            lambda values: [np.float32([np.atleast_1d(outputs(float(values.mean())))])], **{"shape": SHAPE, "sizes": ((1, len(scores)),), **named}
        )

    return put


# its input


@pytest.mark.parametrize("seed", range(5))
def test_the_picture_is_that_of_a_plain_cut_and_resize(seed):
    """Where the box's pixels are whole and the scale is one half, an area mean of the cut is exact."""
    draw = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(draw.integers(0, 256, (200, 260, 3), np.uint8), (0, 0), 3)
    x, y = draw.integers(0, 200), draw.integers(0, 150)
    face = Detection(np.array([x - 0.5, y - 0.5, 40, 30]), np.zeros((6, 2)), 0.9)
    left, top = np.clip([x + 20 - 40, y + 15 - 40], 0, [260 - 80, 200 - 80])
    expected = cv2.resize(picture[top : top + 80, left : left + 80], (40, 40), interpolation=cv2.INTER_AREA)
    got = cut_around(picture, face, share=2, height=40, width=40)
    assert np.abs(got.astype(int) - expected).max() <= 1


def test_a_cut_that_is_larger_than_the_picture_is_made_smaller_and_keeps_its_shape():
    picture = np.zeros((100, 120, 3), np.uint8)
    picture[:, 10:110] = 200  # the square about the middle of the face, which is moved in
    face = Detection(np.array([50, 40, 20, 20]), np.zeros((6, 2)), 0.9)
    assert cut_around(picture, face, share=9, height=40, width=40)[2:-2, 2:-2].min() == 200
    wide = cut_around(picture, face, share=9, height=40, width=48)
    assert (wide.shape, wide[:, 0].max(), wide[:, 24].min()) == ((40, 48, 3), 0, 200)


def test_colours_and_numbers_are_those_asked_for(stub_runtime):
    seen = []
    stub_runtime(lambda values: [seen.append(values.copy()) or np.float32([[0.5]])], shape=SHAPE, sizes=((1, 1),))
    picture = frame()
    picture[:] = (10, 20, 30)
    LivenessModel(b"x", ModelUse(live=1, limit=0.5)).score(picture, FACE)
    LivenessModel(b"x", ModelUse(live=1, limit=0.5, colours="BGR", mean=10, std=2)).score(picture, FACE)
    assert [values[0, 20, 20].tolist() for values in (seen[1], seen[3])] == [[10, 20, 30], [10, 5, 0]]


# its output


@pytest.mark.parametrize(("outputs", "use", "expected"), [
    (lambda mean: mean / 255, {"live": 1}, 0.4),
    (lambda mean: mean / 255, {"live": 0}, 0.6),
    (lambda mean: [mean / 255, 1 - mean / 255], {"live": 0}, 0.4),
    (lambda mean: [0.1, mean / 255, 0.9 - mean / 255], {"live": 2}, 0.5),
    (lambda mean: mean / 51 - 1, {"live": 1, "scores": "logits"}, 1 / (1 + np.exp(-1))),
    (lambda mean: mean / 51 - 1, {"live": 0, "scores": "logits"}, 1 / (1 + np.exp(1))),
    (lambda mean: [700.0, 700 + mean / 102, -50], {"live": 1, "scores": "logits"}, np.e / (1 + np.e)),
])  # fmt: skip
def test_the_probability_of_a_live_face(brightness, outputs, use, expected):
    brightness(outputs)
    model = LivenessModel(b"x", ModelUse(limit=0.5, **use))
    assert model.score(frame(102), FACE) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("outputs", [lambda mean: mean, lambda mean: [0.2, 0.3], lambda mean: [-0.5, 1.5], lambda mean: np.nan])
def test_what_are_no_probabilities_is_refused_at_once_with_the_remedy(brightness, outputs):
    brightness(outputs)
    with pytest.raises(BundleError, match=r'expected probabilities from 0 to 1 with the sum 1, got \[.*\]; say scores = "logits"'):
        LivenessModel(b"x", ModelUse(live=1, limit=0.5))


def test_what_stops_being_a_probability_is_no_verdict(brightness):
    brightness(lambda mean: mean / 200)
    model = LivenessModel(b"x", ModelUse(live=1, limit=0.5))
    with pytest.raises(BundleError, match="expected probabilities"):
        ModelCheck(model, 0.0).after(Sight(frame(255), FACE), 0.1)


@pytest.mark.parametrize(("changes", "match"), [
    ({"shape": (1, 3, 80, 80)}, r"expected an input of \(1, height, width, 3\) .*, got \(1, 3, 80, 80\); convert"),
    ({"shape": (1, 16, 16, 3)}, "sides of 32 or more"),
    ({"shape": (2, 80, 80, 3)}, "expected an input of"),
    ({"sizes": ((1, 2), (1, 2))}, r"expected one output of one or more scores \(1, n\), got \(1, 2\), \(1, 2\); cut the others off"),
    ({"sizes": ((1, 5, 5, 2),)}, "expected one output"),
])  # fmt: skip
def test_a_model_of_another_shape_is_refused(brightness, changes, match):
    brightness(lambda mean: 0.5, **changes)
    with pytest.raises(BundleError, match=match):
        LivenessModel(b"x", ModelUse(live=1, limit=0.5))


@pytest.mark.parametrize(("outputs", "live", "last"), [(0.5, 2, 1), ([0.5, 0.5], 2, 1), ([0.2, 0.4, 0.4], 3, 2)])
def test_a_place_that_no_output_has_is_refused(brightness, outputs, live, last):
    brightness(lambda mean: outputs)
    with pytest.raises(BundleError, match=rf"expected live to be a place from 0 to {last} for {len(np.atleast_1d(outputs))} score\(s\), got {live}"):
        LivenessModel(b"x", ModelUse(live=live, limit=0.5))


# the file beside it


def test_a_model_is_opened_with_the_file_beside_it(brightness, tmp_path):
    brightness(lambda mean: mean / 255)
    (tmp_path / "m.tflite").write_bytes(b"x")
    (tmp_path / "m.toml").write_text('live = 0\nlimit = 0.7\ncolours = "BGR"\nframes = 3\n')
    assert open_liveness_model(tmp_path / "m.tflite").use == ModelUse(live=0, limit=0.7, colours="BGR", frames=3)


@pytest.mark.parametrize(("text", "error", "match"), [
    (None, InputError, r"m.toml: expected a file that says how m.tflite is used, got none; write one with live and limit at least"),
    ("limit = 0.5", RecipeError, "expected the key 'live', got none"),
    ("live = 1\nlimit = 1.5", RecipeError, "expected live >= 0, limit from 0 to 1"),
    ("live = 1\nlimit = 0.5\ncrop = 1e308", RecipeError, "crop from 0.01 to 100"),
    ("live = 1\nlimit = 0.5\ncrop = 1e-320", RecipeError, "crop from 0.01 to 100"),
    ("live = 1\nlimit = 0.5\nmean = 1e308", RecipeError, "a mean of -1e6 to 1e6"),
    ("live = 1\nlimit = 0.5\nstd = 1e-320", RecipeError, "std of 1e-6 to 1e6"),
    ("live = 1\nlimit = 0.5\nsize = 80", RecipeError, "got 'size'"),
    ('live = 1\nlimit = 0.5\ncolours = "GRB"', RecipeError, "expected colours to be one of RGB, BGR"),
    ("live = 2\nlimit = 0.5", BundleError, r"m.tflite: expected live to be a place"),
])  # fmt: skip
def test_what_is_wrong_beside_the_model_is_said(brightness, tmp_path, text, error, match):
    brightness(lambda mean: 0.5)
    (tmp_path / "m.tflite").write_bytes(b"x")
    if text is not None:
        (tmp_path / "m.toml").write_text(text)
    with pytest.raises(error, match=match):
        open_liveness_model(tmp_path / "m.tflite")


def test_no_model_at_all_is_said(tmp_path):
    with pytest.raises(InputError, match="expected a liveness model, got No such file"):
        open_liveness_model(tmp_path / "m.tflite")


# a check of several frames


def check(brightness, **changes):
    brightness(lambda mean: mean / 255)
    return ModelCheck(LivenessModel(b"x", ModelUse(**{"live": 1, "limit": 0.6, "frames": 3, "seconds": 2.0, **changes})), began=100.0)


@pytest.mark.parametrize(("values", "verdict"), [((51, 204, 255), Verdict.LIVE), ((51, 102, 255), Verdict.NOT_LIVE)])
def test_the_mean_of_the_frames_with_a_face_decides(brightness, values, verdict):
    going = check(brightness)
    for i, value in enumerate(values):
        assert (going.finding, going.prompt) == (None, "look at the camera")
        going = going.after(Sight(frame(), None), 100.2 + i * 0.1).after(Sight(frame(value), FACE), 100.2 + i * 0.1)
        assert going.value == pytest.approx(np.mean(values[: i + 1]) / 255)
    assert going.finding.verdict is verdict
    assert going.finding.value == going.value
    assert going.prompt == f"the model's probability of a live face is {going.value:.2f}, the limit 0.6"
    assert going.after(Sight(frame(0), FACE), 1e9) is going


def test_too_few_frames_in_time_are_undecided(brightness):
    going = check(brightness).after(Sight(frame(255), FACE), 100.0)
    late = going.after(Sight(frame(255), FACE), 102.1).finding
    assert (late.verdict, late.value, late.limit) == (Verdict.UNDECIDED, 1.0, 0.6)
    assert late.detail == "expected 3 frames with a face within 2 s, got 1; try again"
    assert check(brightness).value is None
