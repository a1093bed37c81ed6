"""The command doctor."""

from __future__ import annotations

import click

from facelite.cli.output import bundle_option, json_option, keyring_option, show_checks
from facelite.runtime.doctor import examine


@click.command()
@click.argument("config", required=False, type=click.Path(dir_okay=False))
@click.option("--gallery", type=click.Path(dir_okay=False), help="Look at this gallery, too.")
@keyring_option
@bundle_option
@json_option
@click.pass_context
def doctor(context: click.Context, config: str | None, gallery: str | None, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """Say what is installed, what works, what does not and what to type. Nothing in it is secret.

    CONFIG is that of a kiosk: then everything that it names is tried, too, or what a kiosk at work says is told.

    Exit status: 0 all works, 4 something does not.
    """
    checks = list(examine(bundle=bundle, gallery=gallery, keyring=keyring))
    if config:
        from facelite.kiosk.check import check_kiosk
        from facelite.kiosk.config import read_config

        checks += check_kiosk(read_config(config))
    context.exit(show_checks(checks, as_json))


COMMANDS: tuple[click.Command, ...] = (doctor,)
