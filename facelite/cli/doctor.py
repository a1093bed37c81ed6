"""The command doctor."""

from __future__ import annotations

from dataclasses import asdict

import click

from facelite.cli.output import ACCEPTED, REFUSED, bundle_option, json_option, keyring_option, show
from facelite.runtime.doctor import State, examine


@click.command()
@click.option("--gallery", type=click.Path(dir_okay=False), help="Look at this gallery, too.")
@keyring_option
@bundle_option
@json_option
@click.pass_context
def doctor(context: click.Context, gallery: str | None, keyring: str | None, bundle: str | None, as_json: bool) -> None:
    """Say what is installed, what works, what does not and what to type. Nothing in it is secret.

    Exit status: 0 all works, 4 something does not.
    """
    checks = list(examine(bundle=bundle, gallery=gallery, keyring=keyring))
    lines = [f"{check.state.value:4}  {check.name}: {check.found}" + (f"\n      -> {check.remedy}" if check.remedy else "") for check in checks]
    works = all(check.state is not State.FAIL for check in checks)
    show({"works": works, "checks": [asdict(check) for check in checks]}, as_json, lines)
    context.exit(ACCEPTED if works else REFUSED)


COMMANDS: tuple[click.Command, ...] = (doctor,)
