"""The program ``facelite``."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from pathlib import Path

import click

from facelite import __version__
from facelite.cli.output import Commands
from facelite.errors import FaceliteError

MODULES = {
    "align": "workstation",
    "benchmark": "benchmark",
    "calibrate": "calibrate",
    "clean": "clean",
    "cluster": "cluster",
    "conformance": "workstation",
    "doctor": "doctor",
    "embed": "device",
    "enrol": "device",
    "enroll": "device",
    "evaluate": "evaluate",
    "explain": "explain",
    "export": "workstation",
    "gallery": "gallery",
    "identify": "identify",
    "inspect": "device",
    "kiosk": "kiosk",
    "mix": "mix",
    "pack": "pack",
    "pad-eval": "pad_eval",
    "strangers": "strangers",
    "style": "style",
    "test": "live",
    "train": "train",
    "units": "units",
    "verify": "device",
}
"""In which module of facelite.cli each command is: a door does not wait for what a workstation needs."""


class Program(Commands):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in MODULES:
            return None
        try:
            module = import_module(f"facelite.cli.{MODULES[cmd_name]}")
        except ImportError as error:
            raise FaceliteError(f"expected the packages that it needs, got: {error}; install them: pip install facelite") from error
        commands: tuple[click.Command, ...] = module.COMMANDS
        return {command.name: command for command in commands}[cmd_name]


@click.group(cls=Program, no_args_is_help=False)
@click.version_option(__version__, prog_name="facelite")
def main() -> None:
    """Face verification on cheap devices: align, train, export; then enrol, verify, identify."""


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
