"""An hour's frames as fast as they go: every visit is answered once and rightly, and neither memory nor open files grow."""

from __future__ import annotations

import http.client
import os
import threading
import time
from itertools import cycle, islice
from pathlib import Path

import pytest

from facelite.kiosk.camera import Frame
from facelite.kiosk.config import read_config
from facelite.kiosk.loop import Loop
from facelite.kiosk.visits import Kind

HOUR = 36_000
"""Frames, ten a second."""

BETWEEN = 100
"""Frames from one visit to the next: ten seconds, of which somebody stands there for two."""


class Day:
    """A camera of ``number`` frames whose times are a tenth of a second apart: Eileen, then Grace, with nobody between."""

    fault, hung = "", False

    def __init__(self, scenes, number):
        self._scenes, self._number, self._at = {name: cycle(frames) for name, frames in scenes.items()}, number, 0
        self._began = time.monotonic()

    @property
    def ended(self):
        return self._at >= self._number

    def latest(self, timeout):
        visit, step = divmod(self._at, BETWEEN)
        name = ("Eileen", "Grace")[visit % 2] if step < 20 else "nobody"
        self._at += 1
        return Frame(next(self._scenes[name]), self._began + self._at / 10)

    def close(self): ...


def resident():
    """Megabytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def look_on(port, ended):
    """A browser with the page open: it reads what is shown, and the picture."""
    for path in ("/events", "/live"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()

        def read(answer=answer):
            while not ended.is_set() and answer.read(1000):
                pass

        threading.Thread(target=read, daemon=True).start()
        yield connection


@pytest.mark.parametrize("number", [600, pytest.param(HOUR, marks=[pytest.mark.slow, pytest.mark.timeout(5400)])])
def test_nothing_grows(config, film, rng, astronaut, hopper, monkeypatch, number):
    scenes = {
        "nobody": film.nobody(rng, 20),
        "Eileen": [film.frame(rng, (astronaut, 320 + step, 220)) for step in range(20)],
        "Grace": [film.frame(rng, (hopper, 320 + step, 220)) for step in range(20)],
    }
    monkeypatch.setattr(Loop, "_rest", lambda self: None)
    lines = "[screen]\nport = 0\n[door]\npin = 17\nseconds = 0.1\n[lock]\nfailures = 1000000\n[visit]\nshown = 5\nagain = 6\n"
    ended, memory = threading.Event(), []
    with Loop(read_config(config(lines)), camera=lambda: Day(scenes, number)) as loop:
        while loop._door.state == "down":
            time.sleep(0.01)
            loop._door.check(time.monotonic())
        connections = list(look_on(loop._screen.port, ended))
        while not loop._camera.ended:
            loop.step()
            if loop.frames >= number // 3:
                memory.append((resident(), handles()))
        events = [one.event for one in loop._log.entries(number)]
        ended.set()
        for connection in connections:
            connection.close()
    expected = list(islice(cycle([Kind.ACCEPTED, Kind.REJECTED]), number // BETWEEN))
    assert [one.kind for one in events] == expected
    assert memory[-1][0] - memory[0][0] < 5  # megabytes over the last two thirds
    assert memory[-1][1] <= memory[0][1]
