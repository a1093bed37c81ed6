"""The kiosk's screen: a page on loopback, its events, the live picture, and the codes that are typed there.

Only a browser on this machine that has opened the page itself is answered: other hosts cannot connect, other names of this host (DNS rebinding) and
other origins are refused, and nothing may frame the page. No picture is stored.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import cv2
import numpy as np

from facelite.face import Pixels
from facelite.kiosk.config import ScreenConfig
from facelite.kiosk.strangers import Stranger
from facelite.kiosk.texts import TEXTS
from facelite.kiosk.visits import View
from facelite.runtime.watch import Presence

PAGES = {"/": ("index.html", "text/html"), "/screen.css": ("screen.css", "text/css"), "/screen.js": ("screen.js", "text/javascript")}

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

ALIVE = 1.0
"""Seconds after which an event is sent again: the page says "out of service" where none comes for five times as long."""

HANGING = 5.0
"""Seconds without a word of the kiosk's loop after which nothing that it has said is shown any more."""

HUNG: dict[str, Any] = {"state": "out of service", "subject": None, "boxes": [], "desk": False, "strangers": [], "fault": "its loop hangs"}

WIDTH = 640
"""Of the live picture, in pixels."""

LISTENERS = 8
"""Open events and live pictures, at most."""

OFFERED = 6
"""Strangers that are shown to the administrator, the latest."""

LONGEST_BODY = 1000

NOTHING: Pixels = np.zeros((9, 16, 3), np.uint8)
"""In place of a live picture."""

log = logging.getLogger(__name__)


WORDS = frozenset({"code", "enrol", "name", "stranger", "discard", "cancel"})
"""What the page can say."""


@dataclass(frozen=True, slots=True)
class Said:
    """A ``word`` of WORDS, and the ``text`` of a code, a name or a stranger's number, else nothing. Raises ValueError for anything else."""

    word: str
    text: str = ""

    def __post_init__(self) -> None:
        if self.word not in WORDS or not isinstance(self.text, str):
            raise ValueError(f"expected one of {', '.join(sorted(WORDS))} and a text, got {self.word!r}")


class Screen:
    """Serves the page from the constructor to ``close``; ``port`` is where."""

    def __init__(self, config: ScreenConfig, /, *, enrols: bool = False) -> None:
        """``enrols``: with the button that opens the enrolment. Raises OSError where the port is taken."""
        self.config, self.enrols = config, enrols
        self._changed = threading.Condition()
        self._shown: dict[str, Any] = {"state": "out of service", "subject": None, "seconds": None, "boxes": [], "fault": "starting"}
        self._strangers: Mapping[int, Stranger] = {}
        self._frame: Pixels | None = None
        self._at = time.monotonic()
        self._version, self._said = 0, list[Said]()
        self.listeners = threading.BoundedSemaphore(LISTENERS)
        self.open = True
        self._server = ThreadingHTTPServer(("127.0.0.1", config.port), _handler(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="screen", daemon=True).start()

    def show(
        self,
        view: View,
        present: Sequence[Presence],
        frame: Pixels | None,
        /,
        *,
        fault: str = "",
        desk: tuple[Mapping[int, Stranger], int | None] | None = None,
    ) -> None:
        """Show ``view``, and of ``frame`` (h, w, 3) the picture with the faces of ``present``; ``fault``: why it is out of service.

        ``desk``, while the administrator's is open: the strangers by number whom nobody else may see, the latest first, and who of them is chosen.
        """
        height, width = frame.shape[:2] if frame is not None else (1, 1)
        boxes = [[round(float(side) / scale, 4) for side, scale in zip(one.track.face.box, (width, height) * 2, strict=True)] for one in present]
        offered, chosen = desk or ({}, None)
        strangers = dict(list(offered.items())[:OFFERED])
        named = [{"number": number, "time": f"{datetime.fromtimestamp(one.at):%H:%M}"} for number, one in strangers.items()]
        with self._changed:
            self._shown = {**asdict(view), "boxes": boxes, "fault": fault, "desk": desk is not None, "strangers": named, "stranger": chosen}
            self._strangers = strangers
            self._frame = frame if self.config.picture else None
            self._version, self._at = self._version + 1, time.monotonic()
            self._changed.notify_all()

    def said(self) -> list[Said]:
        """What was typed and pressed since the last call."""
        with self._changed:
            said, self._said = self._said, []
            return said

    def say(self, said: Said, /) -> None:
        """As the page does it."""
        with self._changed:
            self._said = [*self._said[-3:], said]  # nobody types faster than it is taken

    def next(self, version: int, /) -> tuple[int, dict[str, Any], Pixels | None]:
        """What is shown, as soon as that is another than ``version``, or after a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version or not self.open, ALIVE)
            if time.monotonic() - self._at > HANGING:
                return self._version, self._shown | HUNG, None
            return self._version, self._shown, self._frame

    def portrait(self, number: str, /) -> bytes | None:
        """The JPEG of a stranger who is shown now."""
        with self._changed:
            stranger = self._strangers.get(int(number)) if number.isdecimal() else None
            return stranger.picture if stranger else None

    def close(self) -> None:
        with self._changed:
            self.open = False
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()


def _handler(screen: Screen) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # a client that says nothing more

        def do_GET(self) -> None:
            if not self._welcome():
                return
            path = self.path.partition("?")[0]
            if path in PAGES:
                name, kind = PAGES[path]
                self._send(files("facelite.kiosk").joinpath("page", name).read_bytes(), f"{kind}; charset=utf-8")
            elif path == "/texts.json":
                texts = {language: TEXTS[language] for language in screen.config.languages}
                given = {"texts": texts, "picture": screen.config.picture, "enrol": screen.enrols}
                self._send(json.dumps(given).encode(), "application/json")
            elif (portrait := screen.portrait(path.removeprefix("/stranger/"))) is not None:
                self._send(portrait, "image/jpeg")
            elif path in ("/events", "/live"):
                self._stream(live=path == "/live")
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def do_POST(self) -> None:
            if not self._welcome(changes=True):
                return
            length = self.headers.get("Content-Length", "")
            if self.path != "/say" or not length.isdecimal() or int(length) > LONGEST_BODY:
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            try:
                given = json.loads(self.rfile.read(int(length)))
                said = Said(given["word"], given["text"])
            except (ValueError, KeyError, TypeError, RecursionError):
                self.send_error(HTTPStatus.BAD_REQUEST)
                return
            screen.say(said)
            self._send(b"{}", "application/json")

        def _welcome(self, *, changes: bool = False) -> bool:
            """Whether the request is of our own page, by the name that it was asked at, and by what the browser says of the page that asks."""
            hosts = {f"{name}:{screen.port}" for name in ("127.0.0.1", "localhost")}
            origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
            ours = origin in {f"http://{host}" for host in hosts} or (origin is None and not changes)
            if self.headers.get("Host") in hosts and ours and site in ("same-origin", "none"):
                return True
            self.send_error(HTTPStatus.FORBIDDEN)
            return False

        def _stream(self, *, live: bool) -> None:
            if not screen.listeners.acquire(blocking=False):
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
                return
            try:
                self._begin("multipart/x-mixed-replace; boundary=frame" if live else "text/event-stream")
                version = -1
                while screen.open:
                    version, shown, frame = screen.next(version)
                    self.wfile.write(_part(frame) if live else f"data: {json.dumps(shown)}\n\n".encode())
                    if live:
                        time.sleep(0.05)
            except OSError:  # the browser has gone
                pass
            finally:
                screen.listeners.release()

        def _send(self, body: bytes, kind: str) -> None:
            self._begin(kind, length=len(body))
            self.wfile.write(body)

        def _begin(self, kind: str, *, length: int | None = None) -> None:
            self.send_response(HTTPStatus.OK)
            for name, value in {"Content-Type": kind, **HEADERS}.items():
                self.send_header(name, value)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            log.debug(format, *arguments)

    return Handler


def _part(frame: Pixels | None) -> bytes:
    """One picture of the live stream; a black one where there is none."""
    frame = NOTHING if frame is None else frame
    height = max(1, round(frame.shape[0] * WIDTH / frame.shape[1]))
    small = cv2.resize(frame, (WIDTH, height), interpolation=cv2.INTER_AREA) if frame.shape[1] > WIDTH else frame
    jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 70])[1].tobytes()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)
