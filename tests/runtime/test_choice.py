"""Which face is meant, on boxes whose places are plain to see."""

import numpy as np
import pytest

from facelite.face import Detection
from facelite.runtime.choice import choose, clear_centre, off_centre

FRAME = (401, 601, 3)
"""The middle is (300, 200)."""


def face(x, y, size=100):
    """A face whose box has its middle at (x, y)."""
    return Detection(np.array([x - size / 2, y - size / 2, size, size]), np.zeros((6, 2)), 0.9)


def test_off_centre():
    assert off_centre(face(300, 200), FRAME) == 0
    assert off_centre(face(330, 240), FRAME) == pytest.approx(50)


@pytest.mark.parametrize("rule", ["only", "centre", "largest"])
def test_a_single_face_is_meant_by_every_rule(rule):
    one = face(50, 50)
    assert choose([one], FRAME, rule=rule) is one


def test_several_faces():
    middle, large, right = face(310, 190, 60), face(100, 100, 180), face(500, 200, 61)
    for faces in ([middle, large, right], [right, large, middle]):
        assert choose(faces, FRAME, rule="only") is None
        assert choose(faces, FRAME, rule="centre") is middle
        assert choose(faces, FRAME, rule="largest") is large


@pytest.mark.parametrize("rule", ["only", "centre", "largest"])
def test_no_face_is_no_choice(rule):
    with pytest.raises(ValueError, match="expected at least one face, got none"):
        choose([], FRAME, rule=rule)


def test_the_centre_face_must_lead():
    first = face(300, 210)  # 10 pixels off, 100 wide: leads from 35 on
    assert clear_centre([first], FRAME) is first
    assert clear_centre([face(300, 236), first], FRAME) is first
    assert clear_centre([face(300, 234), first], FRAME) is None
    assert clear_centre([first, face(500, 200), face(300, 170)], FRAME) is None


def test_a_face_far_from_the_centre_may_lead():
    corner = face(20, 20)
    assert clear_centre([corner], FRAME) is corner
    assert clear_centre([corner, face(-40, -40)], FRAME) is corner
