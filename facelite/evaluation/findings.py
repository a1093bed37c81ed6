"""What is said of doubtful pictures: a line for each, with the one that it is held against and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from facelite.distance import Decide
from facelite.evaluation.neighbours import mutual_nearest, nearest_within
from facelite.evaluation.outliers import Outliers, person_means
from facelite.face import Floats, Outcome

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

FEW = 3
"""Single pictures of many people come near each other by chance, the means of so many seldom do."""


class Kind(StrEnum):
    """What may be wrong, in the order of the report."""

    UNREADABLE = "unreadable"
    NO_FACE = Outcome.NO_FACE.value
    OUTLIER = "outlier"
    DUPLICATE = "duplicate"
    DUPLICATE_PEOPLE = "duplicate between people"
    DUPLICATE_SETS = "duplicate between sets"
    SAME = "same person"
    SAME_SETS = "same person between sets"
    TOO_FEW = "too few pictures"


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Pictures ``names`` (n,); ``vectors`` (n, d) of unit length, zero where ``reasons``, by index, says why there is no face.

    ``person`` (n,) indexes ``people`` (p,), ``source`` (n,) numbers the set that a picture lies in. ``numbering`` (p,): two people of one
    numbering are two; of two numberings, nobody knows. ``decide`` says of which distance the thresholds of the vectors' model are.
    """

    names: list[str]
    vectors: Floats
    person: Integers
    source: Integers
    people: list[str]
    numbering: Integers
    reasons: dict[int, str]
    decide: Decide = "squared-l2"

    @property
    def found(self) -> Flags:
        return np.asarray(self.vectors.any(1))


@dataclass(frozen=True, slots=True)
class Finding:
    """``name``, a picture or a person, the ``other`` one, if any, and their ``distance``; ``shown``: two pictures, by index, to judge it by."""

    kind: Kind
    name: str
    other: str
    distance: float | None
    advice: str
    shown: tuple[int, int] | None = None


def missing(labelled: Labelled, /) -> Iterator[Finding]:
    """Pictures without an embedding."""
    for i, reason in sorted(labelled.reasons.items()):
        if reason == Outcome.NO_FACE.value:
            yield Finding(Kind.NO_FACE, labelled.names[i], "", None, "take it out, or give a picture that shows the face")
        else:
            yield Finding(Kind.UNREADABLE, labelled.names[i], "", None, reason.removeprefix(f"{Kind.UNREADABLE.value}: "))


def outlying(labelled: Labelled, outliers: Outliers, /, *, nearby: float) -> Iterator[Finding]:
    """First those that lie within ``nearby`` of another person's mean, where they may belong; of these and of the others first the farthest."""
    far = np.flatnonzero(outliers.far)
    means, count = _means(labelled, outliers)
    centres = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)

    def limit(rows: slice) -> Floats:
        own = labelled.person[far[rows], None] == np.arange(len(count))
        return np.where(own | (count == 0), -np.inf, nearby).astype(np.float32)

    nearest, _ = nearest_within(labelled.vectors[far], centres, limit=limit)
    for k in np.lexsort(((outliers.limit - outliers.distance)[far], nearest < 0)).tolist():
        i, other = int(far[k]), labelled.people[nearest[k]] if nearest[k] >= 0 else ""
        advice = f"look whether it shows {other}: move it there, or take it out" if other else "look whether it shows another person: take it out"
        yield Finding(Kind.OUTLIER, labelled.names[i], other, float(outliers.distance[i]), advice, (i, _beside(labelled, outliers, i)))


def duplicated(labelled: Labelled, copies: Integers, /, *, distances: Floats) -> Iterator[Finding]:
    """The ``copies`` (m, 2), earlier picture first, that lie so far apart (m,)."""
    kinds = (Kind.DUPLICATE, Kind.DUPLICATE_PEOPLE, Kind.DUPLICATE_SETS)
    scope = scope_of(labelled, *copies.T)
    for k in np.argsort(distances, kind="stable").tolist():
        first, second = copies[k].tolist()
        one = labelled.person[first] == labelled.person[second]
        if one:
            advice = "take one of the two out"
        elif scope[k] == 1:
            advice = "take it out of the wrong one of the two people, or join them"
        else:
            advice = "give both people one name, or take one of the two out"
        yield Finding(kinds[scope[k]], labelled.names[second], labelled.names[first], float(distances[k]), advice, (second, first))


def same_people(labelled: Labelled, outliers: Outliers, /, *, near: float, near_few: float) -> Iterator[Finding]:
    """Pairs of people who are each other's nearest by the mean distance of their pictures, outliers aside, inside a numbering and between two.

    They lie within ``near``, within ``near_few`` where one of them has fewer pictures than FEW.
    """
    means, count = _means(labelled, outliers)
    few, number, typical = count < FEW, labelled.numbering, _typical(labelled, outliers)
    for kind in (Kind.SAME, Kind.SAME_SETS)[: len(np.unique(number))]:

        def limit(rows: slice, inside: bool = kind is Kind.SAME) -> Floats:
            most = np.where(few[rows, None] | few, near_few, near)
            other = np.arange(len(count))[rows, None] != np.arange(len(count))
            wanted = other & ((number[rows, None] == number) == inside) & (count[rows, None] > 0) & (count > 0)
            return np.where(wanted, most, -np.inf).astype(np.float32)

        advice = "look whether they are one: join them" if kind is Kind.SAME else "look whether they are one: give both one name"
        pairs, distances = mutual_nearest(means, limit=limit)
        for k in np.argsort(distances, kind="stable").tolist():
            first, second = pairs[k].tolist()
            shown = int(typical[first]), int(typical[second])
            yield Finding(kind, labelled.people[first], labelled.people[second], float(distances[k]), advice, shown)


def too_few(labelled: Labelled, outliers: Outliers, /, *, copies: Integers, least: int) -> Iterator[Finding]:
    """People of whom fewer than ``least`` pictures are left without outliers and their own ``copies`` (m, 2), the fewest first."""
    once = labelled.found & ~outliers.far
    once[copies[labelled.person[copies[:, 0]] == labelled.person[copies[:, 1]], 1]] = False
    left, given = (np.bincount(labelled.person[chosen], minlength=len(labelled.people)) for chosen in (once, slice(None)))
    for i in np.argsort(left, kind="stable")[: int((left < least).sum())].tolist():
        advice = f"{left[i]} of {given[i]} left, expected {least}: add pictures, or leave the person out"
        yield Finding(Kind.TOO_FEW, labelled.people[i], "", None, advice)


def scope_of(labelled: Labelled, first: Integers, second: Integers) -> Integers:
    """Which kind of duplicate pairs of pictures are: inside a person's folder 0, between people of a set 1, between sets 2."""
    sets = labelled.source[first] != labelled.source[second]
    people = labelled.person[first] != labelled.person[second]
    return np.where(sets, 2, people)


def _means(labelled: Labelled, outliers: Outliers) -> tuple[Floats, Integers]:
    """The mean (p, d) of each person's pictures without outliers, and how many they are (p,)."""
    return person_means(labelled.vectors, labelled.person, labelled.found & ~outliers.far, people=len(labelled.people))


def _beside(labelled: Labelled, outliers: Outliers, outlier: int) -> int:
    """The picture nearest to the others of the outlier's person, another outlier only where all are."""
    others = np.flatnonzero(labelled.found & (labelled.person == labelled.person[outlier]))
    others = others[others != outlier]
    return int(others[np.lexsort((outliers.distance[others], outliers.far[others]))[0]])


def _typical(labelled: Labelled, outliers: Outliers) -> Integers:
    """The picture (p,) nearest to each person's others, an outlier only where all are; -1 for a person without a face."""
    faces = np.flatnonzero(labelled.found)
    distance = np.nan_to_num(outliers.distance[faces], nan=0)
    order = faces[np.lexsort((distance, outliers.far[faces], labelled.person[faces]))]
    people, first = np.unique(labelled.person[order], return_index=True)
    typical = np.full(len(labelled.people), -1)
    typical[people] = order[first]
    return typical
