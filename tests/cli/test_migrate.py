"""gallery migrate: learned, told, written beside what it was made from; then by the bundle alone; and every misuse refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import pack_bundle
from facelite.cli import migrate
from facelite.evaluation.embed import Embedded
from facelite.face import Embedding, Threshold
from facelite.gallery import Gallery

PEOPLE, EACH, SIZE = 40, 6, 128

pytestmark = pytest.mark.usefixtures("few_draws")


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


TURN = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))[0].astype(np.float32)


@pytest.fixture
def world(facelite, bundle, photos, tmp_path, monkeypatch):
    """Bundles of two spaces, a gallery in the old one, and pictures whose embeddings are rotated from one into the other."""
    thresholds = tuple(Threshold(1.3 - i / 10, rate, 1.2 * rate, 0.1, 100, 10_000, 5_000) for i, rate in enumerate((1e-1, 1e-2)))
    for space in ("old", "new"):
        manifest = replace(bundle.manifest, space=space, thresholds=thresholds, template_thresholds={}, fmr=1e-1)
        (tmp_path / f"{space}.facelite").write_bytes(pack_bundle(manifest, bundle.files))
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(PEOPLE, SIZE))[np.repeat(np.arange(PEOPLE), EACH)] + 0.8 * rng.normal(size=(PEOPLE * EACH, SIZE)))
    for i in range(len(vectors)):
        (tmp_path / "faces" / f"{i // EACH:03d}").mkdir(parents=True, exist_ok=True)
        (tmp_path / "faces" / f"{i // EACH:03d}" / f"{i:04d}.jpg").touch()
    spaces = iter([vectors @ TURN.T, vectors] * 3)

    def embedded(names, *_, **__):
        return [Embedded(list(names), next(spaces), np.ones(len(names), np.bool_))]

    monkeypatch.setattr("facelite.evaluation.migrate.embed_pictures", embedded)
    words = facelite("embed", photos / "astronaut.png", "--bundle", tmp_path / "new.facelite").out.split(": ")[1].split()
    with Gallery(tmp_path / "old.db", space="old", create=True) as gallery:
        eileen = TURN @ np.array(words, np.float32)
        gallery.enrol("Eileen", [Embedding(eileen, "old")], artefact=bundle.artefact)
        gallery.enrol("Bob", [Embedding(TURN @ vectors[0], "old")], artefact=bundle.artefact)
    return tmp_path


def words(world, *more, bundle="new"):
    return ["gallery", "migrate", "--gallery", world / "old.db", "--bundle", world / f"{bundle}.facelite", *more]


def learning(world, *more):
    return words(world, "--from", world / "old.facelite", "--faces", world / "faces", *more)


def state(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in folder.iterdir() if path.is_file()}


def test_a_learned_map_moves_everybody_and_its_bundle_moves_others(facelite, world, photos):
    before = state(world)
    result = facelite(*learning(world, "--out", world / "new.db", "--out-bundle", world / "both.facelite"))
    assert result.status == 0, result.err
    first, *others = result.out.splitlines()
    assert first.startswith("map (")
    assert "from 240 pictures of 40 people: VAL at FMR 0.1 is " in first
    wrote = [f"wrote {world / 'both.facelite'}", f"wrote {world / 'new.db'}"]
    assert others == ["Bob: 1 template(s) mapped", "Eileen: 1 template(s) mapped", *wrote]
    assert {name: what for name, what in state(world).items() if name in before} == before
    search = ["identify", "--gallery", world / "new.db", photos / "flipped.jpg", "--fmr", 0.3, "--bundle"]
    assert "accepted as Eileen" in facelite(*search, world / "both.facelite").out
    refused = facelite(*search, world / "new.facelite")  # which has no thresholds for mapped templates
    assert refused.status == 4
    assert "expected templates of the bundle's embedder" in refused.err
    again = facelite(*words(world, "--out", world / "again.db", bundle="both"), "--json")
    assert again.status == 0, again.err
    assert (again.json["mapped"], again.json["map"], again.json["again"]) == ({"Bob": 1, "Eileen": 1}, None, {})


def test_a_gallery_that_cannot_be_written_leaves_no_bundle_so_that_the_same_words_do_it_later(facelite, world, keyring, monkeypatch):
    before, line = state(world), learning(world, "--out", world / "new.db", "--out-bundle", world / "both.facelite")
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(28, "No space left on device", str(world / "new.db"))

        patch.setattr("facelite.runtime.moving.os.link", full)
        assert facelite(*line).status == 4
    assert state(world) == before
    assert facelite(*line).status == 0


def test_a_dry_run_tells_the_same_and_writes_nothing(facelite, world, keyring):
    before, keys = state(world), state(keyring)
    result = facelite(*learning(world, "--dry-run", "--json"))
    assert (result.status, result.json["mapped"], result.json["out"]) == (0, {"Bob": 1, "Eileen": 1}, None)
    assert result.json["map"]["people"] == PEOPLE
    assert [cost["fmr"] for cost in result.json["map"]["costs"]] == [1e-1]
    assert (state(world), state(keyring)) == (before, keys)
    assert facelite(*learning(world, "--dry-run")).out.splitlines()[-1] == "nothing was written"


def test_kept_pictures_are_enrolled_anew_and_whoever_has_none_is_named(facelite, world, people):
    result = facelite(*words(world, "--folder", people, "--out", world / "new.db"))
    assert (result.status, result.out.splitlines()) == (3, ["Eileen: enrolled anew from 3 picture(s)", f"wrote {world / 'new.db'}"])
    assert result.err == "facelite: Bob: must be enrolled again: expected pictures in --folder or a map, got neither\n"
    assert facelite("gallery", "list", "--gallery", world / "new.db", "--json").json["subjects"] == {"Eileen": 3}


def test_above_the_limit_of_loss_everybody_must_be_enrolled_again(facelite, world, monkeypatch):
    before = state(world)
    usable = migrate._usable_map
    monkeypatch.setattr(migrate, "_usable_map", lambda bundle, learned, limit: usable(bundle, learned, -1.0))
    result = facelite(*learning(world, "--out", world / "new.db", "--out-bundle", world / "both.facelite", "--json"))
    assert (result.status, result.json["mapped"], sorted(result.json["again"])) == (3, {}, ["Bob", "Eileen"])
    assert "of VAL or less, got one that costs" in result.json["again"]["Bob"]
    assert (result.json["out"], result.json["out_bundle"]) == (None, None)
    assert state(world) == before


def test_misuse_is_refused_and_changes_nothing(refused, world):
    out, both = ["--out", world / "new.db"], ["--out-bundle", world / "both.facelite"]
    refused(2, *words(world), match="expected --out, or --dry-run, got neither")
    refused(2, *words(world, *out), match="expected --folder, or --faces with --from, or a bundle that holds a map")
    refused(2, *words(world, *out, *both, "--faces", world / "faces"), match="expected --from and --faces together, got --faces alone")
    refused(2, *learning(world, *out), match="expected --faces and --out-bundle together, got --faces alone")
    refused(2, *words(world, *out, "--folder", world / "none"), match="found no folder; check --folder")
    refused(4, *learning(world, "--out", world / "old.db", *both), match="expected the name of a new gallery, got a file that exists")
    refused(4, *learning(world, "--out", world / "none/new.db", *both), match="none/new.db: expected an existing folder .* check the path: --out")
    refused(2, *learning(world, *out, "--out-bundle", world / "new.facelite"), match="expected the name of a new bundle, got a file that exists")
    refused(4, *words(world, *out, bundle="old"), match="there is nothing to migrate")
    wrong = words(world, *out, *both, "--faces", world / "faces", "--from", world / "new.facelite")
    refused(4, *wrong, match="expected a bundle of the gallery's space 'old', got 'new'; name it: --from")


def test_too_few_people_are_refused_with_their_number(refused, world):
    for name in ("a", "b"):
        (world / "few" / name).mkdir(parents=True)
        (world / "few" / name / "1.jpg").touch()
    few = words(world, "--from", world / "old.facelite", "--faces", world / "few", "--dry-run")
    refused(4, *few, match="expected faces of 12 people or more, .* got 2;")
