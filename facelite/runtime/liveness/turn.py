"""A challenge to turn the head to one side and back, watched by the detector's keypoints. It is NOT presentation attack detection.

It measures ``runtime.pose.yaw``, to which a flat picture gives one answer under any affine map: no shifting, rolling, scaling, shearing or tilting
from afar of one photograph makes a turn. A photograph tilted close to the camera or bent moves nose and ears a little: the smaller of their two
angles counts. So it is for the places themselves; but a detector that knows faces only sees a turned head in a print that is squeezed enough
(``docs/liveness.md`` has the figures).

What defeats it: a video of the person turning, a second photograph of the person turned that is faded in slowly enough, an animated photograph,
a photograph that is bent, or held close to the camera, and turned far, a mask. A side chosen at random stops half of the recorded videos.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from statistics import median
from typing import Literal, Self

import numpy as np

from facelite.face import Detection
from facelite.runtime.liveness.protocol import Finding, Sight, Verdict
from facelite.runtime.pose import yaw

Side = Literal["left", "right"]
"""The person's own: who turns to the left looks towards the right of a picture that is not mirrored."""

SMOOTHED = 3
"""Frames whose median is taken, so that one bad frame neither turns a head nor brings it back."""


@dataclass(frozen=True, slots=True)
class TurnRule:
    """From at most ``front`` degrees the head turns by ``turned`` or more to the side asked for, and comes back, within ``seconds``.

    One person it is, as far as can be seen, while the face is missing for at most ``gap`` seconds, and from frame to frame is moved by at most
    ``shift`` of its size, grows by at most that, and turns by at most ``step`` degrees. Else the turn begins anew, in the same time.
    """

    turned: float = 35.0
    front: float = 12.0
    seconds: float = 10.0
    gap: float = 0.5
    shift: float = 0.5
    step: float = 20.0

    def __post_init__(self) -> None:
        if not (0 < self.front < self.turned <= 90 and min(self.seconds, self.gap, self.shift, self.step) > 0):
            raise ValueError(f"expected 0 < front < turned <= 90 and seconds, gap, shift and step > 0, got {self}")


@dataclass(frozen=True, slots=True)
class TurnChallenge:
    """A challenge that ``began`` at a time to turn to a ``side``: see ``Liveness``. Its ``value`` is the farthest turn and return so far, in degrees.

    ``fronted``: the head has been seen from the front; ``reached``: how far it has turned since; ``last``: the face seen last, and when.
    """

    side: Side
    began: float
    rule: TurnRule = TurnRule()
    value: float | None = None
    finding: Finding | None = None
    fronted: bool = False
    reached: float = 0.0
    recent: tuple[float, ...] = ()
    last: tuple[Detection, float] | None = None

    @classmethod
    def to_random_side(cls, random: Random, /, *, began: float, rule: TurnRule | None = None) -> Self:
        """A challenge to a side that nobody can foresee, if ``random`` is a ``random.SystemRandom()``."""
        sides: tuple[Side, Side] = ("left", "right")
        return cls(random.choice(sides), began, rule or TurnRule())

    @property
    def limit(self) -> float:
        return self.rule.turned

    @property
    def prompt(self) -> str:
        if self.finding:
            return self.finding.detail
        if not self.fronted:
            return "look straight at the camera"
        return f"turn your head slowly to your {self.side}" if self.reached < self.limit else "look straight at the camera again"

    def after(self, sight: Sight, at: float, /) -> Self:
        """The challenge with one frame more. It is met by the frame that ends a turn, and failed by one that comes too late."""
        if self.finding:
            return self
        if at - self.began > self.rule.seconds:
            return replace(self, finding=self._too_late())
        angle = yaw(sight.face) if sight.face else None
        if sight.face is None or angle is None:
            return self
        kept = self if self._goes_on(sight.face, angle, at) else replace(self, fronted=False, reached=0.0, recent=())
        recent = (*kept.recent, angle)[-SMOOTHED:]
        seen = replace(kept, value=self.value or 0.0, recent=recent, last=(sight.face, at))
        return seen._moved(median(recent)) if len(recent) == SMOOTHED else seen

    def _moved(self, angle: float) -> Self:
        """The challenge with the head at the smoothed ``angle``."""
        if abs(angle) > self.rule.front:
            towards = angle if self.side == "left" else -angle
            return replace(self, reached=max(self.reached, towards)) if self.fronted else self
        value = max(self.value or 0.0, self.reached)
        detail = f"turned {value:.0f} degrees to the {self.side}, as asked, and back"
        finding = Finding(Verdict.LIVE, value, self.limit, detail) if value >= self.limit else None
        return replace(self, fronted=True, reached=0.0, value=value, finding=finding)

    def _goes_on(self, face: Detection, angle: float, at: float) -> bool:
        """Whether ``face`` may be that of the frame before."""
        if self.last is None:
            return True
        before, then = self.last
        moved = float(np.linalg.norm(face.box[:2] + face.box[2:] / 2 - before.box[:2] - before.box[2:] / 2))
        return (
            at - then <= self.rule.gap
            and moved <= self.rule.shift * before.size
            and max(face.size, before.size) <= (1 + self.rule.shift) * min(face.size, before.size)
            and abs(angle - self.recent[-1]) <= self.rule.step
        )

    def _too_late(self) -> Finding:
        verdict = Verdict.UNDECIDED if self.value is None else Verdict.NOT_LIVE
        seen = "no face" if self.value is None else f"{self.value:.0f} degrees"
        detail = f"expected a turn of {self.limit:g} degrees to the {self.side} and back within {self.rule.seconds:g} s, got {seen}; try again"
        return Finding(verdict, self.value, self.limit, detail)
