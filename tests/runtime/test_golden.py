"""The self-test: whatever computes something else is refused, and the stage that does is named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelite import preprocess
from facelite.bundle import EMBEDDER
from facelite.errors import BundleError, SelfTestError
from facelite.preprocess import Preprocessing
from facelite.runtime import golden as module
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import DISTANCE_TOLERANCE, Golden, embedding_error, make_golden, pack_golden, self_test, unpack_golden


class StubEmbedder(Embedder):
    """The released embedder with something wrong in it: ``bend`` changes inputs, ``answer`` outputs."""

    def __init__(self, bundle, bend=lambda x: x, answer=lambda y: y):
        super().__init__(bundle.files[EMBEDDER], space="s")
        run = self._interpreter.run
        self._interpreter = type("Bent", (), {"run": staticmethod(lambda x: [answer(run(bend(x))[0])])})()


def test_this_machine_passes(goldens, detector, embedder):
    self_test(goldens, detector, embedder)
    assert max(embedding_error(golden, embedder) for golden in goldens) < DISTANCE_TOLERANCE / 100


def test_a_small_deviation_of_other_kernels_passes(goldens, detector, bundle):
    noise = np.random.default_rng(0).normal(size=128).astype(np.float32)
    self_test(goldens, detector, StubEmbedder(bundle, answer=lambda y: y + 0.03 * np.linalg.norm(y) / np.linalg.norm(noise) * noise))


@pytest.mark.parametrize("bend", [
    pytest.param(lambda x: x[..., ::-1], id="BGR"),
    pytest.param(lambda x: x / 255, id="scaled twice"),
    pytest.param(lambda x: (x * 128 + 127.5) / 255, id="0 to 1"),
    pytest.param(lambda x: x * 128 + 127.5, id="0 to 255"),
    pytest.param(lambda x: x * 128 + 127.5 - 123.7, id="mean of ImageNet, no std"),
    pytest.param(lambda x: x[:, ::-1], id="upside down"),
    pytest.param(lambda x: x + 1, id="mean 0"),
    pytest.param(lambda x: np.zeros_like(x), id="black"),
])  # fmt: skip
def test_a_wrong_input_is_refused(goldens, detector, bundle, bend):
    with pytest.raises(SelfTestError, match=r"^the embedder fails its self-test: expected a distance of at most 0.02 .*, got .*; "):
        self_test(goldens, detector, StubEmbedder(bundle, bend=bend))


@pytest.mark.parametrize("answer", [
    pytest.param(lambda y: np.ones_like(y), id="constant"),
    pytest.param(lambda y: np.zeros_like(y), id="zero"),
    pytest.param(lambda y: np.full_like(y, np.nan), id="NaN"),
    pytest.param(lambda y: np.full_like(y, np.inf), id="infinite"),
    pytest.param(lambda y: -y, id="negated"),
    pytest.param(lambda y: np.roll(y, 1), id="rolled"),
    pytest.param(lambda y: y[:, :64], id="half"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_wrong_output_is_refused(goldens, detector, bundle, answer):
    with pytest.raises(SelfTestError, match=r"^the embedder fails"):
        self_test(goldens, detector, StubEmbedder(bundle, answer=answer))


def test_the_embedding_of_the_first_face_for_everybody_is_refused(goldens, detector, bundle):
    with pytest.raises(SelfTestError, match=r"^the embedder fails"):
        self_test(goldens, detector, StubEmbedder(bundle, answer=lambda y: goldens[0].vector[None]))


def test_preprocessing_of_another_program_is_refused(goldens, detector, embedder, monkeypatch):
    def swapped(crop, preprocessing):
        return preprocess.to_input(crop[..., ::-1], preprocessing)

    monkeypatch.setattr("facelite.runtime.embedder.to_input", swapped)
    with pytest.raises(SelfTestError, match=r"^the embedder fails"):
        self_test(goldens, detector, embedder)


@pytest.mark.parametrize("size", [Preprocessing(112, 96, mean=0, std=255), Preprocessing(112, 96, mean=0, std=1)])
def test_another_mean_or_std_in_the_manifest_is_refused(goldens, detector, bundle, size):
    with pytest.raises(SelfTestError, match=r"^the embedder fails"):
        self_test(goldens, detector, Embedder(bundle.files[EMBEDDER], space="s", preprocessing=size))


def test_another_alignment_is_refused(goldens, detector, embedder, monkeypatch):
    def by_the_eyes_alone(image, landmarks, height, width):
        return preprocess.align(image, landmarks + np.float32([[0, 0], [0, 0], [0, 6], [0, 12]]), height, width)

    monkeypatch.setattr(module, "align", by_the_eyes_alone)
    with pytest.raises(SelfTestError, match=r"^alignment fails its self-test"):
        self_test(goldens, detector, embedder)


def test_another_size_of_crop_is_refused(goldens, detector, stub_runtime):
    stub_runtime(lambda values: [np.ones((1, 128), np.float32)], shape=(1, 96, 96, 3))
    with pytest.raises(SelfTestError, match=r"^alignment fails"):
        self_test(goldens, detector, Embedder(b"x", space="s"))


class StubDetector:
    def __init__(self, detector, change):
        self.detect = lambda frame: change(detector.detect(frame))


@pytest.mark.parametrize("change", [
    pytest.param(lambda faces: [], id="finds nothing"),
    pytest.param(lambda faces: [replace(face, keypoints=face.keypoints[::-1]) for face in faces], id="other order"),
    pytest.param(lambda faces: [replace(face, keypoints=face.keypoints + 2) for face in faces], id="two pixels off"),
    pytest.param(lambda faces: [replace(face, keypoints=face.keypoints * np.float32(np.nan)) for face in faces], id="NaN"),
])  # fmt: skip
def test_a_broken_detector_is_refused(goldens, detector, embedder, change):
    with pytest.raises(SelfTestError, match=r"^the detector fails its self-test: expected keypoints within 0.02, got"):
        self_test(goldens, StubDetector(detector, change), embedder)


def test_a_detector_that_finds_nothing_in_any_frame_is_refused(goldens, embedder, detector_file, stub_runtime):
    stub_runtime(lambda x: [np.full((1, 896, 1), -50, np.float32), np.zeros((1, 896, 16), np.float32)], shape=(1, 128, 128, 3),
                 sizes=((1, 896, 1), (1, 896, 16)))  # fmt: skip
    with pytest.raises(SelfTestError, match=r"^the detector fails"):
        self_test(goldens, Detector(detector_file), embedder)


# golden vectors as a file


def test_what_is_packed_is_unpacked(goldens, bundle):
    for one, other in zip(unpack_golden(pack_golden(goldens)), goldens, strict=True):
        np.testing.assert_array_equal(one.frame, other.frame)
        np.testing.assert_array_equal(one.crop, other.crop)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-3)
        np.testing.assert_allclose(one.vector, other.vector, atol=1e-5)


def test_a_frame_with_no_face_or_two_gives_no_golden_vector(detector, embedder, astronaut):
    assert make_golden(np.zeros((64, 64, 3), np.uint8), detector, embedder) is None
    assert make_golden(np.hstack([astronaut, astronaut]), detector, embedder) is None


def test_fewer_than_two_golden_vectors_prove_nothing(goldens, detector, embedder):
    for few in ([], goldens[:1]):
        with pytest.raises(SelfTestError, match="expected two or more golden vectors"):
            self_test(few, detector, embedder)


def test_the_faults_that_export_tries_move_each_golden_vector_well_beyond_the_tolerance(goldens, embedder):
    for golden in goldens:
        assert embedding_error(golden, embedder, golden.crop[..., ::-1]) > 3 * DISTANCE_TOLERANCE
        assert embedding_error(golden, embedder, np.full_like(golden.crop, 127)) > 3 * DISTANCE_TOLERANCE
        assert all(np.sum((golden.vector - other.vector) ** 2) > 3 * DISTANCE_TOLERANCE for other in goldens if other is not golden)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


SMALL = Golden(
    np.zeros((8, 8, 3), np.uint8), np.float32([[0, 0], [5, 0], [3, 3], [3, 6]]), np.zeros((8, 8, 3), np.uint8), np.eye(3, dtype=np.float32)[0]
)
ENTRY = json.loads(pack_golden([SMALL]))[0]


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(sorted(ENTRY)), value=JSON)
def test_no_value_crashes_the_reader(key, value):
    try:
        unpack_golden(json.dumps([ENTRY | {key: value}]).encode())
    except SelfTestError as error:
        assert str(error).startswith("expected golden vectors, got ")


@pytest.mark.parametrize("text", [b"", b"no JSON", b"3", b"[3]", b"{}", b"[{}]", b"[" * 100_000, b"\xff"])
def test_what_is_no_golden_file_is_refused(text, detector, embedder):
    with pytest.raises(SelfTestError, match=r"expected .*golden vectors, got .*export the bundle again"):
        self_test(unpack_golden(text), detector, embedder)


def test_degenerate_golden_vectors_are_refused():
    assert len(unpack_golden(json.dumps([ENTRY]).encode())) == 1
    for change in ({"landmarks": [[3, 3]] * 4}, {"landmarks": [[float("nan")] * 2] * 4}, {"embedding": [float("inf")]}, {"crop": "AAAA"}):
        with pytest.raises(SelfTestError):
            unpack_golden(json.dumps([ENTRY | change]).encode())


def test_golden_vectors_that_would_fill_the_memory_are_refused(goldens):
    table = json.loads(pack_golden(goldens))
    with pytest.raises(SelfTestError, match="expected golden vectors, got 18 of them; export"):
        unpack_golden(json.dumps(table * 6).encode())
    large = pack_golden([replace(goldens[0], frame=np.zeros((1100, 1000, 3), np.uint8))])
    with pytest.raises(SelfTestError, match="got expected a picture of 1 to 1,048,576 pixels, got 1000 x 1100"):
        unpack_golden(large)


def test_a_golden_face_whose_mouth_lies_between_the_eyes_is_refused(goldens):
    """Deviations are told in that distance."""
    landmarks = goldens[0].landmarks.copy()
    landmarks[3] = landmarks[:2].mean(0)
    with pytest.raises(ValueError, match="finite landmarks"):
        replace(goldens[0], landmarks=landmarks)


@pytest.mark.parametrize("factor", [0, 2, 1e30, np.nan])
def test_a_golden_vector_of_another_length_than_one_is_refused(goldens, factor):
    with pytest.raises(ValueError, match="a vector of unit length missing"), np.errstate(over="ignore"):
        replace(goldens[0], vector=goldens[0].vector * np.float32(factor))


@pytest.mark.parametrize("sizes", [((1, 896, 1),), ((1, 640, 1), (1, 640, 16)), ((1, 896, 16), (1, 896, 1)), ((896, 1), (896, 16))])
def test_a_detector_of_other_outputs_is_refused(detector_file, stub_runtime, sizes):
    stub_runtime(None, shape=(1, 128, 128, 3), sizes=sizes)
    with pytest.raises(BundleError, match=r"expected a detector of outputs \(\(1, 896, 1\), \(1, 896, 16\)\), got "):
        Detector(detector_file)
