"""A contact sheet: a row for each unit, the picture made for it, then the places that excite it."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np

from facelite.explain.units import Seen
from facelite.face import Pixels
from facelite.plots.drawing import STYLE

CELL, GAP = 88, 4
"""Pixels of a patch's height on the sheet, and between two."""


def draw_contact(seen: Sequence[Seen], title: str, /) -> bytes:
    """A PNG; the same bytes for the same units."""
    import matplotlib
    from matplotlib.figure import Figure

    rows = [[_cell(picture) for picture in (one.made, *one.patches)] for one in seen]
    columns, (height, width) = max(map(len, rows)), rows[0][0].shape[:2]
    sheet = np.full((len(rows) * (height + GAP), columns * (width + GAP), 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            sheet[i * (height + GAP) :, j * (width + GAP) :][:height, :width] = cell
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(sheet.shape[1] / 100 + 0.8, sheet.shape[0] / 100 + 0.9), layout="constrained")
        figure.suptitle(title, fontsize=11, parse_math=False)
        axes = figure.subplots()
        axes.imshow(sheet, interpolation="none")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelsize=9, top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.set_yticks([i * (height + GAP) + height / 2 for i in range(len(rows))], [f"unit {one.unit}" for one in seen])
        axes.set_xticks([j * (width + GAP) + width / 2 for j in range(columns)], ["made", *map(str, range(1, columns))])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
        return buffer.getvalue()


def _cell(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    kind = cv2.INTER_NEAREST if height * 2 < CELL else cv2.INTER_AREA if height > CELL else cv2.INTER_CUBIC
    return cv2.resize(picture, (round(width * CELL / height), CELL), interpolation=kind)  # type: ignore[return-value]
