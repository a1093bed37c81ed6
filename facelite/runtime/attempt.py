"""Frames of somebody in front of the device -> one answer; and the lock after too many wrong ones.

Both are values without a clock and a camera: whoever has these calls ``after`` with each decision and the time in seconds, of any clock that
does not go back (``time.monotonic``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from facelite.face import Decision, Outcome


@dataclass(frozen=True, slots=True)
class AttemptRule:
    """Accepted are ``needed`` frames of one subject out of ``frames`` that could be decided, within ``seconds``.

    Of somebody who stands still before NNS2 (fourth release), three pictures enrolled, at the threshold for an FMR of 1e-3 (``tests/benchmarks/
    attempt.py``, 158 held-out people): FAR and FRR per attempt 1.4e-3 and 17.2 % by one frame, 1.3e-3 and 15.8 % by 2 of 3, 1.3e-3 and 16.9 % by 3 of
    5, 2.5e-3 and 12.5 % by 1 of 3. Such frames are too alike to make an attempt much safer than a frame; but one bad frame decides nothing.
    """

    needed: int = 2
    frames: int = 3
    seconds: float = 10.0

    def __post_init__(self) -> None:
        if not (1 <= self.needed <= self.frames and self.seconds > 0):
            raise ValueError(f"expected 1 <= needed <= frames and seconds > 0, got {self}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that ``began`` at a time, and its ``decisions`` so far, only those that accepted or rejected.

    ``answer`` is None as long as the attempt goes on: see ``after``.
    """

    rule: AttemptRule
    began: float
    decisions: tuple[Decision, ...] = ()
    answer: Decision | None = None

    def after(self, decision: Decision, at: float, /) -> Attempt:
        """The attempt with one frame's ``decision`` more.

        It is accepted with the farthest of the frames that count, rejected with the nearest frame once too few can still follow, and
        timed out by a frame that comes too late. A frame that could not be decided counts for nothing. An answered attempt stays as it is.
        """
        if self.answer:
            return self
        if at - self.began > self.rule.seconds:
            detail = (
                f"expected {self.rule.needed} frames of one person within {self.rule.seconds:g} s, got {len(self.decisions)} with a face; try again"
            )
            return replace(self, answer=replace(decision, outcome=Outcome.TIMED_OUT, subject=None, distance=None, detail=detail))
        if not decision.outcome.decided:
            return self
        decisions = (*self.decisions, decision)
        return replace(self, decisions=decisions, answer=self._answer(decisions))

    def closed(self, decision: Decision, /) -> Decision:
        """The answer where no frame follows that of the last ``decision``: timed out, unless no frame at all could be decided."""
        if self.answer:
            return self.answer
        if not self.decisions:
            return decision
        detail = f"expected {self.rule.needed} frames of one person out of {self.rule.frames}, got {len(self.decisions)} with a face; show more"
        return replace(decision, outcome=Outcome.TIMED_OUT, subject=None, distance=None, detail=detail)

    def _answer(self, decisions: tuple[Decision, ...]) -> Decision | None:
        accepted = Counter(one.subject for one in decisions if one.accepted)
        subject, most = max(accepted.items(), key=lambda item: item[1], default=(None, 0))
        if most >= self.rule.needed:
            return max((one for one in decisions if one.accepted and one.subject == subject), key=_distance)
        if most + self.rule.frames - len(decisions) < self.rule.needed:
            return replace(min(decisions, key=_distance), outcome=Outcome.REJECTED)
        return None


def _distance(decision: Decision) -> float:
    return decision.distance if decision.distance is not None else float("inf")


@dataclass(frozen=True, slots=True)
class LockRule:
    """From the ``failures``-th rejected attempt in a row on nobody is looked at for ``seconds``, twice as long after each further one.

    But for ``longest`` at most. NIST SP 800-63B, 5.2.3: no more than five failures in a row, then 30 seconds at least, growing exponentially.
    One failure is forgiven for each ``forgiven`` seconds without another, so that a few passers-by an hour do not lock a door: who tries on and on
    has one attempt in that time. Infinite where something is guarded that can be guessed.
    """

    failures: int = 5
    seconds: float = 30.0
    longest: float = 3600.0
    forgiven: float = 900.0

    def __post_init__(self) -> None:
        if not (self.failures >= 1 and 0 < self.seconds <= self.longest and self.forgiven > 0):
            raise ValueError(f"expected failures >= 1, 0 < seconds <= longest and forgiven > 0, got {self}")


@dataclass(frozen=True, slots=True)
class Lock:
    """``failures`` that are not forgiven, the ``latest`` of them, and ``until`` when nobody is looked at. What was not decided does not count."""

    rule: LockRule = field(default_factory=LockRule)
    failures: int = 0
    until: float = float("-inf")
    latest: float = float("-inf")

    def after(self, answer: Decision, at: float, /) -> Lock:
        """The lock with the ``answer`` of one attempt more."""
        if answer.accepted:
            return Lock(self.rule)
        if answer.outcome is not Outcome.REJECTED:
            return self
        waited = max(0.0, at - max(self.latest, self.until)) if self.failures else 0.0  # a pause forgives nothing: nobody could try
        failures = self.failures - int(min(waited / self.rule.forgiven, self.failures)) + 1
        if failures < self.rule.failures:
            return replace(self, failures=failures, latest=at)
        doublings = min(failures - self.rule.failures, 32)  # beyond that any pause is the longest
        return replace(self, failures=failures, latest=at, until=at + min(self.rule.seconds * 2**doublings, self.rule.longest))

    def left(self, at: float, /) -> float:
        """Seconds until somebody may try again; 0 if now."""
        return max(0.0, self.until - at)
