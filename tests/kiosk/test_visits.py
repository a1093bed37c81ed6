"""What happens before a kiosk: who is let in, who is not, and what is said meanwhile; all times are given."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from facelite.face import Decision, Outcome, Threshold
from facelite.kiosk.config import VisitRule
from facelite.kiosk.visits import HINTS, Kind, State, View, Visits
from facelite.runtime.attempt import Lock, LockRule

THRESHOLD = Threshold(distance=1.0, fmr=1e-3, fmr_upper=2e-3, fnmr=0.1, genuine_pairs=100, impostor_pairs=10000, people_pairs=10000)
RULE = VisitRule(alone=True, shown=4.0, again=8.0)


def decision(outcome, subject=None):
    return Decision(outcome, THRESHOLD, subject=subject, distance=0.5 if subject else 1.5)


def person(number, answer=None, *, now=Outcome.REJECTED, size=100.0):
    """Somebody whose attempt has this ``answer``; this frame alone shows whom that names, if ``now`` is ACCEPTED."""
    shown = decision(now, answer.subject if answer and now is Outcome.ACCEPTED else None)
    return SimpleNamespace(track=SimpleNamespace(number=number, face=SimpleNamespace(size=size)), decision=shown, answer=answer)


EILEEN = person(1, decision(Outcome.ACCEPTED, "Eileen"), now=Outcome.ACCEPTED)
STRANGER = person(2, decision(Outcome.REJECTED, "Eileen"))


def test_who_is_accepted_is_let_in_once_and_welcomed_until_they_leave():
    visits, events, _ = Visits(RULE).after([EILEEN], 0.0)
    assert [(one.kind, one.subject) for one in events] == [(Kind.ACCEPTED, "Eileen")]
    for at in (0.1, 3.9, 7.9):
        visits, events, again = visits.after([EILEEN], at)
        assert not events and not again
        assert visits.view([EILEEN], at) == View(State.WELCOME, "Eileen")
    assert visits.view([], 3.0) == View(State.WELCOME, "Eileen")
    assert visits.view([], 4.0) == View(State.IDLE)


def test_who_stays_may_try_again_after_a_while():
    visits, _, _ = Visits(RULE).after([EILEEN], 0.0)
    visits, events, again = visits.after([EILEEN], 8.0)
    assert (events, again) == ([], {1})  # the old answer lets nobody in a second time
    visits, events, _ = visits.after([person(1)], 8.1)
    assert events == []
    assert [one.kind for one in visits.after([EILEEN], 8.3)[1]] == [Kind.ACCEPTED]


def test_somebody_whose_track_broke_off_is_on_the_same_visit():
    visits, _, _ = Visits(RULE).after([EILEEN], 0.0)
    visits, events, _ = visits.after([person(7, EILEEN.answer, now=Outcome.ACCEPTED)], 5.0)
    assert events == [] and visits.view([person(7)], 5.0) == View(State.WELCOME, "Eileen")
    assert visits.after([person(7, EILEEN.answer, now=Outcome.ACCEPTED)], 8.0)[2] == {1, 7}


def test_a_stranger_is_told_without_a_name():
    visits, events, _ = Visits(RULE).after([STRANGER], 0.0)
    assert [(one.kind, one.subject) for one in events] == [(Kind.REJECTED, None)]
    assert visits.view([STRANGER], 1.0) == View(State.REJECTED)
    assert visits.after([STRANGER], 4.0)[2] == {2}


def test_only_whom_this_very_frame_shows_is_let_in():
    turned = person(1, EILEEN.answer, now=Outcome.TURNED)
    assert Visits(RULE).after([turned], 0.0)[1] == []
    somebody_else = person(1, EILEEN.answer)
    somebody_else.decision = decision(Outcome.ACCEPTED, "Grace")
    assert Visits(RULE).after([somebody_else], 0.0)[1] == []


def test_what_was_seen_in_a_crowd_or_during_a_lock_or_a_wait_is_forgotten():
    again = Visits(RULE).after([EILEEN, STRANGER], 0.0)[2]
    assert again == {1, 2}
    locked = Visits(RULE, Lock(LockRule(), failures=9, until=10.0))
    assert locked.after([EILEEN], 5.0)[2] == {1}
    waiting, _, _ = Visits(RULE, code_seconds=20.0).after([EILEEN], 0.0)
    assert waiting.after([EILEEN, person(9)], 1.0)[2] >= {1, 9}


def test_a_late_code_opens_once_and_gives_no_second_credit():
    visits, _, _ = Visits(RULE, code_seconds=20.0).after([EILEEN], 0.0)
    for at in (3.0, 9.0):
        visits, events, _ = visits.after([EILEEN], at)
        assert events == []
    visits, events = visits.typed(True, 9.5)
    assert [one.kind for one in events] == [Kind.ACCEPTED] and visits.view([EILEEN], 9.6) == View(State.WELCOME, "Eileen")
    visits, events, _ = visits.after([EILEEN], 9.7)
    assert events == [] and visits.waiting is None


def test_a_right_code_opens_nothing_while_somebody_else_looks_on():
    visits, _, _ = Visits(RULE, code_seconds=20.0).after([EILEEN], 0.0)
    visits, _, _ = visits.after([EILEEN, STRANGER], 1.0)
    assert visits.typed(True, 1.5) == (visits, []) and visits.view([EILEEN], 1.5) == View(State.ALONE)
    assert [one.kind for one in visits.typed(True, 2.5)[1]] == [Kind.ACCEPTED]


def test_a_stranger_who_stays_is_one_failure():
    visits = Visits(RULE, Lock(LockRule(failures=2)))
    for at in range(0, 40, 4):
        visits, _, _ = visits.after([STRANGER], at + 0.5)
        visits, _, _ = visits.after([], at + 4.4)
    assert visits.lock.failures == 1
    assert Kind.LOCKED in [one.kind for one in visits.after([person(3, STRANGER.answer)], 41.0)[1]]


def test_nobody_is_let_in_while_a_second_face_is_near():
    visits, events, _ = Visits(RULE).after([EILEEN, STRANGER], 0.0)
    assert events == [] and visits.view([EILEEN, STRANGER], 0.0) == View(State.ALONE)
    visits, events, _ = visits.after([EILEEN], 0.9)  # one frame that does not show the other is not enough
    assert events == [] and visits.view([EILEEN], 0.9) == View(State.ALONE)
    assert [one.kind for one in visits.after([EILEEN], 1.1)[1]] == [Kind.ACCEPTED]
    far = person(3, now=Outcome.TOO_SMALL)
    assert [one.kind for one in Visits(RULE).after([EILEEN, far], 0.0)[1]] == [Kind.ACCEPTED]


def test_with_company_allowed_each_is_answered():
    events = Visits(VisitRule(alone=False)).after([EILEEN, STRANGER], 0.0)[1]
    assert [one.kind for one in events] == [Kind.ACCEPTED, Kind.REJECTED]


def test_an_attempt_that_timed_out_begins_anew_and_counts_for_nothing():
    visits, events, again = Visits(RULE).after([person(1, decision(Outcome.TIMED_OUT))], 0.0)
    assert (events, again, visits.lock.failures) == ([], {1}, 0)


def test_the_kiosk_locks_after_so_many_failures_and_lets_nobody_in_meanwhile():
    visits = Visits(RULE, Lock(LockRule(failures=3, seconds=30.0)))
    kinds = []
    for number in range(3):
        visits, events, _ = visits.after([person(10 + number, STRANGER.answer)], 10.0 * number)
        kinds += [one.kind for one in events]
    assert kinds == [Kind.REJECTED] * 3 + [Kind.LOCKED]
    assert visits.after([EILEEN], 21.0)[1] == []
    assert visits.view([EILEEN], 21.0) == View(State.LOCKED, seconds=29.0)
    visits, events, _ = visits.after([EILEEN], 50.0)
    assert [one.kind for one in events] == [Kind.ACCEPTED] and visits.lock.failures == 0


@pytest.mark.parametrize(("outcome", "state"), HINTS.items())
def test_what_is_wrong_with_the_picture_is_said(outcome, state):
    assert Visits(RULE).view([person(1, now=outcome)], 0.0) == View(state)


def test_the_hint_is_for_the_nearest():
    assert Visits(VisitRule(alone=False)).view([person(1, size=50), person(2, now=Outcome.TOO_DARK, size=90)], 0.0) == View(State.LIGHT)


def test_somebody_who_is_being_looked_at_holds_still():
    assert Visits(RULE).view([person(1)], 0.0) == View(State.LOOKING)


def test_a_face_alone_does_not_open_where_a_code_is_asked_for():
    visits, events, _ = Visits(RULE, code_seconds=20.0).after([EILEEN], 0.0)
    assert events == [] and visits.waiting == "Eileen"
    assert visits.view([], 5.0) == View(State.CODE, "Eileen", 15.0)
    right, events = visits.typed(True, 5.0)
    assert [(one.kind, one.subject) for one in events] == [(Kind.ACCEPTED, "Eileen")]
    assert right.view([], 5.0) == View(State.WELCOME, "Eileen") and right.waiting is None


def test_a_wrong_code_is_a_failure_as_a_wrong_face_is():
    visits, _, _ = Visits(RULE, Lock(LockRule(failures=1)), code_seconds=20.0).after([EILEEN], 0.0)
    wrong, events = visits.typed(False, 1.0)
    assert [one.kind for one in events] == [Kind.WRONG_CODE, Kind.LOCKED]
    assert wrong.view([EILEEN], 1.0).state is State.LOCKED and wrong.waiting is None
    assert wrong.typed(True, 2.0) == (wrong, [])


def test_no_code_opens_nothing_and_is_no_failure():
    visits, _, _ = Visits(RULE, Lock(LockRule(failures=1)), code_seconds=20.0).after([EILEEN], 0.0)
    assert visits.typed(True, 20.0) == (visits, [])  # too late
    visits, events, _ = visits.after([EILEEN], 20.0)
    assert [one.kind for one in events] == [Kind.NO_CODE] and visits.lock.failures == 0


def test_a_face_that_was_right_does_not_forgive_wrong_codes():
    visits = Visits(RULE, Lock(LockRule(failures=2)), code_seconds=20.0)
    for number, at in ((1, 0.0), (5, 10.0)):
        visits, _, _ = visits.after([person(number, EILEEN.answer, now=Outcome.ACCEPTED)], at)
        visits, _ = visits.typed(False, at + 1)
    assert visits.lock.left(12.0) > 0


def test_a_code_that_nobody_was_asked_for_is_nothing():
    assert Visits(RULE, code_seconds=20.0).typed(True, 0.0)[1] == []
