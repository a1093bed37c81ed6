"""The command clean: labelled pictures -> a table of what may be wrong with them, and sheets that show the doubtful ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from facelite.atomic import write_atomically
from facelite.cli.output import detector_option, json_option, no_cache_option, show, stages, workers_option
from facelite.cli.results import check_out, clear_sheets, face_cutter, sheet, table

if TYPE_CHECKING:
    from facelite.evaluation.cleaning import Cleaning
    from facelite.evaluation.findings import Finding, Labelled
    from facelite.evaluation.judge import Model
    from facelite.evaluation.sets import PictureSet
    from facelite.face import Pixels, Threshold

TABLE = "clean.csv"

MOST_SHEETS, MOST_PAIRS = 20, 50
"""Sheets of one kind of finding, and pairs of faces on one: each face shown is cut out of its picture again, which takes as long as embedding it."""


@click.command()
@click.argument("model", type=click.Path())
@click.argument("sources", metavar="DIR...", type=click.Path(), nargs=-1, required=True)
@click.option("--one-numbering", is_flag=True, help="A name means the same person in every DIR; else people of two sets may be one or two.")
@click.option("--least", type=click.IntRange(1), default=2, show_default=True, help="Pictures that a person needs to be trained on.")
@click.option("--sheet", "sheets", is_flag=True, help="Draw the doubtful pictures, each beside one to judge it by.")
@click.option("--out", type=click.Path(file_okay=False), default="clean", show_default=True, help="Folder of the results; an earlier run's go.")
@no_cache_option
@workers_option
@detector_option
@json_option
def clean(
    model: str,
    sources: tuple[str, ...],
    one_numbering: bool,
    least: int,
    sheets: bool,
    out: str,
    no_cache: bool,
    workers: int | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Report what may be wrong with the pictures in each DIR, one folder per person or a tar of such, by the embeddings of MODEL.

    MODEL is a bundle, a run folder, a recipe or a .tflite. A DIR may hold photographs, or the crops that facelite align made of them. Reported
    are pictures unlike the others of their person, copies, people who may be one, what cannot be read or shows no face, and people of whom
    too few pictures are left. OUT/clean.csv has a line for each, the surest first, and says what to do. No DIR is ever changed.
    """
    from facelite.cli.models import open_model
    from facelite.evaluation.cache import default_folder
    from facelite.evaluation.cleaning import find_errors
    from facelite.evaluation.sets import copy_limit, embed_sets, open_sets

    judged, cache = open_model(model, detector=detector), None if no_cache else default_folder()
    with open_sets(sources) as sets, stages() as progress:
        check_out(Path(out), sources, table=TABLE)
        labelled = embed_sets(
            sets,
            judged,
            one_numbering=one_numbering,
            cache=cache,
            workers=workers,
            progress=lambda done, total: progress("embedding", done, total),
        )
        found = find_errors(
            labelled,
            thresholds=_thresholds(model, judged),
            copy=copy_limit(sets, labelled, judged, cache=cache, workers=workers),
            least=least,
            progress=lambda done, total: progress("comparing", done, total),
        )
        chosen = _sheets(found.findings) if sheets else {}
        _write(Path(out), found, chosen, _pair_cutter(sets, labelled, judged), lambda done, total: progress("drawing", done, total))
    values = {
        "model": model,
        "sets": [one.folder for one in sets],
        "pictures": len(labelled.names),
        "people": len(labelled.people),
        "failed_to_detect": len(labelled.reasons),
        "findings": found.counts,
        "limits": {name: asdict(limit) for name, limit in found.limits.items()},
        "outlier_by_others": found.outlier_by_others,
        "out": out,
        "sheets": len(chosen),
    }
    show(values, as_json, list(_lines(labelled, found, out, len(chosen))))


def _thresholds(name: str, model: Model) -> Sequence[Threshold]:
    """All thresholds of a bundle; a recipe's model tells its default one, others have none."""
    from facelite.bundle import open_bundle

    if model.threshold is None:
        return []
    return [model.threshold] if name.endswith(".toml") else open_bundle(name).manifest.thresholds


def _write(
    out: Path, found: Cleaning, sheets: dict[str, list[Finding]], cut: Callable[[Finding], Pixels], progress: Callable[[int, int], None]
) -> None:
    """The table, then the sheets. A kill leaves sheets out, but never half of one, nor one of an earlier run."""
    from facelite.evaluation.findings import Kind

    clear_sheets(out, [f"{_slug(kind)}-[0-9][0-9].jpg" for kind in Kind])
    rows = ((one.kind.value, one.name, one.other, "" if one.distance is None else f"{one.distance:.4f}", one.advice) for one in found.findings)
    write_atomically(out / TABLE, table(("kind", "name", "other", "distance", "advice"), rows))
    with ThreadPoolExecutor() as pool:
        for done, (name, findings) in enumerate(sheets.items(), start=1):
            write_atomically(out / name, sheet(list(pool.map(cut, findings))))
            progress(done, len(sheets))


def _sheets(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings on each sheet, by the sheet's file name: those of a kind that have pictures to show, in the order of the table."""
    sheets = {}
    for kind in dict.fromkeys(finding.kind for finding in findings):
        shown = [finding for finding in findings if finding.kind is kind and finding.shown][: MOST_SHEETS * MOST_PAIRS]
        for number, start in enumerate(range(0, len(shown), MOST_PAIRS), start=1):
            sheets[f"{_slug(kind)}-{number:02d}.jpg"] = shown[start : start + MOST_PAIRS]
    return sheets


def _slug(kind: str) -> str:
    return kind.replace(" ", "-")


def _pair_cutter(sets: Sequence[PictureSet], labelled: Labelled, model: Model) -> Callable[[Finding], Pixels]:
    """A function, for any thread, of a finding: its two faces side by side (SIDE, 2 SIDE, 3), the doubtful one left."""
    cut = face_cutter(model.detector)

    def face(i: int) -> Pixels:
        one = sets[labelled.source[i]]
        return cut(one.read(one.picture(labelled.names[i])), one.crop)

    def pair(finding: Finding) -> Pixels:
        return np.hstack([face(i) for i in finding.shown or ()])

    return pair


def _lines(labelled: Labelled, found: Cleaning, out: str, sheets: int) -> Iterator[str]:
    """The report for a reader."""
    yield f"{len(labelled.names):,} pictures of {len(labelled.people):,} people, {len(labelled.reasons):,} without a face"
    examples = {finding.kind.value: finding for finding in reversed(found.findings)}
    for kind, count in found.counts.items():
        other = f" and {examples[kind].other}" if count and examples[kind].other else ""
        yield f"{kind}: {count:,}" + (f", such as {examples[kind].name}{other}" if count else "")
    limits = {name: f"{limit.distance:.2f} ({limit.source})" for name, limit in found.limits.items()}
    fewer = ", ".join(f"{distance:.2f} for {others}" for others, distance in found.outlier_by_others.items())
    yield f"an outlier lies farther than {limits['outlier']} from the mean of many other pictures of its person; of fewer: {fewer}"
    yield f"duplicates lie within {limits['duplicate']}"
    yield f"one person's pictures lie {limits['same_person']} apart in the mean, or nearer; of fewer than 3: {limits['same_person_few']}"
    yield f"wrote {Path(out) / TABLE}" + (f" and {sheets} sheets beside it" if sheets else "")


COMMANDS: tuple[click.Command, ...] = (clean,)
