"""One answer for each person before the camera, and none at all once the embedder has collapsed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.errors import SelfTestError
from facelite.face import Outcome
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


@pytest.mark.parametrize("light", [1.0, 0.8])
def test_who_takes_an_accepted_person_s_place_between_two_frames_has_to_try_anew(verifier, gallery, astronaut, hopper, light):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), tracks=TrackRule(search=10.0))
    for at in range(4):
        (before,) = watch.update(frames(astronaut), at / 10)
    assert before.answer.accepted
    (swapped,) = watch.update(frames(hopper, light=light), 0.4)
    assert swapped.track.number == 2 and swapped.answer is None and not swapped.decision.accepted
    (later,) = watch.update(frames(hopper, light=light), 0.5)
    assert later.track.number == 2 and not later.closing.accepted


def test_an_attempt_that_nobody_goes_on_with_is_no_acceptance(verifier, gallery, astronaut):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery))
    (once,) = watch.update(frames(astronaut), 0.0)
    assert once.decision.accepted and once.answer is None
    assert once.closing.outcome is Outcome.TIMED_OUT and once.closing.subject is None
    (dark,) = Watch(verifier, lambda look: verifier.identify(look, gallery)).update(frames(astronaut, light=0.1), 0.0)
    assert dark.closing.outcome is dark.decision.outcome is Outcome.TOO_DARK


def come_and_go(watch, *people):
    """Each person alone, one after another; what was answered of each at last."""
    for number, person in enumerate(people):
        (sight,) = watch.update(frames(person), 10.0 * number)
        watch.update(frames(None), 10.0 * number + 5)
        yield sight


def test_a_runtime_that_repeats_its_last_embedding_accepts_nobody_by_it(verifier, gallery, astronaut, hopper, monkeypatch):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), attempts=AttemptRule(1, 1), tracks=TrackRule(patience=0))
    people = come_and_go(watch, astronaut, hopper)
    first = next(people)
    assert first.answer.subject == "Eileen"
    stuck = verifier.embedder.vectors([first.look.crop])
    monkeypatch.setattr(verifier.embedder, "vectors", lambda crops: np.repeat(stuck, len(crops), axis=0))
    with pytest.raises(SelfTestError, match=r"fails its self-test.*two people in a row gave one embedding"):
        next(people)
    with pytest.raises(SelfTestError, match="fails its self-test"):
        watch.update(frames(None), 100.0)


def test_two_people_by_turns_whose_embeddings_are_one_end_it(verifier, gallery, astronaut, hopper, monkeypatch):
    crops = [verifier.look(person).crop for person in (astronaut, hopper)]
    late = iter(verifier.embedder.vectors(crops).repeat(2, axis=0))  # each is given twice
    monkeypatch.setattr(verifier.embedder, "vectors", lambda crops: next(late)[None])
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), tracks=TrackRule(patience=0))
    with pytest.raises(SelfTestError, match="fails its self-test"):
        list(come_and_go(watch, astronaut, hopper))


def test_where_the_self_test_passes_it_goes_on(verifier, gallery, astronaut, hopper, monkeypatch):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), tracks=TrackRule(patience=0))
    one, tests = verifier.embedder.vectors([verifier.look(astronaut).crop]), []
    monkeypatch.setattr(verifier.embedder, "vectors", lambda crops: one)
    monkeypatch.setattr(verifier, "self_test", lambda: tests.append("run"))
    people = come_and_go(watch, astronaut, hopper, hopper[:, ::-1])
    assert next(people) and next(people) and tests == ["run"]
    with pytest.raises(SelfTestError, match="expected embeddings that differ"):  # three are too many
        next(people)


def test_a_collapsed_embedder_ends_it_for_good(verifier, gallery, astronaut, hopper, monkeypatch):
    watch = Watch(verifier, lambda look: verifier.identify(look, gallery), tracks=TrackRule(patience=0))
    constant = verifier.embedder.vectors([verifier.look(astronaut).crop])
    monkeypatch.setattr(verifier.embedder, "vectors", lambda crops: np.repeat(constant, len(crops), axis=0))
    with pytest.raises(SelfTestError, match="fails its self-test"):
        list(come_and_go(watch, astronaut, hopper))
    with pytest.raises(SelfTestError):
        watch.update(frames(None), 100.0)
