"""The command calibrate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from facelite.cli.judgement import calibration_lines
from facelite.cli.output import RATE, detector_option, held_out_option, json_option, no_cache_option, show, stages, warn, workers_option


@click.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@held_out_option
@click.option("--fmr", "fmrs", multiple=True, type=RATE, help="A wanted FMR; may be given several times.")
@click.option("--templates", type=click.Path(), help="The bundle that enrols, where it is another one of the same space.")
@click.option("--strangers", type=click.Path(), help="Pictures of other people, in groups: their FMR inside each group at each threshold.")
@click.option("--groups", help="The groups of the strangers: a CSV, or 'utkface' for its file names.  [default: utkface]")
@click.option("--out", type=click.Path(dir_okay=False), help="Write MODEL, a bundle, with the measured thresholds to this file.")
@click.option("--default-fmr", type=RATE, help="The default FMR of --out.  [default: as in MODEL]")
@no_cache_option
@workers_option
@detector_option
@json_option
def calibrate(
    model: str,
    data: str,
    held_out: bool,
    fmrs: tuple[float, ...],
    templates: str | None,
    strangers: str | None,
    groups: str | None,
    out: str | None,
    default_fmr: float | None,
    no_cache: bool,
    workers: int | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Measure the thresholds of MODEL on the people in DATA, one folder per person, none of whom it was trained on.

    An FMR that so few people cannot support is refused. MODEL itself is never changed.
    """
    from facelite.atomic import write_atomically
    from facelite.bundle import FUSED, fused_kind, open_bundle
    from facelite.cli.models import check_one_space, open_model
    from facelite.evaluation.cache import default_folder
    from facelite.evaluation.calibrate import add_strangers, calibrate_model, recalibrated
    from facelite.evaluation.people import open_people

    _check_usage(model, out, default_fmr, both=bool(templates and strangers), groups_alone=bool(groups and not strangers))
    bundle = open_bundle(model) if out else None  # what is none is refused before anything is measured
    judged, enrolling = open_model(model, detector=detector), open_model(templates, detector=detector) if templates else None
    if templates:
        check_one_space(model, templates)
    cache = None if no_cache else default_folder()
    with open_people(data) as people, stages() as progress:
        chosen = people(True if held_out else None)
        found = calibrate_model(judged, chosen, templates=enrolling, fmrs=fmrs, cache=cache, workers=workers, progress=progress)
        if strangers:
            with open_people(strangers) as others:
                chosen = others(True if held_out else None)
                found = add_strangers(found, judged, chosen, groups=groups or "utkface", cache=cache, workers=workers, progress=progress)
    default = default_fmr or (bundle.manifest.fmr if bundle else None)
    if out and bundle:
        write_atomically(Path(out), recalibrated(bundle, found, fmr=default_fmr))
        if not templates and set(bundle.manifest.template_thresholds) - {fused_kind(number) for number in FUSED}:
            warn("the thresholds for templates of other bundles are left out: measure them again, --templates")
    wrote = [f"wrote {out}, default FMR {default:g}"] if out and default else []
    show({"model": model, **asdict(found), "out": out, "default_fmr": default if out else None}, as_json, [*calibration_lines(found), *wrote])


def _check_usage(model: str, out: str | None, default_fmr: float | None, *, both: bool, groups_alone: bool) -> None:
    if out and Path(out).resolve() == Path(model).resolve():
        raise click.UsageError("expected --out to be another file than MODEL, got the same")
    if default_fmr and not out:
        raise click.UsageError("expected --default-fmr with --out only, got it alone")
    if groups_alone:
        raise click.UsageError("expected --groups with --strangers only, got it alone")
    if both:
        raise click.UsageError("expected --strangers without --templates, got both; they are told for MODEL's own templates")


COMMANDS: tuple[click.Command, ...] = (calibrate,)
