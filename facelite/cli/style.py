"""The command ``style``: a picture with the content of one and the look of others, and a whole set of faces in the look of a camera."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from facelite.cli.output import Number, bar, bundle_option, detector_option, json_option, show, stages

if TYPE_CHECKING:
    from facelite.explain.features import Features
    from facelite.explain.style import Look
    from facelite.face import Pixels


ONE_PICTURE = ("optimizer", "start", "side", "every")
BY_LAYERS = ("content_layer", "style_layers", "alpha", "beta", "variation", "steps", "preprocess")
MANY_PICTURES = ("full", "farthest", "bundle", "detector")
"""Options that only one form goes by: CONTENT and STYLES; those and --full; --augment."""


class _Weights(click.ParamType):  # type: ignore[type-arg]  # in click 8.2 it takes none
    """Layers with their weights: "conv1:1,inception3a:0.5"; a layer without a number weighs 1."""

    name = "layer:weight,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        weights = {}
        for part in str(value).split(","):
            name, _, number = part.strip().partition(":")
            weights[name] = Number(0, min_open=True).convert(number or "1", param, ctx)
        return weights


@click.command()
@click.argument("network", required=False, type=click.Path())
@click.argument("content", required=False, type=click.Path())
@click.argument("styles", nargs=-1, type=click.Path())
@click.option("--augment", "faces", type=click.Path(), help="A folder of aligned crops, each of which is to be rendered in the look of --look.")
@click.option("--look", "frames", type=click.Path(), help="What the camera has seen: a folder of frames or a film with people in it.")
@click.option("--full", is_flag=True, help="With --augment: textures by NETWORK's layers, seconds a picture, and not by statistics.")
@click.option("--farthest", type=Number(0, min_open=True), help="With --augment: distance of a picture to itself; default: the bundle's threshold.")
@click.option("--out", type=click.Path(), help="The picture, a PNG, or with --augment the folder; default: style.png, or FACES-look beside FACES.")
@click.option("--content-layer", help="Default: the third of the network, where the pictures are a quarter or an eighth as large.")
@click.option("--style-layers", type=_Weights(), help="Layers and their weights, as conv1:1,conv2:0.5; default: the first five, alike.")
@click.option("--alpha", type=Number(0), default=1.0, show_default=True, help="Weight of the content.")
@click.option("--beta", type=Number(0), default=1000.0, show_default=True, help="Weight of the style.")
@click.option("--variation", type=Number(0), default=0.3, show_default=True, help="Weight of the total variation: more is smoother.")
@click.option("--steps", type=click.IntRange(1), help="Of the optimizer; default: 200, with --augment 15.")
@click.option("--optimizer", type=click.Choice(["lbfgs", "adam"]), default="lbfgs", show_default=True, help="What moves the pixels.")
@click.option("--start", type=click.Choice(["content", "noise"]), default="content", show_default=True, help="The picture that it begins with.")
@click.option("--side", type=click.IntRange(64, 1024), default=256, show_default=True, help="Pixels of the longer side.")
@click.option("--every", type=click.IntRange(1), help="Keep the picture of every so many steps, beside OUT.")
@click.option("--preprocess", default="rgb:127.5,128", show_default=True, help="Of a Keras model's input: order of the colours, mean, std.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the noise.")
@bundle_option
@detector_option
@json_option
@click.pass_context
def style(
    context: click.Context,
    network: str | None,
    content: str | None,
    styles: tuple[str, ...],
    faces: str | None,
    frames: str | None,
    full: bool,
    farthest: float | None,
    out: str | None,
    content_layer: str | None,
    style_layers: dict[str, float] | None,
    alpha: float,
    beta: float,
    variation: float,
    steps: int | None,
    optimizer: Any,
    start: Any,
    side: int,
    every: int | None,
    preprocess: str,
    seed: int,
    bundle: str | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Give the picture CONTENT the look of the picture STYLES (several: of all alike), as NETWORK sees them: a recipe, a run folder, or a Keras
    model. By the pixels, until layers of the network are like CONTENT's, and the products of their channels like those of STYLES.

    With --augment FACES and --look FRAMES, and no CONTENT: each of the aligned crops as the camera that took the frames would have seen it, in its
    light, its colours, its blur and its noise. That is one more set for a recipe, [[data]] folder = "FACES-look", of = "FACES", of the same people,
    without those held out. What is farther than --farthest from itself, by the bundle, is blended with the picture itself, or left out:
    OUT/look.csv says how far each is, OUT/look.png shows some. An interrupted run goes on where it stopped.

    Needs TensorFlow but for --augment without --full.
    """
    weights = alpha, beta, variation
    if faces or frames:
        _check_unused(context, "with --augment", ONE_PICTURE)
        if not full:
            _check_unused(context, "without --full", BY_LAYERS)
        if not (faces and frames) or content or bool(network) != full:
            raise click.UsageError("expected --augment FACES and --look FRAMES, no CONTENT, and NETWORK with --full alone, got others")
        options: dict[str, Any] = {"bundle": bundle, "detector": detector, "farthest": farthest, "seed": seed, "as_json": as_json}
        chosen = _opened(network, preprocess, content_layer, style_layers or {}, weights) if network else None
        _augment(faces, frames, out or f"{Path(faces).resolve()}-look", chosen, steps or 15, **options)
        return
    _check_unused(context, "without --augment", MANY_PICTURES)
    if not (network and content and styles):
        raise click.UsageError("expected NETWORK CONTENT STYLES, or --augment FACES --look FRAMES, got less")
    if Path(out or "style.png").suffix.lower() != ".png":
        raise click.UsageError(f"expected the name of a PNG for --out, got {out!r}")
    features, look = _opened(network, preprocess, content_layer, style_layers or {}, weights)
    options = {"steps": steps or 200, "optimizer": optimizer, "start": start, "seed": seed}
    _paint(features, look, [_read(path, side, features.size) for path in (content, *styles)], Path(out or "style.png"), every, options, as_json)


def _check_unused(context: click.Context, form: str, names: Sequence[str]) -> None:
    given = [f"--{name.replace('_', '-')}" for name in names if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"expected no {' and no '.join(given)} {form}, where nothing goes by it; leave it out")


def _opened(
    network: str, preprocess: str, content: str | None, styles: dict[str, float], weights: tuple[float, float, float]
) -> tuple[Features, Look]:
    from facelite.explain.features import open_features
    from facelite.explain.style import Look

    features = open_features(network, preprocess=preprocess)
    layers = content or features.known[min(2, len(features.known) - 1)], styles or dict.fromkeys(features.known[:5], 1.0)
    return features, Look(*layers, *weights)


def _paint(features: Features, look: Look, pictures: list[Pixels], out: Path, every: int | None, options: dict[str, Any], as_json: bool) -> None:
    from facelite.explain.style import paint

    out.parent.mkdir(parents=True, exist_ok=True)  # before the work
    with stages() as progress:

        def shown(step: int, pixels: Pixels) -> None:
            progress("painting", step, options["steps"])
            if every and step % every == 0:
                _write(out.with_stem(f"{out.stem}-{step:04}"), pixels)

        painted = paint(features, pictures[0], styles=[(picture, 1.0) for picture in pictures[1:]], look=look, shown=shown, **options)
    _write(out, painted.pixels)
    values = {"picture": str(out), **asdict(look), "before": painted.before, "after": painted.after}
    lines = [f"{name}: {painted.before[name]:.4g} -> {painted.after[name]:.4g}" for name in painted.after]
    show(values, as_json, [*lines, str(out)])


def _augment(
    faces: str,
    frames: str,
    out: str,
    full: tuple[Features, Look] | None,
    steps: int,
    /,
    *,
    bundle: str | None,
    detector: str | None,
    farthest: float | None,
    seed: int,
    as_json: bool,
) -> None:
    from facelite.bundle import find_bundle, open_bundle
    from facelite.errors import InputError
    from facelite.explain.look import look_of, painter, pictures_of, read_seen
    from facelite.explain.rendering import claim_look, draw_sheet, render_set
    from facelite.runtime.detector import find_detector
    from facelite.runtime.embedder import Embedder
    from facelite.training.geometry import read_geometry

    opened = open_bundle(find_bundle(bundle))
    limit = farthest or opened.manifest.threshold().distance
    pictures_of(faces)  # before the work
    seen = read_seen(frames, find_detector(detector), read_geometry(faces))
    made_by: dict[str, Any] = {"seen_sha256": hashlib.sha256(b"".join(crop.tobytes() for crop in seen)).hexdigest(), "bundle": opened.artefact}
    made_by |= {"farthest": limit, "seed": seed, "full": {**asdict(full[1]), "steps": steps, "network": full[0].known} if full else None}
    claim_look(faces, out, made_by)
    camera = look_of(faces, seen)
    render = painter(full[0], camera, seen, full[1], steps=steps) if full else camera.render
    with bar("rendering") as progress:
        options: dict[str, Any] = {"seed": seed, "workers": 1 if full else None, "progress": progress}
        rendered = render_set(faces, out, render, embedder=lambda: Embedder.of(opened), farthest=limit, distance=opened.distance, **options)
    if not rendered.pictures:
        raise InputError(f"{out}: expected pictures within {limit:g} of themselves, got none; raise --farthest, or see that the frames are right")
    draw_sheet(faces, out, seen)
    show({"folder": out, "faces": len(seen), **asdict(rendered), "sheet": str(Path(out, "look.png"))}, as_json)


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
