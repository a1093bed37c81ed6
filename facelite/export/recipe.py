"""What an export is made from: one TOML file, read into these frozen values. Paths are relative to that file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facelite.split import Set

Precision = Literal["float32", "float16", "int8"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A bundle to be.

    ``weights``: an .npz as a training run leaves it. ``released``: our own conversion, used unless a rebuild is asked for.
    ``thresholds``: measured thresholds keyed by the sha256 of the embedder, used when the embedder is listed there.
    ``faces``: sets of pictures under the folder given as --faces; their held-out people give the thresholds, others the
    representative images. ``min_cosine``: the budget, the least cosine of an embedding to the float one.
    """

    name: str
    network: str
    precision: Precision
    space: str
    weights: str
    training_data: str
    licences: dict[str, str]
    released: str = ""
    thresholds: str = ""
    card: str = ""
    faces: tuple[Set, ...] = (Set("."),)
    representative: int = 400
    fmr: float = 1e-3
    fmrs: tuple[float, ...] = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
    min_cosine: float = 0.97
    height: int = 0
    width: int = 0
    embedding: int = 0
