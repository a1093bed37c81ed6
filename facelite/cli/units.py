"""The command ``units``: what a network's units look for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING

import click
import numpy as np

from facelite.cli.output import detector_option, json_option, show, stages

if TYPE_CHECKING:
    from facelite.explain.units import Seen
    from facelite.face import Pixels
    from facelite.preprocess import Preprocessing

INDEX = "units.json"


@click.command()
@click.argument("network", type=click.Path())
@click.argument("faces", type=click.Path())
@click.option("--out", type=click.Path(file_okay=False), default="units", show_default=True, help="The folder of the sheets.")
@click.option("--layers", help="Names, with commas; default: all of the table, from the picture to the embedding.")
@click.option("--units", type=click.IntRange(1), default=12, show_default=True, help="How many of each layer, spread evenly over all.")
@click.option("--patches", type=click.IntRange(1, 25), default=9, show_default=True, help="How many of the strongest places.")
@click.option("--pictures", type=click.IntRange(1), default=2000, show_default=True, help="How many of FACES are looked at, spread evenly.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the pictures that are made.")
@detector_option
@json_option
def units(
    network: str, faces: str, out: str, layers: str | None, units: int, patches: int, pictures: int, seed: int, detector: str | None, as_json: bool
) -> None:
    """What the units of NETWORK (a recipe or a run folder) look for: for each layer a sheet of the places of FACES that excite each unit most, beside
    a picture made to excite it. FACES is a folder of people's folders, or a tar of one.

    OUT/units.json names the pictures. Needs TensorFlow.
    """
    from facelite.atomic import write_atomically
    from facelite.explain.contact import draw_contact
    from facelite.explain.float_network import open_float_network
    from facelite.explain.units import layers as known
    from facelite.explain.units import look_into
    from facelite.runtime.detector import find_detector

    opened = open_float_network(network)
    numbers = {name: number for number, name in enumerate(known(opened), start=1)}
    names = list(dict.fromkeys(name.strip() for name in layers.split(","))) if layers else list(numbers)
    Path(out).mkdir(parents=True, exist_ok=True)  # before the work
    sheets, table = {}, {}
    with stages() as progress:
        crops = _crops(faces, find_detector(detector), opened.preprocessing, pictures, lambda done, total: progress("looking", done, total))
        for name, seen in look_into(opened, crops, names=names, units=units, patches=patches, seed=seed):
            sheets[name], table[name] = str(Path(out) / f"{numbers[name]:02}-{name}.png"), [_row(one) for one in seen]
            height, width = seen[0].made.shape[:2]
            title = f"{opened.network.name}, {name}: {height} x {width} pixels, the strongest in {Path(faces).resolve().name}"
            write_atomically(Path(sheets[name]), draw_contact(seen, title))
            progress("making pictures", len(sheets), len(names))
    write_atomically(Path(out) / INDEX, json.dumps(table, indent=1).encode())
    show({"sheets": sheets, "index": str(Path(out) / INDEX)}, as_json, [*sheets.values(), str(Path(out) / INDEX)])


def _crops(faces: str, detector: bytes, size: Preprocessing, most: int, progress: Callable[[int, int], None]) -> Iterator[tuple[str, Pixels]]:
    """Name and aligned face of so many pictures, those without a face left out."""
    from facelite.errors import ImageError
    from facelite.evaluation.crop import DetectedFace
    from facelite.image import decode_image
    from facelite.runtime.detector import Detector
    from facelite.source import open_source

    own = local()
    with open_source(faces) as (names, read), ThreadPoolExecutor() as pool:

        def crop(name: str) -> Pixels | None:
            if not hasattr(own, "detector"):
                own.detector = Detector(detector)
            try:
                found = DetectedFace()(decode_image(read(name)), own.detector, [size])
            except ImageError:
                return None
            return found[0].pixels if found else None

        chosen = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, min(most, len(names))).round().astype(int))]
        for done, (name, pixels) in enumerate(zip(chosen, pool.map(crop, chosen), strict=True), start=1):
            progress(done, len(chosen))
            if pixels is not None:
                yield name, pixels


def _row(one: Seen) -> dict[str, object]:
    strongest = [{"picture": name, "activation": round(value, 4)} for name, value in zip(one.pictures, one.activations, strict=True)]
    return {"unit": one.unit, "strongest": strongest, "made": round(one.reached, 4)}


COMMANDS: tuple[click.Command, ...] = (units,)
