"""The report in a real browser, on a phone and on a desk: nothing overflows, no figure is empty. Skipped where no Chromium is installed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from facelite.evaluation.crop import CentreCrop
from facelite.evaluation.report import write_report

pytestmark = pytest.mark.slow

WIDTHS = [390, 1280]

ALONE = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=5000"),
]
"""No window, and no request of its own."""

NARROWEST = 500
"""Chromium's window is never narrower, so the page stands in a frame of the width that is meant."""

MEASURE = """
onload = () => {
  const page = document.querySelector("iframe").contentWindow, root = page.document.documentElement;
  const box = (element) => { const r = element.getBoundingClientRect(); return [r.left, r.top, r.width, r.height].map(Math.round) };
  document.querySelector("pre").textContent = JSON.stringify({
    inner: page.innerWidth, wide: root.scrollWidth, high: root.scrollHeight,
    figures: [...page.document.querySelectorAll("figure img")].map(box),
    loaded: [...page.document.images].map((image) => image.complete && image.naturalWidth > 0),
    letters: parseFloat(page.getComputedStyle(page.document.querySelector("td small")).fontSize),
    scrolling: [...page.document.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth).length,
  });
}
"""


@pytest.fixture(scope="module")
def chromium():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("expected Chromium to look at the report, found none; install it: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def page(full, tmp_path_factory):
    """A page with everything on it, crops too."""
    judgement, models, material = full
    folder = tmp_path_factory.mktemp("report")
    write_report(judgement, folder, models=models, material=material, faces=CentreCrop())
    return (folder / "report.html").read_text()


@pytest.fixture
def browse(chromium, tmp_path):
    """A function of (page, width) that gives what was measured on it and the picture (high, width, 3)."""

    def run(text, width):
        frame = tmp_path / "frame.html"

        def call(height, *how):
            style = f"border: 0; display: block; width: {width}px; height: {height}px"
            frame.write_text(
                f'<!doctype html><meta charset="utf-8"><body style="margin: 0"><iframe style="{style}" srcdoc="{html.escape(text)}"></iframe>'
                f'<pre style="display: none"></pre><script>{MEASURE}</script>'
            )
            window = f"--window-size={max(width, NARROWEST)},{height}"
            command = [chromium, *ALONE, f"--user-data-dir={tmp_path / 'profile'}", window, *how, frame.as_uri()]
            return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout.decode()

        (told,) = re.findall(r'<pre style="display: none">(.*?)</pre>', call(1000, "--dump-dom"))
        measured = json.loads(html.unescape(told))
        call(measured["high"], f"--screenshot={tmp_path / 'page.png'}")
        return measured, cv2.imread(str(tmp_path / "page.png"))[:, :width]

    return run


def colours(pixels):
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows_and_no_figure_is_empty(browse, page, width):
    measured, picture = browse(page, width)
    assert measured["inner"] == width
    assert measured["wide"] <= width
    assert measured["letters"] >= 12  # pixels of the smallest text
    assert all(measured["loaded"])
    assert len(measured["figures"]) == page.count("<figure") >= 13
    for left, top, wide, high in measured["figures"]:
        assert left >= 0
        assert left + wide <= width
        assert wide >= 350
        assert colours(picture[top : top + high, left : left + wide]) > 50
    if width == 390:
        assert measured["scrolling"] > 0  # some tables are wider: they scroll within themselves


def test_what_overflows_and_what_is_empty_would_be_seen(browse, page):
    blank = "data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 width=%22400%22 height=%22300%22/%3E"
    broken = re.sub(r'(<img alt="ROC[^>]*src=")[^"]*', rf"\g<1>{blank}", page.replace("overflow-x: auto", ""), count=1)
    measured, picture = browse(broken, 390)
    assert measured["wide"] > 390
    left, top, wide, high = measured["figures"][2]
    assert colours(picture[top : top + high, left : left + wide]) == 1
