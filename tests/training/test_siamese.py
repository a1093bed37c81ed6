"""The Siamese head against plain loops and scikit-learn."""

from __future__ import annotations

import shutil
from math import exp, log

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from facelite import distance
from facelite.errors import InputError
from facelite.networks import NETWORKS
from facelite.networks.weights import BEST
from facelite.training import fit
from facelite.training.losses import unit
from facelite.training.recipe import Loss
from facelite.training.run import HEAD, STATE
from facelite.training.siamese import features, pack_siamese, siamese_head, siamese_loss

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


@pytest.mark.parametrize("form", FORMS)
def test_a_bundle_s_features_are_those_that_the_head_was_trained_by(form):
    """Of any vectors in any shape, also where both numbers are zero, and so its distances are what the loss weighs."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(5, 1, 8)).astype(np.float32), rng.normal(size=(1, 7, 8)).astype(np.float32)
    a[0, 0, :3], b[0, 0, :5] = 0, 0
    ours, theirs = distance.features(a, b, form=form), keras.ops.convert_to_numpy(features(a, b, form=form))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert ours.dtype == theirs.dtype == np.float32
    weights = rng.random(8).astype(np.float32)
    head = distance.scaled(weights, form=form)
    np.testing.assert_allclose(head.pairs(a, b) * np.linalg.norm(weights) / distance.LONGEST, (theirs * weights).sum(-1), rtol=1e-5)


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


# in a run


@pytest.fixture(scope="module")
def judged(tmp_path_factory, faces, recipe, small):
    """A run with a head that was best at its second judgement of four, and the head's average at each of them."""
    out, values, heads = tmp_path_factory.mktemp("judged") / "run", iter([0.3, 0.7, 0.7, 0.5]), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", small)
        write_best, made_up = fit._Run.judge, fit.judge

        def judge(run):
            heads.append([value.copy() for value in run.state.head])
            write_best(run)

        patch.setattr(fit._Run, "judge", judge)
        patch.setattr(fit, "judge", lambda *given: made_up(*given) | {"val": next(values)})
        fit.train(recipe(judge=1.0, loss=Loss(siamese=1, siamese_form="chi-square")), faces, out)
    return out, heads


def test_the_head_is_that_of_the_step_that_was_best(judged, arrays):
    """In its file, and in the state, from which a resumed run writes it again."""
    out, heads = judged
    state = arrays(out / STATE)
    kept = [state[name] for name in sorted(state) if name.startswith("best_")][-2:]
    assert (kept[0] == heads[1][0]).all() and kept[1] == heads[1][1]
    head = siamese_head(out)
    assert len(heads) == 4 and head.form == "chi-square"
    assert (head.weights == heads[1][0]).all() and head.bias == heads[1][1]
    assert all((heads[i][0] != heads[1][0]).any() for i in (0, 2, 3))


def test_the_head_of_other_weights_is_none(judged, tmp_path):
    """A kill between the two files, a damaged one, a missing one."""
    out, _ = judged
    run = shutil.copytree(out, tmp_path / "run")
    for change, match in (
        (
            lambda: (run / BEST).write_bytes((out / BEST).read_bytes() + b"0"),
            f"expected the Siamese head of {BEST}, got that of other weights; go on",
        ),
        (lambda: (run / HEAD).write_bytes((out / HEAD).read_bytes()[:100]), f"expected the Siamese head of {BEST}, got .*; go on"),
        (lambda: (run / HEAD).write_bytes((out / STATE).read_bytes()), f"expected the Siamese head of {BEST}, got .*weights.*; go on"),
        (lambda: (run / BEST).unlink(), f"expected the Siamese head of {BEST}, got .*No such file"),
        (lambda: (run / HEAD).unlink(), "expected a Siamese head, got none; train with loss.siamese"),
    ):
        change()
        with pytest.raises(InputError, match=f"{HEAD}: {match}"):
            siamese_head(run)
        shutil.copy(out / BEST, run)
    with pytest.raises(InputError, match="expected the recipe of a run, got Not a directory; name a run folder"):
        siamese_head(out / BEST)


def test_a_head_comes_back_from_its_file(judged, tmp_path):
    run = shutil.copytree(judged[0], tmp_path / "run")
    weights, bias = np.arange(3, dtype=np.float32), np.array(0.5, np.float32)
    (run / HEAD).write_bytes(pack_siamese(weights, bias, best=(run / BEST).read_bytes()))
    head = siamese_head(run)
    assert (head.weights == weights).all() and head.bias == bias
