"""A release takes the place of the one before: its embedder, and what was measured on it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from facelite.distance import SQUARED_L2
from facelite.export.recipe import Recipe
from facelite.export.release import known_clarity, known_thresholds, write_release
from facelite.face import Threshold

RECIPE = Recipe("mine", "int8", "space", "weights.npz", "none", {}, network="nns2", released="mine.tflite", thresholds="thresholds.json")
OTHER = replace(RECIPE, name="other", released="other.tflite")


def measured(distance):
    return (Threshold(distance, fmr=1e-2, fmr_upper=2e-2, fnmr=0.1, genuine_pairs=10, impostor_pairs=100, people_pairs=50),)


def release(recipe, folder, model, distance):
    fused = {"fused 2": measured(distance - 0.1), hashlib.sha256(b"templates").hexdigest(): measured(distance)}
    write_release(recipe, folder, model, measured(distance), fused, SQUARED_L2, clarity=distance)


def test_what_was_measured_on_the_file_before_goes_with_it_and_what_was_on_others_stays(tmp_path):
    release(OTHER, tmp_path, b"other", 1.5)
    release(RECIPE, tmp_path, b"first", 1.2)
    release(RECIPE, tmp_path, b"first", 1.1)  # measured anew
    assert known_thresholds(RECIPE, tmp_path, b"first") == (measured(1.1), {"fused 2": measured(1.0)})
    release(RECIPE, tmp_path, b"second", 1.0)
    assert (tmp_path / "mine.tflite").read_bytes() == b"second"
    assert known_thresholds(RECIPE, tmp_path, b"second") == (measured(1.0), {"fused 2": measured(0.9)})
    assert known_thresholds(OTHER, tmp_path, b"other") == (measured(1.5), {"fused 2": measured(1.4)})
    assert known_clarity(OTHER, tmp_path, b"other") == 1.5
    migrating = replace(RECIPE, templates=("first.tflite",))  # whose galleries are still to be taken
    (tmp_path / "first.tflite").write_bytes(b"second")
    crossed = {hashlib.sha256(b"second").hexdigest(): measured(0.8)}
    write_release(migrating, tmp_path, b"third", measured(0.9), crossed, SQUARED_L2, clarity=1.0)
    assert known_thresholds(migrating, tmp_path, b"third") == (measured(0.9), crossed)
    release(RECIPE, tmp_path, b"second", 1.0)
    table = json.loads((tmp_path / "thresholds.json").read_text())
    assert not any(hashlib.sha256(b"first").hexdigest() in key for key in table) and len(table) == 8
