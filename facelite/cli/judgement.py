"""What judging found: as values for --json, and as lines for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from facelite.cli.output import percent

if TYPE_CHECKING:
    from facelite.evaluation.calibrate import Calibration
    from facelite.evaluation.identification import Identification
    from facelite.evaluation.judge import Judgement
    from facelite.evaluation.slices import Slices


def judgement_values(judgement: Judgement) -> dict[str, Any]:
    """A judgement for --json: the first model's verification at the top, then what else was wished."""
    first, *others = zip(judgement.models, judgement.judged, strict=True)
    values = {"model": first[0], **asdict(first[1].verification), "crop": judgement.crop, "seconds": round(judgement.seconds, 2)}
    embedded = first[1].embedded
    values["without_a_face"] = [name for name, found in zip(embedded.names, embedded.found, strict=True) if not found]
    if judgement.deployed:
        values["deployed"] = asdict(judgement.deployed)
    if judgement.measures:
        values["measures"] = judgement.measures
    for name, judged in others:
        differences = {rate: asdict(interval) for rate, interval in judgement.differences.items()}
        values["against"] = {"model": name, **asdict(judged.verification), "difference": differences}
    for name in ("slices", "identification"):
        if (found := getattr(judgement, name)) is not None:
            values[name] = asdict(found)
    if judgement.sweeps:
        values["sweeps"] = [asdict(one) for one in judgement.sweeps]
    return values


def judgement_lines(judgement: Judgement) -> Iterator[str]:
    """A judgement for a reader."""
    for name, judged in zip(judgement.models, judgement.judged, strict=True):
        found = judged.verification
        yield f"{name}: {found.images:,} images of {found.people:,} people, {found.failed_to_detect:,} without a face"
        yield f"  {found.genuine_pairs:,} genuine and {found.impostor_pairs:,} impostor pairs ({found.people_pairs:,} pairs of distinct people)"
        yield f"  accuracy {percent(found.accuracy)} +- {percent(found.accuracy_std)} over folds; EER {percent(found.eer)}; AUC {found.auc:.4f}"
        for fmr, val in found.val_at_fmr.items():
            low, high = found.val_interval_at_fmr[fmr]
            yield f"  VAL {percent(val)} at FMR {fmr} (95 %: {percent(low)} to {percent(high)})"
        if not found.val_at_fmr:
            yield "  too few people for VAL at an FMR: 30 pairs of distinct people support 0.1"
    if one := judgement.deployed:
        yield (
            f"at the threshold {one.threshold.distance:.4f}, calibrated for FMR {one.threshold.fmr:g}: FMR {percent(one.fmr.value)} "
            f"(95 %: {percent(one.fmr.low)} to {percent(one.fmr.high)}), FNMR {percent(one.fnmr.value)} "
            f"({percent(one.fnmr.low)} to {percent(one.fnmr.high)})"
        )
    for rate, change in judgement.differences.items():
        what = rate.upper() if rate == "eer" else f"VAL at FMR {rate}"
        yield f"difference in {what}: {100 * change.value:+.2f} points (95 %: {100 * change.low:+.2f} to {100 * change.high:+.2f})"
    for measure, values in (judgement.measures or {}).items():
        yield f"{measure}: " + ", ".join(f"{name} {percent(value)}" for name, value in values.items())
    yield from _slice_lines(judgement.slices) if judgement.slices else ()
    yield from _identification_lines(judgement.identification) if judgement.identification else ()
    for kind in judgement.sweeps:
        for point in kind.points:
            setting = "untouched" if point.setting is None else f"{point.setting:g}"
            reached = f"VAL {percent(point.val)} at FMR {kind.fmr}, accuracy {percent(point.accuracy)}"
            yield f"{kind.kind} {setting}, {point.road}, {point.model}: {reached}"
    yield f"{judgement.seconds:.1f} s, {judgement.crop}"


def _slice_lines(slices: Slices) -> Iterator[str]:
    for one in slices.slices:
        name, few = f"{one.attribute} {one.value}".strip(), "" if one.enough else f"; too few for FMR {slices.fmr:g}"
        yield f"{name}: {one.people:,} people, FMR {percent(one.fmr)}, FNMR {percent(one.fnmr)}{few}"


def _identification_lines(found: Identification) -> Iterator[str]:
    yield f"identification: {found.mates:,} people enrolled, {found.stranger_searches:,} searches of {found.strangers:,} strangers"
    for number, galleries in found.enrolments.items():
        for one in galleries:
            at = "".join(f"; FNIR {percent(rates.fnir.value)} at FPIR {name}" for name, rates in one.at_fpir.items())
            yield f"  {one.people:,} people, {number} of each: first {percent(one.rank_1.value)}{at}"


def calibration_lines(found: Calibration) -> Iterator[str]:
    """A calibration for a reader."""
    yield f"{found.images:,} images of {found.people:,} people, {found.failed_to_detect:,} without a face"
    for one in found.thresholds:
        yield (
            f"FMR {one.fmr:g}: distance {one.distance:.4f}, FMR at most {one.fmr_upper:.2g}, FNMR {percent(one.fnmr)} "
            f"({one.genuine_pairs:,} genuine, {one.impostor_pairs:,} impostor pairs, {one.people_pairs:,} pairs of people)"
        )
    for slices in found.strangers:
        overall = percent(slices.slices[0].fmr)
        yield f"strangers at FMR {slices.fmr:g} (distance {slices.distance:.4f}): FMR {overall}; the worst of the large enough groups:"
        for attribute in slices.worst_fmr:
            worst = max((one for one in slices.slices if one.attribute == attribute and one.enough), key=lambda one: one.fmr or 0)
            low, high = worst.fmr_interval or (0, 1)
            yield f"  {attribute} {worst.value}: FMR {percent(worst.fmr)} (95 %: {percent(low)} to {percent(high)}; {worst.people:,} people)"
