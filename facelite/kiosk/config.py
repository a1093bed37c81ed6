"""What one kiosk is: a TOML file, of which everything but the gallery may be left out. ``devices/raspberry_pi/kiosk.toml`` explains each key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from facelite.kiosk.texts import LANGUAGES
from facelite.recipe import read_recipe
from facelite.runtime.attempt import AttemptRule, LockRule

FPIR = 0.003
"""How often a stranger may be taken for somebody of the gallery, where the config says nothing: NIST's FRTE gives it for the access to a building."""

PINS = range(28)
"""The GPIO numbers of a Pi's 40-pin header."""


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """``source``: picamera2, a V4L2 camera (0, /dev/video0), an rtsp:// or http:// address, a video file or a folder of pictures.

    ``rate``: frames a second that are looked at, at most. ``smallest``: share of the picture's shorter side below which a face is too far away
    to be searched for; 0.12 of 720 pixels is a face two metres before a common camera, and a search for smaller ones takes many times as long.
    ``turn``: how far the camera is mounted turned, in degrees, clockwise. ``frozen``: seconds
    of one and the same picture, ``blind``: seconds of a picture with nothing in it, after which a camera counts as broken.
    """

    source: str = "picamera2"
    width: int = 1280
    height: int = 720
    rate: float = 10.0
    smallest: float = 0.12
    turn: Literal[0, 90, 180, 270] = 0
    frozen: float = 5.0
    blind: float = 60.0

    def __post_init__(self) -> None:
        if not (self.source and 96 <= self.width <= 4096 and 96 <= self.height <= 4096):
            raise ValueError(f"expected a source and width and height of 96 to 4096, got {self.source!r}, {self.width} x {self.height}")
        if not (0.5 <= self.rate <= 60 and 0 <= self.smallest < 1 and self.frozen >= 1 and self.blind >= 1):
            raise ValueError(f"expected rate 0.5 to 60, smallest 0 to 1, frozen and blind of 1 or more, got {self}")


@dataclass(frozen=True, slots=True)
class VisitRule:
    """``alone``: nobody is let in while a second face is near. A result is shown for ``shown`` seconds; who stays may try again after ``again``."""

    alone: bool = True
    shown: float = 4.0
    again: float = 8.0

    def __post_init__(self) -> None:
        if not (self.shown > 0 and self.again >= self.shown):
            raise ValueError(f"expected shown > 0 and again >= shown, got {self.shown} and {self.again}")


@dataclass(frozen=True, slots=True)
class DoorConfig:
    """A relay on a GPIO ``pin`` that unlocks while it is energised: for ``seconds``, and never longer than ``longest`` without a pause."""

    pin: int
    active_high: bool = True
    seconds: float = 5.0
    longest: float = 15.0

    def __post_init__(self) -> None:
        if self.pin not in PINS or not 0 < self.seconds <= self.longest <= 300:
            raise ValueError(f"expected a GPIO number of 0 to 27 and 0 < seconds <= longest <= 300, got {self}")


@dataclass(frozen=True, slots=True)
class SignalsConfig:
    """LEDs and a buzzer on GPIO pins, for a kiosk without a screen."""

    green: int | None = None
    red: int | None = None
    buzzer: int | None = None

    def __post_init__(self) -> None:
        used = [pin for pin in (self.green, self.red, self.buzzer) if pin is not None]
        if len(set(used)) < len(used) or not all(pin in PINS for pin in used):
            raise ValueError(f"expected different GPIO numbers of 0 to 27, got {used}")


@dataclass(frozen=True, slots=True)
class ScreenConfig:
    """A page at http://127.0.0.1:``port``; ``picture``: whether it shows the live picture. The first of the ``languages`` is shown at start."""

    port: int = 8321
    languages: tuple[str, ...] = ("en",)
    picture: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.port < 65536:
            raise ValueError(f"expected a port of 0 to 65535, got {self.port}")
        if not self.languages or (foreign := set(self.languages) - set(LANGUAGES)):
            raise ValueError(f"expected languages out of {', '.join(LANGUAGES)}, got {', '.join(sorted(foreign)) if self.languages else 'none'}")


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """A broker, and the ``topic`` under which state and events are told. ``password_file`` holds the password on its first line."""

    host: str
    port: int = 1883
    user: str = ""
    password_file: str = ""
    tls: bool = False
    topic: str = "facelite/door"
    discovery: str = "homeassistant"
    names: bool = True

    def __post_init__(self) -> None:
        if not self.host or not 0 < self.port < 65536:
            raise ValueError(f"expected a host and a port of 1 to 65535, got {self.host!r} and {self.port}")
        if not re.fullmatch(r"[\w-]+(/[\w-]+)*", self.topic) or not re.fullmatch(r"[\w-]*", self.discovery):
            raise ValueError(f"expected topics of letters, digits, _ and -, got {self.topic!r} and {self.discovery!r}")


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """An address that gets each event as JSON by POST, in ``seconds`` at most."""

    url: str
    seconds: float = 5.0

    def __post_init__(self) -> None:
        if not re.match(r"https?://[^/]", self.url) or not 0 < self.seconds <= 60:
            raise ValueError(f"expected an address http:// or https:// and 0 < seconds <= 60, got {self.url!r} and {self.seconds}")


@dataclass(frozen=True, slots=True)
class CommandConfig:
    """A program with its arguments that gets each event as JSON on standard input; ended after ``seconds``. No shell is between."""

    run: tuple[str, ...]
    seconds: float = 10.0

    def __post_init__(self) -> None:
        if not self.run or not 0 < self.seconds <= 60:
            raise ValueError(f"expected a program to run and 0 < seconds <= 60, got {list(self.run)} and {self.seconds}")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Who, when and how near, in the SQLite file ``file``, kept for ``days``."""

    file: str = "kiosk-log.db"
    days: float = 30.0

    def __post_init__(self) -> None:
        if not self.file or not 0 < self.days <= 36500:
            raise ValueError(f"expected a file and 0 < days <= 36500, got {self.file!r} and {self.days}")


@dataclass(frozen=True, slots=True)
class CodeConfig:
    """A second factor: within ``seconds`` of the face a code must be typed, or read by a card reader that types it. ``file`` keeps them hashed."""

    file: str = "codes.json"
    seconds: float = 20.0

    def __post_init__(self) -> None:
        if not self.file or not 1 <= self.seconds <= 300:
            raise ValueError(f"expected a file and 1 <= seconds <= 300, got {self.file!r} and {self.seconds}")


@dataclass(frozen=True, slots=True)
class EnrolConfig:
    """Enrolment at the kiosk by whoever knows the administrator's code, whose hash ``file`` keeps: so many ``pictures``, each step in ``seconds``."""

    file: str = "administrator.json"
    pictures: int = 5
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if not self.file or not 1 <= self.pictures <= 8 or not 10 <= self.seconds <= 600:
            raise ValueError(f"expected a file, 1 to 8 pictures and 10 to 600 seconds, got {self.file!r}, {self.pictures} and {self.seconds}")


@dataclass(frozen=True, slots=True)
class StrangersConfig:
    """Up to ``most`` people who were not recognised, kept encrypted in ``file`` for ``hours``, to be named or discarded."""

    file: str = "strangers.db"
    hours: float = 24.0
    most: int = 50

    def __post_init__(self) -> None:
        if not self.file or not 0 < self.hours <= 720 or not 1 <= self.most <= 1000:
            raise ValueError(f"expected a file, 0 < hours <= 720 and 1 to 1000 people, got {self.file!r}, {self.hours} and {self.most}")


@dataclass(frozen=True, slots=True)
class Kiosk:
    """The whole. ``digest``: sha256 of the only bundle file that is trusted. ``fpir``: how often a stranger may be taken for somebody."""

    gallery: str
    bundle: str = ""
    digest: str = ""
    keyring: str = ""
    fpir: float = FPIR
    threads: int = 1
    camera: CameraConfig = field(default_factory=CameraConfig)
    attempt: AttemptRule = field(default_factory=AttemptRule)
    lock: LockRule = field(default_factory=LockRule)
    visit: VisitRule = field(default_factory=VisitRule)
    log: LogConfig = field(default_factory=LogConfig)
    screen: ScreenConfig | None = None
    door: DoorConfig | None = None
    signals: SignalsConfig | None = None
    code: CodeConfig | None = None
    enrol: EnrolConfig | None = None
    strangers: StrangersConfig | None = None
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None
    command: CommandConfig | None = None

    def __post_init__(self) -> None:
        if not self.gallery or not 0 < self.fpir < 1 or not 1 <= self.threads <= 64:
            raise ValueError(f"expected a gallery, 0 < fpir < 1 and 1 to 64 threads, got {self.gallery!r}, {self.fpir} and {self.threads}")
        if self.digest and not re.fullmatch("[0-9a-f]{64}", self.digest):
            raise ValueError(f"expected the digest as 64 hexadecimal digits, got {self.digest!r}; see: facelite inspect BUNDLE")
        if self.enrol and not self.screen:
            raise ValueError("expected a screen for enrolment at the kiosk, got none; add the table [screen], or enrol by facelite enrol")
        if self.door and self.signals and self.door.pin in (self.signals.green, self.signals.red, self.signals.buzzer):
            raise ValueError(f"expected the door and the signals on different pins, got {self.door.pin} for both")


def read_config(path: str | Path, /) -> Kiosk:
    """The kiosk of the file ``path``; its files are meant from the folder of that one. Raises RecipeError."""
    kiosk, folder = read_recipe(path, Kiosk), Path(path).absolute().parent

    def there(name: str) -> str:
        return str(folder / name) if name else ""

    return replace(
        kiosk,
        gallery=there(kiosk.gallery),
        bundle=there(kiosk.bundle),
        keyring=there(kiosk.keyring),
        camera=replace(kiosk.camera, source=_source(kiosk.camera.source, folder)),
        log=replace(kiosk.log, file=there(kiosk.log.file)),
        enrol=kiosk.enrol and replace(kiosk.enrol, file=there(kiosk.enrol.file)),
        strangers=kiosk.strangers and replace(kiosk.strangers, file=there(kiosk.strangers.file)),
        code=kiosk.code and replace(kiosk.code, file=there(kiosk.code.file)),
        mqtt=kiosk.mqtt and replace(kiosk.mqtt, password_file=there(kiosk.mqtt.password_file)),
    )


def _source(source: str, folder: Path) -> str:
    """A file or folder of frames from ``folder``; a camera as it is."""
    plain = source == "picamera2" or source.isdecimal() or "://" in source
    return source if plain else str(folder / source)
