"""Verification as a reader wants it: the result in plain words, rates with intervals, distances, ROC and DET."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import STEPS, Comparisons, Interval, Rates, rates
from facelite.evaluation.judge import Judgement, Material
from facelite.evaluation.report.page import Html, Plate, Section, paragraph, table, with_ends
from facelite.evaluation.report.words import ends, least_fmr, percent, percents, points, rate_name
from facelite.evaluation.verification import Verification
from facelite.plots import COLOURS, Axis, Line, draw_lines, draw_overlap

BINS = 128
"""Of the histogram over distances from 0 to 4: 1 / 32 wide, so that a few thousand pairs still make a smooth outline."""

CURVE = 300
"""Points of a curve, evenly over the logarithm of the FMR."""

DASHES, MARKERS = ("-", "--"), ("o", "s")
"""Of the first and the second model, so that they differ in grey too."""

PERCENT = "%"


def headline(judgement: Judgement, names: Sequence[str], material: Material, /) -> list[str]:
    """What was judged and what came out, in sentences."""
    found, kind = judgement.judged[0].verification, "images" if material.read else "videos"
    told = [
        f"{names[0]} was judged on {found.images:,} {kind} of {found.people:,} people: {found.genuine_pairs:,} genuine and "
        f"{found.impostor_pairs:,} impostor pairs. In {found.failed_to_detect:,} {kind} no face was found. {_result('It', found)}",
        f"The {found.people_pairs:,} pairs of distinct people support an FMR of {percent(least_fmr(found))} or more (3/N); "
        "below that nothing is claimed, and figures are veiled.",
    ]
    if len(names) == 2:
        told.insert(1, f"{_result(f'On the same crops {names[1]}', judgement.judged[1].verification)} {_verdict(judgement, names)}")
    return told


def _result(who: str, found: Verification) -> str:
    text = f"{who} has an accuracy of {percent(found.accuracy)} (95 % interval {percents(found.accuracy_interval)})."
    if found.val_at_fmr:
        fmr, val = list(found.val_at_fmr.items())[-1]
        text += (
            f" At an FMR of {fmr} ({percent(float(fmr))} of the impostor pairs accepted) it accepts {percent(val)} of the genuine pairs "
            f"({percents(found.val_interval_at_fmr[fmr])})."
        )
    return text


def _verdict(judgement: Judgement, names: Sequence[str]) -> str:
    rate, one = list(judgement.differences.items())[-1]
    value, span = points(one)
    verdict = "more than chance explains" if one.low > 0 or one.high < 0 else "no difference that these people can show"
    return f"{names[1]} less {names[0]}: {rate_name(rate)}: {value} (95 % interval {span}), {verdict}."


def rates_table(judgement: Judgement, names: Sequence[str], /) -> Section:
    """Accuracy, EER, AUC and VAL of each model, and their difference; then the rates at the thresholds that they ship with."""
    verifications = [judged.verification for judged in judgement.judged]

    def row(label: str, cells: Sequence[Html], difference: Interval | None) -> list[str]:
        compared = [with_ends(*points(difference)) if difference else ""] if len(names) == 2 else []
        return [label, *cells, *compared]

    rows = [
        row(
            "accuracy",
            [with_ends(f"{percent(one.accuracy)} ± {percent(one.accuracy_std)}", percents(one.accuracy_interval)) for one in verifications],
            judgement.differences.get("accuracy"),
        ),
        row("EER", [with_ends(percent(one.eer), percents(one.eer_interval)) for one in verifications], judgement.differences.get("eer")),
        row("AUC", [with_ends(f"{one.auc:.4f}", "{:.4f} to {:.4f}".format(*one.auc_interval)) for one in verifications], None),
    ]
    for fmr in verifications[0].val_at_fmr:
        cells = [with_ends(percent(one.val_at_fmr[fmr]), percents(one.val_interval_at_fmr[fmr])) for one in verifications]
        rows.append(row(f"VAL at FMR {fmr}", cells, judgement.differences.get(fmr)))
    folds = verifications[0].accuracy_folds
    how = f"Accuracy over {folds} folds, ± their standard deviation" if folds > 1 else "Too few people for folds: accuracy at the best threshold here"
    label = f"Under each rate its 95 % interval by people. {how}."
    if len(names) == 2:
        label += f" Difference: {names[1]} less {names[0]}."
    parts = [table(label, ["Rate", *names, *(["Difference"] if len(names) == 2 else [])], rows)]
    shipped = [
        [
            name,
            f"{one.threshold.distance:.3f}",
            percent(one.threshold.fmr),
            *(with_ends(percent(rate.value), percents(ends(rate))) for rate in (one.fmr, one.fnmr)),
        ]
        for name, one in zip(names, judgement.deployed, strict=True)
        if one
    ]
    if shipped:
        parts.append(table("At the threshold a model ships with.", ["Model", "Distance", "Calibrated for FMR", "FMR here", "FNMR here"], shipped))
    return Section("Rates", parts)


def distances(judgement: Judgement, names: Sequence[str], /) -> Section:
    """A histogram for each model, with the threshold that it ships with, else that of its accuracy."""
    plates = []
    for i, (name, deployed, judged) in enumerate(zip(names, judgement.deployed, judgement.judged, strict=True)):
        at, marked = judged.verification.threshold, "threshold of the accuracy"
        if deployed:
            at, marked = deployed.threshold.distance, f"threshold shipped, for FMR {percent(deployed.threshold.fmr)}"
        genuine, impostor = densities(judged.comparisons)
        last = 1 + int(np.flatnonzero(genuine + impostor).max(initial=0))
        measured = rates(judged.comparisons)
        drawing = draw_overlap(
            np.arange(last + 1) * 4 / BINS,
            genuine[:last],
            impostor[:last],
            x=Axis(f"distance ({judged.embedded.distance.words})", low=0),
            y=Axis("density"),
            mark=(at, f"{marked}: {at:.3f}"),
            colour=COLOURS[i],
        )
        missed, let_in = percent(measured.fnmr_at(at)), percent(measured.fmr_at(at))
        share = f"{missed} of the genuine pairs lie beyond the threshold {at:.3f}, {let_in} of the impostor pairs within"
        plates.append(Plate(f"distances-{i + 1}", drawing, f"{name}: {share}.", f"Histogram of distances by {name}. {share}."))
    return Section("Distances", plates)


def densities(comparisons: Comparisons, /) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the distances of genuine and of impostor pairs, each (BINS,)."""
    return _density(np.bincount(comparisons.genuine, minlength=4 * STEPS + 1)), _density(comparisons.impostor)


def _density(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Counts on the grid -> density (BINS,) of those that could be compared. A bin holds what is at or below its upper edge."""
    inside = counts[1 : 4 * STEPS + 1].reshape(BINS, -1).sum(axis=1).astype(np.float64)
    inside[0] += counts[0]
    density: NDArray[np.float64] = inside * BINS / 4 / max(inside.sum(), 1)
    return density


def curves(judgement: Judgement, names: Sequence[str], /) -> Section:
    """ROC with VAL and its intervals, and DET, veiled where the counts end."""
    limit = least_fmr(judgement.judged[0].verification)
    unsupported = limit, f"FMR below {percent(limit)}: too few pairs"
    roc, det, told = [], [], []
    for i, (name, judged) in enumerate(zip(names, judgement.judged, strict=True)):
        fmr, val = _curve(rates(judged.comparisons), judged.comparisons.impostor_pairs)
        found = judged.verification
        roc.append(Line(name, fmr, val, COLOURS[i], DASHES[i]))
        at = [float(one) * (1 + 0.08 * i) for one in found.val_at_fmr]  # two models beside each other
        low, high = [[span[end] for span in found.val_interval_at_fmr.values()] for end in (0, 1)]
        roc.append(Line("", at, list(found.val_at_fmr.values()), colour=COLOURS[i], dash="none", marker=MARKERS[i], ends=(low, high)))
        det.append(Line(name, fmr[val < 1], 1 - val[val < 1], COLOURS[i], DASHES[i]))
        told.append(f"{name}: EER {percent(found.eer)}" + "".join(f", VAL {percent(val)} at FMR {fmr}" for fmr, val in found.val_at_fmr.items()))
    x, alt = Axis("FMR", log=True, high=1), "; ".join(told)
    return Section(
        "Errors at every threshold",
        [
            Plate(
                "roc",
                draw_lines(roc, x=x, y=Axis("VAL = 1 - FNMR", low=0, high=1.02, ticks=PERCENT), unsupported=unsupported),
                "ROC: genuine pairs accepted (VAL) against impostor pairs accepted (FMR). Bars: 95 % intervals. Higher is better.",
                f"ROC curve. {alt}.",
            ),
            Plate(
                "det",
                draw_lines(det, x=x, y=Axis("FNMR", log=True, high=1), unsupported=unsupported),
                "DET: genuine pairs rejected (FNMR) against impostor pairs accepted (FMR), both on logarithmic axes. Lower is better.",
                f"DET curve. {alt}.",
            ),
        ],
    )


def _curve(measured: Rates, impostor_pairs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FMR and VAL at thresholds evenly spread over the logarithm of the FMR, down to that of one impostor pair."""
    places = np.unique([measured.place(fmr) for fmr in np.geomspace(1 / max(impostor_pairs, 1), 1, CURVE)])
    places = places[places >= 0]
    places = places[measured.fmr[places] > 0]
    return measured.fmr[places], measured.val[places]


def measures(judgement: Judgement, /) -> Section | None:
    """The same embeddings compared by squared L2, cosine and L1, and by the Siamese head where one decides."""
    if not judgement.measures:
        return None
    words = {"squared_l2": "squared L2", "cosine": "cosine", "l1": "L1", "siamese": "Siamese head"}
    rates_of = list(next(iter(judgement.measures.values())))
    header = ["Measure", *(rate if rate == "accuracy" else f"VAL at FMR {rate}" for rate in rates_of)]
    rows = [[words[measure], *(percent(values[rate]) for rate in rates_of)] for measure, values in judgement.measures.items()]
    note = "Between unit vectors squared L2 and cosine order all pairs alike, so their rates agree; between means over a video they need not."
    ways = f"The same embeddings, compared in {'three' if len(rows) == 3 else 'four'} ways."
    return Section("Ways to measure a distance", [paragraph(note), table(ways, header, rows)])


def crossed(judgement: Judgement, names: Sequence[str], /) -> Section | None:
    """One model's probes on a gallery that the other has enrolled."""
    if not (found := judgement.cross):
        return None
    rows: list[list[str]] = []
    for fmr, val in found.val_at_fmr.items():
        change, span = points(found.gain[fmr])
        rows.append([fmr, with_ends(percent(val), percents(found.val_interval_at_fmr[fmr])), with_ends(change, span)])
    label = f"{names[1]} enrolled, {names[0]} verifies; each VAL by the threshold that has the FMR."
    return Section("A gallery that the other has enrolled", [table(label, ["FMR", "VAL", "Over the weaker of the two alone"], rows)])
