"""What judging found: as values for --json, and as lines for a reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from facelite.cli.output import percent
from facelite.face import Outcome

if TYPE_CHECKING:
    from facelite.distance import Decide
    from facelite.evaluation.calibrate import Calibration
    from facelite.evaluation.identification import Identification
    from facelite.evaluation.judge import Judgement
    from facelite.evaluation.quality import Discards
    from facelite.evaluation.slices import Slices
    from facelite.evaluation.verification import Cross


UNITS = {"jpeg": "", "pixels": " in the face's square", "jitter": " of its side"}
"""Of the settings of a sweep; JPEG's are its quality."""


def judgement_values(judgement: Judgement) -> dict[str, Any]:
    """A judgement for --json: the first model's verification at the top, then what else was wished."""
    first, *others = zip(judgement.models, judgement.judged, strict=True)
    values = {"model": first[0], **asdict(first[1].verification), "crop": judgement.crop, "seconds": round(judgement.seconds, 2)}
    values["decide"] = first[1].embedded.distance.name
    values["without_a_face"] = judgement.without_a_face
    if deployed := judgement.deployed[0]:
        values["deployed"] = asdict(deployed)
    if judgement.measures:
        values["measures"] = judgement.measures
    for name, judged in others:
        differences = {rate: asdict(interval) for rate, interval in judgement.differences.items()}
        values["against"] = {"model": name, **asdict(judged.verification), "difference": differences}
    for name in ("cross", "slices", "identification", "quality"):
        if (found := getattr(judgement, name)) is not None:
            values[name] = asdict(found)
    if judgement.sweeps:
        values["sweeps"] = [asdict(one) for one in judgement.sweeps]
    return values


def judgement_lines(judgement: Judgement) -> Iterator[str]:
    """A judgement for a reader."""
    for name, judged in zip(judgement.models, judgement.judged, strict=True):
        found = judged.verification
        by = _by_head(judged.embedded.distance.name)
        yield f"{name}: {found.images:,} images of {found.people:,} people, {found.failed_to_detect:,} without a face{by}"
        yield f"  {found.genuine_pairs:,} genuine and {found.impostor_pairs:,} impostor pairs ({found.people_pairs:,} pairs of distinct people)"
        folds = f"+- {percent(found.accuracy_std)} over {found.accuracy_folds} folds" if found.accuracy_folds > 1 else "at the best threshold here"
        yield f"  accuracy {percent(found.accuracy)} {folds} ({_ends(found.accuracy_interval)})"
        yield f"  EER {percent(found.eer)} ({_ends(found.eer_interval)}); AUC {found.auc:.4f} (95 %: {{:.4f}} to {{:.4f}})".format(
            *found.auc_interval
        )
        for fmr, val in found.val_at_fmr.items():
            yield f"  VAL {percent(val)} at FMR {fmr} ({_ends(found.val_interval_at_fmr[fmr])})"
        if not found.val_at_fmr:
            yield "  too few people for VAL at an FMR: 30 pairs of distinct people support 0.1"
    if unreadable := [name for name, reason in judgement.without_a_face.items() if reason != Outcome.NO_FACE.value]:
        yield f"{len(unreadable):,} of them unreadable, such as {unreadable[0]}: {judgement.without_a_face[unreadable[0]]}"
    for name, one in zip(judgement.models, judgement.deployed, strict=True):
        if one:
            yield (
                f"{name} at its threshold {one.threshold.distance:.4f}, calibrated for FMR {one.threshold.fmr:g}: FMR {percent(one.fmr.value)} "
                f"({_ends((one.fmr.low, one.fmr.high))}), FNMR {percent(one.fnmr.value)} ({_ends((one.fnmr.low, one.fnmr.high))})"
            )
    for rate, change in judgement.differences.items():
        what = {"accuracy": rate, "eer": "EER"}.get(rate, f"VAL at FMR {rate}")
        yield f"difference in {what}: {100 * change.value:+.2f} points (95 %: {100 * change.low:+.2f} to {100 * change.high:+.2f})"
    yield from _cross_lines(judgement.cross) if judgement.cross else ()
    for measure, values in (judgement.measures or {}).items():
        yield f"{judgement.models[0]} by {measure}: " + ", ".join(f"{name} {percent(value)}" for name, value in values.items())
    yield from _slice_lines(judgement.slices) if judgement.slices else ()
    yield from _identification_lines(judgement.identification) if judgement.identification else ()
    yield from _quality_lines(judgement.quality) if judgement.quality else ()
    for kind in judgement.sweeps:
        for point in kind.points:
            setting = "untouched" if point.setting is None else f"{point.setting:g}{UNITS[kind.kind]}"
            reached = f"VAL {_with_ends(point.val, point.val_interval)} at FMR {kind.fmr}, accuracy {percent(point.accuracy)}"
            yield f"{kind.kind} {setting}, {point.road}, {point.model}: {reached}"
    yield f"{judgement.seconds:.1f} s, {judgement.crop}"


def _by_head(decide: Decide) -> str:
    return "; distances are those of its Siamese head" if decide == "siamese" else ""


def _cross_lines(found: Cross) -> Iterator[str]:
    yield f"{found.templates} enrolled, {found.probes} verifies:"
    for fmr, val in found.val_at_fmr.items():
        gain = found.gain[fmr]
        over = f"{100 * gain.value:+.2f} points over the weaker alone (95 %: {100 * gain.low:+.2f} to {100 * gain.high:+.2f})"
        yield f"  VAL {percent(val)} at FMR {fmr} ({_ends(found.val_interval_at_fmr[fmr])}), {over}"


def _slice_lines(slices: Slices) -> Iterator[str]:
    for one in slices.slices:
        fmr = _with_ends(one.fmr, one.fmr_interval) + ("" if one.enough_for_fmr else f", too few for {slices.fmr:g}")
        fnmr = _with_ends(one.fnmr, one.fnmr_interval) + ("" if one.enough_for_fnmr else ", too few")
        yield f"{one.attribute} {one.value}".strip() + f": {one.people:,} people, FMR {fmr}; FNMR {fnmr}"
    for rate, worst in (("FMR", slices.worst_fmr), ("FNMR", slices.worst_fnmr)):
        if worst:
            yield f"worst {rate} over that of all: " + ", ".join(f"{attribute} {times:.1f} times" for attribute, times in worst.items())


def _with_ends(rate: float | None, ends: tuple[float, float] | None) -> str:
    return "unknown" if rate is None or ends is None else f"{percent(rate)} ({_ends(ends)})"


def _quality_lines(found: Discards) -> Iterator[str]:
    yield f"quality, at the distance {found.distance:.4f}: FNMR {_with_ends(found.fnmr.value, (found.fnmr.low, found.fnmr.high))}"
    for one in found.measures:
        beyond = "any limit" if one.measure == "all" else f"the limit of {one.measure}, {one.limit:g}"
        failed = f"FNMR {percent(one.fnmr_refused)} with them, " if one.fnmr_refused is not None else ""
        kept = _with_ends(one.kept.value, (one.kept.low, one.kept.high))
        yield f"  beyond {beyond}: {percent(one.refused)} of the pictures; {failed}{kept} without them"


def _ends(ends: tuple[float, float]) -> str:
    return f"95 %: {percent(ends[0])} to {percent(ends[1])}"


def _identification_lines(found: Identification) -> Iterator[str]:
    yield f"identification: {found.mates:,} people enrolled, {found.stranger_searches:,} searches of {found.strangers:,} strangers"
    for number, galleries in found.enrolments.items():
        for one in galleries:
            first = _with_ends(one.rank_1.value, (one.rank_1.low, one.rank_1.high))
            missed = {name: _with_ends(at.fnir.value, (at.fnir.low, at.fnir.high)) for name, at in one.at_fpir.items()}
            told = "".join(f"; FNIR {rate} at FPIR {name}" for name, rate in missed.items())
            yield f"  {one.people:,} people, {number} of each: first {first}{told}"


def calibration_lines(found: Calibration) -> Iterator[str]:
    """A calibration for a reader."""
    yield f"{found.images:,} images of {found.people:,} people, {found.failed_to_detect:,} without a face{_by_head(found.decide)}"
    for one in found.thresholds:
        yield (
            f"FMR {one.fmr:g}: distance {one.distance:.4f}, FMR at most {one.fmr_upper:.2g}, FNMR {percent(one.fnmr)} "
            f"({one.genuine_pairs:,} genuine, {one.impostor_pairs:,} impostor pairs, {one.people_pairs:,} pairs of people)"
        )
    for kind, thresholds in found.fused.items():
        rates = "; ".join(f"FMR {one.fmr:g}: distance {one.distance:.4f}, FNMR {percent(one.fnmr)}" for one in thresholds)
        yield f"{kind.removeprefix('fused ')} templates compared as one: {rates}"
    for slices in found.strangers:
        overall = percent(slices.slices[0].fmr)
        groups = "the worst of the large enough groups:" if slices.worst_fmr else "no group is large enough for a statement"
        yield f"strangers at FMR {slices.fmr:g} (distance {slices.distance:.4f}): FMR {overall}; {groups}"
        for attribute in slices.worst_fmr:
            worst = max((one for one in slices.slices if one.attribute == attribute and one.enough_for_fmr), key=lambda one: one.fmr or 0)
            yield f"  {attribute} {worst.value}: FMR {_with_ends(worst.fmr, worst.fmr_interval)}; {worst.people:,} people"
