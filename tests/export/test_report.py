"""The page of an export: its numbers are the report's, its pictures are there, and it needs nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from facelite.calibration import Interval, compare_all
from facelite.export.assemble import export_bundle
from facelite.export.parity import Compared, Parity
from facelite.export.report import make_report

RELEASED = Path(__file__).parents[2] / "export/nns2"


@pytest.fixture(scope="module")
def report(tmp_path_factory, detector_file):
    return export_bundle(RELEASED / "int8.toml", tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def manifest(bundle):
    return bundle.manifest


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    comparisons = compare_all(vectors, np.arange(40) // 4)
    return Compared(np.linspace(0.95, 1, 40, dtype=np.float32), comparisons, comparisons, comparisons)


PARITY = Parity(40, 0.95, 0.975, 1e-3, 0.6123, 0.6045, 0.6089, Interval(0.0078, -0.0011, 0.0199))


def text(page):
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", page, flags=re.S))).replace("\N{NO-BREAK SPACE}", " ")


def test_a_released_bundle_has_a_page_of_thresholds_and_layers_without_parity(report, manifest):
    page = make_report(replace(report, parity=None), manifest, None)
    shown = text(page)
    for threshold in report.thresholds:
        assert f"{threshold.distance:.4f}" in shown
    for layer in report.layers:
        assert layer.name in shown
    assert f"{manifest.parameters:,} parameters" in shown
    assert report.digest in shown
    assert manifest.training_data in shown
    assert "Parity" not in shown
    assert f"{report.parity.cosine_min:.4f}" in text(make_report(report, manifest, None))
    assert not re.search(r'(src|href)="(?!data:|#)', page)


def test_parity_is_told_first_with_its_interval_and_drawn(report, manifest, compared):
    page = make_report(replace(report, parity=PARITY), manifest, compared)
    shown = text(page)
    assert "VAL at FMR 0.001 lies 0.78 points below float32's (-0.11 to +1.99)" in shown
    for number in ("0.9500", "0.9750", "61.23 %", "60.45 %", "60.89 %"):
        assert number in shown
    assert [name in page for name in ('id="val"', 'id="cosines"')] == [True, True]
    assert page == make_report(replace(report, parity=PARITY), manifest, compared)


def test_a_file_that_is_not_read_has_a_page_without_layers(report, manifest):
    assert "tensors of types that facelite does not read" in text(make_report(replace(report, layers=()), manifest, None))
