"""The command benchmark: how long a decision takes on this machine, and what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facelite.cli.output import Number, bar, json_option, show
from facelite.errors import FaceliteError, InputError
from facelite.runtime.interpreter import MAX_THREADS

if TYPE_CHECKING:
    from facelite.evaluation.benchmark.artefact import Artefact
    from facelite.evaluation.benchmark.rounds import Figures
    from facelite.runtime.device import Fingerprint
    from facelite.runtime.heat import Heat


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=click.Path())
@click.option("--compare", multiple=True, type=click.Path(), help="Another MODEL at the end of the table, such as somebody else's .tflite.")
@click.option("--pictures", type=click.Path(), help="A picture or a folder of them.  [default: the synthetic faces in the first bundle]")
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), help="Beside one thread, measure with so many.  [default: one a core]")
@click.option("--seconds", type=Number(0, min_open=True, max=86400), default=4.0, show_default=True, help="Of measuring each MODEL.")
@click.option("--plot", type=click.Path(dir_okay=False), help="Draw time, VAL and size of the bundles into this PNG.")
@click.option("--preprocess", help="Of a bare .tflite: rgb:MEAN,STD or bgr:MEAN,STD.  [default: rgb:127.5,128]")
@click.option("--detector", type=click.Path(dir_okay=False), help="Of a bare .tflite: the detector file before it.  [default: the first bundle's]")
@json_option
def benchmark(
    models: tuple[str, ...],
    compare: tuple[str, ...],
    pictures: str | None,
    threads: int | None,
    seconds: float,
    plot: str | None,
    preprocess: str | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Measure each MODEL (a bundle, or a bare .tflite embedder) on this machine: start, stages, decision, memory.

    Every MODEL runs by turns in processes of its own. A decision is what follows the decoding: detect, align, judge the quality, embed, compare;
    its time is that of one picture, whatever the batch. Ratios are to the first MODEL. Of a .tflite without a detector only embedding is measured.
    """
    from facelite.evaluation.benchmark.pictures import choose_pictures
    from facelite.evaluation.benchmark.rounds import run_rounds
    from facelite.runtime.device import fingerprint, usable_cores
    from facelite.runtime.heat import read_heat

    artefacts = _artefacts([*models, *compare], detector, preprocess)
    _check_plot(plot, artefacts)
    device, data = fingerprint(), choose_pictures(artefacts, pictures)
    counts = sorted({1, threads or min(usable_cores(), MAX_THREADS)})
    heat = [read_heat()] if device.is_pi else []
    with bar("measuring") as progress:
        results = run_rounds(artefacts, data, threads=counts, seconds=seconds, progress=progress)
    heat += [read_heat()] if device.is_pi else []
    if plot:
        _draw(Path(plot), artefacts, results)
    rows = [artefact.facts | {"runs": [asdict(one) for one in figures]} for artefact, figures in zip(artefacts, results, strict=True)]
    values = {"device": asdict(device), "heat": [asdict(one) for one in heat] or None, "pictures": len(data), "seconds": seconds, "models": rows}
    show(values, as_json, [*_about(device, heat, len(data), pictures), *_tables(artefacts, results)])


def _artefacts(names: Sequence[str], detector: str | None, preprocess: str | None) -> list[Artefact]:
    """The bundles, and the bare embedders behind ``detector``, else behind that of the first bundle."""
    from facelite.cli.models import is_bare, read_preprocessing
    from facelite.evaluation.benchmark.artefact import Artefact, bundle_artefact
    from facelite.runtime.detector import find_detector

    bare = [is_bare(name) for name in names]
    for option, value in (("--preprocess", preprocess), ("--detector", detector)):
        if value and not any(bare):
            raise InputError(f"{names[0]}: expected {option} with a bare .tflite only, got another model, which knows its own; leave it out")
    bundles = {name: bundle_artefact(name) for name, one in zip(names, bare, strict=True) if not one}
    before = find_detector(detector) if detector else next((bundle.detector for bundle in bundles.values()), None)

    def embedder(name: str) -> Artefact:
        return Artefact(name, None, read_preprocessing(preprocess or "rgb", Path(name).read_bytes()), before)

    return [bundles.get(name) or embedder(name) for name in names]


def _check_plot(path: str | None, artefacts: Sequence[Artefact]) -> None:
    """Before the measuring: what would be missing after it."""
    if path and find_spec("matplotlib") is None:
        raise FaceliteError("expected the package matplotlib for --plot, found none; install it: pip install matplotlib")
    manifests = [artefact.bundle.manifest for artefact in artefacts if artefact.bundle]
    if path and not manifests:
        raise InputError("expected --plot with a bundle, whose VAL is known, got none; name one, or leave it out")
    for manifest in manifests if path else ():
        manifest.threshold(manifests[0].fmr)  # else one VAL could not be compared with the others
    if path and not Path(path).parent.is_dir():
        raise InputError(f"{path}: expected a file in a folder that exists, found no {Path(path).parent}; correct --plot")


def _draw(path: Path, artefacts: Sequence[Artefact], results: Sequence[Sequence[Figures]]) -> None:
    """The bundles' medians on one thread, with VAL at the first one's FMR."""
    from facelite.atomic import write_atomically
    from facelite.plots import Axis, Point, draw_pareto

    found = [(one.bundle.manifest, one.facts["bytes"], runs[0].decision) for one, runs in zip(artefacts, results, strict=True) if one.bundle]
    fmr = found[0][0].fmr
    points = [Point(manifest.name, time.p50, 1 - manifest.threshold(fmr).fnmr, size / 1e6) for manifest, size, time in found if time]
    x = Axis("ms for a decision, one thread", low=0, high=1.15 * max(point.cost for point in points))
    drawing = draw_pareto(points, x=x, y=Axis(f"VAL at FMR {fmr:g}", ticks="%"))
    write_atomically(path, drawing.png)


def _about(device: Fingerprint, heat: Sequence[Heat], pictures: int, path: str | None) -> list[str]:
    where = f"of {path}" if path else "of synthetic faces in the first bundle"
    return [
        device.line,
        *(f"{when}: {one.line}" for when, one in zip(("before", "after"), heat, strict=False)),
        f"{pictures} picture(s) {where}; ms for one picture; / first: how many times as long as the first model, with as many threads",
    ]


def _tables(artefacts: Sequence[Artefact], results: Sequence[Sequence[Figures]]) -> list[str]:
    """What a user feels, then what it is made of."""
    from facelite.evaluation.benchmark.door import STAGES

    felt: list[tuple[str, ...]] = [("model", "threads", "MB", "VAL", "start s", "/ first", "peak MB", "images/s", "p50", "p95", "p99", "/ first")]
    made: list[tuple[str, ...]] = [("medians", "threads", *STAGES, "/ first", "start s: python", "imports", "load", "decide")]
    for artefact, figures in zip(artefacts, results, strict=True):
        facts = artefact.facts
        size, val = f"{facts['bytes'] / 1e6:.1f}", "-" if facts["val"] is None else f"{100 * facts['val']:.1f} % at {facts['fmr']:g}"
        for one in figures:
            cold, name, ratios = one.cold, (artefact.path, str(one.threads)), one.ratios
            times = [_number(getattr(one.decision, part, None)) for part in ("p50", "p95", "p99")]
            start, rate = (f"{cold.total:.3f}", _number(ratios["cold"])), f"{one.images_per_second:.1f}"
            felt.append((*name, size, val, *start, f"{one.peak:.0f}", rate, *times, _number(ratios["decision"])))
            stages = [_number(getattr(one.stages.get(stage), "p50", None), 3) for stage in STAGES]
            parts = [f"{part:.3f}" for part in (cold.python, cold.imports, cold.load, cold.decide)]
            made.append((*name, *stages, _number(ratios["embed"]), *parts))
    return [*_aligned(felt), "", *_aligned(made)]


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they must be, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in rows]


COMMANDS: tuple[click.Command, ...] = (benchmark,)
