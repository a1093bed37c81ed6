"""The alarm: raised by an embedder that has become constant, never by people, one person again and again, or a camera that stands still."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np
import pytest

from facelite.face import Embedding, FaceCrop
from facelite.preprocess import template
from facelite.runtime.collapse import Collapse
from facelite.runtime.verifier import Verifier

POINTS = template(112, 96)


def sight(number, *, spread, pixels=None):
    """A crop of noise, and an embedding that lies ``spread`` (squared L2) or so from the others'."""
    rng = np.random.default_rng(number)
    away = rng.normal(size=64)
    vector = np.eye(64)[0] + away / np.linalg.norm(away) * (spread / 2) ** 0.5
    crop = FaceCrop(rng.integers(0, 256, (112, 96, 3), np.uint8) if pixels is None else pixels, POINTS)
    return crop, Embedding(vector.astype(np.float32), "any")


def run(sights, tracks):
    collapse = Collapse()
    for track, (crop, embedding) in zip(tracks, sights, strict=True):
        collapse = collapse.after(track, crop, embedding)
    return collapse


@pytest.mark.parametrize("spread", [0, 0.001, 0.012])
def test_nearly_equal_embeddings_of_three_tracks_raise_it_and_it_stays(spread):
    sights = [sight(number, spread=spread) for number in range(3)]
    assert run(sights[:2], [1, 2]).alarm is None
    collapse = run(sights, [1, 2, 3])
    assert "expected embeddings that differ" in collapse.alarm and "restart the device" in collapse.alarm
    assert collapse.after(4, *sight(9, spread=1.0)).alarm == collapse.alarm


def test_frames_of_one_track_count_once():
    sights = [sight(number, spread=0) for number in range(5)]
    assert run(sights, [1, 1, 1, 2, 2]).alarm is None


@pytest.mark.parametrize("spread", [0.06, 0.5, 1.5])
def test_people_and_one_person_again_and_again_do_not_raise_it(spread):
    assert run([sight(number, spread=spread) for number in range(12)], range(12)).alarm is None


def test_one_that_differs_is_enough_and_only_the_last_three_count():
    sights = [sight(number, spread=0 if number != 2 else 1.0) for number in range(5)]
    assert run(sights, range(5)).alarm is None
    assert run([*sights, sight(5, spread=0)], range(6)).alarm


def test_the_same_picture_again_is_no_alarm():
    pixels = np.random.default_rng(0).integers(0, 256, (112, 96, 3), np.uint8)
    nearly = np.clip(pixels.astype(int) + np.random.default_rng(1).integers(-2, 3, pixels.shape), 0, 255).astype(np.uint8)
    assert run([sight(0, spread=0, pixels=one) for one in (pixels, nearly, pixels)], [1, 2, 3]).alarm is None


def test_one_picture_in_changing_light_and_with_noise_is_no_alarm():
    rng = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(rng.integers(0, 256, (112, 96, 3), np.uint8), (0, 0), 3).astype(float) * 3 - 256
    sights = [
        sight(0, spread=0, pixels=np.clip(pixels * gain + offset + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8))
        for gain, offset in ((1, 0), (0.8, 12), (0.9, 30), (0.7, 5))
    ]
    assert run(sights, range(4)).alarm is None


def test_a_portrait_on_the_wall_in_three_lights_is_no_alarm(bundle, hopper):
    verifier, collapse = Verifier(bundle), Collapse()
    for track, light in enumerate((1.0, 0.9, 0.8, 0.7)):
        look = verifier.look((hopper * light).astype(np.uint8), rule="centre")
        collapse = collapse.after(track, look.crop, look.embedding)
    assert collapse.alarm is None


def test_a_track_that_was_counted_is_not_counted_again():
    sights = [sight(number, spread=0) for number in range(4)]
    assert run([sights[0], sights[1], sights[0], sights[1], sights[0]], [0, 1, 0, 1, 0]).alarm is None


@pytest.fixture(scope="module")
def portraits(astronaut, hopper):
    """Crops of two people in three lights each, by the released bundle."""
    return [(person * light).astype(np.uint8) for light, person in product((1, 0.8, 0.6), (astronaut, hopper))]


def test_a_runtime_that_gives_a_constant_after_the_self_test_is_noticed(bundle, portraits, monkeypatch):
    verifier = Verifier(bundle)
    honest = [verifier.look(one, rule="centre") for one in portraits]
    collapse = Collapse()
    for track, look in enumerate(honest):
        collapse = collapse.after(track, look.crop, look.embedding)
    assert collapse.alarm is None
    constant = verifier.embedder.vectors([honest[0].crop])
    monkeypatch.setattr(verifier.embedder, "vectors", lambda crops: np.repeat(constant, len(crops), axis=0))
    for track, one in enumerate(portraits, start=len(honest)):
        look = verifier.look(one, rule="centre")
        collapse = collapse.after(track, look.crop, look.embedding)
    assert collapse.alarm is None  # two people by turns: of three in a row two are one picture
    for track, one in enumerate((portraits[0], portraits[1], portraits[0][:, ::-1]), start=100):
        look = verifier.look(one, rule="centre")
        collapse = collapse.after(track, look.crop, look.embedding)
    assert collapse.alarm
