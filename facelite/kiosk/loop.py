"""The kiosk at work: camera -> who is there -> what has happened -> door, log, screen, listeners.

The door's own process is started first and ended last. What is not in the log does not open the door. What may pass again by itself (a camera that
is gone, a gallery that cannot be read, a full disk) puts the kiosk out of service until it has; what may not (an embedder that has become
constant) ends it, for whoever supervises it to start it anew.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import numpy as np

from facelite.bundle import find_bundle, open_bundle
from facelite.errors import BundleError, FaceliteError, InputError, SelfTestError, UnsupportedRate
from facelite.face import Decision, Embedding, Outcome
from facelite.gallery import Gallery, Keyring
from facelite.kiosk.camera import Camera, Frame
from facelite.kiosk.claim import Claim
from facelite.kiosk.codes import ADMINISTRATOR, Codes
from facelite.kiosk.config import EnrolConfig, Kiosk
from facelite.kiosk.desk import NAMING, Desk
from facelite.kiosk.door import Door
from facelite.kiosk.log import Entry, Log
from facelite.kiosk.mqtt import Mqtt
from facelite.kiosk.notify import notify
from facelite.kiosk.room import check_room
from facelite.kiosk.screen import OFFERED, Screen
from facelite.kiosk.signals import Signals
from facelite.kiosk.strangers import Stranger, Strangers
from facelite.kiosk.tell import Teller, post, run
from facelite.kiosk.visits import COUNTED, Event, Kind, State, View, Visits
from facelite.runtime.attempt import Lock
from facelite.runtime.look import Look
from facelite.runtime.tracker import TrackRule
from facelite.runtime.verifier import Verifier
from facelite.runtime.watch import Presence, Watch

PATIENCE = 1.0
"""Seconds that the loop waits for a frame before it looks after door and screen; and between two tries of what has failed."""

STATUS = 5.0
"""Seconds between two lines to systemd."""

NOBODY = "nobody is enrolled yet: facelite enrol"
"""The one fault under which the screen's buttons work: so the first one is enrolled."""

PRUNED = 3600.0
"""Seconds between two looks for entries of the log that are too old."""

SURE = 60.0
"""Seconds without a fault after which what failed is called mended: its next failure is logged again."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Times:
    """Seconds of work of the latest frames: the ``watch`` (detect, align, embed, compare), and the ``rest`` of the loop."""

    watch: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    rest: deque[float] = field(default_factory=lambda: deque(maxlen=1000))


class Loop:
    """A kiosk with all that belongs to it: a context manager. ``step`` is called again and again; ``stop`` ends ``run``."""

    def __init__(self, kiosk: Kiosk, /, *, camera: Callable[[], Camera] | None = None) -> None:
        """Open everything, the door's process first. Raises FaceliteError and OSError where something cannot be used."""
        self.kiosk, self.frames, self.times = kiosk, 0, Times()
        self.view, self.fault = View(State.OUT_OF_SERVICE), "starting"
        self._present: Sequence[Presence] = ()
        self._kept: dict[int, int] = {}  # the stranger's number by the track's
        self._offered: dict[int, Stranger] = {}
        self._stopped, self._due, self._next = False, 0.0, 0.0
        self._told = self._failed = self._pruned = float("-inf")
        with ExitStack() as stack:
            stack.enter_context(closing(Claim(kiosk.log.file)))
            self._door = stack.enter_context(closing(Door(kiosk.door))) if kiosk.door else None
            self._screen = stack.enter_context(closing(Screen(kiosk.screen, enrols=kiosk.enrol is not None))) if kiosk.screen else None
            self._signals = stack.enter_context(closing(Signals(kiosk.signals))) if kiosk.signals else None
            self._mqtt = stack.enter_context(closing(Mqtt(kiosk.mqtt))) if kiosk.mqtt else None
            tells = [("webhook", post(kiosk.webhook))] if kiosk.webhook else []
            tells += [("command", run(kiosk.command))] if kiosk.command else []
            self._tellers = [stack.enter_context(closing(Teller(name, tell))) for name, tell in tells]
            self._log = stack.enter_context(closing(Log(kiosk.log.file, days=kiosk.log.days)))
            self._codes = Codes(kiosk.code.file) if kiosk.code else None
            self._verifier = open_pinned(kiosk)
            keyring = Keyring(kiosk.keyring or None)
            self._gallery = stack.enter_context(
                Gallery(kiosk.gallery, space=self._verifier.manifest.space, create=True, keyring=keyring, indexed=True)
            )
            self._strangers: Strangers | None = None
            if kiosk.strangers:
                with _only_told("no stranger is kept"):
                    self._strangers = stack.enter_context(closing(open_strangers(kiosk, self._verifier)))
                    self._strangers.drop_foreign()
            self._watch = Watch(self._verifier, self._decide, attempts=kiosk.attempt, tracks=TrackRule(smallest=kiosk.camera.smallest))
            self._failure = Decision(Outcome.REJECTED, self._verifier.manifest.threshold())
            unforgiving = replace(kiosk.lock, forgiven=math.inf)  # passers-by type no codes
            lock = self._remembered_lock(Lock(unforgiving if kiosk.code else kiosk.lock), {Kind.REJECTED, Kind.WRONG_CODE}, Kind.ACCEPTED)
            self._desk_lock = self._remembered_lock(Lock(unforgiving), {Kind.NOT_ADMITTED}, Kind.ADMITTED)
            self._visits = Visits(kiosk.visit, lock, kiosk.code.seconds if kiosk.code else None)
            self._desk = Desk(kiosk.enrol or EnrolConfig())
            self._camera = stack.enter_context(closing(camera() if camera else Camera(kiosk.camera)))
            self._open = stack.pop_all()

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def run(self) -> None:
        """Go on until ``stop``, or until a recording ends. Raises SelfTestError once the embedder has become constant or repeats itself."""
        notify("READY=1")
        while not self._stopped and not self._camera.ended:
            self.step()
        notify("STOPPING=1")

    def stop(self) -> None:
        """End ``run`` after the present frame."""
        self._stopped = True

    def step(self) -> None:
        """Wait for a frame, for a moment at most, and do all that it gives to do."""
        frame = self._camera.latest(PATIENCE)
        if self._camera.hung:
            raise FaceliteError("expected frames or an error of the camera, got neither for a minute; the kiosk is to be started anew")
        began, self._present = time.perf_counter(), ()
        seen = 0.0
        try:
            fault = self._fault(frame)
            if frame and not fault:
                self._present = self._seen(frame)
                self.frames, seen = self.frames + 1, time.perf_counter() - began
                self._heard(frame.at)
                self._visited(frame.at)
            elif frame and fault == NOBODY:
                self._heard(frame.at)
            elif self._screen:
                self._screen.said()  # what is pressed while nothing works is not done later
            if fault:
                self._watch.forget()
        except SelfTestError:
            raise
        except (FaceliteError, sqlite3.Error, OSError) as error:
            self._fail(str(error), wait=PATIENCE)
            self._watch.forget()
        self._show(frame)
        if frame and seen:
            self.times.watch.append(seen)
            self.times.rest.append(time.perf_counter() - began - seen)
        self._rest()

    def _fault(self, frame: Frame | None) -> str:
        """Why nobody can be judged now; empty where somebody can."""
        now = time.monotonic()
        if now < self._due:
            return self.fault
        fault = self._door_fault(now) or (frame.fault if frame else self._camera.fault)
        fault = fault or ("" if self._desk.stage or len(self._gallery) else NOBODY)
        if fault:
            self._fail(fault)
        elif frame:
            self.fault = ""
        return fault

    def _door_fault(self, now: float) -> str:
        """What is wrong with the door, whose process is looked after; empty where nothing is."""
        if not self._door:
            return ""
        self._door.check(now)
        return f"the door's relay is {self._door.state}" if self._door.state in ("stuck", "down") else ""

    def _fail(self, fault: str, *, wait: float = 0.0) -> None:
        """Be out of service for the reason ``fault``, and try again after ``wait`` seconds."""
        now = time.monotonic()
        if fault.split(" for ")[0] != self.fault.split(" for ")[0] or now - self._failed > SURE:
            log.warning("out of service: %s", fault)
        self.fault, self._failed, self._due = fault, now, now + wait

    def _seen(self, frame: Frame) -> Sequence[Presence]:
        if self._visits.lock.left(frame.at):
            self._watch.forget()
            return ()
        return self._watch.update(frame.pixels, frame.at)

    def _decide(self, look: Look) -> Decision:
        if not len(self._gallery):  # the first one is being enrolled
            outcome = Outcome.REJECTED if look.embedding else look.outcome or Outcome.NO_FACE
            return Decision(outcome, self._verifier.manifest.threshold(), detail=look.detail)
        try:
            return self._verifier.identify(look, self._gallery, fpir=self.kiosk.fpir)
        except UnsupportedRate:
            check_room(self._verifier, self._gallery, self.kiosk.fpir)  # which says it in the words of a kiosk
            raise

    def _visited(self, at: float) -> None:
        """Judge the visits, and act on what has happened."""
        if self._desk.stage:
            self._desk = self._desk.after(self._present, at)
            self._watch.forget()  # who stands there now has not tried to come in
            if self._desk.complete:
                self._enrol(at)
            return
        visits, events, again = self._visits.after(self._present, at)
        if again:
            self._watch.forget(*again)
        for event in events:
            self._act(event)
        self._visits = visits  # not where something could not be done: then nobody is told that it was
        for event in events:
            self._keep(event)

    def _keep(self, event: Event) -> None:
        """Keep who was not recognised, where that is wanted, until they are: all looks of one track as one stranger."""
        one = next((one for one in self._present if one.track.number == event.track), None)
        if self._strangers and event.kind is Kind.ACCEPTED:
            with _only_told("who is no stranger could not be discarded"):
                self._strangers.discard(*[self._kept.pop(event.track)] if event.track in self._kept else [])
                self._strangers.discard(*self._alike(one.look.embedding, event.threshold) if one and one.look.embedding else [])
        if not self._strangers or event.kind not in (Kind.REJECTED, Kind.STILL_REJECTED) or not one or not one.look.embedding:
            return
        with _only_told("a stranger could not be kept"):
            number = self._strangers.keep(one.look, time.time(), number=self._kept.get(one.track.number))
            self._kept = dict([*self._kept.items(), (one.track.number, number)][-COUNTED:])

    def _alike(self, embedding: Embedding, limit: float) -> list[int]:
        """The numbers of the strangers of whom a look lies within ``limit`` of ``embedding``."""
        kept = self._strangers.all(time.time()) if self._strangers else {}
        distance = self._verifier.bundle.distance
        return [
            number
            for number, stranger in kept.items()
            if distance.table(embedding.vector[None], np.stack([one.vector for one in stranger.embeddings])).min() <= limit
        ]

    def _heard(self, at: float) -> None:
        """Take up what was typed and pressed at the screen."""
        for said in self._screen.said() if self._screen else ():
            waiting = self._visits.waiting
            if said.word == "code" and waiting and self._codes:
                visits, events = self._visits.typed(self._codes.right(waiting, said.text), at)
                for event in events:
                    self._act(event)
                self._visits = visits
                for event in events:
                    self._keep(event)
            elif said.word == "code" and self._desk.stage is State.ADMINISTRATOR:
                self._admit(said.text, at)
            elif said.word == "enrol" and self.kiosk.enrol and not waiting and not self._desk_lock.left(at) and not self._visits.lock.left(at):
                self._desk = self._desk.opened(at)
            elif said.word == "name":
                self._desk = self._desk.named(said.text, at)
            elif said.word == "stranger":
                self._choose(said.text, at)
            elif said.word == "discard" and self._strangers and self._desk.stage is State.STRANGER and self._desk.stranger:
                with _only_told("a stranger could not be discarded"):
                    self._strangers.discard(self._desk.stranger)
                self._desk = self._desk.chosen(None, (), at)
            elif said.word == "cancel":
                self._desk = self._desk.closed()
            self._offered = self._offer()

    def _choose(self, text: str, at: float) -> None:
        """Take up the stranger of the number that ``text`` is, nobody where it is empty."""
        if not text:
            self._desk = self._desk.chosen(None, (), at)
        elif text.isdecimal() and (stranger := self._offered.get(int(text))):
            self._desk = self._desk.chosen(int(text), stranger.looks, at)

    def _offer(self) -> dict[int, Stranger]:
        """Who can be named now."""
        if self._strangers and self._desk.stage in NAMING:
            with _only_told("the strangers cannot be shown"):
                return self._strangers.all(time.time(), latest=OFFERED)
        return {}

    def _admit(self, code: str, at: float) -> None:
        """Let the administrator go on, or count a wrong code, which no face makes good."""
        right = bool(self.kiosk.enrol and Codes(self.kiosk.enrol.file).right(ADMINISTRATOR, code))
        self._desk = self._desk.admitted(right, at)
        self._desk_lock = Lock(self._desk_lock.rule) if right else self._desk_lock.after(self._failure, at)
        self._act(Event(Kind.ADMITTED if right else Kind.NOT_ADMITTED, None, None, self._failure.threshold.distance))

    def _enrol(self, at: float) -> None:
        """Enrol who stands there, or the stranger, and tell how it has ended."""
        subject, stranger = self._desk.subject, self._desk.stranger
        if self._strangers and stranger and stranger not in self._strangers.all(time.time()):  # discarded by somebody else meanwhile
            self._desk = self._desk.ended(State.NOT_ENROLLED, at)
            return
        how = self._enrolled(subject, self._desk.looks)
        self._desk = self._desk.ended(how, at)
        if self._strangers and stranger and how is State.ENROLLED:
            with _only_told("a stranger could not be discarded"):
                self._strangers.discard(stranger)
        kind = Kind.ENROLLED if how is State.ENROLLED else Kind.NOT_ENROLLED
        self._act(Event(kind, subject, None, self._verifier.manifest.threshold().distance))

    def _enrolled(self, subject: str, looks: Sequence[Look]) -> State:
        """Enrol ``subject``, unless there is a doubt, or no room for so many templates at this ``fpir``: how it has ended."""
        try:
            check_room(self._verifier, self._gallery, self.kiosk.fpir, subject=subject, more=len(looks))
        except UnsupportedRate as error:
            log.warning("%s is not enrolled: %s", subject, error)
            return State.NO_ROOM
        doubts = self._verifier.enrol(subject, looks, self._gallery).doubts
        for doubt in doubts.values():
            log.warning("%s is not enrolled: %s", subject, doubt)
        return State.NOT_ENROLLED if doubts else State.ENROLLED

    def _act(self, event: Event) -> None:
        """Log first: what cannot be kept raises, and opens nothing."""
        now = time.time()
        self._log.add(event, now)
        log.info("%s%s", event.kind, f" {event.subject}" if event.subject else "")
        if event.kind is Kind.ACCEPTED and self._door and not self._door.open():
            raise FaceliteError(f"the door could not be opened: its relay is {self._door.state}")
        if self._signals:
            self._signals.event(event.kind)
        told = told_event(Entry(now, event))
        if self._mqtt:
            self._mqtt.event(told)
        for teller in self._tellers:
            teller.put(told)

    def _show(self, frame: Frame | None) -> None:
        """Show how things are."""
        now = time.monotonic()
        self.view = View(State.OUT_OF_SERVICE) if self.fault else self._view(frame.at if frame else now)
        if self._screen:
            self._offered = self._offered if self._desk.stage in NAMING else {}
            desk = (self._offered if self.view.state in NAMING else {}, self._desk.stranger) if self._desk.open and not self.fault else None
            self._screen.show(self.view, self._present, frame.pixels if frame else None, fault=self.fault, desk=desk)
        if self._signals:
            self._signals.state(self.view.state)
        if self._mqtt:
            self._mqtt.state(self.view.state)
        notify("WATCHDOG=1")
        if now - self._pruned >= PRUNED:
            self._pruned = now
            with _only_told("what is too old could not be removed"):
                self._log.prune(time.time())
                if self._strangers:
                    self._strangers.prune(time.time())
        if now - self._told >= STATUS:
            self._told = now
            notify(f"STATUS={self.view.state}{': ' + self.fault if self.fault else ''}")

    def _view(self, at: float) -> View:
        if self._desk.stage and not self._visits.lock.left(at):
            return self._desk.view(self._present, at)
        return self._visits.view(self._present, at)

    def _rest(self) -> None:
        """Leave the processor alone until the next frame is due."""
        now = time.monotonic()
        self._next = max(self._next + 1 / self.kiosk.camera.rate, now)
        time.sleep(max(0.0, self._next - now))

    def _remembered_lock(self, lock: Lock, failures: set[Kind], success: Kind) -> Lock:
        """The new ``lock`` as the log's latest entries leave it: a kiosk that is switched off and on again is locked as it was."""
        shift = time.monotonic() - time.time()
        for entry in self._log.entries(1000):
            if entry.event.kind is success:
                lock = Lock(lock.rule)
            elif entry.event.kind in failures:
                lock = lock.after(self._failure, min(entry.at, time.time()) + shift)
        return lock


def open_pinned(kiosk: Kiosk, /) -> Verifier:
    """The bundle of ``kiosk``, self-tested. Raises BundleError where it is not the one whose digest the config pins."""
    path = find_bundle(kiosk.bundle or None)
    bundle = open_bundle(path)
    if kiosk.digest and bundle.digest != kiosk.digest:
        raise BundleError(f"{path}: expected the pinned sha256 {kiosk.digest[:12]}..., got {bundle.digest[:12]}...; put it there, or pin this")
    return Verifier(bundle, threads=kiosk.threads)


def open_strangers(kiosk: Kiosk, verifier: Verifier, /) -> Strangers:
    """Whom ``kiosk`` keeps without a name. Raises InputError where it keeps nobody, or its file cannot be used."""
    if not kiosk.strangers:
        raise InputError("expected a table [strangers] in the config, found none; add one, and who is not recognised is kept for a while")
    keyring = Keyring(kiosk.keyring or None)
    return Strangers(kiosk.strangers, space=verifier.manifest.space, artefact=verifier.bundle.artefact, keyring=keyring)


@contextmanager
def _only_told(what: str) -> Iterator[None]:
    """What fails inside is logged, and keeps nobody out."""
    try:
        yield
    except (FaceliteError, sqlite3.Error, OSError) as error:
        log.warning("%s: %s", what, error)


def told_event(entry: Entry, /) -> dict[str, Any]:
    """``entry`` for those who are told: kind, subject, distance, threshold, and the time in UTC."""
    event = entry.event
    return {
        "kind": event.kind.value,
        "subject": event.subject,
        "distance": event.distance,
        "threshold": event.threshold,
        "time": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds"),
    }
