"""The relay is energised when it is asked for and never for longer than is allowed, whatever becomes of the process that asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facelite.kiosk.config import DoorConfig
from facelite.kiosk.door import Door
from facelite.kiosk.relay import PAUSE, Keeper


class Pin:
    value = 0.0

    def on(self):
        self.value = 1.0

    def off(self):
        self.value = 0.0


@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["open", "wait"]), st.floats(0.1, 9)), max_size=40))
def test_it_is_never_energised_for_longer_than_allowed(steps):
    pin, at, since = Pin(), 0.0, None
    keeper = Keeper(pin, 5.0)
    for pause, order, seconds in steps:
        end, now = at + pause, at
        while (left := keeper.left(now)) is not None and now + left <= end:  # the loop wakes when it is due
            now += left
            keeper.pass_time(now)
            since = since if pin.value else None
        at = end
        if order == "open":
            keeper.open(seconds, at)
        keeper.pass_time(at)
        since = (at if since is None else since) if pin.value else None
        assert since is None or at - since < 5.0 + 1e-6


def run(orders, *, longest=5.0):
    """The times at which the relay is energised and released by ``orders`` (at, seconds), in a loop that wakes when it is due."""
    keeper, orders, changes, at = Keeper(Pin(), longest), list(orders), [], 0.0
    while orders or keeper.left(at) is not None:
        due = at + left if (left := keeper.left(at)) is not None else float("inf")
        before, at = keeper.relay.value, min(due, orders[0][0] if orders else due)
        if orders and orders[0][0] == at:
            keeper.open(orders.pop(0)[1], at)
        keeper.pass_time(at)
        changes += [at] if keeper.relay.value != before else []
    return changes


def test_it_rests_after_the_longest_time_and_whoever_came_meanwhile_gets_theirs():
    assert run([(0.0, 5.0), (5.5, 2.0)]) == [0.0, 5.0, 5.0 + PAUSE, 7.0 + PAUSE]
    assert run([(0.0, 5.0), (5.0 + PAUSE, 1.0)]) == [0.0, 5.0, 5.0 + PAUSE, 6.0 + PAUSE]


def test_what_the_longest_time_cuts_off_comes_after_the_pause():
    assert run([(0.0, 3.0), (2.5, 4.0)]) == [0.0, 5.0, 5.0 + PAUSE, 6.5 + PAUSE]
    assert run([(0.0, 9.0)]) == [0.0, 5.0]  # one order alone is for no longer than that
    assert run([(at / 2, 1.0) for at in range(12)]) == [0.0, 5.0, 5.0 + PAUSE, 6.0 + PAUSE]


def test_an_order_is_not_carried_out_long_after():
    keeper = Keeper(Pin(), 5.0)
    keeper.open(5.0, 0.0)
    keeper.open(5.0, 4.0)
    keeper.pass_time(60.0)  # the process has slept
    keeper.pass_time(60.0 + PAUSE)
    assert keeper.relay.value == 0.0 and keeper.left(60.0 + PAUSE) is None


@pytest.mark.parametrize("seconds", [float("nan"), -1.0, 0.0])
def test_an_order_for_no_time_is_none(seconds):
    keeper = Keeper(Pin(), 5.0)
    keeper.open(seconds, 0.0)
    assert keeper.relay.value == 0.0 and keeper.left(0.0) is None


def test_who_is_let_in_during_the_pause_is(monkeypatch):
    with closing(Door(DoorConfig(pin=17, seconds=0.5, longest=0.5))) as door:
        until(door, "released")
        assert door.open()
        until(door, "energised")
        until(door, "released")
        assert door.open()  # and the screen says welcome
        assert 0.5 < until(door, "energised") < 10


def test_a_second_visitor_gets_the_time_they_are_due():
    keeper = Keeper(Pin(), 15.0)
    keeper.open(5.0, 0.0)
    keeper.open(5.0, 3.0)
    keeper.pass_time(7.9)
    assert keeper.relay.value == 1.0
    keeper.pass_time(8.0)
    assert keeper.relay.value == 0.0


@pytest.fixture
def process():
    """The relay's own, the pin released."""
    process = subprocess.Popen([sys.executable, "-m", "facelite.kiosk.relay", "17", "high", "5"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"released\n"
    yield process
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):
            pipe.close()
    process.wait()


def test_the_process_tells_what_the_pin_is(process):
    process.stdin.write(b"open 0.3\n")
    process.stdin.flush()
    began = time.monotonic()
    assert process.stdout.readline() == b"energised\n"
    assert process.stdout.readline() == b"released\n"
    assert 0.2 < time.monotonic() - began < 3
    process.stdin.close()
    assert process.wait(10) == 0


@pytest.mark.parametrize("end", ["closed", "nonsense", "SIGTERM", "SIGABRT", "SIGHUP", "SIGQUIT"])
def test_the_relay_is_released_at_every_end(process, end):
    process.stdin.write(b"open 5\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"energised\n"
    began = time.monotonic()
    if end == "closed":
        process.stdin.close()
    elif end == "nonsense":
        process.stdin.write(b"open sesame\n")
        process.stdin.flush()
    else:
        process.send_signal(signal.Signals[end])
    assert process.stdout.readline() == b"released\n"
    assert time.monotonic() - began < 2
    process.wait(10)


def test_ctrl_c_of_the_group_leaves_it_to_the_kiosk(process):
    process.send_signal(signal.SIGINT)
    process.stdin.write(b"open 0.1\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"energised\n"
    process.stdin.close()
    process.wait(10)


@pytest.fixture
def door():
    door = Door(DoorConfig(pin=17, seconds=0.5, longest=5.0))
    yield door
    door.close()


def until(door, state, seconds=15.0):
    """How long it took until the door said so."""
    began = time.monotonic()
    while door.state != state:
        assert time.monotonic() - began < seconds, door.state
        time.sleep(0.01)
        door.check(time.monotonic())
    return time.monotonic() - began


def test_a_door_opens_and_locks(door):
    until(door, "released")
    assert door.open()
    until(door, "energised")
    until(door, "released")


@pytest.mark.parametrize("state", ["released", "energised"])
def test_a_process_that_hangs_is_killed(door, recovered, state):
    until(door, "released")
    if state == "energised":
        door.open()
        until(door, "energised")
    os.kill(door._process.pid, signal.SIGSTOP)
    first, began = door._process.pid, time.monotonic()
    while door._process.pid == first:
        assert time.monotonic() - began < 15
        time.sleep(0.01)
        door.check(time.monotonic())
    until(door, "released")
    recovered(f"the relay's process hangs while the relay is {state}", time.monotonic() - began)


def test_a_stuck_relay_is_released_again_and_again(monkeypatch, tmp_path):
    pins = Path(__file__).parent / "pins"
    for name, value in {"PYTHONPATH": pins, "PIN_LOG": tmp_path / "pins", "PIN_STUCK": tmp_path / "stuck"}.items():
        monkeypatch.setenv(name, str(value))
    with closing(Door(DoorConfig(pin=17, seconds=0.2, longest=1.0))) as door:
        until(door, "released")
        (tmp_path / "stuck").touch()
        door.open()
        until(door, "stuck")
        (tmp_path / "stuck").unlink()
        until(door, "released")


def test_a_process_that_dies_is_put_in_place_again_and_nobody_is_let_in_meanwhile(door, recovered):
    until(door, "released")
    door.open()
    until(door, "energised")
    os.kill(door._process.pid, signal.SIGKILL)
    until(door, "down")
    assert not door.open()
    recovered("the relay's process killed while the door is open", until(door, "released"))
