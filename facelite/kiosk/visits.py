"""Who is before the kiosk -> what has happened, and what is to be shown. A value without a clock, a camera or a door.

Whoever has these calls ``after`` with everybody in each frame and the time in seconds, of any clock that does not go back, acts on the events that
come out, and shows ``view``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from facelite.face import Decision, Outcome
from facelite.kiosk.config import VisitRule
from facelite.runtime.attempt import Lock
from facelite.runtime.watch import Presence

COMPANY = 1.0
"""Seconds for which two people in one frame count as two although later frames show one of them."""


COUNTED = 50
"""Tracks, the latest, whose failure was counted; a later one of the same track is not."""


class State(StrEnum):
    """What the kiosk says; the texts for it are in ``texts.toml``."""

    IDLE = "idle"
    LOOKING = "looking"
    WELCOME = "welcome"
    REJECTED = "not recognised"
    LOCKED = "locked"
    CLOSER = "come closer"
    MIDDLE = "move to the middle"
    LIGHT = "more light"
    GLARE = "less light"
    STILL = "hold still"
    FACE = "look at the camera"
    ALONE = "one at a time"
    CODE = "code"
    WRONG_CODE = "wrong code"
    OUT_OF_SERVICE = "out of service"
    ADMINISTRATOR = "administrator"
    NAME = "name"
    STRANGER = "stranger"
    STRAIGHT = "look straight"
    LEFT = "turn left"
    RIGHT = "turn right"
    UP = "chin up"
    DOWN = "chin down"
    LESS = "not so far"
    ENROLLED = "enrolled"
    NOT_ENROLLED = "not enrolled"
    NO_ROOM = "no room"


HINTS = {
    Outcome.TOO_SMALL: State.CLOSER,
    Outcome.CUT_OFF: State.MIDDLE,
    Outcome.TOO_DARK: State.LIGHT,
    Outcome.TOO_BRIGHT: State.GLARE,
    Outcome.BLURRED: State.STILL,
    Outcome.TURNED: State.FACE,
    Outcome.UNCLEAR: State.FACE,
}


class Kind(StrEnum):
    """What can happen. Only ``ACCEPTED`` opens the door; ``WRONG_CODE`` and ``REJECTED`` count for the lock, ``NOT_ADMITTED`` for the desk's own.

    ``STILL_REJECTED`` is who stays and tries again: one failure it was, and stays.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    STILL_REJECTED = "rejected again"
    WRONG_CODE = "wrong code"
    NO_CODE = "no code"
    LOCKED = "locked"
    ADMITTED = "administrator"
    NOT_ADMITTED = "wrong administrator's code"
    ENROLLED = "enrolled"
    NOT_ENROLLED = "not enrolled"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, with its evidence: whose face it was and how near, None where nobody is named; the ``track`` of who did it."""

    kind: Kind
    subject: str | None
    distance: float | None
    threshold: float
    track: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown: the ``state``, for ``seconds`` more where it has an end, and the name that belongs to it."""

    state: State
    subject: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a track, and when it may try again."""

    state: State
    subject: str | None
    again: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A face that was accepted and has yet to give its code."""

    number: int
    decision: Decision
    until: float


@dataclass(frozen=True, slots=True)
class Visits:
    """``lock`` is that of the whole kiosk. ``code_seconds``: how long a code is waited for after the face, None without one."""

    rule: VisitRule = field(default_factory=VisitRule)
    lock: Lock = field(default_factory=Lock)
    code_seconds: float | None = None
    _done: dict[int, _Done] = field(default_factory=dict)
    _waiting: _Waiting | None = None
    _shown: View = field(default_factory=lambda: View(State.IDLE))
    _until: float = float("-inf")
    _crowd: float = float("-inf")
    _counted: tuple[int, ...] = ()

    @property
    def waiting(self) -> str | None:
        """Whose code is waited for."""
        return self._waiting.decision.subject if self._waiting else None

    def after(self, present: Sequence[Presence], at: float, /) -> tuple[Visits, list[Event], set[int]]:
        """With one frame more: the visits, what has happened by it, and the tracks whose attempts are to be forgotten, so that they try anew.

        Nobody is judged while the kiosk is locked, a code is waited for, or, where the rule says ``alone``, a second face is near: what was seen
        meanwhile is forgotten. Accepted is only whom this very frame shows.
        """
        again = {number for number, done in self._done.items() if at >= done.again}
        visits = replace(self, _done={number: done for number, done in self._done.items() if number not in again})
        if self.rule.alone and sum(one.decision.outcome is not Outcome.TOO_SMALL for one in present) > 1:
            visits = replace(visits, _crowd=at + COMPANY)
        if visits._waiting and at >= visits._waiting.until:
            visits, event = visits._closed(Kind.NO_CODE, State.IDLE, at)
            return visits, [event], again
        if visits._waiting or visits.lock.left(at) or at < visits._crowd:
            return visits, [], again | {one.track.number for one in present if one.track.number not in visits._done}
        events: list[Event] = []
        for one in present:
            number, answer = one.track.number, one.answer
            if answer is None or number in visits._done or number in again or visits.lock.left(at) or visits._waiting:
                continue
            if answer.outcome is Outcome.TIMED_OUT:
                again.add(number)
            elif not answer.accepted or (one.decision.accepted and one.decision.subject == answer.subject):
                visits, new = visits._answered(number, answer, at)
                events += new
        return visits, events, again

    def typed(self, right: bool, at: float, /) -> tuple[Visits, list[Event]]:
        """With the code of whoever is waited for, ``right`` or not; nothing changes where nobody is, or where somebody else looks on."""
        if not self._waiting or at >= self._waiting.until or at < self._crowd:
            return self, []
        if right:
            visits, event = self._closed(Kind.ACCEPTED, State.WELCOME, at)
            return replace(visits, lock=Lock(visits.lock.rule)), [event]
        visits, event = self._closed(Kind.WRONG_CODE, State.WRONG_CODE, at)
        visits, locked = visits._failed(replace(self._waiting.decision, outcome=Outcome.REJECTED), at)
        return visits, [event, *locked]

    def view(self, present: Sequence[Presence], at: float, /) -> View:
        """What is to be shown with these people in the frame."""
        if left := self.lock.left(at):
            return View(State.LOCKED, seconds=left)
        if self._waiting and at >= self._crowd:
            return View(State.CODE, self.waiting, max(0.0, self._waiting.until - at))
        if at < self._until:
            return self._shown
        if at < self._crowd:
            return View(State.ALONE)
        if not present:
            return View(State.IDLE)
        nearest = max(present, key=lambda one: one.track.face.size)
        if done := self._done.get(nearest.track.number):
            return View(done.state, done.subject)
        return View(HINTS.get(nearest.decision.outcome, State.LOOKING))

    def _answered(self, number: int, answer: Decision, at: float) -> tuple[Visits, list[Event]]:
        if not answer.accepted:
            visits = self._finished(number, State.REJECTED, None, at + self.rule.shown, at)
            if number in self._counted:
                return visits, [_event(Kind.STILL_REJECTED, answer, number)]
            visits, locked = replace(visits, _counted=(*self._counted[-COUNTED:], number))._failed(answer, at)
            return visits, [_event(Kind.REJECTED, answer, number), *locked]
        if before := next((one for one in self._done.values() if one.subject == answer.subject), None):
            return replace(self, _done=self._done | {number: before}), []  # the same visit, although the track broke off
        if self.code_seconds is not None:
            return replace(self, _waiting=_Waiting(number, answer, at + self.code_seconds)), []
        visits = self._finished(number, State.WELCOME, answer.subject, at + self.rule.again, at)
        return replace(visits, lock=self.lock.after(answer, at)), [_event(Kind.ACCEPTED, answer, number)]

    def _failed(self, answer: Decision, at: float) -> tuple[Visits, list[Event]]:
        """The lock with one failure more, and the event of its closing."""
        visits = replace(self, lock=self.lock.after(answer, at))
        return visits, [Event(Kind.LOCKED, None, None, answer.threshold.distance)] if visits.lock.left(at) else []

    def _closed(self, kind: Kind, state: State, at: float) -> tuple[Visits, Event]:
        """No code is waited for any more."""
        if not self._waiting:
            raise ValueError("expected somebody whose code is waited for, found nobody")
        number, decision = self._waiting.number, self._waiting.decision
        subject, pause = (decision.subject, self.rule.again) if state is State.WELCOME else (None, self.rule.shown)
        return replace(self._finished(number, state, subject, at + pause, at), _waiting=None), _event(kind, decision, number)

    def _finished(self, number: int, state: State, subject: str | None, again: float, at: float) -> Visits:
        """With what became of a track, which is shown for a while."""
        done = self._done | {number: _Done(state, subject, again)}
        return replace(self, _done=done, _shown=View(state, subject), _until=at + self.rule.shown)


def _event(kind: Kind, decision: Decision, track: int) -> Event:
    """A rejected face is nobody's: whom it resembles is not told."""
    subject = None if kind in (Kind.REJECTED, Kind.STILL_REJECTED) else decision.subject
    return Event(kind, subject, decision.distance, decision.threshold.distance, track)
