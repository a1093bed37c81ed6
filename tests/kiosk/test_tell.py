"""Events reach a webhook and a command; what is slow or broken holds nothing up."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from facelite.kiosk.config import CommandConfig, WebhookConfig
from facelite.kiosk.tell import WAITING, Teller, post, run

EVENT = {"kind": "accepted", "subject": "Eileen", "distance": 0.3, "threshold": 0.9, "time": "2030-01-01T00:00:00.000+00:00"}


@pytest.fixture
def hook():
    """A server's address, and what it was sent."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.headers["Content-Type"], json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(500 if self.path == "/broken" else 204)
            self.end_headers()

        def log_message(self, *words): ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()


def test_a_webhook_gets_the_event(hook):
    address, got = hook
    teller = Teller("webhook", post(WebhookConfig(f"{address}/door")))
    teller.put(EVENT)
    teller.close()
    assert got == [("/door", "application/json", EVENT)]


def test_a_command_gets_the_event_and_no_shell_is_between(tmp_path):
    program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_text(sys.stdin.read())"
    teller = Teller("command", run(CommandConfig((sys.executable, "-c", program, str(tmp_path / "$(id); x")))))
    teller.put(EVENT)
    teller.close()
    assert json.loads((tmp_path / "$(id); x").read_text()) == EVENT


@pytest.mark.parametrize("tell", ["broken hook", "no hook", "failing command", "slow command", "no command"])
def test_what_fails_is_logged_and_the_next_is_told(tell, hook, caplog):
    address, got = hook
    tellers = {
        "broken hook": lambda: post(WebhookConfig(f"{address}/broken")),
        "no hook": lambda: post(WebhookConfig("http://127.0.0.1:9/", seconds=1)),
        "failing command": lambda: run(CommandConfig((sys.executable, "-c", "import sys; sys.exit(3)"))),
        "slow command": lambda: run(CommandConfig((sys.executable, "-c", "import time; time.sleep(60)"), seconds=0.2)),
        "no command": lambda: run(CommandConfig(("/nowhere/at/all",))),
    }
    teller = Teller("teller", tellers[tell]())
    teller.put(EVENT)
    teller.put(EVENT)
    teller.close()
    assert len(caplog.records) == 2
    assert len(got) == (2 if tell == "broken hook" else 0)


def test_nothing_waits_for_it_and_what_is_too_much_is_dropped(caplog):
    go = threading.Event()
    teller = Teller("slow", lambda event: go.wait(10))
    began = time.monotonic()
    for _ in range(WAITING + 10):
        teller.put(EVENT)
    assert time.monotonic() - began < 1
    assert "dropped" in caplog.text
    go.set()
    teller.close()
