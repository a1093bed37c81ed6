"""The demo on a person's own photographs: what it takes, what it counts, when it fails."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

DEMO = Path(__file__).parent.parent / "devices/demo.py"


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path, astronaut, hopper):
    """Two people in a folder with a space in its name, with the empty files that a file manager leaves, and somebody without a picture."""
    folder = tmp_path / "my photos"
    for name, pixels, count in (("Grace", hopper, 1), ("Eileen", astronaut, 3)):
        (folder / name).mkdir(parents=True)
        (folder / name / ".DS_Store").touch()
        for number in range(count):
            cv2.imwrite(str(folder / name / f"{number}.png"), cv2.cvtColor(pixels[10 * number :], cv2.COLOR_RGB2BGR))
    (folder / "Nobody").mkdir()
    (folder / ".DS_Store").touch()
    return folder


@pytest.fixture
def run(demo, bundle_file, monkeypatch, capfd):
    """run(photos): the exit status or last words of the demo, and what it and its commands printed."""

    def start(photos):
        monkeypatch.setattr(sys, "argv", ["demo", "--device", "--photos", str(photos), "--bundle", str(bundle_file)])
        try:
            status = demo.main()
        except SystemExit as end:
            status = end.code
        return status, capfd.readouterr()

    return start


def test_photographs_of_one_s_own_are_counted(run, photos):
    status, printed = run(photos)
    assert status == 0
    assert "the same person: 2 of 2 accepted; others: 1 of 1 rejected\n" in printed.out
    assert f"'{photos}/Eileen/0.png'" in printed.out  # to be copied into a shell
    assert printed.out.count("accepted as Eileen: distance ") == 2
    assert printed.out.count("rejected: distance ") == 1
    assert printed.err == ""


def test_a_wrong_decision_about_them_is_no_failure_and_one_about_ours_is(run, demo, photos, monkeypatch):
    for name in ("Grace", "Eileen"):
        shutil.copy(photos / f"{name}/0.png", photos / f"{name}/9.png")
    shutil.copy(photos / "Grace/9.png", photos / "Eileen/1.png")
    cv2.imwrite(str(photos / "Eileen/2.png"), np.full((200, 200, 3), 120, np.uint8))
    status, printed = run(photos)
    assert (status, "the same person: 1 of 3 accepted; others: 1 of 1 rejected; 1 not decided\n" in printed.out) == (0, True)
    monkeypatch.setattr(demo, "fetch_photos", lambda folder: photos)
    monkeypatch.setattr(sys, "argv", [word for word in sys.argv if word not in ("--photos", str(photos))])
    assert demo.main() == 1


@pytest.mark.parametrize("spoil", [
    shutil.rmtree,
    lambda folder: shutil.rmtree(folder / "Grace"),
    lambda folder: (folder / "Eileen/2.png").unlink(),
])  # fmt: skip
def test_photographs_that_will_not_do_are_refused_in_one_line_before_anything_is_built(run, demo, photos, monkeypatch, spoil):
    spoil(photos)
    monkeypatch.setattr(demo, "facelite", lambda *_, **__: pytest.fail("ran a command"))
    said, printed = run(photos)
    assert said.startswith(f"demo: {photos}: expected one folder for each of two or more people, one of them with three pictures or more, found ")
    assert "\n" not in said
    assert said.endswith("name another folder: PHOTOS=DIR")
    assert printed.out == ""


def test_a_picture_that_cannot_be_read_ends_it(run, photos):
    (photos / "Grace/0.png").write_text("text")
    said, _ = run(photos)
    assert said == "demo: facelite verify ended with 2"
