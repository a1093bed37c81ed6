"""From one embedding space into another: an affine map, learned from pictures that both embedders have seen.

A template is mapped by ``x -> x A + b`` and scaled to unit length. A and b are a rotation with one scale (orthogonal Procrustes, Schönemann 1966) or
ridge regression, whichever separates people better who are held out of the learning. The constant b matters where a space does not lie about zero.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from facelite.face import Floats

Integers = NDArray[np.signedinteger]
Doubles = NDArray[np.float64]
Affine = tuple[Doubles, Doubles]

MAP = "migration.json"
"""The file of a bundle that holds its map."""

RIDGES = (1e-3, 1e-2, 1e-1)
"""Weights of the ridge, in mean variances of a direction."""

INNER_FOLDS = 3
"""Parts into which the people are dealt who choose between the rules."""

CHOOSING_FMR = 1e-2
"""FMR at which the rules are compared: few people show no smaller one."""


@dataclass(frozen=True, slots=True, eq=False)
class SpaceMap:
    """``matrix`` (d_old + 1, d_new): A over b. It is of templates that the embedder ``old_artefact`` made in ``old_space``, into ``space``."""

    matrix: Floats
    rule: str
    old_space: str
    old_artefact: str
    space: str

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, np.float32).view()
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)
        if self.matrix.ndim != 2 or len(self.matrix) < 2 or not np.isfinite(self.matrix).all():
            raise ValueError(f"expected a finite matrix (d_old + 1, d_new), got {self.matrix.shape}")

    def __call__(self, vectors: Floats, /) -> Floats:
        """The templates (n, d_new), of unit length, of ``vectors`` (n, d_old); zero where these are."""
        return _applied((self.matrix[:-1].astype(float), self.matrix[-1].astype(float)), vectors)

    @property
    def artefact(self) -> str:
        """What made the mapped templates: the sha256 of the map's file, so that no thresholds of other templates are taken for theirs."""
        return hashlib.sha256(pack_map(self)).hexdigest()


def pack_map(space_map: SpaceMap, /) -> bytes:
    """JSON; the matrix is little-endian float32, row by row, in base64."""
    matrix = base64.b64encode(space_map.matrix.astype("<f4").tobytes()).decode()
    return json.dumps(asdict(space_map) | {"matrix": matrix, "columns": space_map.matrix.shape[1]}, indent=1, sort_keys=True).encode()


def unpack_map(data: bytes, /) -> SpaceMap:
    """The inverse of ``pack_map``. Raises ValueError when it is no such JSON."""
    try:
        table = json.loads(data)
        matrix = np.frombuffer(base64.b64decode(table.pop("matrix"), validate=True), "<f4").reshape(-1, table.pop("columns"))
        if not all(isinstance(value, str) for value in table.values()):
            raise ValueError("other values than words")
        return SpaceMap(matrix, **table)
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no map between two spaces: {error}") from None


def rotation(old: Doubles, new: Doubles, /) -> Affine:
    """The rotation, scale and shift of ``old`` (n, d_old) with the least squared distance to ``new`` (n, d_new)."""
    from_old, from_new = old - old.mean(0), new - new.mean(0)
    left, singular, right = np.linalg.svd(from_old.T @ from_new, full_matrices=False)
    matrix = left @ right * (singular.sum() / (from_old**2).sum())
    return matrix, new.mean(0) - old.mean(0) @ matrix


def ridge(old: Doubles, new: Doubles, /, *, weight: float) -> Affine:
    """The affine map with the least squared distance, and ``weight`` times the mean variance of a direction on the squares of the matrix."""
    from_old, from_new = old - old.mean(0), new - new.mean(0)
    moments = from_old.T @ from_old
    penalty = weight * np.trace(moments) / len(moments) * np.eye(len(moments))
    matrix = np.linalg.solve(moments + penalty, from_old.T @ from_new)
    return matrix, new.mean(0) - old.mean(0) @ matrix


RULES: dict[str, Callable[[Doubles, Doubles], Affine]] = {
    "rotation": rotation,
    **{f"ridge {weight:g}": partial(ridge, weight=weight) for weight in RIDGES},
}


def learn(old: Floats, new: Floats, person: Integers, /) -> tuple[Floats, str]:
    """The map (d_old + 1, d_new) of ``old`` (n, d_old) to ``new`` (n, d_new), the same pictures of each ``person`` (n,), and its rule.

    A picture with a zero vector in one of them, where no face was found, teaches nothing. The rule is that of RULES by which, among people held
    out of its learning, most genuine comparisons of mapped templates and native probes pass at CHOOSING_FMR.
    """
    found = old.any(1) & new.any(1)
    x, y, people = old[found].astype(float), new[found].astype(float), person[found]
    fold = deal(people, INNER_FOLDS)
    passed = {name: _passed(fit, x, y, people, fold) for name, fit in RULES.items()}
    rule = max(passed, key=lambda name: passed[name])
    matrix, shift = RULES[rule](x, y)
    return np.concatenate([matrix, shift[None]]).astype(np.float32), rule


def map_unseen(old: Floats, new: Floats, person: Integers, fold: Integers, /) -> Floats:
    """``old`` mapped (n, d_new), each ``fold`` (n,) by what was learned from the people of all others."""
    mapped = np.zeros((len(old), new.shape[1]), np.float32)
    for one in np.unique(fold):
        matrix = learn(old[fold != one], new[fold != one], person[fold != one])[0].astype(float)
        mapped[fold == one] = _applied((matrix[:-1], matrix[-1]), old[fold == one])
    return mapped


def deal(person: Integers, folds: int, /, *, seed: int = 0) -> Integers:
    """In which of so many ``folds`` each picture (n,) is: people are dealt by lot, each with all pictures, as many into each fold as into another."""
    names, place = np.unique(person, return_inverse=True)
    return np.asarray((np.random.default_rng(seed).permutation(len(names)) % folds)[place])


def _applied(affine: Affine, vectors: Floats) -> Floats:
    mapped = vectors.astype(float) @ affine[0] + affine[1]
    mapped /= np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.where(vectors.any(1, keepdims=True), mapped, 0), np.float32)


def _passed(fit: Callable[[Doubles, Doubles], Affine], old: Doubles, new: Doubles, person: Integers, fold: Integers) -> float:
    """The share of genuine comparisons that pass at CHOOSING_FMR inside each fold held out, 0 where there is none; a picture is not its own probe."""
    shares = []
    for one in range(INNER_FOLDS):
        held, own = fold == one, person[fold == one]
        cosines = _applied(fit(old[~held], new[~held]), old[held].astype(np.float32)) @ new[held].T
        same = own[:, None] == own
        genuine, impostor = cosines[same & ~np.eye(len(own), dtype=bool)], cosines[~same]
        if len(genuine) and len(impostor):
            shares.append(float(np.mean(genuine >= np.quantile(impostor, 1 - CHOOSING_FMR))))
    return float(np.mean(shares)) if shares else 0.0
