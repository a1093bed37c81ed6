"""Comparisons in blocks against the plain double loop, whatever is missing, and a sample that stands for all."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.calibration import BEYOND, STEPS, compare_all, compare_list, comparisons, count_people_pairs, on_grid
from facelite.distance import scaled


def plain_loop(vectors, subjects, numbering, probes=None, distance=lambda a, b: 2 - 2 * np.float32(a @ b)):
    """Sorted genuine and impostor grid points, and the pairs of people behind the impostors."""
    genuine, impostor, couples = [], [], set()
    for i in range(len(vectors)):
        for j in range(len(vectors)) if probes is not None else range(i + 1, len(vectors)):
            if i == j:
                continue
            other = vectors[j] if probes is None else probes[j]
            compared = vectors[i].any() and other.any()
            point = int(np.ceil(np.float32(distance(vectors[i], other)) * STEPS)) if compared else BEYOND
            if (numbering[i], subjects[i]) == (numbering[j], subjects[j]):
                genuine.append(point)
            elif numbering[i] == numbering[j] and compared:
                impostor.append(point)
                couples.add(frozenset([(numbering[i], subjects[i]), (numbering[j], subjects[j])]))
    return sorted(genuine), sorted(impostor), couples


def spelled_out(counts):
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize("rows", [5, 16, 512])
@pytest.mark.parametrize("crossed", [False, True])
def test_blocks_are_the_plain_double_loop(monkeypatch, people, rows, crossed):
    monkeypatch.setattr(comparisons, "ROWS", rows)
    vectors, subjects = people(0, 9, 4, 0.5)
    shuffled = np.random.default_rng(1).permutation(len(vectors))
    vectors, subjects = vectors[shuffled], subjects[shuffled] // 2  # one name in two numberings is two people
    numbering = shuffled // 4 % 2
    vectors[:2] = 0  # no face found
    probes = np.roll(vectors, 1, axis=1) if crossed else None
    found = compare_all(vectors, subjects, numbering=numbering, probes=probes)
    genuine, impostor, couples = plain_loop(vectors, subjects, numbering, probes)
    np.testing.assert_allclose(np.sort(found.genuine), genuine, atol=1)  # the product of a block may round another way
    np.testing.assert_allclose(spelled_out(found.impostor), impostor, atol=1)
    assert (found.people, found.people_pairs) == (9, 5 * 4 // 2 + 4 * 3 // 2)
    assert len(couples) == found.people_pairs
    np.testing.assert_array_equal(np.sort(found.sample), spelled_out(found.impostor))  # so few that the sample is all of them
    assert (found.sample_weight == 1).all()


@pytest.mark.parametrize("rows", [5, 512])
@pytest.mark.parametrize("fused", [2, 3])
def test_fused_templates_are_compared_as_by_a_plain_loop(monkeypatch, people, rows, fused):
    monkeypatch.setattr(comparisons, "ROWS", rows)
    vectors, subjects = people(0, 9, 5, 0.5)
    kept = np.random.default_rng(1).permutation(len(vectors))[:-8]  # so that some people have few pictures
    vectors, subjects, numbering = vectors[kept], subjects[kept], (subjects[kept] > 5).astype(int)
    vectors[[3, 7, 20]] = 0  # no face found
    found = compare_all(vectors, subjects, numbering=numbering, fused=fused)
    genuine, impostor, enrolled, seen = [], [], set(), {int(one) for one in subjects[vectors.any(1)]}
    for person in set(subjects.tolist()):
        own = [i for i in range(len(vectors)) if subjects[i] == person and vectors[i].any()]
        for first in range(len(own)) if len(own) > fused else ():
            enrolled.add(person)
            pictures = [own[(first + step) % len(own)] for step in range(fused)]
            template = np.mean(vectors[pictures], axis=0)
            template /= np.linalg.norm(template)
            for i in range(len(vectors)):
                point = int(np.ceil(np.float32(2 - 2 * np.float32(template @ vectors[i])) * STEPS)) if vectors[i].any() else BEYOND
                if subjects[i] == person and i not in pictures:
                    genuine.append(point)
                elif subjects[i] != person and (subjects[i] > 5) == (person > 5) and vectors[i].any():
                    impostor.append(point)
    assert 0 < len(enrolled) < 9
    np.testing.assert_allclose(np.sort(found.genuine), np.sort(genuine), atol=1)
    np.testing.assert_allclose(spelled_out(found.impostor), np.sort(impostor), atol=1)
    pairs = {frozenset((a, b)) for a in enrolled for b in seen if a != b and (a > 5) == (b > 5)}
    assert found.people_pairs == len(pairs)


def test_fused_templates_are_of_one_embedder(people):
    vectors, subjects = people(0, 4, 4, 0.5)
    with pytest.raises(ValueError, match="of one embedder"):
        compare_all(vectors, subjects, probes=vectors, fused=2)


@pytest.mark.parametrize("form", ["absolute", "chi-square"])
@pytest.mark.parametrize("crossed", [False, True])
def test_comparisons_by_a_head_are_the_plain_double_loop(monkeypatch, people, form, crossed):
    monkeypatch.setattr(comparisons, "ROWS", 5)
    vectors, subjects = people(0, 9, 4, 0.5)
    vectors[:2] = 0  # no face found
    probes, head = np.roll(vectors, 1, axis=1) if crossed else None, scaled(np.arange(1.0, vectors.shape[1] + 1), form=form)
    found = compare_all(vectors, subjects, probes=probes, distance=head)
    genuine, impostor, _ = plain_loop(vectors, subjects, np.zeros(len(subjects)), probes, head.pairs)
    np.testing.assert_allclose(np.sort(found.genuine), genuine, atol=1)
    np.testing.assert_allclose(spelled_out(found.impostor), impostor, atol=1)
    squared = compare_all(vectors, subjects, probes=probes)
    assert np.abs(np.sort(squared.genuine) - np.sort(found.genuine)).mean() > 100


def test_each_comparison_knows_its_people(people):
    vectors, subjects = people(0, 6, 3, 0.4)
    found = compare_all(vectors, subjects)
    for person in range(6):
        own = np.flatnonzero(subjects == person)
        expected = [on_grid(2 - 2 * vectors[i] @ vectors[j]) for i in own for j in own if i < j]
        np.testing.assert_allclose(np.sort(found.genuine[found.genuine_person == person]), np.sort(expected), atol=1)
        for other in range(person):
            both = (np.sort(found.sample_people, axis=1) == (other, person)).all(1)
            expected = on_grid(2 - 2 * vectors[subjects == person] @ vectors[subjects == other].T)
            np.testing.assert_allclose(np.sort(found.sample[both]), np.sort(expected.ravel()), atol=1)


def test_the_sample_holds_the_nearest_and_stands_for_all(monkeypatch, people):
    monkeypatch.setattr(comparisons, "NEAREST", 2000)
    vectors, subjects = people(0, 150, 2, 0.4)
    found = compare_all(vectors, subjects)
    everything = spelled_out(found.impostor)
    assert len(everything) == 150 * 149 // 2 * 4
    nearest = found.sample[found.sample_weight == 1]
    np.testing.assert_array_equal(np.sort(nearest), everything[: len(nearest)])
    assert 1900 < len(nearest) <= 2000  # whole grid points
    assert found.sample_weight.sum() == pytest.approx(len(everything), rel=0.05)
    half = np.median(everything)
    assert found.sample_weight[found.sample <= half].sum() == pytest.approx(len(everything) / 2, rel=0.08)


def test_a_list_is_kept_as_it_came():
    distances = np.array([0.5, np.nan, 1.5, np.nan, 4.0], np.float32)
    same = np.array([True, True, False, False, False])
    found = compare_list(distances, same, np.array([(0, 0), (1, 1), (0, 1), (1, 0), (1, 2)]))
    assert found.genuine.tolist() == [STEPS // 2, BEYOND]
    assert found.genuine_person.tolist() == [0, 1]
    assert spelled_out(found.impostor).tolist() == [3 * STEPS // 2, 4 * STEPS, BEYOND]
    assert (found.people, found.people_pairs, found.impostor_pairs) == (3, 2, 3)


def test_the_grid_rounds_up():
    assert on_grid(np.array([0, 1 / STEPS, 1.01 / STEPS, 4, 5, -1, np.nan], np.float32)).tolist() == [0, 1, 2, 4 * STEPS, 4 * STEPS, 0, BEYOND]


def test_pairs_of_people_are_counted_inside_a_numbering():
    assert count_people_pairs(np.array([7, 7, 7, 2, 2])) == 3 + 1
    assert count_people_pairs(np.zeros(0, np.int64)) == 0


def test_people_without_any_face_are_in_no_pair_of_people(people):
    """90 people, faces of ten: 45 pairs of people were compared, and no more support a rate."""
    vectors, subjects = people(0, 90, 2, 0.3)
    vectors[subjects >= 10] = 0
    found = compare_all(vectors, subjects)
    assert (found.people, found.people_pairs, found.impostor_pairs) == (90, 45, 45 * 4)
    assert (len(found.genuine), found.genuine_people) == (90, 90)  # rejected by their own, who are people all the same
    half = compare_all(vectors, subjects, probes=np.where((np.arange(180) % 2 == 0)[:, None], vectors, 0))
    assert half.people_pairs == 45
