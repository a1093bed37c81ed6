"""Everything that a kiosk's config names, tried: what works, what does not, and what to do about it. The door stays locked.

Nothing of it is secret: a camera's address is told without its password, and the home folder as "~".
"""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from facelite.errors import FaceliteError
from facelite.gallery import Gallery, Keyring
from facelite.kiosk.camera import Camera, without_secrets
from facelite.kiosk.claim import claimed
from facelite.kiosk.codes import ADMINISTRATOR, Codes
from facelite.kiosk.config import Kiosk
from facelite.kiosk.door import release_relay
from facelite.kiosk.log import Log
from facelite.kiosk.loop import open_pinned, open_strangers
from facelite.kiosk.mqtt import Mqtt
from facelite.kiosk.room import check_room
from facelite.kiosk.screen import Screen
from facelite.kiosk.signals import Signals
from facelite.runtime.doctor import Check, State, one_line

PERSIST = ("/sys/module", "pinctrl_*/parameters/persist_gpio_outputs")
"""Where a Pi's kernel says whether a pin keeps its level when no process has it any more (raspberrypi/linux#6117, #6150)."""

PATIENCE = 10.0
"""Seconds that a camera or a broker may take."""


def check_kiosk(kiosk: Kiosk, /) -> Iterator[Check]:
    """Try what ``kiosk`` names, one after another. Of one that is at work only what it tells, and what two may open at once."""
    at_work = claimed(kiosk.log.file)
    looks: list[tuple[str, bool, Callable[[Kiosk], str]]] = [
        ("kiosk", True, _told if at_work else lambda kiosk: "not at work"),
        ("bundle", True, _bundle),
        ("gallery", True, _gallery),
        ("camera", not at_work, _camera),
        ("door", not at_work and kiosk.door is not None, _door),
        ("signals", not at_work and kiosk.signals is not None, _signals),
        ("screen", not at_work and kiosk.screen is not None, _screen),
        ("codes", kiosk.code is not None, _codes),
        ("administrator", kiosk.enrol is not None, _administrator),
        ("strangers", kiosk.strangers is not None, _strangers),
        ("mqtt", not at_work and kiosk.mqtt is not None, _mqtt),
        ("webhook", kiosk.webhook is not None, _webhook),
        ("command", kiosk.command is not None, _command),
        ("log", True, _log),
    ]
    for name, wanted, look in looks:
        if not wanted:
            continue
        try:
            found, _, remedy = look(kiosk).partition(" -> ")
            state = State.NOTE if remedy else State.OK
        except Exception as error:  # noqa: BLE001 - what is broken is what is to be told
            expected = isinstance(error, FaceliteError)
            found, _, remedy = (str(error) if expected else f"{type(error).__name__}: {error}").rpartition("; ")
            found, remedy, state = found or remedy, remedy if found else "see to what it names", State.FAIL
        yield Check(name, state, one_line(without_secrets(found)), one_line(without_secrets(remedy)))


def _told(kiosk: Kiosk) -> str:
    """What a kiosk at work shows."""
    if not kiosk.screen:
        return "at work"
    with closing(http.client.HTTPConnection("127.0.0.1", kiosk.screen.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/events")
        shown = json.loads(connection.getresponse().readline().decode().removeprefix("data: "))
    return f"at work, says: {shown['state']}" + (f" ({shown['fault']})" if shown["fault"] else "")


def _bundle(kiosk: Kiosk) -> str:
    bundle = open_pinned(kiosk).bundle
    found = f"{bundle.manifest.name}, self-test passed, sha256 {bundle.digest}"
    return found if kiosk.digest else f'{found} -> pin it, so that no other is ever used: digest = "{bundle.digest}"'


def _gallery(kiosk: Kiosk) -> str:
    verifier = open_pinned(kiosk)
    if not Path(kiosk.gallery).exists():
        return f"{kiosk.gallery}: none yet -> facelite enrol --gallery {kiosk.gallery} NAME PICTURE..."
    with Gallery(kiosk.gallery, space=verifier.manifest.space, keyring=Keyring(kiosk.keyring or None)) as gallery:
        found = f"{len(gallery.subjects)} subject(s), {len(gallery)} template(s)"
        if not len(gallery):
            return f"{found} -> facelite enrol --gallery {kiosk.gallery} NAME PICTURE..."
        check_room(verifier, gallery, kiosk.fpir)
        threshold = verifier.threshold_for_gallery(gallery, fpir=kiosk.fpir)
    return f"{found}; a stranger is taken for somebody at a rate of at most {kiosk.fpir:g}: threshold {threshold.distance:.3f}"


def _camera(kiosk: Kiosk) -> str:
    began = time.monotonic()
    with closing(Camera(kiosk.camera)) as camera:
        while time.monotonic() - began < PATIENCE:
            if frame := camera.latest(0.5):
                height, width = frame.pixels.shape[:2]
                found = f"{kiosk.camera.source}: {width} x {height}, the first frame after {time.monotonic() - began:.1f} s"
                dark = frame.pixels.mean() < 20
                return f"{found}, very dark -> more light, or take the cap off" if dark else found
        raise FaceliteError(f"{kiosk.camera.source}: expected a frame within {PATIENCE:g} s, got none ({camera.fault}); see to its cable")


def _door(kiosk: Kiosk) -> str:
    if not kiosk.door:
        raise ValueError("expected a door, got none")
    if (told := release_relay(kiosk.door)) != "released":
        raise FaceliteError(
            f"GPIO {kiosk.door.pin}: expected a relay that is released, got {told or 'a process that ends, as it says above'}; "
            "sudo apt install python3-lgpio, and let the user be of the group gpio"
        )
    found = f"GPIO {kiosk.door.pin}, released; {kiosk.door.seconds:g} s for a visit, never longer than {kiosk.door.longest:g} s"
    if any(file.read_text().strip() == "Y" for file in Path(PERSIST[0]).glob(PERSIST[1])):
        return f"{found} -> let the kernel release it too, whoever is killed: dtparam=strict_gpiod in /boot/firmware/config.txt, then restart"
    return found


def _signals(kiosk: Kiosk) -> str:
    if not kiosk.signals:
        raise ValueError("expected signals, got none")
    Signals(kiosk.signals).close()
    return ", ".join(f"{name} {pin}" for name in ("green", "red", "buzzer") if (pin := getattr(kiosk.signals, name)) is not None) or "none"


def _screen(kiosk: Kiosk) -> str:
    if not kiosk.screen:
        raise ValueError("expected a screen, got none")
    with closing(Screen(kiosk.screen)) as screen:
        return f"http://127.0.0.1:{screen.port}, in {', '.join(kiosk.screen.languages)}"


def _codes(kiosk: Kiosk) -> str:
    if not kiosk.code:
        raise ValueError("expected codes, got none")
    codes, missing = Codes(kiosk.code.file), []
    if Path(kiosk.gallery).exists():
        with Gallery(kiosk.gallery, keyring=Keyring(kiosk.keyring or None)) as gallery:
            missing = [subject for subject in gallery.subjects if not codes.has(subject)]
    return f"{len(missing)} subject(s) have none -> facelite kiosk CONFIG --set-code NAME" if missing else "everybody enrolled has one"


def _administrator(kiosk: Kiosk) -> str:
    if not kiosk.enrol:
        raise ValueError("expected enrolment at the kiosk, got none")
    return "a code is set" if Codes(kiosk.enrol.file).has(ADMINISTRATOR) else "none, so nobody can enrol -> facelite kiosk CONFIG --set-administrator"


def _strangers(kiosk: Kiosk) -> str:
    if not kiosk.strangers:
        raise ValueError("expected strangers to be kept, got none")
    with closing(open_strangers(kiosk, open_pinned(kiosk))) as strangers:
        kept = len(strangers.all(time.time()))
    return f"{kept} kept, for {kiosk.strangers.hours:g} hours -> have people been told? see the page on privacy"


def _mqtt(kiosk: Kiosk) -> str:
    if not kiosk.mqtt:
        raise ValueError("expected a broker, got none")
    began, where = time.monotonic(), f"{kiosk.mqtt.host}:{kiosk.mqtt.port}"
    with closing(Mqtt(kiosk.mqtt)) as client:
        while not client.connected:
            if time.monotonic() - began > PATIENCE:
                raise FaceliteError(f"{where}: expected a broker that lets us in, found none in {PATIENCE:g} s; see to address and password")
            time.sleep(0.05)
    return where


def _webhook(kiosk: Kiosk) -> str:
    if not kiosk.webhook:
        raise ValueError("expected a webhook, got none")
    parts = urllib.parse.urlsplit(kiosk.webhook.url)
    with socket.create_connection((parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)), timeout=kiosk.webhook.seconds):
        return f"{parts.hostname} can be reached; nothing was sent"


def _command(kiosk: Kiosk) -> str:
    if not kiosk.command or not shutil.which(kiosk.command.run[0]):
        raise FaceliteError(f"{kiosk.command and kiosk.command.run[0]}: expected a program that can be run, found none; give its full path")
    return f"{shutil.which(kiosk.command.run[0])}; it was not run"


def _log(kiosk: Kiosk) -> str:
    with closing(Log(kiosk.log.file, days=kiosk.log.days)) as log:
        latest = log.entries(1)
    return f"{kiosk.log.file}, kept for {kiosk.log.days:g} days" + (f", the last entry: {latest[0].event.kind}" if latest else ", empty")
