"""What a map costs: rates of people it has not seen, thresholds under a name of their own, too few people refused with their number."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import load_bundle, pack_bundle
from facelite.calibration import rates
from facelite.distance import SQUARED_L2
from facelite.errors import SpaceMismatch, UnsupportedRate
from facelite.evaluation import migrate
from facelite.evaluation.embed import Embedded
from facelite.evaluation.migrate import choose_folds, learn_map, measure, with_map
from facelite.evaluation.people import People
from facelite.face import Threshold
from facelite.runtime.migration import MAP, deal, map_unseen, unpack_map

pytestmark = pytest.mark.usefixtures("few_draws")

SIZE = 48


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def spaces(people, each=4, noise=0.3, seed=0):
    """The same pictures in two spaces, which are one but for a rotation and ``noise`` of the old one; and who is on each."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    new = unit(rng.normal(size=(people, SIZE))[person] + 1.2 * rng.normal(size=(len(person), SIZE)))
    turn = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]
    return unit(new @ turn + noise * rng.normal(size=new.shape) / np.sqrt(SIZE)), new, person


def of_space(bundle, space, fmrs=(1e-1, 1e-2)):
    thresholds = tuple(Threshold(1.2 - i / 10, rate, 1.2 * rate, 0.1, 100, 10_000, 5_000) for i, rate in enumerate(fmrs))
    manifest = replace(bundle.manifest, space=space, thresholds=thresholds, template_thresholds={}, fmr=fmrs[0])
    return load_bundle(pack_bundle(manifest, bundle.files))


@pytest.fixture
def learned(bundle, monkeypatch):
    """learned(old, new, person): what ``learn_map`` makes of these embeddings by two bundles."""

    def learn(old, new, person, *, fmrs=(1e-1, 1e-2)):
        names = [f"{i}.jpg" for i in range(len(person))]
        made = iter([Embedded(names, one, one.any(1)) for one in (old, new)])
        monkeypatch.setattr(migrate, "embed_pictures", lambda *_, **__: [next(made)])
        people = People(names, ["one"] * len(names), [f"{one:04d}" for one in person], lambda name: b"")
        return learn_map(of_space(bundle, "old", fmrs), of_space(bundle, "new", fmrs), people)

    return learn


def test_rates_are_those_of_a_plain_loop_over_people_who_were_not_seen():
    old, new, person = spaces(20, each=3, noise=0.8)
    fold = deal(person, 4)
    mapped = map_unseen(old, new, person, fold)
    pairs = [(i, k) for i in range(60) for k in range(60) if i != k and fold[i] == fold[k]]
    for templates, found in zip((new, mapped), measure(old, new, person, folds=4, distance=SQUARED_L2), strict=True):
        distances = np.array([np.sum((templates[i] - new[k]) ** 2) for i, k in pairs])
        same = np.array([person[i] == person[k] for i, k in pairs])
        assert (len(found.genuine), found.impostor_pairs, found.people_pairs) == (same.sum(), (~same).sum(), 4 * 10)
        for threshold in (1.0, 1.5, 1.8):
            assert rates(found).fnmr_at(threshold) == pytest.approx(np.mean(distances[same] > threshold), abs=0.01)
            assert rates(found).fmr_at(threshold) == pytest.approx(np.mean(distances[~same] <= threshold), abs=0.01)


def test_spaces_that_are_one_but_for_a_rotation_cost_nothing_and_others_more(learned):
    nothing, much = learned(*spaces(60, each=6, noise=0)), learned(*spaces(60, each=6, noise=1.5))
    assert (nothing.pictures, nothing.people, nothing.folds) == (360, 60, 5)
    assert [one.fmr for one in nothing.costs] == [1e-1, 1e-2]
    assert nothing.cost(1e-2).loss.value == pytest.approx(0, abs=0.02)
    cost = much.cost(1e-2)
    assert cost.loss.value == pytest.approx(cost.native - cost.mapped)
    assert cost.loss.low <= cost.loss.value <= cost.loss.high
    assert cost.loss.value > 0.05


def test_a_bundle_with_a_map_has_its_thresholds_under_the_map_s_name(learned, bundle):
    found = learned(*spaces(60))
    new = of_space(bundle, "new")
    made = load_bundle(with_map(new, found))
    assert made.artefact == new.artefact
    assert made.manifest.thresholds == new.manifest.thresholds
    assert unpack_map(made.files[MAP]).artefact == found.space_map.artefact == made.manifest.files[MAP]
    assert set(made.manifest.template_thresholds) == {found.space_map.artefact}
    assert made.manifest.template_thresholds[found.space_map.artefact] == found.thresholds
    assert b"## Migrated galleries" in made.files["model-card.md"]
    again = load_bundle(with_map(made, learned(*spaces(60, seed=1))))
    assert len(again.manifest.template_thresholds) == 2  # who was migrated before is judged as before
    assert again.files["model-card.md"].count(b"## Migrated galleries") == 1


@pytest.mark.parametrize("fmr", [1e-1, 3e-2, 1e-2, 1e-3])
def test_too_few_people_are_told_how_many_it_takes(fmr):
    with pytest.raises(UnsupportedRate, match=r"expected faces of [\d,]+ people or more, .* got 4;") as error:
        choose_folds(4, fmr)
    number = int(re.search(r"of ([\d,]+) people or more", str(error.value))[1].replace(",", ""))
    assert choose_folds(number, fmr) == 2
    with pytest.raises(UnsupportedRate):
        choose_folds(number - 2, fmr)
    assert choose_folds(10 * number, fmr) == 5


def test_too_few_people_and_one_space_are_refused_before_anything_is_embedded(learned, bundle, monkeypatch):
    with pytest.raises(UnsupportedRate, match="expected faces of 12 people or more"):
        learned(*spaces(8))
    monkeypatch.setattr(migrate, "embed_pictures", None)
    with pytest.raises(SpaceMismatch, match="expected bundles of two spaces, got 'new' of both; there is nothing to migrate"):
        learn_map(of_space(bundle, "new"), of_space(bundle, "new"), None)
