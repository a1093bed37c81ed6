"""Curves of a log: drawn where matplotlib is, skipped where it is not."""

from __future__ import annotations

import subprocess
import sys

import cv2
import pytest

from facelite.plots import PANELS, plot_log

COLUMNS = ["step", "epoch", *(column for panel in PANELS.values() for column in panel)]


def write_log(path, rows):
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    return path


def row(step, value):
    return ",".join([str(step), str(step / 10), *[str(value)] * (len(COLUMNS) - 2)])


@pytest.mark.parametrize(
    "rows",
    [[], [row(1, "nan")], [row(1, 0.5)], [row(step, 1 / step) for step in range(1, 100)], [row(1, "nan"), row(2, 0.3)]],
    ids=["empty", "nan", "one", "many", "mixed"],
)
def test_a_log_is_drawn(tmp_path, rows):
    plot_log(write_log(tmp_path / "log.csv", rows), tmp_path / "curves.png")
    image = cv2.imread(str(tmp_path / "curves.png"))
    assert image.shape == (700, 1100, 3) and image.std() > 5


def test_values_change_the_picture(tmp_path):
    for name, value in (("a", 1), ("b", 2)):
        plot_log(write_log(tmp_path / "log.csv", [row(1, 1), row(2, value)]), tmp_path / f"{name}.png")
    assert (cv2.imread(str(tmp_path / "a.png")) != cv2.imread(str(tmp_path / "b.png"))).any()


def test_a_log_without_a_column_is_drawn(tmp_path):
    (tmp_path / "log.csv").write_text("step,epoch,loss\n1,0.1,0.5\n2,0.2,0.4\n")
    plot_log(tmp_path / "log.csv", tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_without_matplotlib_there_is_no_picture_and_no_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    plot_log(write_log(tmp_path / "log.csv", [row(1, 1)]), tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


def test_importing_plots_does_not_import_matplotlib():
    subprocess.run([sys.executable, "-c", "import sys, facelite.plots; sys.exit('matplotlib' in sys.modules)"], check=True)
