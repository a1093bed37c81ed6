"""Losses over pairs and triplets, and against a teacher: plain loops, closed forms, finite differences, and what must change nothing."""

from __future__ import annotations

from math import cos, exp, pi, sin, sqrt

import keras
import numpy as np
import pytest
import tensorflow as tf

from facelite.training.losses import (
    contrastive_loss,
    distances,
    embedding_loss,
    farthest,
    harmonic_loss,
    pair_masks,
    pairwise_loss,
    triplet_loss,
    unit,
    verification_loss,
)


def loop_triplets(vectors, subjects, numbering, anchors, margin):
    """The semi-hard triplets (anchor, positive, negative) with their d(a,p) and d(a,n), one by one."""
    for a in range(anchors):
        for p in range(anchors):
            for n in range(len(vectors)):
                if min(subjects[a], subjects[p], subjects[n]) < 0 or len({numbering[a], numbering[p], numbering[n]}) > 1:
                    continue
                if a == p or subjects[a] != subjects[p] or subjects[a] == subjects[n]:
                    continue
                ap, an = (sum((float(x) - float(y)) ** 2 for x, y in zip(vectors[a], vectors[other], strict=True)) for other in (p, n))
                if ap < an < ap + margin:
                    yield a, p, n, ap, an


def loop_triplet_loss(vectors, subjects, numbering, anchors, margin):
    terms = [ap - an + margin for *_, ap, an in loop_triplets(vectors, subjects, numbering, anchors, margin)]
    return sum(terms) / len(terms) if terms else 0.0


def batch(seed, n=24, d=5):
    """Unit vectors of people, of unknown people and of two numberings that use the same numbers."""
    rng = np.random.default_rng(seed)
    subjects = rng.integers(-1, 5, n)
    centres = rng.normal(size=(7, d))
    vectors = centres[subjects] + 0.7 * rng.normal(size=(n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), subjects, (rng.random(n) < 0.2).astype(int)


def value(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("anchors", [1, 10, 24])
def test_triplet_loss_is_the_triple_loop(seed, anchors):
    vectors, subjects, numbering = batch(seed)
    expected = loop_triplet_loss(vectors, subjects, numbering, anchors, 0.2)
    assert value(triplet_loss(vectors, subjects, numbering, anchors=anchors, margin=0.2)) == pytest.approx(expected, abs=1e-12)


def distance(x, y):
    return sum((float(a) - float(b)) ** 2 for a, b in zip(x, y, strict=True))


def loop_pairs(vectors, subjects, numbering, anchors):
    """The pairs (anchor, other, d, genuine) of the first rows with every other row of which something is known, one by one."""
    for a in range(anchors):
        for b in range(len(vectors)):
            if a != b and min(subjects[a], subjects[b]) >= 0 and numbering[a] == numbering[b]:
                yield a, b, distance(vectors[a], vectors[b]), subjects[a] == subjects[b]


def of_each_anchor(vectors, subjects, numbering, anchors):
    """For each anchor that has both, the distances of its positives, the largest first, and of its negatives."""
    pairs = list(loop_pairs(vectors, subjects, numbering, anchors))
    for a in range(anchors):
        positives = sorted((d for one, other, d, genuine in pairs if one == a and genuine and other < anchors), reverse=True)
        negatives = [d for one, _, d, genuine in pairs if one == a and not genuine]
        if positives and negatives:
            yield positives, negatives


def mean(values):
    return sum(values) / len(values) if values else 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("anchors", [10, 24])
def test_batch_all_is_the_mean_over_the_triplets_that_violate_the_margin(seed, anchors):
    each = of_each_anchor(*batch(seed), anchors)
    expected = mean([ap - an + 0.2 for positives, negatives in each for ap in positives for an in negatives if an < ap + 0.2])
    assert value(triplet_loss(*batch(seed), anchors=anchors, mining="batch-all")) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("anchors", [10, 24])
def test_batch_hard_is_the_farthest_positive_and_the_nearest_negative_of_each_anchor(seed, anchors):
    each = of_each_anchor(*batch(seed), anchors)
    expected = mean([max(0.0, max(positives) - min(negatives) + 0.2) for positives, negatives in each])
    assert expected > 0
    assert value(triplet_loss(*batch(seed), anchors=anchors, mining="batch-hard")) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.75])
@pytest.mark.parametrize("mining", ["semi-hard", "batch-all"])
def test_emphasis_leaves_each_anchor_the_positives_that_look_most_different(share, mining):
    vectors, subjects, numbering = batch(2, n=40)
    terms = []
    for positives, negatives in of_each_anchor(vectors, subjects, numbering, 30):
        kept = positives[: max(1, round(share * len(positives)))]
        gaps = [an - ap for ap in kept for an in negatives]
        terms += [0.2 - gap for gap in gaps if gap < 0.2 and (gap > 0 or mining == "batch-all")]
    loss = value(triplet_loss(vectors, subjects, numbering, anchors=30, mining=mining, positives=share))
    assert loss == pytest.approx(mean(terms), abs=1e-12)
    assert loss != pytest.approx(value(triplet_loss(vectors, subjects, numbering, anchors=30, mining=mining)), abs=1e-6)


def test_positives_that_are_equally_far_stay_together():
    d = np.array([[0.0, 3.0, 1.0, 2.0, 2.0, 9.0]])
    positive = np.array([[False, True, True, True, True, False]])
    kept = [np.flatnonzero(np.asarray(farthest(d, positive, share))).tolist() for share in (0.01, 0.5, 0.75, 1.0)]
    assert kept == [[1], [1, 3, 4], [1, 3, 4], [1, 2, 3, 4]]
    assert not np.asarray(farthest(d, np.zeros_like(positive), 0.5)).any()


@pytest.mark.parametrize("wrong", [{"mining": "hard"}, {"positives": 0.0}, {"positives": 1.5}])
def test_no_such_mining(wrong):
    with pytest.raises(ValueError, match="expected mining out of semi-hard, batch-hard, batch-all and 0 < positives <= 1, got"):
        triplet_loss(*batch(0), anchors=4, **wrong)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("anchors", [10, 24])
def test_contrastive_loss_is_the_double_loop(seed, anchors):
    pairs = list(loop_pairs(*batch(seed), anchors))
    genuine = [d / 2 for *_, d, same in pairs if same]
    impostor = [max(0.0, 1.2 - sqrt(d)) ** 2 / 2 for *_, d, same in pairs if not same]
    assert genuine and any(impostor)
    assert value(contrastive_loss(*batch(seed), anchors=anchors)) == pytest.approx(mean(genuine) + mean(impostor), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_verification_loss_is_the_double_loop(seed):
    """The cosine of unit vectors is 1 - d / 2."""
    terms = [((same - 1 / (1 + exp(-(4 * (1 - d / 2) - 1)))) ** 2 / 2, same) for *_, d, same in loop_pairs(*batch(seed), 10)]
    expected = mean([term for term, same in terms if same]) + mean([term for term, same in terms if not same])
    assert value(verification_loss(*batch(seed), anchors=10, scale=4.0, shift=-1.0)) == pytest.approx(expected, abs=1e-12)


def test_the_batches_above_have_triplets():
    assert all(len(list(loop_triplets(*batch(seed), 24, 0.2))) > 5 for seed in range(6))


def test_triplet_loss_of_one_triplet_on_a_circle():
    angles = [0, pi / 6, pi / 5]  # squared distance between two angles: 2 - 2 cos
    vectors = np.array([(cos(a), sin(a)) for a in angles])
    ap, an = 2 - 2 * cos(pi / 6), 2 - 2 * cos(pi / 5)
    assert ap < an < ap + 0.2
    loss = triplet_loss(vectors, np.array([3, 3, 8]), np.zeros(3), anchors=1, margin=0.2)
    assert value(loss) == 0  # the anchor's positive lies beyond the first row
    loss = triplet_loss(vectors[[0, 1, 2]], np.array([3, 3, 8]), np.zeros(3), anchors=2, margin=0.2)
    assert value(loss) == pytest.approx(ap - an + 0.2, abs=1e-12)  # the other way round d(a,n) < d(a,p)


@pytest.mark.parametrize(
    ("negative", "expected"),
    [
        (1.0, 0.0),
        (1 + 2**-20, 0.5 - 2**-20),
        (1.25, 0.25),
        (1.5 - 2**-20, 2**-20),
        (1.5, 0.0),
        (1.75, 0.0),
    ],
)
def test_semi_hard_is_strict_on_both_sides(negative, expected):
    """d(a,p) = 1 and margin = 1/2, all exact in binary; seen from the second row the negative is at 1 + negative / 2, too far."""
    vectors = np.array([[1.0], [0.5], [1 - negative / 2]], np.float32)  # distance: 2 - 2ab
    assert value(triplet_loss(vectors, np.array([0, 0, 1]), np.zeros(3), anchors=2, margin=0.5)) == expected


def test_without_triplets_the_loss_and_its_gradient_are_zero():
    vectors = tf.Variable(batch(0)[0])
    with tf.GradientTape() as tape:
        loss = triplet_loss(unit(vectors), np.full(24, -1), np.zeros(24), anchors=24)
    assert value(loss) == 0
    assert not np.asarray(tape.gradient(loss, vectors)).any()


@pytest.mark.parametrize("change", [{"subject": -1}, {"numbering": 1}])
def test_unknown_people_and_other_numberings_are_never_negatives(change):
    """Row 2 is semi-hard for row 0; without its label, or under another numbering, nobody knows that it shows somebody else."""
    vectors = np.array([(cos(a), sin(a)) for a in (0, pi / 6, pi / 5)])
    subjects, numbering = np.array([3, 3, change.get("subject", 8)]), np.array([0, 0, change.get("numbering", 0)])
    assert value(triplet_loss(vectors, subjects, numbering, anchors=2)) == 0


def test_unknown_people_are_never_positives():
    positive, negative = pair_masks(np.array([-1, -1, 2, 2]), np.zeros(4), 4)
    assert np.argwhere(np.asarray(positive)).tolist() == [[2, 3], [3, 2]]
    assert not np.asarray(negative).any()


def test_only_the_first_rows_are_anchors_and_positives_but_all_are_negatives():
    vectors, subjects, numbering = batch(3)
    used = list(loop_triplets(vectors, subjects, numbering, 12, 0.2))
    assert max(n for _, _, n, _, _ in used) >= 12 > max(max(a, p) for a, p, _, _, _ in used)
    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(vectors))
        loss = triplet_loss(tensor, subjects, numbering, anchors=12, margin=0.2)
    touched = np.flatnonzero(np.abs(np.asarray(tape.gradient(loss, tensor))).sum(1))
    assert set(touched) == {row for a, p, n, _, _ in used for row in (a, p, n)}


def test_embedding_loss_is_the_mean_of_one_minus_cosine():
    rng = np.random.default_rng(0)
    a, b, has = batch(1)[0], batch(2)[0], rng.integers(0, 2, 24).astype(np.float64)
    expected = np.mean([1 - sum(x * y for x, y in zip(a[i], b[i], strict=True)) for i in range(24) if has[i]])
    assert value(embedding_loss(a, b, has)) == pytest.approx(expected, abs=1e-12)
    assert value(embedding_loss(a, a, has)) == pytest.approx(0, abs=1e-12)
    assert value(embedding_loss(a, -a, has)) == pytest.approx(2, abs=1e-12)
    assert value(embedding_loss(a, b, np.zeros(24))) == 0


@pytest.mark.parametrize("anchors", [4, 10, 24])
def test_harmonic_loss_is_the_triple_loop_over_both_networks_embeddings(anchors):
    ours, subjects, numbering = batch(3)
    theirs, has = unit(ours + 0.4 * np.random.default_rng(0).normal(size=ours.shape)), np.arange(24) % 3 != 1
    known = np.flatnonzero(has)
    first = known[known < anchors]
    order = [*range(anchors), *(24 + first), *range(anchors, 24), *(24 + known[known >= anchors])]
    vectors, labels = np.concatenate([ours, theirs])[order], [np.tile(one, 2)[order] for one in (subjects, numbering)]
    expected = loop_triplet_loss(vectors, *labels, anchors + len(first), 0.2)
    assert value(harmonic_loss(ours, theirs, has, subjects, numbering, anchors=anchors)) == pytest.approx(expected, abs=1e-12)
    assert expected != pytest.approx(loop_triplet_loss(ours, subjects, numbering, anchors, 0.2), abs=1e-6)


def test_harmonic_loss_without_a_teachers_word_is_the_triplets():
    ours, subjects, numbering = batch(3)
    expected = value(triplet_loss(ours, subjects, numbering, anchors=16))
    assert value(harmonic_loss(ours, -ours, np.zeros(24), subjects, numbering, anchors=16)) == pytest.approx(expected, abs=1e-12)


def test_pairwise_loss_is_the_double_loop():
    rng = np.random.default_rng(0)
    a, b, has = batch(1)[0], batch(2, d=9)[0], rng.integers(0, 2, 24).astype(np.float64)
    known = [i for i in range(24) if has[i]]
    expected = np.mean([(a[i] @ a[j] - b[i] @ b[j]) ** 2 for i in known for j in known])
    assert value(pairwise_loss(a, b, has)) == pytest.approx(expected, abs=1e-12)
    assert value(pairwise_loss(a, b, np.zeros(24))) == 0


def test_pairwise_loss_sees_only_how_embeddings_lie_to_each_other():
    a = batch(1)[0]
    turned = a @ np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0]
    assert value(pairwise_loss(turned, a, np.ones(24))) == pytest.approx(0, abs=1e-12)
    assert value(embedding_loss(turned, a, np.ones(24))) > 0.1


def test_distances_are_squared_l2():
    a, b = batch(1)[0], batch(2)[0]
    expected = [[np.sum((x - y) ** 2) for y in b] for x in a]
    assert np.asarray(distances(a, b)) == pytest.approx(np.array(expected), abs=1e-12)


OF_PEOPLE = {
    "semi-hard": lambda v, labels, anchors: triplet_loss(v, *labels, anchors=anchors),
    "batch-all": lambda v, labels, anchors: triplet_loss(v, *labels, anchors=anchors, mining="batch-all"),
    "batch-hard": lambda v, labels, anchors: triplet_loss(v, *labels, anchors=anchors, mining="batch-hard"),
    "emphasis": lambda v, labels, anchors: triplet_loss(v, *labels, anchors=anchors, positives=0.5),
    "contrastive": lambda v, labels, anchors: contrastive_loss(v, *labels, anchors=anchors),
    "verification": lambda v, labels, anchors: verification_loss(v, *labels, anchors=anchors, scale=5.0, shift=-2.0),
}

LOSSES = {name: lambda v, labels, targets, has, one=one: one(v, labels, 16) for name, one in OF_PEOPLE.items()} | {
    "harmonic": lambda v, labels, targets, has: harmonic_loss(v, targets, has, *labels, anchors=16),
    "embedding": lambda v, labels, targets, has: embedding_loss(v, targets, has),
    "pairwise": lambda v, labels, targets, has: pairwise_loss(v, targets, has),
}


@pytest.mark.parametrize("loss", OF_PEOPLE.values(), ids=OF_PEOPLE)
def test_the_order_of_rows_changes_nothing(loss):
    vectors, subjects, numbering = batch(7)
    before = value(loss(vectors, (subjects, numbering), 24))
    order = np.random.default_rng(0).permutation(24)
    assert before > 0
    assert value(loss(vectors[order], (subjects[order], numbering[order]), 24)) == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("loss", OF_PEOPLE.values(), ids=OF_PEOPLE)
def test_unknown_people_change_nothing(loss):
    vectors, subjects, numbering = batch(7)
    before = value(loss(vectors, (subjects, numbering), 24))
    unknown = subjects < 0
    known = ~unknown
    assert unknown.any()
    vectors[unknown] = unit(np.random.default_rng(0).normal(size=(unknown.sum(), 5)))
    assert value(loss(vectors, (subjects, numbering), 24)) == before
    without = value(loss(vectors[known], (subjects[known], numbering[known]), int(known.sum())))
    assert without == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("loss", OF_PEOPLE.values(), ids=OF_PEOPLE)
def test_people_of_two_numberings_have_nothing_to_do_with_each_other(loss):
    """One numbering's embeddings turned as a whole lie to each other as before."""
    vectors, subjects, numbering = batch(7)
    before = value(loss(vectors, (subjects, numbering), 24))
    turned = np.where(numbering[:, None] == 1, -vectors, vectors)
    assert value(loss(turned, (subjects, numbering), 24)) == pytest.approx(before, abs=1e-12)
    assert value(loss(turned, (subjects, np.zeros(24)), 24)) != pytest.approx(before, abs=1e-3)


@pytest.mark.parametrize("loss", OF_PEOPLE.values(), ids=OF_PEOPLE)
@pytest.mark.parametrize("subjects", [np.repeat(np.arange(4), 3), np.zeros(12, int), np.arange(12), np.full(12, -1)])
def test_equal_embeddings_have_finite_gradients(loss, subjects):
    """Of a network that has collapsed, or of the same picture twice, whatever pairs there are."""
    vectors = tf.Variable(np.ones((12, 4), np.float32))
    with tf.GradientTape() as tape:
        result = loss(unit(vectors), (subjects, np.zeros(12)), 12)
    gradient = tape.gradient(result, vectors)
    assert np.isfinite(value(result)) and np.abs(np.asarray(gradient)).max() < 0.1


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_finite_differences(name):
    """In float64, through the unit length; central differences of 1e-6 agree to 1e-7."""
    rng = np.random.default_rng(5)
    vectors, subjects, numbering = batch(4)
    vectors = vectors * rng.uniform(0.5, 2, (24, 1))
    rest = ((subjects, numbering), batch(6)[0], rng.integers(0, 2, 24).astype(np.float64))

    def loss(v):
        return LOSSES[name](unit(v), *rest)

    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(vectors))
        result = loss(tensor)
    gradient = np.asarray(tape.gradient(result, tensor))
    for row, column in zip(rng.integers(0, 24, 40), rng.integers(0, 5, 40), strict=True):
        step = np.zeros_like(vectors)
        step[row, column] = 1e-6
        difference = (value(loss(vectors + step)) - value(loss(vectors - step))) / 2e-6
        assert gradient[row, column] == pytest.approx(difference, abs=1e-7)
    assert np.abs(gradient).max() > 1e-3


def test_unit_length_of_a_zero_embedding_is_finite():
    with tf.GradientTape() as tape:
        tape.watch(zero := tf.zeros((2, 4)))
        vectors = unit(zero)
    assert not np.asarray(vectors).any()
    assert np.isfinite(np.asarray(tape.gradient(vectors, zero))).all()


def test_float32_agrees_with_float64():
    vectors, subjects, numbering = batch(2)
    single, double = (value(triplet_loss(vectors.astype(kind), subjects, numbering, anchors=24)) for kind in (np.float32, np.float64))
    assert single == pytest.approx(double, rel=1e-5)


def test_a_loss_of_nan_stays_nan():
    """What the run looks at to notice it."""
    vectors, subjects, numbering = batch(2)
    vectors[3] = np.nan
    assert np.isnan(value(triplet_loss(vectors, subjects, numbering, anchors=24)))
