"""The head turn: yaw against a head of points that is rotated in space, and photographs that must not turn whatever is done to them."""

from __future__ import annotations

from dataclasses import replace
from random import Random, SystemRandom

import numpy as np
import pytest

from facelite.face import Detection
from facelite.runtime.liveness import Sight, TurnChallenge, TurnRule, Verdict
from facelite.runtime.pose import EARS_DEPTH, MOUTH, NOSE_DEPTH, pitch, yaw

HEAD = np.array([(-0.5, 0, 0), (0.5, 0, 0), (0, 0.53, NOSE_DEPTH), (0, MOUTH, 0), (-1.02, 0.21, -EARS_DEPTH), (1.02, 0.21, -EARS_DEPTH)])
"""Eyes, nose, mouth and ears in distances of the eyes: to the right of the picture, down, towards the camera."""

FRAME = np.zeros((8, 8, 3), np.uint8)
RULE = TurnRule()


def rotation(turn=0.0, nod=0.0, roll=0.0):
    """Degrees to the person's left, upwards, clockwise in the picture: nods happen in the body's frame, before the roll of the camera."""
    (ct, cn, cr), (st, sn, sr) = np.cos(np.radians([turn, nod, roll])), np.sin(np.radians([turn, nod, roll]))
    about_y = np.array([(ct, 0, st), (0, 1, 0), (-st, 0, ct)])
    about_x = np.array([(1, 0, 0), (0, cn, -sn), (0, sn, cn)])
    return np.array([(cr, -sr, 0), (sr, cr, 0), (0, 0, 1)]) @ about_x @ about_y


def face(points, *, scale=40.0, place=(160.0, 120.0)):
    """The detection of a head whose ``points`` (6, 2 or more) are in distances of the eyes."""
    keypoints = np.asarray(points)[:, :2] * scale + place
    return Detection(np.array([place[0] - 1.25 * scale, place[1] - 0.9 * scale, 2.5 * scale, 2.5 * scale]), keypoints, 0.9)


def turned(degrees, **where):
    return face(HEAD @ rotation(degrees).T, **where)


def run(faces, side="left", *, rule=RULE, step=0.1, began=100.0):
    challenge = TurnChallenge(side, began, rule)
    for i, one in enumerate(faces):
        challenge = challenge.after(Sight(FRAME, one), began + i * step)
    return challenge


def there_and_back(peak, *, steps=8):
    """Faces that look ahead, turn to ``peak`` degrees and come back."""
    angles = [0, 0, 0, *np.linspace(0, peak, steps), peak, peak, *np.linspace(peak, 0, steps), 0, 0]
    return [turned(angle) for angle in angles]


# yaw


@pytest.mark.parametrize("degrees", range(-60, 61, 10))
def test_the_yaw_of_a_head_that_only_turns_is_its_angle_at_any_size_place_and_roll(degrees):
    for roll in (0, 20, -75, 180):
        points = HEAD @ rotation(degrees, roll=roll).T
        for scale in (10.0, 90.0):
            assert yaw(face(points, scale=scale, place=(33.0, 71.0))) == pytest.approx(degrees, abs=1e-3)


def test_the_yaw_of_a_head_that_nods_too_is_where_the_camera_stands_beside_it():
    """By the direction to the camera in the head's own frame, read off the rotation: no keypoint is in this."""
    draw = np.random.default_rng(0)
    for _ in range(200):
        turn, nod, roll = draw.uniform([-60, -40, -180], [60, 40, 180])
        matrix = rotation(turn, nod, roll)
        camera = matrix.T @ np.array([0, 0, 1])
        assert yaw(face(HEAD @ matrix.T)) == pytest.approx(-np.degrees(np.arctan2(camera[0], camera[2])), abs=1e-3)


def test_nose_and_ears_must_agree_and_the_smaller_counts():
    points = HEAD @ rotation(30).T
    lazy = points.copy()
    lazy[2] = (HEAD @ rotation(12).T)[2]
    assert 5 < yaw(face(lazy)) < 15
    contrary = points.copy()
    contrary[2] = (HEAD @ rotation(-20).T)[2]
    assert yaw(face(contrary)) == 0


def test_a_profile_and_keypoints_in_one_place_have_no_yaw():
    assert yaw(turned(89.9)) is None
    assert yaw(face(np.zeros((6, 2)))) is None


@pytest.mark.parametrize("degrees", range(-40, 41, 10))
def test_the_pitch_of_a_head_that_nods_is_its_angle_at_any_size_and_roll(degrees):
    front = face(HEAD @ rotation(nod=3).T)
    for roll in (0, 20, 180):
        nodding = face(HEAD @ rotation(nod=degrees, roll=roll).T, scale=70.0, place=(33.0, 71.0))
        assert pitch(nodding, face(HEAD)) == pytest.approx(degrees, abs=1e-3)
        assert np.sign(pitch(nodding, front)) == np.sign(degrees - 3)


def test_a_profile_has_no_pitch():
    assert pitch(turned(89.9), face(HEAD)) is None and pitch(face(HEAD), turned(89.9)) is None


# a turn


@pytest.mark.parametrize(("peak", "side"), [(45, "left"), (-45, "right")])
def test_a_turn_to_the_side_asked_for_and_back_is_live(peak, side):
    found = run(there_and_back(peak), side).finding
    assert found.verdict is Verdict.LIVE
    assert found.value == pytest.approx(45, abs=0.1)
    assert found.detail == f"turned 45 degrees to the {side}, as asked, and back"
    other = run(there_and_back(peak), "right" if side == "left" else "left")
    assert (other.finding, other.value) == (None, 0)


def test_it_is_told_what_to_do_at_each_stage():
    challenge, prompts = TurnChallenge("left", 0.0), []
    for i, one in enumerate([*there_and_back(45), turned(0)]):
        prompts.append(challenge.prompt)
        challenge = challenge.after(Sight(FRAME, one), 0.1 * i)
    assert list(dict.fromkeys(prompts)) == [
        "look straight at the camera",
        "turn your head slowly to your left",
        "look straight at the camera again",
        "turned 45 degrees to the left, as asked, and back",
    ]


@pytest.mark.parametrize("faces", [
    there_and_back(32),  # not far enough
    there_and_back(45)[:-5],  # not back again
    there_and_back(45)[11:],  # not from the front
])  # fmt: skip
def test_a_part_of_a_turn_is_not_live_and_the_time_ends_it(faces):
    begun = run(faces)
    assert begun.finding is None
    late = begun.after(Sight(FRAME, turned(0)), 110.1).finding
    assert (late.verdict, late.limit) == (Verdict.NOT_LIVE, 35)
    assert late.detail == f"expected a turn of 35 degrees to the left and back within 10 s, got {late.value:.0f} degrees; try again"


def test_nobody_is_undecided_and_a_finished_challenge_stays_as_it_is():
    nobody = run([None] * 102)
    assert nobody.finding.verdict is Verdict.UNDECIDED
    assert "got no face; try again" in nobody.finding.detail
    assert nobody.after(Sight(FRAME, turned(0)), 200.0) is nobody
    done = run(there_and_back(45))
    assert done.after(Sight(FRAME, None), 1e9) is done


def test_a_turn_is_cut_by_a_long_absence_a_leap_and_another_face_and_begins_anew():
    faces = there_and_back(45)
    away = len(faces) // 2
    elsewhere = [turned(45, place=(260.0, 120.0)), turned(45, scale=70.0)]
    for cut in ([None] * 6, *([one] for one in elsewhere)):
        broken = run([*faces[:away], *cut, *faces[away:]])
        assert (broken.finding, broken.value) == (None, 0)
    assert run([*faces[:away], *[None] * 4, *faces[away:]]).finding  # not seen for less than half a second
    two_photographs = [turned(0)] * 5 + [turned(45)] * 5 + [turned(0)] * 5
    assert run(two_photographs).value == 0
    assert run([*two_photographs, *faces]).finding.verdict is Verdict.LIVE


def test_one_bad_frame_turns_no_head():
    for peak in (15, 19):
        assert run([turned(0)] * 5 + [turned(peak)] + [turned(0)] * 5, rule=TurnRule(turned=14)).value == 0


def test_the_side_is_random_and_given_by_the_caller():
    def sides():
        random = Random(7)  # noqa: S311 - a draw, no secret
        return [TurnChallenge.to_random_side(random, began=5.0).side for _ in range(40)]

    assert sides() == sides()
    assert 10 < sides().count("left") < 30
    assert TurnChallenge.to_random_side(SystemRandom(), began=5.0, rule=TurnRule(turned=40)).limit == 40


def test_a_challenge_that_never_ends_finds_the_value_that_any_limit_is_judged_by():
    """As pad-eval does: over random walks of the head, whether a limit is reached is whether the endless challenge's value is at or above it."""
    endless, reached = replace(RULE, turned=90), 0
    for seed in range(40):
        draw = np.random.default_rng(seed)
        angles = draw.uniform(5, 45) * np.sin(np.cumsum(draw.uniform(0, 0.5, 60))) + draw.normal(0, 2, 60)
        faces = [turned(angle) for angle in angles]
        value = run(faces, rule=endless).value
        for limit in (15, 25, 30):
            assert (run(faces, rule=replace(RULE, turned=limit)).finding is not None) == (value >= limit)
            reached += value >= limit
    assert 20 < reached < 100


@pytest.mark.parametrize("values", [{"turned": 5}, {"front": 0}, {"turned": 91}, {"seconds": 0}, {"gap": -1}])
def test_an_impossible_rule_is_misuse(values):
    with pytest.raises(ValueError, match="expected 0 < front < turned <= 90"):
        TurnRule(**values)


# photographs


def affine_walk(draw, count=80):
    """Affine maps (2, 2) that change little by little from the identity on: shrunk, sheared, rolled, tilted from afar, never mirrored."""
    turns = np.cumsum(draw.normal(0, 0.15, (count, 2)), axis=0)
    squeeze = np.exp(0.5 * np.sin(np.cumsum(draw.normal(0, 0.3, (count, 2)), axis=0)))
    for (a, b), (p, q) in zip(turns, squeeze, strict=True):
        yield rotation(roll=np.degrees(a))[:2, :2] @ np.diag([p, q]) @ rotation(roll=np.degrees(b))[:2, :2]


@pytest.mark.parametrize("shown", [0, 10, 20, 35, -40])
def test_a_photograph_under_affine_maps_never_turns(shown):
    photograph = (HEAD @ rotation(shown, nod=5).T)[:, :2]
    expected, seen = yaw(face(photograph)), 0
    for seed in range(6):
        faces = [face(photograph @ matrix.T, place=(160 + i, 120 - i / 2)) for i, matrix in enumerate(affine_walk(np.random.default_rng(seed)))]
        angles = [yaw(one) for one in faces]
        known = [angle for angle in angles if angle is not None]
        seen += len(known)
        assert known == pytest.approx([expected] * len(known), abs=0.05)  # keypoints are float32
        for side in ("left", "right"):
            assert run(faces, side).value == 0
    assert seen > 300


def printed(points, tilt, distance, bend):
    """The flat ``points`` on a print bent about an upright axis with the radius ``bend`` and tilted, ``distance`` away; in distances of the eyes."""
    x, y = points.T
    out, z = (x, 0 * x) if np.isinf(bend) else (bend * np.sin(x / bend), bend * (np.cos(x / bend) - 1))
    places = np.stack([out, y, z], axis=1) @ rotation(tilt).T
    return places[:, :2] * distance / (distance - places[:, 2:])


@pytest.mark.parametrize(("distance", "bend", "most"), [(8, np.inf, 7), (4, np.inf, 13), (1e6, 10, 12), (8, 5, 26)])
def test_a_photograph_tilted_close_by_or_bent_a_little_moves_less_than_a_turn(distance, bend, most):
    """Eyes are 6.3 cm apart: 8 and 4 of that are 50 and 25 cm, radii of 10 and 5 are 63 and 32 cm. What a detector sees in it: docs/liveness.md."""
    angles = [yaw(face(printed(HEAD[:, :2], tilt, distance, bend))) for tilt in np.linspace(-70, 70, 141)]
    greatest = max(abs(angle) for angle in angles if angle is not None)
    assert 1 < greatest < most < RULE.turned
    assert run([face(printed(HEAD[:, :2], tilt, distance, bend)) for tilt in [*range(0, 70, 2), *range(70, 0, -2)]], "left").finding is None
