"""The camera of a kiosk: a thread takes its frames as fast as they come and keeps the last one, so that nothing lags.

A camera that is gone is opened again, after a while that grows.

A video file and a folder of pictures stand for a camera: they play at their own pace, and end.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelite.errors import FaceliteError, InputError
from facelite.face import Pixels
from facelite.frames import frame_files, is_video_file, open_frames
from facelite.kiosk.config import CameraConfig

BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until a camera that is gone is opened again; the last one from then on."""

HUNG = 60.0
"""Seconds in which a camera that is open neither gave a frame nor failed: its driver hangs, and only a new process helps."""

BLIND = 3.0
"""Standard deviation of a frame's numbers below which nothing is in it: a covered lens, or night. Noise alone has about 2."""

TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
"""What puts the picture of a turned camera right."""

Frames = Iterator[tuple[Pixels, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """``pixels`` (h, w, 3) uint8 RGB that were there ``at`` that time of ``time.monotonic``; ``fault``: why they may not be trusted, else empty."""

    pixels: Pixels
    at: float
    fault: str = ""


class Camera:
    """The ``latest`` frame of the configured camera. ``fault`` says what is wrong with it now, and is empty where nothing is."""

    def __init__(self, config: CameraConfig, /, *, opened: Callable[[CameraConfig], Frames] | None = None) -> None:
        """Begin to take frames; ``opened`` in place of ``open_camera`` for a camera of another kind."""
        self._config, self._opened = config, opened or open_camera
        self._health = Health(config)
        self._fresh = threading.Condition()
        self._frame: Frame | None = None
        self._ended, self._stop = False, threading.Event()
        self._moved = time.monotonic()
        self.fault, self.openings, self.taken = "opening", 0, 0
        self._thread = threading.Thread(target=self._take, name="camera", daemon=True)
        self._thread.start()

    def latest(self, timeout: float, /) -> Frame | None:
        """The last frame that has come since the last call; None where none comes within ``timeout`` seconds."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._frame is not None or self._ended, timeout)
            frame, self._frame = self._frame, None
            if frame is None and not self._ended and not self.fault:
                self.fault = "no frames"
            return frame

    @property
    def ended(self) -> bool:
        """Whether a file or a folder has given all its frames; a camera never ends."""
        return self._ended and self._frame is None

    @property
    def hung(self) -> bool:
        """Whether the camera's thread has been waiting for it for HUNG seconds."""
        return not self._ended and time.monotonic() - self._moved > HUNG

    def close(self) -> None:
        """Let the camera go. One that hangs is left to the end of the process."""
        self._stop.set()
        self._thread.join(timeout=2.0)

    def _take(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._moved = time.monotonic()
            try:
                self.openings += 1
                for pixels, at in self._opened(self._config):
                    failures = 0
                    self._put(pixels, at)
                    if self._stop.is_set():
                        return
                if _is_recording(self._config.source):
                    break
                self.fault = "no more frames"
            except FaceliteError as error:
                self.fault = without_secrets(str(error))
            except Exception as error:  # noqa: BLE001 - of a driver, which may raise anything
                self.fault = without_secrets(f"{type(error).__name__}: {error}")
            self._moved = time.monotonic()
            self._stop.wait(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            failures += 1
        with self._fresh:
            self._ended = True
            self._fresh.notify_all()

    def _put(self, pixels: Pixels, at: float) -> None:
        turn = TURNS.get(self._config.turn)
        frame = pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)
        self.fault = self._health.fault(frame, at)
        self.taken, self._moved = self.taken + 1, time.monotonic()
        with self._fresh:
            self._frame = Frame(frame, at, self.fault)
            self._fresh.notify_all()


class Health:
    """Whether frames one after another are a living picture."""

    def __init__(self, config: CameraConfig, /) -> None:
        self._config, self._last, self._plays = config, b"", _is_recording(config.source)
        self._changed: float | None = None
        self._seen: float | None = None

    def fault(self, frame: Pixels, at: float, /) -> str:
        """What is wrong with the camera as of this ``frame`` (h, w, 3); empty where nothing is."""
        sample = np.ascontiguousarray(frame[::7, ::7])
        if (data := sample.tobytes()) != self._last or self._changed is None:
            self._last, self._changed = data, at
        if sample.std() >= BLIND or self._seen is None:
            self._seen = at
        if not self._plays and at - self._changed >= self._config.frozen:
            return f"frozen: the same picture for {at - self._changed:.0f} s"
        if at - self._seen >= self._config.blind:
            return f"blind: nothing in the picture for {at - self._seen:.0f} s; is the lens covered, or the light off?"
        return ""


def open_camera(config: CameraConfig, /) -> Frames:
    """Frames and their times of the camera, the file or the folder of ``config``. Raises InputError where there is none."""
    if config.source == "picamera2":
        return _picamera(config)
    if _is_recording(config.source):
        return _paced(open_frames(config.source))
    return open_frames(config.source, size=(config.width, config.height))


def _is_recording(source: str) -> bool:
    """Whether it is a file or a folder, which ends."""
    path = Path(source)
    return is_video_file(path) or bool(frame_files(path))


def without_secrets(text: str) -> str:
    """``text`` without the user, password and query of an address in it."""
    return re.sub(r"(\w://)[^\s/]*@", r"\1", re.sub(r"(\w://[^\s?]*)\?\S*", r"\1", text))


def _paced(frames: Frames) -> Frames:
    """``frames`` of a recording at the times at which they would come."""
    began = time.monotonic()
    for pixels, at in frames:
        time.sleep(max(0.0, began + at - time.monotonic()))
        yield pixels, began + at


def _picamera(config: CameraConfig) -> Frames:
    """Of the Pi's own camera, by Picamera2, which Raspberry Pi OS brings: its RGB888 is BGR in memory, its BGR888 RGB."""
    try:
        library: Any = import_module("picamera2")
    except ImportError as error:
        raise InputError(f"expected Picamera2, got {error}; sudo apt install python3-picamera2, in an environment that sees the system's") from None
    camera = library.Picamera2()
    try:
        camera.configure(camera.create_video_configuration(main={"size": (config.width, config.height), "format": "BGR888"}))
        camera.start()
        while True:
            yield camera.capture_array("main"), time.monotonic()
    finally:
        camera.close()
