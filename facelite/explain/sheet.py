"""Faces and what was found in them, as one picture to look at."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facelite.face import Floats, Pixels
from facelite.plots.drawing import COLOURS, STYLE

ALIKE, APART = COLOURS[0], COLOURS[1]
"""Blue and vermilion: told apart by colour-blind eyes."""

INCHES = 2.2
"""Width of a panel."""


SHOWN = 0.998
"""Share of a map's pixels whose colours differ; the few beyond would leave the others pale."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A picture (h, w, 3), under it ``words``, over it a ``change`` (h, w): blue above 0, where it makes the faces alike, vermilion below."""

    title: str
    pixels: Pixels
    words: str = ""
    change: Floats | None = None


def draw_sheet(rows: Mapping[str, Sequence[Panel]], title: str, /) -> bytes:
    """A PNG of the panels in their rows, each with what its changes are; those of a row share one scale. The same bytes for the same panels."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        columns, (height, width) = max(map(len, rows.values())), next(iter(rows.values()))[0].pixels.shape[:2]
        figure = Figure(figsize=(INCHES * columns + 0.9, (INCHES * height / width + 0.55) * len(rows) + 0.5), layout="constrained")
        figure.suptitle(title, fontsize=11)
        grid = figure.subplots(len(rows), columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for row, (what, panels) in zip(grid, rows.items(), strict=True):
            largest = max((float(np.quantile(np.abs(panel.change), SHOWN)) for panel in panels if panel.change is not None), default=0.0) or 1.0
            shown = [_paint(axes, panel, largest) for axes, panel in zip(row, panels, strict=False)]
            if drawn := [one for one in shown if one is not None]:
                bar = figure.colorbar(drawn[-1], ax=list(row), shrink=0.8, ticks=[-largest, 0, largest], format="%+.2f")
                bar.set_label(what, fontsize=8)
                bar.ax.tick_params(labelsize=8)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
        return buffer.getvalue()


def _paint(axes: Any, panel: Panel, largest: float) -> Any:
    """The panel; what a colour bar needs to know of its change, if it has one."""
    from matplotlib.colors import LinearSegmentedColormap

    axes.set_title(panel.title, fontsize=9)
    axes.text(0.5, -0.03, panel.words, transform=axes.transAxes, ha="center", va="top", fontsize=8)
    if panel.change is None:
        axes.imshow(panel.pixels, interpolation="bicubic")
        return None
    colours = LinearSegmentedColormap.from_list("change", [APART, "#f2f2f2", ALIKE])
    grey = panel.pixels.mean(axis=2)
    axes.imshow(grey, cmap="gray", vmin=-60, vmax=300, interpolation="bicubic")
    weight = 0.85 * np.minimum(np.abs(panel.change) / largest, 1)
    return axes.imshow(panel.change, cmap=colours, vmin=-largest, vmax=largest, alpha=weight, interpolation="bilinear")
