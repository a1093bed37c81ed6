"""The program ``facelite``."""

from __future__ import annotations

import io
import os
import sys
from copy import copy
from pathlib import Path

import click

from facelite import __version__
from facelite.cli import calibrate, cluster, device, evaluate, workstation
from facelite.cli.output import Commands


@click.group(cls=Commands, no_args_is_help=False)
@click.version_option(__version__, prog_name="facelite")
def main() -> None:
    """Face verification on cheap devices: align, train, export; then enrol, verify, identify."""


for command in (*workstation.COMMANDS, *evaluate.COMMANDS, *calibrate.COMMANDS, *cluster.COMMANDS, *device.COMMANDS):
    main.add_command(command)
enroll = copy(device.enrol)
enroll.hidden = True  # one line in --help is enough
main.add_command(enroll, name="enroll")


def run() -> None:
    """The entry point of the process."""
    if sys.stderr is None:  # started without standard error
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process
    elif not os.environ.get("FACELITE_DEBUG"):
        _hush_native_code()
    main()


def _hush_native_code() -> None:
    """TensorFlow, LiteRT and libjpeg write remarks to file descriptor 2, past every logging level: Python keeps a copy, they get the void."""
    copy = os.dup(2)
    sys.stderr = io.TextIOWrapper(os.fdopen(copy, "wb", buffering=0), encoding=sys.stderr.encoding, errors="backslashreplace", write_through=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
