"""What an export did: a report for scripts, and the same as one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facelite import __version__
from facelite.bundle import Manifest
from facelite.calibration import rates
from facelite.distance import Decide, Siamese, SquaredL2
from facelite.evaluation.report.page import Html, Plate, Section, folded, inline_image, make_page, paragraph, table
from facelite.evaluation.report.rates import BINS, densities
from facelite.evaluation.report.words import percent, points
from facelite.export.graph import draw_graph
from facelite.export.layers import Layer, worst_layer
from facelite.export.parity import Compared, Parity
from facelite.face import Threshold
from facelite.plots import COLOURS, GREY, Axis, Drawing, Line, draw_lines, draw_overlap


@dataclass(frozen=True, slots=True)
class Report:
    """``embedder_gzip``: bytes of the embedder as a download packs it. ``smaller``: what was pruned and clustered, in words. ``released`` says
    whether it is the recipe's released file; ``parity`` is None where nothing was measured. ``pictures``: how many the conversion learnt from, for
    its ranges and its training, of the ``pictures_wanted`` that the recipe asks for; 0 where it needed none.
    """

    bundle: str
    digest: str
    bytes: int
    embedder_bytes: int
    embedder_gzip: int
    artefact: str
    precision: str
    io: str
    smaller: str
    released: bool
    parameters: int
    multiply_adds: int
    decide: Decide
    thresholds: tuple[Threshold, ...]
    parity: Parity | None
    layers: tuple[Layer, ...]
    pictures: int = 0
    pictures_wanted: int = 0


def make_report(report: Report, manifest: Manifest, compared: Compared | None, /) -> str:
    """The page as HTML; the same input gives the same page. Drawings of ``compared`` need matplotlib."""
    lead = [
        f"{manifest.network} in {_kind(report)}: an embedder of {report.embedder_bytes:,} bytes ({report.embedder_gzip:,} as a download packs "
        f"it) in a bundle of {report.bytes:,}, "
        f"{report.parameters:,} parameters, {report.multiply_adds:,} multiply-adds."
    ]
    sections = [_thresholds(report), _layers(report.layers), _made(report, manifest)]
    if report.parity:
        loss, spread = points(report.parity.val_loss)
        lead.append(f"VAL at FMR {report.parity.fmr:g} lies {loss.lstrip('+')} below float32's ({spread}).")
        sections.insert(0, _parity(report, report.parity, compared))
    return make_page(manifest.name, heading=f"The export of {manifest.name}", lead=lead, sections=sections)


def _kind(report: Report) -> str:
    return ", ".join(filter(None, (report.precision, report.smaller, "int8 in and out" if report.io == "int8" else "")))


def _parity(report: Report, parity: Parity, compared: Compared | None) -> Section:
    precision, (loss, spread) = _kind(report), points(parity.val_loss)
    rows = [
        ["Held-out crops", f"{parity.crops:,}"],
        ["Cosine of the two embeddings of a crop, least", f"{parity.cosine_min:.4f}"],
        ["The same, median", f"{parity.cosine_median:.4f}"],
        [f"VAL at FMR {parity.fmr:g}, float32", percent(parity.val_float32)],
        [f"The same, {precision}", percent(parity.val_artefact)],
        [f"The same, {precision} probes of a gallery that float32 has enrolled", percent(parity.val_mixed)],
        ["Loss of VAL, and its 95 % interval by drawing the people again", f"{loss} ({spread})"],
    ]
    told = f"{precision} {percent(parity.val_artefact)}, float32 {percent(parity.val_float32)} at FMR {parity.fmr:g}"
    plates = (
        []
        if compared is None
        else [
            Plate(
                "val",
                _val(compared, precision),
                f"Genuine pairs accepted (VAL) against impostor pairs accepted (FMR): {told}.",
                f"Two curves: {told}.",
            ),
            Plate(
                "cosines",
                _cosines(compared),
                "How many crops have an embedding whose cosine to float32's is at or below a value.",
                f"A rising curve, from {parity.cosine_min:.4f} through the median {parity.cosine_median:.4f}.",
            ),
            _distances(report, parity, compared),
        ]
    )
    return Section("Parity with float32", [table("On people held out of every training.", ["", ""], rows), *_shifts(parity), *plates])


def _shifts(parity: Parity) -> list[Html]:
    header = ["Pairs", "Number", "Moved by, median", "Moved by, 95 % less than", "Mean of the artefact less float32, 95 % interval by people"]
    rows = [
        [kind, f"{one.pairs:,}", f"{one.median:.4f}", f"{one.high:.4f}", f"{one.mean.value:+.4f} ({one.mean.low:+.4f} to {one.mean.high:+.4f})"]
        for kind, one in (("genuine", parity.genuine), ("impostor", parity.impostor))
        if one
    ]
    return [table("How far the distance of a pair has moved from float32's.", header, rows)] if rows else []


def _distances(report: Report, parity: Parity, compared: Compared) -> Plate:
    artefact, floats = densities(compared.artefact), densities(compared.float32)
    last = 1 + int(np.flatnonzero(sum((*artefact, *floats))).max(initial=0))
    at = next(one.distance for one in report.thresholds if one.fmr == parity.fmr)
    drawing = draw_overlap(
        np.arange(last + 1) * 4 / BINS,
        artefact[0][:last],
        artefact[1][:last],
        x=Axis(f"distance ({(Siamese if report.decide == 'siamese' else SquaredL2).words})", low=0),
        y=Axis("density"),
        mark=(at, f"threshold, for FMR {percent(parity.fmr)}: {at:.3f}"),
        colour=COLOURS[0],
        beside=("float32, both", floats[0][:last], floats[1][:last]),
    )
    told = f"Distances of genuine and impostor pairs, {_kind(report)} in colour and hatched, float32 as outlines"
    return Plate("distances", drawing, f"{told}.", f"Two histograms. {told}.")


def _val(compared: Compared, precision: str) -> Drawing:
    curves = []
    for label, comparisons, colour, dash in (("float32", compared.float32, GREY, "-"), (precision, compared.artefact, COLOURS[0], "--")):
        found = rates(comparisons)
        fmrs = np.geomspace(1 / max(comparisons.impostor_pairs, 1), 1, 200)
        curves.append(Line(label, fmrs, [found.val_at(fmr) for fmr in fmrs], colour, dash))
    return draw_lines(curves, x=Axis("FMR", log=True, high=1), y=Axis("VAL = 1 - FNMR", low=0, high=1.02, ticks="%"))


def _cosines(compared: Compared) -> Drawing:
    ordered = np.sort(compared.cosines).astype(np.float64)
    share = np.arange(1, len(ordered) + 1) / len(ordered)
    return draw_lines([Line("", ordered, share)], x=Axis("cosine to float32"), y=Axis("share of crops", low=0, high=1.02, ticks="%"))


def _thresholds(report: Report) -> Section:
    rows = [
        [f"{one.fmr:g}", f"{one.distance:.4f}", f"{one.fmr_upper:.2g}", percent(one.fnmr), f"{one.genuine_pairs:,}", f"{one.impostor_pairs:,}"]
        for one in report.thresholds
    ]
    header = ["FMR", "Distance", "FMR at most", "FNMR", "Genuine pairs", "Impostor pairs"]
    return Section("Thresholds", [table("Measured on this very file.", header, rows)])


def _layers(layers: Sequence[Layer]) -> Section:
    if not layers:
        return Section("Layers", [paragraph("The file has tensors of types that facelite does not read.")])
    note = (
        "Error: how far what a layer gives is from what it gives in float32, root mean square, as a share of it. All that went wrong before is in it."
    )
    if worst := worst_layer(layers):
        note += f" The worst layer is {worst.name}, off by {percent(worst.error)}; what comes out, {layers[-1].name}, by {percent(layers[-1].error)}."
    header = ["Layer", "Operator", "Output", "Parameters", "Multiply-adds", "Bytes", "Error"]
    rows = [
        [
            layer.name,
            layer.operator,
            " x ".join(map(str, layer.output)),
            f"{layer.parameters:,}",
            f"{layer.multiply_adds:,}",
            f"{layer.bytes:,}",
            "" if layer.error is None else percent(layer.error),
        ]
        for layer in layers
    ]
    sums = [
        "All",
        "",
        "",
        *(f"{sum(numbers):,}" for numbers in zip(*((one.parameters, one.multiply_adds, one.bytes) for one in layers), strict=True)),
        "",
    ]
    picture = inline_image("svg+xml", draw_graph(layers), f"{len(layers)} layers, each below those whose outputs it takes.")
    parts: list[Html | Plate] = [
        paragraph(note),
        folded("The picture", picture),
        folded("The table", table("In the order they run.", header, [*rows, sums])),
    ]
    return Section("Layers", parts)


def _made(report: Report, manifest: Manifest) -> Section:
    rows = [
        ["Bundle, sha256", report.digest],
        ["Embedder, sha256", report.artefact],
        ["Embedding space", manifest.space],
        *([["Pictures for its ranges and training", _pictures(report)]] if report.pictures else []),
        ["Trained on", manifest.training_data],
        *([f"Licence of {what}", licence] for what, licence in manifest.licences.items()),
        ["facelite", __version__],
    ]
    return Section("How it was made", [table("Of this bundle.", ["", ""], rows)])


def _pictures(report: Report) -> str:
    fewer = "; no more were found" if report.pictures < report.pictures_wanted else ""
    return f"{report.pictures:,} of the {report.pictures_wanted:,} that the recipe asks for{fewer}"
