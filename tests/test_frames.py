"""Frames of folders and files with their times, and what is no source of frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.frames import open_frames, read_frames


def level(number):
    return np.full((48, 64, 3), 20 * number, np.uint8)


@pytest.fixture
def folder(tmp_path):
    for number in (10, 2, 1):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), level(number))
    (tmp_path / "3.png").write_bytes(b"no picture")
    return tmp_path


def test_a_folder_has_ten_frames_a_second_in_the_order_of_their_numbers(folder):
    found = [(int(frame[0, 0, 0]), at) for frame, at in open_frames(str(folder))]
    assert found == [(20, 0.0), (40, 0.1), (200, pytest.approx(0.3))]  # that which cannot be read has its time, too
    assert [int(frame[0, 0, 0]) for frame in read_frames(folder)] == [20, 40, 200]


@pytest.mark.parametrize("rate", [5, 25])
def test_a_file_has_the_times_that_it_says(tmp_path, rate):
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), rate, (64, 48))
    for number in range(6):
        writer.write(level(number))
    writer.release()
    found = list(open_frames(str(tmp_path / "a.avi")))
    assert [at for _, at in found] == pytest.approx([number / rate for number in range(6)])
    assert all(abs(frame.mean() - 20 * number) < 4 for number, (frame, _) in enumerate(found))


def test_a_camera_is_read_until_it_gives_no_more(monkeypatch):
    """A camera is not there to be tested: one of OpenCV's kind stands in its place."""

    class Camera:
        released = False
        settings = ()

        def __init__(self, source):
            assert source == 1
            self.frames = [level(1), level(2)]

        def isOpened(self):
            return True

        def get(self, what):
            return 64.0

        def set(self, what, value):
            Camera.settings += ((what, value),)

        def read(self):
            return (True, self.frames.pop(0)) if self.frames else (False, None)

        def release(self):
            Camera.released = True

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    found = list(open_frames("1"))
    assert [int(frame[0, 0, 0]) for frame, _ in found] == [20, 40]
    assert found[0][1] <= found[1][1] and Camera.released
    assert Camera.settings == ((cv2.CAP_PROP_BUFFERSIZE, 1),)


def test_frames_larger_than_a_picture_may_be_are_not_decoded(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (4096, 4096))
    writer.write(np.zeros((4096, 4096, 3), np.uint8))
    writer.release()
    with pytest.raises(InputError, match="expected frames of at most 16,000,000 pixels, got 4096 x 4096; save it smaller"):
        list(open_frames(str(tmp_path / "a.avi")))


def test_what_gives_no_frames_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(InputError, match="got another file; convert it"):
        open_frames(str(tmp_path / "notes.txt"))
    with pytest.raises(InputError, match="found none; name another, such as 0"):
        open_frames(str(tmp_path / "none"))
