"""How many templates a measured rate bears: against a plain loop, and every remedy that a refusal names is tried."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import load_bundle, pack_bundle
from facelite.errors import UnsupportedRate
from facelite.face import Embedding, Threshold
from facelite.gallery import Gallery
from facelite.runtime.verifier import Verifier

RECIPE = (1e-1, 3e-2, 1e-2)
"""The rates of a small set of people, whose smallest is the default."""


def thresholds(rates):
    return tuple(Threshold(1.2 - i / 10, rate, 1.2 * rate, 0.1 * i, 100, 10_000, 5_000) for i, rate in enumerate(rates))


@pytest.fixture(params=[RECIPE, (1e-2, 1e-3, 1e-4), (1e-2,), (0.5, 0.1)], ids=str)
def manifest(bundle, request):
    return replace(bundle.manifest, thresholds=thresholds(request.param), template_thresholds={}, fmr=request.param[-1])


def fits(fmr, templates, wanted):
    """The rule itself: one error or more in so many comparisons happens at a rate of at most ``wanted``."""
    return 1 - (1 - fmr) ** templates <= wanted * (1 + 1e-6)


def test_a_subject_s_threshold_is_the_largest_rate_that_keeps_the_promise(manifest):
    for wanted in (one.fmr for one in manifest.thresholds):
        for templates in range(1, 120):
            promised = [one for one in manifest.thresholds if fits(one.fmr, templates, wanted)]
            if promised:
                assert manifest.threshold_for_subject(templates, wanted) == promised[0]
            else:
                with pytest.raises(UnsupportedRate):
                    manifest.threshold_for_subject(templates, wanted)
    assert manifest.threshold_for_subject(1) == manifest.threshold()


def test_what_a_refusal_recommends_is_accepted(manifest):
    refusals = 0
    for wanted in (one.fmr for one in manifest.thresholds):
        for templates in range(1, 120):
            try:
                manifest.threshold_for_subject(templates, wanted)
            except UnsupportedRate as error:
                refusals += 1
                message = str(error)
                assert "FPIR" not in message
                most, got = map(int, re.search(r"at most (\d+) template.* got (\d+);", message).groups())
                assert got == templates
                assert fits(manifest.thresholds[-1].fmr, most, wanted)
                assert not fits(manifest.thresholds[-1].fmr, most + 1, wanted)
                assert f"enrol {'one photograph' if most == 1 else f'{most} photographs'} only" in message
                rates = [one.fmr for one in manifest.thresholds if fits(manifest.thresholds[-1].fmr, templates, one.fmr)]
                asked = re.search(r"ask for --fmr (\S+),", message)
                assert (float(asked[1]) if asked else None) == (min(rates) if rates else None)
                assert ", ".join(f"{one.fmr:g}" for one in manifest.thresholds) in message
    assert refusals


def test_a_rate_that_was_not_measured_for_old_templates_is_no_remedy(bundle):
    own, old = thresholds((1e-2, 1e-3, 1e-4)), thresholds((1e-2, 1e-3))
    manifest = replace(bundle.manifest, thresholds=own, fmr=1e-3, template_thresholds={"0" * 64: old})
    with pytest.raises(UnsupportedRate, match=r"at most 0 template.*; ask for --fmr 0\.01$"):
        manifest.threshold_for_subject(5, 1e-4, kinds=["0" * 64])
    assert manifest.threshold_for_subject(5, 1e-2, kinds=["0" * 64]).fmr == 1e-3
    with pytest.raises(UnsupportedRate, match=r"; enrol anew with this bundle$"):
        manifest.threshold_for_subject(50, 1e-4, kinds=["0" * 64])


@pytest.fixture(scope="module")
def modest(bundle):
    """A verifier of a bundle as a small recipe makes it: its default rate is the smallest that was measured."""
    return Verifier(
        load_bundle(pack_bundle(replace(bundle.manifest, thresholds=thresholds(RECIPE), template_thresholds={}, fmr=RECIPE[-1]), bundle.files))
    )


@pytest.fixture
def gallery(tmp_path, bundle):
    with Gallery(tmp_path / "gallery.db", space=bundle.manifest.space, create=True) as opened:
        yield opened


def test_two_photographs_are_verified_at_the_rate_that_the_refusal_names(modest, astronaut, gallery):
    modest.enrol("Ada", [astronaut, astronaut[:, ::-1]], gallery)
    with pytest.raises(UnsupportedRate, match=r"got 2; ask for --fmr 0\.03, or enrol one photograph only"):
        modest.verify_subject(astronaut, "Ada", gallery)
    decision = modest.verify_subject(astronaut, "Ada", gallery, fmr=0.03)
    assert decision.accepted
    assert (decision.threshold.fmr, decision.templates, decision.comparisons, decision.fpir) == (0.01, 2, 2, 0.03)


@pytest.fixture(scope="module")
def fusing(bundle):
    """A verifier of a bundle that has thresholds for two and for three templates as one."""
    tables = {f"fused {number}": tuple(replace(one, distance=one.distance - number / 100) for one in thresholds(RECIPE)) for number in (2, 3)}
    manifest = replace(bundle.manifest, thresholds=thresholds(RECIPE), template_thresholds=tables, fmr=RECIPE[-1])
    return Verifier(load_bundle(pack_bundle(manifest, bundle.files)))


def test_templates_that_are_compared_as_one_count_as_one(fusing, astronaut, gallery):
    """At the default rate, which no more than one comparison keeps, and at the distance that was measured for so many templates."""
    own = fusing.look(astronaut).embedding
    near = [Embedding(own.vector + np.random.default_rng(i).normal(0, 0.03, 128), own.space) for i in range(8)]
    for number, distance in ((1, 1.0), (2, 0.98), (3, 0.97)):
        gallery.enrol("Ada", near[:number], artefact=fusing.bundle.artefact)
        decision = fusing.verify_subject(astronaut, "Ada", gallery)
        assert (decision.threshold.fmr, decision.threshold.distance) == (0.01, pytest.approx(distance))
        assert (decision.templates, decision.comparisons) == (number, 1)
        mean = np.sum([one.vector for one in near[:number]], axis=0)
        assert decision.distance == pytest.approx(own.distance(Embedding(mean, own.space)), abs=1e-5)
    gallery.enrol("Ada", near, artefact=fusing.bundle.artefact)
    with pytest.raises(UnsupportedRate, match=r"at most 3 template\(s\) .*got 3 groups of up to 3; ask for --fmr 0\.03, or enrol 3 photographs only"):
        fusing.verify_subject(astronaut, "Ada", gallery)
    found = fusing.verify_subject(astronaut, "Ada", gallery, fmr=0.03)  # groups of 3, 3 and 2
    assert (found.threshold.fmr, found.threshold.distance, found.templates, found.comparisons) == (0.01, pytest.approx(0.97), 8, 3)
    assert fusing.identify(astronaut, gallery, fpir=0.03) == replace(found, fpir=0.03)


def test_a_rate_that_was_not_measured_for_so_many_as_one_is_that_of_fewer(bundle, astronaut, gallery):
    """Three as one were measured at 0.1 and 0.03 only: at 0.01 each of two templates is compared alone, or the rate is refused."""
    own = thresholds((1e-1, 3e-2, 1e-2, 3e-3))
    manifest = replace(bundle.manifest, thresholds=own, template_thresholds={"fused 3": thresholds(RECIPE[:2])}, fmr=3e-2)
    verifier = Verifier(load_bundle(pack_bundle(manifest, bundle.files)))
    near = verifier.look(astronaut).embedding
    for number in range(1, 5):
        gallery.enrol("Ada", [Embedding(near.vector + np.random.default_rng(number).normal(0, 0.03, 128), near.space)], artefact=bundle.artefact)
        found = verifier.verify_subject(astronaut, "Ada", gallery)
        assert (found.comparisons, found.threshold.fmr) == {1: (1, 3e-2), 2: (1, 3e-2), 3: (1, 3e-2), 4: (4, 3e-3)}[number]
        if number <= 3:
            found = verifier.verify_subject(astronaut, "Ada", gallery, fmr=1e-2)
            assert (found.comparisons, found.threshold.fmr) == (number, {1: 1e-2, 2: 3e-3, 3: 3e-3}[number])
            assert verifier.identify(astronaut, gallery, fpir=1e-2) == found
    with pytest.raises(UnsupportedRate, match=r"got 4; ask for --fmr 0\.03, or enrol 3 photographs only"):
        verifier.verify_subject(astronaut, "Ada", gallery, fmr=1e-2)


def test_templates_of_another_embedder_are_compared_one_by_one(fusing, astronaut, gallery):
    other = "0" * 64
    manifest = replace(fusing.manifest, template_thresholds={**fusing.manifest.template_thresholds, other: thresholds(RECIPE)})
    crossed = Verifier(load_bundle(pack_bundle(manifest, fusing.bundle.files)))
    fusing.enrol("Ada", [astronaut, astronaut[:, ::-1]], gallery)
    assert crossed.verify_subject(astronaut, "Ada", gallery).threshold.distance == pytest.approx(0.98)
    gallery.enrol("Eve", [Embedding(np.ones(128), fusing.manifest.space)], artefact=other)
    decision = crossed.verify_subject(astronaut, "Ada", gallery, fmr=0.03)
    assert (decision.threshold.distance, decision.distance) == (pytest.approx(1.0), pytest.approx(0, abs=1e-5))


def test_a_decision_tells_the_rate_of_the_whole_answer(verifier, astronaut, gallery):
    verifier.enrol("Ada", [astronaut], gallery)
    crowd = [Embedding(vector, verifier.manifest.space) for vector in np.random.default_rng(0).normal(size=(9, 128))]
    gallery.enrol("crowd", crowd, artefact=verifier.bundle.artefact)
    for picture in (astronaut, np.full((200, 200, 3), 120, np.uint8)):  # decided or not
        found = verifier.identify(picture, gallery, fpir=0.02)
        assert (found.templates, found.comparisons, found.fpir) == (10, 3, 0.02)  # of the crowd, 5 and 4 are compared as one
        assert fits(found.threshold.fmr, 3, 0.02)
        own = verifier.verify_subject(picture, "Ada", gallery, fmr=0.01)
        assert (own.templates, own.fpir, own.threshold.fmr) == (1, 0.01, 0.01)
        pair = verifier.verify(picture, astronaut)
        assert (pair.templates, pair.fpir) == (1, None)


def test_a_picture_is_enrolled_once(verifier, astronaut, hopper, gallery):
    assert verifier.enrol("Ada", [astronaut, astronaut], gallery).added == 1
    for _ in range(3):
        enrolment = verifier.enrol("Ada", [astronaut], gallery)
        assert (enrolment.added, [look.outcome for look in enrolment.looks]) == (0, [None])
    assert gallery.count("Ada") == 1
    assert verifier.enrol("Ada", [astronaut, astronaut[:, ::-1]], gallery).added == 1
    assert verifier.enrol("Eve", [astronaut], gallery, anyway=True).added == 1  # of another subject it is new
    assert (gallery.count("Ada"), gallery.count("Eve")) == (2, 1)
