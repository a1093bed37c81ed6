"""identify on group photographs and videos, and what it draws into them."""

from __future__ import annotations

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
    left, right = (face["box"] for face in picture["faces"])
    assert left[0] + left[2] < 240 < right[0]
    drawn, plain = read_image(picture["annotated"]), read_image(scenes / "group.png")
    changed = np.abs(drawn.astype(int) - plain).max(2) > 20
    for x, y, width, height in (left, right):
        assert changed[round(y) : round(y + height), round(x)].mean() > 0.8  # its left side is a line
        assert not changed[round(y + 0.2 * height) : round(y + 0.8 * height), round(x + 0.2 * width) : round(x + 0.8 * width)].any()
    assert (scenes / "group.png").read_bytes() == before


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


def test_a_picture_is_never_written_over(facelite, gallery, photos):
    before = (photos / "astronaut.png").read_bytes()
    result = facelite("identify", "--gallery", gallery, photos / "astronaut.png", "--annotate", photos)
    assert (result.status, result.out) == (2, "")
    assert "expected --annotate to name another folder than the picture's, got the same; name another" in result.err
    assert (photos / "astronaut.png").read_bytes() == before
