"""Open-set identification: who is found in galleries of growing size, and how often a stranger is taken for somebody."""

from __future__ import annotations

from collections.abc import Sequence

from facelite.evaluation.identification import Identification
from facelite.evaluation.judge import Judgement
from facelite.evaluation.report.page import Plate, Section, paragraph, table, with_ends
from facelite.evaluation.report.words import ends, percent, percents
from facelite.plots import COLOURS, GREY, Axis, Line, draw_lines

STYLES = tuple(zip(COLOURS[2:], ("-", "--", "-.", ":"), ("o", "s", "^", "D"), strict=True))
"""Colour, dash and marker by the number of pictures enrolled; the first two colours mean models."""

RANK_TICKS = {1.0: "1", 5.0: "5", 10.0: "10", 15.0: "15", 20.0: "20"}


def identification(judgement: Judgement, name: str, /) -> Section | None:
    """CMC, FPIR and FNIR against the threshold, FNIR by size of the gallery, and the table behind them."""
    found = judgement.identification
    if found is None:
        return None
    note = (
        f"By {name}. {found.mates:,} people were enrolled, {found.strangers:,} never were ({found.stranger_searches:,} searches). Predicted FPIR: "
        "1 - (1 - FMR)^people, by which the device tightens its threshold as the gallery grows."
    )
    left_out = "".join(f" {number} pictures each were not tried: too few people ({people:,}) have more." for number, people in found.dropped.items())
    fpirs = list(dict.fromkeys(fpir for rows in found.enrolments.values() for one in rows for fpir in one.at_fpir))
    header = ["Enrolled each", "People", "Templates", "Rank 1"]
    header += [what for fpir in fpirs for what in (f"FNIR at FPIR {fpir}", "Threshold", "Predicted FPIR")]
    rows = [
        [number, f"{one.people:,}", f"{one.templates:,}", with_ends(percent(one.rank_1.value), percents(ends(one.rank_1)))]
        + [
            cell
            for at in (one.at_fpir[fpir] for fpir in fpirs)
            for cell in (
                with_ends(percent(at.fnir.value), percents(ends(at.fnir))),
                f"{at.threshold:.3f}",
                with_ends(percent(at.fpir_predicted), f"measured {percent(at.fpir)}"),
            )
        ]
        for number, of_number in found.enrolments.items()
        for one in of_number
    ]
    words = judgement.judged[0].embedded.distance.words
    plates = [_cmc(found), _against_threshold(found, words), *(_by_size(found, fpir) for fpir in fpirs)]
    return Section("Finding one among many", [paragraph(note + left_out), *plates, table("Searches 1:N, with 95 % intervals.", header, rows)])


def _cmc(found: Identification) -> Plate:
    largest = {number: of_number[-1] for number, of_number in found.enrolments.items()}
    lines = [
        Line(_enrolled(number), range(1, len(one.cmc) + 1), one.cmc, *style) for (number, one), style in zip(largest.items(), STYLES, strict=False)
    ]
    people = next(iter(largest.values())).people
    drawing = draw_lines(
        lines,
        x=Axis("rank", ticks=RANK_TICKS),
        y=Axis("mates found by this rank", high=1.005, ticks="%"),
    )
    told = "; ".join(
        f"{_enrolled(number)}: {percent(one.cmc[0])} first, {percent(one.cmc[-1])} by rank {len(one.cmc)}" for number, one in largest.items()
    )
    return Plate("cmc", drawing, f"CMC: the share of mates among the nearest people of a gallery of {people:,}.", f"CMC curve. {told}.")


def _against_threshold(found: Identification, distance: str) -> Plate:
    number, of_number = next(iter(found.enrolments.items()))
    one, x = of_number[-1], found.thresholds
    lines = [
        Line("FNIR: mates missed", x, one.fnir, COLOURS[0]),
        Line("FPIR: strangers taken for somebody", x, one.fpir, COLOURS[3], "--"),
        Line("FPIR predicted from the FMR", x, one.fpir_predicted, GREY, ":"),
    ]
    drawing = draw_lines(lines, x=Axis(f"threshold ({distance})"), y=Axis("share of searches", low=0, high=1.02, ticks="%"))
    caption = f"Both errors against the threshold, in a gallery of {one.people:,} people, {_enrolled(number)}."
    crossing = min(zip(one.fnir, one.fpir, x, strict=True), key=lambda three: abs(three[0] - three[1]))
    return Plate("threshold", drawing, caption, f"{caption} They meet at {percent(crossing[0])} near the threshold {crossing[2]:.2f}.")


def _by_size(found: Identification, fpir: str) -> Plate:
    lines, told = [], []
    for (number, of_number), style in zip(found.enrolments.items(), STYLES, strict=False):
        known = [one for one in of_number if fpir in one.at_fpir]
        missed = [one.at_fpir[fpir].fnir for one in known]
        spans = [one.low for one in missed], [one.high for one in missed]
        lines.append(Line(_enrolled(number), [one.people for one in known], [one.value for one in missed], *style, ends=spans))
        told += [f"{_enrolled(number)}: {percent(missed[-1].value)} among {known[-1].people:,} people"] if known else []
    sizes = sorted({one.people for of_number in found.enrolments.values() for one in of_number})
    x = Axis("people in the gallery", log=True, ticks={size: f"{size:,}" for size in _apart(sizes)})
    drawing = draw_lines(lines, x=x, y=Axis(f"FNIR at FPIR {fpir}", low=0, ticks="%"))
    caption = f"Mates missed where {percent(float(fpir))} of the strangers' searches are accepted, with 95 % intervals."
    return Plate(f"fnir-at-{fpir}", drawing, caption, f"{caption} {'; '.join(told)}.")


def _apart(sizes: Sequence[int]) -> list[int]:
    """Sizes whose labels do not run into that of the next on a logarithmic axis."""
    return [size for size, following in zip(sizes, [*sizes[1:], float("inf")], strict=True) if following > 1.25 * size]


def _enrolled(number: str) -> str:
    return f"{number} picture{'s' if number != '1' else ''} enrolled"
