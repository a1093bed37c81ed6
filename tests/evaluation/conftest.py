"""Judgements of people who do not exist: embeddings drawn at random, names that no page may take for HTML."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from facelite.calibration import intervals
from facelite.evaluation.embed import Embedded
from facelite.evaluation.identification import identify_people
from facelite.evaluation.judge import Deployed, Judgement, Material, Model
from facelite.evaluation.pairs import PairList
from facelite.evaluation.people import People
from facelite.evaluation.quality import discards
from facelite.evaluation.slices import slice_rates
from facelite.evaluation.sweeps import PUBLISHED, SETTINGS, Point, Sweep
from facelite.evaluation.verification import by_measure, difference, verify_all, verify_pairs
from facelite.face import Threshold
from facelite.preprocess import Preprocessing
from facelite.quality import Limits, Quality

PEOPLE, PICTURES = 64, 6

HOSTILE = '<script>alert("1")</script>&$_'


class Unmade:
    """What a report reads of an embedder."""

    preprocessing = Preprocessing(64, 56)

    def __init__(self, artefact):
        self.artefact = artefact


def embeddings(names, seed, noise):
    """Unit vectors (n, 16) of PEOPLE with PICTURES each; the first picture shows no face."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(PEOPLE, 16)), PICTURES, axis=0) + noise * np.random.default_rng(seed).normal(size=(PEOPLE * PICTURES, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    vectors[0] = 0
    return Embedded(names, vectors, vectors.any(axis=1))


def picture(name):
    """A picture of random pixels, other ones for other names."""
    pixels = np.random.default_rng(list(name.encode(errors="replace"))).integers(0, 256, (90, 80, 3), dtype=np.uint8)
    return cv2.imencode(".png", cv2.resize(pixels[::10, ::10], (80, 90)))[1].tobytes()


@pytest.fixture(scope="session")
def models(detector_file):
    """Two models; only the first ships with a threshold."""
    threshold = Threshold(0.9, 0.01, 0.02, 0.1, 100, 1000, 300)
    first, second = (Model(f"build/{name}", partial(Unmade, name[:1] * 64), detector_file) for name in (f"a {HOSTILE}", "b.facelite"))
    return [replace(first, threshold=threshold), second]


@pytest.fixture(scope="session")
def names():
    """Names of pictures, in folders: with what HTML would take for its own, and bytes that are no text."""
    return [f"{person:02d} {HOSTILE}/{number}{HOSTILE if person % 2 else chr(0xDCFF)}.png" for person in range(PEOPLE) for number in range(PICTURES)]


@pytest.fixture(scope="session")
def full(models, names):
    """(judgement with everything in it, models, material) of two models on all pairs."""
    person = np.repeat(np.arange(PEOPLE), PICTURES)
    people = People(names, ["set"] * len(names), [f"{one:03d}" for one in person], picture)
    embedded = [embeddings(names, seed, noise) for seed, noise in ((1, 0.6), (2, 0.7))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facelite.evaluation.verification.intervals", partial(intervals, draws=40))
        patch.setattr("facelite.evaluation.slices.intervals", partial(intervals, draws=40))
        judged = [verify_all(people, one) for one in embedded]
        groups = {f"sex {HOSTILE}": np.array([f"m {HOSTILE}", "f"])[person % 2], "age": np.where(person < 4, "old", "young")}
        found = embedded[0].found
        shipped = models[0].threshold
        rates_there = intervals(
            judged[0].comparisons, lambda drawn: [drawn.fmr_at(shipped.distance), drawn.fnmr_at(shipped.distance)], trials=[2016, 64], draws=40
        )
        at = Deployed(shipped, *rates_there)
        (slices,) = slice_rates(embedded[0].vectors, person, groups, thresholds=[(0.9, 0.01)])
        patch.setattr("facelite.evaluation.quality.intervals", partial(intervals, draws=40))
        qualities = [Quality(80, 1, 110, 12, 0.001 * i, 8) if one else None for i, one in enumerate(found)]
        quality = discards(embedded[0], person, qualities, limits=Limits(turn=0.05), distance=0.9)
    judgement = Judgement(
        models=[model.name for model in models],
        judged=judged,
        deployed=[at, None],
        crop=repr("crop"),
        seconds=1.0,
        differences=difference(*judged),
        slices=slices,
        sweeps=[made_up(kind, models, fmr) for kind, fmr in (("jpeg", "1e-2"), ("pixels", "1e-2"), ("jitter", "1e-3"))],
        identification=identify_people(embedded[0].vectors[found], person[found], enrolments=(1, 2), galleries=2),
        quality=quality,
    )
    return judgement, models, Material(f"pictures {HOSTILE}", names, person, partial(verify_all, people), read=picture)


def made_up(kind, models, fmr):
    """A sweep of any values; at FMR 1e-3 the pairs support no VAL."""
    rng, points = np.random.default_rng(3), []
    for setting in SETTINGS[kind]:
        for road in ("aligned", "centre crop")[: 1 if kind == "jitter" else 2]:
            for model in models:
                low, val, high = np.sort(rng.random(3)).tolist()
                known = (val, (low, high)) if fmr == "1e-2" else (None, None)
                points.append(Point(setting, road, model.name, *known, accuracy=val, failed_to_detect=1, unchanged=2 if kind == "pixels" else None))
    return Sweep(kind, fmr, points, PUBLISHED.get(kind))


@pytest.fixture(scope="session")
def listed(models, names):
    """(judgement with nothing but verification and measures, models, material) of one model on a list of pairs."""
    rng = np.random.default_rng(4)
    first = np.arange(len(names)).repeat(2)
    next_of_person = first // PICTURES * PICTURES + (first + 1) % PICTURES
    second = np.where(np.arange(len(first)) % 2, next_of_person, rng.permutation(first))
    same = first // PICTURES == second // PICTURES
    pairs = PairList(names, first, second, same, np.arange(len(first)) // 4 % 4, np.repeat(np.arange(PEOPLE), PICTURES))
    embedded = embeddings(names, 1, 0.6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("facelite.evaluation.verification.intervals", partial(intervals, draws=40))
        judged = verify_pairs(pairs, embedded)
    judgement = Judgement([models[1].name], [judged], [None], "crop", 1.0, measures=by_measure(pairs, embedded))
    return (
        judgement,
        models[1:],
        Material(f"pictures {HOSTILE}", names, np.repeat(np.arange(PEOPLE), PICTURES), partial(verify_pairs, pairs), read=picture, pairs=pairs),
    )
