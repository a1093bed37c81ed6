"""The command kiosk."""

from __future__ import annotations

import logging
import signal
from contextlib import closing
from datetime import datetime
from statistics import median
from typing import Any

import click

from facelite.cli.output import ACCEPTED, REFUSED, json_option, show, show_checks
from facelite.kiosk.check import check_kiosk
from facelite.kiosk.codes import ADMINISTRATOR, Codes
from facelite.kiosk.config import CodeConfig, EnrolConfig, Kiosk, read_config
from facelite.kiosk.door import release_relay
from facelite.kiosk.log import Log
from facelite.kiosk.loop import Loop, told_event

LATEST = 100
"""Entries of the log that are shown."""


@click.command()
@click.argument("config", type=click.Path(dir_okay=False))
@click.option("--check", is_flag=True, help="Try everything that CONFIG names, say what to do about each fault, and end.")
@click.option("--release", is_flag=True, help="Release the door's relay, as after a kiosk that was killed, and end.")
@click.option("--log", "show_log", is_flag=True, help=f"Show the last {LATEST} entries of the log, and end.")
@click.option("--forget", metavar="SUBJECT", help="Remove SUBJECT's entries from the log and their code, and end.")
@click.option("--set-code", metavar="SUBJECT", help="Ask for SUBJECT's code, the second factor, keep its hash, and end.")
@click.option("--set-administrator", is_flag=True, help="Ask for the code that lets enrol at the kiosk, keep its hash, and end.")
@json_option
@click.pass_context
def kiosk(
    context: click.Context,
    config: str,
    check: bool,
    release: bool,
    show_log: bool,
    forget: str | None,
    set_code: str | None,
    set_administrator: bool,
    as_json: bool,
) -> None:
    """Run the kiosk that the TOML file CONFIG describes: camera, door, screen, log.

    It runs until it is ended (Ctrl-C, SIGTERM), or its video does. Exit status: 0 ended so; all works (--check); the relay is released, or there
    is none (--release). 4 something does not work.
    """
    read = read_config(config)
    if check:
        context.exit(show_checks(list(check_kiosk(read)), as_json))
    if release:
        context.exit(_release(read, as_json))
    if show_log:
        return _show_log(read, as_json)
    if forget is not None:
        return _forget(read, forget, as_json)
    if set_code is not None:
        if not set_code.strip():
            raise click.UsageError("expected the name of a subject, got none; the administrator's code: --set-administrator")
        return _set_code(read.code, "code", set_code, as_json)
    if set_administrator:
        return _set_code(read.enrol, "enrol", ADMINISTRATOR, as_json)
    logging.basicConfig(format="facelite: %(message)s")
    logging.getLogger("facelite").setLevel(logging.INFO)
    with Loop(read) as loop:
        signal.signal(signal.SIGTERM, lambda *_: loop.stop())
        signal.signal(signal.SIGINT, lambda *_: loop.stop())
        loop.run()
        show(_values(loop), as_json)


def _values(loop: Loop) -> dict[str, Any]:
    watch, rest = (1000 * median(times) if times else None for times in (loop.times.watch, loop.times.rest))
    return {"frames": loop.frames, "watch_milliseconds": watch, "rest_milliseconds": rest, "state": loop.view.state.value, "fault": loop.fault}


def _release(read: Kiosk, as_json: bool) -> int:
    """By a relay's process of its own, which needs neither bundle nor gallery nor log; the exit status."""
    state = release_relay(read.door) or "down" if read.door else "none"
    show({"relay": state}, as_json)
    return ACCEPTED if state in ("released", "none") else REFUSED


def _show_log(read: Kiosk, as_json: bool) -> None:
    with closing(Log(read.log.file, days=read.log.days)) as log:
        entries = log.entries(LATEST)
    lines = []
    for one in entries:
        near = "" if one.event.distance is None else f"  {one.event.distance:.3f} (threshold {one.event.threshold:.3f})"
        lines.append(f"{datetime.fromtimestamp(one.at):%Y-%m-%d %H:%M:%S}  {one.event.kind.value:12}  {one.event.subject or '-'}{near}")
    show({"entries": [told_event(one) for one in entries]}, as_json, lines or ["nothing yet"])


def _forget(read: Kiosk, subject: str, as_json: bool) -> None:
    with closing(Log(read.log.file, days=read.log.days)) as log:
        removed = log.remove(subject)
    if read.code:
        Codes(read.code.file).remove(subject)
    show({"subject": subject, "removed_entries": removed}, as_json)


def _set_code(table: CodeConfig | EnrolConfig | None, name: str, subject: str, as_json: bool) -> None:
    if not table:
        raise click.UsageError(f"expected a table [{name}] in the config, found none; add one, and codes are asked for")
    whose = subject or "the administrator"
    Codes(table.file).set(subject, click.prompt(f"Code of {whose}", hide_input=True, confirmation_prompt=True, err=True))
    show({"subject": whose, "code": "set"}, as_json)


COMMANDS: tuple[click.Command, ...] = (kiosk,)
