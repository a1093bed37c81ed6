"""What may have happened to a gallery's file behind facelite's back: each is refused by name, and what only a kill can leave is accepted."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from facelite.errors import GalleryAltered, GalleryError, GalleryRolledBack, KeyMismatch, SpaceMismatch
from facelite.face import Embedding
from facelite.gallery import Gallery, Keyring, Match, restore_gallery
from facelite.gallery.seal import Seal

SUBJECTS = ("Ada", "Bob", "Cy")


def embeddings(count, seed=0):
    return [Embedding(vector, "space") for vector in np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)]


@pytest.fixture
def path(tmp_path):
    """Ada, Bob and Cy with two templates each: numbers 1 to 6, three changes."""
    path = tmp_path / "gallery.db"
    with Gallery(path, space="space", create=True) as gallery:
        for seed, subject in enumerate(SUBJECTS):
            gallery.enrol(subject, embeddings(2, seed), artefact="x")
    return path


def sql(path, statement, *rows):
    """What the statement gives; with ``rows`` it is run with the values of each."""
    with closing(sqlite3.connect(path)) as db, db:
        return db.executemany(statement, rows).fetchall() if rows else db.execute(statement).fetchall()


def noted(keyring=None):
    """The generations that the keyring knows of its galleries."""
    return [number for (number,) in sql((keyring or Keyring()).folder / "generations.db", "SELECT number FROM generation")]


def opens(path, *, generation=None):
    with Gallery(path, space="space") as gallery:
        assert tuple(gallery.subjects) == SUBJECTS
    if generation is not None:
        assert noted() == [generation]


# edited, removed, put back


@pytest.mark.parametrize(("statement", "words"), [
    ("UPDATE template SET sealed = zeroblob(600) WHERE id = 3", "template 3 as it was enrolled, got an edited one"),
    ("UPDATE template SET sealed = (SELECT sealed FROM template WHERE id = 2) WHERE id = 5", "template 5 as it was"),
    ("UPDATE template SET id = id + 10 WHERE id = 6", "template 16 as it was"),
    ("DELETE FROM template WHERE id = 4", r"the 6 template\(s\) of its last change, got 5: some were removed"),
    ("DELETE FROM template", "got 0: some were removed"),
    ("UPDATE gallery SET generation = 4", "got 6: one of them was replaced, or what is written about them edited"),
    ("UPDATE gallery SET next = 2", "edited"),
    ("UPDATE gallery SET templates = 7", r"the 7 template\(s\) of its last change, got 6"),
    ("UPDATE gallery SET mac = zeroblob(32)", "edited"),
    ("UPDATE gallery SET mac = 'text'", "edited"),
    ("UPDATE gallery SET generation = -1", "edited"),
    ("UPDATE gallery SET next = 'x'", "edited"),
    ("UPDATE gallery SET space = x'00'", "edited"),
    ("UPDATE template SET id = -1 WHERE id = 1", "template -1 as it was enrolled, got an edited one"),
    ("UPDATE template SET sealed = 'text' WHERE id = 2", "template 2 as it was"),
])  # fmt: skip
def test_an_edited_file_is_refused(path, statement, words):
    sql(path, statement)
    with pytest.raises(GalleryAltered, match=rf"^{path}: expected .*{words}.*; .*facelite gallery restore.*"):
        Gallery(path, space="space")
    with pytest.raises(GalleryAltered, match=words):
        restore_gallery(path)


def test_another_identity_reads_as_another_key_and_another_space_as_another_space(path):
    sql(path, "UPDATE gallery SET identity = zeroblob(16)")
    with pytest.raises(KeyMismatch):
        Gallery(path, space="space")
    sql(path, "UPDATE gallery SET space = 'other'")
    with pytest.raises(SpaceMismatch):
        Gallery(path, space="space")


def test_a_space_renamed_in_the_file_opens_nothing(path):
    sql(path, "UPDATE gallery SET space = 'other'")
    with pytest.raises(GalleryAltered):
        Gallery(path, space="other")


def test_a_removed_person_who_is_put_back_is_refused(path):
    rows = sql(path, "SELECT id, sealed FROM template WHERE id <= 2")
    with Gallery(path) as gallery:
        gallery.remove("Ada")
    for number, sealed in rows:
        sql(path, "INSERT INTO template VALUES (?, ?)", (number, sealed))
        with pytest.raises(GalleryAltered, match=rf"the 4 template\(s\) of its last change, got {4 + number}: some were put back"):
            Gallery(path)


def test_a_person_put_back_in_place_of_another_is_refused(path):
    """As many templates as there should be, each sealed by us."""
    rows = sql(path, "SELECT id, sealed FROM template WHERE id <= 2")
    with Gallery(path) as gallery:
        gallery.remove("Ada")
    sql(path, "DELETE FROM template WHERE id >= 5")
    sql(path, "INSERT INTO template VALUES (?, ?)", *rows)
    with pytest.raises(GalleryAltered, match="got 4: one of them was replaced"):
        Gallery(path)


def test_an_open_gallery_sees_an_edit_at_its_next_question_and_stays_closed(path):
    with Gallery(path) as gallery:
        sql(path, "DELETE FROM template WHERE id = 4")
        for _ in range(2):
            with pytest.raises(GalleryAltered, match="some were removed"):
                gallery.nearest(embeddings(1)[0])
        with pytest.raises(GalleryAltered, match="some were removed"):
            gallery.enrol("Di", embeddings(1, 9), artefact="x")


# keys


def test_another_key_is_refused_by_name_and_the_file_left(path, tmp_path):
    before, other = path.read_bytes(), Keyring(tmp_path / "other")
    other.key(create=True)
    with pytest.raises(KeyMismatch, match=rf"expected the key that the gallery was made with, got another; see to the keyring, {other.folder}"):
        Gallery(path, keyring=other)
    for act in (lambda: restore_gallery(path, keyring=other), lambda: Gallery(path, space="space", create=True, keyring=other)):
        with pytest.raises(KeyMismatch):
            act()
    assert path.read_bytes() == before


def test_a_gallery_without_its_key_is_not_given_a_new_one(path, keyring):
    (keyring / "key").unlink()
    for create in (False, True):
        with pytest.raises(GalleryError, match="expected the key that the gallery was made with, found none"):
            Gallery(path, space="space", create=create)
    assert not (keyring / "key").exists()


def test_names_vectors_and_artefacts_are_nowhere_in_the_files(path, keyring):
    vector = embeddings(2, 0)[0].vector.astype("<f4").tobytes()
    with Gallery(path) as gallery:
        assert any(template.embedding.vector.tobytes() == vector for template in gallery.templates)
    for file in [*path.parent.rglob("*"), *keyring.rglob("*")]:
        data = file.read_bytes() if file.is_file() else b""
        assert vector[:8] not in data
        assert b"Ada" not in data
        assert (b"space" in data) == (file == path)  # so that another space is refused by name without the key


@pytest.mark.parametrize("act", [lambda gallery: gallery.remove("Bob"), lambda gallery: gallery.purge(9e9)])
def test_a_removed_template_is_gone_from_the_bytes_of_the_file(path, act):
    rows = sql(path, "SELECT sealed FROM template WHERE id IN (3, 4)")
    assert all(sealed in path.read_bytes() for (sealed,) in rows)
    with Gallery(path) as gallery:
        act(gallery)
        for (sealed,) in rows:
            pieces = [sealed[i : i + 16] for i in range(0, len(sealed) - 16, 16)]
            assert not any(piece in file.read_bytes() for file in path.parent.iterdir() for piece in pieces)


# generations


def test_an_earlier_copy_is_refused_and_the_latest_one_accepted_again(path, tmp_path):
    shutil.copy(path, tmp_path / "early")
    with Gallery(path) as gallery:
        gallery.enrol("Di", embeddings(1, 9), artefact="x")
        gallery.remove("Di")
    shutil.copy(path, tmp_path / "late")
    shutil.copy(tmp_path / "early", path)
    for _ in range(2):
        with pytest.raises(GalleryRolledBack, match=r"expected the state after 5 change\(s\), .*, got an earlier one, after 3; put the latest"):
            Gallery(path)
    shutil.copy(tmp_path / "late", path)
    opens(path, generation=5)


def test_an_open_gallery_refuses_an_earlier_copy_however_it_came(path, tmp_path):
    shutil.copy(path, tmp_path / "early")
    with Gallery(path) as gallery:
        gallery.remove("Ada")
        shutil.copy(tmp_path / "early", tmp_path / "moved")
        (tmp_path / "moved").replace(path)
        with pytest.raises(GalleryRolledBack):
            gallery.nearest(embeddings(1)[0])
        with pytest.raises(GalleryRolledBack):
            gallery.enrol("Di", embeddings(1, 9), artefact="x")
    shutil.copy(tmp_path / "early", tmp_path / "again")
    restore_gallery(path).close()
    with Gallery(path) as gallery:
        path.write_bytes((tmp_path / "again").read_bytes())  # in place
        for act in (lambda: gallery.nearest(embeddings(1)[0]), lambda: gallery.subjects, lambda: gallery.enrol("Di", embeddings(1, 9), artefact="x")):
            with pytest.raises(GalleryRolledBack):
                act()
        path.unlink()
        for act in (lambda: gallery.nearest(embeddings(1)[0]), lambda: gallery.enrol("Di", embeddings(1, 9), artefact="x")):
            with pytest.raises(GalleryError, match="found none"):
                act()
        assert not path.exists()


def test_a_restored_copy_is_the_gallery_from_then_on(path, tmp_path):
    shutil.copy(path, tmp_path / "early")
    with Gallery(path) as gallery:
        gallery.enrol("Di", embeddings(1, 9), artefact="x")
    shutil.copy(path, tmp_path / "late")
    shutil.copy(tmp_path / "early", path)
    with restore_gallery(path) as gallery:
        assert tuple(gallery.subjects) == SUBJECTS
    opens(path, generation=5)
    for copy in ("early", "late"):
        shutil.copy(tmp_path / copy, tmp_path / "other.db")
        with pytest.raises(GalleryRolledBack, match="an earlier one"):
            Gallery(tmp_path / "other.db")


def test_a_gallery_brought_to_another_machine_with_its_key_is_restored_there(path, keyring, tmp_path):
    other = Keyring(tmp_path / "other")
    other.folder.mkdir()
    shutil.copy(keyring / "key", other.folder)
    with pytest.raises(GalleryRolledBack, match=r"after 0 change\(s\), .*, got a later one, after 3"):
        Gallery(path, keyring=other)
    restore_gallery(path, keyring=other).close()
    with Gallery(path, keyring=other) as gallery:
        assert gallery.enrol("Di", embeddings(1, 9), artefact="x") == 1
        assert noted(other) == [5]


def test_what_a_kill_between_the_two_commits_leaves_is_accepted_and_mended(path, keyring):
    sql(keyring / "generations.db", "UPDATE generation SET number = 2, mac = x'00'")
    opens(path, generation=2)
    with Gallery(path) as gallery:
        gallery.remove("Cy")
        assert noted() == [4]
    sql(keyring / "generations.db", "UPDATE generation SET number = 2")
    with pytest.raises(GalleryRolledBack, match="a later one, after 4"):
        Gallery(path)


def test_two_changes_of_one_number_are_told_apart(path, keyring, tmp_path):
    """A change that never reached the keyring was taken back by an earlier copy; another change was made since."""
    shutil.copy(path, tmp_path / "before")
    with Gallery(path) as gallery:
        gallery.enrol("Eve", embeddings(1, 9), artefact="x")
    shutil.copy(path, tmp_path / "taken back")
    sql(keyring / "generations.db", "UPDATE generation SET number = 3, mac = ?", (sql(tmp_path / "before", "SELECT mac FROM gallery")[0][0],))
    shutil.copy(tmp_path / "before", path)
    with Gallery(path) as gallery:
        gallery.remove("Ada")
    shutil.copy(tmp_path / "taken back", path)
    with pytest.raises(GalleryRolledBack, match=r"after 4 change\(s\), .*, got another one, after 4"):
        Gallery(path)


def test_what_another_process_wrote_before_it_was_killed_is_known(path, keyring, monkeypatch):
    """It is found while ours waits for its turn: then the keyring is mended first, and ours begins anew."""
    writing, others = Keyring.writing, [True]

    def after_another(self):
        if others.pop() if others else False:
            with Gallery(path) as other:
                other.remove("Bob")
            sql(keyring / "generations.db", "UPDATE generation SET number = 3, mac = ?", (mac,))
        return writing(self)

    with Gallery(path) as gallery:
        mac = sql(path, "SELECT mac FROM gallery")[0][0]
        monkeypatch.setattr(Keyring, "writing", lambda self: after_another(self))
        others.append(False)
        others.reverse()
        gallery.enrol("Di", embeddings(1, 9), artefact="x")
        assert gallery.subjects == ["Ada", "Cy", "Di"]
        assert gallery.nearest(embeddings(2, 1)[0]).subject != "Bob"
    with Gallery(path) as gallery:
        assert gallery.subjects == ["Ada", "Cy", "Di"]


def test_a_gallery_that_was_there_is_never_made_anew(path):
    with Gallery(path, space="space", create=True) as gallery:
        for damage in (lambda: path.write_bytes(b""), path.unlink):
            damage()
            for act in (lambda: gallery.subjects, lambda: gallery.enrol("Di", embeddings(1, 9), artefact="x"), lambda: gallery.subjects):
                with pytest.raises(GalleryError, match=r"found none|got an empty file"):
                    act()
    assert not path.exists()


def test_an_open_gallery_does_not_become_another_one(path, tmp_path):
    with Gallery(tmp_path / "other.db", space="space", create=True) as other:
        other.enrol("Mallory", embeddings(1, 9), artefact="x")
    with Gallery(path) as gallery:
        (tmp_path / "other.db").replace(path)
        for _ in range(2):
            with pytest.raises(GalleryRolledBack, match="got another one in its place"):
                gallery.nearest(embeddings(1)[0])


def test_a_change_that_changes_nothing_is_none(path):
    with Gallery(path) as gallery:
        assert gallery.enrol("Ada", embeddings(1, 0), artefact="y") == 0
        assert gallery.purge(0) == []
    opens(path, generation=3)


# rights

READ_ONLY = """
set -e
mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"
if touch "$1/probe" 2>/dev/null; then echo writable; exit 1; fi
exec "$2" -c "
from facelite.errors import GalleryError
from facelite.gallery import Gallery
with Gallery('$1/gallery.db') as gallery:
    print(*gallery.subjects)
    try:
        gallery.remove('Ada')
    except GalleryError as error:
        print('refused', error)
    print(*gallery.subjects)
"
"""


def test_a_read_only_medium_can_be_read(path, keyring, tmp_path, monkeypatch):
    shutil.move(keyring, tmp_path / "keyring")
    monkeypatch.setenv("FACELITE_KEYRING", str(tmp_path / "keyring"))
    words = ["unshare", "--mount", "--map-root-user", "bash", "-c", READ_ONLY, "bash", str(tmp_path), sys.executable]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed: apt-get install util-linux")
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no read-only mount can be made here: {done.stderr.strip()}")
    first, refused, last = done.stdout.splitlines()
    assert first == last == " ".join(SUBJECTS)
    assert "expected to read and write" in refused
    assert "readonly" in refused


# chance


def damaged(path, times):
    """How many of ``times`` files with a few bytes changed were refused; the others hold what they held."""
    whole, rng, refused = path.read_bytes(), np.random.default_rng(times), 0
    with Gallery(path) as gallery:
        before = [(one.subject, one.embedding.vector.tobytes(), one.artefact, one.enrolled_at) for one in gallery.templates]
    for _ in range(times):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=rng.integers(1, 4)):
            data[place] = rng.integers(256)
        path.write_bytes(data[: rng.integers(1, len(data))] if rng.random() < 0.1 else data)
        try:
            with Gallery(path) as gallery:
                assert [(one.subject, one.embedding.vector.tobytes(), one.artefact, one.enrolled_at) for one in gallery.templates] == before
        except (GalleryError, SpaceMismatch):
            refused += 1
    return refused


def test_a_damaged_file_is_refused_or_is_what_it_was(path):
    assert damaged(path, 300) > 60


@pytest.mark.slow
def test_many_damaged_files_are_refused_or_are_what_they_were(path):
    assert damaged(path, 20_000) > 4000


def test_what_another_process_leaves_is_not_opened_again_but_an_edit_of_it_is_noticed(path, monkeypatch):
    opened = []
    with Gallery(path) as other, Gallery(path) as gallery:
        assert gallery.nearest(embeddings(2, 1)[0]).subject == "Bob"
        seal_open = Seal.open
        other.enrol("Dan", embeddings(2, 4), artefact="y")
        monkeypatch.setattr(Seal, "open", lambda self, number, sealed: opened.append(number) or seal_open(self, number, sealed))
        assert (gallery.counts, gallery.artefacts, opened) == ({"Ada": 2, "Bob": 2, "Cy": 2, "Dan": 2}, {"x", "y"}, [7, 8])
        assert gallery.nearest(embeddings(2, 4)[1]) == Match("Dan", pytest.approx(0, abs=1e-5))
        other.remove("Bob")
        assert (gallery.subjects, gallery.nearest(embeddings(2, 1)[0]).subject != "Bob", opened) == (["Ada", "Cy", "Dan"], True, [7, 8])
        gallery.enrol("Eve", embeddings(1, 5), artefact="x")
        sealed = bytearray(sql(path, "SELECT sealed FROM template WHERE id = 5")[0][0])
        sealed[20] ^= 1  # neither nonce nor tag
        sql(path, "UPDATE template SET sealed = ? WHERE id = 5", (bytes(sealed),))
        with pytest.raises(GalleryAltered, match="expected template 5 as it was enrolled"):
            gallery.nearest(embeddings(1)[0])
