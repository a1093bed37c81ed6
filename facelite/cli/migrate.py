"""The command gallery migrate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelite.atomic import write_atomically
from facelite.bundle import Bundle, find_bundle, load_bundle, open_bundle
from facelite.cli.output import (
    ACCEPTED,
    UNDECIDED,
    Number,
    bar,
    bundle_option,
    face_option,
    gallery_option,
    held_out_option,
    json_option,
    keyring_option,
    no_cache_option,
    percent,
    show,
    stages,
    threads_option,
    warn,
    workers_option,
)
from facelite.errors import GalleryError, InputError, SpaceMismatch
from facelite.gallery import Gallery, Keyring
from facelite.runtime.choice import Rule
from facelite.runtime.migration import SpaceMap
from facelite.runtime.moving import Move, bundle_map, check_spaces, plan_move, write_gallery
from facelite.runtime.verifier import Verifier
from facelite.source import people_in

if TYPE_CHECKING:
    from facelite.evaluation.migrate import Learned


@click.command()
@gallery_option
@click.option("--out", type=click.Path(dir_okay=False), help="The new gallery, a file that is not there yet.")
@bundle_option
@click.option("--folder", type=click.Path(file_okay=False), help="Pictures that you have kept, one folder per person: they are enrolled anew.")
@click.option("--from", "old", type=click.Path(), help="The bundle that the gallery was made with; with --faces.")
@click.option("--faces", type=click.Path(), help="Pictures of other people, to learn a map from: a folder or a tar, one folder per person.")
@held_out_option
@click.option("--out-bundle", type=click.Path(dir_okay=False), help="Write --bundle, with the map and thresholds for what it maps, to this file.")
@click.option("--max-loss", type=Number(0, 1), default=0.1, show_default=True, help="The loss of VAL above which nobody is mapped.")
@click.option("--anyway", is_flag=True, help="Take over templates that look like two people, or like somebody else's.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of everybody.")
@keyring_option
@face_option
@no_cache_option
@workers_option
@threads_option
@json_option
@click.pass_context
def migrate(
    context: click.Context,
    gallery: str,
    out: str | None,
    bundle: str | None,
    folder: str | None,
    old: str | None,
    faces: str | None,
    held_out: bool,
    out_bundle: str | None,
    max_loss: float,
    anyway: bool,
    dry_run: bool,
    keyring: str | None,
    rule: Rule,
    no_cache: bool,
    workers: int | None,
    threads: int,
    as_json: bool,
) -> None:
    """Move a gallery into the space of --bundle, as a new file; --gallery is never changed.

    Whoever has pictures in --folder is enrolled anew from them. The templates of others are mapped: by a map that is learned from --faces, people
    whom neither bundle was trained on, or by the one inside a bundle that an earlier --out-bundle has written. A map costs accuracy: how much
    is measured and told. Mapped templates are judged by thresholds of their own, which only that bundle has.

    Exit status: 0 all were moved, 3 some must be enrolled again: they are named, and not in the new gallery.
    """
    _check_usage(out, old, faces, out_bundle, dry_run=dry_run)
    pictures = people_in(folder) if folder else {}
    new, keys = open_bundle(find_bundle(bundle)), Keyring(keyring)
    with Gallery(gallery, keyring=keys) as opened:
        check_spaces(opened, new, None)
        learned = _learned(opened, new, str(old), faces, held_out=held_out, cached=not no_cache, workers=workers) if faces else None
        data = _with_map(new, learned) if learned else None
        verifier = Verifier(load_bundle(data) if data else new, threads=threads)
        space_map, why_not = _usable_map(verifier.bundle, learned, max_loss)
        if not (folder or faces or space_map):
            raise click.UsageError("expected --folder, or --faces with --from, or a bundle that holds a map, got none of them")
        with bar("migrate") as progress:
            move = plan_move(opened, verifier, space_map=space_map, why_not=why_not, pictures=pictures, anyway=anyway, rule=rule, progress=progress)
    if (kept := data is not None and space_map is not None and not dry_run) and data:
        write_atomically(Path(str(out_bundle)), data)
    try:
        if made := bool(move.templates) and not dry_run:
            write_gallery(Path(str(out)), move.templates, keyring=keys)
    except BaseException:
        if kept:  # so that the same words do it another time
            Path(str(out_bundle)).unlink(missing_ok=True)
        raise
    status = _show(move, learned, verifier.bundle, out if made else None, out_bundle if kept else None, as_json)
    context.exit(status)


def _check_usage(out: str | None, old: str | None, faces: str | None, out_bundle: str | None, *, dry_run: bool) -> None:
    if not (out or dry_run):
        raise click.UsageError("expected --out, or --dry-run, got neither")
    if bool(old) != bool(faces):
        raise click.UsageError(f"expected --from and --faces together, got --{'from' if old else 'faces'} alone")
    if bool(faces) != bool(out_bundle) and not dry_run:
        raise click.UsageError(f"expected --faces and --out-bundle together, got --{'faces' if faces else 'out-bundle'} alone")
    if out and Path(out).exists():
        raise GalleryError(f"{out}: expected the name of a new gallery, got a file that exists; name another: --out")
    if out and not Path(out).parent.is_dir():
        raise GalleryError(f"{out}: expected an existing folder to make the gallery in, found none; check the path: --out")
    if out_bundle and Path(out_bundle).exists():
        raise InputError(f"{out_bundle}: expected the name of a new bundle, got a file that exists; name another: --out-bundle")


def _learned(gallery: Gallery, new: Bundle, old: str, faces: str, *, held_out: bool, cached: bool, workers: int | None) -> Learned:
    from facelite.evaluation.cache import default_folder
    from facelite.evaluation.migrate import learn_map
    from facelite.evaluation.people import open_people

    before = open_bundle(old)
    if before.manifest.space != gallery.space:
        raise SpaceMismatch(f"{old}: expected a bundle of the gallery's space {gallery.space!r}, got {before.manifest.space!r}; name it: --from")
    with open_people(faces) as people, stages() as progress:
        chosen = people(True if held_out else None)
        return learn_map(before, new, chosen, cache=default_folder() if cached else None, workers=workers, progress=progress)


def _with_map(new: Bundle, learned: Learned) -> bytes:
    from facelite.evaluation.migrate import with_map

    return with_map(new, learned)


def _usable_map(bundle: Bundle, learned: Learned | None, max_loss: float) -> tuple[SpaceMap | None, str]:
    """The map of a bundle, or none and why nobody is mapped."""
    if learned and (loss := learned.cost(bundle.manifest.fmr).loss.value) > max_loss:
        return None, f"expected a map that costs {percent(max_loss)} of VAL or less, got one that costs {percent(loss)}"
    return bundle_map(bundle), "expected pictures in --folder or a map, got neither"


def _show(move: Move, learned: Learned | None, bundle: Bundle, out: str | None, out_bundle: str | None, as_json: bool) -> int:
    """What became of everybody; the exit status."""
    renewed, mapped = move.counts({bundle.artefact}), move.counts(set(bundle.manifest.template_thresholds))
    lines = [_map_line(learned, bundle.manifest.fmr)] if learned else []
    lines += [f"{name}: enrolled anew from {count} picture(s)" for name, count in renewed.items()]
    lines += [f"{name}: {count} template(s) mapped" for name, count in mapped.items()]
    lines += [f"wrote {name}" for name in (out_bundle, out) if name] or ["nothing was written"]
    facts = _facts(learned) if learned else None
    show({"map": facts, "enrolled": renewed, "mapped": mapped, "again": move.again, "out": out, "out_bundle": out_bundle}, as_json, lines)
    for name, reason in move.again.items():
        warn(f"{name}: must be enrolled again: {reason}")
    return UNDECIDED if move.again else ACCEPTED


def _map_line(learned: Learned, fmr: float) -> str:
    cost, loss = learned.cost(fmr), learned.cost(fmr).loss
    return (
        f"map ({learned.space_map.rule}) from {learned.pictures:,} pictures of {learned.people:,} people: "
        f"VAL at FMR {fmr:g} is {percent(cost.mapped)} with mapped templates, {percent(cost.native)} with native ones; "
        f"loss {percent(loss.value)} ({percent(loss.low)} to {percent(loss.high)})"
    )


def _facts(learned: Learned) -> dict[str, Any]:
    return {
        "rule": learned.space_map.rule,
        "artefact": learned.space_map.artefact,
        "pictures": learned.pictures,
        "people": learned.people,
        "folds": learned.folds,
        "costs": [asdict(one) for one in learned.costs],
        "thresholds": [asdict(one) for one in learned.thresholds],
    }
