"""The kiosk's side of the door: orders to the relay's own process, which is watched, and put in place again where it dies or hangs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from typing import TextIO

from facelite.kiosk.config import DoorConfig

STARTING = 10.0
"""Seconds in which the process has to say that the relay is released."""

GRACE = 1.0
"""Seconds beyond the longest time after which a relay that was not said to be released makes its process count as hung."""

PING, SILENT = 1.0, 3.0
"""Seconds between two questions how the relay is, and without any answer, after which its process counts as hung."""

AGAIN = 2.0
"""Seconds between two starts of a process that dies before it has said anything."""

log = logging.getLogger(__name__)


def release_relay(config: DoorConfig, /) -> str:
    """Release the relay by a process of its own, which ends again: what that says that it is then, released or stuck; empty where it says nothing."""
    began = time.monotonic()
    with closing(Door(config)) as door:
        while not door.told and not door.failed and time.monotonic() - began < STARTING:
            time.sleep(0.05)
            door.check(began)  # of the same time, so that no second process is started
        return door.told


def errors() -> TextIO | None:
    """Where the errors of a process of ours are told: standard error as this process has it, by whatever number; None where it has no file."""
    try:
        sys.stderr.fileno()
    except (OSError, AttributeError, ValueError):
        return None
    return sys.stderr


class Door:
    """Locked whenever nothing says otherwise.

    ``told`` is what the relay's process has said last, released, energised or stuck; ``state`` is that, or down where no process is there to say it.
    """

    def __init__(self, config: DoorConfig, /) -> None:
        self._config = config
        self._began = self._since = self._heard = self._asked = float("-inf")
        self._rest = b""
        self._process: subprocess.Popen[bytes] | None = None
        self.state = "down"
        self.told = ""
        self.check(time.monotonic())

    @property
    def failed(self) -> bool:
        """Whether the relay's process has ended, and none is in its place yet."""
        return self._process is None or self._process.poll() is not None

    def open(self) -> bool:
        """Unlock for the configured seconds; whether the order could be given."""
        return self.state in ("released", "energised") and self._order(f"open {self._config.seconds:g}\n")

    def check(self, at: float, /) -> None:
        """Take up what the process has said; start it anew where it has died, kill it first where it hangs. ``at`` of ``time.monotonic``."""
        if self._process and self._process.poll() is None:
            self._listen(at)
            if at - self._asked >= PING:
                self._asked = at
                self._order("ping\n")
        if not self._process or self._process.poll() is not None:
            self._listen(at)
            worked, self.state = self.state != "down", "down"
            if worked or at - self._began >= AGAIN:
                self._start(at)
        elif self._hangs(at):
            log.error("the relay's process hangs (%s); it is killed and put in place again", self.state)
            self._process.kill()
            self._process.wait()
            self._start(at)

    def close(self) -> None:
        """End the process, by which the relay is released."""
        if not self._process:
            return
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if pipe:
                    pipe.close()
        try:
            self._process.wait(timeout=3.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process, self.state = None, "down"

    def _start(self, at: float) -> None:
        self.close()
        level = "high" if self._config.active_high else "low"
        command = [sys.executable, "-P", "-m", "facelite.kiosk.relay", str(self._config.pin), level, f"{self._config.longest:g}"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors())
        if self._process.stdout:
            os.set_blocking(self._process.stdout.fileno(), False)
        self._began, self._rest, self.state = at, b"", "down"

    def _listen(self, at: float) -> None:
        with suppress(OSError, ValueError):
            data = os.read(self._process.stdout.fileno(), 4096) if self._process and self._process.stdout else b""
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._heard, told = at, line.decode()
                if told != self.state:
                    self.state, self._since = told, at
                    log.log(logging.ERROR if told == "stuck" else logging.INFO, "the relay is %s", told)
                self.told = told

    def _hangs(self, at: float) -> bool:
        if self.state == "energised" and at - self._since > self._config.longest + GRACE:
            return True
        if self.state == "down":
            return at - self._began > STARTING
        return self._asked > self._heard and at - max(self._heard, self._began) > SILENT

    def _order(self, line: str) -> bool:
        if not self._process or not self._process.stdin:
            return False
        try:
            os.write(self._process.stdin.fileno(), line.encode())
        except OSError:
            return False
        return True
