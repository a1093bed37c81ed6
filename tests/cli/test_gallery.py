"""Commands on galleries: doubtful pictures, purge, export, restore, the keyring."""

from __future__ import annotations

import json
import shutil
import stat
import time

import pytest

from facelite.gallery import Gallery


@pytest.fixture
def aged(gallery, monkeypatch):
    """A gallery in which Old was enrolled a hundred days ago and Eileen just now."""
    now = time.time()
    with monkeypatch.context() as patch, Gallery(gallery) as opened:
        template = opened.templates[0]
        patch.setattr(time, "time", lambda: now - 100 * 24 * 3600)
        opened.enrol("Old", [template.embedding], artefact=template.artefact)
    return gallery


# doubts


def test_a_picture_that_is_like_none_of_the_others_keeps_all_out_unless_it_is_wanted(facelite, photos, tmp_path):
    words = ["enrol", "--gallery", tmp_path / "g.db", "Eileen", photos / "astronaut.png", photos / "flipped.jpg", photos / "hopper.jpg"]
    result = facelite(*words)
    assert (result.status, result.out) == (3, "")
    assert "hopper.jpg: doubtful: expected a distance of" in result.err
    assert "to the other pictures of Eileen" in result.err
    assert "astronaut" not in result.err
    assert not (tmp_path / "g.db").exists()
    problems = facelite(*words, "--json").json["people"]["Eileen"]["problems"]
    assert [problem.split(": ")[1] for problem in problems] == ["doubtful"]
    assert facelite(*words, "--anyway").out == "Eileen: enrolled from 3 picture(s), now 3 template(s)\n"


def test_of_two_pictures_that_disagree_both_are_doubtful(facelite, photos, tmp_path):
    result = facelite("enrol", "--gallery", tmp_path / "g.db", "Eileen", photos / "astronaut.png", photos / "hopper.jpg", "--json")
    assert len(result.json["people"]["Eileen"]["problems"]) == 2


def test_a_picture_is_held_against_what_is_enrolled(facelite, photos, gallery):
    assert "to the other pictures of Eileen" in facelite("enrol", "--gallery", gallery, "Eileen", photos / "hopper.jpg").err
    assert facelite("enrol", "--gallery", gallery, "Eileen", photos / "flipped.jpg").status == 0


def test_somebody_who_is_enrolled_under_another_name_is_named(facelite, photos, gallery):
    words = ["enrol", "--gallery", gallery, "Amelia", photos / "flipped.jpg"]
    result = facelite(*words)
    assert (result.status, result.out) == (3, "")
    assert "flipped.jpg: doubtful: expected nobody who is enrolled already, got Eileen at a distance of" in result.err
    assert facelite("gallery", "list", "--gallery", gallery, "--json").json["subjects"] == {"Eileen": 1}
    assert facelite(*words, "--anyway").status == 0
    assert facelite("gallery", "list", "--gallery", gallery, "--json").json["subjects"] == {"Amelia": 1, "Eileen": 1}


# list


def test_list_says_since_when_by_the_oldest_template(facelite, aged, photos):
    facelite("enrol", "--gallery", aged, "Old", photos / "flipped.jpg", "--anyway")
    with Gallery(aged) as opened:
        times = {one.subject: one.enrolled_at for one in reversed(opened.templates)}
    days = {name: time.strftime("%Y-%m-%d", time.gmtime(at)) for name, at in times.items()}
    assert facelite("gallery", "list", "--gallery", aged).out.splitlines() == [
        f"Eileen: 1 template(s), since {days['Eileen']}",
        f"Old: 2 template(s), since {days['Old']}",
    ]
    listed = facelite("gallery", "list", "--gallery", aged, "--json").json
    assert listed["subjects"] == {"Eileen": 1, "Old": 2} and listed["since"]["Old"].startswith(days["Old"]) and days["Old"] < days["Eileen"]


# purge


def test_purge_removes_what_is_old_and_a_dry_run_nothing(facelite, aged):
    words = ["gallery", "purge", "--gallery", aged, "--older-than"]
    assert facelite(*words, 101).out == "nobody is that old\n"
    assert facelite(*words, 99, "--dry-run").out == "Old: 1 template(s) would be removed\n"
    assert facelite(*words, 99, "--dry-run", "--json").json == {"subjects": {"Old": 1}, "removed": 0}
    assert facelite("gallery", "list", "--gallery", aged, "--json").json["subjects"] == {"Eileen": 1, "Old": 1}
    assert facelite(*words, 99, "--json").json == {"subjects": {"Old": 1}, "removed": 1}
    assert facelite("gallery", "list", "--gallery", aged, "--json").json["subjects"] == {"Eileen": 1}
    assert facelite(*words, 0).out == "Eileen: 1 template(s) removed\n"
    assert facelite(*words, -1).status == 2


# export


def test_export_writes_what_is_stored_about_everybody_or_one(facelite, aged, tmp_path):
    out = tmp_path / "out.json"
    result = facelite("gallery", "export", "--gallery", aged, out)
    assert (result.status, result.out) == (0, f"{out}: 2 template(s)\n")
    assert "is not encrypted" in result.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    data = json.loads(out.read_text())
    with Gallery(aged) as opened:
        assert data["space"] == opened.space
        assert [one["subject"] for one in data["templates"]] == ["Eileen", "Old"]
        for one, template in zip(data["templates"], opened.templates, strict=True):
            assert one["embedding"] == pytest.approx(template.embedding.vector, abs=1e-7)
            assert one["artefact"] == template.artefact
    assert facelite("gallery", "export", "--gallery", aged, out, "--subject", "Old", "--json").json == {"out": str(out), "templates": 1}
    [one] = json.loads(out.read_text())["templates"]
    assert one["subject"] == "Old"
    assert one["enrolled_at"].endswith("+00:00")
    assert facelite("gallery", "export", "--gallery", aged, out, "--subject", "Nobody").status == 4


def test_export_does_not_write_over_the_gallery(facelite, gallery):
    before = gallery.read_bytes()
    refused = facelite("gallery", "export", "--gallery", gallery, gallery)
    assert (refused.status, gallery.read_bytes()) == (2, before)
    assert "expected OUT to be another file than the gallery" in refused.err


# restore, keyring, bundle


def test_a_backup_is_the_gallery_once_it_is_restored(facelite, gallery, photos, tmp_path):
    shutil.copy(gallery, tmp_path / "backup")
    facelite("enrol", "--gallery", gallery, "Grace", photos / "hopper.jpg")
    shutil.copy(tmp_path / "backup", gallery)
    refused = facelite("identify", "--gallery", gallery, photos / "astronaut.png")
    assert (refused.status, refused.out) == (4, "")
    assert "got an earlier one, after 1; put the latest copy back, or take this one for good: facelite gallery restore" in refused.err
    first, last = facelite("gallery", "restore", "--gallery", gallery).out.splitlines()
    assert first == "Eileen: 1 template(s)"
    assert last.startswith("restored; newest enrolment: 20")
    assert facelite("identify", "--gallery", gallery, photos / "astronaut.png").status == 0


def test_each_command_takes_the_keyring_of_its_words(facelite, photos, keyring, tmp_path):
    here = ["--gallery", tmp_path / "g.db", "--keyring", tmp_path / "ring"]
    assert facelite("enrol", *here, "Eileen", photos / "astronaut.png").status == 0
    assert not keyring.exists()
    assert facelite("verify", *here, "--subject", "Eileen", photos / "flipped.jpg").status == 0
    assert facelite("identify", *here, photos / "flipped.jpg").status == 0
    for words in (["list"], ["purge", "--older-than", 1], ["export", tmp_path / "out.json"], ["restore"], ["remove", "Eileen"]):
        result = facelite("gallery", words[0], "--gallery", tmp_path / "g.db", *words[1:])
        assert result.status == 4
        assert f"{keyring}/key: expected the key that the gallery was made with, found none" in result.err
        assert facelite("gallery", words[0], *here, *words[1:]).status == 0


def test_a_bundle_is_not_needed_but_refuses_another_space(facelite, gallery, monkeypatch, bundle_file, tmp_path):
    monkeypatch.delenv("FACELITE_BUNDLE")
    assert facelite("gallery", "list", "--gallery", gallery).status == 0
    assert facelite("gallery", "list", "--gallery", gallery, "--bundle", bundle_file).status == 0
    with Gallery(tmp_path / "other.db", space="other", create=True) as other, Gallery(gallery) as opened:
        template = opened.templates[0]
        other.enrol("Ada", [type(template.embedding)(template.embedding.vector, "other")], artefact="x")
    refused = facelite("gallery", "list", "--gallery", tmp_path / "other.db", "--bundle", bundle_file)
    assert refused.status == 4
    assert "got 'other'" in refused.err
