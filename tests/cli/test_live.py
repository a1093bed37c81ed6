"""The command test on videos in a camera's place: lines for a reader, one object for a program, the status of the whole."""

from __future__ import annotations

import re
import shutil

import cv2
import numpy as np
import pytest

from facelite.cli.live import WIDTH, distance_bar
from facelite.face import Decision, Outcome, Threshold

THRESHOLD = Threshold(1.0, 1e-3, 2e-3, 0.3, 100, 10_000, 5000)


@pytest.fixture(scope="module")
def films(tmp_path_factory, astronaut, hopper):
    """Folders of ten frames: Eileen, Grace, nobody."""
    folder = tmp_path_factory.mktemp("films")
    for name, picture in (("eileen", astronaut), ("grace", hopper), ("nobody", np.full((160, 160, 3), 118, np.uint8))):
        (folder / name).mkdir()
        for number in range(10):
            assert cv2.imwrite(str(folder / name / f"{number}.png"), cv2.cvtColor(np.roll(picture, 2 * number, axis=1), cv2.COLOR_RGB2BGR))
    return folder


def test_each_frame_has_a_line_with_a_bar_and_the_end_a_summary(facelite, gallery, films):
    result = facelite("test", films / "eileen", "--gallery", gallery)
    assert (result.status, result.err) == (0, "")
    frames = [line for line in result.out.splitlines() if " s  #1 [" in line]
    assert len(frames) == 10
    assert all(re.fullmatch(rf" +[0-9.]+ s  #1 \[[# |]{{{WIDTH + 1}}}\] 0\.\d+ Eileen accepted(; attempt: accepted)?", line) for line in frames)
    assert not frames[0].endswith("attempt: accepted") and frames[1].endswith("attempt: accepted")  # two of three frames
    assert "frames: 10" in result.out


@pytest.mark.parametrize(("name", "status", "outcome"), [("eileen", 0, "accepted"), ("grace", 1, "rejected"), ("nobody", 3, None)])
def test_the_whole_as_json(facelite, gallery, films, name, status, outcome):
    result = facelite("test", films / name, "--gallery", gallery, "--json")
    assert (result.status, result.err, result.out.count("\n")) == (status, "", 1)
    found = result.json
    assert found["frames"] == 10 and sum(found["outcomes"].values()) == 10
    assert [person["outcome"] for person in found["people"]] == ([outcome] if outcome else [])
    assert found["milliseconds"] > 0


def test_one_subject_and_a_time_can_be_named(facelite, gallery, films):
    found = facelite("test", films / "grace", "--gallery", gallery, "--subject", "Eileen", "--seconds", "0.45", "--json").json
    assert found["frames"] == 5  # ten frames a second
    assert set(found["outcomes"]) == {"rejected"}


def test_one_frame_of_a_stranger_that_looks_like_somebody_opens_nothing(facelite, gallery, films, tmp_path):
    """Eileen in one frame of a film of Grace: no two frames of three say so."""
    (tmp_path / "mixed").mkdir()
    for number in range(9):
        name = "eileen" if number == 4 else "grace"
        shutil.copy(films / name / f"{number}.png", tmp_path / "mixed" / f"{number}.png")
    result = facelite("test", tmp_path / "mixed", "--gallery", gallery, "--json")
    assert result.json["outcomes"]["accepted"] == 1
    assert result.status == 1
    assert "accepted" not in {person["outcome"] for person in result.json["people"]}


def test_a_subject_or_a_rate_that_cannot_be_judged_is_refused_before_anybody_comes(refused, gallery, films, facelite):
    refused(4, "test", films / "nobody", "--gallery", gallery, "--subject", "Nope", match="expected one of its 1 subjects, got 'Nope'; see")


def test_what_is_no_source_is_refused(refused, gallery, tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    refused(
        2, "test", tmp_path / "notes.txt", "--gallery", gallery, match="expected a camera, a folder of frames or one of .*, got another file; convert"
    )
    refused(
        2, "test", tmp_path / "none", "--gallery", gallery, match="expected a camera, a video file or a folder of frames, found none; name another"
    )
    for nothing in ("", "99999999999999999999"):
        refused(2, "test", nothing, "--gallery", gallery, match="expected a camera, a video file or a folder of frames, found none; name another")
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    refused(2, "test", tmp_path / "bad.mp4", "--gallery", gallery, match="expected frames, got none that can be decoded; convert the video")


@pytest.mark.parametrize(("distance", "filled"), [(0.0, 0), (0.5, WIDTH // 4), (1.0, WIDTH // 2), (1.5, 3 * WIDTH // 4), (2.0, WIDTH), (4.0, WIDTH)])
def test_the_bar_is_full_at_twice_the_threshold_which_is_in_its_middle(distance, filled):
    bar = distance_bar(Decision(Outcome.REJECTED, THRESHOLD, distance=distance))
    assert bar.count("#") == filled and len(bar) == WIDTH + 3
    assert bar[1 + WIDTH // 2] == "|"
    assert "#" not in bar.replace("|", "")[1:-1].lstrip("#")


def test_the_bar_is_empty_where_nothing_was_compared():
    assert distance_bar(Decision(Outcome.TOO_DARK, THRESHOLD)) == f"[{'':{WIDTH}}]"
