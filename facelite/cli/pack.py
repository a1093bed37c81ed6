"""The command ``pack``: what an app developer drops into a project."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelite.cli.output import RATE, detector_option, json_option, show, stages

if TYPE_CHECKING:
    from facelite.export.pack.write import Packed


@click.command()
@click.argument("platform", type=click.Choice(["android", "ios", "web"]))
@click.argument("sources", nargs=-1, required=True, type=click.Path())
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--precision", help="Which of the SOURCES is packed; default: the first.")
@click.option("--fmr", type=RATE, help="The false match rate that the app uses by default; else the bundle's.")
@click.option("--coreml", type=click.Choice(["float32", "float16", "int8"]), help="Weights of Core ML's packages (ios); default: float16.")
@click.option("--faces", type=click.Path(), help="People's pictures: held-out ones for the thresholds of Core ML's packages, and for recipes.")
@detector_option
@json_option
def pack(
    platform: Any,
    sources: tuple[str, ...],
    out: str,
    precision: str | None,
    fmr: float | None,
    coreml: Any,
    faces: str | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Write into OUT an app's library, sample and models for one platform: OUT/README.md says how to use them.

    SOURCES are recipes (.toml) or bundles of one embedding space. The same bundles give the same bytes; OUT/pack.json lists every file with
    its sha256 and licence. For ios, Core ML's packages are made too: from a float bundle of the same network among the SOURCES, else from a
    recipe's weights. An earlier pack in OUT is replaced if its files are as they were; what was built in it goes.
    """
    from facelite.export.pack.write import write_pack

    with stages() as progress:
        packed = write_pack(platform, sources, out, precision=precision, fmr=fmr, coreml=coreml, faces=faces, detector=detector, progress=progress)
    show(asdict(packed), as_json, _lines(packed, out))


def _lines(packed: Packed, out: str) -> list[str]:
    threshold, made = packed.threshold, packed.coreml
    lines = [
        f"{out}: {packed.files} files, {packed.bytes:,} bytes, for {packed.platform}; begin with {Path(out) / 'README.md'}",
        f"bundle {packed.bundle} ({packed.precision}), sha256 {packed.digest}",
        *[f"{name}: {size:,} bytes" for name, size in packed.models.items()],
        f"FMR {threshold.fmr:g}: distance {threshold.distance:.4f}, FMR at most {threshold.fmr_upper:.2g}, FNMR {threshold.fnmr:.4f}",
    ]
    if made:
        lines += [
            f"Core ML, {made.weights} weights: squared distance to float TFLite {made.squared_l2:.2g} at most, on {made.crops} drawn faces",
            f"Core ML's thresholds: {made.thresholds}; FMR {made.threshold.fmr:g}: distance {made.threshold.distance:.4f}, "
            f"FNMR {made.threshold.fnmr:.4f}",
        ]
    return lines


COMMANDS: tuple[click.Command, ...] = (pack,)
