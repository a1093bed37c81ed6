"""A kiosk as a process of its own, with a network camera, mock pins that are written down, and whatever may be done to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2

PATIENCE = 60.0
"""Seconds; these machines are busy."""


def wait(wanted, what, seconds=PATIENCE):
    """Until ``wanted`` gives something: that, and the seconds that it took."""
    began = time.monotonic()
    while not (found := wanted()):
        assert time.monotonic() - began < seconds, what() if callable(what) else what
        time.sleep(0.02)
    return found, time.monotonic() - began


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Camera:
    """MJPEG over HTTP: ``show`` says what is before it; ``plugged`` False ends it and refuses whoever comes."""

    def __init__(self, draw):
        self.draw, self.plugged, self.alive = draw, True, True
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if not camera.plugged:
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                while camera.plugged and camera.alive:
                    jpeg = cv2.imencode(".jpg", cv2.cvtColor(camera.draw(), cv2.COLOR_RGB2BGR))[1].tobytes()
                    try:
                        self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))
                    except OSError:
                        return
                    time.sleep(0.05)

            def log_message(self, *words): ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/live.mjpg"

    def close(self):
        self.alive = False
        self._server.shutdown()
        self._server.server_close()


class Machine:
    """``start`` and ``end`` the kiosk of ``config``; ``state`` is what its screen says, ``pins`` what its relay was."""

    def __init__(self, config: Path, port: int, **environment):
        self.config, self._port, self._folder = config, port, config.parent
        self.stuck = self._folder / "stuck"
        own = {"PIN_LOG": str(self._folder / "pins"), "PIN_STUCK": str(self.stuck), "PYTHONPATH": str(Path(__file__).parent / "pins")}
        self._environment = {**os.environ, **own, **environment}
        self.process = None

    def start(self):
        with (self._folder / "said").open("ab") as said:
            command = [sys.executable, "-m", "facelite", "kiosk", self.config]
            self.process = subprocess.Popen(command, env=self._environment, stdout=said, stderr=said)

    def end(self):
        """As systemd does it; the exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait()

    @property
    def said(self):
        return (self._folder / "said").read_text()

    @property
    def pins(self):
        """(time, energised) of each change of the door's pin."""
        file = self._folder / "pins"
        lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [(float(at), state == "1") for at, pin, state in lines if pin == "GPIO17"]

    @property
    def energised(self):
        return bool(self.pins) and self.pins[-1][1]

    def shown(self):
        """What the screen is told; {} where nobody answers."""
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)) as connection:
                connection.request("GET", "/events")
                return json.loads(connection.getresponse().readline()[6:])
        except (OSError, http.client.HTTPException, ValueError):
            return {}

    def say(self, word, text=""):
        """As the page does it."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)) as connection:
            headers = {"Origin": f"http://127.0.0.1:{self._port}", "Content-Type": "application/json"}
            connection.request("POST", "/say", json.dumps({"word": word, "text": text}), headers)
            assert connection.getresponse().status == 200

    def until(self, state, seconds=PATIENCE):
        """The seconds until it says ``state``."""
        return wait(lambda: self.shown().get("state") == state, lambda: f"{self.shown()}\n{self.said}", seconds)[1]

    def until_energised(self, energised=True, seconds=PATIENCE):
        return wait(lambda: self.energised == energised, lambda: f"{self.pins}\n{self.said}", seconds)[1]
