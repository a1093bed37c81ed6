"""Judging held-out people: VAL at the smallest FMR that their number supports, and all of it against the calibration's own counts."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.calibration import calibrate, compare_all, rates
from facelite.errors import UnsupportedRate
from facelite.training.dataset import FaceSet
from facelite.training.geometry import CropGeometry
from facelite.training.judging import judge, judged_fmr, unit_rows


def held_out(people, pictures=2, numberings=1):
    """A FaceSet of so many people in each of so many numberings, and embeddings of them."""
    subjects = np.repeat(np.arange(people * numberings), pictures)
    rng = np.random.default_rng(people)
    vectors = rng.normal(size=(people * numberings, 8))[subjects] + 0.5 * rng.normal(size=(len(subjects), 8))
    n = len(subjects)
    faces = FaceSet(
        np.zeros((n, 1, 1, 3), np.uint8), [""] * n, subjects, subjects // people, np.zeros((n, 1), np.float32), np.zeros(n, bool), CropGeometry()
    )
    return faces, unit_rows(vectors.astype(np.float32))


@pytest.mark.parametrize(
    ("people", "fmr"),
    [
        (2, None),
        (8, None),  # 28 pairs of people
        (9, 0.1),
        (24, 0.1),  # 36, 276
        (25, 0.01),
        (77, 0.01),  # 300, 2926
        (78, 0.001),
        (200, 0.001),  # 3003, 19900
    ],
)
def test_the_fmr_is_the_smallest_that_the_pairs_of_people_support(people, fmr):
    assert judged_fmr(held_out(people)[0]) == fmr


@pytest.mark.parametrize("people", [9, 26, 78])
def test_the_calibration_supports_what_is_judged_and_nothing_smaller(people):
    faces, vectors = held_out(people)
    pairs = compare_all(vectors, faces.subjects, numbering=faces.numbering)
    assert calibrate(pairs, [judged_fmr(faces)])
    if people < 78:
        with pytest.raises(UnsupportedRate):
            calibrate(pairs, [judged_fmr(faces) / 10])


def test_many_people_are_judged_at_one_in_a_thousand():
    faces, vectors = held_out(80)
    measured = rates(compare_all(vectors, faces.subjects, numbering=faces.numbering))
    found = judge(vectors, faces)
    assert found["val"] == measured.val_at(1e-3) and found["fmr"] == 1e-3
    assert found["val_1e-2"] == measured.val_at(1e-2) >= found["val"]
    assert np.isnan(found["val_1e-4"])  # 3160 pairs of people do not support it
    assert found["eer"] == measured.eer


def test_few_people_are_judged_at_the_eer():
    faces, vectors = held_out(4, pictures=5)
    found = judge(vectors, faces)
    assert found["val"] == 1 - found["eer"] and np.isnan([found["fmr"], found["val_1e-2"], found["val_1e-4"]]).all()
