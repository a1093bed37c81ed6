"""The gallery: nearest against a plain loop, other spaces refused, whole or unchanged after any failure, several processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest

from facelite.distance import scaled
from facelite.errors import GalleryError, InputError, SpaceMismatch
from facelite.face import Embedding
from facelite.gallery import Gallery, Match, Template, is_name, store

SIZE = 16


def embeddings(count, seed=0, *, space="space", size=SIZE):
    return [Embedding(vector, space) for vector in np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gallery.db"


@pytest.fixture
def filled(path):
    """Ada and Bob with two templates each."""
    with Gallery(path, space="space", create=True) as gallery:
        gallery.enrol("Ada", embeddings(2, 1), artefact="a1")
        gallery.enrol("Bob", embeddings(2, 2), artefact="b2")
    return path


# enrol, remove, nearest


def test_nearest_is_what_a_plain_loop_finds(path):
    people = {f"person {i % 7}": embeddings(3, i) for i in range(7)}
    with Gallery(path, space="space", create=True) as gallery:
        for subject, own in people.items():
            gallery.enrol(subject, own, artefact="x")
        for probe in embeddings(50, 99):
            match = gallery.nearest(probe)
            distance, subject = min((probe.distance(one), name) for name, own in people.items() for one in own)
            assert (match.subject, match.distance) == (subject, pytest.approx(distance, abs=1e-5))
            for name, own in people.items():
                assert gallery.nearest(probe, subject=name).distance == pytest.approx(min(map(probe.distance, own)), abs=1e-5)


@pytest.mark.parametrize("form", ["absolute", "chi-square"])
def test_nearest_by_a_head_is_what_a_plain_loop_finds(path, form):
    """And somebody else than by squared L2, now and then."""
    head, others = scaled(np.random.default_rng(5).normal(0.5, 1, SIZE), form=form), 0
    people = {f"person {i}": embeddings(2, i) for i in range(7)}
    with Gallery(path, space="space", create=True) as gallery:
        for subject, own in people.items():
            gallery.enrol(subject, own, artefact="x")
        for probe in embeddings(50, 99):
            match = gallery.nearest(probe, distance=head)
            distance, subject = min((float(head.pairs(probe.vector, one.vector)), name) for name, own in people.items() for one in own)
            assert (match.subject, match.distance) == (subject, pytest.approx(distance, abs=1e-5))
            others += gallery.nearest(probe).subject != subject
            assert gallery.nearest(probe, subject="person 3", distance=head).distance >= match.distance
    assert others > 5


@pytest.mark.parametrize("fused", [2, 3, 5])
def test_fused_templates_are_compared_as_by_a_plain_loop(path, fused):
    people = {f"person {i}": embeddings(i + 1, i) for i in range(7)}
    groups = {}
    for subject, own in people.items():
        number = -(-len(own) // fused)
        parts = np.array_split(np.stack([one.vector for one in own]), number)
        assert max(map(len, parts)) <= fused
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        groups[subject] = [part.sum(0) / np.linalg.norm(part.sum(0)) for part in parts]
    with Gallery(path, space="space", create=True) as gallery:
        for subject, own in people.items():
            gallery.enrol(subject, own, artefact="x")
        assert gallery.sizes(fused=fused).total() == sum(map(len, groups.values()))
        assert gallery.sizes(fused=fused, subject="person 4") == {2: {2: 2, 1: 1}, 3: {3: 1, 2: 1}, 5: {5: 1}}[fused]
        assert gallery.sizes(fused=fused, subject="nobody").total() == 0
        for probe in embeddings(30, 99):
            distances = {name: min(float(np.sum((probe.vector - one) ** 2)) for one in vectors) for name, vectors in groups.items()}
            nearest = min(distances, key=distances.get)
            found = gallery.nearest(probe, fused=fused)
            assert (found.subject, found.distance) == (nearest, pytest.approx(distances[nearest], abs=1e-5))
            assert gallery.nearest(probe, fused=fused, besides=nearest).subject == min({**distances, nearest: 9}, key={**distances, nearest: 9}.get)
            assert gallery.nearest(probe, fused=fused, subject="person 6").distance == pytest.approx(distances["person 6"], abs=1e-5)
        gallery.remove("person 6")
        assert gallery.sizes(fused=fused, subject="person 6").total() == 0
        gallery.enrol("person 0", embeddings(1, 50), artefact="x")
        assert gallery.sizes(fused=fused, subject="person 0") == {2: 1}


def test_an_enrolled_embedding_is_at_distance_zero_after_reopening(filled):
    with Gallery(filled, space="space") as gallery:
        for subject, seed in (("Ada", 1), ("Bob", 2)):
            for one in embeddings(2, seed):
                match = gallery.nearest(one)
                assert match.subject == subject
                assert 0 <= match.distance < 1e-5


def test_a_template_keeps_its_vector_artefact_and_time(path):
    before = time.time()
    with Gallery(path, space="space", create=True) as gallery:
        gallery.enrol("Ada", embeddings(2), artefact="sha")
    with Gallery(path, space="space") as gallery:
        for template, one in zip(gallery.templates, embeddings(2), strict=True):
            np.testing.assert_allclose(template.embedding.vector, one.vector, atol=1e-7)
            assert (template.subject, template.artefact, template.embedding.space) == ("Ada", "sha", "space")
            assert before <= template.enrolled_at <= time.time()


def test_remove_takes_all_templates_of_one_subject(filled):
    with Gallery(filled, space="space") as gallery:
        assert gallery.remove("Ada") == 2
        assert gallery.subjects == ["Bob"]
        assert gallery.nearest(embeddings(2, 1)[0]).subject == "Bob"
        with pytest.raises(GalleryError, match="expected one of its 1 subjects, got 'Ada'"):
            gallery.remove("Ada")
        assert gallery.remove("Bob") == 2
        with pytest.raises(GalleryError, match="empty gallery; enrol first"):
            gallery.nearest(embeddings(1)[0])
    with Gallery(filled, space="space") as gallery:
        assert gallery.templates == []


@pytest.mark.parametrize("subject", ["Ada", "Łukasz 李", "O'Brien; DROP TABLE template", "a" * 500, " leading"])
def test_any_printable_name_comes_back_as_it_was(path, subject):
    with Gallery(path, space="space", create=True) as gallery:
        gallery.enrol(subject, embeddings(1), artefact="x")
    with Gallery(path, space="space") as gallery:
        assert gallery.subjects == [subject]


@pytest.mark.parametrize("subject", ["", "  ", "two\nlines", "tab\t", "\x00", "\udcff"])
def test_an_unusable_name_is_refused_and_no_file_is_made(path, subject):
    with Gallery(path, space="space", create=True) as gallery, pytest.raises(InputError, match="expected a subject's name"):
        gallery.enrol(subject, embeddings(1), artefact="x")
    assert not path.exists()


def test_an_embedding_is_added_once_to_its_subject(path):
    first, second, third = embeddings(3)
    near = Embedding(first.vector + np.float32(1e-3), "space")  # at 1.6e-5
    with Gallery(path, space="space", create=True) as gallery:
        assert gallery.enrol("Ada", [first, second, first], artefact="x") == 2
        assert gallery.enrol("Ada", [second, near], artefact="x") == 0
        assert gallery.enrol("Ada", [near, third], artefact="x") == 1
        assert gallery.enrol("Bob", [first], artefact="x") == 1
        assert gallery.count("Ada") == 3
    with Gallery(path, space="space") as one, Gallery(path, space="space") as other:
        new = embeddings(1, 5)
        assert one.enrol("Ada", new, artefact="x") == 1
        assert other.enrol("Ada", new, artefact="x") == 0  # although it has not seen that yet


def test_a_new_gallery_is_its_owner_s_alone_and_an_old_one_keeps_its_mode(path):
    umask = os.umask(0o022)
    try:
        with Gallery(path, space="space", create=True) as gallery:
            gallery.enrol("Ada", embeddings(1), artefact="x")
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            path.chmod(0o640)
            gallery.enrol("Ada", embeddings(1, 1), artefact="x")
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(umask)


def test_a_gallery_of_any_name_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Gallery(":memory:", space="space", create=True) as gallery:
        gallery.enrol("Ada", embeddings(1), artefact="x")
    with Gallery(tmp_path / ":memory:") as gallery:
        assert gallery.subjects == ["Ada"]


def test_embeddings_of_two_sizes_are_refused_and_none_is_stored(path):
    with Gallery(path, space="space", create=True) as gallery:
        with pytest.raises(SpaceMismatch, match=r"\(16 numbers\), got 'space' \(8\)"):
            gallery.enrol("Ada", [*embeddings(1), *embeddings(1, size=8)], artefact="x")
        assert gallery.subjects == []


def test_an_interrupt_at_any_moment_leaves_one_state(filled, monkeypatch):
    with Gallery(filled) as gallery:
        assert gallery.nearest(embeddings(2, 1)[0]).subject == "Ada"
        monkeypatch.setattr("facelite.gallery.MUCH", np.inf)
        monkeypatch.setattr(Gallery, "_groups", lambda self, subject, fused: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            gallery.remove("Ada")
        monkeypatch.undo()
        monkeypatch.setenv("FACELITE_KEYRING", str(gallery._store.keyring.folder))
        assert gallery.subjects == ["Bob"]
        assert gallery.nearest(embeddings(2, 2)[0]).subject == "Bob"


def test_templates_are_added_with_their_makers_and_times_all_or_none(filled):
    new = [Template("Cy", one, f"{i}" * 64, 10.0 * i) for i, one in enumerate(embeddings(3, 5))]
    with Gallery(filled) as gallery:
        with pytest.raises(SpaceMismatch, match="got 'other'"):
            gallery.add([*new, Template("Cy", embeddings(1, space="other")[0], "x", 0.0)])
        assert gallery.counts == {"Ada": 2, "Bob": 2}
        gallery.add(new)
    with Gallery(filled) as gallery:
        assert [(one.subject, one.artefact, one.enrolled_at) for one in gallery.templates[4:]] == [("Cy", f"{i}" * 64, 10.0 * i) for i in range(3)]


def test_no_embedding_is_misuse(path):
    with Gallery(path, space="space", create=True) as gallery, pytest.raises(ValueError, match="at least one"):
        gallery.enrol("Ada", [], artefact="x")


# spaces


def test_another_space_is_refused_by_name_everywhere(filled):
    with pytest.raises(SpaceMismatch, match="of the space 'other', which the bundle has, got 'space'"):
        Gallery(filled, space="other")
    stranger = embeddings(1, space="other")
    with Gallery(filled, space="space") as gallery:
        for act in (lambda: gallery.nearest(stranger[0]), lambda: gallery.enrol("Cy", [*embeddings(1), *stranger], artefact="x")):
            with pytest.raises(SpaceMismatch, match=r"of the space 'space' .*got 'other'"):
                act()
        assert gallery.subjects == ["Ada", "Bob"]


def test_another_size_in_a_space_of_the_same_name_is_refused(filled):
    with Gallery(filled, space="space") as gallery, pytest.raises(SpaceMismatch, match=r"\(16 numbers\), got 'space' \(8\)"):
        gallery.nearest(embeddings(1, size=8)[0])


# files


def test_a_missing_gallery_is_refused_unless_it_is_to_be_made_and_made_by_the_first_enrolment(path):
    with pytest.raises(GalleryError, match="found none; make one: facelite enrol"):
        Gallery(path, space="space")
    with Gallery(path, space="space", create=True) as gallery:
        assert gallery.subjects == []
        assert not path.exists()
        gallery.enrol("Ada", embeddings(1), artefact="x")
        assert path.exists()


def other_database(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name TEXT)")


def edited(statement):
    def make(path):
        with Gallery(path, space="space", create=True) as gallery:
            gallery.enrol("Ada", embeddings(2), artefact="x")
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(statement)

    return make


def cut(path):
    edited("SELECT 1")(path)
    path.write_bytes(path.read_bytes()[:9000])


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("a text file, long enough to be no header of a database"),
    lambda path: path.mkdir(),
    lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(4000)),
    cut,
    other_database,
    edited("UPDATE gallery SET format = 1"),
    edited("DELETE FROM gallery"),
    edited("DROP TABLE template"),
    edited("UPDATE template SET sealed = x'00'"),
    edited("UPDATE template SET sealed = zeroblob(64)"),
    edited("UPDATE template SET sealed = 3"),
    edited("UPDATE template SET sealed = 'text' WHERE id = 1"),
])  # fmt: skip
@pytest.mark.parametrize("create", [False, True])
def test_what_is_no_gallery_is_refused_and_left_as_it_is(path, make, create):
    make(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(GalleryError, match=rf"^{path}: expected [^\n]+, got[^\n]+; \w+"):
        Gallery(path, space="space", create=create)
    assert path.is_dir() or path.read_bytes() == before


def test_an_empty_file_becomes_a_gallery_only_when_asked(path):
    path.touch()
    with pytest.raises(GalleryError, match="got an empty file"):
        Gallery(path, space="space")
    with Gallery(path, space="space", create=True) as gallery:
        gallery.enrol("Ada", embeddings(1), artefact="x")
        assert gallery.subjects == ["Ada"]


def test_a_missing_folder_is_said_before_anything_else(tmp_path):
    with pytest.raises(GalleryError, match="expected an existing folder"):
        Gallery(tmp_path / "none/gallery.db", space="space", create=True)


def test_a_failure_in_the_middle_of_an_enrolment_stores_nothing_of_it(filled):
    with Gallery(filled, space="space") as gallery:
        gallery._store._db.execute(
            "CREATE TEMP TRIGGER full BEFORE INSERT ON main.template WHEN (SELECT count(*) FROM template) >= 6 "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
        with pytest.raises(GalleryError, match="the disk is full"):
            gallery.enrol("Cy", embeddings(3), artefact="x")
        assert gallery.subjects == ["Ada", "Bob"]
        gallery.enrol("Di", embeddings(2), artefact="x")
        assert gallery.subjects == ["Ada", "Bob", "Di"]
    with Gallery(filled, space="space") as gallery:
        assert gallery.subjects == ["Ada", "Bob", "Di"]
        assert len(gallery.templates) == 6


def test_a_gallery_that_another_process_holds_is_said(filled, monkeypatch):
    monkeypatch.setattr(store, "WAIT", 0.05)
    with closing(sqlite3.connect(filled, isolation_level=None)) as other, Gallery(filled, space="space") as gallery:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(GalleryError, match=r"database is locked; see to .* other processes"):
            gallery.enrol("Cy", embeddings(1), artefact="x")
        assert gallery.nearest(embeddings(2, 1)[0]).subject == "Ada"  # reading goes on
        other.execute("ROLLBACK")
        gallery.enrol("Cy", embeddings(1), artefact="x")
        assert gallery.subjects == ["Ada", "Bob", "Cy"]


# several processes

ENROL = """
import sys
import numpy as np
from facelite.face import Embedding
from facelite.gallery import Gallery, Match, store
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(0)
with Gallery(path, space="space", create=True) as gallery:
    print("ready", flush=True)
    for i in range(count):
        gallery.enrol(f"{name}{i:05}", [Embedding(rng.normal(size=16), "space") for _ in range(3)], artefact="x")
"""


def start(path, name, count):
    process = subprocess.Popen([sys.executable, "-c", ENROL, str(path), name, str(count)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def test_what_another_process_writes_is_known_at_the_next_question(filled):
    with Gallery(filled, space="space") as gallery:
        with start(filled, "Cy", 1) as process:
            pass
        assert process.returncode == 0
        assert gallery.subjects == ["Ada", "Bob", "Cy00000"]
        with Gallery(filled) as other:
            other.remove("Ada")
            assert (len(gallery), gallery.count("Bob")) == (5, 2)
            probe = embeddings(2, 1)[0]
            assert gallery.nearest(probe).subject != "Ada"
            other.enrol("Ada", [probe], artefact="new")
            assert gallery.nearest(probe) == Match("Ada", pytest.approx(0, abs=1e-6))
            assert gallery.artefacts == {"b2", "x", "new"}


def test_two_processes_enrol_into_one_new_gallery_at_once(path):
    with start(path, "a", 40) as first, start(path, "b", 40) as second:
        pass
    assert (first.returncode, second.returncode) == (0, 0)
    with Gallery(path, space="space") as gallery:
        assert gallery.subjects == [f"{name}{i:05}" for name in "ab" for i in range(40)]
        assert len(gallery.templates) == 240


def killed_at_random(path, times):
    """SIGKILL an enrolling process again and again; afterwards every subject is there with all three templates or not at all.

    As many ``times``, and more on a machine so busy that none of them came to enrol anybody.
    """
    chance, enrolled = np.random.default_rng(times), 0
    for i in range(20 * times):
        if i >= times and enrolled:
            break
        with start(path, f"p{i:03}-", 100_000) as process:
            time.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
        with Gallery(path, space="space", create=True) as gallery:
            subjects = [template.subject for template in gallery.templates]
        assert all(subjects.count(subject) == 3 for subject in {*subjects[:30], *subjects[-30:]})
        assert len(subjects) == 3 * len(set(subjects)) >= enrolled
        enrolled = len(subjects)
        own = sorted({subject for subject in subjects if subject.startswith(f"p{i:03}-")})
        assert own == [f"p{i:03}-{j:05}" for j in range(len(own))]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert enrolled


def test_a_kill_leaves_the_old_or_the_new_state(path):
    killed_at_random(path, 4)


@pytest.mark.slow
def test_many_kills_leave_the_old_or_the_new_state(path):
    killed_at_random(path, 60)


@pytest.mark.parametrize("subject", ["\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\u5c71\u7530\u3000\u592a\u90ce", "Jos\u00e9", "Jose\u0301"])
def test_names_of_other_scripts_are_names(subject):
    assert is_name(subject)


@pytest.mark.parametrize("subject", ["", " ", "\u3000", "A\nda", "A\u202eda", "Ada\x00"])
def test_blank_names_and_hidden_characters_are_none(subject):
    assert not is_name(subject)
