"""The layers of a model as a picture: an SVG of boxes and lines, each layer below all that it takes its inputs from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from facelite.export.layers import Layer

WIDE, HIGH = 168, 34
"""Pixels of a layer's box."""

ACROSS, DOWN = 20, 26
"""Pixels between boxes."""

WORST = 0.2
"""The error whose box is darkest; the networks that we release stay below half of it."""


def draw_graph(layers: Sequence[Layer], /) -> bytes:
    """The picture as SVG: name, output shape, and the darker the larger the error is. Branches stand side by side and keep their columns."""
    depths, columns = _depths(layers), _columns(layers)
    left = min(columns, default=0.0)
    at = [((column - left) * (WIDE + ACROSS) + ACROSS, depth * (HIGH + DOWN) + DOWN / 2) for column, depth in zip(columns, depths, strict=True)]
    lines = "".join(_line(at[source], at[number], at) for number, layer in enumerate(layers) for source in layer.sources)
    boxes = "".join(_box(layer, *place) for layer, place in zip(layers, at, strict=True))
    width, height = max((x for x, _ in at), default=0.0) + WIDE + 2 * ACROSS, (max(depths, default=-1) + 1) * (HIGH + DOWN)
    style = "font-family:sans-serif;font-size:11px;text-anchor:middle"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" style="{style}">{lines}{boxes}</svg>'.encode()
    )


def _depths(layers: Sequence[Layer]) -> list[int]:
    depths: list[int] = []
    for layer in layers:
        depths.append(max((depths[source] + 1 for source in layer.sources), default=0))
    return depths


def _columns(layers: Sequence[Layer]) -> list[float]:
    """Branches of one layer spread about it; what several layers flow into stands in their middle."""
    branches: dict[int, list[int]] = {}
    for number, layer in enumerate(layers):
        if len(layer.sources) == 1:
            branches.setdefault(layer.sources[0], []).append(number)
    columns: list[float] = []
    for number, layer in enumerate(layers):
        if len(layer.sources) == 1:
            beside = branches[layer.sources[0]]
            columns.append(columns[layer.sources[0]] + beside.index(number) - (len(beside) - 1) / 2)
        else:
            columns.append(sum(columns[source] for source in layer.sources) / max(len(layer.sources), 1))
    return columns


def _line(start: tuple[float, float], end: tuple[float, float], boxes: Collection[tuple[float, float]]) -> str:
    """Down the column of ``start``, beside it where another box stands in the way, and over at the end."""
    x1, y1, x2, y2 = start[0] + WIDE / 2, start[1] + HIGH, end[0] + WIDE / 2, end[1]
    blocked = any(x == start[0] and y1 < y < y2 for x, y in boxes)
    past = x1 + (WIDE + ACROSS) / 2 if blocked else x1
    bends = f"L{past:g} {y1 + DOWN:g}L{past:g} {y2 - DOWN:g}" if y2 - y1 > DOWN else ""
    return f'<path d="M{x1:g} {y1:g}{bends}L{x2:g} {y2:g}" fill="none" stroke="#767676"/>'


def _box(layer: Layer, x: float, y: float) -> str:
    shade = min((layer.error or 0) / WORST, 1) * 0.8
    middle = x + WIDE / 2
    shape = " x ".join(map(str, layer.output))
    told = shape if layer.error is None else f"{shape}, off by {100 * layer.error:.1f} %"
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="4" fill="white" stroke="#444444"/>'
        f'<rect x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="4" fill="#D55E00" fill-opacity="{shade:.2f}"/>'
        f'<text x="{middle:g}" y="{y + 14:g}">{escape(layer.name[:28])}</text><text x="{middle:g}" y="{y + 27:g}">{told}</text>'
    )
