"""A gallery moved to another space: everybody is moved or named, doubts are found, and the new file is whole or not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import load_bundle, pack_bundle
from facelite.errors import BundleError, GalleryError, SpaceMismatch
from facelite.face import Embedding, Threshold
from facelite.gallery import Gallery, Keyring, Template
from facelite.runtime import moving
from facelite.runtime.migration import MAP, SpaceMap, pack_map
from facelite.runtime.moving import bundle_map, plan_move, write_gallery
from facelite.runtime.verifier import Verifier

SIZE = 128


def table(*distances):
    return tuple(Threshold(distance, 10.0 ** -(1 + i), 0.1, 0.1, 100, 10_000, 5_000) for i, distance in enumerate(distances))


TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))[0]
"""From the old space into the new one."""

TURNED = SpaceMap(np.concatenate([TURN, np.zeros((1, SIZE))]), "rotation", "old", "a" * 64, "new")


@pytest.fixture(scope="module")
def migrating(bundle):
    """A verifier of the space "new", whose bundle holds the map."""
    manifest = replace(
        bundle.manifest, space="new", thresholds=table(1.2, 1.0, 0.8), template_thresholds={TURNED.artefact: table(1.1, 0.9, 0.7)}, fmr=1e-2
    )
    return Verifier(load_bundle(pack_bundle(manifest, {**bundle.files, MAP: pack_map(TURNED)})))


@pytest.fixture
def old(tmp_path):
    with Gallery(tmp_path / "old.db", space="old", create=True) as gallery:
        yield gallery


def enrol(gallery, subject, *vectors, artefact="a" * 64):
    """``vectors`` of the new space, as they are in the old one."""
    gallery.enrol(subject, [Embedding(vector @ TURN.T, "old") for vector in vectors], artefact=artefact)


def direction(seed):
    return Embedding(np.random.default_rng(seed).normal(size=SIZE), "new").vector


def near(vector, share, seed=9):
    return vector + share * direction(seed)


def test_mapped_templates_are_where_native_ones_are_and_keep_their_times(migrating, old, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.0)
    ada, bob = direction(1), direction(2)
    enrol(old, "Ada", ada, near(ada, 0.3))
    enrol(old, "Bob", bob)
    monkeypatch.setattr("time.time", lambda: 2000.0)
    before = old.path.read_bytes()
    move = plan_move(old, migrating, space_map=bundle_map(migrating.bundle))
    assert move.again == {}
    assert move.counts({TURNED.artefact}) == {"Ada": 2, "Bob": 1}
    assert move.counts({migrating.bundle.artefact}) == {}
    write_gallery(tmp_path / "new.db", move.templates, keyring=Keyring())
    with Gallery(tmp_path / "new.db") as made:
        assert (made.space, made.artefacts, made.counts) == ("new", {TURNED.artefact}, {"Ada": 2, "Bob": 1})
        assert {one.enrolled_at for one in made.templates} == {1000.0}
        assert made.nearest(Embedding(bob, "new")).distance == pytest.approx(0, abs=1e-5)
        assert migrating.threshold_for_subject("Bob", made).distance == 0.9  # the mapped templates', not the native ones'
    assert old.path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.db", "old.db"]


def test_whoever_has_pictures_is_enrolled_anew_and_the_two_kinds_are_judged_by_the_stricter(migrating, old, tmp_path, photos_of):
    enrol(old, "Eileen", direction(1))
    enrol(old, "Bob", direction(2))
    pictures = {"Eileen": 2 * photos_of("Eileen"), "Nobody": photos_of("Nobody")}
    move = plan_move(old, migrating, space_map=TURNED, pictures=pictures)
    assert move.again == {}
    assert (move.counts({migrating.bundle.artefact}), move.counts({TURNED.artefact})) == ({"Eileen": 1}, {"Bob": 1})
    write_gallery(tmp_path / "new.db", move.templates, keyring=Keyring())
    with Gallery(tmp_path / "new.db", space="new") as made:
        found = migrating.identify(photos_of("Eileen")[0], made, fpir=0.1)
        assert (found.accepted, found.subject, found.threshold.distance) == (True, "Eileen", 0.9)


@pytest.fixture
def photos_of(tmp_path, astronaut):
    import cv2

    def write(name):
        folder = tmp_path / "kept" / name
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "1.png"), cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
        return [folder / "1.png"]

    return write


def test_everybody_who_is_not_moved_is_named_with_the_reason(migrating, old, tmp_path):
    ada, cyd = direction(1), direction(3)
    enrol(old, "Ada", ada)
    enrol(old, "Bob", near(ada, 0.2))  # somebody else, as near as that
    enrol(old, "Cyd", cyd, direction(4))  # two pictures that are not alike
    enrol(old, "Dan", direction(5), artefact="b" * 64)
    enrol(old, "Eve", direction(6))
    enrol(old, "Fay", direction(7))
    (tmp_path / "text.jpg").write_text("no picture")
    move = plan_move(old, migrating, space_map=TURNED, pictures={"Fay": [tmp_path / "text.jpg"]})
    assert move.counts({TURNED.artefact}) == {"Eve": 1}
    assert set(move.again) == {"Ada", "Bob", "Cyd", "Dan", "Fay"}
    assert "expected nobody else so near, got Bob at a distance of 0.0" in move.again["Ada"]
    assert "got Ada" in move.again["Bob"]
    assert "expected a distance of 1.10 or less to another of the subject's templates" in move.again["Cyd"]
    assert "some of bbbbbbbbbbbb..." in move.again["Dan"]
    assert "text.jpg" in move.again["Fay"]
    anyway = plan_move(old, migrating, space_map=TURNED, anyway=True)
    assert set(anyway.again) == {"Dan"}
    without = plan_move(old, migrating, why_not="expected better")
    assert (without.templates, set(without.again.values()), len(without.again)) == ([], {"expected better"}, 6)


def test_the_nearest_of_each_are_those_of_a_plain_loop(monkeypatch, migrating):
    monkeypatch.setattr(moving, "TABLE", 100)  # several blocks
    vectors = np.stack([direction(i)[:8] for i in range(30)])
    person = np.random.default_rng(0).integers(0, 12, 30)
    own, other, who = moving._nearest(vectors, person, migrating.bundle.distance)
    for i in range(30):
        distances = [2 - 2 * float(vectors[i] @ one) for one in vectors]
        assert own[i] == pytest.approx(min([distances[k] for k in range(30) if k != i and person[k] == person[i]], default=np.inf), abs=1e-5)
        others = {k: distances[k] for k in range(30) if person[k] != person[i]}
        assert (who[i], other[i]) == (min(others, key=others.get), pytest.approx(min(others.values()), abs=1e-5))


def test_one_space_and_the_map_of_another_are_refused(migrating, old, tmp_path):
    enrol(old, "Ada", direction(1))
    with pytest.raises(SpaceMismatch, match="expected a gallery of the space 'other', which the map is from, got 'old'"):
        plan_move(old, migrating, space_map=replace(TURNED, old_space="other"))
    with Gallery(tmp_path / "same.db", space="new", create=True) as same:
        same.enrol("Ada", [Embedding(direction(1), "new")], artefact="a" * 64)
        with pytest.raises(SpaceMismatch, match="there is nothing to migrate"):
            plan_move(same, migrating)


def test_templates_of_another_length_must_be_enrolled_again(migrating, tmp_path):
    with Gallery(tmp_path / "short.db", space="old", create=True) as short:
        short.enrol("Ada", [Embedding(np.ones(7), "old")], artefact="a" * 64)
        assert plan_move(short, migrating, space_map=TURNED).again == {"Ada": "expected templates of 128 numbers, got 7"}


def test_a_damaged_map_or_one_without_thresholds_is_refused(migrating):
    manifest, files = migrating.manifest, migrating.bundle.files
    assert bundle_map(load_bundle(pack_bundle(manifest, {name: data for name, data in files.items() if name != MAP}))) is None
    for change, data, what in (
        ({}, b"{}", "expected a map between two spaces"),
        ({}, pack_map(replace(TURNED, space="third")), "expected a map into the space 'new', got 'third'"),
        ({"template_thresholds": {}}, files[MAP], "expected thresholds for the templates that it maps, got none"),
    ):
        with pytest.raises(BundleError, match=what):
            bundle_map(load_bundle(pack_bundle(replace(manifest, **change), {**files, MAP: data})))


def test_a_new_gallery_is_whole_or_not_there(tmp_path, monkeypatch):
    templates = [Template("Ada", Embedding(direction(i), "new"), "a" * 64, float(i)) for i in range(5)]
    (tmp_path / "there.db").write_text("something")
    with pytest.raises(GalleryError, match="expected the name of a new gallery, got a file that exists"):
        write_gallery(tmp_path / "there.db", templates, keyring=Keyring())

    def fail(gallery, templates):
        add(gallery, templates[:2])
        raise KeyboardInterrupt

    add = Gallery.add
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Gallery, "add", fail)
        write_gallery(tmp_path / "new.db", templates, keyring=Keyring())
    assert [path.name for path in tmp_path.iterdir()] == ["there.db"]
    write_gallery(tmp_path / "new.db", templates, keyring=Keyring())
    with Gallery(tmp_path / "new.db") as made:
        assert [one.enrolled_at for one in made.templates] == [0, 1, 2, 3, 4]
        made.enrol("Bob", [Embedding(direction(7), "new")], artefact="a" * 64)  # as any other gallery
