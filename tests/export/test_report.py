"""The page of an export: its numbers are the report's, its pictures are there, and it needs nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from facelite.calibration import Interval, compare_all
from facelite.evaluation.report.rates import BINS, densities
from facelite.export.assemble import export_bundle
from facelite.export.layers import Layer
from facelite.export.parity import Compared, Parity, Shift, Shifts
from facelite.export.report import make_report
from facelite.plots import draw_overlap

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
    shifts = Shifts(np.zeros(0, np.float32), np.zeros((0, 1), np.int64))
    return Compared(np.linspace(0.95, 1, 40, dtype=np.float32), comparisons, comparisons, comparisons, shifts, shifts)


GENUINE, IMPOSTOR = Shift(60, 0.0123, 0.0456, Interval(0.0011, -0.0002, 0.0024)), Shift(720, 0.0234, 0.0567, Interval(-0.0033, -0.0044, -0.0022))
PARITY = Parity(40, 0.95, 0.975, 1e-3, 0.6123, 0.6045, 0.6089, Interval(0.0078, -0.0011, 0.0199), GENUINE, IMPOSTOR)


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
    assert "genuine  60  0.0123  0.0456  +0.0011 (-0.0002 to +0.0024)" in shown
    assert "impostor  720  0.0234  0.0567  -0.0033 (-0.0044 to -0.0022)" in shown
    assert [f'id="{name}"' in page for name in ("val", "cosines", "distances")] == [True] * 3
    assert page == make_report(replace(report, parity=PARITY), manifest, compared)


def test_a_parity_of_an_earlier_release_says_nothing_of_distances(report, manifest):
    assert "distance of a pair" not in text(make_report(replace(report, parity=replace(PARITY, genuine=None, impostor=None)), manifest, None))


def test_the_plate_of_distances_shows_both_and_the_threshold(report, manifest, compared, monkeypatch):
    """Of the artefact, beside it of float32, and the threshold at the FMR of the parity."""
    drawn = []
    monkeypatch.setattr("facelite.export.report.draw_overlap", lambda *given, **named: drawn.append((given, named)) or draw_overlap(*given, **named))
    other = compare_all(np.eye(40, dtype=np.float32), np.arange(40) // 4)
    make_report(replace(report, parity=PARITY), manifest, replace(compared, float32=other))
    ((edges, *ours), named), (name, *theirs) = drawn[0], drawn[0][1]["beside"]
    assert (name, edges[0], edges[1]) == ("float32, both", 0, 4 / BINS)
    assert named["mark"][0] == next(one.distance for one in report.thresholds if one.fmr == PARITY.fmr)
    for drawn_of, comparisons in ((ours, compared.artefact), (theirs, other)):
        for density, expected in zip(drawn_of, densities(comparisons), strict=True):
            np.testing.assert_array_equal(density, expected[: len(edges) - 1])
            assert not expected[len(edges) - 1 :].any()


def test_the_worst_layer_is_named_with_its_error(report, manifest):
    layers = tuple(Layer(name, "CONV_2D", (1,), 0, 0, 0, error, ()) for name, error in (("a", 0.02), ("b", 0.123), ("c", None), ("d", 0.05)))
    shown = text(make_report(replace(report, layers=layers), manifest, None))
    assert "The worst layer is b, off by 12.30 %; what comes out, d, by 5.00 %." in shown
    assert "worst layer" not in text(make_report(replace(report, layers=layers[2:3]), manifest, None))


@pytest.mark.parametrize(("pictures", "end"), [(400, " "), (57, "; no more were found ")])
def test_pictures_that_the_conversion_learnt_from_are_counted(report, manifest, pictures, end):
    shown = text(make_report(replace(report, pictures=pictures, pictures_wanted=400), manifest, None))
    assert f"Pictures for its ranges and training  {pictures} of the 400 that the recipe asks for{end}" in shown
    assert "Pictures for" not in text(make_report(report, manifest, None))


def test_a_file_that_is_not_read_has_a_page_without_layers(report, manifest):
    assert "tensors of types that facelite does not read" in text(make_report(replace(report, layers=()), manifest, None))
