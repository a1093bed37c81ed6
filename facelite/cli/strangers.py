"""Commands on whom a kiosk did not recognise and has kept: strangers list, show, enrol, discard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from facelite.atomic import write_atomically
from facelite.cli.output import json_option, show, warn
from facelite.errors import InputError
from facelite.gallery import Gallery, Keyring
from facelite.kiosk.config import Kiosk, read_config
from facelite.kiosk.loop import open_pinned, open_strangers
from facelite.kiosk.room import check_room
from facelite.kiosk.strangers import Stranger, Strangers
from facelite.runtime.verifier import Verifier

config_argument = click.argument("config", type=click.Path(dir_okay=False))


@click.group(name="strangers", no_args_is_help=False)
def strangers_group() -> None:
    """List, show, enrol or discard whom the kiosk of a CONFIG did not recognise and has kept."""


@strangers_group.command(name="list")
@config_argument
@json_option
def list_strangers(config: str, as_json: bool) -> None:
    """List who is kept, the latest first."""
    with _opened(config) as (_, _, strangers):
        kept = strangers.all(time.time())
    values = [
        {"number": number, "time": datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds"), "looks": len(one.embeddings)}
        for number, one in kept.items()
    ]
    lines = [f"{number:6}  {datetime.fromtimestamp(one.at):%Y-%m-%d %H:%M:%S}  {len(one.embeddings)} look(s)" for number, one in kept.items()]
    show({"strangers": values}, as_json, lines or ["nobody is kept"])


@strangers_group.command(name="show")
@config_argument
@click.argument("number", type=int)
@click.argument("out", type=click.Path(dir_okay=False))
@json_option
def show_stranger(config: str, number: int, out: str, as_json: bool) -> None:
    """Write the picture of the stranger NUMBER into the file OUT, a JPEG that its owner alone may read."""
    with _opened(config) as (_, _, strangers):
        stranger = _found(strangers, number)
    if Path(out).exists():
        raise InputError(f"{out}: expected a new file, found one; name another")
    write_atomically(Path(out), stranger.picture, mode=0o600)
    show({"number": number, "picture": out}, as_json)


@strangers_group.command()
@config_argument
@click.argument("number", type=int)
@click.argument("subject")
@click.option("--anyway", is_flag=True, help="Enrol looks that are like two people, or like somebody enrolled already.")
@json_option
@click.pass_context
def enrol(context: click.Context, config: str, number: int, subject: str, anyway: bool, as_json: bool) -> None:
    """Enrol the stranger NUMBER as SUBJECT into the kiosk's gallery. Exit status: 0 enrolled, 1 a doubt, 4 no room for more at the kiosk's fpir."""
    with _opened(config) as (read, verifier, strangers):
        stranger = _found(strangers, number)
        with Gallery(read.gallery, space=verifier.manifest.space, create=True, keyring=Keyring(read.keyring or None)) as gallery:
            check_room(verifier, gallery, read.fpir, subject=subject, more=len(stranger.looks))
            enrolment = verifier.enrol(subject, stranger.looks, gallery, anyway=anyway)
        for doubt in enrolment.doubts.values():
            warn(f"{subject} is not enrolled: {doubt}")
        if not enrolment.doubts:
            strangers.discard(number)
    show({"number": number, "subject": subject, "added": enrolment.added}, as_json)
    context.exit(1 if enrolment.doubts else 0)


@strangers_group.command()
@config_argument
@click.argument("numbers", metavar="[NUMBER]...", type=int, nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Everybody who is kept, edited rows too.")
@json_option
def discard(config: str, numbers: tuple[int, ...], everybody: bool, as_json: bool) -> None:
    """Discard the strangers of these NUMBERs: their pictures and embeddings are overwritten."""
    if everybody == bool(numbers):
        raise click.UsageError("expected numbers, or --all")
    with _opened(config) as (_, _, strangers):
        discarded = strangers.clear() if everybody else strangers.discard(*numbers)
    show({"discarded": discarded}, as_json)


@contextmanager
def _opened(config: str) -> Iterator[tuple[Kiosk, Verifier, Strangers]]:
    read = read_config(config)
    verifier = open_pinned(read)
    with closing(open_strangers(read, verifier)) as strangers:
        yield read, verifier, strangers


def _found(strangers: Strangers, number: int) -> Stranger:
    kept = strangers.all(time.time())
    if number not in kept:
        raise InputError(f"expected a stranger who is kept, got number {number}; facelite strangers list CONFIG names {len(kept)}")
    return kept[number]


COMMANDS: tuple[click.Command, ...] = (strangers_group,)
