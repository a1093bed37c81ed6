"""identify on group photographs and videos, and what it draws into them."""

from __future__ import annotations

import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from facelite.image import read_image


@pytest.fixture(scope="module")
def scenes(tmp_path_factory, astronaut, hopper):
    """A group photograph of two people, a video of Eileen who walks, one in which Grace comes and goes, and an empty one as a folder."""
    folder = tmp_path_factory.mktemp("scenes")
    small = [cv2.resize(one, (160, 160), interpolation=cv2.INTER_AREA) for one in (astronaut[:224, 100:324], hopper)]

    def frame(*placed):
        drawn = np.full((240, 480, 3), 118, np.uint8)
        for who, x in placed:
            drawn[40:200, x : x + 160] = small[who]
        return cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)

    assert cv2.imwrite(str(folder / "group.png"), frame((0, 20), (1, 280)))
    for name, placed in {
        "walk.avi": [[(0, 20 + 4 * i)] for i in range(12)],
        "visit.avi": [[(0, 20)]] * 4 + [[(0, 20), (1, 300)]] * 8,
    }.items():
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter.fourcc(*"MJPG"), 10, (480, 240))
        for row in placed:
            writer.write(frame(*row))
        writer.release()
    (folder / "nobody").mkdir()
    for number in range(3):
        assert cv2.imwrite(str(folder / "nobody" / f"{number}.png"), frame())
    return folder


def test_everybody_in_a_group_photograph_is_named_and_framed(facelite, gallery, scenes, tmp_path):
    before = (scenes / "group.png").read_bytes()
    result = facelite("identify", "--gallery", gallery, scenes / "group.png", "--annotate", tmp_path / "out", "--json")
    assert (result.status, result.err) == (0, "")
    picture = result.json["pictures"][str(scenes / "group.png")]
    assert picture["outcome"] == "accepted"
    assert (picture["faces"][0]["outcome"], picture["faces"][0]["subject"]) == ("accepted", "Eileen")
    assert picture["faces"][1]["outcome"] == "rejected"
    assert picture["numbers"] == {}
    left, right = (face["box"] for face in picture["faces"])
    assert left[0] + left[2] < 240 < right[0]
    drawn, plain = read_image(picture["annotated"]), read_image(scenes / "group.png")
    changed = np.abs(drawn.astype(int) - plain).max(2) > 20
    for x, y, width, height in (left, right):
        assert changed[round(y) : round(y + height), round(x)].mean() > 0.8  # its left side is a line
        assert not changed[round(y + 0.2 * height) : round(y + 0.8 * height), round(x + 0.2 * width) : round(x + 0.8 * width)].any()
    assert (scenes / "group.png").read_bytes() == before


@pytest.fixture
def foreign(facelite, photos, tmp_path):
    """A gallery of Eileen and Grace by names that OpenCV lacks letters of."""
    path = tmp_path / "foreign.db"
    for name, photo in (("艾达", "astronaut.png"), ("Łucja", "hopper.jpg")):
        assert facelite("enrol", "--gallery", path, name, photos / photo).status == 0
    return path


def test_a_name_that_cannot_be_drawn_is_drawn_as_a_number_and_told(facelite, foreign, scenes, tmp_path, monkeypatch):
    drawn = []

    def annotate(frame, labels):
        drawn.append([label.text.split()[0] for label in labels])
        return frame

    monkeypatch.setattr("facelite.cli.identify.annotate", annotate)
    told = facelite("identify", "--gallery", foreign, scenes / "group.png", scenes / "visit.avi", "--annotate", tmp_path / "a").out.splitlines()
    assert [line.rpartition(" (")[2] for line in told] == ["1: 艾达, 2: Łucja)"] * 2
    assert drawn[0] == ["1", "2"] and drawn[1] == ["1"] and drawn[-1] == ["1", "2"]
    pictures = facelite("identify", "--gallery", foreign, scenes / "group.png", scenes / "visit.avi", "--annotate", tmp_path / "b", "--json").json
    for picture in pictures["pictures"].values():
        assert picture["numbers"] == {"1": "艾达", "2": "Łucja"}


def test_a_name_that_only_a_frame_gave_is_told_too(facelite, foreign, scenes, tmp_path):
    (tmp_path / "once").mkdir()
    shutil.copy(scenes / "group.png", tmp_path / "once" / "1.png")
    words = ["identify", "--gallery", foreign, tmp_path / "once"]
    assert "(1: 艾达, 2: Łucja)" in facelite(*words, "--annotate", tmp_path / "out").err
    plain = facelite(*words, "--json").json["pictures"][str(tmp_path / "once")]
    assert (plain["outcome"], plain["annotated"], plain["numbers"]) == ("timed out", None, {})


def test_a_picture_whose_name_says_no_kind_is_drawn_as_png(facelite, gallery, scenes, tmp_path):
    """Pictures are known by their content; what is written needs a name that says its kind."""
    (tmp_path / "group").write_bytes((scenes / "group.png").read_bytes())
    result = facelite("identify", "--gallery", gallery, tmp_path / "group", "--annotate", tmp_path / "out", "--json")
    assert result.status == 0
    assert result.json["pictures"][str(tmp_path / "group")]["annotated"] == str(tmp_path / "out/group.png")
    assert read_image(tmp_path / "out/group.png").shape == read_image(scenes / "group.png").shape


def test_a_picture_that_its_kind_of_file_has_no_room_for_is_refused(facelite, gallery, tmp_path):
    (tmp_path / "wide.webp").write_bytes(cv2.imencode(".png", np.zeros((40, 16_400, 3), np.uint8))[1].tobytes())
    result = facelite("identify", "--gallery", gallery, tmp_path / "wide.webp", "--annotate", tmp_path / "out")
    assert (result.status, "got 16400 x 40; name it .png" in result.err) == (2, True)


def test_without_annotate_several_faces_are_not_decided(facelite, gallery, scenes):
    assert facelite("identify", "--gallery", gallery, scenes / "group.png").status == 3


def test_in_a_video_a_person_is_answered_once(facelite, gallery, scenes, tmp_path):
    result = facelite("identify", "--gallery", gallery, scenes / "walk.avi", scenes / "visit.avi", "--annotate", tmp_path / "out", "--json")
    assert (result.status, result.err) == (0, "")
    walk, visit = (result.json["pictures"][str(scenes / name)] for name in ("walk.avi", "visit.avi"))
    (person,) = walk["people"]
    assert (person["outcome"], person["subject"], person["began"], person["ended"]) == ("accepted", "Eileen", 0.0, 1.1)
    eileen, grace = visit["people"]
    assert (eileen["subject"], grace["outcome"], grace["track"]) == ("Eileen", "rejected", 2)
    assert 0.4 <= grace["began"] <= 0.9 and grace["ended"] == 1.1
    capture, frames = cv2.VideoCapture(visit["annotated"]), 0
    while (frame := capture.read()[1]) is not None:
        frames += 1
        assert frame.shape == (240, 480, 3)
    assert frames == 12
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["visit.mp4", "walk.mp4"]


def test_a_video_without_anybody_is_not_decided(facelite, gallery, scenes, tmp_path):
    result = facelite("identify", "--gallery", gallery, scenes / "nobody", "--json")
    assert (result.status, result.json["pictures"][str(scenes / "nobody")]["outcome"]) == (3, "no face")
    told = facelite("identify", "--gallery", gallery, scenes / "visit.avi").out
    assert "accepted as Eileen, distance " in told and "rejected, distance " in told and " s)" in told


def test_one_frame_is_no_answer(facelite, gallery, scenes, tmp_path):
    (tmp_path / "once").mkdir()
    shutil.copy(scenes / "group.png", tmp_path / "once" / "1.png")
    result = facelite("identify", "--gallery", gallery, tmp_path / "once", "--json")
    assert result.status == 3
    assert {person["outcome"] for person in result.json["pictures"][str(tmp_path / "once")]["people"]} == {"timed out"}


def test_nothing_is_not_the_folder_that_one_is_in(facelite, gallery, scenes, monkeypatch):
    monkeypatch.chdir(scenes)
    result = facelite("identify", "--gallery", gallery, "")
    assert result.status == 2 and "expected the name of a picture, got an empty one" in result.err


def test_a_video_that_cannot_be_decoded_is_unreadable_and_does_not_stop_others(facelite, gallery, scenes, tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    names = [tmp_path / "bad.mp4", scenes / "walk.avi", "x" * 300]
    result = facelite("identify", "--gallery", gallery, *names, "--annotate", tmp_path / "out", "--json")
    assert result.status == 2
    outcomes = [picture["outcome"] for picture in result.json["pictures"].values()]
    assert outcomes == ["unreadable", "accepted", "unreadable"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["walk.mp4"]


def test_a_rate_that_was_not_measured_is_refused_whatever_the_pictures_show(refused, gallery, scenes, photos, tmp_path):
    for words in ([photos / "none.png"], [photos / "none.png", "--annotate", tmp_path / "out"], [scenes / "nobody"]):
        refused(4, "identify", "--gallery", gallery, "--fmr", "1e-9", *words, match="expected an FMR of")


@pytest.mark.parametrize("rate", [5, 30])
def test_an_annotated_video_is_as_long_as_its_source(facelite, gallery, astronaut, tmp_path, rate):
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), rate, (256, 256))
    for _ in range(6):
        writer.write(cv2.cvtColor(cv2.resize(astronaut, (256, 256)), cv2.COLOR_RGB2BGR))
    writer.release()
    facelite("identify", "--gallery", gallery, tmp_path / "a.avi", "--annotate", tmp_path / "out")
    assert cv2.VideoCapture(str(tmp_path / "out/a.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(rate)


def test_frames_of_other_sizes_are_brought_to_the_first_one_s(facelite, gallery, astronaut, tmp_path):
    (tmp_path / "clip").mkdir()
    for number, side in enumerate((256, 200, 300)):
        cv2.imwrite(str(tmp_path / "clip" / f"{number}.png"), cv2.cvtColor(cv2.resize(astronaut, (side, side)), cv2.COLOR_RGB2BGR))
    facelite("identify", "--gallery", gallery, tmp_path / "clip", "--annotate", tmp_path / "out")
    capture = cv2.VideoCapture(str(tmp_path / "out/clip.mp4"))
    shapes = [frame.shape for _ in range(4) if (frame := capture.read()[1]) is not None]
    assert shapes == [(256, 256, 3)] * 3


LIMITED = """
import resource, sys
from facelite.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, 4_000))
main(sys.argv[1:])
"""
"""The program where no file may have more than 4,000 bytes, as on a full disk."""


def test_a_video_that_the_disk_has_no_room_for_is_an_error_and_leaves_nothing(gallery, scenes, bundle_file, tmp_path):
    words = ["identify", "--gallery", gallery, scenes / "walk.avi", "--annotate", tmp_path / "out", "--bundle", bundle_file]
    ended = subprocess.run([sys.executable, "-c", LIMITED, *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (4, "")
    said = f"facelite: {tmp_path / 'out/walk.mp4'}: expected to read or write it, got a video that has lost frames; check"
    assert ended.stderr.splitlines()[-1].startswith(said) and list((tmp_path / "out").iterdir()) == []


def test_no_two_pictures_are_written_to_one_file_and_none_over_another(refused, gallery, photos, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(photos / "astronaut.png", tmp_path / folder / "1.png")
    twins = [tmp_path / "a/1.png", tmp_path / "b/1.png"]
    refused(2, "identify", "--gallery", gallery, *twins, "--annotate", tmp_path / "out", match="expected pictures of different names with --annotate")
    refused(
        2, "identify", "--gallery", gallery, *twins, "--annotate", tmp_path / "b", match="expected a name that no file has, .* name another folder"
    )


def test_a_picture_is_never_written_over(facelite, gallery, photos):
    before = (photos / "astronaut.png").read_bytes()
    result = facelite("identify", "--gallery", gallery, photos / "astronaut.png", "--annotate", photos)
    assert (result.status, result.out) == (2, "")
    assert "expected a name that no file has, to write" in result.err
    assert (photos / "astronaut.png").read_bytes() == before
