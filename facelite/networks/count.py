"""Parameters and multiply-adds of a network, row by row, from its table alone.

Counted as FaceNet counts (arXiv:1503.03832, tables 1 and 2): biases are parameters and one operation an output
each; BatchNorm is folded into convolution and bias; pooling and normalisation count nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod

from facelite.networks.table import AveragePool, Conv, Flatten, Inception, Maxout, Network, Pool, Row

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """One row's ``output`` shape (h, w, c) or (units,), parameters and multiply-adds."""

    name: str
    output: Shape
    parameters: int
    multiply_adds: int


def count(network: Network, /, *, height: int | None = None, width: int | None = None, embedding: int | None = None) -> list[Count]:
    """A Count for each row of the table and for the embedding, in the order of the table."""
    shape: Shape = (height or network.height, width or network.width, 3)
    counts = []
    for row in network.rows:
        one = _count_row(row, shape)
        counts.append(one)
        shape = one.output
    return [*counts, _dense("embedding", shape, embedding or network.embedding)]


def total(counts: list[Count], /) -> tuple[int, int]:
    """Parameters and multiply-adds of all rows together."""
    return sum(one.parameters for one in counts), sum(one.multiply_adds for one in counts)


def _count_row(row: Row, shape: Shape) -> Count:
    if isinstance(row, Conv):
        return _conv(row.name, shape, row.kernel, row.filters, row.stride)
    if isinstance(row, Inception):
        branches = list(_branches(row, shape))
        output = (*_strided(shape, row.stride)[:2], sum(branch[-1].output[-1] for branch in branches))
        steps = [step for branch in branches for step in branch]
        if row.residual:
            steps.append(_conv("linear", output, 1, shape[-1], 1))
            output = shape
        return Count(row.name, output, *total(steps))
    if isinstance(row, Pool):
        return Count(row.name, (*_strided(shape, row.stride)[:2], shape[2]), 0, 0)
    if isinstance(row, AveragePool):
        return Count(row.name, shape[2:], 0, 0)
    if isinstance(row, Flatten):
        return Count(row.name, (prod(shape),), 0, 0)
    if isinstance(row, Maxout):
        wide = _dense(row.name, shape, row.units * row.pieces)
        return Count(row.name, (row.units,), wide.parameters, wide.multiply_adds)
    return Count(row.name, shape, 0, 0)  # Norm


def _branches(row: Inception, shape: Shape) -> Iterator[list[Count]]:
    """The convolutions of each branch; a bare pooling branch is one step that counts nothing."""
    if row.pool and not row.projection:
        yield [Count("pool", _strided(shape, row.stride), 0, 0)]
    if row.one:
        yield [_conv("1x1", shape, 1, row.one, row.stride)]
    for pair, kernels in ((row.three, (3,)), (row.five, row.five_as)):
        if pair:
            steps = [_conv("reduce", shape, 1, pair[0], 1)]
            for i, kernel in enumerate(kernels):
                stride = row.stride if i == 0 else 1
                steps.append(_conv(f"{kernel}x{kernel}", steps[-1].output, kernel, pair[1], stride))
            yield steps
    if row.pool and row.projection:
        yield [_conv("projection", _strided(shape, row.stride), 1, row.projection, 1)]


def _strided(shape: Shape, stride: int) -> Shape:
    return (ceil(shape[0] / stride), ceil(shape[1] / stride), *shape[2:])


def _conv(name: str, shape: Shape, kernel: int, filters: int, stride: int) -> Count:
    output = (*_strided(shape, stride)[:2], filters)
    parameters = (kernel * kernel * shape[2] + 1) * filters
    return Count(name, output, parameters, parameters * output[0] * output[1])


def _dense(name: str, shape: Shape, units: int) -> Count:
    parameters = (prod(shape) + 1) * units
    return Count(name, (units,), parameters, parameters)
