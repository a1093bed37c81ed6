"""The administrator's desk: poses that are asked for and checked, a stranger who is named; all times are given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from facelite.face import Detection, Embedding, Outcome
from facelite.kiosk.config import EnrolConfig
from facelite.kiosk.desk import AHEAD, ASIDE, ENDS, MOVING, NOD, PATIENCE, POSES, Desk, posed
from facelite.kiosk.visits import State, View
from facelite.runtime.look import Look
from facelite.runtime.pose import EARS_DEPTH, MOUTH, NOSE_DEPTH

HEAD = np.array([(-0.5, 0, 0), (0.5, 0, 0), (0, 0.53, NOSE_DEPTH), (0, MOUTH, 0), (-1.02, 0.21, -EARS_DEPTH), (1.02, 0.21, -EARS_DEPTH)])


def face(turn=0.0, nod=0.0):
    """A head turned to the person's left, and its chin up, by so many degrees."""
    (ct, cn), (st, sn) = np.cos(np.radians([turn, nod])), np.sin(np.radians([turn, nod]))
    points = HEAD @ (np.array([(1, 0, 0), (0, cn, -sn), (0, sn, cn)]) @ np.array([(ct, 0, st), (0, 1, 0), (-st, 0, ct)])).T
    return Detection(np.array([100, 100, 120, 120]), points[:, :2] * 50 + 160, 0.9)


def person(outcome=Outcome.REJECTED, **pose):
    look = Look(face=face(**pose), embedding=Embedding(np.eye(4)[0], "s") if outcome.decided else None)
    return SimpleNamespace(look=look, decision=SimpleNamespace(outcome=outcome))


@pytest.fixture
def desk():
    """Grace has just been named, at 2.0."""
    return Desk(EnrolConfig(pictures=5)).opened(0.0).admitted(True, 1.0).named("Grace", 2.0)


POSED = {State.STRAIGHT: {}, State.LEFT: {"turn": 15}, State.RIGHT: {"turn": -15}, State.UP: {"nod": 10}, State.DOWN: {"nod": -10}}


def test_each_pose_is_waited_for_and_taken(desk):
    at = 2.0
    for pose in POSES:
        assert desk.stage is pose
        at += MOVING
        for other in POSED.values():
            if other != POSED[pose] and (pose is not State.STRAIGHT or "turn" in other):  # one face alone tells no nod
                assert len(desk.after([person(**other)], at).looks) == len(desk.looks)
        desk = desk.after([person(**POSED[pose])], at)
    assert desk.complete and len(desk.after([person()], at + MOVING).looks) == 5


def test_who_cannot_turn_is_enrolled_all_the_same(desk):
    desk = desk.after([person()], 2.0 + MOVING)
    asked = 2.0 + 2 * MOVING
    assert desk.after([person()], asked + PATIENCE - 0.1).stage is State.LEFT
    assert desk.after([person()], asked + PATIENCE).stage is State.RIGHT


def test_each_pose_has_the_whole_time_of_a_step():
    at, desk = 1.0, Desk(EnrolConfig(pictures=8, seconds=10.0)).opened(0.0).admitted(True, 0.5).named("Grace", 1.0)
    while not desk.complete:
        at += MOVING + PATIENCE
        desk = desk.after([person()], at)
        assert desk.stage


def test_what_is_straight_is_the_person_s_own(desk):
    """A camera at the side, or high up: the poses are meant from how the first picture was."""
    desk = desk.after([person(turn=9, nod=-20)], 2.0 + MOVING)
    assert desk.stage is State.LEFT
    desk = desk.after([person(turn=12, nod=-20)], 2.0 + 2 * MOVING)
    assert desk.stage is State.LEFT
    assert desk.after([person(turn=20, nod=-20)], 2.0 + 2 * MOVING).stage is State.RIGHT


@pytest.mark.parametrize(("pose", "degrees"), [(State.LEFT, ASIDE), (State.RIGHT, -ASIDE), (State.UP, NOD), (State.DOWN, -NOD)])
def test_a_pose_begins_at_its_limit(pose, degrees):
    axis = "nod" if pose in (State.UP, State.DOWN) else "turn"
    assert posed(pose, face(**{axis: 1.05 * degrees}), face()) and not posed(pose, face(**{axis: 0.95 * degrees}), face())


def test_straight_ends_at_its_limit_and_a_profile_is_no_pose():
    assert posed(State.STRAIGHT, face(turn=AHEAD - 0.5), None) and not posed(State.STRAIGHT, face(turn=AHEAD + 0.5), None)
    assert not any(posed(pose, face(turn=89.9), face()) or posed(pose, None, face()) for pose in POSES)


def test_who_turns_too_far_is_not_told_to_look_straight(desk):
    desk = desk.after([person()], 2.0 + MOVING)
    at = 2.0 + 2 * MOVING
    assert desk.view([person(Outcome.TURNED, turn=40)], at) == View(State.LESS)
    assert desk.view([person(Outcome.TOO_DARK)], at) == View(State.LIGHT)
    assert desk.view([person(Outcome.UNCLEAR)], at) == View(State.FACE)


def test_a_stranger_is_named_without_anybody_there():
    desk = Desk(EnrolConfig()).opened(0.0).admitted(True, 1.0)
    looks = [person().look, person().look]
    chosen = desk.chosen(7, looks, 2.0)
    assert (chosen.stage, chosen.complete) == (State.STRANGER, False)
    named = chosen.named("Grace", 3.0)
    assert named.complete and named.looks == tuple(looks) and (named.stranger, named.subject) == (7, "Grace")
    again = chosen.chosen(None, (), 3.0)
    assert (again.stage, again.stranger) == (State.NAME, None) and not again.named("Grace", 3.0).complete
    assert named.ended(State.ENROLLED, 4.0).stranger is None


def test_whatever_is_asked_for_can_be_cancelled(desk):
    assert desk.open and desk.view([person(Outcome.TOO_DARK)], 2.0 + MOVING).state is State.LIGHT
    assert not Desk(EnrolConfig()).open and not any(desk.ended(how, 9.0).open for how in ENDS)


def test_nobody_is_chosen_before_the_administrator_is_known():
    for desk in (Desk(EnrolConfig()), Desk(EnrolConfig()).opened(0.0)):
        assert desk.chosen(7, [person().look], 1.0) == desk
