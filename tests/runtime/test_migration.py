"""Maps between two spaces: known maps are found again, the rule that fits wins, nobody is mapped by what was learned from her."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.runtime.migration import RULES, SpaceMap, deal, learn, map_unseen, pack_map, rotation, unpack_map


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def faces(people=40, each=5, size=12, seed=0):
    """Embeddings (n, size) of people, and who each is."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, size))
    person = np.repeat(np.arange(people), each)
    return unit(centres[person] + 0.4 * rng.normal(size=(len(person), size))), person


def rotated(vectors, seed=1):
    size = vectors.shape[1]
    return vectors @ np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0].astype(np.float32)


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_a_known_rotation_and_shift(rule):
    old, _ = faces(size=8)
    new = 0.7 * rotated(old) + np.linspace(-1, 1, 8)
    matrix, shift = RULES[rule](old.astype(float), new.astype(float))
    error = np.abs(old @ matrix + shift - new).max()
    assert error < {"rotation": 1e-6, "ridge 0.001": 2e-3, "ridge 0.01": 2e-2, "ridge 0.1": 2e-1}[rule]


def test_ridge_is_the_closed_form_of_an_augmented_least_squares():
    """Least squares with rows of sqrt(penalty) below, by another routine."""
    old, _ = faces(size=6)
    new = np.random.default_rng(3).normal(size=(len(old), 4))
    centred = old.astype(float) - old.mean(0, dtype=float)
    penalty = 0.1 * (centred**2).sum() / 6
    expected = np.linalg.lstsq(
        np.concatenate([centred, np.sqrt(penalty) * np.eye(6)]), np.concatenate([new - new.mean(0), np.zeros((6, 4))]), rcond=None
    )[0]
    assert RULES["ridge 0.1"](old.astype(float), new)[0] == pytest.approx(expected, abs=1e-10)


def test_the_rotation_is_the_best_of_many():
    old, _ = faces(size=3)
    new = faces(size=3, seed=4)[0].astype(float)
    matrix, shift = RULES["rotation"](old.astype(float), new)
    scale = np.cbrt(abs(np.linalg.det(matrix)))
    assert matrix @ matrix.T == pytest.approx(scale**2 * np.eye(3), abs=1e-9)
    least = np.sum((old @ matrix + shift - new) ** 2)
    rng = np.random.default_rng(0)
    for _ in range(500):
        other = scale * np.linalg.qr(matrix + 0.3 * rng.normal(size=(3, 3)))[0]
        assert np.sum((old @ other + new.mean(0) - old.mean(0) @ other - new) ** 2) >= least - 1e-9


def test_the_rule_that_fits_is_chosen(monkeypatch):
    old, person = faces(each=6, size=16)
    assert learn(old, unit(old * np.linspace(0.05, 3, 16)), person)[1].startswith("ridge")
    worse = {"mirrored": lambda x, y: (-rotation(x, y)[0], rotation(x, y)[1]), "constant": lambda x, y: (np.zeros((16, 16)), y.mean(0))}
    monkeypatch.setattr("facelite.runtime.migration.RULES", {**worse, "rotation": rotation})
    assert learn(old, rotated(old), person)[1] == "rotation"


@pytest.mark.parametrize("sizes", [(12, 8), (8, 12)])
def test_spaces_may_have_different_sizes_and_a_centre(sizes):
    old, person = faces(size=sizes[0])
    new = unit(old @ np.random.default_rng(2).normal(size=sizes) / 3 + 1)
    matrix, rule = learn(old, new, person)
    mapped = SpaceMap(matrix, rule, "old", "a" * 64, "new")(old)
    assert mapped.shape == new.shape
    assert np.linalg.norm(mapped, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.mean(np.sum((mapped - new) ** 2, axis=1)) < 0.02


def test_pictures_without_a_face_teach_nothing_and_stay_zero():
    old, person = faces()
    new = rotated(old)
    whole = learn(old[5:], new[5:], person[5:])[0]
    old[:3], new[3:5] = 0, 0
    assert learn(old, new, person)[0] == pytest.approx(whole, abs=1e-5)
    assert not map_unseen(old, new, person, deal(person, 4))[:3].any()


def test_nobody_is_mapped_by_what_was_learned_from_her():
    old, person = faces()
    new = rotated(old)
    fold = deal(person, 4)
    before = map_unseen(old, new, person, fold)
    assert np.sum((before - new) ** 2, axis=1).max() < 0.05
    own = fold == fold[0]
    new[own] = np.roll(new[own], 7, axis=0)  # she and her part of the people teach nonsense
    after = map_unseen(old, new, person, fold)
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_people_are_dealt_whole_and_evenly():
    person = np.random.default_rng(0).integers(0, 23, 300)
    fold = deal(person, 5)
    assert all(len(set(fold[person == one])) == 1 for one in range(23))
    counts = np.bincount([fold[person == one][0] for one in range(23)])
    assert sorted(counts) == [4, 4, 5, 5, 5]


def test_a_map_survives_its_file_and_its_artefact_tells_maps_apart():
    one = SpaceMap(np.arange(20).reshape(5, 4), "rotation", "old", "a" * 64, "new")
    again = unpack_map(pack_map(one))
    assert np.array_equal(again.matrix, one.matrix)
    assert not again.matrix.flags.writeable
    assert (again.rule, again.old_space, again.old_artefact, again.space) == ("rotation", "old", "a" * 64, "new")
    others = [SpaceMap(one.matrix + 1e-6, "rotation", "old", "a" * 64, "new"), SpaceMap(one.matrix, "rotation", "old", "b" * 64, "new")]
    assert len({one.artefact, *(other.artefact for other in others)}) == 3
    assert again.artefact == one.artefact


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"matrix": "AAAA", "columns": 1}', b'{"matrix": "!", "columns": 1}', b'{"matrix": 1, "columns": 0}']
)
def test_what_is_no_map_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        unpack_map(data)


def test_a_map_of_other_than_finite_numbers_is_refused():
    with pytest.raises(ValueError, match="finite matrix"):
        SpaceMap(np.full((3, 2), np.nan), "rotation", "old", "a" * 64, "new")
