"""Frozen means frozen, and only what fits is accepted."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facelite.calibration import STEPS
from facelite.errors import SpaceMismatch
from facelite.face import Decision, Detection, Embedding, FaceCrop, Outcome, Threshold

KEYPOINTS = np.arange(12, dtype=np.float32).reshape(6, 2)
THRESHOLD = Threshold(0.9, 1e-3, 2e-3, 0.1, 1000, 10_000, 4000)


def test_a_detection():
    box = np.array([10, 20, 30, 40])
    face = Detection(box, KEYPOINTS, 0.9)
    assert face.box.dtype == np.float32
    assert face.size == 40
    assert np.array_equal(face.landmarks, KEYPOINTS[:4])


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"expected box \(4,\)"):
        Detection(np.zeros(5), KEYPOINTS, 0.9)
    with pytest.raises(ValueError, match=r"keypoints \(6, 2\)"):
        Detection(np.zeros(4), KEYPOINTS[:5], 0.9)
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)):
        with pytest.raises(ValueError, match=r"expected \(h, w, 3\) uint8 RGB"):
            FaceCrop(wrong, KEYPOINTS[:4])


def test_arrays_are_read_only_and_the_callers_stay_writable():
    pixels, box, vector = np.zeros((8, 8, 3), np.uint8), np.zeros(4, np.float32), np.ones(4, np.float32)
    held = [FaceCrop(pixels, KEYPOINTS[:4]).pixels, Detection(box, KEYPOINTS, 0.9).box, Embedding(vector, "a").vector]
    for array in held:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    pixels[0] = box[0] = vector[0] = 1


def test_fields_are_frozen():
    for one in (Detection(np.zeros(4), KEYPOINTS, 0.9), THRESHOLD, Decision(Outcome.REJECTED, THRESHOLD)):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(one, dataclasses.fields(one)[0].name, 0)


def test_faces_compare_by_identity():
    first, second = (FaceCrop(np.zeros((8, 8, 3), np.uint8), KEYPOINTS[:4]) for _ in range(2))
    assert first == first
    assert first != second


vectors = arrays(np.float32, 16, elements=st.floats(-100, 100, width=32)).filter(lambda vector: np.linalg.norm(vector) > 0.01)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(vectors, vectors)
def test_distance_is_that_of_the_angle(a, b):
    first, second = Embedding(a, "space"), Embedding(b, "space")
    assert np.linalg.norm(first.vector) == pytest.approx(1, abs=1e-5)
    cosine = float(a.astype(float) @ b / np.linalg.norm(a.astype(float)) / np.linalg.norm(b.astype(float)))
    assert first.distance(second) == pytest.approx(2 - 2 * cosine, abs=1e-5)
    assert first.distance(second) == second.distance(first)
    assert first.distance(first) == 0
    assert 0 <= first.distance(second) <= 4.0001


@pytest.mark.parametrize("vector", [np.zeros(4), np.full(4, np.nan), np.array([np.inf, 1, 0, 0]), np.ones((1, 4))])
def test_a_vector_without_direction_is_no_embedding(vector):
    with pytest.raises(ValueError, match="expected a vector"):
        Embedding(vector, "space")


def test_two_spaces_are_not_compared():
    with pytest.raises(SpaceMismatch, match="'old' and 'new'"):
        Embedding(np.ones(4), "old").distance(Embedding(np.ones(4), "new"))


@pytest.mark.parametrize("wrong", [
    {"distance": -5.0}, {"distance": -2e-3}, {"distance": 4.001}, {"distance": math.nan}, {"distance": math.inf},
    {"fmr": 0.0}, {"fmr": 1.0}, {"fmr": -1e-3}, {"fmr": math.nan},
])  # fmt: skip
def test_an_impossible_threshold_is_refused(wrong):
    with pytest.raises(ValueError, match="expected a threshold from 0 to 4 with an FMR between 0 and 1, got"):
        dataclasses.replace(THRESHOLD, **wrong)


@pytest.mark.parametrize("distance", [-1 / STEPS, 0, 4])
def test_a_threshold_that_nothing_or_everything_matches_is_one(distance):
    assert dataclasses.replace(THRESHOLD, distance=distance).distance == distance


def test_only_two_outcomes_are_answers():
    assert {outcome for outcome in Outcome if outcome.decided} == {Outcome.ACCEPTED, Outcome.REJECTED}
    assert {outcome for outcome in Outcome if Decision(outcome, THRESHOLD).accepted} == {Outcome.ACCEPTED}
