"""Plain numbers -> a drawing as SVG and PNG, in one style: told apart in grey and by colour-blind eyes, the same bytes each time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

import numpy as np
from numpy.typing import NDArray

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Blue, vermilion, green, purple, orange, sky: told apart by all common kinds of colour blindness (Okabe and Ito 2008)."""

DARK = (*COLOURS[:3], "#8E3B74", "black")
"""Colours in which a thin digit on white can still be read."""

GREY = "#767676"

Values = Sequence[float] | NDArray[np.float64]

WIDTH, HEIGHT = 4.5, 3.4
"""Inches of a drawing: on a phone of 390 pixels its text of 10 points is still 11 pixels high."""

LEGEND, TICK = 48, 30
"""Characters of a label, wide ones counted twice: more would not fit, or leave no room for what it labels."""

STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",  # looks the same on a machine that lacks the font
    "svg.hashsalt": "facelite",  # else ids in an SVG differ from run to run
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing, as both kinds of file."""

    svg: bytes
    png: bytes


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows. ``ticks`` maps values to labels; "%" prints rates in [0, 1] as percentages."""

    label: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    ticks: Mapping[float, str] | str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A curve through ``x`` and ``y``; ``ends`` are the lower and the upper ends of error bars. ``dash`` "none" draws markers alone."""

    label: str
    x: Values
    y: Values
    colour: str = COLOURS[0]
    dash: str = "-"
    marker: str = ""
    ends: tuple[Values, Values] | None = None


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval, in a row of its own; hollow and grey where it is not ``firm``."""

    label: str
    value: float
    low: float
    high: float
    firm: bool = True


def draw_lines(lines: Sequence[Line], /, *, x: Axis, y: Axis, unsupported: tuple[float, str] | None = None) -> Drawing:
    """Curves. ``unsupported``: below this x the counts say nothing, so the drawing is veiled, and the words that say so."""

    def paint(axes: Any) -> None:
        for line in lines:
            style = {"color": line.colour, "linestyle": line.dash, "marker": line.marker, "label": short_label(line.label)}
            bars = None if line.ends is None else [np.abs(np.asarray(end) - np.asarray(line.y)) for end in line.ends]
            axes.errorbar(line.x, line.y, yerr=bars, capsize=3, elinewidth=1.2, zorder=2 if bars is None else 6, **style)
        if unsupported and (left := axes.get_xlim()[0]) < unsupported[0]:
            veil = {"facecolor": (1, 1, 1, 0.75), "edgecolor": GREY, "hatch": "///", "linewidth": 0, "zorder": 5}
            axes.axvspan(left, unsupported[0], label=unsupported[1], **veil)
            axes.set_xlim(left=left)

    return draw(paint, x, y)


def draw_overlap(
    edges: NDArray[np.float64],
    genuine: NDArray[np.float64],
    impostor: NDArray[np.float64],
    /,
    *,
    x: Axis,
    y: Axis,
    mark: tuple[float, str],
    colour: str,
    beside: tuple[str, NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> Drawing:
    """Two histograms over the same ``edges`` (n + 1,), densities (n,): genuine filled, impostor hatched; ``mark`` is a threshold and its words.

    ``beside``: the name of something to compare with, and its genuine and impostor densities, as outlines.
    """

    def paint(axes: Any) -> None:
        axes.stairs(genuine, edges, fill=True, color=colour, alpha=0.75, label="genuine")
        axes.stairs(impostor, edges, fill=True, facecolor="none", edgecolor=GREY, hatch="////", linewidth=1.2, label="impostor")
        if beside:
            name, *outlines = beside
            for label, density in zip((short_label(name), ""), outlines, strict=True):
                axes.stairs(density, edges, color="black", linewidth=0.9, label=label)
        axes.axvline(mark[0], color="black", linestyle="--", linewidth=1.4, label=short_label(mark[1]))

    return draw(paint, x, y)


def draw_dots(dots: Sequence[Dot], /, *, x: Axis, mark: tuple[float, str] | None = None) -> Drawing:
    """Rows of values with their intervals, the first on top; ``mark`` is a value to compare them with and its words."""

    def paint(axes: Any) -> None:
        for row, dot in enumerate(dots):
            colour, face = (COLOURS[0], COLOURS[0]) if dot.firm else (GREY, "white")
            axes.plot([dot.low, dot.high], [row, row], color=colour, linestyle="-" if dot.firm else ":")
            axes.plot([dot.value], [row], color=colour, marker="o", markerfacecolor=face, linestyle="none")
        if mark:
            axes.axvline(mark[0], color="black", linestyle="--", linewidth=1.2, label=short_label(mark[1]))
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelsize=9)

    labels = {float(row): dot.label for row, dot in enumerate(dots)}
    return draw(paint, x, Axis("", low=len(dots) - 0.5, high=-0.5, ticks=labels), height=1.2 + 0.26 * len(dots))


def draw_map(places: NDArray[np.float32], groups: NDArray[np.int64], /) -> Drawing:
    """Points (n, 2), each drawn as the number of its group (n,) from 1; axes without a unit are not drawn."""

    def paint(axes: Any) -> None:
        for group in np.unique(groups):
            size = 40 if group < 10 else 95  # of the whole marker: so digits are equally high
            axes.scatter(*places[groups == group].T, marker=f"${group}$", s=size, linewidths=0.2, color=DARK[group % len(DARK)])
        axes.set_axis_off()

    return draw(paint, Axis(""), Axis(""), height=WIDTH)


def draw(paint: Callable[[Any], None], x: Axis, y: Axis, height: float = HEIGHT) -> Drawing:
    """What ``paint`` puts on axes of one house style, whatever the user's own matplotlibrc says."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name in a script that the font lacks shows boxes
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel=x.label, xscale="log" if x.log else "linear", ylabel=y.label, yscale="log" if y.log else "linear")
        paint(axes)
        axes.set(xlim=(x.low, x.high), ylim=(y.low, y.high))
        _set_ticks(axes.xaxis, x.ticks)
        _set_ticks(axes.yaxis, y.ticks)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside upper left", ncols=1)
        return Drawing(
            svg=_saved(figure, format="svg", metadata={"Date": None, "Creator": None}),
            png=_saved(figure, format="png", dpi=150, metadata={"Software": None}),
        )


def _set_ticks(axis: Any, ticks: Mapping[float, str] | str | None) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter

    if ticks == "%":
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PercentFormatter(1))
    elif isinstance(ticks, Mapping):
        axis.set_ticks(list(ticks), [short_label(label, TICK) for label in ticks.values()])
        axis.set_minor_formatter(NullFormatter())


def _saved(figure: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, **how)
    return buffer.getvalue()


def short_label(label: str, longest: int = LEGEND) -> str:
    """``label`` on one line that fits, in which "$" begins no formula and "_" does not hide it from the legend."""
    line = " ".join(label.split())
    widths = np.cumsum([2 if east_asian_width(character) in "WF" else 1 for character in line])
    if len(line) and widths[-1] > longest:
        line = f"{line[: int(np.searchsorted(widths, longest))]}…"
    return line.replace("$", r"\$").lstrip("_")
