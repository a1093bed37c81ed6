"""Error versus discard: what refusing pictures by one measure of their quality costs, and what it gains (ISO/IEC 29794-1)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import Interval, compare_list, intervals
from facelite.errors import ImageError, InputError
from facelite.evaluation.embed import Embedded
from facelite.face import Floats
from facelite.image import decode_image
from facelite.preprocess import Preprocessing, align
from facelite.quality import Limits, Quality, measure_quality
from facelite.runtime.choice import Rule
from facelite.runtime.detector import Detector
from facelite.runtime.look import find_face

SHARES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
"""Shares of the pictures that are refused, the worst first, for a curve."""

MEASURES: Mapping[str, tuple[str, int]] = {
    "size": ("size", 1),
    "inside": ("inside", 1),
    "dark": ("light", 1),
    "bright": ("light", -1),
    "sharpness": ("sharpness", 1),
    "turn": ("turn", -1),
    "clarity": ("clarity", 1),
}
"""A limit's name -> what of ``Quality`` it is of, and whether much of that is good or bad."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """With the worst ``share`` of the pictures refused, those beyond the value ``limit``, the ``fnmr`` of the comparisons of the others."""

    share: float
    limit: float
    fnmr: float


@dataclass(frozen=True, slots=True)
class Discard:
    """The pictures beyond the ``limit`` of one measure, or, "all", of any: their share, and the FNMR of comparisons that have one (None: none).

    ``kept`` is the FNMR of all other comparisons, with its 95 % interval by people. ``curve``: see Step; empty for "all".
    """

    measure: str
    limit: float
    refused: float
    fnmr_refused: float | None
    kept: Interval
    curve: list[Step]


@dataclass(frozen=True, slots=True)
class Discards:
    """At the threshold ``distance``: the ``fnmr`` of the comparisons of two faces found, and one Discard for each measure, "all" first."""

    distance: float
    fnmr: Interval
    measures: list[Discard]


UNCLEAR = 0.02
"""Share of the faces that may be less clear than the limit which a bundle is given.

NNS1 (fourth release), at its threshold for an FMR of 1e-3: 78 % of the comparisons of the least clear hundredth fail, 74 % of the second, 57 % of
the third, 42 % of the next two; 22 % of all.
"""


def least_clarity(embedded: Embedded, person: NDArray[np.int64], /, *, distance: float) -> float:
    """The clarity that UNCLEAR of the faces lack, if most comparisons with one of them fail at the threshold ``distance``; else 0, no limit.

    So a network whose output tells nothing by its length, as one does that gives unit vectors, gets none.
    """
    limit = round(float(np.quantile(embedded.lengths[embedded.found], UNCLEAR)), 4)
    first, second = _genuine(person, embedded.found)
    apart = embedded.distance.pairs(embedded.vectors[first], embedded.vectors[second])
    unclear = np.minimum(embedded.lengths[first], embedded.lengths[second]) < limit
    return limit if unclear.any() and (apart[unclear] > distance).mean() > 0.5 else 0.0


def measure_pictures(
    names: Sequence[str],
    read: Callable[[str], bytes],
    embedded: Embedded,
    /,
    *,
    detector: bytes,
    size: Preprocessing,
    rule: Rule,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Quality | None]:
    """The quality of the face that ``rule`` means in each picture, its clarity as it was ``embedded``; None where there was none."""
    own = local()

    def one(name: str) -> Quality | None:
        if not hasattr(own, "detector"):
            own.detector = Detector(detector)
        try:
            image = decode_image(read(name))
        except ImageError:
            return None
        face = find_face(image, own.detector, rule=rule).face
        return measure_quality(face, align(image, face.landmarks, size.height, size.width), (image.shape[1], image.shape[0])) if face else None

    found = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for quality, clarity in zip(pool.map(one, names), embedded.lengths, strict=True):
            found.append(quality.embedded(clarity) if quality and clarity > 0 else None)
            progress(len(found), len(names))
    return found


def discards(embedded: Embedded, person: NDArray[np.int64], qualities: Sequence[Quality | None], /, *, limits: Limits, distance: float) -> Discards:
    """What each of ``limits`` does to the genuine comparisons of ``embedded`` pictures of ``person`` (n,), at the threshold ``distance``.

    Raises InputError where nobody has two pictures with a face.
    """
    seen = np.array([quality is not None for quality in qualities])
    first, second = _genuine(person, seen)
    if not len(first):
        raise InputError("expected people with several pictures in which a face is found, got none; give other pictures")
    apart = embedded.distance.pairs(embedded.vectors[first], embedded.vectors[second])
    values = {name: _goodness(name, qualities) for name in MEASURES}
    beyond = {name: seen & (values[name] < MEASURES[name][1] * getattr(limits, name)) for name in MEASURES}

    def fnmr(kept: Flags) -> Interval:
        some = kept[first] & kept[second]
        comparisons = compare_list(apart[some], np.ones(int(some.sum()), np.bool_), np.stack([person[first[some]]] * 2, axis=1))
        if not some.any():
            return Interval(math.nan, math.nan, math.nan)
        return intervals(comparisons, lambda drawn: [drawn.fnmr_at(distance)], trials=[comparisons.genuine_people])[0]

    def discard(measure: str, refused: Flags, curve: list[Step]) -> Discard:
        hit = refused[first] | refused[second]
        failed = float((apart[hit] > distance).mean()) if hit.any() else None
        limit = getattr(limits, measure, math.nan)
        return Discard(measure, limit, float(refused.sum() / seen.sum()), failed, fnmr(seen & ~refused), curve)

    def curve(measure: str) -> list[Step]:
        goodness, sign = values[measure], MEASURES[measure][1]
        limits_ = np.quantile(goodness[seen], SHARES)
        kept = [(goodness[first] >= limit) & (goodness[second] >= limit) for limit in limits_]
        return [
            Step(share, sign * float(limit), float((apart[some] > distance).mean()) if some.any() else math.nan)
            for share, limit, some in zip(SHARES, limits_, kept, strict=True)
        ]

    any_of_them = np.any(list(beyond.values()), axis=0)
    return Discards(
        distance, fnmr(seen), [discard("all", any_of_them, []), *(discard(name, refused, curve(name)) for name, refused in beyond.items())]
    )


def _goodness(measure: str, qualities: Sequence[Quality | None]) -> Floats:
    """The measure of each picture (n,), its sign turned where much of it is bad; nan where there is no face."""
    name, sign = MEASURES[measure]
    values: Floats = np.array([sign * getattr(quality, name) if quality else np.nan for quality in qualities], np.float64)
    return values


def _genuine(person: NDArray[np.int64], seen: Flags) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places of both pictures of each genuine comparison (g,), of those that are ``seen``."""
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    order = np.flatnonzero(seen)[np.argsort(person[seen], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(person[order])) + 1):
        a, b = np.triu_indices(len(rows), 1)
        firsts.append(rows[a])
        seconds.append(rows[b])
    return np.concatenate(firsts), np.concatenate(seconds)
