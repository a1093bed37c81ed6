"""Commands of the workstation but train: align, export and evaluate by the command line."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.bundle import EMBEDDER, open_bundle
from facelite.networks.weights import BEST
from facelite.runtime.verifier import open_verifier
from facelite.training.recipe import default_recipe
from facelite.training.run import RECIPE

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
    again = facelite("align", source, tmp_path / "out")
    assert again.status == 0
    assert again.out.startswith("kept ")


def test_align_refuses_what_is_no_source(refused, tmp_path):
    refused(2, "align", tmp_path / "none", tmp_path / "out", match="expected a folder or a whole, uncompressed tar of pictures")
    (tmp_path / "empty").mkdir()
    refused(2, "align", tmp_path / "empty", tmp_path / "out", match="expected pictures in it")


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
    assert values["parity"] is None
    assert values == json.loads((tmp_path / "new/folder/nns2-int8.report.json").read_text())


# evaluate


def plain_distances(bundle_file, people):
    """(same, distance) of all pairs of pictures by a plain loop through the verifier."""
    verifier = open_verifier(bundle_file)
    looks = [(path.parent.name, verifier.look(path, rule="centre").embedding) for path in sorted(people.glob("*/*.jpg"))]
    return [(a[0] == b[0], a[1].distance(b[1])) for i, a in enumerate(looks) for b in looks[:i]]


def test_all_pairs_are_counted_and_judged(facelite, bundle_file, people):
    result = facelite("evaluate", bundle_file, people, "--all-pairs", "--json")
    assert (result.status, result.err) == (0, "")
    values = result.json
    pairs = plain_distances(bundle_file, people)
    genuine, impostor = ([distance for same, distance in pairs if same is wanted] for wanted in (True, False))
    assert (values["images"], values["people"], values["failed_to_detect"]) == (6, 2, 0)
    assert (values["genuine_pairs"], values["impostor_pairs"], values["people_pairs"]) == (len(genuine), len(impostor), 1)
    assert values["auc"] == pytest.approx(np.mean([[g < i for g in genuine] for i in impostor]))
    assert 0 <= values["eer"] <= 1
    assert values["val_at_fmr"] == {}  # one pair of people supports no rate
    assert values["face"] == "centre"
    assert values["model"] == str(bundle_file)
    assert values["seconds"] >= 0


def test_a_list_of_pairs_is_judged_with_the_keys_of_the_contract(facelite, bundle_file, people):
    result = facelite("evaluate", bundle_file, people, "--pairs", people / "pairs.txt", "--json")
    assert result.status == 0
    values = result.json
    assert {"pairs", "images", "failed_to_detect", "accuracy", "accuracy_std", "eer", "auc", "val_at_fmr"} <= set(values)
    assert (values["pairs"], values["images"], values["failed_to_detect"]) == (8, 6, 0)
    assert 0.5 <= values["accuracy"] <= 1
    text = facelite("evaluate", bundle_file, people, "--pairs", people / "pairs.txt")
    assert f"accuracy: {values['accuracy']:.4f}\n" in text.out


def test_a_failure_to_detect_is_a_wrong_answer(facelite, bundle_file, people, tmp_path):
    copied = shutil.copytree(people, tmp_path / "people")
    cv2.imwrite(str(copied / "Grace/Grace_0001.jpg"), np.full((200, 200, 3), 120, np.uint8))
    whole = facelite("evaluate", bundle_file, people, "--pairs", people / "pairs.txt", "--json").json
    broken = facelite("evaluate", bundle_file, copied, "--pairs", people / "pairs.txt", "--json").json
    assert broken["failed_to_detect"] == 1
    assert broken["accuracy"] <= whole["accuracy"] - 2 / 8  # in three of the eight pairs, at least two of them right before
    assert facelite("evaluate", bundle_file, copied, "--all-pairs", "--json").json["failed_to_detect"] == 1


def test_a_bare_tflite_file_is_judged_as_the_bundle_around_it(facelite, bundle_file, bundle, people, tmp_path):
    (tmp_path / "model.tflite").write_bytes(bundle.files[EMBEDDER])
    bare = facelite("evaluate", tmp_path / "model.tflite", people, "--all-pairs", "--workers", "1", "--json").json
    whole = facelite("evaluate", bundle_file, people, "--all-pairs", "--json").json
    for key in ("eer", "auc", "genuine_pairs", "impostor_pairs"):
        assert bare[key] == whole[key]


def test_which_face_is_judged_can_be_chosen(facelite, bundle_file, people, photos, tmp_path):
    copied = shutil.copytree(people, tmp_path / "people")
    shutil.copy(photos / "two.png", copied / "Eileen/two.png")
    values = {rule: facelite("evaluate", bundle_file, copied, "--all-pairs", "--face", rule, "--json").json for rule in ("only", "centre", "largest")}
    assert {rule: value["failed_to_detect"] for rule, value in values.items()} == {"only": 1, "centre": 0, "largest": 0}
    assert all(value["face"] == rule for rule, value in values.items())


def test_a_run_folder_is_judged_by_its_best_weights(facelite, people, tmp_path, detector_file):
    (tmp_path / RECIPE).write_text(json.dumps(asdict(default_recipe("nns2", "mine"))))
    shutil.copy(RELEASED / "weights.npz", tmp_path / BEST)
    result = facelite("evaluate", tmp_path, people, "--all-pairs", "--json")
    assert (result.status, result.err) == (0, "")
    assert result.json["genuine_pairs"] == 6
    assert result.json["auc"] > 0.5
