"""Attempts and the lock, as values: against plain counting over all sequences of frames."""

from __future__ import annotations

from itertools import product

import pytest

from facelite.face import Decision, Outcome, Threshold
from facelite.runtime.attempt import Attempt, AttemptRule, Lock, LockRule

THRESHOLD = Threshold(1.0, 1e-3, 1.2e-3, 0.3, 100, 10_000, 5_000)
FRAMES = {
    "a": Decision(Outcome.ACCEPTED, THRESHOLD, subject="Ada", distance=0.5),
    "A": Decision(Outcome.ACCEPTED, THRESHOLD, subject="Ada", distance=0.9),
    "b": Decision(Outcome.ACCEPTED, THRESHOLD, subject="Bob", distance=0.7),
    "r": Decision(Outcome.REJECTED, THRESHOLD, subject="Ada", distance=1.3),
    "-": Decision(Outcome.TOO_DARK, THRESHOLD, detail="add light"),
}


def run(frames, rule, *, step=0.1):
    attempt = Attempt(rule, began=100.0)
    for i, frame in enumerate(frames):
        attempt = attempt.after(FRAMES[frame], 100.0 + i * step)
    return attempt


def plain(frames, rule):
    """What the answer is, by the rule's words: as soon as it is certain."""
    decided = [frame for frame in frames if frame != "-"]
    for end in range(1, len(decided) + 1):
        seen, rest = decided[:end], rule.frames - end
        ada, bob = seen.count("a") + seen.count("A"), seen.count("b")
        if max(ada, bob) >= rule.needed:
            return "Ada" if ada >= rule.needed else "Bob"
        if max(ada, bob) + rest < rule.needed:
            return "rejected"
    return None


@pytest.mark.parametrize("rule", [AttemptRule(1, 1), AttemptRule(1, 3), AttemptRule(2, 3), AttemptRule(3, 5)], ids=str)
def test_every_sequence_of_frames_ends_as_counting_says(rule):
    answers = set()
    for frames in product("aArb-", repeat=6):
        answer, expected = run(frames, rule).answer, plain(frames, rule)
        if expected in ("Ada", "Bob"):
            assert (answer.outcome, answer.subject) == (Outcome.ACCEPTED, expected)
        elif expected:
            assert answer.outcome is Outcome.REJECTED
        else:
            assert answer is None
        answers.add(expected)
    assert answers == {"Ada", "Bob", "rejected", None}


def test_the_evidence_is_the_farthest_frame_that_counts_and_the_nearest_of_a_rejection():
    assert run("aA", AttemptRule(2, 3)).answer == FRAMES["A"]
    assert run("rrb", AttemptRule(2, 3)).answer.distance == 1.3
    rejected = run("arb", AttemptRule(2, 3)).answer
    assert (rejected.outcome, rejected.distance, rejected.accepted) == (Outcome.REJECTED, 0.5, False)


def test_frames_that_come_too_late_time_out_and_poor_ones_do_not_count():
    rule = AttemptRule(2, 3, seconds=1.0)
    assert run("a" + "-" * 9, rule).answer is None
    late = run("-" * 12, rule).answer
    assert (late.outcome, late.subject, late.distance) == (Outcome.TIMED_OUT, None, None)
    assert not late.outcome.decided
    assert "expected 2 frames of one person within 1 s, got 0 with a face; try again" in late.detail
    assert run("a" + "-" * 10 + "a", rule).answer.outcome is Outcome.TIMED_OUT  # an accepting frame does not come in time either


def test_an_answered_attempt_stays_as_it_is():
    done = run("aa", AttemptRule(2, 3))
    assert done.after(FRAMES["r"], 100.2) is done
    assert done.after(FRAMES["b"], 1e9) is done


@pytest.mark.parametrize("values", [(0, 3), (4, 3), (2, 3, 0.0)])
def test_an_impossible_rule_is_misuse(values):
    with pytest.raises(ValueError, match="expected 1 <= needed <= frames"):
        AttemptRule(*values)


# the lock


def test_five_failures_lock_and_each_further_one_twice_as_long():
    lock, at, pauses = Lock(), 0.0, []
    for _ in range(14):
        lock = lock.after(FRAMES["r"], at)
        pauses.append(lock.left(at))
        at += lock.left(at) + 1
    assert pauses == [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_the_pause_ends_and_an_acceptance_forgives_all():
    lock = Lock(LockRule(failures=2, seconds=10, longest=10))
    lock = lock.after(FRAMES["r"], 0.0).after(FRAMES["r"], 5.0)
    assert (lock.left(5.0), lock.left(14.0), lock.left(15.0), lock.left(99.0)) == (10, 1, 0, 0)
    assert lock.after(FRAMES["-"], 20.0) == lock
    forgiven = lock.after(FRAMES["a"], 20.0)
    assert (forgiven.failures, forgiven.left(20.0)) == (0, 0)
    assert forgiven.after(FRAMES["r"], 21.0).left(21.0) == 0


def test_passers_by_of_a_day_lock_nothing_and_who_goes_on_is_kept_out():
    rule, lock = LockRule(failures=3, forgiven=900.0), Lock(LockRule(failures=3, forgiven=900.0))
    for hour in range(100):
        lock = lock.after(FRAMES["r"], 3600.0 * hour)
        assert lock.failures == 1
    lock = Lock(rule).after(FRAMES["r"], 0.0).after(FRAMES["r"], 10.0)
    assert lock.after(FRAMES["r"], 909.9).failures == 3 and lock.after(FRAMES["r"], 910.0).failures == 2
    assert lock.after(FRAMES["r"], 1809.9).failures == 2 and lock.after(FRAMES["r"], 1e9).failures == 1
    tries, lock = 0, Lock(rule)
    for second in range(0, 86400, 5):  # a day of somebody who tries whenever it is not locked
        if not lock.left(second):
            tries, lock = tries + 1, lock.after(FRAMES["r"], second)
    assert tries <= 3 + 86400 / rule.forgiven


def test_time_forgives_nothing_where_it_shall_not():
    lock = Lock(LockRule(forgiven=float("inf")))
    for day in range(4):
        lock = lock.after(FRAMES["r"], 86400.0 * day)
    assert lock.failures == 4


def test_a_pause_forgives_nothing():
    lock = Lock(LockRule(failures=1, seconds=1000.0, forgiven=900.0)).after(FRAMES["r"], 0.0)
    assert lock.after(FRAMES["r"], 1000.0).failures == 2 and lock.after(FRAMES["r"], 1900.0).failures == 1


def test_a_thousand_failures_lock_for_the_longest_time():
    lock = Lock()
    for _ in range(1100):
        lock = lock.after(FRAMES["r"], 0.0)
    assert lock.left(0.0) == 3600


@pytest.mark.parametrize("values", [{"failures": 0}, {"seconds": 0}, {"seconds": 10, "longest": 5}, {"forgiven": 0}])
def test_an_impossible_lock_is_misuse(values):
    with pytest.raises(ValueError, match="expected failures >= 1"):
        LockRule(**values)
