"""facelite clean on photographs of two people with errors put on purpose: the table, the sheets, the summary, and what it refuses."""

from __future__ import annotations

import csv
import shutil
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.atomic import write_atomically
from facelite.cli import clean as module
from facelite.cli.results import GAP, SIDE
from facelite.evaluation.findings import Kind
from facelite.image import decode_image, read_image
from facelite.preprocess import align
from facelite.runtime.look import find_face


def copies(pixels):
    """A photograph as it is, mirrored, shifted, smaller, and darker."""
    return {
        "plain.png": pixels,
        "mirrored.png": pixels[:, ::-1],
        "shifted.png": pixels[12:, 12:],
        "small.png": cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
        "dark.png": (0.6 * pixels).astype(np.uint8),
    }


@pytest.fixture(scope="session")
def sets(tmp_path_factory, astronaut, hopper, photos):
    """In ours/, of Grace's five pictures one is Eileen's, two show nobody, and Eileen has one twice; theirs/ knows Grace by another name."""
    folder = tmp_path_factory.mktemp("sets")
    eileen, grace = copies(astronaut), copies(hopper)
    people = {
        "ours/Eileen": eileen,
        "ours/Grace": {**grace, "wrong.png": eileen["mirrored.png"]},
        "theirs/Hopper": {name: grace[name] for name in ("plain.png", "mirrored.png", "dark.png")},
    }
    for place, pictures in people.items():
        (folder / place).mkdir(parents=True)
        for name, pixels in pictures.items():
            assert cv2.imwrite(str(folder / place / name), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    shutil.copy(folder / "ours/Eileen/plain.png", folder / "ours/Eileen/again.png")
    shutil.copy(photos / "none.png", folder / "ours/Grace/none.png")
    shutil.copy(photos / "text.jpg", folder / "ours/Grace/text.jpg")
    (folder / "theirs/Nobody").mkdir()
    shutil.copy(photos / "empty.png", folder / "theirs/Nobody/empty.png")
    return folder


@pytest.fixture
def clean(facelite, bundle_file, tmp_path):
    """clean(...) runs the command with the released bundle and OUT in tmp_path."""

    def run(*words, out="out"):
        return facelite("clean", bundle_file, *words, "--out", tmp_path / out)

    return run


def table(out):
    with (out / "clean.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["kind", "name", "other", "distance", "advice"]
    return rows


def written(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def of_kind(rows, kind):
    return [row[1:] for row in rows if row[0] == kind]


# what it finds


def test_errors_put_on_purpose_are_found(clean, sets, bundle, tmp_path):
    before = written(sets)
    ours, theirs = sets / "ours", sets / "theirs"
    result = clean(ours, theirs, "--least", "2", "--json")
    assert (result.status, result.err) == (0, "")
    values, rows = result.json, table(tmp_path / "out")
    assert {key: values[key] for key in ("sets", "pictures", "people", "failed_to_detect", "sheets", "out")} == {
        "sets": [str(ours), str(theirs)], "pictures": 18, "people": 4, "failed_to_detect": 3, "sheets": 0, "out": str(tmp_path / "out"),
    }  # fmt: skip
    assert list(values["findings"]) == [kind.value for kind in Kind]
    assert values["findings"] == {kind.value: len(of_kind(rows, kind.value)) for kind in Kind}
    assert values["limits"]["outlier"] == {"distance": bundle.manifest.threshold(1e-2).distance, "source": "the model's threshold at FMR 0.01"}
    assert list(values["outlier_by_others"]) == ["1", "2", "4", "8", "16"]
    assert [row[0] for row in of_kind(rows, "no face")] == [f"{ours}/Grace/none.png"]
    assert [row[0] for row in of_kind(rows, "unreadable")] == [f"{ours}/Grace/text.jpg", f"{theirs}/Nobody/empty.png"]
    assert of_kind(rows, "unreadable")[0][3].startswith("expected a JPEG, PNG, WebP or BMP picture")
    assert [row[:2] for row in of_kind(rows, "outlier")] == [[f"{ours}/Grace/wrong.png", f"{ours}/Eileen"]]
    twice = [f"{ours}/Eileen/plain.png", f"{ours}/Eileen/again.png", "0.0000", "take one of the two out"]
    assert twice in of_kind(rows, "duplicate")
    assert [f"{ours}/Grace/wrong.png", f"{ours}/Eileen/mirrored.png", "0.0000"] in [row[:3] for row in of_kind(rows, "duplicate between people")]
    assert {tuple(row[:3]) for row in of_kind(rows, "duplicate between sets")} >= {
        (f"{theirs}/Hopper/{name}", f"{ours}/Grace/{name}", "0.0000") for name in ("plain.png", "mirrored.png", "dark.png")
    }
    assert [row[:2] for row in of_kind(rows, "same person between sets")] == [[f"{ours}/Grace", f"{theirs}/Hopper"]]
    assert of_kind(rows, "same person") == []
    assert [f"{theirs}/Nobody", "", "", "0 of 1 left, expected 2: add pictures, or leave the person out"] in of_kind(rows, "too few pictures")
    assert set(written(tmp_path / "out")) == {"clean.csv"}
    assert written(sets) == before


def test_a_reader_gets_the_same_numbers(clean, sets, tmp_path):
    values = clean(sets / "ours", "--json").json
    text = clean(sets / "ours")
    assert (text.status, text.err) == (0, "")
    lines = text.out.splitlines()
    assert lines[0] == "14 pictures of 2 people, 2 without a face"
    for (kind, count), line in zip(values["findings"].items(), lines[1:], strict=False):
        assert line.startswith(f"{kind}: {count}")
    assert f"outlier: 1, such as {sets}/ours/Grace/wrong.png and {sets}/ours/Eileen" in lines
    distance = values["limits"]["outlier"]["distance"]
    assert any(line.startswith(f"an outlier lies farther than {distance:.2f} (the model's threshold at FMR 0.01)") for line in lines)
    assert lines[-1] == f"wrote {tmp_path}/out/clean.csv"


def test_a_tar_gives_the_same_findings(clean, sets, tmp_path):
    with tarfile.open(tmp_path / "ours.tar", "w") as tar:
        tar.add(sets / "ours", arcname=".")
    assert clean(sets / "ours", out="a").status == clean(tmp_path / "ours.tar", out="b").status == 0
    rows = [table(tmp_path / out) for out in ("a", "b")]
    for folder, part in ((sets / "ours", rows[0]), (tmp_path / "ours.tar", rows[1])):
        for row in part:
            row[:] = [cell.replace(str(folder), "") for cell in row]
    assert rows[0] == rows[1]


def test_aligned_crops_are_taken_as_they_are(facelite, clean, sets, tmp_path):
    assert facelite("align", sets / "ours", tmp_path / "crops").status == 0
    values = clean(tmp_path / "crops", "--json").json
    assert (values["pictures"], values["failed_to_detect"]) == (12, 0)
    rows = table(tmp_path / "out")
    assert [row[:2] for row in of_kind(rows, "outlier")] == [[f"{tmp_path}/crops/Grace/wrong.jpg", f"{tmp_path}/crops/Eileen"]]
    assert [f"{tmp_path}/crops/Eileen/plain.jpg", f"{tmp_path}/crops/Eileen/again.jpg", "0.0000"] in [row[:3] for row in of_kind(rows, "duplicate")]


def test_with_one_numbering_a_name_is_one_person(clean, sets, tmp_path):
    renamed = shutil.copytree(sets / "theirs/Hopper", tmp_path / "theirs/Grace").parent
    values = clean(sets / "ours", renamed, "--one-numbering", "--json").json
    assert (values["people"], values["findings"]["same person between sets"]) == (2, 0)
    assert values["findings"]["duplicate between sets"] >= 3
    assert clean(sets / "ours", renamed, "--json").json["findings"]["same person between sets"] == 1


def test_least_counts_what_is_left(clean, sets, tmp_path):
    # a person of whom the copies are left out has one picture at least, and never more than there are
    for least, people in ((1, []), (100, ["Eileen", "Grace"])):
        assert clean(sets / "ours", "--least", least).status == 0
        rows = of_kind(table(tmp_path / "out"), "too few pictures")
        assert sorted(row[0].rpartition("/")[2] for row in rows) == people


# sheets


def test_sheets_show_the_doubtful_picture_beside_another(clean, sets, detector, tmp_path):
    assert clean(sets / "ours", "--sheet", "--json").json["sheets"] == 3
    assert set(written(tmp_path / "out")) == {"clean.csv", "outlier-01.jpg", "duplicate-01.jpg", "duplicate-between-people-01.jpg"}
    sheet = decode_image((tmp_path / "out/outlier-01.jpg").read_bytes())
    assert sheet.shape == (SIDE, 2 * SIDE, 3)

    def face(path):
        image = read_image(path)
        return align(image, find_face(image, detector, rule="centre").face.landmarks, SIDE, SIDE).pixels

    assert np.abs(sheet[:, :SIDE].astype(int) - face(sets / "ours/Grace/wrong.png")).mean() < 6  # JPEG, its colours of half the size
    right = [
        np.abs(sheet[:, SIDE:].astype(int) - face(sets / f"ours/Grace/{name}.png")).mean()
        for name in ("plain", "mirrored", "shifted", "small", "dark")
    ]
    assert min(right) < 6
    number = len(of_kind(table(tmp_path / "out"), "duplicate"))
    wide = decode_image((tmp_path / "out/duplicate-01.jpg").read_bytes())
    columns, rows = ((size + GAP) // (side + GAP) for size, side in zip(wide.shape[1::-1], (2 * SIDE, SIDE), strict=True))
    assert columns * rows >= number > columns * (rows - 1)
    clean(sets / "ours")
    assert set(written(tmp_path / "out")) == {"clean.csv"}  # the sheets of the earlier run are no longer true


def test_many_findings_fill_several_sheets(clean, sets, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "MOST_PAIRS", 1)
    monkeypatch.setattr(module, "MOST_SHEETS", 2)
    values = clean(sets / "ours", sets / "theirs", "--sheet", "--json").json
    sheets = sorted(path.name for path in (tmp_path / "out").glob("duplicate-between-sets-*.jpg"))
    assert values["findings"]["duplicate between sets"] >= 3
    assert sheets == ["duplicate-between-sets-01.jpg", "duplicate-between-sets-02.jpg"]
    assert all(decode_image((tmp_path / "out" / name).read_bytes()).shape == (SIDE, 2 * SIDE, 3) for name in sheets)


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_what_stops_it_leaves_whole_files_of_one_run(clean, sets, monkeypatch, tmp_path, whole):
    """A run over an earlier one ends after ``whole`` files; what is left is new, or is the earlier table."""
    assert clean(sets / "ours", "--least", "7", "--sheet").status == 0
    earlier = written(tmp_path / "out")
    assert clean(sets / "ours", "--sheet", out="whole").status == 0
    expected = written(tmp_path / "whole")
    done = []

    def stop(path, data):
        if len(done) == whole:
            raise KeyboardInterrupt
        done.append(path.name)
        write_atomically(path, data)

    monkeypatch.setattr(module, "write_atomically", stop)
    assert clean(sets / "ours", "--sheet").status == 130
    left = written(tmp_path / "out")
    assert len(left) == max(1, whole)
    assert left.items() <= (expected if whole else earlier).items()


# what it refuses


def test_nothing_is_written_among_the_pictures_nor_over_what_is_somebody_s(refused, sets, bundle_file, tmp_path):
    copied = shutil.copytree(sets / "ours", tmp_path / "ours")
    for out in (copied, copied / "Grace", copied / "new"):
        refused(2, "clean", bundle_file, sets / "theirs", copied, "--out", out, match="expected a folder apart from the pictures, got one in .*ours")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/outlier-01.jpg").write_text("somebody's")
    refused(
        2, "clean", bundle_file, copied, "--out", tmp_path / "out", match=r"expected a new folder, or one .* with its clean.csv, got outlier-01.jpg"
    )


def test_what_is_no_model_or_no_set(refused, sets, photos, bundle_file, tmp_path):
    ours, out = sets / "ours", ("--out", tmp_path / "out")
    refused(4, "clean", tmp_path / "none", ours, *out, match="expected a bundle, got No such file or directory; make one")
    refused(2, "clean", bundle_file, tmp_path / "none", *out, match="expected a folder or a whole, uncompressed tar of pictures")
    refused(2, "clean", bundle_file, photos, *out, match="expected one folder per person .* got the picture .* in none; sort it in")
    refused(2, "clean", bundle_file, ours, ours, *out, match="ours: expected each set once, got it twice; leave it out")
    refused(2, "clean", bundle_file, *out, match=r"Missing argument 'DIR...'.* \(see: .*clean --help\)")
    (tmp_path / "blank/Nobody").mkdir(parents=True)
    shutil.copy(photos / "none.png", tmp_path / "blank/Nobody")
    refused(2, "clean", bundle_file, tmp_path / "blank", *out, match="expected a face in one of 1 pictures at least, found none; check the pictures")


def test_a_model_without_thresholds_needs_many_people(refused, bundle, sets, tmp_path):
    (tmp_path / "bare.tflite").write_bytes(bundle.files["embedder.tflite"])
    refused(
        2,
        "clean",
        tmp_path / "bare.tflite",
        sets / "ours",
        "--out",
        tmp_path / "out",
        match="expected a model with thresholds, or 300 pairs of people to measure one on, got neither; name a bundle, or give pictures",
    )


def test_a_recipe_of_a_release_is_a_model_too(facelite, sets, tmp_path):
    released = Path(__file__).parents[2] / "export/nns2/int8.toml"
    values = facelite("clean", released, sets / "ours", "--out", tmp_path / "out", "--json").json
    assert values["limits"]["outlier"]["source"] == "the model's threshold at FMR 0.001"
