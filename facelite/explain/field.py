"""What of the picture a unit sees: the square that its convolutions and poolings reach, and where its middle lies.

Walked over the network's table, in which every row halves a place's count by its stride and pads as TensorFlow's "same" does.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from facelite.networks import Network
from facelite.networks.table import Conv, Inception, Norm, Pool, Row

_Steps = list[tuple[int, int]]
"""Kernels and strides, one behind the other."""


@dataclass(frozen=True, slots=True)
class Field:
    """A unit at place i, counted along one side, sees ``size`` pixels about the pixel ``first`` + i * ``step``."""

    size: int
    first: float
    step: int


def fields(network: Network, /) -> dict[str, tuple[Field, Field]]:
    """Of each row that has places, down and across, by the row's name. Of a block's branches that one which sees most."""
    down, across = (Field(1, 0.0, 1),) * 2
    height, width, found = network.height, network.width, {}
    for row in network.rows:
        branches = _branches(row)
        if branches is None:
            break
        (down, height), (across, width) = (_widened(*side, branches) for side in ((down, height), (across, width)))
        found[row.name] = down, across
    return found


def _branches(row: Row) -> list[_Steps] | None:
    """The steps of each branch of a row; None for a row behind which there are no places."""
    if isinstance(row, Conv):
        return [[(row.kernel, row.stride)]]
    if isinstance(row, Pool):
        return [[(row.size, row.stride)]]
    if isinstance(row, Norm):
        return [[(1, 1)]]
    if not isinstance(row, Inception):
        return None
    kernels = [(1,)] * bool(row.one) + [(3,)] * bool(row.three) + [row.five_as] * bool(row.five) + [(3,)] * bool(row.pool)
    return [[(kernel, row.stride if place == 0 else 1) for place, kernel in enumerate(branch)] for branch in kernels]


def _widened(field: Field, count: int, branches: list[_Steps]) -> tuple[Field, int]:
    """What a unit behind the branches sees, and how many places there are."""
    results = []
    for steps in branches:
        now, places = field, count
        for kernel, stride in steps:
            out = ceil(places / stride)
            before = max((out - 1) * stride + kernel - places, 0) // 2
            middle = (kernel - 1) / 2 - before
            now = Field(now.size + (kernel - 1) * now.step, now.first + middle * now.step, now.step * stride)
            places = out
        results.append((now, places))
    return max(results, key=lambda result: result[0].size)
