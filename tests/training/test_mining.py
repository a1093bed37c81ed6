"""Offline mining: what a look at the pictures proposes, how batches are drawn by it, and that a run which mines can be killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from facelite.errors import InputError, RecipeError
from facelite.networks.weights import BEST
from facelite.recipe import parse
from facelite.training import fit, mining
from facelite.training.dataset import FaceSet
from facelite.training.geometry import CropGeometry
from facelite.training.mining import from_arrays, mine, propose, subset, to_arrays
from facelite.training.recipe import OfflineMining, TrainingRecipe
from facelite.training.run import STATE
from facelite.training.sampling import Sampler


def people(subjects, numbering=None, seed=0):
    """Faces whose targets serve as embeddings; people 2 i and 2 i + 1 of one numbering resemble each other."""
    subjects = np.array(subjects)
    numbering = np.zeros_like(subjects) if numbering is None else np.array(numbering)
    rng, n = np.random.default_rng(seed), len(subjects)
    vectors = np.stack([np.random.default_rng([7, abs(subject) // 2]).normal(size=16) for subject in subjects]) + 0.5 * rng.normal(size=(n, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pixels, known = np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1).repeat(3, 3), np.ones(n, np.bool_)
    return FaceSet(pixels, [f"{i}.jpg" for i in range(n)], subjects, numbering, vectors.astype(np.float32), known, CropGeometry())


RNG = np.random.default_rng(0)
SUBJECTS = RNG.permutation(np.r_[np.repeat(np.arange(20), 7), 20, 21, [-1] * 40])
MANY = people(SUBJECTS, np.where(SUBJECTS == 19, 2, SUBJECTS // 12))
"""20 people with 7 pictures, two with one, 40 unknown pictures, in any order; the first twelve in one numbering, the last all alone in one."""


# which pictures are looked at


def drawn(faces=MANY, **changes):
    return subset(faces, **{"pictures": 60, "each": 5, "seed": 1, "step": 500, **changes})


def test_a_subset_is_a_function_of_seed_and_step():
    assert (drawn() == drawn()).all()
    assert not np.array_equal(drawn(), drawn(step=1000)) and not np.array_equal(drawn(), drawn(seed=2))


def test_a_subset_holds_people_with_several_pictures():
    for step in range(20):
        chosen = drawn(step=step)
        assert len(set(chosen.tolist())) == len(chosen) == 60
        assert dict(Counter(MANY.subjects[chosen].tolist())) == dict.fromkeys(set(MANY.subjects[chosen].tolist()) - {-1, 20, 21}, 5)
    assert sorted(Counter(MANY.subjects[drawn(pictures=9)].tolist()).values()) == [4, 4]  # the ninth would be a person's only one
    assert len(drawn(pictures=10_000, each=100)) == 140
    assert sorted(Counter(MANY.subjects[drawn(pictures=6, each=100)].tolist()).values()) == [3, 3]  # never one person alone


# what is proposed


@pytest.mark.parametrize("block", [1, 50, 512])
def test_proposals_are_those_of_a_plain_loop(monkeypatch, block):
    monkeypatch.setattr(mining, "BLOCK", block)
    chosen = drawn(pictures=10_000, each=100)
    vectors, subjects, numbering = MANY.targets[chosen], MANY.subjects[chosen], MANY.numbering[chosen]
    found = propose(vectors, subjects, numbering, pictures=chosen, people=9, margin=0.2)
    d, active = np.square(vectors[:, None] - vectors).sum(2), []
    for row in range(len(chosen)):
        own = [i for i in range(len(chosen)) if i != row and subjects[i] == subjects[row]]
        far = max(own, key=lambda i: d[row, i])
        assert found.pictures[row] == chosen[row] and found.farthest[row] == chosen[far]
        others = sorted((i for i in range(len(chosen)) if subjects[i] != subjects[row] and numbering[i] == numbering[row]), key=lambda i: d[row, i])
        nearest = list({subjects[i]: chosen[i] for i in reversed(others)}.items())  # the first of each person stays
        nearest = [picture for _, picture in sorted(nearest, key=lambda one: [chosen[i] for i in others].index(one[1]))][:9]
        assert found.nearest[row].tolist() == nearest + [-1] * (9 - len(nearest))
        active += [d[row, others[0]] - d[row, far] < 0.2] if others else []
    assert {len(row[row >= 0]) for row in found.nearest} == {0, 6, 9}  # of 1, 7 and 12 people
    assert 0 < found.active < 1 and found.active == pytest.approx(np.mean(active))


def test_where_everybody_has_a_numbering_of_their_own_nobody_is_hard():
    faces = people([0, 0, 1, 1], [0, 0, 1, 1])
    found = propose(faces.targets, faces.subjects, faces.numbering, pictures=np.arange(4), people=2, margin=0.2)
    assert (found.nearest == -1).all() and np.isnan(found.active) and found.farthest.tolist() == [1, 0, 3, 2]


def test_pictures_are_embedded_in_parts(monkeypatch):
    monkeypatch.setattr(mining, "BATCH", 16)
    told = OfflineMining(every=1, pictures=60, people=4)
    parts = []
    found = mine(MANY, lambda part: parts.append(part) or part.targets, mining=told, each=5, margin=0.2, seed=1, step=500)
    assert [len(part) for part in parts] == [16, 16, 16, 12]
    chosen = np.concatenate([part.pixels[:, 0, 0, 0] for part in parts])
    assert chosen.tolist() == drawn().tolist() == [int(name[:-4]) for part in parts for name in part.names]
    same = propose(MANY.targets[chosen], MANY.subjects[chosen], MANY.numbering[chosen], pictures=chosen, people=4, margin=0.2)
    assert all((to_arrays(found)[name] == value).all() for name, value in to_arrays(same).items())


# what comes into a batch


def sampler(faces=MANY, proposals=None, **changes):
    return Sampler(faces, **{"batch": 64, "labelled": 40, "pictures": 4, "seed": 1, "proposals": proposals, "follow": 3, **changes})


def proposed(faces=MANY, **changes):
    told = OfflineMining(every=1, **{"pictures": 10_000, "people": 6, **changes})
    return mine(faces, lambda part: part.targets, mining=told, each=100, margin=0.2, seed=1, step=500)


def test_a_batch_is_a_function_of_seed_step_and_proposals():
    first, second = sampler(proposals=proposed()), sampler(proposals=proposed())
    forward = [first.batch(step) for step in range(5)]
    backward = [second.batch(step) for step in reversed(range(5))][::-1]
    assert all((a == b).all() for a, b in zip(forward, backward, strict=True))
    other, plain = sampler(proposals=proposed(people=3)), sampler()
    assert not all((other.batch(step) == forward[step]).all() for step in range(5))
    assert not any((plain.batch(step)[:40] == forward[step][:40]).all() for step in range(5))
    assert all((plain.batch(step)[40:] == forward[step][40:]).all() for step in range(5))  # the walk is the same


@pytest.mark.parametrize("step", range(10))
def test_hard_people_stand_behind_the_one_whom_they_resemble(step):
    """Ten people with four pictures each, nobody twice, each with a proposed pair; the first group is the first person's and three others'."""
    table = proposed()
    far, near = (dict(zip(table.pictures.tolist(), rows.tolist(), strict=True)) for rows in (table.farthest, table.nearest))
    rows = sampler(proposals=table).batch(step)[:40]
    assert Counter(MANY.subjects[rows].tolist()) == dict.fromkeys(MANY.subjects[rows].tolist(), 4) and len(set(rows.tolist())) == 40
    pairs = rows.reshape(10, 4)[:, :2].tolist()
    assert all(far[one] == other for one, other in pairs)
    first = pairs[0][0]
    assert sum(one in near[first] for one, _ in pairs[1:4]) == (0 if MANY.subjects[first] == 19 else 3)


def test_doubles_meet_far_more_often_than_by_chance():
    """A hundred people who are fifty pairs of doubles, ten in a batch: five pairs, in place of the half that ten drawn at random make."""
    faces = people(np.repeat(np.arange(100), 4))

    def shown(proposals):
        return np.array([faces.subjects[sampler(faces, proposals, follow=1).batch(step)[:40:4]] for step in range(100)])

    mined, plain = shown(proposed(faces, people=1)), shown(None)
    meetings = [np.mean([10 - len(set(some.tolist())) for some in batches // 2]) for batches in (mined, plain)]
    assert meetings[0] > 4.9 and meetings[1] == pytest.approx(45 / 99, abs=0.25)
    assert set(mined.ravel().tolist()) == set(range(100))


def test_people_who_were_not_looked_at_come_too_and_stand_alone():
    table = proposed(pictures=42)  # six people
    looked = set(MANY.subjects[table.pictures].tolist())
    seen = {int(subject) for step in range(50) for subject in MANY.subjects[sampler(proposals=table).batch(step)[:40]]}
    assert len(looked) == 6 and seen == set(range(20))


def test_the_last_person_is_cut_short_and_a_person_s_few_pictures_are_enough():
    faces = people(np.repeat(np.arange(30), 3))
    for step in range(30):
        batch = sampler(faces, proposed(faces), labelled=11, pictures=40).batch(step)
        assert len(batch) == 64 and sorted(Counter(faces.subjects[batch[:11]].tolist()).values()) == [2, 3, 3, 3]
        assert len(set(batch[:11].tolist())) == 11


def test_forty_pictures_a_person_where_the_data_allow():
    """FaceNet's about 40 faces per identity, in a batch of 256: six people, or as many as there are of fewer pictures."""
    rich, poor = people(np.repeat(np.arange(12), 60)), people(np.repeat(np.arange(40), 20))
    for faces, shown in ((rich, dict.fromkeys(range(6), 40)), (poor, dict.fromkeys(range(12), 20))):
        for table in (None, proposed(faces)):
            batch = sampler(faces, table, batch=256, labelled=240, pictures=40).batch(3)
            assert batch.shape == (256,) and len(set(batch[:240].tolist())) == 240
            assert sorted(Counter(faces.subjects[batch[:240]].tolist()).values()) == list(shown.values())


# in a run


def mining_recipe(recipe, **changes):
    return replace(recipe(), mining=OfflineMining(**{"every": 4, "pictures": 40, "people": 3, "follow": 1, **changes}))


def test_a_run_looks_by_its_averaged_weights_and_draws_by_what_it_found(small_network, tmp_path, faces, monkeypatch, recipe, read_log, arrays):
    """Twelve steps: it looks after the fourth and the eighth, and not after the last."""
    looks, averages = [], []

    def looking(self):
        averages.append([value.copy() for value in self.state.average])
        look(self)
        looks.append(self.proposals)
        assert all((a == b).all() for a, b in zip(self.judge_model.get_weights(), averages[-1], strict=True))

    look, drawn_by = fit._Run.mine, []
    monkeypatch.setattr(fit._Run, "mine", looking)
    batches = fit.batches
    monkeypatch.setattr(fit, "batches", lambda *given, **told: drawn_by.append((told["steps"], told["proposals"])) or batches(*given, **told))
    fit.train(mining_recipe(recipe), faces, tmp_path)
    assert drawn_by == [(range(4), None), (range(4, 8), looks[0]), (range(8, 12), looks[1])]
    assert len(looks) == 2 and len(looks[0].pictures) == 40 and not np.array_equal(looks[0].pictures, looks[1].pictures)
    told = {int(row["step"]): float(row["mined_active"]) for row in read_log(tmp_path)}
    assert [step for step, active in told.items() if np.isnan(active)] == [2, 3, 4]
    assert told[6] == pytest.approx(looks[0].active, abs=1e-5) and told[12] == pytest.approx(looks[1].active, abs=1e-5)
    assert (arrays(tmp_path / STATE)["mined_nearest"] == looks[1].nearest).all()


def test_a_run_that_does_not_mine_has_nothing_of_it(small_network, tmp_path, faces, recipe, read_log, arrays):
    fit.train(recipe(epochs=1.0), faces, tmp_path)
    assert set(read_log(tmp_path)[0]) == set(fit.COLUMNS)
    assert not any(name.startswith("mined") for name in arrays(tmp_path / STATE))


def test_proposals_are_kept_whole_or_refused(small_network, tmp_path, faces, recipe, arrays):
    table = proposed()
    again = from_arrays(to_arrays(table))
    assert all((to_arrays(again)[name] == value).all() for name, value in to_arrays(table).items()) and again.active == table.active
    assert to_arrays(None) == {} and from_arrays({"step": np.array(3)}) is None
    fit.train(mining_recipe(recipe), faces, tmp_path, stop=lambda step: step == 5)
    state = arrays(tmp_path / STATE)
    del state["mined_nearest"]
    np.savez(tmp_path / STATE, **state)
    with pytest.raises(InputError, match=r"expected the state of this run, got .*mined_nearest"):
        fit.train(mining_recipe(recipe), faces, tmp_path, resume=True)


RUN = """
import hashlib, json, math, os, signal, sys
from pathlib import Path
from facelite.training.host import prepare_host

prepare_host(1)

from facelite.networks import NETWORKS, Network
from facelite.networks.table import Conv, Flatten
from facelite.training import fit, folder
from facelite.training.dataset import load
from facelite.training.recipe import NetworkChoice, OfflineMining, Schedule, TrainingRecipe, TrainingSet
from facelite.training.run import RECIPE
from facelite.training.state import TrainingState

NETWORKS["tiny"] = Network("tiny", 32, 32, (Conv("conv1", 3, 8, 2), Flatten("flatten")), 16)
fit.SAVE_EVERY, fit.LOG_EVERY, fit.LOG_SECONDS, fit.SAVE_SECONDS, folder.plot_log = 3, 5, math.inf, math.inf, lambda log, png: None
sets = (TrainingSet("."),)
schedule = Schedule(epochs=5.0, batch=24, labelled=16, pictures=4, rate=0.01, average=0.8, precision="float32", chunk=12)
mining = OfflineMining(every=4, pictures=40, people=3, follow=1)
recipe = TrainingRecipe(NetworkChoice("tiny"), sets, "tiny", schedule=schedule, mining=mining)
faces, take_step, last = load(sys.argv[1], sets, None), TrainingState.take_step, math.inf


def telling(state, x, y):
    if state.step == last:
        os.kill(os.getpid(), signal.SIGKILL)
    print(json.dumps([Path(out).name, state.step, hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()]), flush=True)
    return take_step(state, x, y)


TrainingState.take_step = telling
for out, stop in (one.split(":") for one in sys.argv[2:]):
    last = int(stop[1:]) if stop.startswith("-") else math.inf
    fit.train(recipe, faces, out, resume=Path(out, RECIPE).exists(), stop=lambda step: str(step) == stop)
"""


def test_a_run_stopped_or_killed_sees_the_batches_of_an_unbroken_one(tiny, tmp_path, read_log):
    """Fifteen steps, looks after each fourth, states after each third. It is stopped between two looks and at one, and killed before the
    seventh: the state is that of the sixth, made after a look; and before the sixth: the state is the third's, and it looks again.
    """

    def start(*runs, status=0):
        command = [sys.executable, "-c", RUN, tiny, *(f"{tmp_path / name}:{stop}" for name, stop in runs)]
        done = subprocess.run(command, check=False, timeout=300, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return {(name, step): batch for name, step, batch in map(json.loads, done.stdout.splitlines())}

    seen = start(("whole", ""), ("between", "5"), ("between", ""), ("at", "4"), ("at", "8"), ("at", ""), ("seventh", "-6"), status=-signal.SIGKILL)
    seen |= start(("sixth", "-5"), status=-signal.SIGKILL) | start(("sixth", ""), ("seventh", ""))
    for name in ("between", "at", "sixth", "seventh"):
        assert [seen[name, step] for step in range(15)] == [seen["whole", step] for step in range(15)]
        for file in (BEST, STATE):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
        mined = [{int(row["step"]): row["mined_active"] for row in read_log(tmp_path / run)} for run in (name, "whole")]
        assert mined[0] | mined[1] == mined[0]
    assert len({seen["whole", step] for step in range(15)}) == 15


# the recipe


def test_the_recipe_has_a_table_for_it():
    table = {"network": {"name": "nns2"}, "data": [{"folder": "a"}], "space": "x"}
    assert parse(table, TrainingRecipe).mining.every == 0
    assert parse(table | {"mining": {"every": 500, "people": 5}}, TrainingRecipe).mining == OfflineMining(every=500, people=5)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"every": -1}, "every >= 0"), ({"pictures": 3}, "pictures >= 4"), ({"people": 0}, "people and follow >= 1"), ({"follow": 0}, "follow >= 1")],
)
def test_an_impossible_look_is_refused(wrong, named):
    with pytest.raises(RecipeError, match=named):
        parse(wrong, OfflineMining)
