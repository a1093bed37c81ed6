"""Error versus discard against plain loops over pairs, on people whose poor pictures are known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation.embed import Embedded
from facelite.evaluation.quality import MEASURES, SHARES, UNCLEAR, discards, least_clarity, measure_pictures
from facelite.preprocess import Preprocessing
from facelite.quality import Limits, Quality
from facelite.runtime.verifier import Verifier

pytestmark = pytest.mark.usefixtures("few_draws")

GOOD = Quality(size=80, inside=1, light=110, sharpness=12, turn=0.02, clarity=8)
AT = 0.8


@pytest.fixture(scope="module")
def people():
    """40 people of 2 to 5 pictures: the less clear one is, the farther it strays; and a few without a face."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), rng.integers(2, 6, 40))
    clarity = rng.uniform(5, 9, len(person))
    vectors = rng.normal(size=(40, 16))[person] + rng.normal(size=(len(person), 16)) * (6 / clarity[:, None]) ** 3
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lost = rng.random(len(person)) < 0.05
    vectors[lost] = 0
    embedded = Embedded([str(i) for i in range(len(person))], vectors.astype(np.float32), np.where(lost, 0, clarity).astype(np.float32))
    turns = rng.uniform(0, 0.1, len(person))
    qualities = [None if gone else replace(GOOD, clarity=c, turn=t) for gone, c, t in zip(lost, clarity, turns, strict=True)]
    return embedded, person, qualities


def plain_fnmr(embedded, person, kept):
    """Over all pairs of a person's pictures that are both ``kept``: the share farther apart than AT, and of those with one that is not."""
    inside, touching = [], []
    for i in range(len(person)):
        for j in range(i):
            if person[i] == person[j] and embedded.found[i] and embedded.found[j]:
                far = float(((embedded.vectors[i] - embedded.vectors[j]) ** 2).sum()) > AT
                (inside if kept[i] and kept[j] else touching).append(far)
    return np.mean(inside), np.mean(touching) if touching else None


def test_rates_at_the_limits_are_those_of_a_plain_loop(people):
    embedded, person, qualities = people
    found = discards(embedded, person, qualities, limits=Limits(clarity=6.0, turn=0.09), distance=AT)
    kept = {
        "clarity": [quality is not None and quality.clarity >= 6 for quality in qualities],
        "turn": [quality is not None and quality.turn <= 0.09 for quality in qualities],
    }
    kept["all"] = [a and b for a, b in zip(kept["clarity"], kept["turn"], strict=True)]
    assert found.fnmr.value == pytest.approx(plain_fnmr(embedded, person, embedded.found)[0])
    assert [one.measure for one in found.measures] == ["all", *MEASURES]
    for one in found.measures:
        inside, touching = plain_fnmr(embedded, person, kept.get(one.measure, embedded.found))
        assert one.kept.value == pytest.approx(inside) and one.fnmr_refused == pytest.approx(touching)
        assert one.kept.low <= one.kept.value <= one.kept.high
        refused = embedded.found.sum() - np.sum(kept.get(one.measure, embedded.found))
        assert one.refused == pytest.approx(refused / embedded.found.sum())


def test_only_the_measure_that_tells_poor_pictures_falls_and_its_curve_is_a_plain_loop(people):
    embedded, person, qualities = people
    curves = {one.measure: one.curve for one in discards(embedded, person, qualities, limits=Limits(), distance=AT).measures}
    clear = [step.fnmr for step in curves["clarity"]]
    assert clear[-1] < 0.5 * clear[0]
    assert min(step.fnmr for step in curves["turn"]) > 0.8 * clear[0]
    for step, share in zip(curves["clarity"], SHARES, strict=True):
        kept = [quality is not None and quality.clarity >= step.limit for quality in qualities]
        assert step.share == share and step.fnmr == pytest.approx(plain_fnmr(embedded, person, kept)[0])
        assert np.sum(kept) == pytest.approx((1 - share) * embedded.found.sum(), abs=1)
    assert all(step.limit >= 0 for curve in curves.values() for step in curve)


def test_people_of_one_picture_each_tell_nothing(people):
    embedded, person, qualities = people
    with pytest.raises(InputError, match="expected people with several pictures in which a face is found, got none"):
        discards(embedded, np.arange(len(person)), qualities, limits=Limits(), distance=AT)


def test_pictures_are_measured_as_the_device_measures_them(bundle, astronaut):
    verifier = Verifier(bundle)
    dim = (astronaut * 0.4).astype(np.uint8)
    pictures = [cv2.imencode(".png", cv2.cvtColor(one, cv2.COLOR_RGB2BGR))[1].tobytes() for one in (astronaut, dim, 0 * astronaut)]
    embedded = Embedded(["0", "1", "2", "3"], np.zeros((4, 8), np.float32), np.float32([7, 6, 0, 0]))
    size, seen = Preprocessing(verifier.manifest.preprocessing.height, verifier.manifest.preprocessing.width), []
    found = measure_pictures(
        embedded.names,
        lambda name: [*pictures, b"no picture"][int(name)],
        embedded,
        detector=verifier.bundle.files["detector.tflite"],
        size=size,
        rule="centre",
        progress=lambda done, total: seen.append((done, total)),
    )
    looks = [verifier.look(one, rule="centre").quality for one in (astronaut, dim)]
    assert found == [replace(looks[0], clarity=7.0), replace(looks[1], clarity=6.0), None, None]
    assert seen[-1] == (4, 4)


def test_the_least_clarity_is_that_which_few_lack_and_most_of_whose_comparisons_fail(people):
    embedded, person, _ = people
    limit = least_clarity(embedded, person, distance=AT)
    below = (embedded.lengths < limit) & embedded.found
    assert below.sum() == pytest.approx(UNCLEAR * embedded.found.sum(), abs=1) and below.any()
    assert plain_fnmr(embedded, person, ~below & embedded.found)[1] > 0.5


def test_a_network_whose_output_says_nothing_by_its_length_gets_no_limit(people):
    embedded, person, _ = people
    rng = np.random.default_rng(0)
    unit = replace(embedded, lengths=np.where(embedded.found, 1 + rng.normal(0, 1e-7, len(person)), 0).astype(np.float32))
    assert least_clarity(unit, person, distance=3.0) == 0
    assert least_clarity(replace(embedded, lengths=np.where(embedded.found, 1, 0).astype(np.float32)), person, distance=AT) == 0
    assert least_clarity(embedded, np.arange(len(person)), distance=AT) == 0  # nobody has two pictures
