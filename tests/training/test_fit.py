"""Training end to end on drawn faces: it learns, it keeps what is best for held-out people, it writes down what it did."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from facelite.calibration import compare_all, rates
from facelite.errors import InputError
from facelite.networks import NETWORKS, build, set_weights
from facelite.networks.weights import BEST, read_weights
from facelite.training import fit
from facelite.training.dataset import load
from facelite.training.judging import embed_crops
from facelite.training.recipe import Loss, Schedule, Teacher, TrainingSet
from facelite.training.run import CURVES, FACTS, LOG, STATE
from facelite.training.state import TrainingState, rate

pytestmark = pytest.mark.usefixtures("small_network")


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny, small, recipe):
    """A run of 60 steps: its folder, its result, and the live lines."""
    out, lines = tmp_path_factory.mktemp("run") / "out", []
    patch = pytest.MonkeyPatch()
    patch.setitem(NETWORKS, "small", small)
    patch.setattr(fit, "LOG_EVERY", 4)
    patch.setattr(fit, "LOG_SECONDS", math.inf)
    patch.setattr(fit, "SAVE_EVERY", 40)
    result = fit.train(recipe(epochs=20.0, judge=4.0), load(tiny, (TrainingSet("."),), None), out, progress=lines.append)
    patch.undo()
    return out, result, lines


def test_it_learns_to_tell_held_out_drawings_apart(run, faces):
    _, result, lines = run
    assert result.steps == 60 and result.val_at == "EER"
    assert result.val > 0.85  # an untrained network has 0.6
    assert lines[-1].statistics.active < lines[0].statistics.active
    assert lines[-1].statistics.negative_median > lines[-1].statistics.positive_median


def test_the_live_line_says_where_the_run_stands(run):
    lines = run[2]
    assert [line.step for line in lines] == list(range(4, 61, 4)) and {line.steps for line in lines} == {60}
    assert all(line.images_per_second > 0 and np.isfinite(line.loss) for line in lines)
    assert lines[-1].seconds_left == 0 < lines[0].seconds_left
    assert np.isnan(lines[0].val) and lines[-1].val > 0.8


def test_the_folder_holds_what_the_design_says(run):
    out = run[0]
    assert sorted(path.name for path in out.iterdir()) == [BEST, CURVES, LOG, "recipe.json", FACTS, STATE]
    facts = json.loads((out / FACTS).read_text())
    assert facts["versions"]["keras"] == keras.__version__ and facts["versions"]["numpy"] == np.__version__
    assert {"facelite", "python", keras.backend.backend()} <= set(facts["versions"])
    assert facts["data"]["training"] == {"pictures": 72, "people": 12} and facts["data"]["held_out"] == {"pictures": 24, "people": 4}
    assert len(facts["data"]["names_sha256"]) == len(facts["data"]["pixels_sha256"]) == 64 and facts["val_at"] == "EER"
    assert facts["data"]["targets_sha256"] == facts["data"]["init_sha256"] == "" and facts["precision"] == "float32"


def test_the_log_has_one_whole_line_for_each_look(run, read_log):
    out, result, _ = run
    rows = read_log(out)
    assert [int(row["step"]) for row in rows] == list(range(4, 61, 4))
    assert all(set(row) == set(fit.COLUMNS) and None not in row.values() for row in rows)
    assert float(rows[-1]["epoch"]) == 20
    assert np.nanmax([float(row["val"]) for row in rows]) == pytest.approx(result.val, abs=1e-5)


def test_best_weights_are_by_layer_and_give_the_val_that_is_claimed(run, faces, small, arrays):
    out, result, _ = run
    weights = {}
    for name, value in arrays(out / BEST).items():
        weights.setdefault(name.rpartition("/")[0], []).append(value)
    model = build(small, keras=keras)
    set_weights(model, weights)
    held_out = faces[1]
    comparisons = compare_all(embed_crops(model, held_out, small), held_out.subjects, numbering=held_out.numbering)
    assert 1 - rates(comparisons).eer == result.val
    state = arrays(out / STATE)
    assert state["best"] == result.val
    flat = [value for layer in model.layers for value in layer.get_weights()]
    assert all((value == state[f"best_{i:04d}"]).all() for i, value in enumerate(flat))


def test_a_finished_run_resumed_is_done(run, faces, monkeypatch, recipe):
    out, result, _ = run
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = fit.train(recipe(epochs=20.0, judge=4.0), faces, out, resume=True)
    assert again == replace(result, waiting=0.0)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_the_best_is_chosen_by_held_out_val_alone(tmp_path, faces, monkeypatch, recipe, arrays):
    """Judgements are made up: whatever the loss does, the weights of the highest VAL stay, of equal ones the first."""
    made_up, averages = iter([0.3, 0.7, 0.7, 0.5]), []

    def judge(vectors, held_out):
        assert held_out is faces[1] and len(vectors) == len(held_out)
        return dict.fromkeys(fit.JUDGED, float("nan")) | {"val": next(made_up), "eer": 0.0}

    def embed(model, held_out, network):
        averages.append([value.copy() for value in model.get_weights()])
        return embed_crops(model, held_out, network)

    monkeypatch.setattr(fit, "judge", judge)
    monkeypatch.setattr(fit, "embed_crops", embed)
    result = fit.train(recipe(), faces, tmp_path)
    assert result.val == 0.7 and len(averages) == 4
    state = arrays(tmp_path / STATE)
    assert all((value == state[f"best_{i:04d}"]).all() for i, value in enumerate(averages[1]))


def test_distillation_alone_reaches_the_teacher(tmp_path, tiny, faces, recipe):
    """Targets that are a function of the person: embeddings come to lie at them, by loss.embedding and without a triplet."""
    rng = np.random.default_rng(0)
    of_person = {name.split("/")[0]: rng.normal(size=16) for part in faces for name in part.names}
    names = [name for part in faces for name in part.names]
    np.savez(tmp_path / "teacher.npz", names=np.array(names), embeddings=np.array([of_person[name.split("/")[0]] for name in names]))
    teacher = Teacher(str(tmp_path / "teacher.npz"))
    lines = []
    fit.train(
        recipe(epochs=10.0, teacher=teacher, loss=Loss(triplet=0, embedding=1, pairwise=1)),
        load(tiny, (TrainingSet("."),), teacher),
        tmp_path / "run",
        progress=lines.append,
    )
    assert lines[-1].loss < 0.7 * lines[0].loss


def test_the_rate_warms_up_and_falls_to_zero():
    schedule = Schedule(rate=0.1, warmup=0.5)
    rates = [rate(schedule, step=step, per_epoch=20, steps=100) for step in range(100)]
    assert rates[:10] == pytest.approx(np.linspace(0.01, 0.1, 10))
    assert rates[10] == 0.1 and rates[55] == pytest.approx(0.05) and 0 < rates[-1] < 1e-4
    assert (np.diff(rates[10:]) < 0).all()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_resumes_too_and_leaves_the_policy_alone(tmp_path, faces, precision, recipe, arrays):
    fit.train(recipe(precision=precision), faces, tmp_path, stop=lambda step: step == 2)
    assert fit.train(recipe(precision=precision), faces, tmp_path, resume=True).steps == 12
    assert keras.config.dtype_policy().name == "float32"
    assert all(value.dtype in (np.float32, np.int64, np.int32, np.bool_, np.float64) for value in arrays(tmp_path / STATE).values())


def test_a_run_may_begin_with_another_s_weights(run, tmp_path, tiny, recipe):
    out, result, _ = run
    begun = fit.train(recipe(epochs=4.0, judge=1.0, rate=1e-6), load(tiny, (TrainingSet("."),), None), tmp_path, init=read_weights(out))
    assert begun.val == pytest.approx(result.val, abs=0.03)


def test_another_network_s_weights_are_refused(run, tmp_path, tiny, recipe):
    weights = {name: values for name, values in read_weights(run[0]).items() if not name.startswith("conv2")}
    with pytest.raises(InputError, match="expected weights of the network small to begin with"):
        fit.train(recipe(), load(tiny, (TrainingSet("."),), None), tmp_path, init=weights)


def test_a_run_is_resumed_with_the_weights_that_it_began_with(run, tmp_path, tiny, recipe):
    """They are needed until there is a state; other ones never do."""
    data, weights = load(tiny, (TrainingSet("."),), None), read_weights(run[0])
    others = {name: [2 * value for value in values] for name, values in weights.items()}
    fit.train(recipe(), data, tmp_path, init=weights, stop=lambda step: step == 1)
    fit.train(recipe(), data, tmp_path, resume=True, stop=lambda step: step == 2)
    fit.train(recipe(), data, tmp_path, resume=True, init=weights, stop=lambda step: step == 3)
    with pytest.raises(InputError, match=r"expected the run's data and --init, got init_sha256 = '[0-9a-f]{64}' in place of '[0-9a-f]{64}'; restore"):
        fit.train(recipe(), data, tmp_path, resume=True, init=others)
    (tmp_path / STATE).unlink()
    with pytest.raises(InputError, match=r"expected the run's data and --init, got init_sha256 = '' in place of '[0-9a-f]{64}'; restore"):
        fit.train(recipe(), data, tmp_path, resume=True)


# when something is written


@pytest.fixture
def slow(monkeypatch):
    """A clock that goes on by 4 seconds a step, and at no other time."""
    now, take_step = [0.0], TrainingState.take_step

    def slowly(state, x, y):
        now[0] += 4
        return take_step(state, x, y)

    monkeypatch.setattr(TrainingState, "take_step", slowly)
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_slow_run_has_a_line_every_ten_seconds_and_a_state_every_minute(tmp_path, faces, monkeypatch, recipe, read_log, slow):
    """With steps of 4 seconds, the third is the first past 10 seconds, the sixteenth the first past 60."""
    states, save = [], fit.write_arrays
    monkeypatch.setattr(fit, "write_arrays", lambda path, state: states.append(int(state["step"])) or save(path, state))
    monkeypatch.setattr(fit, "LOG_EVERY", 1000)
    monkeypatch.setattr(fit, "LOG_SECONDS", 10.0)
    fit.train(recipe(epochs=12.0, judge=100.0), faces, tmp_path)
    assert [int(row["step"]) for row in read_log(tmp_path)] == [*range(3, 37, 3)]
    assert states == [16, 32, 36]


def test_every_judgement_has_its_line(tmp_path, faces, monkeypatch, recipe, read_log):
    made_up, lines = iter([0.3, 0.7, 0.7, 0.5]), []
    monkeypatch.setattr(fit, "LOG_EVERY", 1000)
    monkeypatch.setattr(fit, "judge", lambda vectors, held_out: dict.fromkeys(fit.JUDGED, 0.0) | {"val": next(made_up)})
    assert fit.train(recipe(), faces, tmp_path, progress=lines.append).val == 0.7
    expected = [(3, 0.3), (6, 0.7), (9, 0.7), (12, 0.5)]
    assert [(int(row["step"]), float(row["val"])) for row in read_log(tmp_path)] == expected
    assert [(line.step, line.val) for line in lines] == expected


def test_a_run_that_is_stopped_keeps_what_it_reached(tmp_path, faces, recipe, read_log, arrays):
    begun = []
    result = fit.train(recipe(), faces, tmp_path, stop=lambda step: step == 5, began=lambda *step: begun.append(step))
    assert (result.steps, result.planned) == (5, 12) and arrays(tmp_path / STATE)["step"] == 5
    assert [int(row["step"]) for row in read_log(tmp_path)] == [2, 3, 4, 5]
    result = fit.train(recipe(), faces, tmp_path, resume=True, began=lambda *step: begun.append(step))
    assert (result.steps, result.planned) == (12, 12) and begun == [(0, 12, "float32"), (5, 12, "float32")]


# how long a step waits


@pytest.mark.parametrize(("made", "share"), [(1.0, 0.2), (12.0, 0.75), (0.0, 0.0)])
def test_the_share_of_time_that_steps_wait_for_their_batches(tmp_path, faces, monkeypatch, recipe, read_log, slow, made, share):
    """Batches of ``made`` seconds, steps of 4."""
    make = fit.batches

    def slowly(*given, **options):
        for batch in make(*given, **options):
            slow[0] += made
            yield batch

    monkeypatch.setattr(fit, "batches", slowly)
    assert fit.train(recipe(), faces, tmp_path).waiting == pytest.approx(share)
    assert [float(row["waiting"]) for row in read_log(tmp_path)] == pytest.approx([share] * 8)


@pytest.mark.parametrize(("asked", "cores", "made_by"), [(None, 3, 3), (None, 64, fit.MOST_WORKERS), (40, 2, 40)])
def test_batches_are_made_by_as_many_threads_as_there_are_cores(tmp_path, faces, monkeypatch, recipe, asked, cores, made_by):
    seen, make = [], fit.batches
    monkeypatch.setattr(fit, "usable_cores", lambda: cores)
    monkeypatch.setattr(fit, "batches", lambda *given, workers, **options: seen.append(workers) or make(*given, workers=1, **options))
    fit.train(recipe(), faces, tmp_path, workers=asked, stop=lambda step: step == 1)
    assert seen == [made_by]
