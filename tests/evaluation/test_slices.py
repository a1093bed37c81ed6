"""Rates inside groups against a plain loop over pairs, what few people can show, and where the groups come from."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from facelite.calibration import compare_all, intervals
from facelite.errors import InputError
from facelite.evaluation.slices import find_groups, read_groups, slice_rates, utkface_groups

pytestmark = pytest.mark.usefixtures("few_draws")


def signs(seed, people, pictures, flip):
    """Unit vectors (n, 16) of entries +-1/4, each person's own with some signs turned: distances are whole quarters, so exact and often equal."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(people), pictures)
    vectors = rng.choice([-1, 1], (people, 16))[subjects] * rng.choice([1, -1], (len(subjects), 16), p=[1 - flip, flip])
    return (vectors / 4).astype(np.float32), subjects


def plain_rates(vectors, subjects, distance):
    """(FMR, FNMR, impostor pairs, genuine pairs) by the definition."""
    matches, pairs = {True: 0, False: 0}, {True: 0, False: 0}
    for i in range(len(vectors)):
        for j in range(i):
            same = bool(subjects[i] == subjects[j])
            matches[same] += sum((a - b) ** 2 for a, b in zip(vectors[i].tolist(), vectors[j].tolist(), strict=True)) <= distance
            pairs[same] += 1
    fmr, val = (matches[same] / pairs[same] if pairs[same] else None for same in (False, True))
    return fmr, None if val is None else 1 - val, pairs[False], pairs[True]


@pytest.mark.parametrize("distance", [0, 0.75, 1.25, 1.25 + 1 / 16384, 1.6, 4])
def test_rates_are_those_of_a_plain_loop_over_the_pairs_inside_a_group(distance):
    vectors, subjects = signs(0, 14, 3, 0.1)
    sex, hats = np.array(["f", "m"])[subjects % 2], np.array(["no", "yes", ""])[np.random.default_rng(1).integers(3, size=len(subjects))]
    (found,) = slice_rates(vectors, subjects, {"sex": sex, "hat": hats}, thresholds=[(distance, 0.1)])
    assert [(one.attribute, one.value) for one in found.slices] == [("all", ""), ("sex", "f"), ("sex", "m"), ("hat", "no"), ("hat", "yes")]
    for one in found.slices:
        of = {"all": np.full(len(subjects), ""), "sex": sex, "hat": hats}[one.attribute] == one.value
        fmr, fnmr, impostor, genuine = plain_rates(vectors[of], subjects[of], distance)
        people = len(set(subjects[of].tolist()))
        assert (one.fmr, one.impostor_pairs, one.genuine_pairs) == (fmr, impostor, genuine)
        assert one.fnmr == pytest.approx(fnmr, abs=1e-15)
        assert (one.images, one.people, one.people_pairs) == (of.sum(), people, people * (people - 1) // 2)


def test_a_threshold_lies_on_the_grid_or_counts_as_the_grid_point_below():
    """Distances that are no grid points are rounded up: a threshold must never match what lies beyond it."""
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    subjects = np.arange(40)
    for distance in (1.0, 1.5, 2.0):
        rounded = np.floor(distance * 16384) / 16384
        fmr = plain_rates(vectors, subjects, rounded)[0]
        assert slice_rates(vectors, subjects, {}, thresholds=[(distance + 0.9 / 16384, 0.1)])[0].slices[0].fmr == fmr


def test_several_thresholds_are_each_as_alone():
    vectors, subjects = signs(3, 12, 2, 0.1)
    groups = {"sex": np.array(["f", "m"])[subjects % 2]}
    thresholds = [(1.0, 0.1), (1.5, 0.01)]
    alone = [slice_rates(vectors, subjects, groups, thresholds=[one])[0] for one in thresholds]
    assert [asdict(one) for one in slice_rates(vectors, subjects, groups, thresholds=thresholds)] == [asdict(one) for one in alone]


def test_intervals_are_drawn_by_people():
    vectors, subjects = signs(4, 20, 3, 0.1)
    one = slice_rates(vectors, subjects, {}, thresholds=[(1.25, 0.1)])[0].slices[0]
    fmr, fnmr = intervals(compare_all(vectors, subjects), lambda drawn: [drawn.fmr_at(1.25), drawn.fnmr_at(1.25)], trials=[190, 20])
    assert one.fmr_interval == (fmr.low, fmr.high)
    assert one.fnmr_interval == (fnmr.low, fnmr.high)
    assert fmr.low < one.fmr < fmr.high


@pytest.mark.parametrize(("people", "fmr", "enough"), [(8, 0.1, False), (9, 0.1, True), (9, 3 / 36, True), (9, 0.0833, False), (1, 0.9, False)])
def test_so_few_people_can_show_an_fmr_or_not(people, fmr, enough):
    vectors, subjects = signs(5, people, 2, 0.1)
    assert slice_rates(vectors, subjects, {}, thresholds=[(1.0, fmr)])[0].slices[0].enough_for_fmr is enough


@pytest.mark.parametrize(("people", "high"), [(16, 3 / 120), (3, 1.0), (2, 1.0)])
def test_no_match_at_all_leaves_the_rule_of_three_and_no_more_than_a_rate(people, high):
    vectors = np.repeat(np.eye(people, 16, dtype=np.float32), 2, axis=0)
    one = slice_rates(vectors, np.repeat(np.arange(people), 2), {}, thresholds=[(1.0, 0.1)])[0].slices[0]
    assert (one.fmr, one.fmr_interval, one.fnmr) == (0, (0, high), 0)


def test_what_was_not_compared_has_no_rate():
    vectors, subjects = signs(6, 10, 2, 0.1)
    groups = {"who": np.where(subjects == 3, "one", ""), "which": np.where(np.arange(20) % 2, "first", "")}
    everybody, alone, once = slice_rates(vectors, subjects, groups, thresholds=[(1.0, 0.1)])[0].slices
    assert (alone.people, alone.fmr, alone.fmr_interval, alone.enough_for_fmr) == (1, None, None, False)
    assert alone.fnmr is not None
    assert (once.people, once.fnmr, once.fnmr_interval) == (10, None, None)
    assert (once.enough_for_fmr, once.enough_for_fnmr) == (True, False)
    assert everybody.fmr is not None
    nobody = slice_rates(vectors[:0], subjects[:0], {"who": np.array([], str)}, thresholds=[(1.0, 0.1)])[0]
    assert [(one.attribute, one.images, one.fmr, one.fnmr) for one in nobody.slices] == [("all", 0, None, None)]


def test_the_worst_group_is_told_by_how_many_times_it_is_worse_than_all():
    """Six people of one sex are the same face, nobody of the other; three more people who are the same face are too few to count."""
    apart = np.eye(16, dtype=np.float32)[:9]  # 36 pairs of people at distance 2
    alike = np.concatenate([np.eye(16, dtype=np.float32)[9:12], np.tile(np.eye(16, dtype=np.float32)[15], (6, 1))])  # 15 of 36 pairs at distance 0
    few = np.tile(np.eye(16, dtype=np.float32)[14], (3, 1))
    vectors = np.concatenate([apart, alike, few])
    groups = {"sex": np.repeat(["m", "f", "x"], [9, 9, 3]), "unknown": np.full(21, "")}
    found = slice_rates(vectors, np.arange(21), groups, thresholds=[(1.0, 0.1)])[0]
    assert found.worst_fmr == {"sex": pytest.approx((15 / 36) / ((15 + 3) / 210))}
    assert found.worst_fnmr == {}  # nobody has two pictures
    none = slice_rates(apart, np.arange(9), {"sex": np.full(9, "m")}, thresholds=[(1.0, 0.1)])[0]
    assert (none.worst_fmr, none.worst_fnmr) == ({}, {})  # no times nothing


def test_the_worst_fnmr_is_told_too():
    vectors, subjects = signs(7, 80, 3, 0.1)
    sex = np.where(subjects < 20, "x", np.array(["f", "m"])[subjects % 2])  # x: too few to be told apart, whatever their rate
    vectors[subjects < 20] = np.eye(vectors.shape[1], dtype=np.float32)[:60] if vectors.shape[1] >= 60 else vectors[subjects < 20][::-1]
    found = slice_rates(vectors, subjects, {"sex": sex}, thresholds=[(1.0, 0.1)])[0]
    overall, *own = found.slices
    assert [one.enough_for_fnmr for one in own] == [True, True, False]
    assert found.worst_fnmr == {"sex": max(one.fnmr for one in own[:2]) / overall.fnmr}
    assert own[2].fnmr > own[0].fnmr


def test_a_picture_without_a_face_is_rejected_and_matches_nobody():
    vectors, subjects = signs(8, 40, 2, 0.0)
    vectors[::16] = 0  # the first pictures of five people
    (one,) = slice_rates(vectors, subjects, {}, thresholds=[(1e-3, 0.1)])[0].slices
    assert (one.images, one.failed_to_detect, one.genuine_pairs, one.genuine_people) == (80, 5, 40, 40)
    assert one.fnmr == 5 / 40
    assert one.impostor_pairs == 75 * 74 // 2 - 35


# UTKFace


@pytest.mark.parametrize(("name", "expected"), [
    ("26_0_1_20170116174525125.jpg.chip.jpg", ("male", "Black", "18-29", "male, Black")),
    ("part1/1_1_0_20170109190700.jpg", ("female", "White", "00-17", "female, White")),
    ("utkface23_17_1_2_20170109/1.jpg", ("female", "Asian", "00-17", "female, Asian")),
    ("9" * 5000 + "_1_2_20170109.jpg", ("", "", "", "")),
    ("x/utkface23_18_0_3_20170109.png", ("male", "Indian", "18-29", "male, Indian")),
    ("116_1_4_20170120134921760.jpg", ("female", "other", "60+", "female, other")),
    ("44_0_0_1.jpg", ("male", "White", "30-44", "male, White")),
    ("45_0_0_1.jpg", ("male", "White", "45-59", "male, White")),
    ("0_0_0_1.jpg", ("male", "White", "00-17", "male, White")),
    ("1_2_3.jpg", ("", "", "", "")),
    ("61_1_20170109142408075.jpg.chip.jpg", ("", "", "", "")),  # UTKFace itself has three such names
    ("26_2_1_20170116.jpg", ("", "", "", "")),
    ("26_0_5_20170116.jpg", ("", "", "", "")),
    ("-1_0_1_20170116.jpg", ("", "", "", "")),
    ("26__1_20170116.jpg", ("", "", "", "")),
    ("Ada_Lovelace/Ada_Lovelace_0001.jpg", ("", "", "", "")),
    ("", ("", "", "", "")),
])  # fmt: skip
def test_what_a_utkface_name_says(name, expected):
    groups = utkface_groups([name])
    assert tuple(groups[attribute][0] for attribute in ("sex", "group", "age", "sex and group")) == expected
    assert list(groups) == ["sex", "group", "age", "sex and group"]


def test_age_bands_sort_as_the_ages_do():
    bands = utkface_groups([f"{age}_0_0_1.jpg" for age in range(117)])["age"].tolist()
    assert bands == sorted(bands)
    assert sorted(set(bands)) == ["00-17", "18-29", "30-44", "45-59", "60+"]


# tables

NAMES = ["ada/1.jpg", "ada/2.jpg", "bob/1.jpg", "c/d/1.jpg", "1.jpg"]


@pytest.fixture
def table(tmp_path):
    """A function that writes a CSV and gives its path."""

    def write(content):
        (tmp_path / "groups.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / "groups.csv"

    return write


@pytest.mark.parametrize(("content", "expected"), [
    ("name,sex\nada,f\nbob,m\nc/d,m\n", {"sex": ["f", "f", "m", "m", ""]}),
    ("picture,hat,glasses\nada/2.jpg,yes,no\n1.jpg,,yes\n", {"hat": ["", "yes", "", "", ""], "glasses": ["", "no", "", "", "yes"]}),
    ("name,hat\nada,no\nada/2.jpg,yes\n", {"hat": ["no", "yes", "", "", ""]}),  # a picture's own row goes before its folder's
    ("\ufeffname,sex\r\n ada , f \r\n\r\n,\r\nzoe,m\r\n", {"sex": ["f", "f", "", "", ""]}),
    ('name,"age, or so"\n"ada","30, 31"\n', {"age, or so": ["30, 31", "30, 31", "", "", ""]}),
])  # fmt: skip
def test_groups_are_read_by_picture_and_by_folder(table, content, expected):
    groups = read_groups(table(content), NAMES)
    assert {attribute: values.tolist() for attribute, values in groups.items()} == expected
    assert {attribute: values.tolist() for attribute, values in find_groups(str(table(content)), NAMES).items()} == expected


def test_the_word_utkface_means_the_names():
    assert find_groups("utkface", ["26_0_1_1.jpg"])["sex"].tolist() == ["male"]


@pytest.mark.parametrize(("content", "match"), [
    ("", "groups.csv: expected a first line 'name,age,...', each attribute once, got ''; correct it"),
    ("name\nada\n", "expected a first line .* got 'name'"),
    ("name,\nada,f\n", "expected a first line .* got 'name,'"),
    ("name,sex,sex\nada,f,m\n", "each attribute once, got 'name,sex,sex'"),
    ("name,sex\nada,f\n\nbob\n", r"groups.csv:4: expected 2 values, of another name than before, got 'bob'; correct it"),
    ("name,sex\nada,f\nbob,m,30\n", "groups.csv:3: expected 2 values"),
    ("name,sex\nada,f\nada,m\n", "groups.csv:3: expected 2 values, of another name than before, got 'ada,m'"),
    ("name,sex\nzoe,f\n", "expected groups of pictures such as 'ada/1.jpg' or of their folders, got other names; correct it"),
    ("name,sex\n", "got other names"),
    (b"name,sex\nada,\xff\n", "expected a CSV of groups, got .*utf-8.*; check --groups"),
])  # fmt: skip
def test_a_table_that_will_not_do_is_refused(table, content, match):
    with pytest.raises(InputError, match=match):
        read_groups(table(content), NAMES)


def test_a_missing_table_is_refused(tmp_path):
    for path, match in ((tmp_path / "none.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=f"{path}: expected a CSV of groups, got {match}.*; check --groups"):
            read_groups(path, NAMES)
