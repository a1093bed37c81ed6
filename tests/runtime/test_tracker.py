"""Tracks against what is known of made-up films: who stands where in each frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.runtime.detector import Detector, overlap
from facelite.runtime.tracker import Tracker, TrackRule

GREY = (118, 121, 119)
STEP = 0.1
"""Seconds between two frames."""


@pytest.fixture(scope="module")
def faces(astronaut, hopper):
    """Two people, 150 pixels high."""
    return [cv2.resize(astronaut[0:210, 130:320], (136, 150), interpolation=cv2.INTER_AREA), cv2.resize(hopper, (136, 150))]


def film(faces, *places, size=(360, 640)):
    """A frame for each row of ``places``: for each face the corner (x, y) where it is, or None."""
    for row in places:
        frame = np.full((*size, 3), GREY, np.uint8)
        for face, place in zip(faces, row, strict=False):
            if place is not None:
                x, y = place
                frame[y : y + face.shape[0], x : x + face.shape[1]] = face
        yield frame


@pytest.fixture
def looks(monkeypatch):
    """How often the whole frame was searched."""
    counted = []
    detect = Detector.detect
    monkeypatch.setattr(Detector, "detect", lambda self, frame, **more: counted.append(1) or detect(self, frame, **more))
    return counted


def run(detector, frames, **rule):
    tracker = Tracker(detector, rule=TrackRule(**rule))
    return [tracker.update(frame, number * STEP) for number, frame in enumerate(frames)]


def test_a_walk_through_the_frame_is_one_track_with_few_searches(detector, faces, looks):
    places = [[(20 + 12 * i, 100 + 3 * i)] for i in range(30)]
    found = run(detector, film(faces, *places), search=1.0)
    assert [[track.number for track in tracks] for tracks in found] == [[1]] * 30
    assert len(looks) == 3  # at 0, 1 and 2 seconds
    assert {track.began for (track,) in found} == {0.0}
    for (track,), frame, ((x, y),), i in zip(found, film(faces, *places), places, range(30), strict=True):
        middle = track.face.box[:2] + track.face.box[2:] / 2
        assert x < middle[0] < x + 136 and y < middle[1] < y + 150
        assert track.seen == i * STEP
        (searched,) = detector.detect(frame)
        assert overlap(track.face.box, searched.box) > 0.8  # where a search finds it
        assert np.abs(track.face.landmarks - searched.landmarks).max() < 0.08 * searched.size


def test_two_people_are_two_tracks_and_a_newcomer_is_seen_at_the_next_search(detector, faces):
    places = [[(60, 100), None]] * 4 + [[(60, 100), (400, 90)]] * 8
    found = run(detector, film(faces, *places), search=0.5)
    numbers = [[track.number for track in tracks] for tracks in found]
    assert numbers[:5] == [[1]] * 5 and numbers[-1] == [1, 2]
    assert numbers.index([1, 2]) <= 4 + 5


def test_who_leaves_and_comes_back_later_is_somebody_new(detector, faces):
    gone = [[None]] * 12
    found = run(detector, film(faces, [(60, 100)], [(60, 100)], *gone, [(60, 100)]), patience=0.5)
    assert [[track.number for track in tracks] for tracks in found] == [[1], [1], *[[]] * 12, [2]]


def test_who_is_hidden_for_a_moment_stays_the_same(detector, faces):
    found = run(detector, film(faces, [(60, 100)], [None], [None], [(70, 100)]), patience=0.7)
    assert [[track.number for track in tracks] for tracks in found] == [[1], [], [], [1]]


def test_with_nobody_there_each_frame_is_searched_so_that_nobody_waits(detector, faces, looks):
    found = run(detector, film(faces, [None], [None], [(60, 100)]), search=5.0)
    assert [len(tracks) for tracks in found] == [0, 0, 1] and len(looks) == 3


@pytest.mark.parametrize("jump", [75, 460])
def test_a_jump_is_another_person(detector, faces, jump):
    found = run(detector, film(faces, [(20, 100)], [(20 + jump, 100)]), search=5.0)
    assert [[track.number for track in tracks] for tracks in found] == [[1], [2]]


@pytest.mark.parametrize("seconds", [0.05, 1.0, 5.0])
def test_however_slow_the_frames_come_who_is_in_each_is_one_track(detector, faces, seconds):
    tracker = Tracker(detector)
    found = [tracker.update(frame, number * seconds) for number, frame in enumerate(film(faces, *[[(60 + 4 * i, 100)] for i in range(4)]))]
    assert [[track.number for track in tracks] for tracks in found] == [[1]] * 4


def test_who_is_renewed_is_followed_under_a_new_number(detector, faces):
    tracker = Tracker(detector)
    (first,) = tracker.update(next(film(faces, [(60, 100)])), 0.0)
    new = tracker.renew(first)
    assert (new.number, new.began, new.face) == (2, 0.0, first.face)
    assert [track.number for track in tracker.update(next(film(faces, [(64, 100)])), 0.1)] == [2]


def test_two_tracks_of_one_face_become_the_older_one(detector, faces):
    """The second person walks behind the first and out of sight."""
    places = [[(60 + 0 * i, 100), (330 - 30 * i, 100)] for i in range(10)]
    frames = list(film(faces[::-1], *[row[::-1] for row in places]))  # the first is drawn last, over the second
    found = run(detector, frames, search=0.2)
    assert {track.number for track in found[0]} == {1, 2}
    assert len(found[-1]) == 1
    for tracks in found:
        assert all(overlap(a.face.box, b.face.box) < 0.3 for a in tracks for b in tracks if a is not b)


@pytest.mark.parametrize("wrong", [{"search": -1.0}, {"patience": float("nan")}])
def test_an_impossible_rule_is_refused(wrong):
    with pytest.raises(ValueError, match="expected search >= 0, patience >= 0"):
        TrackRule(**wrong)
