"""The command ``style``: a picture with the content of one and the look of others."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelite.cli.output import Number, json_option, show, stages

if TYPE_CHECKING:
    from facelite.face import Pixels


class _Weights(click.ParamType[dict[str, float]]):
    """Layers with their weights: "conv1:1,inception3a:0.5"; a layer without a number weighs 1."""

    name = "layer:weight,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        weights = {}
        for part in str(value).split(","):
            name, _, number = part.strip().partition(":")
            weights[name] = Number(0, min_open=True).convert(number or "1", param, ctx)
        return weights


@click.command()
@click.argument("network", type=click.Path())
@click.argument("content", type=click.Path())
@click.argument("styles", nargs=-1, required=True, type=click.Path())
@click.option("--out", type=click.Path(dir_okay=False), default="style.png", show_default=True, help="The picture, a PNG.")
@click.option("--content-layer", help="Default: the third of the network, where the pictures are a quarter or an eighth as large.")
@click.option("--style-layers", type=_Weights(), help="Layers and their weights, as conv1:1,conv2:0.5; default: the first five, alike.")
@click.option("--alpha", type=Number(0), default=1.0, show_default=True, help="Weight of the content.")
@click.option("--beta", type=Number(0), default=1000.0, show_default=True, help="Weight of the style.")
@click.option("--variation", type=Number(0), default=0.3, show_default=True, help="Weight of the total variation: more is smoother.")
@click.option("--steps", type=click.IntRange(1), default=200, show_default=True, help="Of the optimizer.")
@click.option("--optimizer", type=click.Choice(["lbfgs", "adam"]), default="lbfgs", show_default=True, help="What moves the pixels.")
@click.option("--start", type=click.Choice(["content", "noise"]), default="content", show_default=True, help="The picture that it begins with.")
@click.option("--side", type=click.IntRange(64, 1024), default=256, show_default=True, help="Pixels of the longer side.")
@click.option("--every", type=click.IntRange(1), help="Keep the picture of every so many steps, beside OUT.")
@click.option("--preprocess", default="rgb:127.5,128", show_default=True, help="Of a Keras model's input: order of the colours, mean, std.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the noise.")
@json_option
def style(
    network: str,
    content: str,
    styles: tuple[str, ...],
    out: str,
    content_layer: str | None,
    style_layers: dict[str, float] | None,
    alpha: float,
    beta: float,
    variation: float,
    steps: int,
    optimizer: Any,
    start: Any,
    side: int,
    every: int | None,
    preprocess: str,
    seed: int,
    as_json: bool,
) -> None:
    """Give the picture CONTENT the look of the picture STYLES (several: of all alike), as NETWORK sees them: a recipe, a run folder, or a Keras
    model. By the pixels, until layers of the network are like CONTENT's, and the products of their channels like those of STYLES.

    Needs TensorFlow.
    """
    from facelite.explain.features import open_features
    from facelite.explain.style import Look, paint

    if Path(out).suffix.lower() != ".png":
        raise click.UsageError(f"expected the name of a PNG for --out, got {out!r}")
    features = open_features(network, preprocess=preprocess)
    look = Look(
        content_layer or features.known[min(2, len(features.known) - 1)],
        style_layers or dict.fromkeys(features.known[:5], 1.0),
        alpha=alpha,
        beta=beta,
        variation=variation,
    )
    pictures = [_read(path, side, features.size) for path in (content, *styles)]
    Path(out).parent.mkdir(parents=True, exist_ok=True)  # before the work
    with stages() as progress:

        def shown(step: int, pixels: Pixels) -> None:
            progress("painting", step, steps)
            if every and step % every == 0:
                _write(Path(out).with_stem(f"{Path(out).stem}-{step:04}"), pixels)

        options: dict[str, Any] = {"steps": steps, "optimizer": optimizer, "start": start, "seed": seed, "shown": shown}
        painted = paint(features, pictures[0], styles=[(picture, 1.0) for picture in pictures[1:]], look=look, **options)
    _write(Path(out), painted.pixels)
    values = {"picture": out, **asdict(look), "before": painted.before, "after": painted.after}
    lines = [f"{name}: {painted.before[name]:.4g} -> {painted.after[name]:.4g}" for name in painted.after]
    show(values, as_json, [*lines, out])


def _read(path: str, side: int, size: tuple[int, int] | None) -> Pixels:
    """The picture with a longer side of ``side`` pixels, never enlarged; or of the one ``size`` (height, width) that the network takes."""
    import cv2

    from facelite.errors import InputError
    from facelite.explain.style import LEAST
    from facelite.image import read_image

    pixels = read_image(path)
    height, width = pixels.shape[:2]
    scale = min(1.0, side / max(height, width))
    to = (size[1], size[0]) if size else (round(width * scale), round(height * scale))
    if min(to) < LEAST:
        raise InputError(
            f"{path}: expected a picture whose shorter side is {LEAST} pixels at --side {side}, got {width} x {height}; raise it, or crop it"
        )
    return cv2.resize(pixels, to, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _write(path: Path, pixels: Pixels) -> None:
    import cv2

    from facelite.atomic import write_atomically

    write_atomically(path, cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes())


COMMANDS: tuple[click.Command, ...] = (style,)
