"""The Siamese head against plain loops and scikit-learn."""

from __future__ import annotations

from math import exp, log

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from facelite.training.losses import unit
from facelite.training.siamese import features, siamese_loss

FORMS = ("absolute", "chi-square")


def batch(seed, n=24, d=5):
    """As in test_losses: unit vectors of people, of unknown people and of two numberings."""
    rng = np.random.default_rng(seed)
    subjects = rng.integers(-1, 5, n)
    vectors = rng.normal(size=(7, d))[subjects] + 0.7 * rng.normal(size=(n, d))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), subjects, (rng.random(n) < 0.2).astype(int)


def value(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def loop_features(a, b, form):
    if form == "absolute":
        return [abs(x - y) for x, y in zip(a, b, strict=True)]
    return [(x - y) ** 2 / (abs(x) + abs(y)) for x, y in zip(a, b, strict=True)]


def loop_siamese(vectors, subjects, numbering, anchors, weights, bias, form):
    genuine, impostor = [], []
    for a in range(anchors):
        for b in range(len(vectors)):
            if a == b or min(subjects[a], subjects[b]) < 0 or numbering[a] != numbering[b]:
                continue
            same = 1 / (1 + exp(sum(w * f for w, f in zip(weights, loop_features(vectors[a], vectors[b], form), strict=True)) - bias))
            if subjects[a] == subjects[b]:
                genuine.append(-log(same))
            else:
                impostor.append(-log(1 - same))
    return sum(genuine) / len(genuine) + sum(impostor) / len(impostor)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("anchors", [10, 24])
def test_it_is_the_plain_loop(form, anchors):
    vectors, subjects, numbering = batch(1)
    weights, bias = np.random.default_rng(0).normal(size=5), 0.7
    expected = loop_siamese(vectors, subjects, numbering, anchors, weights, bias, form)
    found = siamese_loss(vectors, subjects, numbering, anchors=anchors, weights=weights, bias=bias, form=form)
    assert value(found) == pytest.approx(expected, abs=1e-5)  # the form's divisor has 1e-6 more


def test_another_form_is_refused():
    with pytest.raises(ValueError, match="expected a form out of absolute, chi-square, got 'cosine'"):
        features(np.ones(3), np.ones(3), form="cosine")


@pytest.mark.parametrize("form", FORMS)
def test_its_minimum_is_scikit_learn_s_balanced_logistic_regression(form):
    vectors, subjects, numbering = batch(1)
    pairs = [(a, b) for a in range(24) for b in range(24) if a != b and min(subjects[a], subjects[b]) >= 0 and numbering[a] == numbering[b]]
    x = [loop_features(vectors[a], vectors[b], form) for a, b in pairs]
    model = LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-10, max_iter=10_000)
    model.fit(x, [subjects[a] == subjects[b] for a, b in pairs])
    weights, bias = tf.constant(-model.coef_[0]), tf.constant(model.intercept_[0])
    with tf.GradientTape() as tape:
        tape.watch([weights, bias])
        loss = siamese_loss(vectors, subjects, numbering, anchors=24, weights=weights, bias=bias, form=form)
    assert np.abs(np.concatenate([np.ravel(gradient) for gradient in tape.gradient(loss, [weights, bias])])).max() < 1e-4
    assert value(loss) < 2 * log(2)  # what it is at weights of zero


@pytest.mark.parametrize("form", FORMS)
def test_order_unknown_people_and_other_numberings_change_nothing(form):
    """All of one numbering negated: neither form sees it."""
    head = {"weights": np.random.default_rng(0).normal(size=5), "bias": 0.7, "form": form}
    vectors, subjects, numbering = batch(1)
    before, known = value(siamese_loss(vectors, subjects, numbering, anchors=24, **head)), subjects >= 0
    order = np.random.default_rng(0).permutation(24)
    moved = np.where((numbering[:, None] == 1) | (subjects[:, None] < 0), -vectors, vectors)
    assert 0 < known.sum() < 24 and 0 < numbering.sum() < 24
    for changed, rows in ((vectors, order), (vectors, known), (moved, np.arange(24))):
        count = len(changed[rows])
        assert value(siamese_loss(changed[rows], subjects[rows], numbering[rows], anchors=count, **head)) == pytest.approx(before, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_finite_differences(form):
    """To embeddings, weights and bias, in float64; central differences of 1e-7 agree to 1e-5, since some features are close to a kink."""
    vectors, subjects, numbering = batch(1)
    rng = np.random.default_rng(0)
    flat = np.concatenate([2 * vectors.ravel(), rng.normal(size=6)])

    def total(all_of_it):
        embeddings, head = keras.ops.reshape(all_of_it[:120], (24, 5)), all_of_it[120:]
        return siamese_loss(unit(embeddings), subjects, numbering, anchors=16, weights=head[:5], bias=head[5], form=form)

    with tf.GradientTape() as tape:
        tape.watch(tensor := tf.constant(flat))
        result = total(tensor)
    gradient = np.asarray(tape.gradient(result, tensor))
    for i in [*rng.integers(0, 120, 30), *range(120, 126)]:
        step = np.zeros_like(flat)
        step[i] = 1e-7
        assert gradient[i] == pytest.approx((value(total(flat + step)) - value(total(flat - step))) / 2e-7, abs=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("vectors", [np.zeros((4, 3)), np.eye(4, 3), np.ones((4, 3))])
def test_gradients_are_finite_where_numbers_are_zero_or_equal(form, vectors):
    tensor = tf.Variable(vectors, dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = siamese_loss(unit(tensor), np.array([0, 0, 1, 1]), np.zeros(4), anchors=4, weights=np.ones(3, np.float32), bias=1.0, form=form)
    assert np.isfinite(value(loss)) and np.isfinite(np.asarray(tape.gradient(loss, tensor))).all()
