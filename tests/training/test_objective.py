"""The recipe's losses as a run trains by them: their sum, what they own, that each of them learns, and the recipes that are refused."""

from __future__ import annotations

from math import exp

import keras
import numpy as np
import pytest

from facelite.errors import InputError, RecipeError
from facelite.networks import NETWORKS, Network
from facelite.networks.table import Flatten
from facelite.networks.weights import read_weights
from facelite.recipe import parse
from facelite.training import fit
from facelite.training.identities import centre_loss, least_scale, softmax_loss
from facelite.training.losses import contrastive_loss, embedding_loss, pairwise_loss, triplet_loss, unit, verification_loss
from facelite.training.objective import Objective
from facelite.training.recipe import Loss, NetworkChoice, Schedule, Teacher, TrainingRecipe, TrainingSet
from facelite.training.run import STATE
from facelite.training.siamese import features, siamese_head, siamese_loss
from facelite.training.state import TrainingState

PEOPLE = np.array([(0, i) for i in range(30)])
STEPS = 100
ALONE = {
    "semi-hard": Loss(),
    "emphasis": Loss(positives=0.5),
    "batch-all": Loss(mining="batch-all"),
    "batch-hard": Loss(mining="batch-hard"),
    "contrastive": Loss(triplet=0, contrastive=1),
    "verification": Loss(triplet=0, verification=1),
    "softmax": Loss(triplet=0, softmax=1),
    "absolute": Loss(triplet=0, siamese=1),
    "chi-square": Loss(triplet=0, siamese=1, siamese_form="chi-square"),
    "embedding": Loss(triplet=0, embedding=1),
    "pairwise": Loss(triplet=0, pairwise=1),
}


@pytest.fixture
def state(monkeypatch):
    """state(loss): of a run of STEPS steps of a network without a convolution."""
    monkeypatch.setitem(NETWORKS, "linear", Network("linear", 8, 8, (Flatten("flatten"),), 16))

    def make(loss):
        schedule = Schedule(batch=40, labelled=32, pictures=4, rate=0.01, precision="float32")
        recipe = TrainingRecipe(NetworkChoice("linear"), (TrainingSet("."),), "linear", teacher=Teacher("none"), loss=loss, schedule=schedule)
        return TrainingState(recipe, PEOPLE, per_epoch=10, steps=STEPS)

    return make


def pictures(people, seed):
    """(n, 8, 8, 3) of synthetic people: six directions of the pictures tell them apart, six louder ones do not."""
    rng, axes = np.random.default_rng([0, seed]), np.linalg.qr(np.random.default_rng(0).normal(size=(192, 12)))[0].T
    x = traits(people) @ axes[:6] + 3 * rng.normal(size=(len(people), 6)) @ axes[6:] + 0.05 * rng.normal(size=(len(people), 192))
    return x.reshape(-1, 8, 8, 3).astype(np.float32)


def traits(people):
    return np.stack([np.random.default_rng([1, int(person)]).normal(size=6) for person in people])


def batch(step):
    """Eight people with four pictures each, and eight pictures of all, half of them unlabelled; the teacher knows everybody's traits."""
    rng = np.random.default_rng([2, step])
    people = np.concatenate([np.repeat(rng.choice(30, 8, replace=False), 4), rng.integers(0, 30, 8)])
    targets, labels = unit(traits(people) @ np.eye(6, 16)), np.where(np.arange(40) < 36, people, -1)
    y = np.concatenate([targets, np.ones((40, 1)), labels[:, None], np.zeros((40, 1))], axis=1)
    return pictures(people, step), y.astype(np.float32)


def told_apart(state):
    """Over other people: how often a genuine pair lies closer than an impostor pair, and the mean distance of genuine pairs."""
    people = np.repeat(np.arange(100, 120), 6)
    vectors = np.asarray(unit(state.trainer.predict_on_batch(pictures(people, 10**6))))
    first, second = np.triu_indices(len(people), 1)
    d, genuine = np.square(vectors[first] - vectors[second]).sum(1), people[first] == people[second]
    return np.mean(d[genuine][:, None] < d[~genuine]), d[genuine].mean()


@pytest.mark.parametrize("loss", ALONE.values(), ids=ALONE)
def test_each_loss_alone_learns_to_tell_other_people_apart(state, loss):
    learning = state(loss)
    before, _ = told_apart(learning)
    losses = [learning.take_step(*batch(step)) for step in range(STEPS)]
    after, _ = told_apart(learning)
    assert before < 0.65 and after > 0.85
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert all((np.asarray(variable) != 0).any() for variable in learning.objective.variables)


def test_centres_beside_the_softmax_draw_people_together(state):
    without, beside = state(Loss(triplet=0, softmax=1)), state(Loss(triplet=0, softmax=1, centre=3))
    for step in range(STEPS):
        without.take_step(*batch(step))
        beside.take_step(*batch(step))
    assert told_apart(beside)[1] < 0.8 * told_apart(without)[1]
    assert told_apart(beside)[0] > 0.85
    vectors, people = np.asarray(unit(beside.trainer.predict_on_batch(pictures(np.arange(30), 7)))), np.asarray(beside.objective.centres)
    assert (np.linalg.norm(vectors[:, None] - people, axis=2).argmin(1) == np.arange(30)).mean() > 0.9


@pytest.fixture
def owned():
    """What an objective of all terms owns, in place of what it begins with."""
    rng = np.random.default_rng(0)
    values = {"classifier": (30, 16), "centres": (30, 16), "verification_scale": (), "verification_shift": (), "siamese_weights": (16,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in values.items()} | {"siamese_bias": np.float32(0.5)}


def test_the_sum_is_that_of_the_weighted_terms(owned):
    told = {"margin": 0.3, "mining": "batch-all", "positives": 0.5, "contrastive_margin": 1.1, "scale": 4.0, "siamese_form": "chi-square"}
    weights = {"triplet": 2, "contrastive": 3, "verification": 5, "softmax": 7, "centre": 11, "siamese": 13, "embedding": 17, "pairwise": 19}
    objective = Objective(Loss(**weights, **told), PEOPLE, embedding=16, anchors=32, seed=0)
    for variable in objective.variables:
        variable.assign(owned[variable.name])
    y, embeddings = batch(0)[1], np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32)
    v, targets, has, *labels = unit(embeddings), y[:, :-3], y[:, -3], y[:, -2], y[:, -1]
    head = {"weights": owned["siamese_weights"], "bias": 0.5, "form": "chi-square"}
    expected = (
        2 * triplet_loss(v, *labels, anchors=32, margin=0.3, mining="batch-all", positives=0.5)
        + 3 * contrastive_loss(v, *labels, anchors=32, margin=1.1)
        + 5 * verification_loss(v, *labels, anchors=32, scale=owned["verification_scale"], shift=owned["verification_shift"])
        + 7 * softmax_loss(v, *labels, people=PEOPLE, classifier=owned["classifier"], scale=4.0)
        + 11 * centre_loss(v, *labels, people=PEOPLE, centres=owned["centres"])
        + 13 * siamese_loss(v, *labels, anchors=32, **head)
        + 17 * embedding_loss(v, targets, has)
        + 19 * pairwise_loss(v, targets, has)
    )
    assert float(objective(y, embeddings)) == pytest.approx(float(expected), rel=1e-5)


def test_a_term_without_a_weight_owns_nothing_and_is_not_computed():
    """Its scale, centres and head do not exist: a term that was computed would ask for them."""
    objective = Objective(Loss(), PEOPLE, embedding=16, anchors=32, seed=0)
    assert objective.variables == [] and np.isfinite(objective(batch(0)[1], np.ones((40, 16), np.float32)))


def test_the_optimizer_trains_what_the_terms_own_but_for_the_centres(state):
    learning = state(Loss(softmax=1, centre=1, verification=1, siamese=1))
    trained = {variable.name for variable in learning.objective.trainable_variables}
    assert trained == {"classifier", "verification_scale", "verification_shift", "siamese_weights", "siamese_bias"}
    assert {variable.name for variable in learning.objective.variables} - trained == {"centres"}
    assert not any(learning.optimizer._use_weight_decay(variable) for variable in learning.objective.trainable_variables)
    before = {name: value.copy() for name, value in learning.arrays().items()}
    learning.take_step(*batch(0))
    assert all((before[name] != value).any() for name, value in learning.arrays().items() if name.startswith("objective_"))


@pytest.mark.parametrize("form", ["absolute", "chi-square"])
def test_new_heads_answer_for_equal_and_for_unrelated_vectors(form):
    objective = Objective(Loss(siamese=1, verification=1, siamese_form=form), PEOPLE, embedding=128, anchors=32, seed=0)
    a, b = np.asarray(unit(np.random.default_rng(0).normal(size=(2, 500, 128)).astype(np.float32)))
    weights, bias = np.asarray(objective.siamese_weights), float(objective.siamese_bias)
    odds = bias - np.asarray(features(a, b, form=form)) @ weights
    assert 1 / (1 + exp(-bias)) == pytest.approx(0.993, abs=1e-3) and -7 < odds.mean() < -4.5
    odds = float(objective.verification_scale) * (a * b).sum(1) + float(objective.verification_shift)
    assert odds.mean() == pytest.approx(-5, abs=0.1)


def test_the_scale_is_the_recipe_s_or_the_least():
    assert Objective(Loss(softmax=1, scale=12.0), PEOPLE, embedding=16, anchors=32, seed=0).scale == 12
    assert Objective(Loss(softmax=1), PEOPLE, embedding=16, anchors=32, seed=0).scale == least_scale(PEOPLE)


# in a run


@pytest.mark.usefixtures("small_network")
def test_what_the_terms_own_is_in_the_state_alone(tmp_path, faces, recipe, arrays):
    """Not among the averaged weights, or the network's; of the Siamese head there is an average of its own, which is kept with the best weights."""
    fit.train(recipe(epochs=1.0), faces, tmp_path / "without")
    fit.train(recipe(epochs=1.0, loss=Loss(softmax=1, centre=1, siamese=1, siamese_form="chi-square")), faces, tmp_path / "with")
    without, own = (arrays(tmp_path / name / STATE) for name in ("without", "with"))
    names = {"objective_classifier", "objective_centres", "objective_siamese_weights", "objective_siamese_bias"}
    assert {name for name in own if name.startswith("objective_")} == names and own["objective_centres"].shape == (12, 16)
    count = sum(name.startswith("average_") for name in without)
    kept = {"head_0000", "head_0001", f"best_{count:04d}", f"best_{count + 1:04d}"}
    assert {name for name in without if not name.startswith("optimizer")} == {name for name in own if not name.startswith("optimizer")} - names - kept
    assert set(read_weights(tmp_path / "with")) == set(read_weights(tmp_path / "without"))
    head = siamese_head(tmp_path / "with")
    assert head.form == "chi-square" and head.weights.shape == (16,)
    for value, name, learned in ((head.weights, "head_0000", "siamese_weights"), (head.bias, "head_0001", "siamese_bias")):
        assert (value == own[name]).all() and (value != own[f"objective_{learned}"]).all()
    assert (own[f"best_{count:04d}"] == head.weights).all() and own[f"best_{count + 1:04d}"] == head.bias  # there was one judgement, the last step's
    with pytest.raises(InputError, match="expected a Siamese head, got none"):
        siamese_head(tmp_path / "without")


def test_the_head_is_averaged_as_the_weights_are(state):
    """Both by one loop over the steps: the decay is that of the schedule once so many steps are behind it."""
    one = state(Loss(siamese=1))
    own = [one.objective.siamese_weights, one.objective.siamese_bias]
    expected = [np.array(keras.ops.convert_to_numpy(value), np.float64) for value in (*one.model.get_weights(), *own)]
    for step in range(1, 6):
        one.take_step(*batch(step))
        decay = min(one.recipe.schedule.average, (1 + step) / (10 + step))
        for mean, value in zip(expected, (*one.model.get_weights(), *map(keras.ops.convert_to_numpy, own)), strict=True):
            mean[...] = decay * mean + (1 - decay) * value
    for value, mean in zip([*one.average, *one.head], expected, strict=True):
        np.testing.assert_allclose(value, mean, rtol=1e-4, atol=1e-6)
    assert not np.allclose(one.head[0], keras.ops.convert_to_numpy(own[0]))
    assert state(Loss()).head == []


def test_a_state_of_before_there_was_an_average_of_the_head_is_taken_up(state):
    one, other = state(Loss(siamese=1)), state(Loss(siamese=1))
    one.take_step(*batch(0))
    other.restore({name: value for name, value in one.arrays().items() if not name.startswith("head_")})
    assert (other.head[0] == one.arrays()["objective_siamese_weights"]).all()


def test_a_state_is_restored_with_what_the_terms_own(state):
    loss = Loss(softmax=1, centre=1, siamese=1, verification=1)
    one, other = state(loss), state(loss)
    one.take_step(*batch(0))
    other.restore(one.arrays())
    assert all((value == one.arrays()[name]).all() for name, value in other.arrays().items())
    arrays = one.arrays()
    with pytest.raises(ValueError, match="shape"):
        other.restore(arrays | {"objective_centres": np.zeros((31, 16), np.float32)})
    del arrays["objective_centres"]
    with pytest.raises(KeyError, match="objective_centres"):
        other.restore(arrays)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"triplet": 0}, "weights >= 0, one of them"),
        ({"softmax": -1}, "weights >= 0"),
        ({"contrastive_margin": 0}, "margins > 0"),
        ({"triplet": 0, "centre": 1}, "another term beside centre"),
        ({"positives": 0}, "0 < positives <= 1"),
        ({"positives": 1.1}, "0 < positives <= 1"),
        ({"centre_rate": 0}, "0 < centre_rate <= 1"),
        ({"scale": -1}, "scale >= 0"),
        ({"mining": "hard"}, "semi-hard, batch-hard, batch-all"),
        ({"siamese_form": "chi"}, "absolute, chi-square"),
    ],
)
def test_an_impossible_loss_is_refused(wrong, named):
    with pytest.raises(RecipeError, match=named):
        parse({"loss": wrong, "network": {"name": "nns2"}, "data": [{"folder": "a"}], "space": "x"}, TrainingRecipe)


def test_an_old_recipe_reads_as_it_did():
    loss = parse({"triplet": 0.5, "margin": 0.3, "embedding": 1, "pairwise": 10}, Loss)
    assert loss == Loss(triplet=0.5, margin=0.3, embedding=1, pairwise=10)
    assert loss.mining == "semi-hard" and loss.positives == 1
    assert not any((loss.contrastive, loss.verification, loss.softmax, loss.centre, loss.siamese))
