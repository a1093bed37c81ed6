"""Networks by what they cost and what they are worth: time across, VAL upwards, the size of the mark for that of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facelite.plots.drawing import COLOURS, Axis, Drawing, draw, short_label

MARKERS = "osD^vP"

LARGEST = 140.0
"""Area of the largest mark, in square points."""


@dataclass(frozen=True, slots=True)
class Point:
    """A network: ``cost`` in milliseconds, VAL in [0, 1], the file's ``megabytes``."""

    label: str
    cost: float
    val: float
    megabytes: float


def draw_pareto(points: Sequence[Point], /, *, x: Axis, y: Axis) -> Drawing:
    """The points; hollow where another is no worse in any of the three and better in one."""
    largest = max(point.megabytes for point in points)

    def paint(axes: Any) -> None:
        axes.margins(y=0.15)
        for i, point in enumerate(points):
            colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
            size = max(15.0, LARGEST * point.megabytes / largest)
            face = "none" if beaten(point, points) else colour
            label = short_label(f"{point.label}, {point.megabytes:.1f} MB")
            axes.scatter([point.cost], [point.val], s=size, marker=marker, edgecolors=colour, facecolors=face, linewidths=1.6, label=label, zorder=3)

    return draw(paint, x, y)


def beaten(point: Point, points: Sequence[Point], /) -> bool:
    """Whether one of ``points`` is as quick, as small and as good at least, and not the same in all."""
    one = (point.cost, point.megabytes, -point.val)
    others = ((other.cost, other.megabytes, -other.val) for other in points)
    return any(other != one and all(a <= b for a, b in zip(other, one, strict=True)) for other in others)
