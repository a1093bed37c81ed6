"""One answer for each person before the camera, and none at all once the embedder has collapsed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.errors import SelfTestError
from facelite.gallery import Gallery
from facelite.runtime.attempt import AttemptRule
from facelite.runtime.tracker import TrackRule
from facelite.runtime.verifier import Verifier
from facelite.runtime.watch import Watch


@pytest.fixture
def verifier(bundle):
    return Verifier(bundle)


@pytest.fixture
def gallery(verifier, astronaut, tmp_path):
    with Gallery(tmp_path / "g.db", space=verifier.manifest.space, create=True) as gallery:
        verifier.enrol("Eileen", [astronaut], gallery)
        yield gallery


def frames(*people, light=1.0):
    """Side by side on grey, None for nobody."""
    drawn = np.full((240, 240 * len(people), 3), 118, np.uint8)
    for place, person in enumerate(people):
        if person is not None:
            face = person[:224, 100:324] if person.shape[0] == 512 else person  # the astronaut's; the other is a portrait
            drawn[40:200, 240 * place + 20 : 240 * place + 180] = cv2.resize(face, (160, 160), interpolation=cv2.INTER_AREA) * light
    return drawn


def test_each_person_has_an_attempt_of_their_own(verifier, gallery, astronaut, hopper):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), attempts=AttemptRule(2, 3), tracks=TrackRule(search=0))
    answers = [{sight.track.number: sight.answer for sight in watch.update(frames(astronaut, hopper), at)} for at in (0.0, 0.1, 0.2)]
    assert list(answers[0].values()) == [None, None]
    assert sorted(answer.outcome.value for answer in answers[1].values()) == ["accepted", "rejected"]  # two of three cannot follow for Grace
    assert answers[2] == answers[1]  # once


def test_a_frame_s_decision_is_that_of_the_picture(verifier, gallery, astronaut):
    (sight,) = Watch(verifier, lambda look: verifier.identify(look, gallery)).update(frames(astronaut), 0.0)
    assert sight.decision == verifier.identify(frames(astronaut), gallery)


def test_who_comes_back_tries_anew(verifier, gallery, astronaut):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), attempts=AttemptRule(1, 1), tracks=TrackRule(patience=0.2))
    (first,) = watch.update(frames(astronaut), 0.0)
    assert watch.update(frames(None), 1.0) == []
    (second,) = watch.update(frames(astronaut), 2.0)
    assert (first.track.number, second.track.number) == (1, 2)
    assert second.attempt.began == 2.0


def test_a_collapsed_embedder_ends_it_for_good(verifier, gallery, astronaut, hopper, monkeypatch):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), tracks=TrackRule(patience=0))
    constant = verifier.embedder.vectors([verifier.look(astronaut).crop])
    monkeypatch.setattr(verifier.embedder, "vectors", lambda crops: np.repeat(constant, len(crops), axis=0))
    with pytest.raises(SelfTestError, match="expected embeddings that differ"):
        for at, (person, light) in enumerate([(astronaut, 1.0), (hopper, 1.0), (astronaut, 0.7)]):
            watch.update(frames(person, light=light), 10.0 * at)
            watch.update(frames(None), 10.0 * at + 5)
    with pytest.raises(SelfTestError):
        watch.update(frames(None), 100.0)
