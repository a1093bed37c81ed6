"""What a liveness test is fed and what it answers: values without a clock and a camera, as ``runtime.attempt`` has them.

Whoever has these calls ``after`` with each frame and the time in seconds, of any clock that does not go back (``time.monotonic``), until there
is a ``finding``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

from facelite.face import Detection, Pixels


class Verdict(StrEnum):
    """How a liveness test ended; UNDECIDED: too few frames showed a face."""

    LIVE = "live"
    NOT_LIVE = "not live"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its evidence: the ``value`` found, None without one, and the ``limit`` from which on it means live."""

    verdict: Verdict
    value: float | None
    limit: float
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A ``frame`` (h, w, 3) uint8 RGB, not mirrored, and the ``face`` of the one person meant in it; None where there is none."""

    frame: Pixels
    face: Detection | None


class Liveness(Protocol):
    """A liveness test of one person that goes on as long as ``finding`` is None.

    That the frames show one person is the caller's to see to, by a tracker and, better, by comparing the faces of the first and the last frame.
    """

    @property
    def value(self) -> float | None:
        """The evidence so far, larger being more alive; None before there is any."""

    @property
    def finding(self) -> Finding | None: ...

    @property
    def prompt(self) -> str:
        """What the person should do now, in a few words."""

    def after(self, sight: Sight, at: float, /) -> Self:
        """The test with one frame more. A finished test stays as it is."""
