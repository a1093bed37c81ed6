"""The page, to whom it is given, and to whom not."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import closing
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelite.kiosk.config import ScreenConfig
from facelite.kiosk.screen import LISTENERS, Said, Screen
from facelite.kiosk.texts import TEXTS
from facelite.kiosk.visits import State, View

FRAME = np.full((90, 160, 3), (200, 100, 50), np.uint8)
EILEEN = SimpleNamespace(track=SimpleNamespace(face=SimpleNamespace(box=np.array([16.0, 9.0, 32.0, 45.0]))))


@pytest.fixture
def screen():
    with closing(Screen(ScreenConfig(port=0, languages=("es", "en")))) as screen:
        yield screen


@pytest.fixture
def ask(screen):
    """ask(path, headers, body): the status and the body, of what ends by itself."""

    def asked(path, headers=None, body=None):
        with closing(http.client.HTTPConnection("127.0.0.1", screen.port, timeout=5)) as connection:
            connection.request("POST" if body is not None else "GET", path, body, headers or {})
            answer = connection.getresponse()
            return answer, answer.read()

    return asked


@pytest.fixture
def stream(screen):
    """stream(path): an answer that goes on."""
    connections = []

    def opened(path):
        connections.append(http.client.HTTPConnection("127.0.0.1", screen.port, timeout=5))
        connections[-1].request("GET", path)
        return connections[-1].getresponse()

    yield opened
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(("path", "kind"), [("/", "text/html"), ("/screen.css", "text/css"), ("/screen.js", "text/javascript")])
def test_the_page(ask, path, kind):
    answer, body = ask(path)
    assert answer.status == 200 and answer.getheader("Content-Type").startswith(kind) and len(body) > 500
    assert "frame-ancestors 'none'" in answer.getheader("Content-Security-Policy")
    assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"


def test_the_texts_of_the_configured_languages_in_their_order(ask):
    given = json.loads(ask("/texts.json")[1])
    assert given == {"texts": {"es": TEXTS["es"], "en": TEXTS["en"]}, "picture": True, "enrol": False} and list(given["texts"]) == ["es", "en"]


def test_what_is_shown_comes_at_once_and_again(screen, stream):
    events = stream("/events")
    assert json.loads(events.readline()[6:])["state"] == State.OUT_OF_SERVICE
    events.readline()
    threading.Timer(0.1, screen.show, (View(State.WELCOME, "Eileen"), [EILEEN], FRAME)).start()
    shown = {"state": "welcome", "subject": "Eileen", "seconds": None, "boxes": [[0.1, 0.1, 0.2, 0.5]], "fault": ""}
    shown |= {"desk": False, "strangers": [], "stranger": None}
    for _ in range(2):  # and once more although nothing has changed: the page knows by it that the kiosk is alive
        assert json.loads(events.readline()[6:]) == shown
        events.readline()


def test_what_is_wrong_with_the_picture_of_an_enrolment_says_that_the_desk_is_open(screen):
    screen.show(View(State.CLOSER), [], FRAME, desk=({}, None))
    assert screen.next(-1)[1]["desk"] is True
    screen.show(View(State.CLOSER), [], FRAME)
    assert screen.next(-1)[1]["desk"] is False


def test_the_live_picture(screen, stream):
    screen.show(View(State.IDLE), [], FRAME)
    live = stream("/live")
    assert live.readline() == b"--frame\r\n" and live.readline() == b"Content-Type: image/jpeg\r\n"
    size = int(live.readline().split()[1])
    live.readline()
    picture = cv2.imdecode(np.frombuffer(live.read(size), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(picture.mean((0, 1)) - [50, 100, 200]).max() < 4


def test_a_loop_that_hangs_is_out_of_service(screen, monkeypatch):
    screen.show(View(State.WELCOME, "Eileen"), [], FRAME)
    assert screen.next(-1)[1]["state"] == "welcome"
    monkeypatch.setattr("facelite.kiosk.screen.HANGING", 0.0)
    shown, frame = screen.next(-1)[1:]
    assert (shown["state"], shown["subject"], frame) == ("out of service", None, None)


def test_no_picture_where_none_is_wanted(stream):
    with closing(Screen(ScreenConfig(port=0, picture=False))) as screen:
        screen.show(View(State.IDLE), [], FRAME)
        assert screen.next(-1)[2] is None


def test_codes_are_taken_once(screen, ask):
    headers = {"Origin": f"http://127.0.0.1:{screen.port}", "Content-Type": "application/json"}
    assert ask("/say", headers, json.dumps({"word": "code", "text": "2718"}))[0].status == 200
    assert screen.said() == [Said("code", "2718")] and screen.said() == []


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "[]", "null", "[" * 900, b'{"word": "code", "text": "\xff"}', '{"word": "code", "text": "' + "1" * 2000 + '"}'),
        *('{"word": "code", "text": 3}', '{"word": "code"}', '{"word": "open", "text": ""}', '{"word": ["code"], "text": ""}'),
    ],
)
def test_what_is_no_code_is_refused(screen, ask, body):
    assert ask("/say", {"Origin": f"http://localhost:{screen.port}", "Host": f"localhost:{screen.port}"}, body)[0].status == 400
    assert screen.said() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "attacker.example:{port}"},  # DNS rebinding
        {"Host": "127.0.0.1"},
        {"Origin": "http://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/events", "/live", "/texts.json"])
def test_other_names_and_other_pages_are_refused(screen, ask, path, headers):
    answer, body = ask(path, {name: value.replace("{port}", str(screen.port)) for name, value in headers.items()})
    assert answer.status == 403 and b"facelite" not in body


def test_a_code_without_an_origin_is_refused(ask):
    assert ask("/say", {}, '{"word": "code", "text": "1234"}')[0].status == 403


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/page/index.html", "/%2e%2e/", "/say"])
def test_there_is_nothing_else(ask, path):
    assert ask(path)[0].status == 404


def test_no_more_listeners_than_it_can_bear(stream):
    assert [stream("/events").status for _ in range(LISTENERS + 1)] == [200] * LISTENERS + [503]


def test_other_machines_cannot_connect(screen):
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address than its loopback device's")
    with pytest.raises(OSError):
        socket.create_connection((own, screen.port), timeout=1)


def test_a_port_that_is_taken_is_an_error(screen):
    with pytest.raises(OSError):
        Screen(ScreenConfig(port=screen.port))
