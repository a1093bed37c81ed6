"""A run that fails says so, soon, in one line, and keeps nothing that is spoilt."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from facelite.errors import InputError, TrainingCollapsed
from facelite.networks.weights import BEST
from facelite.training import fit
from facelite.training.recipe import Loss, NetworkChoice, Teacher
from facelite.training.run import FACTS, STATE
from facelite.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.mark.parametrize("point", [0.0, 1.0])
def test_a_collapsed_run_is_given_up(tmp_path, faces, monkeypatch, point, recipe, read_log):
    """Every face goes to one point, or to zero: the last BatchNorm gets gamma 0 and beta ``point``."""
    take_step = TrainingState.take_step

    def collapsing(state, x, y):
        loss = take_step(state, x, y)
        gamma, beta, mean, variance = state.model.layers[-1].get_weights()
        state.model.layers[-1].set_weights([0 * gamma, 0 * beta + point, mean, variance])
        return loss

    monkeypatch.setattr(TrainingState, "take_step", collapsing)
    with pytest.raises(TrainingCollapsed, match=r"expected embeddings that differ.*at step 8; lower schedule.rate") as caught:
        fit.train(recipe(judge=100.0), faces, tmp_path)
    assert "\n" not in str(caught.value)
    assert len(read_log(tmp_path)) == fit.PATIENCE


def test_lines_by_time_do_not_shorten_the_patience(tmp_path, faces, monkeypatch, recipe, read_log):
    """With a line each step the run is given up at the same one."""
    measure = TrainingState.measure
    monkeypatch.setattr(TrainingState, "measure", lambda state, x, y: replace(measure(state, x, y), spread=0.0))
    monkeypatch.setattr(fit, "LOG_SECONDS", -1.0)
    with pytest.raises(TrainingCollapsed, match="at step 8;"):
        fit.train(recipe(judge=100.0), faces, tmp_path)
    assert len(read_log(tmp_path)) == 8


def test_a_moment_of_collapse_is_forgiven(tmp_path, faces, monkeypatch, recipe):
    measure, calls = TrainingState.measure, iter(range(100))
    monkeypatch.setattr(TrainingState, "measure", lambda state, x, y: replace(measure(state, x, y), spread=1.0 if next(calls) % 4 == 3 else 0.0))
    assert fit.train(recipe(epochs=6.0, judge=100.0), faces, tmp_path).steps == 18


def test_a_loss_that_is_not_a_number_ends_the_run_within_steps(tmp_path, faces, recipe):
    """A rate that no weight survives."""
    with pytest.raises(TrainingCollapsed, match=r"expected finite numbers, got .* at step [1-5]; lower schedule.rate") as caught:
        fit.train(recipe(rate=1e30, decay=0.0, warmup=0.0), faces, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / STATE).exists()


@pytest.mark.parametrize(("keep", "file"), [("judge", BEST), ("save", STATE)])
def test_weights_that_are_not_numbers_are_never_kept(tmp_path, faces, monkeypatch, keep, file, recipe):
    """The last update may spoil the weights after a loss that was still finite."""
    take_step = TrainingState.take_step

    def spoiling(state, x, y):
        loss = take_step(state, x, y)
        state.average[0][...] = np.nan
        return loss

    monkeypatch.setattr(TrainingState, "take_step", spoiling)
    monkeypatch.setattr(fit, "SAVE_EVERY", 1 if keep == "save" else 100)
    with pytest.raises(TrainingCollapsed, match="expected finite numbers, got weights"):
        fit.train(recipe(judge=1 / 3 if keep == "judge" else 4), faces, tmp_path)
    assert not (tmp_path / file).exists()


def test_a_teacher_of_another_size_is_refused_before_anything_is_written(tmp_path, faces, recipe):
    faces = tuple(replace(part, targets=np.zeros((len(part), 3), np.float32)) for part in faces)
    with pytest.raises(InputError, match=r"expected a teacher of 16 numbers.*got 3; set network.embedding"):
        fit.train(recipe(teacher=Teacher("t.npz"), loss=Loss(embedding=1)), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_network_is_refused(tmp_path, faces, recipe):
    with pytest.raises(InputError, match=r"expected a network out of nn1.*'nn9'"):
        fit.train(replace(recipe(), network=NetworkChoice("nn9")), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_second_start_is_refused(tmp_path, faces, recipe):
    fit.train(recipe(), faces, tmp_path, stop=lambda step: step == 1)
    with pytest.raises(InputError, match="--resume"):
        fit.train(recipe(), faces, tmp_path)
    with pytest.raises(InputError, match=r"got schedule.rate = 0.02 in place of 0.01;"):
        fit.train(recipe(rate=0.02), faces, tmp_path, resume=True)
    with pytest.raises(InputError, match="expected the run's data and --init, got names_sha256 ="):
        fit.train(recipe(), (replace(faces[0], names=[*faces[0].names[1:], "x/y.jpg"]), faces[1]), tmp_path, resume=True)


@pytest.mark.parametrize("side", [0, 1])
def test_other_pictures_of_the_same_names_are_refused(tmp_path, faces, recipe, side):
    fit.train(recipe(), faces, tmp_path, stop=lambda step: step == 1)
    pixels = faces[side].pixels.copy()
    pixels[-1, 0, 0, 0] ^= 1
    changed = [replace(part, pixels=pixels) if place == side else part for place, part in enumerate(faces)]
    with pytest.raises(InputError, match="expected the run's data and --init, got pixels_sha256 ="):
        fit.train(recipe(), tuple(changed), tmp_path, resume=True)


def test_other_targets_in_a_teacher_s_file_are_refused(tmp_path, faces, recipe):
    targets = np.random.default_rng(0).normal(size=(len(faces[0]), 16)).astype(np.float32)
    taught = replace(faces[0], targets=targets, has_target=np.ones(len(targets), np.bool_))
    chosen = recipe(teacher=Teacher("t.npz"), loss=Loss(embedding=1))
    fit.train(chosen, (taught, faces[1]), tmp_path, stop=lambda step: step == 1)
    fewer = taught.has_target.copy()
    fewer[0] = False
    for changed in (replace(taught, targets=-targets), replace(taught, has_target=fewer)):
        with pytest.raises(InputError, match="expected the run's data and --init, got targets_sha256 ="):
            fit.train(chosen, (changed, faces[1]), tmp_path, resume=True)
    assert fit.train(chosen, (taught, faces[1]), tmp_path, resume=True, stop=lambda step: step == 2).steps == 2


def test_a_run_of_before_there_were_such_hashes_goes_on(tmp_path, faces, recipe):
    fit.train(recipe(), faces, tmp_path, stop=lambda step: step == 1)
    facts = json.loads((tmp_path / FACTS).read_text())
    del facts["data"]["pixels_sha256"], facts["data"]["targets_sha256"], facts["precision"]
    (tmp_path / FACTS).write_text(json.dumps(facts))
    assert fit.train(recipe(), faces, tmp_path, resume=True, stop=lambda step: step == 2).steps == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("average_0001"),
        lambda state: state.update(weights_0000=np.zeros(3)),
        lambda state: state.pop("best"),
        lambda state: state.pop("optimizer_0003"),
    ],
)
def test_a_state_of_something_else_is_refused(tmp_path, faces, spoil, recipe, arrays):
    fit.train(recipe(), faces, tmp_path, stop=lambda step: step == 1)
    state = arrays(tmp_path / STATE)
    spoil(state)
    np.savez(tmp_path / STATE, **state)
    with pytest.raises(InputError, match=r"expected the state of this run, got .*; restore it, or begin anew") as caught:
        fit.train(recipe(), faces, tmp_path, resume=True)
    assert "\n" not in str(caught.value)
