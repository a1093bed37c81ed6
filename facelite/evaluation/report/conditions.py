"""When it is worse and for whom: sweeps over image quality, limits of quality, and rates inside groups of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from facelite.evaluation.judge import Judgement
from facelite.evaluation.report.page import Html, Plate, Section, folded, paragraph, table, with_ends
from facelite.evaluation.report.rates import DASHES, MARKERS
from facelite.evaluation.report.words import percent, percents
from facelite.evaluation.slices import Slice
from facelite.evaluation.sweeps import Kind, Sweep
from facelite.plots import COLOURS, GREY, Axis, Dot, Line, draw_dots, draw_lines

UNTOUCHED = 100
"""Where a picture that was not encoded again stands on the axis of JPEG qualities, which ends there."""

TITLES: dict[Kind, str] = {"jpeg": "Encoded as JPEG", "pixels": "Shrunk", "jitter": "Keypoints moved"}

AXES: dict[Kind, Axis] = {
    "jpeg": Axis("JPEG quality", ticks={10: "10", 30: "30", 50: "50", 70: "70", 90: "90", UNTOUCHED: "as is"}),
    "pixels": Axis("pixels of the face", log=True, ticks={1600: "40²", 6400: "80²", 14400: "120²", 25600: "160²", 65536: "256²"}),
    "jitter": Axis("deviation, share of the face's side", ticks="%"),
}

SHARE_TICKS = {0.0: "0", 0.1: "10%", 0.2: "20%", 0.3: "30%"}


def sweeps(judgement: Judgement, names: Sequence[str], /) -> Section | None:
    """VAL, or accuracy where the pairs cannot support the FMR, at each step, beside what a paper measured."""
    if not judgement.sweeps:
        return None
    named = dict(zip(judgement.models, names, strict=True))
    note = "Pictures made worse step by step. 'aligned' looks for the face in each, 'centre crop' cuts the middle without looking."
    header = ["Setting", "Road", "Model", "VAL at FMR", "VAL", "Accuracy", "No face", "Left as they were"]
    tables = [folded(f"{TITLES[one.kind]}: all points", table(TITLES[one.kind], header, _rows(one, named))) for one in judgement.sweeps]
    return Section("Worse pictures", [paragraph(note), *(_plate(one, named) for one in judgement.sweeps), *tables])


def _rows(one: Sweep, named: Mapping[str, str]) -> list[list[str]]:
    return [
        [
            "as is" if point.setting is None else f"{point.setting:g}",
            point.road,
            named[point.model],
            one.fmr,
            with_ends(percent(point.val), percents(point.val_interval)),
            percent(point.accuracy),
            f"{point.failed_to_detect:,}",
            "" if point.unchanged is None else f"{point.unchanged:,}",
        ]
        for point in one.points
    ]


def _plate(one: Sweep, named: Mapping[str, str]) -> Plate:
    supported = any(point.val is not None for point in one.points)
    what, title = f"VAL at FMR {one.fmr}" if supported else "accuracy", TITLES[one.kind]
    lines = list(_lines(one, named, supported=supported))
    told = [f"{line.label}: {percent(line.y[0])} at the left, {percent(line.y[-1])} at the right" for line in lines]
    caption = f"{title}: {what}, with 95 % intervals." if supported else f"{title}: {what}."
    if supported and one.published:
        settings, vals = ([point[i] for point in one.published.points] for i in (0, 1))
        lines.append(Line(f"{one.published.label.split()[0]}'s own, on another set", settings, vals, GREY, ":", "x"))
        caption += f" Dotted: {one.published.label}."
    drawing = draw_lines(lines, x=AXES[one.kind], y=Axis(what, low=0, high=1.02, ticks="%"))
    return Plate(f"sweep-{one.kind}", drawing, caption, f"{title}, {what}. {'; '.join(told)}.")


def _lines(one: Sweep, named: Mapping[str, str], *, supported: bool) -> Iterator[Line]:
    """A line for each model, by its colour and dash, on each road, by its marker."""
    roads = dict.fromkeys(point.road for point in one.points)
    for model, (name, colour, dash) in zip(named, zip(named.values(), COLOURS, DASHES, strict=False), strict=True):
        for road, marker in zip(roads, MARKERS, strict=False):
            found = [point for point in one.points if (point.model, point.road) == (model, road)]
            settings = [UNTOUCHED if point.setting is None else point.setting for point in found]
            vals = [np.nan if point.val is None else point.val for point in found]
            spans = [(np.nan, np.nan) if point.val_interval is None else point.val_interval for point in found]
            ends = [low for low, _ in spans], [high for _, high in spans]
            reached = vals if supported else [point.accuracy for point in found]
            yield Line(f"{name}, {road}", settings, reached, colour, dash, marker, ends if supported else None)


def groups(judgement: Judgement, name: str, /) -> Section | None:
    """Rates inside each group at one threshold, as dots and as a table; a group too small for the wanted FMR is marked."""
    slices = judgement.slices
    if slices is None:
        return None
    few = f"too few for FMR {percent(slices.fmr)}", "too few people for FNMR"
    rows = [
        [_label(one), f"{one.images:,}", f"{one.people:,}", f"{one.people_pairs:,}", *_cells(one), "; ".join(_lacks(one, few))]
        for one in slices.slices
    ]
    fmrs = [(one, one.fmr, one.fmr_interval, one.enough_for_fmr) for one in slices.slices]
    fnmrs = [(one, one.fnmr, one.fnmr_interval, one.enough_for_fnmr) for one in slices.slices]
    plates = [*_dots("fmr", "strangers of one group accepted", fmrs, few[0]), *_dots("fnmr", "people rejected", fnmrs, few[1])]
    worst = [
        f"{rate}: " + ", ".join(f"{attribute} {times:.1f} times" for attribute, times in found.items())
        for rate, found in (("FMR", slices.worst_fmr), ("FNMR", slices.worst_fnmr))
        if found
    ]
    note = f"By {name}, at the threshold {slices.distance:.3f}, for an FMR of {percent(slices.fmr)}, people of each group compared among themselves. "
    note += f"The worst group large enough, over all people: {'; '.join(worst)}." if worst else ""
    header = ["Group", "Images", "People", "Pairs of people", "FMR", "FNMR", "Note"]
    return Section("Groups of people", [paragraph(note), *plates, table("Rates inside groups, with 95 % intervals.", header, rows)])


def _lacks(one: Slice, few: tuple[str, str]) -> list[str]:
    return [what for what, enough in zip(few, (one.enough_for_fmr, one.enough_for_fnmr), strict=True) if not enough]


def _dots(rate: str, words: str, found: Sequence[tuple[Slice, float | None, tuple[float, float] | None, bool]], few: str) -> Iterator[Plate]:
    """One plate, none where no group has such a pair. The axis spans all values, and the intervals of groups that are large enough."""
    dots = [Dot(_label(one), value, *span, firm=enough) for one, value, span, enough in found if value is not None and span is not None]
    if dots:
        high = 1.15 * max([dot.high for dot in dots if dot.firm] + [dot.value for dot in dots] + [1e-3])
        mark = (dots[0].value, f"all: {percent(dots[0].value)}") if dots[0].label == _label(found[0][0]) else None
        drawing = draw_dots(dots, x=Axis(f"{rate.upper()}: {words}", low=0, high=high, ticks="%"), mark=mark)
        told = "; ".join(f"{dot.label} {percent(dot.value)}" for dot in dots)
        caption = f"{rate.upper()}, {words}; 95 % intervals, cut off where too long. Hollow: {few}."
        yield Plate(f"groups-{rate}", drawing, caption, f"{rate.upper()} by group: {told}.")


def _label(one: Slice) -> str:
    return f"{one.attribute}: {one.value}" if one.value else one.attribute


def _cells(one: Slice) -> list[Html | str]:
    found = (one.fmr, one.fmr_interval), (one.fnmr, one.fnmr_interval)
    return ["no such pair" if rate is None else with_ends(percent(rate), percents(span)) for rate, span in found]


def discarded(judgement: Judgement, name: str, /) -> Section | None:
    """What the limits of quality cost and gain: a table at the limits, and FNMR as ever more of the worst pictures are refused."""
    found = judgement.quality
    if found is None:
        return None
    header = ["Beyond the limit of", "Limit", "Pictures refused", "FNMR with one of them", "FNMR of the others"]
    rows = [
        [
            "any" if one.measure == "all" else one.measure,
            "" if one.measure == "all" else f"{one.limit:g}",
            percent(one.refused),
            "none refused" if one.fnmr_refused is None else percent(one.fnmr_refused),
            with_ends(percent(one.kept.value), percents((one.kept.low, one.kept.high))),
        ]
        for one in found.measures
    ]
    note = (
        f"By {name}, at its threshold {found.distance:.4f}, over the genuine comparisons of faces that were found: FNMR {percent(found.fnmr.value)} "
        f"({percents((found.fnmr.low, found.fnmr.high))}). A picture that is refused is no rejection: the person is asked for another one."
    )
    curves = [one for one in found.measures if one.curve]
    styles = zip((*COLOURS, GREY), MARKERS * 4, DASHES * 4, strict=False)
    lines = [
        Line(one.measure, [step.share for step in one.curve], [step.fnmr for step in one.curve], colour, dash, marker)
        for one, (colour, marker, dash) in zip(curves, styles, strict=False)
    ]
    drawing = draw_lines(lines, x=Axis("worst pictures refused", ticks=SHARE_TICKS), y=Axis("FNMR of the others", ticks="%"))
    alt = "; ".join(f"{one.measure}: {percent(one.curve[0].fnmr)}, {percent(one.curve[-1].fnmr)} at the right" for one in curves)
    caption = "Error versus discard: a measure that tells good pictures from bad ones falls."
    return Section("Refusing poor pictures", [paragraph(note), table("At the limits.", header, rows), Plate("quality", drawing, caption, alt)])
