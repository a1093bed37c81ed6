"""facelite kiosk --check, --log, --forget, --set-code, and doctor CONFIG: what a person beside the door types."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import closing

import pytest

from facelite.kiosk.codes import Codes
from facelite.kiosk.config import read_config
from facelite.kiosk.log import Log
from facelite.kiosk.loop import Loop
from facelite.kiosk.visits import Event, Kind, State


@pytest.fixture
def film_config(config, film, rng, tmp_path, astronaut):
    """film_config(lines): of a kiosk whose camera is a short film of Eileen."""

    def written(lines=""):
        film.write(tmp_path / "film.avi", [film.frame(rng, (astronaut, 320, 220)) for _ in range(8)])
        path = config(lines)
        path.write_text(path.read_text().replace("[camera]\n", '[camera]\nsource = "film.avi"\n'))
        return path

    return written


def checks(said):
    return {one["name"]: one for one in json.loads(said)["checks"]}


def test_a_kiosk_that_works(facelite, film_config):
    path = film_config(f'[door]\npin = 17\n[screen]\nport = 0\n[signals]\ngreen = 4\n[command]\nrun = ["{sys.executable}"]\n[code]\n')
    found = checks(facelite("kiosk", path, "--check", "--json"))
    assert {name: one["state"] for name, one in found.items()} == {
        **dict.fromkeys(("kiosk", "gallery", "camera", "door", "signals", "screen", "command", "log"), "ok"),
        **dict.fromkeys(("bundle", "codes"), "note"),  # the digest is not pinned, and Eileen has no code
    }
    assert "released" in found["door"]["found"] and "640 x 360" in found["camera"]["found"]
    assert "digest = " in found["bundle"]["remedy"]


@pytest.mark.parametrize(
    ("lines", "name", "found", "remedy"),
    [
        ('[camera]\nsource = "nowhere.avi"\n', "camera", "expected a frame", "cable"),
        ('[command]\nrun = ["/nowhere"]\n', "command", "expected a program", "full path"),
        ('[webhook]\nurl = "http://127.0.0.1:9/"\n', "webhook", "refused", "see to"),
        ('[log]\nfile = "nowhere/log.db"\n', "log", "expected a log", "name another"),
        ('digest = "' + "0" * 64 + '"\n', "bundle", "pinned sha256", "pin this"),
        ('[mqtt]\nhost = "127.0.0.1"\nport = 9\n', "mqtt", "expected a broker", "password"),
    ],
)
def test_each_fault_is_named_with_what_to_do(facelite, film_config, monkeypatch, lines, name, found, remedy):
    monkeypatch.setattr("facelite.kiosk.check.PATIENCE", 0.5)
    path = film_config()
    text = path.read_text()
    own = '[camera]\nsource = "film.avi"\n'
    path.write_text(text.replace(own, lines) if lines.startswith("[camera]") else text.replace("[camera]", lines + "[camera]"))
    one = checks(facelite("kiosk", path, "--check", "--json", status=4))[name]
    assert one["state"] == "fail" and found in one["found"] and remedy in one["remedy"]


def test_a_gallery_that_is_not_there_yet(facelite, film_config, gallery_file):
    path = film_config()
    gallery_file.unlink()
    assert "facelite enrol" in checks(facelite("kiosk", path, "--check", "--json"))["gallery"]["remedy"]


def test_too_many_people_for_the_rate(facelite, film_config):
    path = film_config("fpir = 0.00000001\n")
    assert "smallest that was measured" in checks(facelite("kiosk", path, "--check", "--json", status=4))["gallery"]["found"]


def test_a_kiosk_at_work_is_asked_and_not_disturbed(facelite, film_config, reel, film, rng):
    path = film_config("[door]\npin = 17\n[screen]\nport = 0\n")
    with Loop(read_config(path), camera=lambda: reel(film.nobody(rng, 100))) as loop:
        while loop.view.state is not State.IDLE:  # the door's process takes its time on a busy machine
            loop.step()
            time.sleep(0.1)
        path.write_text(path.read_text().replace("port = 0", f"port = {loop._screen.port}"))
        found = checks(facelite("kiosk", path, "--check", "--json"))
        assert found["kiosk"]["found"] == "at work, says: idle"
        assert not {"camera", "door", "screen"} & set(found)


def test_the_doctor_looks_at_a_kiosk_too(facelite, film_config):
    found = checks(facelite("doctor", film_config(), "--json"))
    assert found["machine"]["state"] == found["camera"]["state"] == "ok"


def test_a_film_is_played_to_its_end_and_logged(facelite, film_config):
    path = film_config()
    values = json.loads(facelite("kiosk", path, "--json"))
    assert 4 <= values["frames"] <= 8 and values["watch_milliseconds"] > 0
    (entry,) = json.loads(facelite("kiosk", path, "--log", "--json"))["entries"]
    assert (entry["kind"], entry["subject"]) == ("accepted", "Eileen")
    line = facelite("kiosk", path, "--log")
    assert "accepted" in line and "Eileen" in line and "threshold" in line


def test_a_person_is_forgotten(facelite, film_config):
    path = film_config("[code]\n")
    read = read_config(path)
    Codes(read.code.file).set("Eileen", "2718")
    with closing(Log(read.log.file, days=1e4)) as log:
        log.add(Event(Kind.ACCEPTED, "Eileen", 0.3, 0.9), 1.8e9)
    assert json.loads(facelite("kiosk", path, "--forget", "Eileen", "--json")) == {"subject": "Eileen", "removed_entries": 1}
    assert not Codes(read.code.file).has("Eileen")
    assert facelite("kiosk", path, "--log") == "nothing yet\n"


def test_a_code_is_asked_for_twice_and_not_shown(facelite, film_config):
    path = film_config("[code]\n")
    assert "2718" not in facelite("kiosk", path, "--set-code", "Eileen", typed="2718\n2718\n")
    assert Codes(read_config(path).code.file).right("Eileen", "2718")
    facelite("kiosk", path, "--set-code", "Eileen", typed="12\n12\n", status=2)
    facelite("kiosk", path, "--set-code", " ", status=2)


def test_no_code_without_a_table(facelite, film_config):
    facelite("kiosk", film_config(), "--set-code", "Eileen", status=2)


def test_a_config_that_is_none(facelite, tmp_path):
    facelite("kiosk", tmp_path / "nowhere.toml", "--check", status=2)


def test_the_relay_is_released_without_anything_else(facelite, film_config, gallery_file):
    """As systemd has it after every end: bundle, gallery and log may be what is broken."""
    path = film_config("[door]\npin = 17\n")
    gallery_file.unlink()
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("bundle")))
    assert json.loads(facelite("kiosk", path, "--release", "--json")) == {"relay": "released"}
    assert json.loads(facelite("kiosk", film_config(), "--release", "--json")) == {"relay": "none"}


PINS = {
    "stuck": "from gpiozero.pins.mock import MockPin\nMockPin._get_state = lambda pin: True",
    "gone": "import sys\nsys.modules['gpiozero'] = None",
    "lgpio": "import os, sys\nos.environ['GPIOZERO_PIN_FACTORY'] = 'lgpio'\nsys.modules['lgpio'] = None",
    "none": "import os\ndel os.environ['GPIOZERO_PIN_FACTORY']",
}
"""What makes a process' pins bad, as a sitecustomize."""


@pytest.fixture
def bad_pins(tmp_path, monkeypatch):
    """bad_pins(how): one of PINS for all processes that are started from now on."""

    def made(how):
        (tmp_path / "pins").mkdir()
        (tmp_path / "pins/sitecustomize.py").write_text(PINS[how])
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "pins"))

    return made


@pytest.mark.parametrize(("how", "state"), [("stuck", "stuck"), ("gone", "down"), ("lgpio", "down"), ("none", "down")])
def test_a_relay_that_is_not_released_is_no_success(facelite, film_config, bad_pins, capfd, how, state):
    bad_pins(how)
    assert json.loads(facelite("kiosk", film_config("[door]\npin = 17\n"), "--release", "--json", status=4)) == {"relay": state}
    told = capfd.readouterr().err
    assert "Traceback" not in told and ("facelite[kiosk]" in told) == (how == "gone") and ("python3-lgpio" in told) == (how in ("lgpio", "none"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("gone", "expected the package gpiozero, found none; install it: pip install 'facelite[kiosk]'"),
        ("lgpio", "python3-lgpio"),
        ("none", "got BadPinFactory: "),
    ],
)
def test_lights_without_pins_end_the_kiosk_with_what_to_do(film_config, bad_pins, how, said):
    bad_pins(how)
    command = [sys.executable, "-m", "facelite", "kiosk", film_config("[signals]\ngreen = 4\n")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 4 and said in ended.stderr.splitlines()[-1]


def test_a_broker_without_its_package(facelite, film_config, monkeypatch):
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    one = checks(facelite("kiosk", film_config('[mqtt]\nhost = "127.0.0.1"\n'), "--check", "--json", status=4))["mqtt"]
    assert one["remedy"] == "install it: pip install 'facelite[kiosk]'"


def test_nothing_secret_is_told(facelite, film_config, monkeypatch, tmp_path):
    monkeypatch.setattr("facelite.kiosk.check.PATIENCE", 0.5)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = film_config()
    path.write_text(path.read_text().replace("film.avi", "http://admin:hun@ter2@127.0.0.1:9/live?token=abc"))
    for words in (("kiosk", path, "--check"), ("doctor", path)):
        told = facelite(*words, status=4)
        assert "http://127.0.0.1:9/live" in told and "~/kiosk-log.db" in told
        assert not [secret for secret in ("admin", "hun", "ter2", "token", "abc", str(tmp_path)) if secret in told]


@pytest.mark.parametrize(("kernel", "state"), [("Y\n", "note"), ("N\n", "ok"), (None, "ok")])
def test_a_kernel_that_leaves_a_killed_door_open_is_noted(film_config, facelite, tmp_path, monkeypatch, kernel, state):
    parameters = tmp_path / "module/pinctrl_rp1/parameters"
    parameters.mkdir(parents=True)
    if kernel:
        (parameters / "persist_gpio_outputs").write_text(kernel)
    monkeypatch.setattr("facelite.kiosk.check.PERSIST", (str(tmp_path / "module"), "pinctrl_*/parameters/persist_gpio_outputs"))
    door = checks(facelite("kiosk", film_config("[door]\npin = 17\n"), "--check", "--json"))["door"]
    assert door["state"] == state and ("strict_gpiod" in door["remedy"]) == (state == "note")
