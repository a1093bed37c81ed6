"""The administrator's visit: a code, a name, and a face in several poses or a stranger who was kept. A value without a clock, as ``visits`` is.

While the desk is open nobody is judged, and the door stays locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facelite.face import Detection, Outcome
from facelite.gallery import is_name
from facelite.kiosk.config import EnrolConfig
from facelite.kiosk.visits import HINTS, State, View
from facelite.runtime.look import Look
from facelite.runtime.pose import pitch, yaw
from facelite.runtime.watch import Presence

POSES = (State.STRAIGHT, State.LEFT, State.RIGHT, State.UP, State.DOWN)
"""What is asked for, again and again until there are as many pictures as are wanted."""

MOVING = 1.2
"""Seconds that somebody has to come into the next pose."""

AHEAD, ASIDE, NOD = 12.0, 8.0, 6.0
"""Degrees: so far at most is straight; so far at least from it is turned, is chin up or down."""

PATIENCE = 8.0
"""Seconds after which any pose is taken for the one that was asked for: not everybody can turn their head."""

NAMING = (State.NAME, State.STRANGER)
"""A name is asked for: of who stands there, or of a stranger who was kept."""

ENDS = (State.ENROLLED, State.NOT_ENROLLED, State.NO_ROOM)
"""How it can end; NOT_ENROLLED where the pictures look like two people, or like somebody who is enrolled already."""

TOLD = 4.0
"""Seconds for which the end is shown."""


@dataclass(frozen=True, slots=True)
class Desk:
    """``stage`` is what is asked for, or how it ended; None where the desk is closed. It closes by itself at ``until``."""

    config: EnrolConfig
    stage: State | None = None
    until: float = float("-inf")
    subject: str = ""
    looks: tuple[Look, ...] = ()
    stranger: int | None = None
    _wanted: int = 0
    _next: float = float("-inf")

    def opened(self, at: float, /) -> Desk:
        """Asked for by anybody: the code is asked for."""
        return self if self.stage else Desk(self.config, State.ADMINISTRATOR, at + self.config.seconds)

    def admitted(self, right: bool, at: float, /) -> Desk:
        """After a code, ``right`` or not: a wrong one closes the desk."""
        if self.stage is not State.ADMINISTRATOR:
            return self
        return replace(self, stage=State.NAME, until=at + self.config.seconds, _wanted=self.config.pictures) if right else self.closed()

    def chosen(self, number: int | None, looks: Sequence[Look], at: float, /) -> Desk:
        """With the stranger of that ``number``, who is to be named, in place of who stands there; None: with nobody."""
        if self.stage not in NAMING:
            return self
        stage, wanted = (State.NAME, self.config.pictures) if number is None else (State.STRANGER, len(looks))
        return replace(self, stage=stage, until=at + self.config.seconds, stranger=number, looks=tuple(looks), _wanted=wanted)

    def named(self, subject: str, at: float, /) -> Desk:
        """After the name of who stands there, or of the stranger; what cannot be one is asked for again."""
        subject = " ".join(subject.split())
        if self.stage not in NAMING or not is_name(subject):
            return self
        return replace(self, stage=POSES[0], until=at + self.config.seconds, subject=subject, _next=at + MOVING)

    def after(self, present: Sequence[Presence], at: float, /) -> Desk:
        """With one frame more: a picture of whoever stands there alone, in time, in the pose, and well to be seen, is kept."""
        if self.stage and at >= self.until:
            return self.closed()
        near = [one for one in present if one.decision.outcome is not Outcome.TOO_SMALL]
        if self.complete or self.stage not in POSES or at < self._next or len(near) != 1 or not near[0].look.embedding:
            return self
        front = self.looks[0].face if self.looks else None
        if at < self._next + PATIENCE and not posed(self.stage, near[0].look.face, front):
            return self
        looks = (*self.looks, near[0].look)
        return replace(self, looks=looks, stage=POSES[len(looks) % len(POSES)], until=at + self.config.seconds, _next=at + MOVING)

    @property
    def complete(self) -> bool:
        """Whether there are pictures enough to enrol."""
        return self.stage in POSES and len(self.looks) >= self._wanted

    @property
    def open(self) -> bool:
        """Whether something is still asked for, and can be cancelled."""
        return self.stage is not None and self.stage not in ENDS

    def ended(self, how: State, at: float, /) -> Desk:
        """After the enrolment, or its refusal: one of ENDS."""
        return replace(self, stage=how, until=at + TOLD, looks=(), stranger=None)

    def closed(self) -> Desk:
        return Desk(self.config)

    def view(self, present: Sequence[Presence], at: float, /) -> View:
        """What is to be shown while the desk is open: the pose, or what is wrong with the picture of it."""
        if not self.stage:
            raise ValueError("expected an open desk, got a closed one")
        near = [one for one in present if one.decision.outcome is not Outcome.TOO_SMALL]
        if self.stage in POSES and at >= self._next:
            if len(near) > 1:
                return View(State.ALONE)
            outcome = near[0].decision.outcome if near else None
            if outcome is Outcome.TURNED and self.stage is not State.STRAIGHT:
                return View(State.LESS)
            if outcome in HINTS:
                return View(HINTS[outcome])
        return View(self.stage, self.subject or None, max(0.0, self.until - at))


def posed(pose: State, face: Detection | None, front: Detection | None, /) -> bool:
    """Whether ``face`` is in the ``pose``, one of POSES; ``front`` is the same person who looks straight."""
    if face is None or (turned := yaw(face)) is None:
        return False
    if pose is State.STRAIGHT or front is None:
        return abs(turned) <= AHEAD
    if pose in (State.LEFT, State.RIGHT):
        side = turned - (yaw(front) or 0.0)
        return (side if pose is State.LEFT else -side) >= ASIDE
    height = pitch(face, front) or 0.0
    return (height if pose is State.UP else -height) >= NOD
