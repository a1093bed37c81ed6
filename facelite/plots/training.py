"""The curves of a training run. Where matplotlib is not installed, there is no picture and no error."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from facelite.atomic import write_atomically

PANELS = {
    "loss": {"loss": "loss"},
    "held-out people": {"val": "VAL", "eer": "EER"},
    "triplets": {"active": "share that violates the margin"},
    "distance (squared L2)": {
        "positive_median": "d(a,p) median",
        "positive_90": "d(a,p) 90 %",
        "negative_median": "d(a,n) median",
        "negative_10": "d(a,n) 10 %",
    },
}
"""Title -> column of the log -> what it is called."""


def plot_log(log_csv: str | Path, png: str | Path, /) -> None:
    """Draw a run's ``log.csv`` against epochs into ``png``. A column that the log does not have is left out."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    with Path(log_csv).open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (title, columns) in zip(figure.subplots(2, 2, sharex=True).flat, PANELS.items(), strict=True):
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        for column, label in columns.items():
            epochs = [float(row["epoch"]) for row in rows if row.get(column)]
            axes.plot(epochs, [float(row[column]) for row in rows if row.get(column)], label=label, marker="." if len(epochs) < 40 else None)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_atomically(Path(png), buffer.getvalue())
