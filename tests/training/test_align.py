"""Alignment of folders: the same crops from every source, through kills and cut journals; no picture lost without a word."""

import csv
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.image import read_image
from facelite.preprocess import template
from facelite.training import align
from facelite.training.align import AlignReport, align_pictures
from facelite.training.geometry import CropGeometry, read_geometry


def encode(pixels, suffix):
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.fixture(scope="module")
def pictures(astronaut, hopper):
    """Name -> encoded picture: seven with one clear face, four without."""
    half = cv2.resize(hopper, (256, 300), interpolation=cv2.INTER_AREA)
    twins = np.hstack([half, half[:, ::-1]])
    return {
        "ada/1.jpg": encode(astronaut, ".jpg"),
        "ada/2.png": encode(astronaut[:, ::-1], ".png"),
        "ada/3.webp": encode(astronaut[:300, 60:400], ".webp"),
        "grace/1.JPG": encode(hopper, ".jpg"),
        "grace/2.bmp": encode(half, ".bmp"),
        'odd, "name"/ä\n1.jpg': encode(half[:, ::-1], ".jpg"),
        "single/one.jpeg": encode(hopper[:500], ".jpg"),
        "ada/blank.jpg": encode(np.full((200, 200, 3), 99, np.uint8), ".jpg"),
        "ada/twins.jpg": encode(twins, ".jpg"),
        "grace/text.jpg": b"not a picture",
        "grace/cut.jpg": encode(hopper, ".jpg")[:9000],
    }


KEPT = ["ada/1.jpg", "ada/2.jpg", "ada/3.jpg", "grace/1.jpg", "grace/2.jpg", 'odd, "name"/ä\n1.jpg', "single/one.jpg"]
REPORT = AlignReport(7, {"unreadable": 2, "no face": 1, "several faces": 1})


def write_folder(root, pictures):
    for name, data in pictures.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def write_tar(path, pictures, mode="w"):
    with tarfile.open(path, mode) as tar:
        for name, data in pictures.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def content(folder):
    """Visible files below ``folder`` but the journal, whose order is that of the runs."""
    paths = [path for path in sorted(folder.rglob("[!.]*")) if path.is_file() and path.suffix != ".csv"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def journal(folder):
    return sorted((folder / "align.csv").read_bytes().decode().split("\r\n"))


@pytest.fixture
def photos(tmp_path, pictures):
    return write_folder(tmp_path / "photos", pictures)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, pictures, detector_file):
    """The crops of one undisturbed run."""
    folder = tmp_path_factory.mktemp("unbroken")
    out = folder / "out"
    assert align_pictures(write_folder(folder / "photos", pictures), out, detector=detector_file, workers=2) == REPORT
    return out


def test_one_crop_for_each_face(unbroken):
    assert sorted(content(unbroken)) == sorted([*KEPT, "align.json"])
    assert (unbroken / "align.json").read_text() == '{"face": 128, "margin": 16}'
    assert len(journal(unbroken)) == 11 + 1
    assert all(read_image(unbroken / name).shape == (160, 160, 3) for name in KEPT)


def test_landmarks_lie_where_the_geometry_says(unbroken, detector):
    expected = read_geometry(unbroken).landmarks
    for name in KEPT:
        (face,) = detector.detect(read_image(unbroken / name))
        shift = face.landmarks - expected
        assert np.abs(shift.mean(0)).max() < 3, name
        assert np.abs(shift).max() < 8, name  # of 128: a face is no template


def test_the_template_lies_in_the_middle():
    geometry = CropGeometry(112, 20)
    assert geometry.side == 152
    np.testing.assert_allclose(geometry.landmarks, template(112, 112) + 20)


def test_photos_stay_as_they_are(photos, tmp_path, detector_file):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.rglob("*") if path.is_file()}
    align_pictures(photos, tmp_path / "out", detector=detector_file, workers=1)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in photos.rglob("*") if path.is_file()} == before


def test_a_tar_gives_the_same_crops(tmp_path, pictures, detector_file, unbroken):
    hidden = {"ada/._1.jpg": b"of a Mac", ".trash/2.jpg": pictures["ada/1.jpg"], "ada/notes.txt": b"notes"}
    outside = dict.fromkeys(["../escaped.jpg", "ada/../../escaped.jpg", f"{tmp_path}/escaped.jpg"], pictures["ada/1.jpg"])
    tar = write_tar(tmp_path / "photos.tar", {f"./{name}": data for name, data in pictures.items()} | hidden | outside)
    assert align_pictures(tar, tmp_path / "out", detector=detector_file, workers=2) == REPORT
    assert content(tmp_path / "out") == content(unbroken)
    assert journal(tmp_path / "out") == journal(unbroken)
    assert not list(tmp_path.rglob("escaped.jpg"))


def test_progress_counts_every_picture(photos, tmp_path, detector_file):
    calls = []
    align_pictures(photos, tmp_path / "out", detector=detector_file, workers=2, progress=lambda *call: calls.append(call))
    assert calls == [(done, 11) for done in range(12)]
    align_pictures(photos, tmp_path / "out", detector=detector_file, progress=lambda *call: calls.append(call))
    assert calls[12:] == [(11, 11)]


CHILD = """
import os, signal, sys
from facelite.runtime.detector import find_detector
from facelite.training import align

source, out, where, number = *sys.argv[1:4], int(sys.argv[4])
align.BATCH = 3
calls, replace = 0, os.replace

def die():
    global calls
    calls += 1
    if calls == number:
        os.kill(os.getpid(), signal.SIGKILL)

def dying_replace(unfinished, path):
    die()
    replace(unfinished, path)

if where == "rename":
    os.replace = dying_replace
progress = lambda *call: die() if where == "progress" else None
align.align_pictures(source, out, detector=find_detector(), workers=1, progress=progress)
"""


@pytest.mark.parametrize("where, number, kept_at_least", [("rename", 1, 0), ("rename", 6, 3), ("progress", 6, 3)])
def test_a_killed_run_is_resumed(photos, tmp_path, detector_file, unbroken, where, number, kept_at_least):
    out = tmp_path / "out"
    child = subprocess.run([sys.executable, "-c", CHILD, photos, out, where, str(number)], stderr=subprocess.DEVNULL, check=False)
    assert child.returncode == -signal.SIGKILL
    left = content(out) if out.exists() else {}
    assert left.items() <= content(unbroken).items(), "something half-written lies there"
    calls = []
    assert align_pictures(photos, out, detector=detector_file, workers=1, progress=lambda *call: calls.append(call)) == REPORT
    assert calls[0][0] >= kept_at_least
    assert content(out) == content(unbroken)
    assert journal(out) == journal(unbroken)


def test_a_cut_journal_is_mended(tmp_path, pictures, detector_file):
    few = {name: pictures[name] for name in ("ada/blank.jpg", "ada/1.jpg", 'odd, "name"/ä\n1.jpg')}
    photos, out = write_folder(tmp_path / "photos", few), tmp_path / "out"
    report = align_pictures(photos, out, detector=detector_file, workers=1)
    whole = (out / "align.csv").read_bytes()
    start = whole.rindex(b'"odd')
    for cut in range(start, len(whole)):
        (out / "align.csv").write_bytes(whole[:cut])
        crops = out / 'odd, "name"/ä\n1.jpg'
        crops.unlink()
        assert align_pictures(photos, out, detector=detector_file, workers=1) == report
        assert (out / "align.csv").read_bytes() == whole
        assert crops.exists()


def test_a_resumed_run_looks_only_at_what_is_new(photos, tmp_path, detector_file, pictures, monkeypatch):
    out, seen = tmp_path / "out", []
    align_pictures(photos, out, detector=detector_file, workers=1)
    write_folder(photos, {"new/1.jpg": pictures["grace/1.JPG"]})
    one = align._align_one
    monkeypatch.setattr(align, "_align_one", lambda name, *others: seen.append(name) or one(name, *others))
    assert align_pictures(photos, out, detector=detector_file, workers=1) == AlignReport(8, REPORT.dropped)
    assert seen == ["new/1.jpg"]


def test_pictures_that_differ_by_suffix_only(tmp_path, detector_file, pictures):
    """The first is taken, the others are counted; what is kept stays, whatever comes later."""
    data = pictures["ada/1.jpg"], pictures["ada/2.png"]
    out = tmp_path / "out"
    photos = write_folder(tmp_path / "photos", {"ada/1.jpg": data[0], "ada/1.png": data[1], "grace/1.png": data[1]})
    expected = AlignReport(2, {"same name as another picture": 1})
    assert align_pictures(photos, out, detector=detector_file, workers=2) == expected
    first = (out / "ada/1.jpg").read_bytes()
    assert align_pictures(photos, out, detector=detector_file) == expected
    write_folder(photos, {"ada/1.bmp": data[1], "grace/1.jpeg": data[0]})
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(2, {"same name as another picture": 3})
    assert (out / "ada/1.jpg").read_bytes() == first
    assert sorted(content(out)) == ["ada/1.jpg", "align.json", "grace/1.jpg"]


def test_a_picture_that_vanishes_is_unreadable(tmp_path, detector_file, pictures, monkeypatch):
    def read(name):
        if name == "b/2.jpg":
            raise FileNotFoundError(name)
        return pictures["ada/1.jpg"]

    @contextmanager
    def source(path, **_):
        yield ["a/1.jpg", "b/2.jpg"], read

    monkeypatch.setattr(align, "open_source", source)
    assert align_pictures(tmp_path / "photos", tmp_path / "out", detector=detector_file) == AlignReport(1, {"unreadable": 1})


# a second run over other photos


@pytest.fixture
def aligned(tmp_path, pictures, detector_file):
    """Photos of which three have a crop and one has none, and their crops."""
    few = {name: pictures[name] for name in ("ada/1.jpg", "ada/2.png", "ada/blank.jpg", "grace/1.JPG")}
    photos, out = write_folder(tmp_path / "photos", few), tmp_path / "out"
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(3, {"no face": 1})
    return photos, out


def test_a_picture_that_changed_is_aligned_anew(aligned, tmp_path, detector_file, pictures, unbroken):
    photos, out = aligned
    write_folder(photos, {"ada/1.jpg": pictures["grace/1.JPG"], "grace/1.JPG": pictures["ada/blank.jpg"]})
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(2, {"no face": 2}, changed=2)
    expected = {"ada/1.jpg": "grace/1.jpg", "ada/2.jpg": "ada/2.jpg", "align.json": "align.json"}
    assert content(out) == {name: content(unbroken)[same] for name, same in expected.items()}
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(2, {"no face": 2})


def test_the_same_pictures_elsewhere_are_not_aligned_anew(aligned, tmp_path, detector_file, monkeypatch):
    """In a tar, with other times: what counts is their bytes."""
    photos, out = aligned
    tar = write_tar(tmp_path / "photos.tar", {path.relative_to(photos).as_posix(): path.read_bytes() for path in photos.rglob("*.*")})
    monkeypatch.setattr(align, "_align_one", None)
    assert align_pictures(tar, out, detector=detector_file) == AlignReport(3, {"no face": 1})


def test_the_crops_of_pictures_that_are_gone_go_and_nothing_else(aligned, tmp_path, detector_file, pictures):
    photos, out = aligned
    write_folder(out, {"ada/mine.jpg": b"mine", "notes.txt": b"mine"})
    write_folder(tmp_path, {"outside.jpg": b"mine"})
    with (out / "align.csv").open("a") as file:
        file.write(f"../outside.png,kept,ab\r\n{tmp_path}/outside.png,kept,ab\r\n")
    write_folder(photos, {"new/1.jpg": pictures["ada/1.jpg"]})
    for name in ("ada/1.jpg", "ada/blank.jpg", "grace/1.JPG"):
        (photos / name).unlink()
    assert align_pictures(photos, out, detector=detector_file).removed == 2
    assert sorted(content(out)) == ["ada/2.jpg", "ada/mine.jpg", "align.json", "new/1.jpg", "notes.txt"]
    assert (tmp_path / "outside.jpg").read_bytes() == b"mine"
    assert sorted(line.split(",")[0] for line in journal(out)) == ["", "ada/2.png", "new/1.jpg"]


def test_a_picture_takes_the_place_of_one_of_its_name_that_is_gone(tmp_path, detector_file, pictures, unbroken):
    photos, out = write_folder(tmp_path / "photos", {"ada/1.jpg": pictures["ada/1.jpg"], "ada/1.png": pictures["ada/2.png"]}), tmp_path / "out"
    align_pictures(photos, out, detector=detector_file)
    (photos / "ada/1.jpg").unlink()
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(1, {}, removed=1)
    assert content(out)["ada/1.jpg"] == content(unbroken)["ada/2.jpg"]


def test_a_kill_while_crops_are_removed_leaves_none_behind(aligned, detector_file, monkeypatch):
    photos, out = aligned
    (photos / "ada/1.jpg").unlink()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", lambda path, missing_ok: raise_interrupt())
        align_pictures(photos, out, detector=detector_file)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(align, "write_journal", lambda *_: raise_interrupt())
        align_pictures(photos, out, detector=detector_file)
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(2, {"no face": 1}, removed=1)
    assert sorted(content(out)) == ["ada/2.jpg", "align.json", "grace/1.jpg"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_whoever_is_removed_after_a_run_was_broken_off_leaves_no_crop(photos, tmp_path, detector_file, how):
    """It ends in the midst of a batch, whose crops no result in the journal speaks of yet."""
    out = tmp_path / "out"
    child = CHILD.replace("signal.SIGKILL", f"signal.{how.name}").replace("BATCH = 3", "BATCH = 256")
    subprocess.run([sys.executable, "-c", child, photos, out, "progress", "8"], stderr=subprocess.DEVNULL, check=False)
    assert "ada/1.jpg" in content(out)
    shutil.rmtree(photos / "ada")
    assert align_pictures(photos, out, detector=detector_file).kept == 4
    assert sorted(content(out)) == ["align.json", "grace/1.jpg", "grace/2.jpg", 'odd, "name"/ä\n1.jpg', "single/one.jpg"]
    assert not any("begun" in line for line in journal(out))


def raise_interrupt():
    raise KeyboardInterrupt


def test_an_older_journal_says_nothing_of_what_the_crops_were_made_from(aligned, detector_file, pictures, unbroken):
    photos, out = aligned
    write_folder(photos, {"ada/1.jpg": pictures["ada/2.png"]})
    (photos / "grace/1.JPG").unlink()
    (out / "align.csv").write_text("ada/1.jpg,kept\r\nada/2.png,kept\r\nada/blank.jpg,no face\r\ngrace/1.JPG,kept\r\n")
    assert align_pictures(photos, out, detector=detector_file) == AlignReport(2, {"no face": 1}, removed=1, empty=["grace"])
    assert content(out)["ada/1.jpg"] == content(unbroken)["ada/2.jpg"]


# what is said


def test_the_journal_says_why_a_picture_cannot_be_read(tmp_path, detector_file, hopper):
    jpeg, bomb = encode(hopper, ".jpg"), bytearray(encode(hopper, ".jpg"))
    size = bomb.index(b"\xff\xc0") + 5
    bomb[size : size + 4] = (30000).to_bytes(2, "big") * 2
    photos = write_folder(tmp_path / "photos", {"a/text.jpg": b"text", "a/cut.jpg": jpeg[:9000], "a/empty.jpg": b"", "a/bomb.jpg": bytes(bomb)})
    assert align_pictures(photos, tmp_path / "out", detector=detector_file) == AlignReport(0, {"unreadable": 4})
    with (tmp_path / "out/align.csv").open(newline="") as file:
        said = {name: result for name, result, _ in csv.reader(file)}
    assert all(result.startswith("unreadable: expected ") for result in said.values())
    for name, why in {"text": "begins with b'text'", "cut": "truncated", "empty": "an empty file", "bomb": "30000 x 30000"}.items():
        assert why in said[f"a/{name}.jpg"]


def test_pictures_outside_people_s_folders_are_not_aligned(tmp_path, detector_file, pictures):
    photos = write_folder(tmp_path / "photos", {"1.jpg": pictures["ada/1.jpg"], "ada/1.jpg": pictures["ada/1.jpg"]})
    assert align_pictures(photos, tmp_path / "out", detector=detector_file) == AlignReport(1, {"in no person's folder": 1})
    assert align_pictures(photos, tmp_path / "out", detector=detector_file) == AlignReport(1, {"in no person's folder": 1})
    refuses(photos / "ada", tmp_path / "flat", match=r"expected one folder of pictures per person .*, got pictures in no folder; make one")
    refuses(write_tar(tmp_path / "flat.tar", {"./1.jpg": b""}), tmp_path / "flat", match="got pictures in no folder")
    assert not (tmp_path / "flat").exists()


def test_folders_without_a_picture_are_named(tmp_path, detector_file, pictures):
    photos = write_folder(tmp_path / "photos", {"ada/1.jpg": pictures["ada/1.jpg"], "bob/1.txt": b"", ".git/x": b"", "notes.txt": b""})
    (photos / "carl").mkdir()
    assert align_pictures(photos, tmp_path / "out", detector=detector_file) == AlignReport(1, {}, empty=["bob", "carl"])


def test_pictures_deeper_than_in_a_person_s_folder_are_dropped_with_their_crops(aligned, detector_file, pictures):
    """Whose they are nobody knows: class/ada/1.jpg, or ada/trip/1.jpg."""
    photos, out = aligned
    write_folder(photos, {"ada/trip/1.jpg": pictures["ada/1.jpg"]})
    write_folder(out, {"ada/trip/1.jpg": b"a crop, as an older facelite left it"})
    with (out / "align.csv").open("a") as file:
        file.write(f"ada/trip/1.jpg,kept,{hashlib.sha256(pictures['ada/1.jpg']).hexdigest()}\r\n")
    for _ in range(2):
        assert align_pictures(photos, out, detector=detector_file) == AlignReport(3, {"deeper than in a person's folder": 1, "no face": 1})
        assert sorted(content(out)) == ["ada/1.jpg", "ada/2.jpg", "align.json", "grace/1.jpg"]
    assert "ada/trip/1.jpg,deeper than in a person's folder," in journal(out)
    refuses(write_folder(photos.parent / "deep", {"train/ada/1.jpg": b""}), out, match="got train/ada/1.jpg; name the folder that holds the people's")


@pytest.mark.parametrize("kind", ["folder", "tar"])
def test_pictures_of_other_kinds_are_dropped_with_the_reason(tmp_path, detector_file, pictures, kind):
    """A phone may leave both beside each other: then the one that is read is kept."""
    mixed = {
        "ada/1.heic": b"HEIC",
        "ada/1.jpg": pictures["ada/1.jpg"],
        "bob/1.HEIC": b"HEIC",
        "bob/2.tiff": b"",
        "bob/3.gif": b"",
        "bob/notes.txt": b"",
    }
    source = write_tar(tmp_path / "photos.tar", mixed) if kind == "tar" else write_folder(tmp_path / "photos", mixed)
    for _ in range(2):
        assert align_pictures(source, tmp_path / "out", detector=detector_file) == AlignReport(1, {"no JPEG, PNG, WebP or BMP": 4})
    assert 'bob/2.tiff,"no JPEG, PNG, WebP or BMP: convert it",' in journal(tmp_path / "out")


def test_links_to_people_s_folders_are_followed(tmp_path, detector_file, pictures):
    photos = write_folder(tmp_path / "photos", {"ada/1.jpg": pictures["ada/1.jpg"]})
    write_folder(tmp_path / "elsewhere", {"2.jpg": pictures["grace/1.JPG"]})
    (photos / "grace").symlink_to(tmp_path / "elsewhere")
    (photos / "ada/back").symlink_to(photos)
    assert align_pictures(photos, tmp_path / "out", detector=detector_file).kept == 2
    assert sorted(content(tmp_path / "out")) == ["ada/1.jpg", "align.json", "grace/2.jpg"]


# what is refused


def refuses(*arguments, match, **options):
    with pytest.raises(InputError, match=match) as caught:
        align_pictures(*arguments, detector=b"", **options)
    assert "\n" not in str(caught.value)


def test_crops_of_another_geometry_are_not_mixed(photos, unbroken):
    before = content(unbroken)
    refuses(
        photos,
        unbroken,
        geometry=CropGeometry(112, 16),
        match=r"crops of --face 112 --margin 16, got crops of --face 128 --margin 16; choose .* these options",
    )
    assert content(unbroken) == before


@pytest.mark.parametrize(
    "source, out",
    [
        ("photos", "photos"),
        ("photos", "photos/crops"),
        ("photos/ada", "photos"),
        ("photos", "photos/../photos"),
    ],
)
def test_crops_are_not_written_among_the_photos(photos, tmp_path, source, out):
    before = content(photos)
    refuses(tmp_path / source, tmp_path / out, match=r"expected a folder apart from the photos, got .+; choose another folder")
    assert content(photos) == before


@pytest.mark.parametrize("kind", ["missing", "empty", "no pictures", "text", "compressed", "cut"])
def test_a_source_without_pictures_leaves_no_trace(tmp_path, pictures, kind):
    source = tmp_path / "source"
    if kind in ("empty", "no pictures"):
        write_folder(source, {"ada/notes.txt": b""} if kind == "no pictures" else {})
        source.mkdir(exist_ok=True)
    elif kind == "text":
        source.write_text("not a tar")
    elif kind in ("compressed", "cut"):
        write_tar(source, pictures, "w:gz" if kind == "compressed" else "w")
    if kind == "cut":
        os.truncate(source, source.stat().st_size // 2)
    refuses(source, tmp_path / "out", match=r"source: expected .+")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", [None, "", "{}x", "[]", '{"face": 112, "other": 1}', '{"face": 0}', '{"face": "128"}'])
def test_a_folder_without_geometry_is_refused(tmp_path, text):
    if text is not None:
        Path(tmp_path, "align.json").write_text(text)
    with pytest.raises(InputError, match=r"align\.json: expected .+"):
        read_geometry(tmp_path)
