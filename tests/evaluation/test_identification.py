"""Open-set identification against plain loops, the device's own gallery, and what independent distances must give."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from facelite.calibration import STEPS
from facelite.calibration.bootstrap import DRAWS
from facelite.errors import InputError
from facelite.evaluation import identification
from facelite.evaluation.identification import CURVE, FPIRS, identify_people
from facelite.evaluation.roles import draw_roles
from facelite.face import Embedding
from facelite.gallery import Gallery

DRAW = {"stranger_share": 0.5, "galleries": 3, "seed": 4}


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def noisy(people, pictures, spread, d=16, seed=0):
    """``pictures`` of each of ``people``, about a random direction of their own."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.normal(size=(people, d)), pictures, axis=0)
    return unit(vectors + spread * rng.normal(size=vectors.shape)), np.repeat(np.arange(people), pictures)


def signs(people=70, pictures=4, d=256):
    """Vectors of +-1/16, whose distances are exact multiples of 1/64: any order of summation gives the same, and there are many ties."""
    rng = np.random.default_rng(1)
    centres = np.repeat(rng.choice([-1, 1], size=(people, d)), pictures, axis=0)
    flipped = np.where(rng.random(centres.shape) < 0.33, -centres, centres)
    return (flipped / 16).astype(np.float32), np.repeat(np.arange(people), pictures)


def plain_searches(vectors, people, number, size):
    """All searches by loops: strangers' (stranger, nearest distance), mates' (mate, distance, rank), and all of the strangers' comparisons."""

    templates = [vectors[pictures[:number]].mean(0) for pictures in people.enrolled]
    templates = [template / np.linalg.norm(template) for template in templates]

    def distance(probe, mate):
        return np.ceil(np.float32(np.sum((vectors[probe] - templates[mate]) ** 2)) * STEPS) / STEPS

    strangers, mates = [], []
    for row in people.order if size < len(people.enrolled) else people.order[:1]:
        gallery = row[:size].tolist()
        for probe, stranger in zip(people.unmated, people.stranger, strict=True):
            strangers.append((stranger, min(distance(probe, mate) for mate in gallery)))
        for probe, mate in zip(people.mated, people.mate, strict=True):
            if mate in gallery:
                own = distance(probe, mate)
                mates.append((mate, own, 1 + sum(distance(probe, other) <= own for other in gallery if other != mate)))
    return strangers, mates, [distance(probe, mate) for probe in people.unmated for mate in range(len(templates))]


def plain_threshold(strangers, fpir):
    """The largest threshold, 1 / STEPS below one of the distances, that lets at most the share ``fpir`` of the ``strangers`` in."""
    nearest = np.array([distance for _, distance in strangers])
    return max(t for t in np.unique(nearest) - 1 / STEPS if np.mean(nearest <= t) <= fpir)


def plain_fnir(mates, threshold):
    return sum(distance > threshold or rank > 1 for _, distance, rank in mates) / len(mates)


@pytest.mark.parametrize("number", [1, 3])
def test_every_rate_is_the_plain_loops(number):
    vectors, subjects = signs()
    result = identify_people(vectors, subjects, enrolments=[1, 3], sizes=[10], **DRAW)
    people = draw_roles(subjects, enrolments=[1, 3], **DRAW)
    assert (result.mates, result.strangers, result.stranger_searches, result.dropped) == (35, 35, 35 * 4, {})
    for rates, size in zip(result.enrolments[str(number)], [10, 35], strict=True):
        strangers, mates, impostor = plain_searches(vectors, people, number, size)
        assert (rates.people, rates.templates, rates.mated_searches) == (size, size * number, len(mates))

        def fpir(threshold, strangers=strangers):
            return sum(distance <= threshold for _, distance in strangers) / len(strangers)

        def predicted(threshold, impostor=impostor, size=size):
            return 1 - (1 - sum(distance <= threshold for distance in impostor) / len(impostor)) ** size

        assert rates.rank_1.value == pytest.approx(sum(rank == 1 for _, _, rank in mates) / len(mates))
        assert 0.2 < rates.rank_1.value < 0.99  # or there would be nothing to compare
        assert rates.cmc == pytest.approx([sum(rank <= r for _, _, rank in mates) / len(mates) for r in range(1, min(20, size) + 1)])
        assert rates.fpir == pytest.approx([fpir(t) for t in result.thresholds])
        assert rates.fnir == pytest.approx([plain_fnir(mates, t) for t in result.thresholds])
        assert rates.fpir_predicted == pytest.approx([predicted(t) for t in result.thresholds], abs=1e-4)  # at 2, the last bit
        assert list(rates.at_fpir) == ["1e-1"]
        found, best = rates.at_fpir["1e-1"], plain_threshold(strangers, 0.1)
        assert found.threshold == best
        assert (found.fpir, found.fpir_predicted, found.fnir.value) == pytest.approx((fpir(best), predicted(best), plain_fnir(mates, best)))


@pytest.mark.parametrize(("sizes", "size"), [([10], 10), ([], 35)])
def test_the_intervals_are_those_of_people_drawn_again_with_all_their_searches(sizes, size):
    vectors, subjects = signs()
    rates = identify_people(vectors, subjects, enrolments=[2], sizes=sizes, **DRAW).enrolments["2"][0]
    strangers, mates, _ = plain_searches(vectors, draw_roles(subjects, enrolments=[2], **DRAW), 2, size)
    by_mate = [[search for search in mates if search[0] == mate] for mate in sorted({mate for mate, _, _ in mates})]
    by_stranger = [[search for search in strangers if search[0] == stranger] for stranger in range(35)]
    rng, drawn = np.random.default_rng(DRAW["seed"]), []
    for _ in range(DRAWS):
        again = [search for mate in rng.integers(len(by_mate), size=len(by_mate)) for search in by_mate[mate]]
        threshold = plain_threshold([search for stranger in rng.integers(35, size=35) for search in by_stranger[stranger]], 0.1)
        drawn.append((np.mean([rank == 1 for _, _, rank in again]), plain_fnir(again, threshold)))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    rule = 3 / len(by_mate)
    for found, a, b in zip((rates.rank_1, rates.at_fpir["1e-1"].fnir), low, high, strict=True):
        assert (found.low, found.high) == pytest.approx((min(a, 1 - rule), max(b, rule)))
        assert found.low < found.value < found.high


def test_a_mate_at_the_threshold_itself_is_found():
    """All strangers lie half a step beyond a point of the grid, all mates half a step before it: that point is the threshold."""
    k, axes = 8000, np.eye(42)

    def at(steps, towards, other):
        cosine = 1 - steps / STEPS / 2
        return cosine * axes[towards] + np.sqrt(1 - cosine**2) * axes[other]

    mates = [vector for i in range(40) for vector in (axes[i], at(k - 0.5, i, 40))]
    strangers = [at(k + 0.5, i % 40, 41) for i in range(80)]
    subjects = np.concatenate([np.repeat(np.arange(40), 2), np.arange(40, 120)])
    result = identify_people(np.array([*mates, *strangers], np.float32), subjects, enrolments=[1], sizes=[], stranger_share=0)
    found = result.enrolments["1"][0].at_fpir["1e-1"]
    assert (found.threshold, found.fpir, found.fnir.value) == (k / STEPS, 0, 0)


def test_the_device_s_own_gallery_finds_the_same(tmp_path):
    vectors, subjects = noisy(80, 4, 0.8)
    rates = identify_people(vectors, subjects, enrolments=[2], sizes=[], **DRAW).enrolments["2"][0]
    people = draw_roles(subjects, enrolments=[2], **DRAW)
    threshold = rates.at_fpir["1e-1"].threshold
    with Gallery(tmp_path / "g.db", space="s", create=True) as gallery:
        for mate, pictures in enumerate(people.enrolled):
            gallery.enrol(str(mate), [Embedding(vectors[picture], "s") for picture in pictures], artefact="a")
        nearest = [gallery.nearest(Embedding(vector, "s"), fused=2) for vector in vectors]
        templates = len(gallery.templates)
    assert templates == rates.templates
    first = [nearest[probe].subject == str(mate) for probe, mate in zip(people.mated, people.mate, strict=True)]
    accepted = [right and nearest[probe].distance <= threshold for right, probe in zip(first, people.mated, strict=True)]
    assert rates.rank_1.value == pytest.approx(np.mean(first))
    assert rates.at_fpir["1e-1"].fnir.value == pytest.approx(1 - np.mean(accepted))
    assert rates.at_fpir["1e-1"].fpir == pytest.approx(np.mean([nearest[probe].distance <= threshold for probe in people.unmated]))
    assert 0 < np.mean(accepted) < np.mean(first) < 1


def test_every_picture_has_one_part_and_nobody_both():
    subjects = np.random.default_rng(0).permutation(np.repeat(np.arange(300), np.arange(300) % 6 + 1))
    people = draw_roles(subjects, enrolments=[1, 2, 3], **DRAW)
    parts = np.concatenate([people.enrolled.ravel(), people.mated, people.unmated])
    assert sorted(parts) == list(range(len(subjects)))
    mates = subjects[people.enrolled[:, 0]]
    assert (subjects[people.enrolled] == mates[:, None]).all()
    assert (subjects[people.mated] == mates[people.mate]).all()
    assert not set(subjects[people.unmated]) & set(mates)
    assert len(mates) == 75  # half of the 150 who have four pictures or more
    assert (np.bincount(subjects)[mates] >= 4).all()
    assert set(people.mate) == set(range(75))  # each has a probe
    names = subjects[people.unmated]
    assert len(set(zip(names, people.stranger, strict=True))) == len(set(names)) == people.stranger.max() + 1 == 225
    assert all(sorted(row) == list(range(75)) for row in people.order)


def test_who_and_which_picture_is_enrolled_is_drawn_by_lot():
    subjects = np.repeat(np.arange(100), 4)
    one, same, other = (draw_roles(subjects, enrolments=[1], **{**DRAW, "seed": seed}) for seed in (0, 0, 1))
    assert (one.enrolled == same.enrolled).all()
    assert set(one.enrolled[:, 0] // 4) != set(other.enrolled[:, 0] // 4)
    assert set(one.enrolled[:, 0] % 4) == {0, 1, 2, 3}
    assert len({tuple(row) for row in one.order}) == 3


def test_a_person_with_too_few_pictures_is_a_stranger_and_never_enrolled():
    subjects = np.concatenate([np.repeat(np.arange(100), 3), np.repeat(np.arange(100, 140), 2), np.arange(140, 150)])
    people = draw_roles(subjects, enrolments=[1, 2], stranger_share=0, galleries=1, seed=0)
    assert sorted(subjects[people.enrolled[:, 0]]) == list(range(100))
    assert set(subjects[people.unmated]) == set(range(100, 150))


def test_a_number_that_too_few_people_allow_is_dropped_and_named():
    subjects = np.concatenate([np.repeat(np.arange(58), 6), np.repeat(np.arange(58, 100), 3)])
    vectors = unit(np.random.default_rng(0).normal(size=(len(subjects), 8)))
    result = identify_people(vectors, subjects)
    assert result.dropped == {"3": 58, "5": 58}  # half of whom are strangers, which leaves 29
    assert (result.mates, list(result.enrolments)) == (50, ["1", "2"])


def test_too_few_people_are_refused_with_the_numbers():
    with pytest.raises(InputError, match=r"expected 30 mates or more, who have 2 pictures or more, .* got 29 and 29 out of 58 people, 58 of them"):
        identify_people(*noisy(58, 2, 0.1), enrolments=[1, 2])
    with pytest.raises(InputError, match=r"30 strangers or more, got 70 and 0 out of 70 people"):
        identify_people(*noisy(70, 3, 0.1), enrolments=[2], stranger_share=0)
    with pytest.raises(InputError, match=r"got 0 and 0 out of 0 people"):
        identify_people(np.zeros((0, 8), np.float32), np.zeros(0, np.int64))


def test_misuse_is_refused():
    vectors, subjects = noisy(70, 3, 0.1)
    for wrong in ((vectors * 2, subjects), (vectors, subjects[1:]), (np.where(subjects[:, None] == 3, 0, vectors), subjects)):
        with pytest.raises(ValueError, match="expected unit vectors"):
            identify_people(*wrong)
    for options in ({"enrolments": []}, {"enrolments": [0]}, {"stranger_share": 1}, {"sizes": [0]}, {"galleries": 0}):
        with pytest.raises(ValueError, match="expected"):
            identify_people(vectors, subjects, **options)


def test_independent_distances_give_the_fpir_that_is_predicted():
    """Directions drawn evenly from the sphere: each comparison of a stranger is independent of his others."""
    vectors = unit(np.random.default_rng(0).normal(size=(4200, 32)))
    subjects = np.concatenate([np.repeat(np.arange(600), 2), np.arange(600, 3600)])
    result = identify_people(vectors, subjects, enrolments=[1], sizes=[10, 30, 100, 300], stranger_share=0)
    assert (result.mates, result.strangers) == (600, 3000)
    for rates in result.enrolments["1"]:
        assert rates.fpir == pytest.approx(rates.fpir_predicted, abs=0.03)
        assert max(rates.fpir) > 0.9
        for name, fpir in FPIRS.items():
            assert rates.at_fpir[name].fpir == pytest.approx(fpir, rel=0.05)
            assert rates.at_fpir[name].fpir_predicted == pytest.approx(fpir, rel=0.3)


def test_templates_that_are_alike_are_as_one():
    vectors, subjects = noisy(80, 4, 0)
    result = identify_people(vectors, subjects, enrolments=[1, 3], sizes=[])
    one, three = (result.enrolments[number][0] for number in ("1", "3"))
    assert three.fpir == pytest.approx(one.fpir, abs=2e-3)  # a mean of three may round another way
    assert three.fpir_predicted == pytest.approx(one.fpir_predicted, abs=2e-3)
    assert (one.templates, three.templates) == (one.people, 3 * one.people)


def test_perfect_embeddings_miss_nobody_but_the_interval_says_how_many_were_asked():
    rates = identify_people(np.repeat(np.eye(100, dtype=np.float32), 2, axis=0), np.repeat(np.arange(100), 2), enrolments=[1]).enrolments["1"][-1]
    assert (rates.people, rates.rank_1.value, rates.rank_1.high) == (50, 1, 1)
    assert rates.rank_1.low == 1 - 3 / 50
    assert rates.cmc == [1.0] * 20
    assert asdict(rates.at_fpir["1e-1"].fnir) == {"value": 0, "low": 0, "high": 3 / 50}
    assert rates.at_fpir["1e-1"].threshold == 2 - 1 / STEPS


def test_embeddings_that_know_nothing_find_the_mate_at_every_rank_alike():
    vectors = unit(np.random.default_rng(0).normal(size=(4000, 16)))
    rates = identify_people(vectors, np.arange(4000) // 40, enrolments=[1], sizes=[]).enrolments["1"][0]
    assert rates.cmc == pytest.approx(np.arange(1, 21) / 50, abs=0.05)
    assert rates.at_fpir["1e-1"].fnir.value > 0.97


def test_an_embedder_that_maps_all_faces_to_one_point_finds_nobody():
    vectors = np.repeat(np.eye(1, 8, dtype=np.float32), 280, axis=0)
    rates = identify_people(vectors, np.arange(280) // 4, enrolments=[3], sizes=[]).enrolments["3"][0]
    assert rates.cmc == [0.0] * 20
    assert set(rates.fnir) == {1.0}
    found = rates.at_fpir["1e-1"]
    assert (found.threshold, found.fpir, found.fpir_predicted, found.fnir.value) == (-1 / STEPS, 0, 0, 1)


def test_a_larger_gallery_takes_more_strangers_and_more_templates_find_more_mates():
    result = identify_people(*noisy(200, 6, 0.9, d=32), enrolments=[1, 2, 3, 5])
    for rates in result.enrolments.values():
        assert [one.people for one in rates] == [10, 30, 100]
        assert (np.diff([one.fpir for one in rates], axis=0) >= 0).all()  # galleries are nested
        assert rates[0].rank_1.value > rates[-1].rank_1.value
    found = [rates[-1].at_fpir["1e-1"].fnir.value for rates in result.enrolments.values()]
    assert found == sorted(found, reverse=True)
    assert len({rates[-1].mated_searches for rates in result.enrolments.values()}) == 1


@pytest.mark.parametrize(("strangers", "names"), [(299, ["1e-1"]), (300, ["1e-1", "1e-2"])])
def test_an_fpir_takes_three_strangers_over_it(strangers, names):
    subjects = np.concatenate([np.repeat(np.arange(40), 2), np.arange(40, 40 + strangers)])
    vectors = unit(np.random.default_rng(0).normal(size=(len(subjects), 8)))
    result = identify_people(vectors, subjects, enrolments=[1], stranger_share=0)
    assert list(result.enrolments["1"][0].at_fpir) == names


def test_the_result_is_json_and_repeats_whatever_the_blocks(monkeypatch):
    vectors, subjects = noisy(80, 4, 0.8)
    result = identify_people(vectors, subjects)
    assert json.loads(json.dumps(asdict(result))) == asdict(result)
    assert len(result.thresholds) == len(CURVE) <= 200
    assert identify_people(vectors, subjects, seed=1) != result
    monkeypatch.setattr(identification, "BLOCK", 700)
    again = identify_people(vectors, subjects)
    assert again.enrolments["2"][0].cmc == result.enrolments["2"][0].cmc
    assert again.enrolments["2"][0].fpir == pytest.approx(result.enrolments["2"][0].fpir, abs=1e-3)  # another block, another last bit


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    """People of whom some are hard in all their pictures: an interval by search would be far too narrow."""

    def rates(seed):
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(80, 8))
        hard = np.where(rng.random(80) < 0.4, 1.6, 0.2)
        vectors = unit(np.repeat(centres, 12, axis=0) + np.repeat(hard, 12)[:, None] * rng.normal(size=(960, 8)))
        found = identify_people(vectors, np.arange(960) // 12, enrolments=[1], sizes=[], seed=seed).enrolments["1"][0]
        return found.mated_searches, found.rank_1, found.at_fpir["1e-1"].fnir

    found = [rates(seed) for seed in range(60)]
    for which in (1, 2):
        truth = np.mean([one[which].value for one in found])
        assert sum(one[which].low <= truth <= one[which].high for one in found) >= 50  # 95 % of 60 is 57
        by_search = [2 * 1.96 * np.sqrt(truth * (1 - truth) / one[0]) for one in found]
        width = np.mean([one[which].high - one[which].low for one in found])
        assert 1.5 * np.mean(by_search) < width < 4 * np.mean(by_search)
