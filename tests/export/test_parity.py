"""Parity on embeddings that are made up: rates by a plain loop, and a budget that holds and one that breaks."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from facelite.calibration import Interval
from facelite.distance import SQUARED_L2
from facelite.errors import BudgetBroken
from facelite.evaluation.embed import Embedded
from facelite.evaluation.people import People
from facelite.export.parity import Parity, check_parity, compare, parity_of

PEOPLE, EACH, FMR = 12, 4, 0.1


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def held_out():
    persons = [f"p{i // EACH}" for i in range(PEOPLE * EACH)]
    return People([f"{i}" for i in range(len(persons))], ["one"] * len(persons), persons, lambda name: b"")


def embedded(vectors):
    return Embedded([f"{i}" for i in range(len(vectors))], vectors, np.linalg.norm(vectors, axis=1) > 0.5)


@pytest.fixture(scope="module")
def floats():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(PEOPLE, 8)).repeat(EACH, axis=0)
    return unit(centres + 0.7 * rng.normal(size=centres.shape))


@pytest.fixture(scope="module")
def coarse(floats):
    """What quantisation leaves of ``floats``; no face in one picture, for either."""
    return unit(np.round(floats * 3) / 3 + 1e-3)


def val(templates, probes, persons):
    """VAL at FMR by a plain loop: the share of genuine distances within the largest threshold that so few impostors meet."""
    genuine, impostor = [], []
    for i in range(len(persons)):
        for j in range(len(persons)):
            if i != j:
                (genuine if persons[i] == persons[j] else impostor).append(float(((templates[i] - probes[j]) ** 2).sum()))
    beyond = np.sort(impostor)[int(FMR * len(impostor) + 1e-9)]
    return np.mean(np.array(genuine) < beyond - 1e-4)


def test_rates_are_those_of_a_plain_loop(held_out, floats, coarse, few_draws):
    parity = parity_of(compare(held_out, embedded(floats), embedded(coarse), distance=SQUARED_L2), fmr=FMR)
    persons = held_out.person
    assert parity.crops == PEOPLE * EACH
    assert parity.cosine_min == pytest.approx((floats * coarse).sum(1).min())
    assert parity.cosine_median == pytest.approx(np.median((floats * coarse).sum(1)))
    assert parity.val_float32 == pytest.approx(val(floats, floats, persons))
    assert parity.val_artefact == pytest.approx(val(coarse, coarse, persons))
    assert parity.val_mixed == pytest.approx(val(floats, coarse, persons))
    assert parity.val_loss.value == pytest.approx(parity.val_float32 - parity.val_artefact)
    assert parity.val_loss.low <= parity.val_loss.value <= parity.val_loss.high


def shift(one):
    """(median, 95th percentile) of the size of ``one``, its mean."""
    return np.median(np.abs(one)), np.quantile(np.abs(one), 0.95), np.mean(one)


def test_distances_move_as_in_a_plain_loop(held_out, floats, coarse, few_draws):
    some, other = floats.copy(), coarse.copy()
    some[3] = other[3] = 0  # no face: in no pair
    parity = parity_of(compare(held_out, embedded(some), embedded(other), distance=SQUARED_L2), fmr=FMR)
    moved = {True: [], False: []}
    for i in range(PEOPLE * EACH):
        for j in range(i):
            if 3 not in (i, j):
                before, after = (((vectors[i] - vectors[j]) ** 2).sum() for vectors in (floats, coarse))
                moved[held_out.person[i] == held_out.person[j]].append(after - before)
    for found, expected in ((parity.genuine, moved[True]), (parity.impostor, moved[False])):
        assert found.pairs == len(expected)
        assert (found.median, found.high, found.mean.value) == pytest.approx(shift(expected), abs=1e-4)  # genuine ones lie on the grid
        assert found.mean.low < found.mean.value < found.mean.high


def test_a_shift_s_interval_is_of_people_not_of_pairs(held_out, floats, few_draws):
    """One person's pictures alone have moved: among the draws are many without her."""
    other = floats.copy()
    other[:EACH] = unit(floats[:EACH] + np.float32(0.3) * np.roll(floats[:EACH], 1, axis=1))
    mean = parity_of(compare(held_out, embedded(floats), embedded(other), distance=SQUARED_L2), fmr=FMR).genuine.mean
    assert 0 in (pytest.approx(mean.low, abs=1e-6), pytest.approx(mean.high, abs=1e-6))
    assert abs(mean.value) > 1e-3


def test_people_of_another_numbering_are_no_impostors(floats, coarse, few_draws):
    persons = [f"p{i // EACH}" for i in range(PEOPLE * EACH)]
    halves = ["one"] * (PEOPLE * EACH // 2) + ["two"] * (PEOPLE * EACH // 2)
    held_out = People(persons, halves, persons, lambda name: b"")
    parity = parity_of(compare(held_out, embedded(floats), embedded(coarse), distance=SQUARED_L2), fmr=FMR)
    assert parity.impostor.pairs == 2 * (PEOPLE // 2) * (PEOPLE // 2 - 1) // 2 * EACH**2


def test_impostor_pairs_of_many_pictures_are_of_some_drawn_by_lot(held_out, floats, coarse, few_draws, monkeypatch):
    monkeypatch.setattr("facelite.export.parity.PICTURES", 12)
    parity = parity_of(compare(held_out, embedded(floats), embedded(coarse), distance=SQUARED_L2), fmr=FMR)
    assert 40 < parity.impostor.pairs < 12 * 11 / 2
    assert parity.genuine.pairs == PEOPLE * EACH * (EACH - 1) / 2


def test_people_of_one_picture_each_have_no_genuine_shift(floats, coarse, few_draws):
    persons = [f"p{i}" for i in range(PEOPLE)]
    held_out = People(persons, ["one"] * PEOPLE, persons, lambda name: b"")
    vectors = (embedded(one[::EACH]) for one in (floats, coarse))
    parity = parity_of(compare(held_out, *vectors, distance=SQUARED_L2), fmr=FMR)
    assert (parity.genuine, parity.impostor.pairs) == (None, PEOPLE * (PEOPLE - 1) / 2)


def test_the_same_embeddings_lose_nothing(held_out, floats, few_draws):
    parity = parity_of(compare(held_out, embedded(floats), embedded(floats), distance=SQUARED_L2), fmr=FMR)
    assert parity.cosine_min == pytest.approx(1)
    assert parity.val_loss == Interval(0, 0, 0)
    assert all((one.median, one.high, one.mean) == (0, 0, Interval(0, 0, 0)) for one in (parity.genuine, parity.impostor))


def test_a_picture_without_a_face_has_no_cosine(held_out, floats, few_draws):
    some = floats.copy()
    some[3] = 0
    assert parity_of(compare(held_out, embedded(some), embedded(some), distance=SQUARED_L2), fmr=FMR).crops == PEOPLE * EACH - 1


GOOD = Parity(9, 0.98, 0.99, 1e-3, 0.60, 0.59, 0.595, Interval(0.01, 0.0, 0.02))
BUDGET = SimpleNamespace(min_cosine=0.97, max_loss=0.01, max_loss_high=0.03)


def test_a_budget_that_is_kept_to_the_last_point_holds():
    check_parity(GOOD, BUDGET, "the conversion")


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        ({"cosine_min": 0.9699}, r"expected a cosine of 0\.97 or more between float32 and the conversion, got 0\.9699; give more varied"),
        ({"cosine_min": float("nan")}, "got nan"),
        (
            {"val_loss": Interval(0.0101, 0.0, 0.02)},
            r"expected the conversion to lose at most 1 points of VAL at FMR 0\.001 against float32, got 1\.01 \(0\.00 to 2\.00\); .*max_loss",
        ),
        ({"val_loss": Interval(float("nan"), 0.0, 0.02)}, "got nan"),
    ],
)
def test_a_broken_budget_says_by_how_much(broken, match):
    with pytest.raises(BudgetBroken, match=match):
        check_parity(replace(GOOD, **broken), BUDGET, "the conversion")
