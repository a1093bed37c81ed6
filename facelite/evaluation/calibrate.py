"""A model and people's pictures -> thresholds with their error rates, for its own templates or those of another embedder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from facelite import __version__
from facelite.bundle import CARD, FUSED, Bundle, fused_kind, pack_bundle
from facelite.calibration import FMRS, calibrate, calibrate_fused, supported_fmrs
from facelite.distance import Decide
from facelite.errors import InputError, UnsupportedRate
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.judge import Model
from facelite.evaluation.people import People
from facelite.evaluation.slices import Slices, find_groups, slice_rates
from facelite.face import Threshold

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Calibration:
    """``thresholds`` of probes of the embedder ``artefact`` and templates of ``templates`` (sha256 both), largest FMR first.

    ``fused``: those for several of its own templates that are compared as one, by ``bundle.fused_kind``. ``strangers``: at each threshold, how
    often strangers match whom sex, age and group make more alike than chance does. ``decide`` says of which distance they are: the one by which
    the bundle of the probes decides.
    """

    artefact: str
    templates: str
    images: int
    failed_to_detect: int
    people: int
    thresholds: tuple[Threshold, ...]
    fused: dict[str, tuple[Threshold, ...]] = field(default_factory=dict)
    strangers: list[Slices] = field(default_factory=list)
    decide: Decide = "squared-l2"


def calibrate_model(
    model: Model,
    people: People,
    /,
    *,
    templates: Model | None = None,
    fmrs: Sequence[float] = (),
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Calibration:
    """Thresholds over all pairs of pictures, one without a face counting as rejected. ``templates`` is the embedder that enrols, if another.

    Raises UnsupportedRate for one of ``fmrs`` that so few people cannot support, and where they support none of FMRS.
    """
    if templates and templates.make().artefact == model.make().artefact:
        templates = None  # its own, so that no comparison counts twice
    models = [model, templates] if templates else [model]
    embedded = embed_pictures(
        people.names,
        people.read,
        detector=model.detector,
        embedders=[one.make for one in models],
        cache=cache,
        workers=workers,
        progress=lambda done, total: progress("embedding", done, total),
    )
    artefacts = [one.make().artefact for one in models]
    comparisons = people.comparisons(embedded[-1], probes=embedded[0] if templates else None, distance=model.distance)
    wanted = sorted(set(fmrs), reverse=True) or supported_fmrs(comparisons.people_pairs) or FMRS[:1]
    fused = {}
    if not templates:
        fused = calibrate_fused(lambda number: people.comparisons(embedded[0], fused=number, distance=model.distance), FUSED, wanted)
    return Calibration(
        artefact=artefacts[0],
        templates=artefacts[-1],
        images=len(people.names),
        failed_to_detect=int((~embedded[0].found).sum()),
        people=comparisons.people,
        thresholds=tuple(calibrate(comparisons, wanted)),
        fused={fused_kind(number): tuple(found) for number, found in fused.items()},
        decide=model.distance.name,
    )


def add_strangers(
    calibration: Calibration,
    model: Model,
    strangers: People,
    /,
    *,
    groups: str = "utkface",
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Calibration:
    """``calibration`` with the FMR of ``strangers`` at each threshold, all together and inside each of their groups.

    ``groups`` is a CSV, or "utkface" for what UTKFace's file names say. Where each picture is a person of its own, no FNMR can be told.
    """
    names = [name.rpartition("\n/")[2] for name in strangers.names]
    labels = find_groups(groups, names)
    embedded = embed_pictures(
        strangers.names,
        strangers.read,
        detector=model.detector,
        embedders=[model.make],
        cache=cache,
        workers=workers,
        progress=lambda done, total: progress("strangers", done, total),
    )[0]
    if not embedded.found.any():
        raise InputError(f"expected faces in {len(names)} pictures of strangers, found none; give other pictures")
    person = np.unique(strangers.person, return_inverse=True)[1]
    thresholds = [(one.distance, one.fmr) for one in calibration.thresholds]
    return replace(calibration, strangers=slice_rates(embedded.vectors, person, labels, thresholds=thresholds, distance=model.distance))


def recalibrated(bundle: Bundle, calibration: Calibration, /, *, fmr: float | None = None) -> bytes:
    """The bytes of ``bundle`` with the measured thresholds in place of all its own, or beside them where the templates are another embedder's.

    ``fmr`` becomes the default; None keeps the bundle's: a door is never opened wider without a word. Raises UnsupportedRate where the
    default was not measured, ValueError for a calibration of another embedder or of another distance.
    """
    if calibration.artefact != bundle.artefact:
        raise ValueError(f"expected a calibration of the embedder {bundle.artefact[:12]}..., got one of {calibration.artefact[:12]}...")
    if calibration.decide != bundle.manifest.decide:
        raise ValueError(f"expected thresholds of the distance {bundle.manifest.decide}, got some of {calibration.decide}")
    manifest, own = bundle.manifest, calibration.templates == bundle.artefact
    thresholds = calibration.thresholds if own else manifest.thresholds
    others = {} if own else {**manifest.template_thresholds, calibration.templates: calibration.thresholds}
    measured = [{threshold.fmr for threshold in table} for table in (thresholds, *others.values())]
    default = manifest.fmr if fmr is None else fmr
    others |= {kind: table for kind, table in calibration.fused.items() if default in [threshold.fmr for threshold in table]}
    for rates in measured:
        if default not in rates:
            raise UnsupportedRate(
                f"expected thresholds at the default FMR of {default:g}, got them at {', '.join(f'{rate:g}' for rate in sorted(rates))}; "
                "give pictures of more people, or name another default: --default-fmr"
            )
    changed = replace(manifest, thresholds=thresholds, template_thresholds=others, fmr=default)
    files = {name: _told(data, calibration) if name == CARD else data for name, data in bundle.files.items()}
    return pack_bundle(changed, files)


def _told(card: bytes, calibration: Calibration) -> bytes:
    """The model card, which must not pass off its own figures as those of the new thresholds."""
    heading = b"\n\n## Calibrated again\n\n"
    one = calibration.thresholds[0]
    text = (
        f"facelite {__version__} measured thresholds of this bundle anew, on {calibration.images:,} pictures of {calibration.people:,} people "
        f"({one.people_pairs:,} pairs of distinct people), not on those of the figures above.\n"
    )
    return card.partition(heading)[0].rstrip(b"\n") + heading + text.encode()
