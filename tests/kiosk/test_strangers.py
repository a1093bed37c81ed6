"""Who was not recognised: kept for so long and no longer, read by nobody without the key, named or discarded by the administrator."""

from __future__ import annotations

import json
import sqlite3
import time
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelite.errors import GalleryError, InputError
from facelite.face import Embedding, FaceCrop
from facelite.gallery import Gallery, Keyring
from facelite.kiosk.codes import ADMINISTRATOR, Codes
from facelite.kiosk.config import StrangersConfig, read_config
from facelite.kiosk.loop import Loop
from facelite.kiosk.screen import Said
from facelite.kiosk.strangers import LOOKS, Stranger, Strangers
from facelite.kiosk.visits import Event, Kind, State
from facelite.quality import Quality
from facelite.runtime.look import Look

NOW = 1.8e9
KEPT = "[screen]\nport = 0\n[strangers]\n[enrol]\npictures = 1\n[lock]\nfailures = 100\n[visit]\nshown = 0.5\nagain = 0.5\n"


def look(seed=0, *, clarity=5.0):
    rng = np.random.default_rng(seed)
    crop = FaceCrop(np.full((96, 96, 3), 40 * seed % 255, np.uint8), np.zeros((4, 2)))
    return Look(crop=crop, embedding=Embedding(rng.normal(size=128), "s"), quality=Quality(100, 1, 100, 10, 0.01, clarity))


@pytest.fixture
def opened(tmp_path):
    """opened(**config): the strangers of one file, by the embedder "a" in the space "s"."""
    stores = []

    def made(*, space="s", artefact="a", keyring=None, **config):
        store = Strangers(StrangersConfig(str(tmp_path / "strangers.db"), **config), space=space, artefact=artefact, keyring=keyring or Keyring())
        stores.append(store)
        return store

    yield made
    for store in stores:
        store.close()


def test_who_is_kept_comes_out_the_latest_first(opened, tmp_path):
    first = opened().keep(look(1), NOW)
    second = opened().keep(look(2), NOW + 1)
    kept = opened().all(NOW + 2)
    assert list(kept) == [second, first] and [one.at for one in kept.values()] == [NOW + 1, NOW]
    assert np.array_equal(kept[first].embeddings[0].vector, look(1).embedding.vector) and kept[first].looks[0].embedding.space == "s"
    picture = cv2.imdecode(np.frombuffer(kept[second].picture, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (96, 96, 3) and abs(int(picture.mean()) - 80) < 3
    assert (tmp_path / "strangers.db").stat().st_mode & 0o777 == 0o600


def test_looks_at_one_person_are_one_stranger_with_the_clearest_picture(opened):
    store = opened()
    number = store.keep(look(1, clarity=5.0), NOW)
    for seed, clarity in ((2, 4.0), (3, 9.0), (4, 6.0), (5, 5.0), (6, 20.0)):
        assert store.keep(look(seed, clarity=clarity), NOW + seed, number=number) == number
    (kept,) = store.all(NOW).values()
    assert (len(kept.embeddings), kept.clarity, kept.at) == (LOOKS, 9.0, NOW)
    assert abs(int(cv2.imdecode(np.frombuffer(kept.picture, np.uint8), cv2.IMREAD_COLOR).mean()) - 120) < 3
    store.discard(number)
    assert store.keep(look(7), NOW + 9, number=number) > number  # who was discarded meanwhile is another one, and no number comes twice


def test_whose_hours_are_over_goes_and_beyond_the_most_the_oldest(opened):
    store = opened(hours=24.0, most=3)
    store.keep(look(1), NOW)
    store.keep(look(2), NOW + 3600)
    assert [one.at for one in store.all(NOW + 86400 + 1).values()] == [NOW + 3600]
    for second in range(5):
        store.keep(look(second), NOW + 7200 + second)
    assert [one.at - NOW - 7200 for one in store.all(NOW + 7200).values()] == [4, 3, 2]


def test_the_file_tells_nothing_without_the_key_and_nothing_stays_of_who_is_gone(opened, tmp_path):
    store = opened()
    number = store.keep(look(3), NOW)
    sealed = sqlite3.connect(tmp_path / "strangers.db").execute("SELECT sealed FROM stranger").fetchone()[0]
    everything = (tmp_path / "strangers.db").read_bytes()
    assert sealed in everything and str(look(3).embedding.vector.tolist())[1:60].encode() not in everything
    picture = next(iter(opened().all(NOW).values())).picture
    assert picture[:20] not in everything and b64encode(picture)[:40] not in everything
    store.discard(number)
    assert all(sealed[i : i + 40] not in file.read_bytes() for file in tmp_path.iterdir() for i in range(0, len(sealed) - 40, 500))
    with pytest.raises(GalleryError, match="chmod 600"):
        (tmp_path / "other").mkdir()
        (tmp_path / "other/key").write_text("not a key")
        opened(keyring=Keyring(tmp_path / "other"))


def test_another_key_and_an_edited_row_are_refused_and_can_be_cleared(opened, tmp_path):
    store = opened()
    store.keep(look(1), NOW)
    other = opened(keyring=Keyring(tmp_path / "another"))
    with pytest.raises(InputError, match=r"another key.*discard CONFIG --all"):
        other.all(NOW)
    with closing(sqlite3.connect(tmp_path / "strangers.db", isolation_level=None)) as rows:
        rows.execute("UPDATE stranger SET at = at + 80000")  # to be kept for longer
    with pytest.raises(InputError, match="edited row"):
        store.all(NOW)
    assert store.clear() == 1 and store.all(NOW) == {}


def test_whom_another_embedder_saw_cannot_be_named_any_more(opened):
    opened().keep(look(1), NOW)
    assert opened(artefact="b").all(NOW) == {}
    assert len(opened().all(NOW)) == 1  # not by a look with another bundle
    assert opened(artefact="b").drop_foreign() == 1 and opened().all(NOW) == {}


def test_a_clock_that_was_wrong_keeps_nobody_for_longer(opened):
    store = opened(hours=24.0)
    store.keep(look(1), NOW + 86400 * 365)
    assert store.all(NOW) == {}


def test_who_was_discarded_does_not_count_among_the_most(opened):
    store = opened(most=2)
    first, second = store.keep(look(1), NOW), store.keep(look(2), NOW)
    store.discard(second)
    last = store.keep(look(3), NOW)
    assert list(store.all(NOW)) == [last, first]


def test_a_file_that_is_something_else_is_refused(opened, tmp_path):
    (tmp_path / "strangers.db").write_bytes(b"something else entirely, and long enough to be looked at " * 40)
    with pytest.raises(InputError, match="expected a file of strangers"):
        opened()


def test_a_look_without_a_face_is_misuse():
    with pytest.raises(ValueError, match="expected a look with"):
        Stranger(NOW).seen(replace(look(), crop=None))


@pytest.fixture
def visited(config, reel, film, rng, hopper):
    """A kiosk that has seen Grace for a while, and did not know her; its administrator's code is 314159."""
    path = config(KEPT)
    Codes(read_config(path).enrol.file).set(ADMINISTRATOR, "314159")
    grace = [film.frame(rng, (hopper, 318 + step % 5, 220)) for step in range(24)]
    with Loop(read_config(path), camera=lambda: reel([*grace, *film.nobody(rng, 30), *grace, *grace])) as loop:
        while loop.frames < 40:
            loop.step()
        assert Kind.REJECTED in [one.event.kind for one in loop._log.entries()]
        yield loop


def say(loop, *said):
    for one in said:
        loop._screen.say(one)
        loop.step()


def test_a_stranger_is_named_on_the_screen_and_then_welcome(visited, gallery_file):
    assert not visited._screen.next(-1)[1]["strangers"]  # nobody but the administrator sees who was here
    say(visited, Said("enrol"), Said("code", "314159"))
    shown = visited._screen.next(-1)[1]
    (stranger,) = shown["strangers"]  # several attempts of one visit
    assert shown["state"] == State.NAME and shown["stranger"] is None
    assert cv2.imdecode(np.frombuffer(visited._screen.portrait(str(stranger["number"])), np.uint8), cv2.IMREAD_COLOR) is not None
    say(visited, Said("stranger", "999"), Said("stranger", "x"))
    assert visited.view.state is State.NAME
    say(visited, Said("stranger", str(stranger["number"])))
    assert visited.view.state is State.STRANGER and visited._screen.next(-1)[1]["stranger"] == stranger["number"]
    say(visited, Said("name", "Grace"))
    assert visited.view.state is State.ENROLLED
    with Gallery(gallery_file) as gallery:
        assert gallery.counts["Grace"] >= 2
    assert visited._strangers.all(time.time()) == {} and visited._screen.portrait(str(stranger["number"])) is None
    while not visited._camera.ended:
        visited.step()
    assert (visited._log.entries(1)[0].event.kind, visited._log.entries(1)[0].event.subject) == (Kind.ACCEPTED, "Grace")


def test_a_stranger_is_discarded_on_the_screen(visited):
    say(visited, Said("enrol"), Said("code", "314159"))
    number = next(iter(visited._offered))
    say(visited, Said("stranger", str(number)), Said("discard"))
    assert visited.view.state is State.NAME and visited._strangers.all(time.time()) == {}
    assert visited._screen.next(-1)[1]["strangers"] == [] and visited._screen.portrait(str(number)) is None


def test_who_is_discarded_elsewhere_meanwhile_is_not_enrolled(visited, gallery_file):
    say(visited, Said("enrol"), Said("code", "314159"))
    number = next(iter(visited._offered))
    say(visited, Said("stranger", str(number)))
    visited._strangers.discard(number)
    say(visited, Said("name", "Grace"))
    assert visited.view.state is State.NOT_ENROLLED
    with Gallery(gallery_file) as gallery:
        assert gallery.subjects == ["Eileen"]


def test_who_is_recognised_after_all_is_not_kept(visited):
    visited._strangers.discard(1)
    one = SimpleNamespace(track=SimpleNamespace(number=77), look=look(1))
    visited._present = [one]
    visited._keep(Event(Kind.REJECTED, None, 1.5, 1.0, 77))
    assert len(visited._strangers.all(time.time())) == 1
    visited._keep(Event(Kind.ACCEPTED, "Eileen", 0.5, 1.0, 77))
    assert visited._strangers.all(time.time()) == {}


@pytest.fixture
def twice(config, reel, film, rng, hopper, verifier, gallery_file):
    """twice(lines): a kiosk that did not know Grace; then she is enrolled, comes anew, and is recognised."""
    opened = []

    def made(lines=""):
        path = config(KEPT + lines)
        frames = [film.frame(rng, (hopper, 318 + step % 5, 220)) for step in range(12)]
        loop = Loop(read_config(path), camera=lambda: reel([*frames, *film.nobody(rng, 60), *frames]))
        opened.append(loop)
        while not loop._present or not loop._strangers.all(time.time()):
            loop.step()
        while loop._present:
            loop.step()
        loop._strangers.keep(look(1), time.time())  # somebody else
        with Gallery(gallery_file) as gallery:
            verifier.enrol("Grace", [hopper], gallery)
        return loop

    yield made
    for loop in opened:
        loop._open.close()


def test_who_is_recognised_another_time_is_no_stranger_any_more(twice):
    loop = twice()
    assert list(loop._strangers.all(time.time())) == [2, 1]
    while not loop._camera.ended:
        loop.step()
    assert loop._log.entries(1)[0].event.subject == "Grace"
    assert list(loop._strangers.all(time.time())) == [2]


def test_who_is_let_in_by_a_code_is_no_stranger_any_more(twice):
    loop = twice("[code]\n")
    Codes(loop.kiosk.code.file).set("Grace", "2718")
    while loop.view.state is not State.CODE:
        loop.step()
    assert len(loop._strangers.all(time.time())) == 2
    say(loop, Said("code", "2718"))
    assert loop._log.entries(1)[0].event.kind is Kind.ACCEPTED and list(loop._strangers.all(time.time())) == [2]


def test_a_file_that_is_broken_keeps_nobody_out(config, reel, film, rng, astronaut, tmp_path, caplog):
    path = config(KEPT)
    (tmp_path / "strangers.db").write_bytes(b"something else entirely, and long enough to be looked at " * 40)
    with Loop(read_config(path), camera=lambda: reel([film.frame(rng, (astronaut, 320, 220))] * 10)) as loop:
        while not loop._camera.ended:
            loop.step()
        assert [one.event.kind for one in loop._log.entries()][:1] == [Kind.ACCEPTED] and "no stranger is kept" in caplog.text


def test_nobody_is_discarded_or_shown_without_the_code(visited):
    say(visited, Said("stranger", "1"), Said("discard"), Said("enrol"), Said("stranger", "1"), Said("discard"))
    assert visited.view.state is State.ADMINISTRATOR and len(visited._strangers.all(time.time())) == 1
    assert visited._screen.next(-1)[1]["strangers"] == [] and visited._screen.portrait("1") is None


def test_whom_it_cannot_keep_keeps_nobody_out(config, reel, film, rng, astronaut, hopper, monkeypatch, caplog):
    frames = [film.frame(rng, (hopper, 320, 220)) for _ in range(10)] + film.nobody(rng, 20) + [film.frame(rng, (astronaut, 320, 220))] * 10
    with Loop(read_config(config(KEPT)), camera=lambda: reel(frames)) as loop:

        def full(*_, **__):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(loop._strangers, "keep", full)
        while not loop._camera.ended:
            loop.step()
        assert [one.event.kind for one in loop._log.entries()][-1] is Kind.ACCEPTED and "could not be kept" in caplog.text


def test_without_the_table_nobody_is_kept(config, reel, film, rng, hopper, tmp_path):
    with Loop(read_config(config()), camera=lambda: reel([film.frame(rng, (hopper, 320, 220)) for _ in range(10)])) as loop:
        while not loop._camera.ended:
            loop.step()
        assert loop._log.entries() and not (tmp_path / "strangers.db").exists()


def test_the_command_line(visited, facelite, gallery_file, tmp_path):
    path = tmp_path / "kiosk.toml"
    (listed,) = json.loads(facelite("strangers", "list", path, "--json"))["strangers"]
    number = listed["number"]
    assert listed["looks"] >= 2 and f"{number}  " in facelite("strangers", "list", path)
    facelite("strangers", "show", path, number, tmp_path / "face.jpg")
    assert cv2.imread(str(tmp_path / "face.jpg")) is not None and (tmp_path / "face.jpg").stat().st_mode & 0o077 == 0
    facelite("strangers", "show", path, number, tmp_path / "face.jpg", status=2)
    facelite("strangers", "enrol", path, 999, "Grace", status=2)
    facelite("strangers", "discard", path, status=2)
    assert json.loads(facelite("strangers", "enrol", path, number, "Grace", "--json"))["added"] == listed["looks"]
    with Gallery(gallery_file) as gallery:
        assert "Grace" in gallery.subjects
    assert facelite("strangers", "list", path) == "nobody is kept\n"
    assert json.loads(facelite("strangers", "discard", path, "--all", "--json")) == {"discarded": 0}
    assert "0 kept, for 24 hours" in facelite("kiosk", path, "--check", status=4)  # the film has no camera


def test_a_stranger_who_is_somebody_is_not_enrolled_under_another_name(visited, verifier, facelite, gallery_file, hopper, tmp_path):
    with Gallery(gallery_file) as gallery:
        verifier.enrol("Admiral", [hopper], gallery)
    path = tmp_path / "kiosk.toml"
    facelite("strangers", "enrol", path, 1, "Grace", status=1)
    assert json.loads(facelite("strangers", "list", path, "--json"))["strangers"]
    facelite("strangers", "enrol", path, 1, "Grace", "--anyway")


def test_a_kiosk_that_keeps_nobody_says_so(config, facelite):
    facelite("strangers", "list", config(), status=2)
