"""Errors put on purpose among people drawn at random, inside a set and between two: what is found, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation.cleaning import find_errors
from facelite.evaluation.findings import FEW, Kind, Labelled
from facelite.evaluation.limits import Limit, Strangers, draw_strangers, model_limit
from facelite.face import Threshold

COPY = Limit(0.1, "copies")
THRESHOLDS = [Threshold(distance, fmr, 2 * fmr, 0.1, 100, 1000, 300) for fmr, distance in ((1e-2, 1.5), (1e-3, 1.3), (1e-5, 1.1))]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def labelled(vectors, person, source=None, reasons=None, one_numbering=False):
    """Pictures "s0/p3/7.jpg" of the people (set, number), or of people of all sets where there is one numbering."""
    source = np.zeros(len(person), int) if source is None else source
    keys = sorted({(0 if one_numbering else s, p) for s, p in zip(source.tolist(), person.tolist(), strict=True)})
    place = {key: i for i, key in enumerate(keys)}
    return Labelled(
        names=[f"s{s}/p{p}/{i}.jpg" for i, (s, p) in enumerate(zip(source, person, strict=True))],
        vectors=vectors,
        person=np.array([place[0 if one_numbering else s, p] for s, p in zip(source.tolist(), person.tolist(), strict=True)]),
        source=source,
        people=[f"s{s}/p{p}" for s, p in keys],
        numbering=np.array([s for s, _ in keys]),
        reasons=reasons or {},
    )


def faces(seed, people=30, pictures=8, cosine=0.55, size=128):
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), pictures)
    return unit(unit(rng.normal(size=(people, size)))[person] + np.sqrt((1 / cosine - 1) / size) * rng.normal(size=(len(person), size))), person


def found(pictures, kind, **options):
    given = {"thresholds": THRESHOLDS, "copy": COPY, **options}
    return [one for one in find_errors(pictures, **given).findings if one.kind is kind]


def pairs(findings):
    return {frozenset((one.name, one.other)) for one in findings}


# all of it


@pytest.fixture
def spoilt():
    """Two sets, with errors that are known: pictures given to others, copies of three kinds, a person cut in two, two people in both sets."""
    vectors, person = faces(0, people=40)
    source = (person >= 30).astype(int)
    rng = np.random.default_rng(1)
    wrong = rng.permutation(np.flatnonzero((person < 20) & (person != 3) & (person != 15)))[:12]
    person[wrong] = (person[wrong] + rng.integers(1, 19, size=12)) % 20
    copies = {25: 24, 120 + 3: 200 + 1, 310: 161}  # inside person 3, between people 15 and 25, between the sets
    for later, earlier in copies.items():
        vectors[later] = unit(vectors[earlier] + 0.01 * rng.normal(size=128))
    person[21 * 8 : 21 * 8 + 4] = 50  # a name more
    for here, there in ((22, 31), (23, 35)):
        vectors[person == there] = unit(vectors[person == here] + 0.03 * rng.normal(size=(8, 128)))
    return vectors, person, source, wrong


def test_known_errors_are_found_and_little_else(spoilt):
    vectors, person, source, wrong = spoilt
    pictures = labelled(vectors, person, source)
    result = find_errors(pictures, thresholds=THRESHOLDS, copy=COPY)
    names = pictures.names
    outliers = {one.name for one in result.findings if one.kind is Kind.OUTLIER}
    expected = {names[i] for i in wrong} | {names[123], names[310]}  # these two show another person than their folder says
    assert len(outliers & expected) >= 13
    assert len(outliers - expected) <= 2
    scopes = {Kind.DUPLICATE: (25, 24), Kind.DUPLICATE_PEOPLE: (201, 123), Kind.DUPLICATE_SETS: (310, 161)}
    for kind, two in scopes.items():
        assert frozenset(names[i] for i in two) in pairs(one for one in result.findings if one.kind is kind)
    assert result.counts["duplicate"] == result.counts["duplicate between people"] == 1
    assert pairs(one for one in result.findings if one.kind is Kind.SAME) == {frozenset(("s0/p21", "s0/p50"))}
    same = pairs(one for one in result.findings if one.kind is Kind.SAME_SETS)
    assert same == {frozenset(("s0/p22", "s1/p31")), frozenset(("s0/p23", "s1/p35"))}
    assert [one.kind for one in result.findings] == sorted((one.kind for one in result.findings), key=list(Kind).index)
    assert sum(result.counts.values()) == len(result.findings)


def test_the_order_of_the_pictures_changes_nothing(spoilt):
    vectors, person, source, _ = spoilt
    plain = labelled(vectors, person, source)
    order = np.random.default_rng(2).permutation(len(person))
    mixed = replace(plain, names=[plain.names[i] for i in order], vectors=vectors[order], person=plain.person[order], source=source[order])
    one, other = (find_errors(pictures, thresholds=THRESHOLDS, copy=COPY) for pictures in (plain, mixed))
    assert one.counts == other.counts
    for kind in Kind:
        assert pairs(x for x in one.findings if x.kind is kind) == pairs(x for x in other.findings if x.kind is kind)


def test_people_without_errors_get_no_finding():
    vectors, person = faces(3)
    assert find_errors(labelled(vectors, person), thresholds=THRESHOLDS, copy=COPY).findings == []


# one by one


def test_an_outlier_says_where_it_may_belong_and_the_surest_come_first():
    vectors, person = faces(4)
    stranger = unit(np.random.default_rng(5).normal(size=128))
    vectors[3] = stranger  # in nobody's folder else
    person = person.copy()
    person[[20, 50]] = 9  # of people 2 and 6
    found_ones = found(labelled(vectors, person), Kind.OUTLIER)
    assert [(one.name, one.other) for one in found_ones[:2]] in ([("s0/p9/20.jpg", "s0/p2"), ("s0/p9/50.jpg", "s0/p6")],
                                                               [("s0/p9/50.jpg", "s0/p6"), ("s0/p9/20.jpg", "s0/p2")])  # fmt: skip
    assert [(one.name, one.other) for one in found_ones[2:]] == [("s0/p0/3.jpg", "")]
    assert "shows s0/p" in found_ones[0].advice
    others = [i for i in np.flatnonzero(person == 9) if i not in (20, 50)]
    mean = vectors[others].mean(0)
    for one in found_ones[:2]:
        doubtful, beside = one.shown
        assert f"/{doubtful}.jpg" in one.name
        assert beside in others
        assert one.distance == pytest.approx(2 - 2 * vectors[doubtful] @ mean / np.linalg.norm(mean), abs=1e-5)


def test_where_all_are_doubtful_one_is_shown_beside_the_other():
    vectors, person = faces(6)
    vectors = np.concatenate([vectors, unit(np.random.default_rng(7).normal(size=(2, 128)))])
    found_ones = found(labelled(vectors, np.concatenate([person, [99, 99]])), Kind.OUTLIER)
    assert {one.shown for one in found_ones} == {(240, 241), (241, 240)}


def test_the_pictures_own_distance_counts_where_the_model_s_is_too_wide():
    """People of one group, all of whom lie within the model's threshold of each other."""
    vectors, person = faces(8)
    alike = unit(vectors + 0.9 * unit(np.random.default_rng(9).normal(size=128)))
    assert (2 - 2 * alike @ alike.T).max() < 1.9
    wrong = np.arange(0, 200, 20)
    label = person.copy()
    label[wrong] = (person[wrong] + 3) % 30
    names = {f"s0/p{label[i]}/{i}.jpg" for i in wrong}
    wide = [Threshold(1.9, 1e-2, 2e-2, 0.1, 100, 1000, 300)]
    doubtful = {one.name for one in found(labelled(alike, label), Kind.OUTLIER, thresholds=wide)}
    assert len(doubtful & names) >= 8
    assert len(doubtful - names) <= 2
    few = label < 20  # too few people to tell
    assert found(labelled(alike[few], label[few]), Kind.OUTLIER, thresholds=wide) == []


def test_a_copy_is_told_by_where_it_lies():
    vectors, person = faces(10)
    source = (person >= 15).astype(int)
    vectors[[1, 9, 130]] = vectors[[0, 0, 0]]
    one, between, sets = (found(labelled(vectors, person, source), kind) for kind in (Kind.DUPLICATE, Kind.DUPLICATE_PEOPLE, Kind.DUPLICATE_SETS))
    assert [(x.name, x.other, x.advice) for x in one] == [("s0/p0/1.jpg", "s0/p0/0.jpg", "take one of the two out")]
    assert [(x.name, x.other, x.shown) for x in between] == [("s0/p1/9.jpg", "s0/p0/0.jpg", (9, 0))]
    assert [(x.name, x.other) for x in sets] == [("s1/p16/130.jpg", "s0/p0/0.jpg")]
    assert "one name" in sets[0].advice
    assert all(0 <= x.distance < 1e-5 for x in (*one, *between, *sets))


def test_of_one_numbering_a_name_is_one_person():
    vectors, person = faces(11, people=20)
    source = (np.arange(len(person)) % 8 >= 4).astype(int)  # half of each person's pictures in each set
    vectors[4] = vectors[0]
    apart, one = (labelled(vectors, person, source, one_numbering=joined) for joined in (False, True))
    assert (len(apart.people), len(one.people)) == (40, 20)
    assert len(found(apart, Kind.SAME_SETS)) == 20
    assert found(one, Kind.SAME_SETS) == found(one, Kind.SAME) == []
    assert [x.advice for x in found(one, Kind.DUPLICATE_SETS)] == ["take one of the two out"]
    assert [x.advice for x in found(apart, Kind.DUPLICATE_SETS)] == ["give both people one name, or take one of the two out"]


def test_the_distance_of_two_people_is_the_mean_over_their_pictures():
    vectors, person = faces(12)
    person = np.where((person == 4) & (np.arange(240) % 2 == 0), 77, person)
    (one,) = found(labelled(vectors, person), Kind.SAME)
    first, second = vectors[person == 4], vectors[person == 77]
    assert {one.name, one.other} == {"s0/p4", "s0/p77"}
    assert one.distance == pytest.approx(np.mean([np.sum((a - b) ** 2) for a in first for b in second]), abs=1e-5)
    assert sorted(person[list(one.shown)]) == [4, 77]


def test_people_of_few_pictures_must_be_nearer():
    vectors, person = faces(13)
    for pictures in (FEW - 1, FEW):
        cut = person.copy()
        cut[np.flatnonzero(person == 4)[:pictures]] = 77
        (distance,) = {one.distance for one in found(labelled(vectors, cut), Kind.SAME, thresholds=[replace(THRESHOLDS[0], fmr=1e-3)])}
        near = [replace(THRESHOLDS[0], fmr=1e-3), replace(THRESHOLDS[0], fmr=1e-5, distance=distance - 0.01)]
        assert len(found(labelled(vectors, cut), Kind.SAME, thresholds=near)) == (pictures == FEW)


def test_what_shows_no_face_is_said_with_its_reason_and_does_not_count():
    vectors, person = faces(14, people=10)
    vectors[[0, 1, 9]] = 0
    reasons = {0: "no face", 1: "unreadable: expected a whole picture, got a truncated file; copy it again", 9: "no face"}
    result = find_errors(labelled(vectors, person, reasons=reasons), thresholds=THRESHOLDS, copy=COPY, least=8)
    assert [(one.kind, one.name, one.advice) for one in result.findings[:3]] == [
        (Kind.UNREADABLE, "s0/p0/1.jpg", "expected a whole picture, got a truncated file; copy it again"),
        (Kind.NO_FACE, "s0/p0/0.jpg", "take it out, or give a picture that shows the face"),
        (Kind.NO_FACE, "s0/p1/9.jpg", "take it out, or give a picture that shows the face"),
    ]
    assert [(one.kind, one.name, one.advice.partition(":")[0]) for one in result.findings[3:]] == [
        (Kind.TOO_FEW, "s0/p0", "6 of 8 left, expected 8"),
        (Kind.TOO_FEW, "s0/p1", "7 of 8 left, expected 8"),
    ]


def test_doubtful_pictures_and_copies_are_not_left():
    vectors, person = faces(15)
    vectors[1] = vectors[0]
    vectors[2] = unit(np.random.default_rng(16).normal(size=128))
    assert [(one.name, one.advice[:11]) for one in found(labelled(vectors, person), Kind.TOO_FEW, least=7)] == [("s0/p0", "6 of 8 left")]
    assert found(labelled(vectors, person), Kind.TOO_FEW, least=6) == []


# limits


def test_a_model_s_threshold_is_the_nearest_that_was_measured():
    assert model_limit(1e-2, THRESHOLDS) == Limit(1.5, "the model's threshold at FMR 0.01")
    assert model_limit(3e-3, THRESHOLDS[:1] + THRESHOLDS[2:]).distance == 1.5
    assert model_limit(1e-9, THRESHOLDS).distance == 1.1
    assert model_limit(1e-2, []) is None


def test_strangers_are_as_near_as_all_pairs_say():
    vectors, person = faces(17, people=12, pictures=5, size=8)
    numbering = np.where(person < 6, 0, 1)
    drawn = draw_strangers(vectors, person, numbering)
    far = [
        2 - 2 * float(vectors[i] @ vectors[j])
        for i in range(60)
        for j in range(i)
        if person[i] != person[j] and numbering[i] == numbering[j]
    ]  # fmt: skip
    assert drawn.people_pairs == 2 * 15
    assert len(drawn.distances) == pytest.approx(2**16 * 2 * len(far) / 60**2, rel=0.05)
    np.testing.assert_allclose(np.quantile(drawn.distances, [0.01, 0.1, 0.5]), np.quantile(far, [0.01, 0.1, 0.5]), atol=0.03)
    assert (np.diff(drawn.distances) >= 0).all()


@pytest.mark.parametrize(("people_pairs", "fmr", "told"), [(300, 1e-2, 0.01), (3000, 1e-3, 0.001), (1000, 1e-3, 0.003), (299, 1e-2, None)])
def test_strangers_tell_no_smaller_rate_than_their_number_supports(people_pairs, fmr, told):
    strangers = Strangers(np.linspace(0, 4, 4001).astype(np.float32), people_pairs)
    limit = strangers.limit(fmr)
    assert limit == (None if told is None else Limit(pytest.approx(4 * told), f"FMR {told:g} among these people"))


def test_without_thresholds_many_people_do_and_few_are_refused():
    vectors, person = faces(18)
    person = person.copy()
    person[20] = 9
    assert [one.name for one in found(labelled(vectors, person), Kind.OUTLIER, thresholds=[])] == ["s0/p9/20.jpg"]
    few = person < 12
    with pytest.raises(InputError, match="expected a model with thresholds, or 300 pairs of people to measure one on, got neither; name a bundle"):
        find_errors(labelled(vectors[few], person[few]), thresholds=[], copy=COPY)


def test_pictures_without_a_face_alone_are_refused():
    with pytest.raises(InputError, match="expected a face in one of 3 pictures at least, found none; check the pictures"):
        find_errors(labelled(np.zeros((3, 8), np.float32), np.arange(3)), thresholds=THRESHOLDS, copy=COPY)
