"""Commands of the workstation that make a bundle: align, train, export. What needs Keras is imported inside."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import click

from facelite.cli.output import INTERRUPTED, bar, detector_option, json_option, show, stages, warn

if TYPE_CHECKING:
    from facelite.training.dataset import FaceSet
    from facelite.training.fit import Progress
    from facelite.training.recipe import TrainingRecipe

FEW_PICTURES = 5000
"""Fewer pictures than these are too few to begin with random weights."""


@click.command()
@click.argument("source", type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--face", "face_pixels", type=click.IntRange(32, 512), default=128, show_default=True, help="Pixels of the template's height.")
@click.option("--margin", type=click.IntRange(0, 128), default=16, show_default=True, help="Pixels around it on every side.")
@click.option("--workers", type=click.IntRange(1), help="Threads; default: one for each core.")
@detector_option
@json_option
def align(source: str, out: str, face_pixels: int, margin: int, workers: int | None, detector: str | None, as_json: bool) -> None:
    """Cut an aligned crop out of each picture in SOURCE (a folder of people's folders, or a tar of one) into OUT.

    OUT, made with its parents, mirrors SOURCE: a second run goes on where the first stopped, aligns anew what has changed, and removes
    the crops of pictures that are gone. A picture that cannot be read, without a face, or with several and none clearly in the centre,
    is dropped; OUT/align.csv says why.
    """
    from facelite.runtime.detector import find_detector
    from facelite.training.align import align_pictures
    from facelite.training.geometry import CropGeometry

    with bar("aligning") as progress:
        report = align_pictures(
            source, out, detector=find_detector(detector), geometry=CropGeometry(face_pixels, margin), workers=workers, progress=progress
        )
    lines = [
        f"kept {report.kept}",
        *[f"dropped {number}: {reason}" for reason, number in report.dropped.items()],
        *([f"aligned anew {report.changed}: the picture has changed"] if report.changed else []),
        *([f"removed {report.removed}: the picture is gone"] if report.removed else []),
        *([f"without a picture: {', '.join(report.empty)}"] if report.empty else []),
    ]
    show(asdict(report), as_json, lines)


@click.command()
@click.argument("recipe", type=click.Path(), required=False)
@click.option("--data", required=True, type=click.Path(), help="Folder of aligned crops: of the recipe's sets, or of people without a recipe.")
@click.option("--network", help="Network to train where no recipe is given; default: nns2.")
@click.option("--out", type=click.Path(file_okay=False), default="runs/latest", show_default=True, help="The run folder.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, by its own recipe.")
@click.option("--init", type=click.Path(), help="Begin with these weights: a run folder or a weights file of the same network.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="Epochs, in place of the recipe's.")
@click.option("--threads", type=click.IntRange(1), help="Threads of the training step; 1 makes a resumed run bit-equal to an unbroken one.")
@json_option
def train(
    recipe: str | None,
    data: str,
    network: str | None,
    out: str,
    resume: bool,
    init: str | None,
    epochs: float | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train by RECIPE, or --network on the people in --data with the default recipe. OUT/best.npz holds the best weights.

    Ctrl-C stops after the step and keeps what was reached, for --resume; a second one stops at once.
    """
    if recipe and network:
        raise click.UsageError("expected RECIPE or --network, got both")
    from facelite.training.host import prepare_host

    prepare_host(threads)
    from facelite.networks.weights import read_weights
    from facelite.training.dataset import load
    from facelite.training.folder import check_run
    from facelite.training.recipe import default_recipe

    chosen = _chosen(recipe, network, epochs, out if resume else None, Path(out).resolve().name)
    weights = read_weights(init) if init else None
    check_run(out, chosen, resume=resume)  # before pictures and Keras are loaded, which takes long
    faces = load(data, chosen.data, chosen.teacher)
    if not recipe and not resume:
        chosen = default_recipe(chosen.network.name, chosen.space, pictures=len(faces[0]), epochs=epochs)
    _say_pictures(*faces, random=not init and not resume)
    from facelite.training.fit import train as fit

    with _interrupts() as stop:
        result = fit(chosen, faces, out, resume=resume, init=weights, stop=lambda step: stop(), began=_say_resumed, progress=_live_line)
    if sys.stderr.isatty():
        click.echo(err=True)  # below the live line
    show({"weights": str(result.weights), "val": result.val, "val_at": result.val_at, "steps": result.steps}, as_json)
    if result.steps < result.planned:
        warn(f"stopped at step {result.steps} of {result.planned}; go on with --resume")
        raise click.exceptions.Exit(INTERRUPTED)


@click.command()
@click.argument("recipe", type=click.Path())
@click.option("--out", type=click.Path(file_okay=False), default="build", show_default=True, help="Where the bundle and its report go.")
@click.option("--rebuild", is_flag=True, help="Convert from the weights although the recipe names a released file.")
@click.option("--release", is_flag=True, help="Rebuild, and put the result in the place of the files that the recipe releases.")
@click.option("--weights", type=click.Path(), help="A run folder or weights file in place of the recipe's weights.")
@click.option("--faces", type=click.Path(), help="People's pictures: held-out ones for thresholds, others for integer ranges.")
@detector_option
@json_option
def export(recipe: str, out: str, rebuild: bool, release: bool, weights: str | None, faces: str | None, detector: str | None, as_json: bool) -> None:
    """Make the bundle that RECIPE describes. Nothing is written unless parity, calibration and self-test pass."""
    from facelite.export.assemble import export_bundle

    with stages() as progress:
        report = export_bundle(recipe, out, rebuild=rebuild, release=release, weights=weights, faces=faces, detector=detector, progress=progress)
    parity = report.parity
    lines = [
        f"{Path(out) / report.bundle}: {report.bytes:,} bytes, sha256 {report.digest}",
        f"embedder {report.precision}: {report.embedder_bytes:,} bytes, {report.parameters:,} parameters, {report.multiply_adds:,} multiply-adds",
        *(
            [
                f"parity with float32 on {parity.crops} crops: cosine min {parity.cosine_min:.4f}, median {parity.cosine_median:.4f}; "
                f"VAL {parity.val_float32:.4f} -> {parity.val_artefact:.4f}"
            ]
            if parity
            else []
        ),
        *[f"FMR {t.fmr:g}: distance {t.distance:.4f}, FMR at most {t.fmr_upper:.2g}, FNMR {t.fnmr:.4f}" for t in report.thresholds],
    ]
    show(asdict(report), as_json, lines)


def _chosen(recipe: str | None, network: str | None, epochs: float | None, run: str | None, space: str) -> TrainingRecipe:
    """The recipe in a file, else that of the ``run`` to be resumed, else the default one; with what the options say in its place."""
    from facelite.recipe import read_recipe
    from facelite.training.recipe import TrainingRecipe, default_recipe
    from facelite.training.run import run_recipe

    chosen = read_recipe(recipe, TrainingRecipe) if recipe else run_recipe(run) if run else default_recipe(network or "nns2", space)
    if network:
        chosen = replace(chosen, network=replace(chosen.network, name=network))
    if epochs:
        chosen = replace(chosen, schedule=replace(chosen.schedule, epochs=epochs))
    return chosen


def _say_pictures(training: FaceSet, held_out: FaceSet, *, random: bool) -> None:
    """How many there are, and whether those are enough for ``random`` weights to begin with."""
    from facelite.training.judging import judged_at

    at = judged_at(held_out)
    click.echo(f"{len(training)} pictures to train on, {len(held_out)} of {held_out.people} people held out: VAL at {at}", err=True)
    if random and len(training) < FEW_PICTURES:
        warn(
            f"expected {FEW_PICTURES:,} pictures or more to begin with random weights, got {len(training):,}: expect many more errors than "
            "with trained ones; begin with those: --network nns2 --init export/nns2/weights.npz"
        )


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed; from then on it does again what it did before."""
    pressed, before = Event(), signal.getsignal(signal.SIGINT)

    def press(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    if before != signal.SIG_IGN:  # a job in the background of a shell has none
        signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _say_resumed(step: int, steps: int) -> None:
    if step:
        click.echo(f"resumed at step {step} of {steps}", err=True)


def _live_line(now: Progress) -> None:
    """One line, drawn over the last one on a terminal."""
    left = timedelta(seconds=round(now.seconds_left))
    line = (
        f"step {now.step}/{now.steps}  loss {now.loss:.4f}  active {now.statistics.active:.3f}  d(a,p) {now.statistics.positive_median:.2f}  "
        f"d(a,n) {now.statistics.negative_median:.2f}  {now.images_per_second:.0f} images/s  left {left}  held-out VAL {now.val:.4f}"
    )
    end = "\r" if sys.stderr.isatty() else "\n"
    print(line, end=end, file=sys.stderr, flush=True)


COMMANDS: tuple[click.Command, ...] = (align, train, export)
