"""Training that begins with trained weights: they teach, they are judged first, and they stay where training does not help."""

from __future__ import annotations

import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from facelite.calibration import compare_all, rates
from facelite.errors import InputError
from facelite.evaluation.cache import Cache
from facelite.networks import NETWORKS, build, set_weights
from facelite.networks.weights import read_weights
from facelite.preprocess import Preprocessing
from facelite.training import fit
from facelite.training.augment import view, view_matrix
from facelite.training.dataset import load
from facelite.training.judging import embed_crops, gain
from facelite.training.recipe import FINE_JUDGEMENTS, FINE_RATE, Loss, Teacher, TrainingSet, default_recipe
from facelite.training.run import INIT, STATE, TEACHER
from facelite.training.teach import teach

pytestmark = pytest.mark.usefixtures("small_network")

HOLD = {"teacher": Teacher(), "loss": Loss(embedding=1.0)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory, tiny, small, recipe):
    """Those of a run of 30 steps with random ones."""
    patch = pytest.MonkeyPatch()
    patch.setitem(NETWORKS, "small", small)
    patch.setattr(fit, "LOG_SECONDS", math.inf)
    result = fit.train(recipe(epochs=10.0, optimizer="adamw"), load(tiny, (TrainingSet("."),), None), tmp_path_factory.mktemp("first") / "out")
    patch.undo()
    return read_weights(result.weights.parent)


def embed(weights, faces, small):
    model = build(small, keras=keras)
    set_weights(model, weights)
    return embed_crops(model, faces, small)


def test_the_first_weights_teach_what_they_make_of_each_crop(tmp_path, faces, weights, small, recipe, monkeypatch):
    seen = []
    make = fit.batches
    monkeypatch.setattr(fit, "batches", lambda recipe, taught, **options: seen.append(taught) or make(recipe, taught, **options))
    fit.train(recipe(**HOLD), faces, tmp_path, init=weights, stop=lambda step: step == 1)
    fit.train(recipe(**HOLD), faces, tmp_path, resume=True, stop=lambda step: step == 2)  # which knows them still
    for taught in seen:
        assert taught.has_target.all()
        np.testing.assert_allclose(taught.targets, embed(weights, faces[0], small), atol=1e-3)  # kept in half precision
    assert len(seen) == 2


def test_a_hold_keeps_the_embeddings_near(tmp_path, faces, weights, small, recipe):
    """The mean distance that the embeddings of held-out people have moved."""
    before, moved = embed(weights, faces[1], small), {}
    for name, options in (("held", HOLD), ("free", {})):
        fit.train(recipe(epochs=8.0, average=0.0, optimizer="adamw", **options), faces, tmp_path / name, init=weights)
        with np.load(tmp_path / name / STATE) as state:
            model = build(small, keras=keras)
            model.set_weights([state[key] for key in sorted(state.files) if key.startswith("average_")])
        moved[name] = np.square(embed_crops(model, faces[1], small) - before).sum(1).mean()
    assert moved["held"] < 0.8 * moved["free"]


def test_the_first_weights_stay_the_best_where_training_spoils_them(tmp_path, faces, weights, small, recipe):
    result = fit.train(recipe(rate=3.0, judge=1.0, precision="float32"), faces, tmp_path, init=weights)
    measured = rates(compare_all(embed(weights, faces[1], small), faces[1].subjects, numbering=faces[1].numbering))
    assert result.val == pytest.approx(1 - measured.eer, abs=1e-6)
    for name, values in read_weights(tmp_path).items():
        for ours, theirs in zip(values, weights[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert (result.gain.low, result.gain.value, result.gain.high) == (0, 0, 0)


def test_what_was_gained_is_told_with_its_interval(tmp_path, faces, weights, small, recipe):
    first = fit.train(recipe(epochs=1.0), faces, tmp_path / "a")
    assert first.gain is None
    begun = read_weights(tmp_path / "a")
    result = fit.train(recipe(epochs=10.0, judge=1.0), faces, tmp_path / "b", init=begun)
    assert result.val > first.val
    assert result.gain.value == pytest.approx(result.val - first.val, abs=1e-6)
    assert result.gain.low <= result.gain.value <= result.gain.high
    assert result.gain == gain(embed(begun, faces[1], small), embed(read_weights(tmp_path / "b"), faces[1], small), faces[1])


def test_two_held_out_people_give_no_interval(faces, weights, small):
    held = faces[1]
    two = np.flatnonzero(np.isin(held.subjects, np.unique(held.subjects)[:2]))
    few = replace(held, **{name: getattr(held, name)[two] for name in ("pixels", "subjects", "numbering", "targets", "has_target")})
    vectors = embed(weights, held, small)[two]
    told = gain(vectors, np.roll(vectors, 1, axis=0), few)
    assert np.isfinite(told.value) and np.isnan([told.low, told.high]).all()


def test_a_teacher_that_is_nobody_is_refused(tmp_path, faces, recipe):
    with pytest.raises(
        InputError, match=r"expected a teacher, got none: name a model, --teacher, or weights to begin with, --init, or set teacher\.file"
    ):
        fit.train(recipe(**HOLD), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [{}, HOLD])
def test_weights_of_another_network_are_refused_and_no_run_is_left_behind(tmp_path, faces, weights, recipe, options):
    other = {**weights, "conv1": [np.zeros((5, 5, 3, 8), np.float32)]}
    for init in (other, {"elsewhere": []}):
        with pytest.raises(InputError, match=r"expected weights of the network small to begin with, got others: .*; name others: --init"):
            fit.train(recipe(**options), faces, tmp_path / "run", init=init)
        assert not (tmp_path / "run").exists()


def test_the_default_for_trained_weights_is_slow_and_holds_on():
    fine, plain = (default_recipe("nns2", "mine", pictures=400, fine=fine) for fine in (True, False))
    assert (fine.teacher, fine.loss, fine.schedule.rate) == (Teacher(), Loss(embedding=1.0, pairwise=10.0), FINE_RATE)
    assert fine.schedule.epochs / fine.schedule.judge == FINE_JUDGEMENTS
    assert fine.schedule.rate < plain.schedule.rate
    assert (plain.teacher, plain.loss) == (None, Loss())


@pytest.mark.parametrize(("numbers", "embedding"), [(128, 1.0), (512, 0.0)])
def test_a_teacher_of_another_size_is_learnt_by_its_cosines_alone(numbers, embedding):
    chosen = default_recipe("nns2", "mine", numbers=numbers)
    assert (chosen.teacher, chosen.loss.embedding, chosen.loss.pairwise) == (Teacher(), embedding, 10.0)


class Colour:
    """The mean colour of a crop's left half: the mirror image has another."""

    preprocessing = Preprocessing(40, 32)

    def vectors(self, crops):
        assert all(crop.pixels.shape == (40, 32, 3) for crop in crops)
        return np.stack([crop.pixels[:, :16].mean((0, 1)) + 1 for crop in crops])


def test_a_model_teaches_what_it_makes_of_a_crop_and_its_mirror_image(faces):
    training = faces[0]
    done = []
    found = teach(Colour, training, workers=2, progress=lambda *now: done.append(now))
    matrix = view_matrix(training.geometry, 40, 32)
    for i in (0, 17, len(training) - 1):
        crop = view(training.pixels[i], matrix, 40, 32).astype(float)
        halves = [half.mean((0, 1)) + 1 for half in (crop[:, :16], crop[:, 16:])]
        mean = sum(half / np.linalg.norm(half) for half in halves)
        np.testing.assert_allclose(found[i], mean / np.linalg.norm(mean), atol=1e-5)
    assert done[-1] == (len(training), len(training))


@pytest.mark.parametrize("end", [KeyboardInterrupt, None])
def test_an_interrupted_teaching_goes_on_where_it_stopped(faces, cache, end):
    """What was answered is not asked again; in the end the answers are those of a teaching without a stop."""
    asked = []

    class Counted(Colour):
        def vectors(self, crops):
            if len(asked) >= 2 and end:
                raise end
            asked.append(len(crops))
            return super().vectors(crops)

    def again():
        return teach(Counted, faces[0], known=Cache(cache, "colour"), workers=1)

    if end:
        with pytest.raises(end):
            again()
    else:
        again()
    seen, end = sum(asked) // 2, None  # each crop is asked about with its mirror image
    asked.clear()
    assert 0 < seen <= len(faces[0])
    np.testing.assert_allclose(again(), teach(Colour, faces[0]), atol=1e-6)  # kept in float32
    assert sum(asked) // 2 == len(faces[0]) - seen
    asked.clear()
    assert len(again()) == len(faces[0]) and not asked


def test_what_a_model_taught_is_kept_for_the_resumed_run_and_for_other_recipes(tmp_path, faces, recipe, tiny):
    options = {"teacher": Teacher(), "loss": Loss(pairwise=1.0)}
    fit.train(recipe(**options), faces, tmp_path, teach=lambda faces: teach(Colour, faces), stop=lambda step: step == 1)
    assert fit.train(recipe(**options), faces, tmp_path, resume=True, stop=lambda step: step == 2).steps == 2
    again, _ = load(tiny, (TrainingSet("."),), Teacher(str(tmp_path / TEACHER)))
    assert again.has_target.all()
    np.testing.assert_allclose(again.targets, teach(Colour, again), atol=1e-3)


def test_a_teacher_of_another_size_leaves_no_run_behind(tmp_path, faces, recipe):
    with pytest.raises(InputError, match="expected a teacher of 16 numbers, as the network has, got 3"):
        fit.train(recipe(teacher=Teacher(), loss=Loss(embedding=1.0)), faces, tmp_path / "run", teach=lambda faces: teach(Colour, faces))
    assert not (tmp_path / "run").exists()


def test_the_run_keeps_what_it_began_with(tmp_path, faces, weights, recipe):
    fit.train(recipe(), faces, tmp_path, init=weights, stop=lambda step: step == 1)
    kept = read_weights(tmp_path / INIT)
    assert all(np.array_equal(a, b) for name in weights for a, b in zip(kept[name], weights[name], strict=True))
