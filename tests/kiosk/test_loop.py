"""The whole kiosk on films: what it says, whom it lets in, and that it lets in nobody when something is broken."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from facelite.bundle import HEAD, save_bundle
from facelite.distance import pack_head, scaled
from facelite.errors import BundleError, FaceliteError, SelfTestError
from facelite.face import Embedding
from facelite.gallery import Gallery
from facelite.kiosk.codes import ADMINISTRATOR, Codes
from facelite.kiosk.config import SignalsConfig, read_config
from facelite.kiosk.door import Door
from facelite.kiosk.loop import Loop
from facelite.kiosk.screen import Said
from facelite.kiosk.signals import Signals
from facelite.kiosk.visits import Kind, State
from facelite.runtime.attempt import Lock

DOOR = "[door]\npin = 17\nseconds = 0.2\nlongest = 1.0\n"


class Shown:
    """A loop's run, step by step: what it said, in the order in which it did, and every state of its door."""

    def __init__(self, loop):
        self.states, self.doors, self.times = [], [], []
        while not loop._camera.ended:
            loop.step()
            self.states.append(loop.view.state)
            self.doors.append(loop._door.state if loop._door else "none")
        self.events = [(one.event.kind, one.event.subject) for one in loop._log.entries()]

    @property
    def said(self):
        return [state for state, _ in groupby(self.states)]


@pytest.fixture
def shown(config, reel):
    """shown(lines, frames, **reel): the run of a kiosk of this config on these frames."""

    def run(lines, frames, **faults):
        with Loop(read_config(config(lines)), camera=lambda: reel(frames, **faults)) as loop:
            while loop._door and loop._door.state == "down":
                time.sleep(0.01)
                loop._door.check(time.monotonic())
            return Shown(loop)

    return run


def test_a_walk_up_is_welcomed_and_opens_the_door_once(shown, film, rng, astronaut):
    run = shown(DOOR, [*film.nobody(rng), *film.walk(rng, astronaut, stay=25), *film.nobody(rng, 60)])
    assert run.events == [(Kind.ACCEPTED, "Eileen")]
    assert run.said[0] == State.IDLE and run.said[-2:] == [State.WELCOME, State.IDLE]
    assert [state for state, _ in groupby(run.doors)] == ["released", "energised", "released"]


def test_a_stranger_is_not(shown, film, rng, hopper):
    run = shown(DOOR, [*film.nobody(rng), *film.walk(rng, hopper, stay=25), *film.nobody(rng, 60)])
    assert (Kind.REJECTED, None) in run.events and not {kind for kind, _ in run.events} - {Kind.REJECTED, Kind.STILL_REJECTED}
    assert State.REJECTED in run.said and State.WELCOME not in run.said
    assert set(run.doors) == {"released"}


@pytest.mark.parametrize(
    ("weights", "person", "welcome"), [(np.ones(128), "astronaut", True), (np.ones(128), "hopper", False), (np.eye(128)[0], "hopper", True)]
)
def test_a_siamese_head_decides_at_the_door(config, reel, film, rng, bundle, bundle_file, tmp_path, request, weights, person, welcome):
    """In one number out of 128 nobody is far from Eileen."""
    by_head = tmp_path / "by_head.facelite"
    save_bundle(by_head, replace(bundle.manifest, decide="siamese"), {**bundle.files, HEAD: pack_head(scaled(weights, form="absolute"))})
    path = config()
    path.write_text(path.read_text().replace(str(bundle_file), str(by_head)))
    frames = [*film.walk(rng, request.getfixturevalue(person), stay=25), *film.nobody(rng, 60)]
    with Loop(read_config(path), camera=lambda: reel(frames)) as loop:
        run = Shown(loop)
    assert (Kind.ACCEPTED, "Eileen") in run.events if welcome else {kind for kind, _ in run.events} == {Kind.REJECTED}


def test_two_people_come_one_at_a_time(shown, film, rng, astronaut, hopper):
    both = [film.frame(rng, (astronaut, 180, 280), (hopper, 460, 220)) for _ in range(15)]
    run = shown(DOOR, [*film.nobody(rng, 2), *both])
    assert run.events == [] and run.said[-1] == State.ALONE and set(run.doors) == {"released"}
    alone = shown("[visit]\nalone = false\n", both)
    assert sorted(kind for kind, _ in alone.events) == [Kind.ACCEPTED, Kind.REJECTED]


def test_what_is_wrong_is_said(shown, film, rng, astronaut):
    dark = [film.frame(rng, (astronaut, 320, 220), light=0.12) for _ in range(10)]
    far = [film.frame(rng, (astronaut, 320, 50)) for _ in range(10)]
    assert State.LIGHT in shown("", dark).said
    assert shown("", far).said == [State.IDLE]  # who is so far away is not searched for, unless that is wanted
    run = shown("[camera]\nsmallest = 0.04\n", far)
    assert State.CLOSER in run.said and run.events == []


def test_after_too_many_strangers_nobody_is_looked_at(shown, film, rng, astronaut, hopper):
    strangers = [film.frame(rng, (hopper, 320, 220)) for _ in range(30)]
    run = shown("[lock]\nfailures = 1\nseconds = 100\n" + DOOR, [*strangers, *film.walk(rng, astronaut, stay=20)])
    assert run.events == [(Kind.REJECTED, None), (Kind.LOCKED, None)]
    assert run.said[-1] == State.LOCKED and set(run.doors) == {"released"}


def test_a_restart_unlocks_nothing(shown, film, rng, astronaut, hopper):
    lock = "[lock]\nfailures = 1\nseconds = 100\n"
    shown(lock, [film.frame(rng, (hopper, 320, 220)) for _ in range(10)])
    run = shown(lock, film.walk(rng, astronaut, stay=20))
    assert set(run.said) == {State.LOCKED} and (Kind.ACCEPTED, "Eileen") not in run.events


@pytest.mark.parametrize(("typed", "kind"), [("2718", Kind.ACCEPTED), ("2719", Kind.WRONG_CODE)])
def test_a_code_is_asked_for(config, reel, film, rng, astronaut, typed, kind):
    read = read_config(config("[code]\n[screen]\nport = 0\n" + DOOR))
    Codes(read.code.file).set("Eileen", "2718")
    with Loop(read, camera=lambda: reel(film.walk(rng, astronaut, stay=30))) as loop:
        while loop.view.state is not State.CODE:
            loop._screen.say(Said("code", "2718"))  # of somebody who types before they are asked
            loop.step()
            assert not loop._log.entries()
        for _ in range(3):
            loop.step()
        assert not loop._log.entries()
        loop._screen.say(Said("code", typed))
        loop.step()
        assert [one.event.kind for one in loop._log.entries()] == [kind]


def test_a_camera_s_fault_puts_it_out_of_service_and_it_comes_back(shown, film, rng, astronaut):
    frames = [film.frame(rng, (astronaut, 320, 220)) for _ in range(24)]
    run = shown(DOOR, [None, *frames], faults={0: "no such camera", **dict.fromkeys(range(1, 12), "frozen: the same picture for 5 s")})
    assert run.states[:12] == [State.OUT_OF_SERVICE] * 12
    assert run.states[-1] == State.WELCOME and run.events == [(Kind.ACCEPTED, "Eileen")]


def test_nobody_enrolled_is_out_of_service_until_somebody_is(shown, verifier, gallery_file, config, reel, film, rng, astronaut):
    read = read_config(config())
    with Gallery(gallery_file) as gallery:
        gallery.remove("Eileen")
    with Loop(read, camera=lambda: reel(film.nobody(rng, 5) + film.walk(rng, astronaut))) as loop:
        loop.step()
        assert loop.view.state is State.OUT_OF_SERVICE and "nobody is enrolled" in loop.fault
        with Gallery(gallery_file) as gallery:
            verifier.enrol("Eileen", [astronaut], gallery)
        loop.step()
        assert loop.view.state is State.IDLE


def test_without_a_log_nobody_is_let_in(config, reel, film, rng, astronaut, monkeypatch):
    with Loop(read_config(config(DOOR)), camera=lambda: reel([film.frame(rng, (astronaut, 320, 220)) for _ in range(20)])) as loop:

        def full(event, at):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(loop._log, "add", full)
        run = Shown(loop)
        assert run.said[-1] == State.OUT_OF_SERVICE and State.WELCOME not in run.said and "disk is full" in loop.fault
        assert "energised" not in run.doors


def test_a_damaged_gallery_lets_nobody_in_and_a_mended_one_does(config, reel, film, rng, astronaut, gallery_file, monkeypatch):
    monkeypatch.setattr("facelite.kiosk.loop.PATIENCE", 0.05)
    whole = gallery_file.read_bytes()
    with Loop(read_config(config(DOOR)), camera=lambda: reel([film.frame(rng, (astronaut, 320, 220)) for _ in range(60)])) as loop:
        loop.step()
        gallery_file.write_bytes(whole[: len(whole) // 2])
        for _ in range(8):
            loop.step()
        assert loop.view.state is State.OUT_OF_SERVICE and not loop._log.entries()
        gallery_file.write_bytes(whole)
        run = Shown(loop)
        assert run.events == [(Kind.ACCEPTED, "Eileen")]


def test_an_embedder_that_has_become_constant_ends_it(config, reel, film, rng, astronaut, hopper, monkeypatch):
    people = (astronaut, hopper, hopper[:, ::-1])
    frames = [one for person in people for one in (*film.nobody(rng), *(film.frame(rng, (person, 320, 220)) for _ in range(5)))]
    with Loop(read_config(config(DOOR)), camera=lambda: reel(frames)) as loop:
        constant = loop._verifier.embedder.vectors([loop._verifier.look(astronaut).crop])[0]
        monkeypatch.setattr(loop._verifier.embedder, "vectors", lambda crops: [constant] * len(crops))
        monkeypatch.setattr(loop._verifier.embedder, "unit", lambda vector: Embedding(vector, loop._verifier.manifest.space))
        with pytest.raises(SelfTestError):
            loop.run()
        door = loop._door
    assert door.state == "down"


def test_another_bundle_than_the_pinned_one_is_refused(config):
    with pytest.raises(BundleError, match="pinned sha256 0123"):
        Loop(read_config(config('digest = "' + "0123456789abcdef" * 4 + '"')))


def test_one_kiosk_for_one_log(config, reel):
    with Loop(read_config(config()), camera=lambda: reel([])), pytest.raises(FaceliteError, match="no other kiosk"):
        Loop(read_config(config()), camera=lambda: reel([]))
    Loop(read_config(config()), camera=lambda: reel([]))._open.close()


def test_a_start_that_fails_leaves_nothing_open(config, reel, monkeypatch):
    closed, close = [], Door.close
    monkeypatch.setattr(Door, "close", lambda self: closed.append(close(self)))
    with pytest.raises(BundleError):
        Loop(read_config(config('digest = "' + "0" * 64 + '"\n' + DOOR)))
    assert closed
    Loop(read_config(config()), camera=lambda: reel([]))._open.close()  # the log's lock is free again


def test_who_is_told(shown, film, rng, astronaut, tmp_path):
    program = f"import sys, pathlib; pathlib.Path({str(tmp_path / 'told')!r}).write_text(sys.stdin.read())"
    shown(f"[command]\nrun = {json.dumps([sys.executable, '-c', program])}\n", [film.frame(rng, (astronaut, 320, 220)) for _ in range(10)])
    told = json.loads((tmp_path / "told").read_text())
    assert (told["kind"], told["subject"]) == ("accepted", "Eileen") and told["distance"] < told["threshold"] and told["time"].endswith("+00:00")


def test_lights_in_place_of_a_screen(config, reel, film, rng, astronaut):
    factory = Device.pin_factory = MockFactory()
    lights = "[signals]\ngreen = 23\nred = 24\nbuzzer = 25\n"
    with Loop(read_config(config(lights)), camera=lambda: reel([film.frame(rng, (astronaut, 320, 220)) for _ in range(10)])) as loop:
        run = Shown(loop)
        assert run.said[-1] == State.WELCOME
        assert [factory.pin(pin).state for pin in (23, 24)] == [1, 0]
    assert factory.pin(23).function == "input"  # given back


@pytest.mark.parametrize("kind", Kind)
def test_every_event_has_a_sound(kind):
    Device.pin_factory = MockFactory()
    with closing(Signals(SignalsConfig(buzzer=25))) as signals:
        signals.event(kind)


def test_who_stays_is_one_failure_after_a_restart_too(config, reel, film, rng, hopper):
    path, frames = config("[visit]\nshown = 0.3\nagain = 0.3\n"), [film.frame(rng, (hopper, 318 + step % 5, 220)) for step in range(40)]
    with Loop(read_config(path), camera=lambda: reel(frames)) as loop:
        kinds = [kind for kind, _ in Shown(loop).events]
        assert kinds[0] is Kind.REJECTED and kinds.count(Kind.REJECTED) == 1 and kinds.count(Kind.STILL_REJECTED) > 3
        assert loop._visits.lock.failures == 1
    with Loop(read_config(path), camera=lambda: reel([])) as loop:
        assert loop._visits.lock.failures == 1


def test_systemd_is_told(shown, film, rng, tmp_path, monkeypatch):
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        shown("", film.nobody(rng, 5))
        said = [systemd.recv(1000).decode() for _ in range(6)]
    assert said.count("WATCHDOG=1") == 5 and "STATUS=idle" in said


@pytest.fixture
def desk(config, reel, film, rng, hopper):
    """A kiosk where Grace stands, turns to the left and to the right, and whose administrator's code is 314159."""
    straight, left = hopper, film.turned(hopper)
    poses = [*[straight] * 22, *[left] * 16, *[left[:, ::-1]] * 16, *[straight] * 50]
    path = config("[screen]\nport = 0\n[enrol]\npictures = 3\n" + DOOR)
    Codes(read_config(path).enrol.file).set(ADMINISTRATOR, "314159")
    with Loop(read_config(path), camera=lambda: reel([film.frame(rng, (one, 318 + step % 5, 220)) for step, one in enumerate(poses)])) as loop:
        loop._screen.say(Said("enrol"))
        loop.step()
        yield loop


def test_somebody_is_enrolled_at_the_kiosk_and_then_welcome(desk, gallery_file):
    assert desk.view.state is State.ADMINISTRATOR
    desk._screen.say(Said("code", "314159"))
    desk.step()
    assert desk.view.state is State.NAME
    desk._screen.say(Said("name", "  Grace   Hopper "))
    seen = []
    while desk._desk.stage not in (State.ENROLLED, State.NOT_ENROLLED):
        desk.step()
        seen.append(desk.view.state)
        assert desk._screen.next(-1)[1]["desk"] == (desk.view.state is not State.ENROLLED)
    assert [state for state, _ in groupby(seen)] == [State.STRAIGHT, State.LEFT, State.RIGHT, State.ENROLLED]
    with Gallery(gallery_file) as gallery:
        assert gallery.counts == {"Eileen": 1, "Grace Hopper": 3}
    run = Shown(desk)
    assert run.events == [(Kind.ADMITTED, None), (Kind.ENROLLED, "Grace Hopper"), (Kind.ACCEPTED, "Grace Hopper")]


def test_while_the_desk_is_open_nobody_is_let_in(desk):
    for _ in range(20):
        desk.step()
    assert desk._log.entries() == [] and desk.view.state is State.ADMINISTRATOR
    desk._screen.say(Said("cancel"))
    run = Shown(desk)
    assert run.events[0] == (Kind.REJECTED, None)


def test_a_hint_of_an_enrolment_can_be_cancelled(config, reel, film, rng, astronaut, hopper):
    path = config("[screen]\nport = 0\n[enrol]\n")
    Codes(read_config(path).enrol.file).set(ADMINISTRATOR, "314159")
    both = [film.frame(rng, (astronaut, 180, 280), (hopper, 460, 220)) for _ in range(40)]
    with Loop(read_config(path), camera=lambda: reel(both, faults={30: "gone"})) as loop:
        for said in (Said("enrol"), Said("code", "314159"), Said("name", "Grace")):
            loop._screen.say(said)
            loop.step()
        while loop.view.state is not State.ALONE:
            loop.step()
        assert loop._screen.next(-1)[1]["desk"]
        while not loop.fault:
            loop.step()
        assert not loop._screen.next(-1)[1]["desk"]  # what is pressed now is not heard


def test_a_wrong_administrator_s_code_closes_the_desk_and_counts(desk):
    desk._screen.say(Said("name", "Grace"))  # before the code
    desk._screen.say(Said("code", "314160"))
    desk.step()
    assert desk._desk.stage is None
    assert [one.event.kind for one in desk._log.entries()][:1] == [Kind.NOT_ADMITTED]
    assert (desk._desk_lock.failures, desk._visits.lock.failures) == (1, 0)


def test_the_administrator_s_code_cannot_be_tried_again_and_again(desk):
    for _ in range(5):
        desk._screen.say(Said("code", "000000"))
        desk.step()
        desk._screen.say(Said("enrol"))
        desk.step()
    assert desk._desk.stage is None and desk._desk_lock.left(time.monotonic()) > 0  # and no face makes it good
    remembered = desk._remembered_lock(Lock(), {Kind.NOT_ADMITTED}, Kind.ADMITTED)
    assert remembered.failures == 5 and remembered.left(time.monotonic()) > 0


def test_somebody_who_is_enrolled_under_another_name_is_not_enrolled(config, reel, film, rng, astronaut, gallery_file):
    path = config("[screen]\nport = 0\n[enrol]\npictures = 1\n")
    Codes(read_config(path).enrol.file).set(ADMINISTRATOR, "314159")
    with Loop(read_config(path), camera=lambda: reel([film.frame(rng, (astronaut, 320, 220)) for _ in range(60)])) as loop:
        for said in (Said("enrol"), Said("code", "314159"), Said("name", "Grace")):
            loop._screen.say(said)
            loop.step()
        while loop._desk.stage not in (State.ENROLLED, State.NOT_ENROLLED):
            loop.step()
        assert loop.view.state is State.NOT_ENROLLED
        assert [(one.event.kind, one.event.subject) for one in loop._log.entries()] == [(Kind.ADMITTED, None), (Kind.NOT_ENROLLED, "Grace")]
    with Gallery(gallery_file) as gallery:
        assert gallery.subjects == ["Eileen"]


def test_the_first_of_all_can_be_enrolled_at_the_kiosk(config, reel, film, rng, hopper, gallery_file):
    with Gallery(gallery_file) as gallery:
        gallery.remove("Eileen")
    path = config("[screen]\nport = 0\n[enrol]\npictures = 1\n" + DOOR)
    Codes(read_config(path).enrol.file).set(ADMINISTRATOR, "314159")
    with Loop(read_config(path), camera=lambda: reel([film.frame(rng, (hopper, 320, 220)) for _ in range(60)])) as loop:
        while "nobody is enrolled" not in loop.fault:
            loop.step()
        for said in (Said("enrol"), Said("code", "314159"), Said("name", "Grace")):
            loop._screen.say(said)
            loop.step()
        while loop._desk.stage not in (State.ENROLLED, State.NOT_ENROLLED):
            loop.step()
        assert loop.view.state is State.ENROLLED


def test_what_is_pressed_while_nothing_works_is_not_done_later(config, reel, film, rng):
    with Loop(read_config(config("[screen]\nport = 0\n[enrol]\n")), camera=lambda: reel(film.nobody(rng, 4), faults={0: "gone"})) as loop:
        loop._screen.say(Said("enrol"))
        loop.step()
        loop.step()
        assert loop.view.state is State.IDLE


def test_a_camera_that_hangs_ends_it(config, reel, film, rng):
    camera = reel(film.nobody(rng, 4))
    with Loop(read_config(config()), camera=lambda: camera) as loop:
        loop.step()
        camera.hung = True
        with pytest.raises(FaceliteError, match="started anew"):
            loop.step()


@pytest.mark.parametrize("jump", [-86400 * 400, 86400 * 400])
def test_a_clock_that_jumps_changes_nothing_but_the_log_s_times(config, reel, film, rng, astronaut, monkeypatch, jump):
    now = time.time
    with Loop(read_config(config(DOOR)), camera=lambda: reel(film.nobody(rng, 3) + film.walk(rng, astronaut, stay=30))) as loop:
        while loop._door.state == "down":
            time.sleep(0.01)
            loop._door.check(time.monotonic())
        for _ in range(5):
            loop.step()
        monkeypatch.setattr("facelite.kiosk.loop.time.time", lambda: now() + jump)
        run = Shown(loop)
        monkeypatch.undo()
    assert run.events == [(Kind.ACCEPTED, "Eileen")] and "energised" in run.doors


def test_a_button_that_is_not_there_cannot_be_pressed(config, reel, film, rng):
    with Loop(read_config(config("[screen]\nport = 0\n")), camera=lambda: reel(film.nobody(rng, 3))) as loop:
        loop._screen.say(Said("enrol"))
        loop.step()
        assert loop.view.state is State.IDLE
