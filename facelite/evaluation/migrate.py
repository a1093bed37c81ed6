"""Pictures of people, seen by two bundles of different spaces -> a map between them, what it costs, and a bundle that judges mapped templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, sqrt
from pathlib import Path

import numpy as np

from facelite import __version__
from facelite.bundle import CARD, DETECTOR, Bundle, pack_bundle
from facelite.calibration import Comparisons, Interval, Rates, calibrate, compare_all, differences, rates, supported
from facelite.calibration.bootstrap import RULE_OF_THREE
from facelite.distance import Distance
from facelite.errors import SpaceMismatch, UnsupportedRate
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.people import People
from facelite.face import Floats, Threshold
from facelite.runtime.embedder import Embedder
from facelite.runtime.migration import MAP, Integers, SpaceMap, deal, learn, map_unseen, pack_map

FOLDS = 5
"""Parts into which the people are dealt, at most; fewer where their pairs would not show the bundle's default FMR otherwise."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """At ``fmr``: VAL of native probes against native templates and against mapped ones, and the difference, first less second."""

    fmr: float
    native: float
    mapped: float
    loss: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A map from ``pictures`` of ``people`` with its ``costs``, largest FMR first, and the ``thresholds`` of mapped templates at the same rates.

    All rates are of people whom the measured map had not seen: it was learned in ``folds`` parts, each mapped by what all others taught, and nobody
    is compared with people of another part. ``space_map`` itself has seen them all.
    """

    space_map: SpaceMap
    pictures: int
    people: int
    folds: int
    costs: list[Cost]
    thresholds: tuple[Threshold, ...]

    def cost(self, fmr: float, /) -> Cost:
        return next(one for one in self.costs if one.fmr == fmr)


def learn_map(
    old: Bundle,
    new: Bundle,
    people: People,
    /,
    *,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Learned:
    """The map from the space of ``old`` to that of ``new``, learned and measured from the faces of ``people``, none of whom either was trained on.

    Raises SpaceMismatch for two bundles of one space, UnsupportedRate for people too few to show the default FMR of ``new``.
    """
    if old.manifest.space == new.manifest.space:
        raise SpaceMismatch(f"expected bundles of two spaces, got {new.manifest.space!r} of both; there is nothing to migrate")
    person = np.unique(people.person, return_inverse=True)[1]
    folds = choose_folds(int(person.max()) + 1, new.manifest.fmr)  # before anything is embedded

    def embed(bundle: Bundle, stage: str) -> Floats:
        return embed_pictures(
            people.names,
            people.read,
            detector=bundle.files[DETECTOR],
            embedders=[lambda: Embedder.of(bundle)],
            cache=cache,
            workers=workers,
            progress=lambda done, total: progress(stage, done, total),
        )[0].vectors

    before, after = embed(old, "embedding, old bundle"), embed(new, "embedding, new bundle")
    matrix, rule = learn(before, after, person)
    space_map = SpaceMap(matrix, rule, old.manifest.space, old.artefact, new.manifest.space)
    native, mapped = measure(before, after, person, folds=folds, distance=new.distance)
    fmrs = [one.fmr for one in new.manifest.thresholds if supported(one.fmr, mapped.people_pairs)]
    if new.manifest.fmr not in fmrs:
        raise _too_few(int(person.max()) + 1, new.manifest.fmr)  # some show no face
    return Learned(space_map, len(person), mapped.people, folds, _costs(native, mapped, fmrs), tuple(calibrate(mapped, fmrs)))


def measure(old: Floats, new: Floats, person: Integers, /, *, folds: int, distance: Distance) -> tuple[Comparisons, Comparisons]:
    """Comparisons of ``new`` (n, d_new) as probes with native templates, and with ``old`` (n, d_old) mapped by what other people taught.

    People are compared inside their part: a map draws what it has not seen towards what it has seen, and those would be impostors a little too near.
    (94 people in 5 parts: the threshold for FMR 1e-3 over all pairs had an FMR of 3e-4 to 7e-4 inside the parts.)
    """
    fold = deal(person, folds)
    mapped = map_unseen(old, new, person, fold)
    seen = np.where(mapped.any(1, keepdims=True), new, 0)  # what has no template is no native template either
    native = compare_all(seen, person, numbering=fold, probes=new, distance=distance)
    return native, compare_all(mapped, person, numbering=fold, probes=new, distance=distance)


def choose_folds(people: int, fmr: float, /) -> int:
    """The most parts, FOLDS at most, inside which so many people have pairs enough for ``fmr``. Raises UnsupportedRate where two are too many."""
    for folds in range(FOLDS, 1, -1):
        sizes = [people // folds + (part < people % folds) for part in range(folds)]
        if supported(fmr, sum(size * (size - 1) // 2 for size in sizes)):
            return folds
    raise _too_few(people, fmr)


def with_map(bundle: Bundle, learned: Learned, /) -> bytes:
    """The bytes of ``bundle`` with the map inside and thresholds for the templates that it maps, beside those that are there."""
    manifest = bundle.manifest
    tables = {**manifest.template_thresholds, learned.space_map.artefact: learned.thresholds}
    card = bundle.files.get(CARD, b"").partition(_HEADING)[0].rstrip(b"\n") + _HEADING + _told(learned, manifest.fmr).encode()
    return pack_bundle(replace(manifest, template_thresholds=tables), {**bundle.files, MAP: pack_map(learned.space_map), CARD: card})


_HEADING = b"\n\n## Migrated galleries\n\n"


def _told(learned: Learned, fmr: float) -> str:
    cost, loss = learned.cost(fmr), learned.cost(fmr).loss
    return (
        f"facelite {__version__} has learned a map of templates of the space {learned.space_map.old_space} ({learned.space_map.rule}) "
        f"from {learned.pictures:,} pictures of {learned.people:,} people. On people whom it had not seen, VAL at FMR {fmr:g} is "
        f"{cost.native:.1%} with native templates and {cost.mapped:.1%} with mapped ones: "
        f"{loss.value:.1%} less ({loss.low:.1%} to {loss.high:.1%}).\n"
    )


def _costs(native: Comparisons, mapped: Comparisons, fmrs: list[float]) -> list[Cost]:
    def val(measured: Rates) -> list[float]:
        return [measured.val_at(fmr) for fmr in fmrs]

    before, after = (val(rates(one)) for one in (native, mapped))
    return [Cost(*row) for row in zip(fmrs, before, after, differences(mapped, native, statistics=(val, val)), strict=True)]


def _too_few(people: int, fmr: float) -> UnsupportedRate:
    part = ceil((1 + sqrt(1 + 8 * ceil(RULE_OF_THREE / fmr / 2 * (1 - 1e-9)))) / 2)
    return UnsupportedRate(
        f"expected faces of {2 * part:,} people or more, to learn a map from one half and to measure it at the default FMR of {fmr:g} on the other, "
        f"got {people:,}; give pictures of more people, or a bundle of a larger default: facelite calibrate --default-fmr"
    )
