"""The administrator's visit: a code, a name, a face in several poses. A value without a clock, as ``visits`` is.

While the desk is open nobody is judged, and the door stays locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facelite.face import Outcome
from facelite.kiosk.config import EnrolConfig
from facelite.kiosk.visits import HINTS, State, View
from facelite.runtime.look import Look
from facelite.runtime.watch import Presence

POSES = (State.STRAIGHT, State.LEFT, State.RIGHT, State.UP, State.DOWN)
"""What is asked for, again and again until there are as many pictures as are wanted."""

MOVING = 1.2
"""Seconds that somebody has to come into the next pose."""

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
    _next: float = float("-inf")

    def opened(self, at: float, /) -> Desk:
        """Asked for by anybody: the code is asked for."""
        return self if self.stage else Desk(self.config, State.ADMINISTRATOR, at + self.config.seconds)

    def admitted(self, right: bool, at: float, /) -> Desk:
        """After a code, ``right`` or not: a wrong one closes the desk."""
        if self.stage is not State.ADMINISTRATOR:
            return self
        return replace(self, stage=State.NAME, until=at + self.config.seconds) if right else self.closed()

    def named(self, subject: str, at: float, /) -> Desk:
        """After the name of who stands there; what cannot be one is asked for again."""
        subject = " ".join(subject.split())
        if self.stage is not State.NAME or not subject or not subject.isprintable():
            return self
        return replace(self, stage=POSES[0], until=at + self.config.seconds, subject=subject, _next=at + MOVING)

    def after(self, present: Sequence[Presence], at: float, /) -> Desk:
        """With one frame more: a picture of whoever stands there alone, in time, and well to be seen, is kept."""
        if self.stage and at >= self.until:
            return self.closed()
        near = [one for one in present if one.decision.outcome is not Outcome.TOO_SMALL]
        if self.stage not in POSES or at < self._next or len(near) != 1 or not near[0].look.embedding:
            return self
        looks = (*self.looks, near[0].look)
        return replace(self, looks=looks, stage=POSES[len(looks) % len(POSES)], _next=at + MOVING)

    @property
    def complete(self) -> bool:
        """Whether there are pictures enough to enrol."""
        return self.stage in POSES and len(self.looks) >= self.config.pictures

    def ended(self, enrolled: bool, at: float, /) -> Desk:
        """After the enrolment, or its refusal."""
        return replace(self, stage=State.ENROLLED if enrolled else State.NOT_ENROLLED, until=at + TOLD, looks=())

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
            if hint := HINTS.get(near[0].decision.outcome) if near else None:
                return View(hint)
        return View(self.stage, self.subject or None, max(0.0, self.until - at))
