"""The last frame of a camera, opened again when it is gone, and known for broken when its picture is not alive."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.kiosk import camera as module
from facelite.kiosk.camera import Camera, Health, open_camera
from facelite.kiosk.config import CameraConfig

LIVE = CameraConfig(source="0", frozen=5.0, blind=60.0)


def frames_of(*numbers):
    """A camera that gives frames filled with noise about these numbers, then no more."""
    rng = np.random.default_rng(0)

    def opened(config):
        for number in numbers:
            yield np.clip(rng.normal(number, 20, (48, 64, 3)), 0, 255).astype(np.uint8), time.monotonic()

    return opened


def until(wanted, seconds=5.0):
    began = time.monotonic()
    while not wanted():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(module, "BACK_OFF", (0.02,))


def test_the_latest_frame_and_each_once():
    with closing(Camera(LIVE, opened=frames_of(40, 80, 160))) as camera:
        until(lambda: camera.taken == 3)
        assert camera.latest(0.0).pixels.mean() == pytest.approx(160, abs=2)
        assert camera.latest(0.0) is None


@pytest.mark.usefixtures("soon")
def test_a_camera_that_is_gone_is_opened_again():
    doing = iter([frames_of(40), frames_of(), frames_of(200)])

    def opened(config):
        return (next(doing, None) or frames_of())(config)

    with closing(Camera(LIVE, opened=opened)) as camera:
        until(lambda: camera.taken == 2)
        until(lambda: camera.fault == "no more frames")
        assert not camera.ended


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("error", [InputError("expected a camera, found none"), RuntimeError("of a driver"), OSError(19, "No such device")])
def test_a_camera_that_cannot_be_opened_is_tried_again_and_says_why(error):
    def opened(config):
        raise error
        yield

    with closing(Camera(LIVE, opened=opened)) as camera:
        until(lambda: camera.openings >= 3)
        assert str(error) in camera.fault
        assert camera.latest(0.0) is None


def test_the_time_between_two_tries_grows():
    assert list(module.BACK_OFF) == sorted(module.BACK_OFF) and module.BACK_OFF[-1] <= 30


def test_a_camera_that_says_nothing_is_a_fault():
    def opened(config):
        yield np.full((48, 64, 3), 100, np.uint8), time.monotonic()
        time.sleep(1.0)

    with closing(Camera(LIVE, opened=opened)) as camera:
        until(lambda: camera.taken)
        camera.latest(0.0)
        assert camera.latest(0.05) is None and camera.fault == "no frames"


def test_a_frozen_picture_is_told_from_a_still_scene(film, rng):
    health, picture = Health(LIVE), film.frame(rng)
    assert [health.fault(picture, at) for at in (0.0, 4.9)] == ["", ""]
    assert health.fault(picture, 5.0).startswith("frozen")
    assert health.fault(film.frame(rng), 5.1) == ""  # the same scene, with the noise of a camera


def test_a_covered_lens_is_told_after_a_while(film, rng):
    health = Health(LIVE)
    assert health.fault(film.frame(rng), 0.0) == ""
    covered = [np.clip(rng.normal(3, 1, (90, 160, 3)), 0, 255).astype(np.uint8) for _ in range(3)]
    assert [health.fault(one, at)[:5] for one, at in zip(covered, (1.0, 59.0, 61.0), strict=True)] == ["", "", "blind"]
    assert health.fault(film.frame(rng), 62.0) == ""


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_camera_s_picture_is_turned_back(turn):
    """``turn``: clockwise, as the camera is: it shows the world turned against the clock."""
    world = np.zeros((20, 30, 3), np.uint8)
    world[:5, :5] = 255
    seen = np.rot90(world, turn // 90)
    with closing(Camera(CameraConfig(source="0", turn=turn), opened=lambda config: iter([(np.ascontiguousarray(seen), 0.0)]))) as camera:
        until(lambda: camera.taken)
        assert np.array_equal(camera.latest(1.0).pixels, world)


def test_a_film_plays_at_its_own_pace_and_ends(tmp_path, film, rng):
    film.write(tmp_path / "film.avi", film.nobody(rng, 6))
    began = time.monotonic()
    with closing(Camera(CameraConfig(source=str(tmp_path / "film.avi")))) as camera:
        times = []
        while not camera.ended:
            if frame := camera.latest(1.0):
                times.append(frame.at)
        assert time.monotonic() - began >= 0.5
        assert times == sorted(times) and camera.openings == 1


def test_picamera2_is_asked_for_rgb(monkeypatch):
    """Its BGR888 is RGB in memory; the library itself runs on a Pi alone."""
    asked = {}

    class Picamera2:
        def create_video_configuration(self, **wanted):
            asked.update(wanted)
            return wanted

        def configure(self, wanted): ...

        def start(self): ...

        def capture_array(self, name):
            return np.full((720, 1280, 3), (1, 2, 3), np.uint8)

        def close(self):
            asked["closed"] = True

    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=Picamera2))
    frames = open_camera(CameraConfig())
    assert next(frames)[0][0, 0].tolist() == [1, 2, 3]
    assert asked["main"] == {"size": (1280, 720), "format": "BGR888"}
    frames.close()
    assert asked["closed"]


def test_without_picamera2_it_is_said_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(InputError, match="apt install python3-picamera2"):
        next(open_camera(CameraConfig()))


def test_mjpeg_over_http(tmp_path, astronaut):
    """A network camera on the loopback device, by OpenCV's own reader."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    jpeg = cv2.imencode(".jpg", cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))[1].tobytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            for _ in range(8):
                self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg))

        def log_message(self, *words): ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        frames = [frame for frame, _ in open_camera(CameraConfig(source=f"http://127.0.0.1:{server.server_port}/live.mjpg"))]
        server.shutdown()
    assert len(frames) >= 5
    assert np.abs(frames[0].astype(int) - astronaut).mean() < 6


def test_a_camera_that_hangs_is_told_from_one_that_is_gone(monkeypatch):
    monkeypatch.setattr(module, "HUNG", 0.3)
    go = threading.Event()

    def opened(config):
        go.wait(10)
        return iter(())

    with closing(Camera(LIVE, opened=opened)) as camera:
        assert not camera.hung
        until(lambda: camera.hung)
        go.set()


def test_a_fault_tells_no_password():
    def opened(config):
        raise InputError("rtsp://user:secret@10.0.0.7/stream?key=secret: expected a camera, found none")
        yield

    with closing(Camera(LIVE, opened=opened)) as camera:
        until(lambda: "expected" in camera.fault)
        assert "secret" not in camera.fault and "10.0.0.7/stream" in camera.fault
