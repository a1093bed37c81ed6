"""What a network's table is made of. A network is a list of rows; the builder and the counter walk it alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PoolKind = Literal["max", "average", "L2"]


@dataclass(frozen=True, slots=True)
class Conv:
    """A ``kernel`` x ``kernel`` convolution to ``filters`` channels, then BatchNorm and ReLU."""

    name: str
    kernel: int
    filters: int
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Pool:
    """A pooling layer of its own."""

    name: str
    kind: PoolKind = "max"
    size: int = 3
    stride: int = 2


@dataclass(frozen=True, slots=True)
class Norm:
    """Local response normalisation across channels."""

    name: str


@dataclass(frozen=True, slots=True)
class Inception:
    """Branches side by side on one input, their outputs concatenated.

    ``one``: filters of the 1x1 branch, 0 for none. ``three`` and ``five``: (reduce, out) of the 3x3 and 5x5 branches. ``five_as``
    is the kernels that make the 5x5 field of view: (5,) as in the paper, or (3, 3). ``projection``: filters of the 1x1
    convolution after pooling, 0 for bare pooling. ``stride`` belongs to the pooling and to the first convolution behind ``reduce``.
    ``residual``: a linear 1x1 convolution brings the concatenation back to the input's channels, and it is added to the input, then ReLU
    (Inception-ResNet, Szegedy et al., arXiv:1602.07261, section 3.2).
    """

    name: str
    one: int
    three: tuple[int, int] | None
    five: tuple[int, int] | None
    pool: PoolKind | None
    projection: int = 0
    stride: int = 1
    five_as: tuple[int, ...] = (5,)
    residual: bool = False

    def __post_init__(self) -> None:
        if self.residual and self.stride != 1:
            raise ValueError(f"expected stride 1 where the input is added, got {self}")


def residual(name: str, one: int, three: int, /) -> Inception:
    """The block that is added to its input: ``one`` filters of the 1x1 branch beside ``three`` of the 3x3 branch."""
    return Inception(name, one, (three, three), None, None, residual=True)


@dataclass(frozen=True, slots=True)
class AveragePool:
    """The mean over all places: (h, w, c) -> (c,)."""

    name: str


@dataclass(frozen=True, slots=True)
class Flatten:
    """(h, w, c) -> (h * w * c,)."""

    name: str


@dataclass(frozen=True, slots=True)
class Maxout:
    """A fully connected layer whose ``units`` are each the maximum of ``pieces`` linear ones."""

    name: str
    units: int
    pieces: int


Row = Conv | Pool | Norm | Inception | AveragePool | Flatten | Maxout


@dataclass(frozen=True, slots=True)
class Network:
    """A table with the input and embedding size that it has unless told otherwise."""

    name: str
    height: int
    width: int
    rows: tuple[Row, ...]
    embedding: int = 128
