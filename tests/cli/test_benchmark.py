"""The command benchmark: what it measures of which MODEL, what it prints, draws and refuses. No test knows how fast a machine is."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelite.bundle import DETECTOR, EMBEDDER, save_bundle
from facelite.evaluation.benchmark import rounds
from facelite.evaluation.benchmark.door import STAGES
from facelite.plots.pareto import Point, beaten
from facelite.runtime import device, heat
from facelite.runtime.heat import Heat


@pytest.fixture(autouse=True)
def one_round(monkeypatch):
    monkeypatch.setitem(rounds.run_rounds.__kwdefaults__, "rounds", 1)


@pytest.fixture(scope="module")
def bare(bundle, tmp_path_factory):
    """The released embedder as a bare file."""
    path = tmp_path_factory.mktemp("bare") / "embedder.tflite"
    path.write_bytes(bundle.files[EMBEDDER])
    return path


QUICK = ("--seconds", "0.01", "--threads", "1")


def test_json_has_the_device_and_each_model_s_figures(facelite, bundle_file, bundle, bare):
    words = ["benchmark", bundle_file, "--compare", bare, "--seconds", "0.01", "--threads", "2", "--json"]
    result = facelite(*words)
    assert (result.status, result.err) == (0, "")
    values = result.json
    assert values["device"] == json.loads(json.dumps(rounds.asdict(device.fingerprint())))
    assert (values["heat"], values["pictures"]) == (None, 3)
    ours, theirs = values["models"]
    assert (ours["model"], ours["kind"], ours["sha256"]) == (str(bundle_file), "bundle", bundle.digest)
    assert (ours["fmr"], ours["val"]) == (bundle.manifest.fmr, pytest.approx(1 - bundle.manifest.threshold().fnmr))
    assert (ours["bytes"], theirs["bytes"]) == (bundle_file.stat().st_size, len(bundle.files[EMBEDDER]))
    assert (theirs["kind"], theirs["val"]) == ("tflite", None)
    for model in (ours, theirs):
        assert [run["threads"] for run in model["runs"]] == [1, 2]
        for run in model["runs"]:
            assert tuple(run["stages"]) == STAGES
            assert run["decision"]["count"] >= 10
            assert run["images_per_second"] > 0
    assert all(set(run["ratios"].values()) == {1.0} for run in ours["runs"])


def test_a_reader_gets_two_tables(facelite, bundle_file, photos, bare):
    result = facelite("benchmark", bundle_file, bare, "--pictures", photos / "astronaut.png", *QUICK)
    assert (result.status, result.err) == (0, "")
    line, pictures, felt, *rows, empty, made, first, second = result.out.splitlines()
    assert line == device.fingerprint().line
    assert pictures.startswith(f"1 picture(s) of {photos / 'astronaut.png'}; ms for one picture")
    assert felt.split()[:4] == ["model", "threads", "MB", "VAL"]
    assert [row.split()[:2] for row in (*rows, first, second)] == [[str(bundle_file), "1"], [str(bare), "1"]] * 2
    assert rows[0].endswith("1.00")
    assert made.split()[2:7] == list(STAGES)
    assert len({len(row) for row in (felt, *rows)}) == len({len(row) for row in (made, first, second)}) == 1
    assert empty == ""


def test_without_a_detector_embedding_alone_is_measured(facelite, bare, bundle, tmp_path):
    (model,) = facelite("benchmark", bare, *QUICK, "--preprocess", "bgr:0,255", "--json").json["models"]
    (run,) = model["runs"]
    assert (run["decision"], list(run["stages"]), run["ratios"]["decision"]) == (None, ["embed"], None)
    table = facelite("benchmark", bare, *QUICK).out.splitlines()[3]
    assert table.split()[3] == "-"
    assert table.endswith("-")


def test_a_detector_before_a_bare_embedder_takes_pictures(facelite, bare, bundle, photos, tmp_path):
    (tmp_path / "detector.tflite").write_bytes(bundle.files[DETECTOR])
    words = ["benchmark", bare, "--detector", tmp_path / "detector.tflite", *QUICK]
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("astronaut.png", "none.png", "text.jpg"):
        (folder / name).write_bytes((photos / name).read_bytes())
    values = facelite(*words, "--pictures", folder, "--json").json
    assert values["pictures"] == 1  # in the others there is nothing to time
    assert tuple(values["models"][0]["runs"][0]["stages"]) == STAGES


def test_on_a_raspberry_pi_it_tells_the_heat(facelite, bundle_file, monkeypatch):
    pi = replace(device.fingerprint(), board="Raspberry Pi 5 Model B Rev 1.0")
    readings = [Heat(48.0, ()), Heat(81.5, ("throttled",))]
    for as_json in (["--json"], []):
        monkeypatch.setattr(device, "fingerprint", lambda: pi)
        monkeypatch.setattr(heat, "read_heat", lambda left=list(readings): left.pop(0))
        result = facelite("benchmark", bundle_file, *QUICK, *as_json)
        if as_json:
            assert result.json["heat"] == [{"celsius": 48.0, "flags": []}, {"celsius": 81.5, "flags": ["throttled"]}]
        else:
            assert result.out.splitlines()[1:3] == ["before: 48.0 degrees C, not throttled", "after: 81.5 degrees C, throttled"]


def test_the_plot_is_a_picture_of_the_bundles(facelite, bundle_file, bare, tmp_path):
    assert facelite("benchmark", bundle_file, bare, "--plot", tmp_path / "pareto.png", *QUICK).status == 0
    drawn = cv2.imread(str(tmp_path / "pareto.png"))
    assert np.ptp(drawn) == 255


def test_a_network_is_beaten_by_one_that_is_no_worse_in_anything():
    one = Point("one", 5.0, 0.7, 2.0)
    assert not beaten(one, [one, replace(one, label="the same")])
    for other, expected in (
        (replace(one, cost=4.0), True),
        (replace(one, val=0.8), True),
        (replace(one, megabytes=1.0), True),
        (replace(one, cost=4.0, val=0.6), False),
        (replace(one, val=0.9, megabytes=2.1), False),
        (replace(one, cost=6.0), False),
    ):
        assert beaten(one, [one, other]) == expected


def test_what_cannot_be_measured_is_refused(refused, bundle_file, bare, photos, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    refused(4, "benchmark", tmp_path / "none.facelite", match="expected a bundle, got No such file")
    refused(4, "benchmark", bundle_file, photos / "hopper.jpg", match="hopper.jpg: expected a bundle, got a damaged or foreign file")
    refused(2, "benchmark", match="Missing argument")
    refused(2, "benchmark", bundle_file, "--seconds", "0", match="not in the range")
    refused(2, "benchmark", bundle_file, "--preprocess", "rgb", match="expected --preprocess with a bare .tflite only")
    refused(2, "benchmark", bundle_file, "--detector", bare, match="expected --detector with a bare .tflite only")
    refused(4, "benchmark", bare, "--detector", bare, match="expected BlazeFace short range")
    refused(2, "benchmark", bare, "--preprocess", "grey", match="--preprocess: expected rgb:MEAN,STD")
    refused(2, "benchmark", bare, "--pictures", photos, match="leave out --pictures")
    refused(2, "benchmark", bundle_file, "--pictures", tmp_path / "empty", match="expected pictures, found none")
    refused(2, "benchmark", bundle_file, "--pictures", photos / "none.png", match="a face to decide, got none out of 1 .*none.png: no face")
    refused(2, "benchmark", bundle_file, "--pictures", photos / "text.jpg", match="text.jpg: expected a JPEG")
    refused(2, "benchmark", bundle_file, "--pictures", tmp_path / "none.jpg", match="none.jpg: expected a readable picture, got No such file")
    refused(2, "benchmark", bare, "--plot", tmp_path / "p.png", match="expected --plot with a bundle")
    refused(2, "benchmark", bundle_file, "--plot", tmp_path / "none/p.png", match="expected a file in a folder that exists")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused(4, "benchmark", bundle_file, "--plot", tmp_path / "p.png", match="install it: pip install matplotlib")


def test_bundles_whose_vals_cannot_be_compared_are_not_drawn(refused, bundle_file, bundle, tmp_path):
    coarse = replace(bundle.manifest, thresholds=bundle.manifest.thresholds[:1], template_thresholds={}, fmr=bundle.manifest.thresholds[0].fmr)
    save_bundle(tmp_path / "coarse.facelite", coarse, bundle.files)
    refused(4, "benchmark", bundle_file, tmp_path / "coarse.facelite", "--plot", tmp_path / "p.png", match="expected an FMR out of")
