"""Pictures -> decisions with the released bundle: who is accepted, and every reason not to decide."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

import facelite
from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, HEAD, Bundle, load_bundle, pack_bundle
from facelite.distance import pack_head, scaled
from facelite.errors import BundleError, GalleryError, ImageError, SelfTestError, SpaceMismatch, UnsupportedRate
from facelite.face import Embedding, Outcome
from facelite.gallery import Gallery
from facelite.runtime.doubts import find_doubts
from facelite.runtime.verifier import Verifier, open_verifier


@pytest.fixture(scope="module")
def two(astronaut):
    """Two faces of one person side by side, the right one nearer to the middle."""
    return np.hstack([astronaut[:, :400], astronaut[:, 100:]])


def close_up(astronaut, side):
    """The astronaut's head in ``side`` pixels; the face's box is about half of it."""
    return cv2.resize(astronaut[30:230, 120:330], (side, side), interpolation=cv2.INTER_AREA)


@pytest.fixture
def poor(astronaut, two):
    return {
        Outcome.NO_FACE: np.full((200, 200, 3), 120, np.uint8),
        Outcome.SEVERAL_FACES: two,
        Outcome.TOO_SMALL: close_up(astronaut, 40),
        Outcome.TOO_DARK: (astronaut * 0.1).astype(np.uint8),
        Outcome.BLURRED: np.clip(cv2.GaussianBlur(astronaut, (0, 0), 4) * 0.5 + 60, 0, 255).astype(np.uint8),
    }


@pytest.fixture
def gallery(tmp_path, verifier):
    with Gallery(tmp_path / "gallery.db", space=verifier.manifest.space, create=True) as opened:
        yield opened


# verify


def test_a_person_is_accepted_flipped_recompressed_and_turned(verifier, astronaut):
    encoded = cv2.imdecode(cv2.imencode(".jpg", astronaut, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    turned = cv2.warpAffine(astronaut, cv2.getRotationMatrix2D((224, 120), 12, 1), (512, 512))
    for other in (astronaut, astronaut[:, ::-1], encoded, turned):
        decision = verifier.verify(astronaut, other)
        assert decision.outcome is Outcome.ACCEPTED
        assert decision.accepted
        assert 0 <= decision.distance <= decision.threshold.distance
        assert decision.threshold == verifier.manifest.threshold()


def test_another_person_is_rejected_with_the_evidence(verifier, astronaut, hopper):
    decision = verifier.verify(astronaut, hopper)
    assert decision.outcome is Outcome.REJECTED
    assert not decision.accepted
    assert decision.distance > decision.threshold.distance


def test_a_file_an_array_and_the_package_s_own_door_agree(bundle_file, verifier, astronaut, hopper, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
    expected = verifier.verify(astronaut, hopper)
    assert verifier.verify(tmp_path / "a.png", hopper) == expected
    assert facelite.open(bundle_file).verify(str(tmp_path / "a.png"), hopper) == expected


def test_each_measured_rate_has_its_own_threshold_and_others_are_refused(verifier, astronaut):
    for threshold in verifier.manifest.thresholds:
        assert verifier.verify(astronaut, astronaut, fmr=threshold.fmr).threshold == threshold
    with pytest.raises(UnsupportedRate, match=r"which were measured, got 0.5"):
        verifier.verify(astronaut, astronaut, fmr=0.5)


@pytest.mark.parametrize("outcome", [Outcome.NO_FACE, Outcome.SEVERAL_FACES, Outcome.TOO_SMALL, Outcome.TOO_DARK, Outcome.BLURRED])
def test_a_picture_that_will_not_do_is_no_rejection_and_says_why(verifier, astronaut, poor, outcome, gallery):
    verifier.enrol("Ada", [astronaut], gallery)
    look = verifier.look(poor[outcome])
    assert look.outcome is outcome
    assert look.embedding is None
    assert look.detail.startswith("expected")
    for decision, detail in (
        (verifier.verify(poor[outcome], astronaut), f"first picture: {look.detail}"),
        (verifier.verify(astronaut, poor[outcome]), f"second picture: {look.detail}"),
        (verifier.verify_subject(poor[outcome], "Ada", gallery), look.detail),
        (verifier.identify(poor[outcome], gallery), look.detail),
    ):
        assert (decision.outcome, decision.detail, decision.distance, decision.subject) == (outcome, detail, None, None)
        assert not decision.accepted
        assert not decision.outcome.decided


def test_which_face_is_meant(verifier, two):
    left, right = sorted(verifier.detector.detect(two), key=lambda face: face.box[0])
    assert verifier.look(two).outcome is Outcome.SEVERAL_FACES
    np.testing.assert_array_equal(verifier.look(two, rule="centre").face.box, right.box)
    black = np.zeros((512, 100, 3), np.uint8)
    enlarged = np.hstack([cv2.resize(two[:, :400], (480, 614))[:512], two[:, 400:], black])  # now the left one is larger
    assert verifier.look(enlarged, rule="largest").face.box[0] < 400
    assert verifier.look(enlarged, rule="centre").face.box[0] > 480
    assert left.size < verifier.look(enlarged, rule="largest").face.size
    assert verifier.verify(two, two, rule="largest").accepted


def test_an_unreadable_picture_is_an_error_even_beside_one_without_a_face(verifier, tmp_path, poor):
    (tmp_path / "x.jpg").write_text("text")
    for pictures in ((tmp_path / "x.jpg", poor[Outcome.NO_FACE]), (poor[Outcome.NO_FACE], tmp_path / "x.jpg")):
        with pytest.raises(ImageError, match=r"x\.jpg"):
            verifier.verify(*pictures)


@pytest.mark.parametrize("frame", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)])
def test_an_array_that_is_no_picture_is_misuse(verifier, frame):
    with pytest.raises(ValueError, match="expected"):
        verifier.look(frame)


# galleries


def meanwhile(verifier, gallery, picture, monkeypatch):
    """Another process enrols Eileen after the first look for doubts, and before the templates are written."""

    def find(*question):
        doubts = find_doubts(*question)
        if not gallery.subjects:
            with Gallery(gallery.path, space=gallery.space, create=True) as other:
                assert verifier.enrol("Eileen", [picture], other, anyway=True).added == 1
        return doubts

    monkeypatch.setattr("facelite.runtime.verifier.find_doubts", find)


def test_who_is_enrolled_by_another_process_meanwhile_is_not_enrolled_under_a_second_name(verifier, astronaut, gallery, monkeypatch):
    meanwhile(verifier, gallery, astronaut, monkeypatch)
    enrolment = verifier.enrol("Ellen", [astronaut[:, ::-1]], gallery)
    assert (enrolment.added, enrolment.doubts[0].kind, enrolment.doubts[0].other) == (0, "double", "Eileen")
    assert gallery.subjects == ["Eileen"]


def test_who_is_like_nobody_is_enrolled_whatever_another_process_has_written_meanwhile(verifier, astronaut, hopper, gallery, monkeypatch):
    meanwhile(verifier, gallery, astronaut, monkeypatch)
    assert verifier.enrol("Grace", [hopper], gallery).added == 1
    assert gallery.subjects == ["Eileen", "Grace"]


def test_enrol_verify_identify(verifier, astronaut, hopper, gallery):
    enrolment = verifier.enrol("Eileen", [astronaut, astronaut[:, ::-1]], gallery)
    assert [look.outcome for look in enrolment.looks] == [None, None]
    assert enrolment.added == 2
    assert len(gallery.templates) == 2
    assert {template.artefact for template in gallery.templates} == {verifier.bundle.artefact}
    accepted = verifier.verify_subject(astronaut, "Eileen", gallery)
    assert (accepted.outcome, accepted.subject) == (Outcome.ACCEPTED, "Eileen")
    assert verifier.verify_subject(hopper, "Eileen", gallery).outcome is Outcome.REJECTED
    assert verifier.identify(astronaut, gallery).subject == "Eileen"
    assert verifier.identify(hopper, gallery).outcome is Outcome.REJECTED
    verifier.enrol("Grace", [hopper], gallery)
    assert verifier.identify(hopper, gallery).subject == "Grace"
    assert verifier.verify_subject(hopper, "Eileen", gallery).outcome is Outcome.REJECTED  # although Grace is nearer
    with pytest.raises(GalleryError, match="got 'Nobody'"):
        verifier.verify_subject(hopper, "Nobody", gallery)


@pytest.mark.parametrize("outcome", [Outcome.NO_FACE, Outcome.SEVERAL_FACES, Outcome.TOO_DARK])
def test_one_poor_picture_keeps_all_of_them_out(verifier, astronaut, poor, gallery, outcome):
    enrolment = verifier.enrol("Ada", [astronaut, poor[outcome], astronaut], gallery)
    assert [look.outcome for look in enrolment.looks] == [None, outcome, None]
    assert enrolment.added == 0
    assert gallery.templates == []
    assert not gallery.path.exists()


def test_one_unreadable_picture_keeps_all_of_them_out(verifier, astronaut, gallery, tmp_path):
    with pytest.raises(ImageError):
        verifier.enrol("Ada", [astronaut, tmp_path / "missing.jpg"], gallery)
    assert not gallery.path.exists()


def test_the_threshold_tightens_with_the_gallery(verifier, astronaut, gallery):
    verifier.enrol("Ada", [astronaut], gallery)
    crowd = [Embedding(vector, verifier.manifest.space) for vector in np.random.default_rng(0).normal(size=(299, 128))]
    distances = []
    for count in (1, 4, 20, 300):
        if count > 1:
            for i in range(len(gallery) - 1, count - 1):
                gallery.enrol(f"one of the crowd, {i}", [crowd[i]], artefact=verifier.bundle.artefact)
        decision = verifier.identify(astronaut, gallery, fpir=0.01)
        assert 1 - (1 - decision.threshold.fmr) ** len(gallery.templates) <= 0.01 * (1 + 1e-6)
        distances.append(decision.threshold.distance)
    assert distances == sorted(distances, reverse=True)
    assert len(set(distances)) == 4
    with pytest.raises(UnsupportedRate, match="over 300 comparisons"):
        verifier.identify(astronaut, gallery, fpir=1e-4)


def test_a_gallery_of_another_space_is_refused(verifier, astronaut, tmp_path):
    with Gallery(tmp_path / "other.db", space="other", create=True) as other:
        for act in (verifier.identify, lambda picture, gallery: verifier.enrol("Ada", [picture], gallery)):
            with pytest.raises((SpaceMismatch, GalleryError)):
                act(astronaut, other)


# bundles


def test_a_bundle_with_a_part_of_another_kind_is_refused(bundle, detector_file):
    def with_files(**files):
        return Bundle(bundle.manifest, {**bundle.files, **files}, bundle.digest)

    with pytest.raises(BundleError, match="expected an embedder"):
        Verifier(with_files(**{EMBEDDER: detector_file}))
    with pytest.raises(BundleError, match="expected a detector"):
        Verifier(with_files(**{DETECTOR: bundle.files[EMBEDDER]}))
    with pytest.raises(BundleError, match="can load"):
        Verifier(with_files(**{EMBEDDER: b"text"}))
    with pytest.raises(SelfTestError, match="golden"):
        Verifier(with_files(**{GOLDEN: b"[]"}))


def test_another_scale_in_the_manifest_fails_the_self_test(bundle):
    wrong = replace(bundle.manifest, preprocessing=replace(bundle.manifest.preprocessing, mean=0.0, std=255.0))
    with pytest.raises(SelfTestError, match="the embedder fails"):
        Verifier(Bundle(wrong, bundle.files, bundle.digest))


def test_a_missing_bundle_is_named(tmp_path):
    with pytest.raises(BundleError, match="No such file"):
        open_verifier(tmp_path / "none.facelite")


def test_a_subject_s_threshold_is_the_one_for_so_many_templates(verifier, astronaut, gallery):
    verifier.enrol("Ada", [astronaut], gallery)
    assert verifier.verify_subject(astronaut, "Ada", gallery).threshold == verifier.manifest.threshold()
    verifier.enrol("Ada", [astronaut[:, ::-1], astronaut[10:, 5:]], gallery)
    decision = verifier.verify_subject(astronaut, "Ada", gallery)
    assert decision.accepted
    assert decision.threshold in verifier.manifest.template_thresholds["fused 3"]
    assert (decision.threshold.fmr, decision.templates, decision.comparisons) == (verifier.manifest.fmr, 3, 1)


@pytest.fixture(scope="module")
def successor(bundle):
    """A bundle of another artefact in the same space: the same embedder with a few bytes behind it, and so its embeddings."""
    files = {**bundle.files, EMBEDDER: bundle.files[EMBEDDER] + bytes(16)}
    return load_bundle(pack_bundle(bundle.manifest, files))


def with_thresholds(bundle, artefact, by):
    """A verifier of ``bundle`` with thresholds for templates of ``artefact``: its own, nearer by ``by``."""
    table = tuple(replace(threshold, distance=threshold.distance - by) for threshold in bundle.manifest.thresholds)
    return Verifier(load_bundle(pack_bundle(replace(bundle.manifest, template_thresholds={artefact: table}), bundle.files)))


def test_a_gallery_outlives_its_bundle_where_thresholds_were_measured_for_it(verifier, successor, astronaut, hopper, gallery):
    verifier.enrol("Eileen", [astronaut], gallery)
    with pytest.raises(GalleryError, match=r"got some of .*; use the bundle .* or measure thresholds for both: facelite calibrate --templates"):
        Verifier(successor).identify(astronaut, gallery)
    knowing = with_thresholds(successor, verifier.bundle.artefact, 0.1)
    for decision in (knowing.identify(astronaut, gallery), knowing.verify_subject(astronaut, "Eileen", gallery, fmr=0.01)):
        assert decision.accepted
        own = next(one for one in successor.manifest.thresholds if one.fmr == decision.threshold.fmr)
        assert decision.threshold.distance == own.distance - 0.1
    assert knowing.identify(hopper, gallery).outcome is Outcome.REJECTED


def test_a_mixed_gallery_takes_the_strictest_threshold(verifier, successor, astronaut, hopper, gallery):
    verifier.enrol("Eileen", [astronaut], gallery)
    lax, strict = (with_thresholds(successor, verifier.bundle.artefact, by) for by in (-0.3, 0.1))
    alone = lax.identify(astronaut, gallery).threshold
    lax.enrol("Grace", [hopper], gallery, anyway=True)  # so lax that she is like Eileen
    assert {template.artefact for template in gallery.templates} == {verifier.bundle.artefact, successor.artefact}
    own, nearer = lax.identify(hopper, gallery), strict.identify(hopper, gallery)
    assert (own.subject, own.accepted) == ("Grace", True)
    assert own.threshold == successor.manifest.threshold_for_gallery(2, 0.01)
    assert nearer.threshold.distance == own.threshold.distance - 0.1 < own.threshold.distance < alone.distance
    with pytest.raises(GalleryError, match="expected templates of the bundle's embedder"):
        verifier.identify(astronaut, gallery)  # the old bundle knows nothing of the new embedder


def test_templates_of_another_embedder_are_refused_even_in_the_same_space(verifier, astronaut, gallery):
    gallery.enrol("Ada", [verifier.look(astronaut).embedding], artefact="0" * 64)
    for use in (
        lambda: verifier.identify(astronaut, gallery),
        lambda: verifier.verify_subject(astronaut, "Ada", gallery),
        lambda: verifier.enrol("Bob", [astronaut], gallery),
    ):
        with pytest.raises(GalleryError, match="expected templates of the bundle's embedder"):
            use()


# a bundle that decides by a Siamese head


def test_a_head_decides_between_pictures_and_against_a_gallery(verifier, bundle, astronaut, hopper, tmp_path):
    """One that sees nothing but the number in which two people are most alike takes one for the other; squared L2 does not."""
    a, b = (verifier.look(picture).embedding.vector for picture in (astronaut, hopper))
    blind = scaled(np.eye(len(a))[np.argmin(np.abs(a - b))], form="absolute")
    seeing = scaled(np.random.default_rng(0).random(len(a)), form="chi-square")
    for head, accepted in ((blind, True), (seeing, None)):
        by_head = Verifier(load_bundle(pack_bundle(replace(bundle.manifest, decide="siamese"), {**bundle.files, HEAD: pack_head(head)})))
        expected = float(head.pairs(a, b))
        with Gallery(tmp_path / f"{head.form}.db", space=verifier.manifest.space, create=True) as gallery:
            verifier.enrol("Grace", [hopper], gallery)  # templates are the same, whatever decides
            decisions = [by_head.verify(astronaut, hopper), by_head.verify_subject(astronaut, "Grace", gallery), by_head.identify(astronaut, gallery)]
            by_squared_l2 = [verifier.verify(astronaut, hopper), verifier.identify(astronaut, gallery)]
        for decision in decisions:
            assert decision.distance == pytest.approx(expected, abs=1e-6)
            assert decision.accepted is (decision.distance <= decision.threshold.distance) is (accepted or decision.accepted)
        for decision in by_squared_l2:
            assert not decision.accepted
            assert abs(decision.distance - expected) > 0.1
