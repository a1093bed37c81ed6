"""LFW's protocol and all pairs against plain loops, and what a failure to detect costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelite.calibration import STEPS, compare_all, compare_list, on_grid
from facelite.errors import InputError
from facelite.evaluation.accuracy import accuracy, folds_of_people
from facelite.evaluation.embed import Embedded
from facelite.evaluation.pairs import PairList
from facelite.evaluation.people import People
from facelite.evaluation.verification import by_measure, difference, measured, verify_all, verify_cross, verify_pairs


def protocol(seed=0, folds=5, each=40, found=None, noise=0.9):
    """Pairs of random unit vectors, the genuine ones near each other."""
    rng = np.random.default_rng(seed)
    count = 2 * folds * each
    a = rng.normal(size=(count, 8))
    same = np.tile(np.r_[np.ones(each, bool), np.zeros(each, bool)], folds)
    b = np.where(same[:, None], a + noise * rng.normal(size=a.shape), rng.normal(size=a.shape))
    vectors = np.concatenate([a, b]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = np.ones(2 * count, bool) if found is None else found
    names = [f"{i}.jpg" for i in range(2 * count)]
    pairs = PairList(
        names,
        np.arange(count),
        np.arange(count) + count,
        same,
        np.arange(count) // (2 * each),
        np.r_[np.arange(count), np.arange(count) + count * ~same],
    )
    return pairs, Embedded(names, vectors, found)


def plain_accuracy(distances, same, threshold):
    return sum((d <= threshold) == s for d, s in zip(distances, same, strict=True)) / len(same)


def folders(subjects, embedded_vectors):
    names = [f"{subject}/{i}.jpg" for i, subject in enumerate(subjects)]
    people = People(names, ["one"] * len(names), [str(subject) for subject in subjects], lambda name: b"")
    return people, Embedded(names, embedded_vectors, embedded_vectors.any(1))


def random_people(seed, count, pictures, spread):
    rng = np.random.default_rng(seed)
    subjects = np.repeat(np.arange(count), pictures)
    vectors = rng.normal(size=(count, 8))[subjects] + spread * rng.normal(size=(len(subjects), 8))
    return subjects, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_each_fold_is_tested_at_the_best_threshold_of_the_others():
    pairs, embedded = protocol()
    distances, same, fold = on_grid(measured(pairs, embedded)), pairs.same, pairs.fold
    found = verify_pairs(pairs, embedded).verification
    accuracies = []
    for one in range(5):
        others = fold != one
        cuts = np.unique(distances[others])
        shares = np.array([plain_accuracy(distances[others], same[others], cut) for cut in cuts])
        best = np.flatnonzero(shares == shares.max())
        # between two distances every threshold is as good: the middle one of all best is taken
        grid = np.arange(4 * STEPS + 1)
        every = np.flatnonzero(shares[np.searchsorted(cuts, grid, "right") - 1] == shares.max())
        assert set(cuts[best]) <= set(every)
        accuracies.append(plain_accuracy(distances[~others], same[~others], every[len(every) // 2]))
    assert found.accuracy == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert found.accuracy_std == pytest.approx(np.std(accuracies), abs=1e-12)


def test_rates_of_the_whole_protocol():
    pairs, embedded = protocol()
    result = verify_pairs(pairs, embedded).verification
    assert (result.pairs, result.images, result.failed_to_detect, result.people) == (400, 800, 0, 800)
    assert 0.7 < result.accuracy < 1
    assert set(result.val_at_fmr) == {"1e-1"}  # 200 impostor pairs cannot tell 1e-2: 3 / 200
    distances = measured(pairs, embedded)
    impostor = np.sort(distances[~pairs.same])
    assert result.val_at_fmr["1e-1"] == pytest.approx(np.mean(distances[pairs.same] < impostor[20]), abs=0.006)
    low, high = result.val_interval_at_fmr["1e-1"]
    assert low < result.val_at_fmr["1e-1"] < high
    for name in ("accuracy", "eer", "auc"):
        low, high = getattr(result, f"{name}_interval")
        assert low <= getattr(result, name) <= high


def test_lfw_supports_one_in_a_thousand():
    assert list(verify_pairs(*protocol(folds=10, each=300)).verification.val_at_fmr) == ["1e-1", "1e-2", "1e-3"]


def test_a_picture_without_a_face_is_a_wrong_answer_in_either_kind_of_pair():
    pairs, embedded = protocol()
    whole = verify_pairs(pairs, embedded).verification
    for kind in (True, False):
        found = np.ones(len(embedded.names), bool)
        found[pairs.first[pairs.same == kind][:20]] = False
        result = verify_pairs(pairs, replace(embedded, lengths=found)).verification
        assert result.failed_to_detect == 20
        assert result.accuracy <= whole.accuracy - 20 / 400 * 0.5
    nobody = verify_pairs(pairs, replace(embedded, lengths=np.arange(800) < 399)).verification
    assert nobody.accuracy == pytest.approx(0, abs=0.01)
    assert nobody.accuracy_interval == pytest.approx((0, 3 / 200), abs=0.01)


def test_a_genuine_pair_without_a_face_is_a_rejection_at_every_fmr():
    pairs, embedded = protocol(noise=0.01)
    assert verify_pairs(pairs, embedded).verification.val_at_fmr["1e-1"] == 1
    found = np.ones(800, bool)
    found[pairs.first[pairs.same][:50]] = False
    assert verify_pairs(pairs, replace(embedded, lengths=found)).verification.val_at_fmr["1e-1"] == 0.75


def test_a_fold_without_one_kind_is_no_fold():
    comparisons = compare_list(np.array([0.5, 1.5, 0.6, 0.7]), np.array([True, False, True, True]), np.array([(0, 0), (0, 1), (2, 2), (3, 3)]))
    found = accuracy(comparisons, np.array([0, 1, 1]), np.array([(0, 0)]))
    assert (found.mean, found.std) == (1, 0)
    assert 0.7 <= found.threshold < 1.5


def test_squared_l2_and_cosine_order_unit_vectors_alike_and_l1_does_not():
    pairs, embedded = protocol(folds=10)
    found = by_measure(pairs, embedded)
    assert found["squared_l2"]["accuracy"] == pytest.approx(found["cosine"]["accuracy"], abs=1e-9)
    assert found["squared_l2"]["1e-2"] == found["cosine"]["1e-2"]
    a, b = embedded.vectors[pairs.first], embedded.vectors[pairs.second]
    np.testing.assert_allclose(measured(pairs, embedded, "l1"), np.abs(a - b).sum(1) * 2 / np.sqrt(8), rtol=1e-5)
    np.testing.assert_allclose(measured(pairs, embedded), ((a - b) ** 2).sum(1), atol=1e-5)
    assert measured(pairs, embedded, "l1").max() <= 4
    assert not np.array_equal(np.argsort(measured(pairs, embedded, "l1")), np.argsort(measured(pairs, embedded)))


def test_all_pairs_are_the_plain_loop():
    subjects, vectors = random_people(0, 40, 3, 0.4)
    result = verify_all(*folders(subjects, vectors)).verification
    assert (result.people, result.people_pairs, result.genuine_pairs, result.impostor_pairs) == (40, 780, 120, 780 * 9)
    assert result.pairs == 120 + 780 * 9
    assert set(result.val_at_fmr) == {"1e-1", "1e-2"}  # 3 / 780 is above 1e-3
    first, second = np.triu_indices(120, 1)
    distances, same = 2 - 2 * np.sum(vectors[first] * vectors[second], axis=1), subjects[first] == subjects[second]
    cut = np.sort(distances[~same])[70]  # 70 of 7,020 may match
    assert result.val_at_fmr["1e-2"] == pytest.approx(np.mean(distances[same] < cut), abs=0.01)


def test_all_pairs_are_tested_on_people_who_did_not_teach_the_threshold():
    subjects, vectors = random_people(0, 40, 3, 0.4)
    comparisons = compare_all(vectors, subjects)
    found = accuracy(comparisons, *folds_of_people(comparisons))
    rights = []
    for fold in range(10):
        learn = compare_all(vectors[subjects % 10 != fold], subjects[subjects % 10 != fold])
        test = compare_all(vectors[subjects % 10 == fold], subjects[subjects % 10 == fold])

        def right(part, k):
            return (np.mean(part.genuine <= k) + np.mean(part.sample > k)) / 2

        shares = np.array([right(learn, k) for k in range(0, 3 * STEPS, 8)])
        best = np.flatnonzero(shares == shares.max()) * 8
        rights.append(right(test, best[len(best) // 2]))
    assert found.mean == pytest.approx(np.mean(rights), abs=0.004)  # every eighth threshold was tried here


def test_a_missed_face_costs_genuine_pairs_and_makes_no_impostor_pair():
    subjects, vectors = random_people(0, 40, 3, 0.1)
    vectors[:3] = 0
    result = verify_all(*folders(subjects, vectors)).verification
    assert (result.failed_to_detect, result.genuine_pairs, result.impostor_pairs) == (3, 120, 39 * 38 // 2 * 9)
    assert result.val_at_fmr["1e-1"] == pytest.approx(117 / 120)


@pytest.mark.parametrize("subjects", [[0, 0, 0], [0, 1, 2]])
def test_all_pairs_need_somebody_twice_and_somebody_else(subjects):
    with pytest.raises(InputError, match="expected two people or more"):
        verify_all(*folders(subjects, np.eye(3, dtype=np.float32)))


def test_two_embedders_on_the_same_people_are_compared_pairwise():
    subjects, vectors = random_people(0, 60, 3, 0.5)
    noisy = vectors + 0.2 * np.random.default_rng(1).normal(size=vectors.shape).astype(np.float32)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    one, other = verify_all(*folders(subjects, vectors)), verify_all(*folders(subjects, noisy))
    found = difference(one, other)
    assert set(found) == {"accuracy", "eer", "1e-1", "1e-2"}
    assert found["1e-1"].value == pytest.approx(other.verification.val_at_fmr["1e-1"] - one.verification.val_at_fmr["1e-1"])
    assert found["1e-1"].high < 0 < found["eer"].low


def test_many_pairs_of_two_people_support_no_rate():
    """1,600 comparisons of the same two people are one independent one."""
    pairs, embedded = protocol(folds=2, each=400)
    two = replace(pairs, person=np.r_[np.zeros(len(pairs.same), int), np.where(pairs.same, 0, 1)])
    result = verify_pairs(two, embedded).verification
    assert (result.impostor_pairs, result.people_pairs, result.val_at_fmr) == (800, 1, {})


def test_too_few_people_for_folds_is_said():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert verify_all(*folders(np.repeat(np.arange(15), 2), vectors)).verification.accuracy_folds == 1
    subjects, vectors = random_people(0, 40, 3, 0.5)
    assert verify_all(*folders(subjects, vectors)).verification.accuracy_folds == 10


def test_perfect_embeddings_of_few_people_are_not_said_to_be_perfect():
    result = verify_all(*folders(np.repeat(np.arange(40), 2), np.repeat(np.eye(40, dtype=np.float32), 2, axis=0))).verification
    assert (result.val_at_fmr["1e-2"], result.val_interval_at_fmr["1e-2"]) == (1, (1 - 3 / 40, 1))
    assert (result.eer, result.eer_interval) == (0, (0, 3 / 40))
    assert result.accuracy_interval == (1 - 3 / 40, 1)


def test_templates_of_one_embedder_and_probes_of_another_are_compared_as_by_a_plain_loop(few_draws):
    subjects, vectors = random_people(seed=3, count=20, pictures=3, spread=0.6)
    rng = np.random.default_rng(4)
    other = vectors + 0.15 * rng.normal(size=vectors.shape)
    other = (other / np.linalg.norm(other, axis=1, keepdims=True)).astype(np.float32)
    people, templates = folders(subjects, vectors)
    _, probes = folders(subjects, other)
    found = verify_cross(people, ("A", verify_all(people, templates)), ("B", verify_all(people, probes)))
    assert (found.templates, found.probes) == ("A", "B")
    distances = ((vectors[:, None] - other[None]) ** 2).sum(-1)
    same = subjects[:, None] == subjects[None]
    genuine, impostor = distances[same & ~np.eye(len(subjects), dtype=bool)], np.sort(distances[~same])
    for fmr, val in found.val_at_fmr.items():
        beyond = impostor[int(float(fmr) * len(impostor) + 1e-9)]
        assert val == pytest.approx(np.mean(genuine < beyond - 1e-4), abs=2 / len(genuine))
    alone = [verify_all(people, one).verification.val_at_fmr for one in (templates, probes)]
    weaker = min(alone, key=lambda vals: sum(vals.values()))
    assert {fmr: one.value for fmr, one in found.gain.items()} == pytest.approx({fmr: val - weaker[fmr] for fmr, val in found.val_at_fmr.items()})
