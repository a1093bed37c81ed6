"""A kiosk in a folder of its own, with mock pins."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli.main import main
from facelite.gallery import Gallery
from facelite.kiosk.camera import Frame
from facelite.runtime.verifier import Verifier

RECOVERED = pytest.StashKey[list[str]]()


@pytest.fixture
def recovered(request):
    """recovered(what, seconds): the time that it took is said at the end of the run."""
    return lambda what, seconds: request.config.stash.setdefault(RECOVERED, []).append(f"{seconds:7.2f} s  {what}")


def pytest_terminal_summary(terminalreporter, config):
    if lines := config.stash.get(RECOVERED, []):
        terminalreporter.section("kiosk: time to recovery")
        terminalreporter.write_line("\n".join(lines))


@pytest.fixture(autouse=True)
def mock_pins(monkeypatch):
    """gpiozero's own mock, here and in the processes that are started."""
    pytest.importorskip("gpiozero")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")


@pytest.fixture(scope="session")
def film():
    """The functions of film.py."""
    return _module("film")


def _module(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def verifier(bundle):
    return Verifier(bundle)


@pytest.fixture
def gallery_file(tmp_path, verifier, astronaut):
    """A gallery with Eileen alone."""
    with Gallery(tmp_path / "gallery.db", space=verifier.manifest.space, create=True) as gallery:
        verifier.enrol("Eileen", [astronaut], gallery)
    return tmp_path / "gallery.db"


class Reel:
    """A camera that gives the ``frames`` as fast as they are taken, a tenth of a second apart by their times, with the ``faults`` of some."""

    def __init__(self, frames, faults=None):
        self._frames, self._faults = list(frames), faults or {}
        self._began, self._next = time.monotonic(), 0
        self.fault, self.closed, self.hung = "", False, False

    @property
    def ended(self):
        return self._next >= len(self._frames)

    def latest(self, timeout):
        place, self._next = self._next, self._next + 1
        self.fault = self._faults.get(place, "")
        if place >= len(self._frames) or self._frames[place] is None:
            return None
        return Frame(self._frames[place], self._began + place / 10, self.fault)

    def close(self):
        self.closed = True


@pytest.fixture
def reel():
    return Reel


@pytest.fixture
def facelite():
    """facelite(*arguments, status): standard output of the command, which has to end so."""

    def run(*arguments, status=0, typed=None):
        ended = CliRunner().invoke(main, [str(one) for one in arguments], input=typed)
        assert ended.exit_code == status, ended.output
        return ended.stdout

    return run


@pytest.fixture
def config(tmp_path, bundle_file, gallery_file):
    """config(lines): of a kiosk with Eileen's gallery; ``lines`` are more TOML, tables among them."""

    def written(lines=""):
        camera = "rate = 60\n" if "[camera]" in lines else "[camera]\nrate = 60\n"
        text = f'gallery = "{gallery_file.name}"\nbundle = "{bundle_file}"\n{lines}\n{camera}'
        (tmp_path / "kiosk.toml").write_text(text)
        return tmp_path / "kiosk.toml"

    return written


@pytest.fixture(scope="session")
def machine_module():
    """The classes of machine.py."""
    return _module("machine")


@pytest.fixture
def machine(machine_module, config, film, astronaut, hopper):
    """machine(lines, **environment): a kiosk at work, nobody before its ``camera``; Eileen is enrolled. ``scene`` names who is there."""
    opened = []

    def made(lines="", **environment):
        rng = np.random.default_rng(0)
        still = film.frame(rng)
        scenes = {
            "nobody": lambda: film.frame(rng),
            "Eileen": lambda: film.frame(rng, (astronaut, 320, 220)),
            "stranger": lambda: film.frame(rng, (hopper, 320, 220)),
            "frozen": lambda: still,
            "black": lambda: film.frame(rng, light=0.01),
        }
        camera = machine_module.Camera(lambda: scenes[made.scene]())
        made.scene = "nobody"
        port = machine_module.free_port()
        path = config(f"[screen]\nport = {port}\n[door]\npin = 17\nseconds = 3\nlongest = 4\n[visit]\nshown = 0.5\nagain = 1.0\n{lines}")
        path.write_text(path.read_text().replace("[camera]\n", f'[camera]\nsource = "{camera.address}"\nfrozen = 1.0\nblind = 1.0\n'))
        machine = machine_module.Machine(path, port, **environment)
        machine.camera = camera
        machine.scene = lambda name: setattr(made, "scene", name)
        machine.start()
        opened.append(machine)
        return machine

    yield made
    for one in opened:
        if one.process.poll() is None:
            one.kill()
        one.camera.close()
