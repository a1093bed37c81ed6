"""How far apart two embeddings are: squared L2, or what a trained Siamese head makes of their differences. NumPy only.

Either way small is alike, and unit vectors lie in [0, 4]; so whatever counts, draws or thresholds distances need not know which it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np

from facelite.face import Floats

Decide = Literal["squared-l2", "siamese"]
"""What decides whether two embeddings show one person."""

PairForm = Literal["absolute", "chi-square"]
"""What the Siamese head is told of two embeddings: see ``features``."""

LEAST = 1e-6
"""Added to the divisor of the chi-square form, which is 0 where both numbers are."""

BLOCK = 512
"""Vectors that a head takes at a time: 256 KB for 128 numbers, which stay in the cache. 10,000 at a time took 1.6 to 5 times as long."""

LONGEST = 2.0
"""Length (L2) of a head's weights, at most. No feature is larger than its |a - b|, and unit vectors are 2 apart at most: so no distance exceeds 4."""


@dataclass(frozen=True, slots=True)
class SquaredL2:
    """Squared L2 between unit vectors (FaceNet, arXiv:1503.03832)."""

    name: ClassVar[Decide] = "squared-l2"
    words: ClassVar[str] = "squared L2"

    def pairs(self, a: Floats, b: Floats, /) -> Floats:
        """Distances (...) of the vectors ``a`` and ``b`` (..., d)."""
        return np.asarray(np.sum((a - b) ** 2, axis=-1))

    def table(self, a: Floats, b: Floats, /) -> Floats:
        """Distances (..., n, m) of each of ``a`` (n, d) and each of ``b`` (..., m, d); rounding may leave [0, 4]."""
        found: Floats = 2 - 2 * (a @ np.swapaxes(b, -1, -2))
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Siamese:
    """``weights`` (d,) · ``features`` of ``form``, and 0 where that is less: nothing is more like a picture than the picture itself."""

    weights: Floats
    form: PairForm
    name: ClassVar[Decide] = "siamese"
    words: ClassVar[str] = "Siamese head"

    def __post_init__(self) -> None:
        weights, length = self.weights.view(), float(np.linalg.norm(self.weights))
        if weights.ndim != 1 or weights.dtype != np.float32 or not weights.max(initial=0) > 0 or not length <= LONGEST * (1 + 1e-6):
            raise ValueError(f"expected float32 weights (d,), one of them > 0, of length {LONGEST:g} at most, got {weights.shape} of {length:g}")
        if self.form not in get_args(PairForm):
            raise ValueError(f"expected a form out of {', '.join(get_args(PairForm))}, got {self.form!r}")
        weights.flags.writeable = False
        object.__setattr__(self, "weights", weights)

    def pairs(self, a: Floats, b: Floats, /) -> Floats:
        """As ``SquaredL2.pairs``."""
        return np.asarray(np.maximum(features(a, b, form=self.form) @ self.weights, 0))

    def table(self, a: Floats, b: Floats, /) -> Floats:
        """As ``SquaredL2.table``, in the memory of what it returns: features are made for one of ``a`` and BLOCK of ``b`` at a time."""
        vectors = b.reshape(-1, b.shape[-1])
        found = np.empty((len(a), len(vectors)), np.float32)
        for start in range(0, len(vectors), BLOCK):
            columns = slice(start, start + BLOCK)
            for i, one in enumerate(a):
                found[i, columns] = self.pairs(one, vectors[columns])
        return np.moveaxis(found.reshape(len(a), *b.shape[:-1]), 0, -2)


Distance = SquaredL2 | Siamese

SQUARED_L2 = SquaredL2()


def features(a: Floats, b: Floats, /, *, form: PairForm) -> Floats:
    """How the vectors ``a`` and ``b`` (..., d) differ, number by number (..., d): ``training.siamese.features`` in NumPy."""
    difference: Floats = np.abs(a - b)
    return difference if form == "absolute" else np.divide(difference**2, np.abs(a) + np.abs(b) + np.float32(LEAST))


def scaled(weights: Floats, /, *, form: PairForm) -> Siamese:
    """The head of ``weights`` (d,), brought to the length LONGEST: who is nearer than whom depends on their direction alone.

    Raises ValueError where none is above 0, or one is not finite.
    """
    length = float(np.linalg.norm(weights.astype(np.float64)))
    return Siamese((weights * (LONGEST / max(length, 1e-12))).astype(np.float32), form)


def pack_head(head: Siamese, /) -> bytes:
    """JSON."""
    return json.dumps({"form": head.form, "weights": head.weights.tolist()}, indent=1).encode()


def unpack_head(data: bytes, /) -> Siamese:
    """The inverse of ``pack_head``. Raises ValueError when it is no such JSON."""
    try:
        table = json.loads(data)
        with np.errstate(over="ignore"):  # a number too large becomes infinite, which is refused
            return Siamese(np.array(table["weights"], np.float32), table["form"])
    except (KeyError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no weights and form: {error}") from None
