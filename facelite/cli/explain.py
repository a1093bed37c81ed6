"""The command ``explain``: why two faces are as far apart as they are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelite.bundle import find_bundle
from facelite.cli.output import bundle_option, face_option, json_option, show, stages
from facelite.runtime.choice import Rule

if TYPE_CHECKING:
    from facelite.explain.pair import Side


@click.command()
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@bundle_option
@click.option("--weights", type=click.Path(), help="The bundle's recipe, or run: also by the gradients of its float network. Needs TensorFlow.")
@click.option("--out", type=click.Path(file_okay=False), default="explain", show_default=True, help="The folder of explain.png.")
@face_option
@json_option
def explain(a: str, b: str, bundle: str | None, weights: str | None, out: str, rule: Rule, as_json: bool) -> None:
    """Which parts of the faces in the pictures A and B made their distance small or large: OUT/explain.png, and a number for each part.

    A part is covered with grey, and the distance is measured again: where it grows, the part made the faces alike; where it shrinks, the part
    told them apart.
    """
    from facelite.explain.pair import SHEET, explain_pair
    from facelite.runtime.verifier import open_verifier

    gradients = _gradients(weights) if weights else None
    with stages() as progress:
        decision, *sides = explain_pair(open_verifier(find_bundle(bundle)), a, b, out, gradients=gradients, rule=rule, progress=progress)
    values: dict[str, Any] = {"outcome": decision.outcome.value, "distance": decision.distance, "threshold": decision.threshold.distance}
    values |= {"first": asdict(sides[0]), "second": asdict(sides[1]), "sheet": str(Path(out) / SHEET)}
    show(values, as_json, _lines(values, sides))


def _gradients(recipe: str) -> Any:
    from facelite.explain.float_network import open_float_network
    from facelite.explain.gradient import Gradients

    return Gradients(open_float_network(recipe))


def _lines(values: dict[str, Any], sides: list[Side]) -> list[str]:
    first, second = sides
    lines = [f"{values['outcome']}: distance {values['distance']:.4f}, threshold {values['threshold']:.4f}", "covered, the distance changes by"]
    lines += [f"  {part:20}{first.covered[part]:+8.3f}{second.covered[part]:+8.3f}" for part in first.covered]
    if first.gradients and second.gradients:
        lines += [f"by the gradients, what a part takes off the distance (sums miss {max(first.missed, second.missed):.3f})"]
        lines += [f"  {part:20}{first.gradients[part]:+8.3f}{second.gradients[part]:+8.3f}" for part in first.gradients]
    return [*lines, values["sheet"]]


COMMANDS: tuple[click.Command, ...] = (explain,)
