"""Open-set identification 1:N: how often mates are missed and strangers are taken for somebody, as the gallery grows.

Mates are enrolled, strangers never are. A person's templates are compared as one (``face.fuse``), as on the device (Verifier.identify).
Terms of ISO/IEC 19795-1 and of NIST's FRVT 1:N (Grother, Ngan and Hanaoka 2019, NISTIR 8271), for a list of one candidate:
FPIR is the share of strangers' searches in which anybody is at or below the threshold; FNIR is the share of mates' searches in which
the mate is beyond the threshold or not first. A tie is not first: an embedder that maps all faces to one point finds nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import BEYOND, STEPS, Interval, draw_people, middle, on_grid, supported, widened
from facelite.calibration.bootstrap import DRAWS
from facelite.distance import SQUARED_L2, Distance
from facelite.evaluation.roles import Roles, draw_roles
from facelite.face import Floats, fuse

Integers = NDArray[np.signedinteger]
Blocks = Iterator[tuple[slice, Floats]]

FPIRS = {"1e-1": 0.1, "1e-2": 0.01}
SIZES = (10, 30, 100, 300, 1000, 3000, 10_000)
RANKS = 20

ENROLMENTS = (1, 2, 3, 5)
STRANGER_SHARE = 0.5

CURVE = np.arange(0, 2 * STEPS + 1, STEPS // 64)
"""Grid points of the curves' thresholds, up to 2, the distance of unrelated directions: the nearest of several people lies below."""

BLOCK = 2**22
"""Distances that are made at a time: 16 MB in float32."""


@dataclass(frozen=True, slots=True)
class AtFpir:
    """At the largest threshold of at most the wanted FPIR. ``fpir_predicted`` is 1 - (1 - FMR)^people, by which the device tightens."""

    threshold: float
    fpir: float
    fpir_predicted: float
    fnir: Interval


@dataclass(frozen=True, slots=True)
class GalleryRates:
    """Rates in [0, 1] over all galleries of one size; ``cmc[r - 1]`` is the share of mates at rank r or before.

    ``fpir``, ``fpir_predicted`` and ``fnir`` stand beside the thresholds of the Identification; ``at_fpir`` has what the strangers support.
    """

    people: int
    templates: int
    mated_searches: int
    rank_1: Interval
    cmc: list[float]
    fpir: list[float]
    fpir_predicted: list[float]
    fnir: list[float]
    at_fpir: dict[str, AtFpir]


@dataclass(frozen=True, slots=True)
class Identification:
    """``enrolments`` maps how many pictures of each mate are enrolled to the rates, smallest gallery first.

    ``dropped`` maps the numbers that were left out to how many people have more pictures than that: too few.
    """

    mates: int
    strangers: int
    stranger_searches: int
    thresholds: list[float]
    enrolments: dict[str, list[GalleryRates]]
    dropped: dict[str, int]


def identify_people(
    vectors: Floats,
    subjects: Integers,
    /,
    *,
    distance: Distance = SQUARED_L2,
    enrolments: Sequence[int] = ENROLMENTS,
    sizes: Sequence[int] = SIZES,
    stranger_share: float = STRANGER_SHARE,
    galleries: int = 10,
    seed: int = 0,
) -> Identification:
    """Rates over unit ``vectors`` (n, d) of faces of people ``subjects`` (n,), no two of whom are one person; who is a mate, see ``draw_roles``.

    They are compared by ``distance``. Each of the ``sizes`` below the number of mates is judged in so many random ``galleries``, each inside one
    of the next size, and last comes the gallery of all mates. Intervals are 95 %, people drawn again and the galleries kept. Raises InputError for
    too few people.
    """
    if vectors.ndim != 2 or subjects.shape != vectors.shape[:1] or not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        raise ValueError(f"expected unit vectors (n, d) and subjects (n,), got {vectors.shape} and {subjects.shape}; leave out what shows no face")
    if min(sizes, default=1) < 1 or galleries < 1:
        raise ValueError(f"expected one gallery or more, of one person or more, got {galleries} of {sizes}")
    people = draw_roles(subjects, enrolments=enrolments, stranger_share=stranger_share, galleries=galleries, seed=seed)
    mates = len(people.enrolled)
    judged = sorted({size for size in sizes if size < mates} | {mates})
    return Identification(
        mates=mates,
        strangers=int(people.stranger.max()) + 1,
        stranger_searches=len(people.stranger),
        thresholds=(CURVE / STEPS).tolist(),
        enrolments={str(number): _judge(vectors, people, number, judged, distance, seed) for number in people.enrolments},
        dropped=people.dropped,
    )


def check_people(subjects: Integers, /) -> None:
    """Raises InputError where the people ``subjects`` (n,) are too few for mates and strangers, before their faces are looked for."""
    draw_roles(subjects, enrolments=ENROLMENTS, stranger_share=STRANGER_SHARE, galleries=1, seed=0)


@dataclass(frozen=True, slots=True, eq=False)
class _Searches:
    """All searches in the galleries of one size. Of strangers: the ``nearest`` person's grid point, ascending, and which ``stranger`` it was.

    Of mates: which ``mate``, the mate's ``rank``, and ``hit``, the mate's grid point, BEYOND where not first.
    """

    nearest: Integers
    stranger: Integers
    mate: Integers
    rank: Integers
    hit: Integers


def _judge(vectors: Floats, people: Roles, number: int, sizes: list[int], distance: Distance, seed: int) -> list[GalleryRates]:
    """The rates with ``number`` templates a person, in galleries of each of the ``sizes``."""
    templates = fuse(vectors[people.enrolled[:, :number]])  # (mates, d)
    nearest, impostor = _search_strangers(_distances(vectors[people.unmated], templates, distance), people.order, sizes)
    own, rank = _search_mates(_distances(vectors[people.mated], templates, distance), people.mate, people.order, sizes)
    found = []
    for i, size in enumerate(sizes):
        drawn = len(people.order) if size < len(people.enrolled) else 1  # of all mates there is one gallery
        near, stranger = nearest[:, :drawn, i].reshape(-1), np.repeat(people.stranger, drawn)
        ascending = np.argsort(near)
        probe, gallery = np.nonzero(rank[:, :drawn, i])
        ranks, mate = rank[probe, gallery, i], np.unique(people.mate[probe], return_inverse=True)[1]
        searches = _Searches(near[ascending], stranger[ascending], mate, ranks, np.where(ranks == 1, own[probe], BEYOND))
        found.append(_rates(searches, impostor, size, number, seed))
    return found


def _search_strangers(blocks: Blocks, order: Integers, sizes: list[int]) -> tuple[Integers, Integers]:
    """The nearest person's grid point (probes, galleries, sizes), and how many of all comparisons lie at each grid point (BEYOND + 1,)."""
    nearest, impostor = [], np.zeros(BEYOND + 1, np.int64)
    for _, distances in blocks:
        points = on_grid(distances)
        impostor += np.bincount(points.reshape(-1), minlength=BEYOND + 1)
        nearest.append(_gathered(np.minimum, points, order, sizes))
    return np.concatenate(nearest), impostor


def _search_mates(blocks: Blocks, mate: Integers, order: Integers, sizes: list[int]) -> tuple[Integers, Integers]:
    """The mate's grid point (probes,) and rank (probes, galleries, sizes); rank 0 where the mate is not in the gallery."""
    own, rank = [], []
    for rows, distances in blocks:
        mine = np.take_along_axis(distances, mate[rows, None], axis=1)
        own.append(on_grid(mine[:, 0]))
        rank.append(_gathered(np.add, (distances <= mine).astype(np.int32), order, sizes))
    place = np.argsort(order, axis=1)[:, mate].T  # (probes, galleries)
    return np.concatenate(own), np.where(place[:, :, None] < sizes, np.concatenate(rank), 0)


def _distances(probes: Floats, templates: Floats, distance: Distance) -> Blocks:
    """Distances (rows, mates) of a few rows of ``probes`` at a time."""
    step = max(1, BLOCK // len(templates))
    for start in range(0, len(probes), step):
        rows = slice(start, start + step)
        yield rows, np.clip(distance.table(probes[rows], templates), 0, 4)


def _gathered(gather: np.ufunc, values: Integers, order: Integers, sizes: list[int]) -> Integers:
    """``values`` (rows, mates) gathered over each gallery: (rows, galleries, sizes). Each size adds its own mates to those of the size before."""
    starts = [0, *sizes[:-1]]
    return np.stack([gather.accumulate(gather.reduceat(values[:, gallery], starts, axis=1), axis=1) for gallery in order], axis=1)


def _rates(searches: _Searches, impostor: Integers, people: int, number: int, seed: int) -> GalleryRates:
    mates, strangers = int(searches.mate.max()) + 1, int(searches.stranger.max()) + 1
    names = [name for name, fpir in FPIRS.items() if supported(fpir, strangers)]
    fpirs = [FPIRS[name] for name in names]
    rng, once = np.random.default_rng(seed), np.ones(strangers, np.int64)
    measured = _statistics(searches, fpirs, np.ones(mates, np.int64), once)
    drawn = [_statistics(searches, fpirs, draw_people(mates, rng), draw_people(strangers, rng)) for _ in range(DRAWS)]
    rank_1, *fnir = [widened(one, mates) for one in middle(measured, drawn)]
    predicted = np.append(1 - (1 - np.cumsum(impostor) / impostor.sum()) ** people, 0.0)  # 0 at the point -1, which nothing matches

    def at(point: int, missed: Interval) -> AtFpir:
        return AtFpir(point / STEPS, float(np.mean(searches.nearest <= point)), float(predicted[point]), missed)

    return GalleryRates(
        people=people,
        templates=people * number,
        mated_searches=len(searches.rank),
        rank_1=rank_1,
        cmc=[float(np.mean(searches.rank <= rank)) for rank in range(1, min(RANKS, people) + 1)],
        fpir=[float(np.mean(searches.nearest <= point)) for point in CURVE],
        fpir_predicted=predicted[CURVE].tolist(),
        fnir=[float(np.mean(searches.hit > point)) for point in CURVE],
        at_fpir=dict(zip(names, map(at, _largest_points(searches, fpirs, once).tolist(), fnir), strict=True)),
    )


def _statistics(searches: _Searches, fpirs: list[float], mates: Integers, strangers: Integers) -> list[float]:
    """The rank-1 rate, and the FNIR at each of ``fpirs``, where each of the ``mates`` and ``strangers`` counts so many times."""
    weights, points = mates[searches.mate], _largest_points(searches, fpirs, strangers)
    return [float(weights @ which / weights.sum()) for which in (searches.rank == 1, *(searches.hit > point for point in points))]


def _largest_points(searches: _Searches, fpirs: list[float], strangers: Integers) -> Integers:
    """The largest grid point at which the FPIR is at most each of ``fpirs``."""
    matched = np.cumsum(strangers[searches.stranger])
    points: Integers = searches.nearest[np.searchsorted(matched, np.multiply(fpirs, matched[-1] * (1 + 1e-9)), "right")] - 1
    return points
