"""The process that alone holds the door's relay: ``python -m facelite.kiosk.relay PIN ACTIVE_HIGH LONGEST``.

It reads lines from standard input, ``open SECONDS`` and ``ping``, and writes ``energised``, ``released`` or ``stuck``, as the relay is
read back, whenever that has changed, and after each ping. The relay is released at the start; when its time is over, whoever asks for more; when
standard input ends, which is how the death of the kiosk is noticed, whatever it died of; on any error; and on every signal that can be caught.
SIGKILL cannot: then the pin keeps its level until a process takes this one's place.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from facelite.errors import FaceliteError
from facelite.kiosk.gpio import gpio

PAUSE = 1.0
"""Seconds that the relay stays released after ``LONGEST`` before it may be energised again."""


class Relay(Protocol):
    """What is switched: as ``gpiozero.OutputDevice``."""

    @property
    def value(self) -> float: ...
    def on(self) -> None: ...
    def off(self) -> None: ...


@dataclass(slots=True)
class Keeper:
    """When ``relay`` is energised: ``since`` when, wanted ``until`` when. Times are in seconds, of any clock that does not go back."""

    relay: Relay
    longest: float
    since: float | None = None
    until: float = float("-inf")
    resting: float = float("-inf")

    def open(self, seconds: float, at: float) -> None:
        """Energise for ``seconds``, ``longest`` at the most, from ``at`` on; where it rests then, from the end of that on."""
        if seconds > 0:
            self.until = max(self.until, max(at, self.resting) + min(seconds, self.longest))
            self.pass_time(at)

    def pass_time(self, at: float) -> None:
        """Release it where its time is over, or has been the longest, after which it rests and has what is left; energise it where that is due."""
        if self.since is not None and at >= self._end:
            if at >= self.since + self.longest:
                self.resting = at + PAUSE
                self.until += PAUSE if self.until > at else 0.0
            self.relay.off()
            self.since = None
        if self.since is None and self.resting <= at < self.until:
            self.relay.on()
            self.since = at

    def left(self, at: float) -> float | None:
        """Seconds until it is to be released, or to be energised after a rest; None where nothing is due."""
        if self.since is None and at >= self.until:
            return None
        return max(0.0, self._end - at)

    @property
    def _end(self) -> float:
        """Of the time for which it is energised, or of its rest."""
        return self.resting if self.since is None else min(self.until, self.since + self.longest)


def main(arguments: list[str]) -> None:
    pin, active_high, longest = int(arguments[0]), arguments[1] == "high", float(arguments[2])
    try:
        with gpio() as library:
            device = library.OutputDevice(pin, active_high=active_high, initial_value=False)
    except FaceliteError as error:
        sys.exit(f"facelite: the relay: {error}")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the kiosk closes standard input when it ends
    for ending in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT):
        signal.signal(ending, lambda *_: sys.exit(0))
    try:
        _serve(Keeper(device, longest), sys.stdin.fileno())
    finally:
        device.off()
        with suppress(OSError):  # nobody may be there any more
            _tell(device, expected=False)
        device.close()


def _serve(keeper: Keeper, source: int) -> None:
    _tell(keeper.relay, expected=False)
    told, pending = False, b""
    while True:
        readable = select.select([source], [], [], keeper.left(time.monotonic()))[0]
        if readable:
            if not (data := os.read(source, 4096)):
                return
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                _obey(keeper, line.decode())
        keeper.pass_time(time.monotonic())
        if (energised := keeper.since is not None) != told:
            told = energised
            _tell(keeper.relay, expected=energised)


def _obey(keeper: Keeper, line: str) -> None:
    """An order that is none raises, and ends the process with the relay released."""
    verb, _, seconds = line.partition(" ")
    if verb == "open":
        keeper.open(float(seconds), time.monotonic())
    elif verb == "ping":
        if keeper.since is None:
            keeper.relay.off()  # once more, where it is stuck
        _tell(keeper.relay, expected=keeper.since is not None)
    else:
        raise ValueError(f"expected open SECONDS or ping, got {line!r}")


def _tell(relay: Relay, *, expected: bool) -> None:
    os.write(1, b"stuck\n" if bool(relay.value) != expected else b"energised\n" if expected else b"released\n")


if __name__ == "__main__":
    main(sys.argv[1:])
