"""When it is worse and for whom: sweeps over image quality, and rates inside groups of people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from facelite.evaluation.judge import Judgement
from facelite.evaluation.report.page import Html, Plate, Section, folded, paragraph, table, with_ends
from facelite.evaluation.report.words import percent, percents
from facelite.evaluation.slices import Slice
from facelite.evaluation.sweeps import Kind, Sweep
from facelite.plots import COLOURS, GREY, Axis, Dot, Line, draw_dots, draw_lines

UNTOUCHED = 100
"""Where a picture that was not encoded again stands on the axis of JPEG qualities, which ends there."""

AXES: dict[Kind, tuple[str, Axis]] = {
    "jpeg": ("Encoded as JPEG", Axis("JPEG quality", ticks={10: "10", 30: "30", 50: "50", 70: "70", 90: "90", UNTOUCHED: "as is"})),
    "pixels": (
        "Shrunk",
        Axis("pixels of the face's square", log=True, ticks={1600: "40²", 6400: "80²", 14400: "120²", 25600: "160²", 65536: "256²"}),
    ),
    "jitter": ("Keypoints moved", Axis("standard deviation of the keypoints, of the face's side", ticks="%")),
}


def sweeps(judgement: Judgement, names: Sequence[str], /) -> Iterator[Section]:
    """A section for each sweep: VAL, or accuracy where the pairs cannot support the FMR, beside what a paper measured."""
    for one in judgement.sweeps:
        title, x = AXES[one.kind]
        supported = any(point.val is not None for point in one.points)
        what = f"VAL at FMR {one.fmr}" if supported else "accuracy"
        lines = list(_lines(one, judgement.models, names, supported=supported))
        caption = f"{what} of pictures made worse step by step; 'aligned' looks for the face each time, 'centre crop' cuts the middle."
        if supported and one.published:
            settings, vals = ([point[i] for point in one.published.points] for i in (0, 1))
            lines.append(Line(f"{one.published.label.split()[0]}'s own, on another set", settings, vals, GREY, ":", "x"))
            caption += f" Dotted: {one.published.label}."
        drawing = draw_lines(lines, x=x, y=Axis(what, low=0, high=1.02, ticks="%"))
        header = ["Setting", "Road", "Model", f"VAL at FMR {one.fmr}", "Accuracy", "No face", "Left as they were"]
        cells = [
            [
                "as is" if point.setting is None else f"{point.setting:g}",
                point.road,
                dict(zip(judgement.models, names, strict=True))[point.model],
                percent(point.val),
                percent(point.accuracy),
                f"{point.failed_to_detect:,}",
                "" if point.unchanged is None else f"{point.unchanged:,}",
            ]
            for point in one.points
        ]
        ends = "; ".join(f"{line.label}: {percent(line.y[0])} at the left end, {percent(line.y[-1])} at the right" for line in lines if len(line.y))
        plate = Plate(f"sweep-{one.kind}", drawing, caption, f"{what} against {x.label}. {ends}.")
        yield Section(title, [plate, folded("All points as a table", table(f"Sweep over {x.label}.", header, cells))])


def _lines(one: Sweep, models: Sequence[str], names: Sequence[str], *, supported: bool) -> Iterator[Line]:
    for i, (model, name) in enumerate(zip(models, names, strict=True)):
        for road, dash in zip(dict.fromkeys(point.road for point in one.points), ("-", "--", ":"), strict=False):
            found = [point for point in one.points if (point.model, point.road) == (model, road)]
            settings = [UNTOUCHED if point.setting is None else point.setting for point in found]
            reached = [np.nan if rate is None else rate for rate in (point.val if supported else point.accuracy for point in found)]
            yield Line(f"{name}, {road}", settings, reached, COLOURS[i], dash, "os"[i])


def groups(judgement: Judgement, /) -> Section | None:
    """Rates inside each group at one threshold, as dots and as a table; a group too small for the wanted FMR is marked."""
    slices = judgement.slices
    if slices is None:
        return None
    everybody, few = slices.slices[0], f"too few for FMR {slices.fmr:.2g}"
    rows = [
        [_label(one), f"{one.images:,}", f"{one.people:,}", f"{one.people_pairs:,}", *_cells(one), "" if one.enough else few] for one in slices.slices
    ]
    plates = [
        *_dots("fmr", "strangers of one group accepted", [(one, one.fmr, one.fmr_interval) for one in slices.slices], few),
        *_dots("fnmr", "people rejected", [(one, one.fnmr, one.fnmr_interval) for one in slices.slices], few),
    ]
    worst = [
        f"{rate}: " + ", ".join(f"{attribute} {times:.1f} times" for attribute, times in found.items())
        for rate, found in (("FMR", slices.worst_fmr), ("FNMR", slices.worst_fnmr))
        if found
    ]
    note = f"At the threshold {slices.distance:.3f}, for an FMR of {slices.fmr:.2g}, people of each group compared among themselves. "
    note += f"The worst group large enough, over all people: {'; '.join(worst)}." if worst else ""
    header = ["Group", "Images", "People", "Pairs of people", "FMR", "FNMR", ""]
    return Section("Groups of people", [paragraph(note), *plates, table("Rates inside groups, with 95 % intervals.", header, rows)])


def _dots(rate: str, words: str, found: Sequence[tuple[Slice, float | None, tuple[float, float] | None]], few: str) -> Iterator[Plate]:
    """One plate, none where no group has such a pair. The axis ends where the intervals of the groups that are large enough do."""
    dots = [Dot(_label(one), value, *span, firm=one.enough) for one, value, span in found if value is not None and span is not None]
    if dots:
        firm = [dot.high for dot in dots if dot.firm] or [dot.high for dot in dots]
        mark = (dots[0].value, f"all: {percent(dots[0].value)}") if dots[0].label == found[0][0].attribute else None
        drawing = draw_dots(dots, x=Axis(f"{rate.upper()}: {words}", low=0, high=1.15 * max(*firm, 1e-9), ticks="%"), mark=mark)
        told = "; ".join(f"{dot.label} {percent(dot.value)}" for dot in dots)
        yield Plate(f"groups-{rate}", drawing, f"{rate.upper()}, {words}; 95 % intervals. Hollow: {few}.", f"{rate.upper()} by group: {told}.")


def _label(one: Slice) -> str:
    return f"{one.attribute}: {one.value}" if one.value else one.attribute


def _cells(one: Slice) -> list[Html | str]:
    found = (one.fmr, one.fmr_interval), (one.fnmr, one.fnmr_interval)
    return ["no such pair" if rate is None else with_ends(percent(rate), percents(span)) for rate, span in found]
