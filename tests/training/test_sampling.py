"""A batch is a function of seed and step; its first rows are people with several pictures; everything is seen."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facelite.training.dataset import FaceSet
from facelite.training.geometry import CropGeometry
from facelite.training.sampling import Sampler


def faces(subjects):
    n = len(subjects)
    return FaceSet(
        np.zeros((n, 1, 1, 3), np.uint8),
        [f"{i}.jpg" for i in range(n)],
        np.array(subjects),
        np.zeros(n, np.int64),
        np.zeros((n, 1), np.float32),
        np.zeros(n, np.bool_),
        CropGeometry(),
    )


MANY = faces(np.random.default_rng(0).permutation(np.r_[np.repeat(np.arange(20), 7), 20, 21, [-1] * 40]))
"""20 people with 7 pictures, two with one, 40 unknown pictures, in any order."""


def sampler(data, **changes):
    return Sampler(data, **{"batch": 48, "labelled": 24, "pictures": 4, "seed": 1, **changes})


def test_a_batch_is_a_function_of_seed_and_step():
    first, second = sampler(MANY), sampler(MANY)
    forward = [first.batch(step) for step in range(5)]
    backward = [second.batch(step) for step in reversed(range(5))][::-1]
    assert all((a == b).all() for a, b in zip(forward, backward, strict=True))
    assert not (forward[0] == forward[1]).all()
    assert not (sampler(MANY, seed=2).batch(0) == forward[0]).all()


@pytest.mark.parametrize("step", range(10))
def test_the_first_rows_are_people_with_several_pictures_each(step):
    batch = sampler(MANY).batch(step)
    assert batch.shape == (48,) and batch.min() >= 0 and batch.max() < len(MANY)
    rows = batch[:24]
    assert Counter(MANY.subjects[rows].tolist()) == dict.fromkeys(MANY.subjects[rows].tolist(), 4)  # 6 people x 4
    assert len(set(rows.tolist())) == 24
    assert (np.diff(MANY.subjects[rows].reshape(6, 4)) == 0).all()


def test_one_picture_never_makes_a_person():
    seen = {int(s) for step in range(200) for s in MANY.subjects[sampler(MANY).batch(step)[:24]]}
    assert seen == set(range(20))


def test_a_person_is_not_cut_down_to_one_picture():
    data = faces(np.repeat(np.arange(30), 3))
    for step in range(50):  # 7 rows are two people of 3; the seventh is left to the walk
        rows = sampler(data, labelled=7).batch(step)[:6]
        assert sorted(Counter(data.subjects[rows].tolist()).values()) == [3, 3]


def test_every_picture_is_seen_in_each_round_of_the_walk():
    """48 - 24 rows a step walk through everything, len(MANY) rows a round."""
    for start in range(0, 4 * len(MANY), len(MANY)):
        steps = range(start // 24, -(-(start + len(MANY)) // 24))
        assert set(np.concatenate([sampler(MANY).batch(step)[24:] for step in steps]).tolist()) == set(range(len(MANY)))


def test_the_walk_is_shuffled_anew_in_each_round():
    data = faces([-1] * 8 + [0, 0, 1, 1])
    one = sampler(data, batch=16, labelled=4)
    assert sorted(one.batch(0)[4:].tolist()) == sorted(one.batch(1)[4:].tolist()) == list(range(12))
    assert one.batch(0)[4:].tolist() != one.batch(1)[4:].tolist()


def test_fewer_people_than_room_leaves_the_rest_to_the_walk():
    data = faces([0, 0, 1, 1, 1, -1, -1])
    for step in range(20):
        batch = sampler(data, batch=32, labelled=24).batch(step)
        assert len(batch) == 32 and sorted(data.subjects[batch[:5]].tolist()) == [0, 0, 1, 1, 1]
        assert set(batch.tolist()) == set(range(7))


def test_a_batch_of_people_only():
    data = faces(np.repeat(np.arange(10), 4))
    batches = [sampler(data, batch=16, labelled=16).batch(step) for step in range(60)]
    assert all(len(set(batch.tolist())) == 16 for batch in batches)
    assert set(np.concatenate(batches).tolist()) == set(range(40))


def test_a_person_with_many_pictures_comes_more_often_but_not_as_often_as_they_are_more():
    data = faces([0] * 400 + np.repeat(np.arange(1, 41), 4).tolist())
    counts = Counter(int(data.subjects[sampler(data, labelled=4).batch(step)[0]]) for step in range(2000))
    share = np.sqrt(400) / (np.sqrt(400) + 40 * np.sqrt(4))
    assert counts[0] / 2000 == pytest.approx(share, abs=0.03)  # 0.2; three standard deviations are 0.027
    rows = sampler(data, labelled=24).batch(0)[:24]
    assert max(Counter(data.subjects[rows].tolist()).values()) <= 4
