"""Both distances against plain loops: their range, their order, their memory, and a head's file."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from facelite import distance as module
from facelite.distance import LONGEST, SQUARED_L2, Siamese, features, pack_head, scaled, unpack_head

FORMS = ("absolute", "chi-square")
SIZE = 16


def unit(*shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(*shape, SIZE)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def head(form="absolute", seed=1):
    """Most of its weights are positive, as a trained head's are; some are not."""
    return scaled(np.random.default_rng(seed).normal(0.7, 1, SIZE), form=form)


def loop(a, b, one):
    """The distance of two vectors by a plain loop."""
    if one is SQUARED_L2:
        return sum((x - y) ** 2 for x, y in zip(a.tolist(), b.tolist(), strict=True))
    total = 0.0
    for weight, x, y in zip(one.weights.tolist(), a.tolist(), b.tolist(), strict=True):
        total += weight * (abs(x - y) if one.form == "absolute" else (x - y) ** 2 / (abs(x) + abs(y)))
    return max(total, 0)


DISTANCES = [SQUARED_L2, *(head(form) for form in FORMS)]


@pytest.mark.parametrize("one", DISTANCES, ids=["squared-l2", *FORMS])
def test_pairs_and_tables_are_a_plain_loop(one, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    a, b = unit(5), unit(3, 7, seed=2)
    expected = np.array([[[loop(x, y, one) for y in row] for x in a] for row in b])
    np.testing.assert_allclose(one.table(a, b), expected, atol=1e-5)
    np.testing.assert_allclose(one.table(a, b[0]), expected[0], atol=1e-5)
    np.testing.assert_allclose(one.pairs(a, b[:, :5]), np.array([np.diag(table) for table in expected]), atol=1e-5)
    assert float(one.pairs(a[1], b[2, 3])) == pytest.approx(expected[2, 1, 3], abs=1e-5)
    assert one.table(a, b).dtype == one.pairs(a, a).dtype == np.float32
    assert one.table(a[:0], b[0]).shape == (0, 7) and one.table(a, b[0, :0]).shape == (5, 0)


@pytest.mark.parametrize("count", [1, 2, 100, 3000])
def test_squared_l2_has_the_bits_that_it_had_in_each_place(count):
    """In the gallery, in comparisons, in identification, and between two pictures."""
    a, b, probe = unit(count), unit(3, count, seed=2), unit(1, seed=3)[0]
    np.testing.assert_array_equal(SQUARED_L2.table(probe[None], a)[0], 2 - 2 * a @ probe)
    np.testing.assert_array_equal(SQUARED_L2.table(a, b[0]), 2 - 2 * (a @ b[0].T))
    np.testing.assert_array_equal(SQUARED_L2.table(a[:50], b), 2 - 2 * (a[:50] @ b.transpose(0, 2, 1)))
    assert float(SQUARED_L2.pairs(probe, a[0])) == float(np.sum((probe - a[0]) ** 2))


@pytest.mark.parametrize("form", FORMS)
def test_a_head_s_distances_lie_where_squared_l2_does(form):
    one, vectors = head(form), unit(300)
    found = one.table(vectors, vectors)
    assert found.min() == 0 and (np.diag(found) == 0).all() and found.max() < 4
    np.testing.assert_array_equal(found, found.T)
    farthest = np.abs(one.weights) / np.linalg.norm(one.weights)
    positive = Siamese(np.abs(one.weights), form)
    assert float(positive.pairs(farthest, -farthest)) == pytest.approx(4, abs=1e-5)  # no two are farther apart than these


def test_nothing_is_nearer_than_a_picture_to_itself():
    one = Siamese(np.array([1, -1], np.float32), "absolute")
    a, b = np.array([0, 1], np.float32), np.array([0, -1], np.float32)
    assert one.pairs(a, b) == 0 == one.pairs(a, a)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e6])
def test_weights_are_scaled_and_the_order_of_distances_stays(form, factor):
    weights, a, b = head(form).weights, unit(200), unit(200, seed=2)
    one = scaled(factor * weights, form=form)
    assert np.linalg.norm(one.weights) == pytest.approx(LONGEST, rel=1e-6)
    np.testing.assert_allclose(one.weights, weights, rtol=1e-5)
    np.testing.assert_allclose(one.pairs(a, b), np.maximum(LONGEST * features(a, b, form=form) @ weights / np.linalg.norm(weights), 0), atol=1e-5)


def test_a_table_takes_little_more_memory_than_it_has_distances():
    """Its features would take 16 times as much."""
    vectors, one = unit(1500), head()
    one.table(vectors[:2], vectors)
    tracemalloc.start()
    found = one.table(vectors, vectors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.nbytes <= peak < 1.2 * found.nbytes


@pytest.mark.parametrize(
    ("weights", "form", "match"),
    [
        ([3, 0], "absolute", "of length 2 at most, got .* of 3"),
        ([0, 0], "absolute", "one of them > 0"),
        ([-1, -1], "absolute", "one of them > 0"),
        ([], "absolute", "one of them > 0"),
        ([1, np.nan], "absolute", "of nan"),
        ([np.inf, 1], "absolute", "of inf"),
        ([[1, 1]], "absolute", r"got \(1, 2\)"),
        ([1, 1], "cosine", "expected a form out of absolute, chi-square, got 'cosine'"),
    ],
)
def test_what_is_no_head_is_refused(weights, form, match):
    with pytest.raises(ValueError, match=match):
        Siamese(np.array(weights, np.float32), form)


@pytest.mark.parametrize("weights", [np.zeros(3), -np.ones(3), np.array([np.nan, 1]), np.array([np.inf, 1])])
def test_weights_that_no_scale_makes_a_head_are_refused(weights):
    with pytest.raises(ValueError, match="expected float32 weights"), np.errstate(invalid="ignore"):
        scaled(weights, form="absolute")


@pytest.mark.parametrize("form", FORMS)
def test_a_head_comes_back_from_its_file_bit_by_bit(form):
    again = unpack_head(pack_head(head(form)))
    assert again.form == form
    np.testing.assert_array_equal(again.weights, head(form).weights)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"3", b'{"form": "absolute"}', b'{"form": "absolute", "weights": ["a"]}', b'{"form": "absolute", "weights": [1e999, 1]}',
     b'{"form": "absolute", "weights": [[1], [1, 2]]}', b'{"form": ["absolute"], "weights": [1]}', b'{"form": "absolute", "weights": [1e300]}',
     b'{"form": "absolute", "weights": null}'],
)  # fmt: skip
def test_what_is_no_head_s_file_is_refused(data):
    with pytest.raises(ValueError, match=r"\w"):
        unpack_head(data)


def test_a_head_s_weights_cannot_be_written_to_and_the_caller_s_can():
    weights = np.ones(2, np.float32)
    one = Siamese(weights, "absolute")
    with pytest.raises(ValueError, match="read-only"):
        one.weights[0] = 0
    weights[0] = 0


def test_a_head_s_file_is_json_that_any_port_reads():
    table = json.loads(pack_head(head()))
    assert sorted(table) == ["form", "weights"] and len(table["weights"]) == SIZE
