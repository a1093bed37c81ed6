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
    return replace(bundle.manifest, thresholds=thresholds(request.param), fmr=request.param[-1])


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
        manifest.threshold_for_subject(5, 1e-4, artefacts=["0" * 64])
    assert manifest.threshold_for_subject(5, 1e-2, artefacts=["0" * 64]).fmr == 1e-3
    with pytest.raises(UnsupportedRate, match=r"; enrol anew with this bundle$"):
        manifest.threshold_for_subject(50, 1e-4, artefacts=["0" * 64])


@pytest.fixture(scope="module")
def modest(bundle):
    """A verifier of a bundle as a small recipe makes it: its default rate is the smallest that was measured."""
    return Verifier(load_bundle(pack_bundle(replace(bundle.manifest, thresholds=thresholds(RECIPE), fmr=RECIPE[-1]), bundle.files)))


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
    assert (decision.threshold.fmr, decision.templates, decision.fpir) == (0.01, 2, 0.03)


def test_a_decision_tells_the_rate_of_the_whole_answer(verifier, astronaut, gallery):
    verifier.enrol("Ada", [astronaut], gallery)
    crowd = [Embedding(vector, verifier.manifest.space) for vector in np.random.default_rng(0).normal(size=(9, 128))]
    gallery.enrol("crowd", crowd, artefact=verifier.bundle.artefact)
    for picture in (astronaut, np.full((200, 200, 3), 120, np.uint8)):  # decided or not
        found = verifier.identify(picture, gallery, fpir=0.02)
        assert (found.templates, found.fpir) == (10, 0.02)
        assert fits(found.threshold.fmr, 10, 0.02)
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
