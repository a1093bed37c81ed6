"""Softmax over people and centres against plain loops, and what must change nothing."""

from __future__ import annotations

from math import exp, log

import keras
import numpy as np
import pytest
import tensorflow as tf

from facelite.training.identities import centre_loss, least_scale, moved_centres, people_masks, people_of, softmax_loss
from facelite.training.losses import unit

PEOPLE = np.array([(0, 0), (0, 1), (0, 4), (1, 0), (1, 2), (1, 3), (2, 5)])
"""Numbering and subject: 0 of numbering 0 and 0 of numbering 1 are two classes, and may be one person."""


def batch(seed, n=24, d=5):
    """Unit vectors of people, of unknown people and of people of a numbering without classes; and something (c, d) for the classes."""
    rng = np.random.default_rng(seed)
    numbering, subjects = np.concatenate([PEOPLE, [(0, -1), (1, -1), (3, -1)]])[rng.integers(0, 10, n)].T
    vectors = rng.normal(size=(n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), subjects, numbering, rng.normal(size=(len(PEOPLE), d))


def value(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def loop_softmax(vectors, subjects, numbering, classifier, scale):
    terms = []
    for x, subject, group in zip(vectors, subjects, numbering, strict=True):
        if subject < 0:
            continue
        logits = {one: scale * float(x @ w) / float(w @ w) ** 0.5 for (g, one), w in zip(PEOPLE, classifier, strict=True) if g == group}
        terms.append(-log(exp(logits[subject]) / sum(exp(logit) for logit in logits.values())))
    return sum(terms) / len(terms)


def loop_centres(vectors, subjects, numbering, centres):
    """The loss, and the centres after the batch at a rate of 0.5."""
    terms, moved = [], np.array(centres)
    for i, (group, one) in enumerate(PEOPLE):
        rows = [x for x, subject, g in zip(vectors, subjects, numbering, strict=True) if subject == one and g == group]
        terms += [float(((x - centres[i]) ** 2).sum()) / 2 for x in rows]
        moved[i] -= 0.5 * sum((centres[i] - x for x in rows), np.zeros(len(centres[i]))) / (1 + len(rows))
    return sum(terms) / len(terms), moved


@pytest.mark.parametrize("seed", range(4))
def test_softmax_is_the_plain_loop_over_the_people_of_a_row_s_own_numbering(seed):
    vectors, subjects, numbering, classifier = batch(seed)
    expected = loop_softmax(vectors, subjects, numbering, classifier, 7.0)
    found = softmax_loss(vectors, subjects, numbering, people=PEOPLE, classifier=classifier, scale=7.0)
    assert value(found) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_centres_are_the_plain_loop(seed):
    vectors, subjects, numbering, centres = batch(seed)
    expected, after = loop_centres(vectors, subjects, numbering, centres)
    assert value(centre_loss(vectors, subjects, numbering, people=PEOPLE, centres=centres)) == pytest.approx(expected, abs=1e-12)
    moved = np.asarray(moved_centres(vectors, subjects, numbering, people=PEOPLE, centres=centres, rate=0.5))
    assert moved == pytest.approx(after, abs=1e-12)
    assert (moved != centres).any()


def test_a_centre_comes_to_lie_in_the_middle_of_its_pictures():
    """Its distance to their mean shrinks by 1 - rate * k / (1 + k) with each batch of k of them."""
    vectors, subjects, numbering = np.eye(3), np.zeros(3, int), np.zeros(3, int)
    people, centres = np.array([(0, 0), (0, 1)]), np.zeros((2, 3))
    for _ in range(40):
        centres = np.asarray(moved_centres(vectors, subjects, numbering, people=people, centres=centres, rate=0.5))
    assert centres == pytest.approx(np.array([[1 / 3] * 3, [0] * 3]), abs=(1 - 0.5 * 3 / 4) ** 40)


def test_the_least_scale_lets_the_softmax_be_99_percent_sure():
    """Every picture at its person's direction, and these as far apart as four can be: cosines of -1/3."""
    corners = np.array([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)], float)
    people = np.array([(0, i) for i in range(4)])
    found = softmax_loss(unit(corners), np.arange(4), np.zeros(4, int), people=people, classifier=corners, scale=least_scale(people))
    assert exp(-value(found)) == pytest.approx(0.99, abs=1e-9)
    assert least_scale(np.concatenate([people, [(1, 0), (1, 1), (1, 2)]])) == least_scale(people)  # the largest numbering counts
    assert least_scale(people[:1]) > 0  # where nobody is told from anybody


LOSSES = {
    "softmax": lambda v, labels, owned: softmax_loss(v, *labels, people=PEOPLE, classifier=owned, scale=7.0),
    "centre": lambda v, labels, owned: centre_loss(v, *labels, people=PEOPLE, centres=owned),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_order_and_unknown_people_change_nothing(loss):
    vectors, subjects, numbering, owned = batch(5)
    before, known = value(loss(vectors, (subjects, numbering), owned)), subjects >= 0
    order = np.random.default_rng(0).permutation(24)
    assert value(loss(vectors[order], (subjects[order], numbering[order]), owned)) == pytest.approx(before, abs=1e-12)
    assert 0 < known.sum() < 24
    assert value(loss(vectors[known], (subjects[known], numbering[known]), owned)) == pytest.approx(before, abs=1e-12)
    assert value(loss(np.where(known[:, None], vectors, -vectors), (subjects, numbering), owned)) == before


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_picture_has_nothing_to_do_with_the_people_of_another_numbering(loss):
    """Neither does the loss depend on their directions and centres, nor do those have a gradient."""
    vectors, subjects, numbering, owned = batch(5)
    rows = numbering == 0
    labels = (subjects[rows], numbering[rows])
    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(owned))
        result = loss(vectors[rows], labels, tensor)
    touched = np.abs(np.asarray(tape.gradient(result, tensor))).sum(1)
    assert (touched[PEOPLE[:, 0] == 0] > 0).all() and not touched[PEOPLE[:, 0] != 0].any()
    others = np.where(PEOPLE[:, :1] == 0, owned, np.random.default_rng(0).normal(size=owned.shape))
    assert value(loss(vectors[rows], labels, others)) == value(result)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_without_a_known_person_the_loss_and_its_gradients_are_zero(loss):
    vectors, _, numbering, owned = batch(5)
    tensors = [tf.constant(vectors, tf.float32), tf.constant(owned, tf.float32)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = loss(unit(tensors[0]), (np.full(24, -1), numbering), tensors[1])
    assert value(result) == 0
    assert not any(np.asarray(gradient).any() for gradient in tape.gradient(result, tensors) if gradient is not None)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_gradients_are_finite_differences(loss):
    """To the embeddings and to what the loss owns, in float64; central differences of 1e-6 agree to 1e-7."""
    vectors, subjects, numbering, owned = batch(5)

    def total(both):
        return loss(unit(both[:24]), (subjects, numbering), both[24:])

    both, rng = np.concatenate([2 * vectors, owned]), np.random.default_rng(0)
    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(both))
        result = total(tensor)
    gradient = np.asarray(tape.gradient(result, tensor))
    for row, column in zip(rng.integers(0, len(both), 40), rng.integers(0, 5, 40), strict=True):
        step = np.zeros_like(both)
        step[row, column] = 1e-6
        assert gradient[row, column] == pytest.approx((value(total(both + step)) - value(total(both - step))) / 2e-6, abs=1e-7)


def test_a_centre_that_has_seen_no_picture_draws_nobody():
    """It lies at zero, from where all directions are equally far."""
    vectors, subjects, numbering, _ = batch(5)
    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(3 * vectors))
        loss = centre_loss(unit(tensor), subjects, numbering, people=PEOPLE, centres=np.zeros((7, 5)))
    assert np.abs(np.asarray(tape.gradient(loss, tensor))).max() < 1e-12


def test_the_people_are_those_of_the_labelled_pictures(faces):
    training = faces[0]
    people = people_of(training)
    assert [tuple(one) for one in people.tolist()] == sorted(set(zip(training.numbering.tolist(), training.subjects.tolist(), strict=True)))
    assert len(people) == training.people == 12
    own, near = (np.asarray(mask) for mask in people_masks(training.subjects, training.numbering, people))
    assert (own.sum(1) == 1).all() and near.all()
