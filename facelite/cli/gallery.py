"""Commands on those who are enrolled: gallery list, remove, purge, export, migrate, restore."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from facelite.atomic import write_atomically
from facelite.bundle import open_bundle
from facelite.cli.migrate import migrate
from facelite.cli.output import Number, gallery_option, json_option, keyring_option, show, warn
from facelite.gallery import Gallery, Keyring, Template, restore_gallery

DAY = 24 * 3600

bundle_option = click.option("--bundle", type=click.Path(), help="Refuse a gallery of another space than this bundle's.")


@click.group(name="gallery", no_args_is_help=False)
def gallery_group() -> None:
    """List, remove, purge or export enrolled subjects, move them to another bundle, or restore a copy."""


@gallery_group.command(name="list")
@gallery_option
@keyring_option
@bundle_option
@json_option
def list_subjects(gallery: str, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """List the enrolled subjects, their templates, and since when the oldest of these is there (UTC)."""
    with _opened(gallery, keyring, bundle) as opened:
        counts, since = opened.counts, dict[str, float]()
        for template in opened.templates:
            since[template.subject] = min(template.enrolled_at, since.get(template.subject, math.inf))
    dates = {subject: _date(since[subject]) for subject in counts}
    lines = [f"{line}, since {at[:10]}" for line, at in zip(_lines(counts), dates.values(), strict=True)]
    show({"subjects": counts, "since": dates}, as_json, lines or ["nobody is enrolled"])


@gallery_group.command()
@click.argument("subject")
@gallery_option
@keyring_option
@bundle_option
@json_option
def remove(subject: str, gallery: str, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """Remove SUBJECT with all its templates."""
    with _opened(gallery, keyring, bundle) as opened:
        count = opened.remove(subject)
    show({"subject": subject, "removed": count}, as_json, [f"{subject}: removed {count} template(s)"])


@gallery_group.command()
@click.option("--older-than", "days", type=Number(0), required=True, help="Age in days, since enrolment.")
@click.option("--dry-run", is_flag=True, help="Only say who would go.")
@gallery_option
@keyring_option
@bundle_option
@json_option
def purge(days: float, dry_run: bool, gallery: str, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """Remove the templates that are older than so many days."""
    before = time.time() - days * DAY
    with _opened(gallery, keyring, bundle) as opened:
        old = opened.older(before) if dry_run else opened.purge(before)
    counts = dict(sorted(Counter(template.subject for template in old).items()))
    verb = "would be removed" if dry_run else "removed"
    show(
        {"subjects": counts, "removed": 0 if dry_run else len(old)}, as_json, [f"{line} {verb}" for line in _lines(counts)] or ["nobody is that old"]
    )


@gallery_group.command()
@click.argument("out", type=click.Path(dir_okay=False))
@click.option("--subject", help="This subject alone.")
@gallery_option
@keyring_option
@bundle_option
@json_option
def export(out: str, subject: str | None, gallery: str, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """Write templates to OUT, a JSON file: what is stored about somebody. It is not encrypted."""
    if Path(out).resolve() == Path(gallery).resolve():
        raise click.UsageError("expected OUT to be another file than the gallery, got the same")
    with _opened(gallery, keyring, bundle) as opened:
        number = opened.count(subject) if subject is not None else len(opened)
        templates = [template for template in opened.templates if subject in (None, template.subject)]
        space = opened.space
    data = {"space": space, "templates": [_plain(template) for template in templates]}
    write_atomically(Path(out), json.dumps(data, indent=1).encode(), mode=0o600)
    show({"out": out, "templates": number}, as_json, [f"{out}: {number} template(s)"])
    warn(f"{out} is not encrypted: whoever reads it can compare faces with it")


@gallery_group.command()
@gallery_option
@keyring_option
@bundle_option
@json_option
def restore(gallery: str, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """Take the gallery file as it is for the latest, after a copy was put in its place. Whoever was removed since then is enrolled again."""
    with restore_gallery(gallery, space=_space(bundle), keyring=Keyring(keyring)) as opened:
        counts, newest = opened.counts, max((template.enrolled_at for template in opened.templates), default=None)
    at = _date(newest) if newest is not None else None
    show({"subjects": counts, "newest": at}, as_json, [*_lines(counts), f"restored; newest enrolment: {at or 'none'}"])


def _opened(gallery: str, keyring: str | None, bundle: str | None) -> Gallery:
    return Gallery(gallery, space=_space(bundle), keyring=Keyring(keyring))


def _space(bundle: str | None) -> str | None:
    return open_bundle(bundle).manifest.space if bundle else None


def _lines(counts: dict[str, int]) -> list[str]:
    return [f"{subject}: {count} template(s)" for subject, count in counts.items()]


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _plain(template: Template) -> dict[str, object]:
    at = _date(template.enrolled_at)
    return {"subject": template.subject, "enrolled_at": at, "artefact": template.artefact, "embedding": template.embedding.vector.tolist()}


gallery_group.add_command(migrate)

COMMANDS: tuple[click.Command, ...] = (gallery_group,)
