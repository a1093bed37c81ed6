"""Commands of the workstation that make something, but train: align and export by the command line."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

from facelite.bundle import open_bundle

RELEASED = Path(__file__).parents[2] / "export/nns2"

# align


def test_align_cuts_crops_and_says_what_it_dropped(facelite, people, photos, tmp_path):
    source = shutil.copytree(people, tmp_path / "source")
    shutil.copy(photos / "none.png", source / "Grace/none.png")
    shutil.copy(photos / "text.jpg", source / "Grace/text.jpg")
    result = facelite("align", source, tmp_path / "out", "--json")
    assert (result.status, result.err) == (0, "")
    assert result.json["kept"] == 6
    assert sum(result.json["dropped"].values()) == 2
    crops = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").glob("*/*") if path.suffix in (".jpg", ".png"))
    assert len(crops) == 6
    assert {crop.parts[0] for crop in crops} == {"Eileen", "Grace"}
    with (tmp_path / "out/align.csv").open() as file:
        assert len(list(csv.reader(file))) >= 8
    (source / "Grace/text.jpg").unlink()
    (source / "Eileen/Eileen_0001.jpg").unlink()
    shutil.copy(source / "Grace/Grace_0001.jpg", source / "Grace/Grace_0002.jpg")
    (source / "Nobody").mkdir()
    again = facelite("align", source, tmp_path / "out")
    assert again.status == 0
    assert again.out.splitlines() == [
        "kept 5",
        "dropped 1: no face",
        "aligned anew 1: the picture has changed",
        "removed 1: the picture is gone",
        "without a picture: Nobody",
    ]


def test_align_says_which_options_the_crops_have(facelite, refused, people, tmp_path):
    assert facelite("align", people, tmp_path / "out").status == 0
    match = "expected crops of --face 112 --margin 16, got crops of --face 128 --margin 16; choose another folder"
    refused(2, "align", people, tmp_path / "out", "--face", "112", match=match)


def test_align_refuses_what_is_no_source(refused, people, tmp_path):
    refused(2, "align", tmp_path / "none", tmp_path / "out", match="expected a folder or a whole, uncompressed tar of pictures")
    (tmp_path / "empty").mkdir()
    refused(2, "align", tmp_path / "empty", tmp_path / "out", match="expected pictures in it")
    refused(2, "align", people / "Grace", tmp_path / "out", match="expected one folder of pictures per person")


# export


def test_export_prints_what_it_made(facelite, tmp_path, detector_file):
    result = facelite("export", RELEASED / "int8.toml", "--out", tmp_path / "new/folder")
    assert (result.status, result.err) == (0, "")
    bundle = open_bundle(tmp_path / "new/folder/nns2-int8.facelite")
    assert bundle.digest in result.out
    assert f"{bundle.manifest.parameters:,} parameters" in result.out
    assert result.out.count("FMR at most") == len(bundle.manifest.thresholds)
    values = facelite("export", RELEASED / "int8.toml", "--out", tmp_path / "new/folder", "--json").json
    assert values["digest"] == bundle.digest
    assert f"cosine min {values['parity']['cosine_min']:.4f}" in result.out
    assert values == json.loads((tmp_path / "new/folder/nns2-int8.report.json").read_text())
