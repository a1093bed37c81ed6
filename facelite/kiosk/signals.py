"""LEDs and a buzzer in place of a screen (gpiozero): green for who is welcome, red for who is not; sounds differ in their number."""

from __future__ import annotations

from facelite.kiosk.config import SignalsConfig
from facelite.kiosk.gpio import gpio
from facelite.kiosk.visits import Kind, State

BEEPS = {Kind.ACCEPTED: 1, Kind.ADMITTED: 1, Kind.ENROLLED: 1, Kind.LOCKED: 4}
"""Sounds for an event; two for any other."""


class Signals:
    """Green is on while somebody is welcome, red while the kiosk is locked; red blinks where it is out of service."""

    def __init__(self, config: SignalsConfig, /) -> None:
        """Raises FaceliteError where the pins cannot be used."""
        with gpio() as library:
            kinds = ((library.LED, config.green), (library.LED, config.red), (library.Buzzer, config.buzzer))
            self._green, self._red, self._buzzer = (kind(pin) if pin is not None else None for kind, pin in kinds)
        self._state: State | None = None

    def state(self, state: State, /) -> None:
        if state is self._state:
            return
        self._state = state
        if self._green:
            (self._green.on if state is State.WELCOME else self._green.off)()
        if self._red and state is State.OUT_OF_SERVICE:
            self._red.blink(on_time=0.1, off_time=1.9)
        elif self._red:
            (self._red.on if state in (State.LOCKED, State.REJECTED, State.WRONG_CODE) else self._red.off)()

    def event(self, kind: Kind, /) -> None:
        if self._buzzer:
            self._buzzer.beep(on_time=0.1, off_time=0.1, n=BEEPS.get(kind, 2))

    def close(self) -> None:
        for device in (self._green, self._red, self._buzzer):
            if device:
                device.close()
