"""The command evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facelite.cli.judgement import judgement_lines, judgement_values
from facelite.cli.output import detector_option, held_out_option, json_option, no_cache_option, show, stages, warn, workers_option

if TYPE_CHECKING:
    from facelite.evaluation.sweeps import Kind
    from facelite.runtime.choice import Rule


@click.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option(
    "--pairs", type=click.Path(dir_okay=False), help="LFW's pairs.txt, or a CSV: image_a, image_b, same; also of videos. Looked for in DATA too."
)
@click.option("--all-pairs", is_flag=True, help="Compare every picture with every other; DATA has one folder per person.")
@held_out_option
@click.option("--against", type=click.Path(), help="A second model on the same crops; the difference gets an interval.")
@click.option("--cross", type=click.Path(), help="As --against; and MODEL's probes on a gallery that this bundle of the same space has enrolled.")
@click.option("--preprocess", help="Of a bare .tflite: rgb:MEAN,STD or bgr:MEAN,STD.  [default: rgb:127.5,128]")
@click.option(
    "--crop", type=click.Choice(["aligned", "centre"]), default="aligned", show_default=True, help="Align the face found, or cut the middle."
)
@click.option("--frames", type=click.IntRange(1), default=100, show_default=True, help="Frames with a face that count of a video.")
@click.option("--sweep", help="Pictures made worse step by step: jpeg, pixels, jitter, or several with commas.")
@click.option("--groups", help="A CSV (picture or person, then attributes): rates inside each group. 'utkface' reads UTKFace's file names.")
@click.option("--identify", is_flag=True, help="Open-set identification 1:N as well; takes 90 people or so, 60 of them with several pictures.")
@click.option("--quality", is_flag=True, help="What the limits of quality cost and gain: pictures refused, false rejections left (all pairs).")
@click.option("--report", type=click.Path(file_okay=False), help="Write report.html and its figures into this folder.")
@click.option("--show-faces", is_flag=True, help="The report shows the faces of the hardest pairs.")
@click.option("--face", "rule", type=click.Choice(["centre", "largest", "only"]), default="centre", show_default=True, help="Which face is meant.")
@no_cache_option
@workers_option
@detector_option
@json_option
def evaluate(
    model: str,
    data: str,
    pairs: str | None,
    all_pairs: bool,
    held_out: bool,
    against: str | None,
    cross: str | None,
    preprocess: str | None,
    crop: str,
    frames: int,
    sweep: str | None,
    groups: str | None,
    identify: bool,
    quality: bool,
    report: str | None,
    show_faces: bool,
    rule: Rule,
    no_cache: bool,
    workers: int | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Judge MODEL (a bundle, a run folder, a recipe or a .tflite) on the pictures in DATA, from the raw picture to the decision.

    DATA is a folder or a tar with one folder per person. Rates come with 95 % intervals, drawn by people.
    """
    from facelite.cli.models import check_one_space, is_bare, is_run, open_model
    from facelite.evaluation.cache import default_folder
    from facelite.evaluation.crop import CentreCrop, DetectedFace
    from facelite.evaluation.judge import Wish, everybody, judge, listed_pairs

    _check_usage(bool(pairs), all_pairs, held_out, show_faces and not report, quality)
    if cross and (pairs or against):
        raise click.UsageError(f"expected --cross with --all-pairs and without --against, got it with --{'pairs' if pairs else 'against'}")
    if cross:
        check_one_space(model, cross)
    wish = Wish(_sweep_kinds(sweep), groups, identify, cross=bool(cross), quality=quality)
    road = CentreCrop() if crop == "centre" else DetectedFace(rule)
    names = [model, *filter(None, (against, cross))]
    bare = [name for name in names if is_bare(name)] or names  # where none is bare, --preprocess is refused
    models = [open_model(name, detector=detector, preprocess=preprocess if name in bare else None) for name in names]
    for name in filter(is_run, names if all_pairs and not held_out else ()):
        warn(f"{name} is a run, and {data} may hold people that it was trained on; --held-out leaves them out")
    with listed_pairs(data, pairs, frames=frames) if pairs else everybody(data, held_out=held_out) as material, stages() as progress:
        judgement = judge(
            models,
            material,
            crop=road,
            wish=wish,
            cache=None if no_cache else default_folder(),
            workers=workers,
            progress=progress,
        )
        if report:
            from facelite.evaluation.report import write_report

            write_report(judgement, report, models=models, material=material, faces=road if show_faces else None)
    show({**judgement_values(judgement), "face": rule if crop == "aligned" else None, "report": report}, as_json, list(judgement_lines(judgement)))


def _check_usage(pairs: bool, all_pairs: bool, held_out: bool, faces_without_report: bool, quality: bool) -> None:
    if pairs == all_pairs:
        raise click.UsageError(f"expected --pairs FILE or --all-pairs, got {'both' if pairs else 'neither'}")
    for option, wanted in (("--held-out", held_out), ("--quality", quality)):
        if wanted and pairs:
            raise click.UsageError(f"expected {option} with --all-pairs only, got it with --pairs")
    if faces_without_report:
        raise click.UsageError("expected --show-faces with --report only, got it alone")


def _sweep_kinds(text: str | None) -> tuple[Kind, ...]:
    """The kinds in a list with commas."""
    from facelite.evaluation.sweeps import SETTINGS

    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    kinds = tuple(kind for kind in SETTINGS if kind in words)
    if unknown := [word for word in words if word not in SETTINGS]:
        raise click.UsageError(f"expected --sweep out of {', '.join(SETTINGS)}, got {unknown[0]!r}")
    return kinds


COMMANDS: tuple[click.Command, ...] = (evaluate,)
