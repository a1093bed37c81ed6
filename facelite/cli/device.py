"""Commands of the device half: embed, verify, enrol, inspect."""

from __future__ import annotations

from copy import copy
from dataclasses import asdict
from pathlib import Path

import click

from facelite.bundle import Manifest, find_bundle, fused_kind, open_bundle
from facelite.cli.output import RATE, bar, bundle_option, face_option, gallery_option, json_option, keyring_option, show, threads_option, warn
from facelite.cli.rows import Row, decision_row, enrolment_row, look_row, rows_of, show_rows
from facelite.errors import UnsupportedRate
from facelite.gallery import Gallery, Keyring
from facelite.kiosk.config import FPIR
from facelite.kiosk.room import check_room
from facelite.runtime.choice import Rule
from facelite.runtime.verifier import Verifier, open_verifier
from facelite.source import people_in

ENOUGH = 3
"""Templates of a person up to which another is worth asking for: released NNS1 rejects falsely 18.5, 10.3, 7.3, 5.3 % with 1, 2, 3, 5."""


@click.command()
@click.argument("images", nargs=-1, required=True, type=click.Path())
@bundle_option
@face_option
@threads_option
@json_option
@click.pass_context
def embed(context: click.Context, images: tuple[str, ...], bundle: str | None, rule: Rule, threads: int, as_json: bool) -> None:
    """Print the embedding of the face in each of IMAGES."""
    verifier = open_verifier(find_bundle(bundle), threads=threads)
    rows = rows_of(images, lambda image: look_row(verifier.look(image, rule=rule)))
    context.exit(show_rows({"space": verifier.manifest.space}, "images", rows, as_json))


@click.command()
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path(), required=False)
@click.option("--gallery", type=click.Path(dir_okay=False), help="Compare A with an enrolled subject of this gallery instead.")
@click.option("--subject", help="The enrolled subject that A should show.")
@keyring_option
@click.option("--fmr", type=RATE, help="The false match rate; one of those measured.")
@bundle_option
@face_option
@threads_option
@json_option
@click.pass_context
def verify(
    context: click.Context,
    a: str,
    b: str | None,
    gallery: str | None,
    subject: str | None,
    keyring: str | None,
    fmr: float | None,
    bundle: str | None,
    rule: Rule,
    threads: int,
    as_json: bool,
) -> None:
    """Say whether pictures A and B show one person, or whether A shows --subject of --gallery.

    Exit status: 0 accepted, 1 rejected, 2 unreadable input, 3 could not decide, 4 refused to work.
    """
    if (b is None) == (gallery is None) or (gallery is None) != (subject is None):
        raise click.UsageError("expected two pictures, or one picture with --gallery and --subject")
    verifier = open_verifier(find_bundle(bundle), threads=threads)
    if b is not None:
        decision = verifier.verify(a, b, fmr=fmr, rule=rule)
    else:
        with Gallery(str(gallery), space=verifier.manifest.space, keyring=Keyring(keyring)) as opened:
            decision = verifier.verify_subject(a, str(subject), opened, fmr=fmr, rule=rule)
    row = decision_row(decision)
    show({**row.values, "model": verifier.manifest.name, "decide": verifier.manifest.decide}, as_json, [row.line] if row.answers else [])
    if not row.answers:
        warn(row.line)
    context.exit(row.status)


@click.command()
@click.argument("subject", required=False)
@click.argument("pictures", nargs=-1, type=click.Path())
@gallery_option
@click.option("--folder", type=click.Path(file_okay=False), help="Enrol everybody in this folder: one folder per person.")
@click.option("--anyway", is_flag=True, help="Enrol pictures that look like two people, or like somebody enrolled already.")
@keyring_option
@bundle_option
@face_option
@threads_option
@json_option
@click.pass_context
def enrol(
    context: click.Context,
    subject: str | None,
    pictures: tuple[str, ...],
    gallery: str,
    folder: str | None,
    anyway: bool,
    keyring: str | None,
    bundle: str | None,
    rule: Rule,
    threads: int,
    as_json: bool,
) -> None:
    """Enrol SUBJECT from PICTURES, or everybody in --folder. A subject is enrolled from all its pictures or not at all.

    A picture is refused that is like none of the subject's others, or like somebody else who is enrolled. One that is already enrolled is
    not added again. A subject's templates are compared as one; where they become more than the bundle's rates allow, for the subject
    or for a kiosk's search among all, enrol says so. The first enrolment makes the gallery, which is encrypted, and its key.
    """
    if (folder is None) == (subject is None) or (folder is None and not pictures):
        raise click.UsageError("expected SUBJECT and PICTURES, or --folder PEOPLE")
    people = {str(subject): [Path(picture) for picture in pictures]} if folder is None else people_in(folder)
    verifier = open_verifier(find_bundle(bundle), threads=threads)
    with Gallery(gallery, space=verifier.manifest.space, create=True, keyring=Keyring(keyring)) as opened, bar("enrol") as progress:
        rows: dict[str, Row] = {}
        for done, name in enumerate(people):
            rows |= rows_of([name], lambda name: _enrol(verifier, name, people[name], opened, rule=rule, anyway=anyway))
            progress(done + 1, len(people))
        total, warning = len(opened.subjects), _crowded(verifier, opened)
    status = show_rows({"gallery": gallery, "subjects": total, "warning": warning}, "people", rows, as_json)
    if warning:
        warn(f"{gallery}: {warning}")
    context.exit(status)


@click.command()
@click.argument("bundle", type=click.Path())
@json_option
def inspect(bundle: str, as_json: bool) -> None:
    """Show what is inside BUNDLE: network, input, thresholds with their error rates, licences."""
    opened = open_bundle(bundle)
    manifest = opened.manifest
    values = {"digest": opened.digest, **asdict(manifest), "bytes": {name: len(data) for name, data in opened.files.items()}}
    size = manifest.preprocessing
    lines = [
        f"{manifest.name}: {manifest.network}, {manifest.precision}, {manifest.parameters:,} parameters, {manifest.multiply_adds:,} multiply-adds",
        f"space {manifest.space}, {manifest.embedding} numbers, input {size.height} x {size.width}, sha256 {opened.digest}",
        f"decides by: {opened.distance.words}",
        "       FMR    distance   FMR at most      FNMR",
        *[
            f"{t.fmr:10g}  {t.distance:10.4f}  {t.fmr_upper:12.2g}  {t.fnmr:8.4f}{'  (default)' if t.fmr == manifest.fmr else ''}"
            for t in manifest.thresholds
        ],
        *[
            f"{number} templates compared as one: {threshold.distance:.4f} at FMR {threshold.fmr:g}, FNMR {threshold.fnmr:.4f}"
            for number in manifest.fused[1:]
            for threshold in manifest.template_thresholds[fused_kind(number)]
            if threshold.fmr == manifest.fmr
        ],
        *[
            f"templates of the embedder {maker[:12]}...: {threshold.distance:.4f} at FMR {threshold.fmr:g}, FNMR {threshold.fnmr:.4f}"
            for maker in sorted(manifest.makers)
            for threshold in manifest.template_thresholds[maker]
            if threshold.fmr == manifest.fmr
        ],
        "limits of quality: " + ", ".join(f"{name} {limit:g}" for name, limit in asdict(manifest.limits).items()),
        *[f"{name}: {len(data):,} bytes" for name, data in opened.files.items()],
        *[f"licence of the {what}: {licence}" for what, licence in manifest.licences.items()],
        f"training data: {manifest.training_data}",
    ]
    show(values, as_json, lines)


def _enrol(verifier: Verifier, name: str, files: list[Path], gallery: Gallery, *, rule: Rule, anyway: bool) -> Row:
    """Enrols a person, and warns at once where the templates have become too many for the bundle's default rate."""
    enrolment = verifier.enrol(name, files, gallery, rule=rule, anyway=anyway)
    templates = len(gallery.vectors(name))
    warning = ""
    if templates:
        try:
            verifier.threshold_for_subject(name, gallery)
        except UnsupportedRate as error:
            warning = str(error)
    return enrolment_row(files, enrolment, templates=templates, advice=_advice(verifier.manifest, templates), warning=warning)


def _crowded(verifier: Verifier, gallery: Gallery) -> str:
    """Why a kiosk would not work with the gallery any more, at its default rate; empty where one would, or by this bundle never could."""
    try:
        if len(gallery) and verifier.manifest.thresholds[-1].fmr <= FPIR:
            check_room(verifier, gallery, FPIR)
    except UnsupportedRate as error:
        return f"a kiosk would be out of service: {error}"
    return ""


def _advice(manifest: Manifest, templates: int) -> str:
    """What ENOUGH templates would bring somebody who has fewer, where the bundle's rates were measured with both numbers."""
    fnmrs = manifest.fnmrs()
    if templates >= ENOUGH or fnmrs.get(templates, 0.0) <= fnmrs.get(ENOUGH, 1.0):
        return ""
    return f"; with {ENOUGH}, false rejections fall from {fnmrs[templates]:.1%} to {fnmrs[ENOUGH]:.1%}"


enroll = copy(enrol)
enroll.name, enroll.hidden = "enroll", True  # one line in --help is enough

COMMANDS: tuple[click.Command, ...] = (embed, verify, enrol, enroll, inspect)
