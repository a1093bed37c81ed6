"""The command train."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from math import isfinite
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click
import cv2
import numpy as np

from facelite import __version__
from facelite.cli.models import open_model
from facelite.cli.output import INTERRUPTED, Number, bar, json_option, no_cache_option, percent, show, warn
from facelite.errors import InputError

if TYPE_CHECKING:
    from facelite.evaluation.judge import Model
    from facelite.face import Floats
    from facelite.networks.weights import Weights
    from facelite.training.dataset import FaceSet
    from facelite.training.fit import Progress
    from facelite.training.recipe import Precision, TrainingRecipe

FEW_PICTURES = 5000
"""Fewer pictures than these are too few to begin with random weights."""


@click.command()
@click.argument("recipe", type=click.Path(), required=False)
@click.option("--data", required=True, type=click.Path(), help="Folder of aligned crops: of the recipe's sets, or of people without a recipe.")
@click.option("--network", help="Network to train where no recipe is given; default: nns2.")
@click.option("--out", type=click.Path(file_okay=False), default="runs/latest", show_default=True, help="The run folder.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, by its own recipe.")
@click.option("--init", type=click.Path(), help="Begin with these weights: a run folder or a file of the same network, as export/nns2/weights.npz.")
@click.option(
    "--teacher", type=click.Path(), help="Learn this model's embeddings: a bundle, a run folder or any .tflite embedder of aligned RGB faces."
)
@click.option("--epochs", type=Number(0, min_open=True), help="Epochs, in place of the recipe's.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    help="Threads of a step on a CPU, and of its input; default: one for each core, of the input 16 at most. 1 makes a resumed run bit-equal to an "
    "unbroken one.",
)
@no_cache_option
@json_option
def train(
    recipe: str | None,
    data: str,
    network: str | None,
    out: str,
    resume: bool,
    init: str | None,
    teacher: str | None,
    epochs: float | None,
    threads: int | None,
    no_cache: bool,
    as_json: bool,
) -> None:
    """Train by RECIPE, or --network on the people in --data with the default recipe. OUT/best.npz holds the best weights.

    With --init the default recipe is one that does not forget: at a low rate, by triplets and by what the first weights make of the pictures.
    These are judged first and stay the best where training does not help. OUT/teacher.npz keeps what --teacher made of the pictures; a recipe may
    name it. Where a recipe names such a file, --teacher says what that does not know, as of pictures that mix has made. Where a recipe names
    several sets, a picture that to the teacher looks like somebody held out in another one is left out; OUT/run.json names those. An interrupted
    teaching goes on where it stopped, from what it keeps in the cache.

    Ctrl-C stops after the step and keeps what was reached, for --resume; a second one stops at once.
    """
    if recipe and network:
        raise click.UsageError("expected RECIPE or --network, got both")
    from facelite.training.host import prepare_host

    prepare_host(threads)
    from facelite.training.dataset import load
    from facelite.training.facts import left_out
    from facelite.training.folder import check_run
    from facelite.training.recipe import default_recipe
    from facelite.training.run import FACTS, TEACHER

    model, weights = open_model(teacher) if teacher else None, _first_weights(init) if init else None
    from_start: dict[str, Any] = {"fine": weights is not None, "numbers": _numbers(model) if model else 0}
    chosen = _chosen(recipe, network, epochs, out if resume else None, Path(out).resolve().name, from_start)
    check_run(out, chosen, resume=resume)  # before pictures and Keras are loaded, which takes long
    teach, begun = teaching(model, cached=not no_cache) if model else None, resume and (Path(out) / FACTS).exists()
    faces = load(data, chosen.data, chosen.teacher, teach=None if begun else teach, left_out=left_out(out) if begun else None)
    if not recipe and not resume:
        chosen = default_recipe(chosen.network.name, chosen.space, pictures=len(faces[0]), epochs=epochs, **from_start)
    _say_pictures(*faces, random=not init and not resume)
    if chosen.teacher and chosen.teacher.file and not model and not (Path(out) / TEACHER).exists():
        _say_untaught(faces[0])
    from facelite.training.fit import train as fit

    with ExitStack() as stack:
        pressed = Event()

        def begin(step: int, steps: int, precision: Precision) -> None:
            _say_begun(step, steps, precision)
            stack.enter_context(_interrupts(pressed))  # from here on a step is finished first

        result = fit(
            chosen,
            faces,
            out,
            resume=resume,
            init=weights,
            teach=teach,
            workers=threads,
            stop=lambda step: pressed.is_set(),
            began=begin,
            progress=_live_line,
        )
    if sys.stderr.isatty():
        click.echo(err=True)  # below the live line
    file = str(result.weights) if result.weights else None if as_json else "none yet"
    values: dict[str, Any] = {"weights": file, "val": result.val, "val_at": result.val_at, "steps": result.steps}
    values["waiting"] = result.waiting if as_json else f"{percent(result.waiting)} of the steps' time, for their batches"
    if one := result.gain:
        spread = f"95 %: {100 * one.low:+.2f} to {100 * one.high:+.2f}" if isfinite(one.low) else "too few people are held out for an interval"
        told = f"{100 * one.value:+.2f} points ({spread})"
        values["gain"] = asdict(one) if as_json else f"{told} over the weights of --init"
    show(values, as_json)
    if result.steps < result.planned:
        warn(f"stopped at step {result.steps} of {result.planned}; go on with --resume")
        raise click.exceptions.Exit(INTERRUPTED)


def _chosen(recipe: str | None, network: str | None, epochs: float | None, run: str | None, space: str, options: dict[str, Any]) -> TrainingRecipe:
    """The recipe in a file, else that of the ``run`` to be resumed, else the default one by ``options``; with what the command says in its place."""
    from facelite.errors import RecipeError
    from facelite.recipe import read_recipe
    from facelite.training.recipe import Teacher, TrainingRecipe, default_recipe
    from facelite.training.run import run_recipe

    chosen = read_recipe(recipe, TrainingRecipe) if recipe else run_recipe(run) if run else default_recipe(network or "nns2", space, **options)
    if network:
        chosen = replace(chosen, network=replace(chosen.network, name=network))
    if options["numbers"] and not chosen.loss.learns_teacher:
        raise RecipeError(
            f"{recipe or run}: expected a loss that learns from --teacher, got none; set loss.embedding, loss.pairwise or loss.harmonic"
        )
    if options["numbers"] and recipe:
        chosen = replace(chosen, teacher=chosen.teacher or Teacher())
    if epochs:
        chosen = replace(chosen, schedule=replace(chosen.schedule, epochs=epochs))
    return chosen


def _first_weights(init: str) -> Weights:
    from facelite.networks.weights import read_weights

    try:
        return read_weights(init)
    except InputError as error:
        raise InputError(f"{error}, as export/nns2/weights.npz of facelite's sources; a bundle has none that can be trained on") from None


def _numbers(model: Model) -> int:
    """The size of the model's embedding."""
    from facelite.face import FaceCrop
    from facelite.preprocess import template

    embedder = model.make()
    height, width = embedder.preprocessing.height, embedder.preprocessing.width
    return int(embedder.vectors([FaceCrop(np.zeros((height, width, 3), np.uint8), template(height, width))]).shape[1])


def teaching(model: Model, *, cached: bool = True) -> Callable[[FaceSet], Floats]:
    """What gives the model's embeddings of pictures, with a progress bar; of those that have theirs, these. They are found in the cache again."""
    from facelite.evaluation.cache import Cache, default_folder
    from facelite.runtime.interpreter import runtime_name
    from facelite.training.teach import teach

    def targets(faces: FaceSet) -> Floats:
        if faces.has_target.all():
            return faces.targets
        one = model.make()
        road = ("teacher", __version__, one.artefact, one.preprocessing, faces.geometry, cv2.__version__, runtime_name())
        known = Cache(default_folder() if cached else None, "\n".join(map(str, road)))
        with bar("teaching") as progress:
            return teach(model.make, faces, known=known, progress=progress)

    return targets


def _say_untaught(training: FaceSet) -> None:
    """How many pictures neither a teacher nor a name says anything of."""
    if untaught := int((~training.has_target & (training.subjects < 0)).sum()):
        warn(
            f"expected a name or a teacher's embedding of every picture, got neither of {untaught:,}: they teach nothing; "
            "name the model that made the teacher's file: --teacher MODEL"
        )


def _say_pictures(training: FaceSet, held_out: FaceSet, *, random: bool) -> None:
    """How many there are, and whether those are enough for ``random`` weights to begin with."""
    from facelite.training.judging import judged_at

    at = judged_at(held_out)
    click.echo(f"{len(training)} pictures to train on, {len(held_out)} of {held_out.people} people held out: VAL at {at}", err=True)
    if without := len(training.left_out):
        click.echo(f"{without} more left out: to the teacher they look like somebody held out in another set; run.json names them", err=True)
    if random and len(training) < FEW_PICTURES:
        warn(
            f"expected {FEW_PICTURES:,} pictures or more to begin with random weights, got {len(training):,}: expect many more errors than "
            "with trained ones; begin with those: --network nns2 --init export/nns2/weights.npz"
        )


@contextmanager
def _interrupts(pressed: Event) -> Iterator[None]:
    """Ctrl-C sets ``pressed``; from then on it does again what it did before."""
    before = signal.getsignal(signal.SIGINT)

    def press(*_: object) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    if before != signal.SIG_IGN:  # a job in the background of a shell has none
        signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _say_begun(step: int, steps: int, precision: Precision) -> None:
    """From where the run goes on, and in what; a warning where this machine is slow in that."""
    from facelite.training.precision import fast_in_bfloat16

    click.echo((f"resumed at step {step} of {steps}" if step else f"{steps} steps") + f" in {precision}", err=True)
    if precision == "mixed_bfloat16" and not fast_in_bfloat16():
        warn(
            "expected a GPU, or a CPU with instructions for bfloat16 (avx512_bf16, amx_bf16), got neither: steps in mixed_bfloat16 take several "
            'times as long as in float32; begin a run with schedule.precision = "auto"'
        )


def _live_line(now: Progress) -> None:
    """One line, drawn over the last one on a terminal."""
    left = timedelta(seconds=round(now.seconds_left))
    line = (
        f"step {now.step}/{now.steps}  loss {now.loss:.4f}  active {now.statistics.active:.3f}  d(a,p) {now.statistics.positive_median:.2f}  "
        f"d(a,n) {now.statistics.negative_median:.2f}  {now.images_per_second:.0f} images/s  left {left}  held-out VAL {now.val:.4f}"
    )
    end = "\r" if sys.stderr.isatty() else "\n"
    print(line, end=end, file=sys.stderr, flush=True)


COMMANDS: tuple[click.Command, ...] = (train,)
