"""A set in the look of a camera: the people without those held out, none too far from themselves; an interrupted run ends as an unbroken one."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli.main import main
from facelite.errors import InputError
from facelite.explain import rendering as module
from facelite.explain.features import open_features
from facelite.explain.look import look_of, painter, pictures_of, read_seen
from facelite.explain.rendering import JOURNAL, NOTE, SHARES, SHEET, claim_look, draw_sheet, render_set
from facelite.explain.style import Look
from facelite.export.synthetic import draw_face
from facelite.face import FaceCrop
from facelite.preprocess import Preprocessing, template
from facelite.runtime.detector import Detector
from facelite.split import is_held_out
from facelite.training.augment import view, view_matrix
from facelite.training.dataset import load
from facelite.training.geometry import CropGeometry
from facelite.training.recipe import Teacher, TrainingSet

ROOT = Path(__file__).parents[2]
GEOMETRY = CropGeometry(face=112, margin=8)
PEOPLE = [f"person{i:03}" for i in range(200)]
NAMES = [name for name in PEOPLE if not is_held_out(name)][:6] + [name for name in PEOPLE if is_held_out(name)][:2]


class Levels:
    """An embedder that sees how light the four quarters of a crop are."""

    preprocessing = Preprocessing(32, 32)

    def vectors(self, crops):
        return np.stack([crop.pixels.reshape(2, 16, 2, 16, 3).mean((1, 3, 4)).ravel() + 1 for crop in crops]).astype(np.float32)


def darker(crop, rng):
    """The left half of it, by chance more or less."""
    rendered = crop.copy()
    rendered[:, : len(crop) // 2] = rendered[:, : len(crop) // 2] * rng.uniform(0, 0.6)
    return rendered


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[:, :, ::-1])


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Six people and two held out, three pictures each."""
    folder = tmp_path_factory.mktemp("data") / "faces"
    for place, name in enumerate(NAMES):
        for picture in range(3):
            write(folder / name / f"{picture}.jpg", draw_face(10 * place + picture, side=GEOMETRY.side))
    (folder / "align.json").write_text(json.dumps(asdict(GEOMETRY)))
    return folder


def rendered(faces, out, render=darker, made_by="f", **options):
    claim_look(faces, out, {"made_by": made_by})
    return render_set(faces, out, render, **{"embedder": Levels, "farthest": 0.1, "workers": 2, **options})


def embedded(path):
    """What the embedder makes of a stored crop: its template's square, as the network would take it."""
    crop = cv2.imread(str(path))[:, :, ::-1]
    matrix = view_matrix(GEOMETRY, 32, 32)
    vector = Levels().vectors([FaceCrop(view(np.ascontiguousarray(crop), matrix, 32, 32), template(32, 32))])[0]
    return vector / np.linalg.norm(vector)


def files(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != JOURNAL}


def test_the_same_pictures_without_those_held_out(faces, tmp_path):
    told = rendered(faces, tmp_path / "out")
    names = {name for name in files(tmp_path / "out") if name.endswith(".jpg")}
    assert names == set(pictures_of(faces)) and len(names) == told.pictures == 18
    assert not any(is_held_out(name.split("/")[0]) for name in names)
    note = json.loads((tmp_path / "out" / NOTE).read_text())
    assert (note["of"], note["made_by"]) == ("faces", "f")
    assert len({(tmp_path / "out" / name).read_bytes() for name in names}) == 18


def test_each_picture_has_a_chance_of_its_own(faces, tmp_path):
    """The same picture under two names is rendered in two ways, and under one name always in one."""
    drawn = []
    rendered(faces, tmp_path / "out", render=lambda crop, rng: drawn.append(rng.random()) or crop, workers=1)
    assert len(set(drawn)) == 18
    again = []
    rendered(faces, tmp_path / "again", render=lambda crop, rng: again.append(rng.random()) or crop, workers=1)
    assert again == drawn


def test_none_is_farther_from_itself_than_is_allowed(faces, tmp_path):
    told = rendered(faces, tmp_path / "out")
    rows = [line.split(",") for line in (tmp_path / "out" / JOURNAL).read_text().split()]
    distances, shares = np.array([[float(value) for value in row[1:]] for row in rows]).T
    assert set(shares) <= set(SHARES) and told.weakened == (shares < 1).sum() > 0 and told.left_out == 0
    assert distances.max() <= 0.1 and told.quantile <= 0.1 and told.median == pytest.approx(np.median(distances))
    for name, apart in zip([row[0] for row in rows], distances, strict=True):  # as written; JPEG changes it a little
        assert ((embedded(tmp_path / "out" / name) - embedded(faces / name)) ** 2).sum() == pytest.approx(apart, abs=0.005)
    free = rendered(faces, tmp_path / "free", farthest=4.0)
    assert free.weakened == 0 and free.median > told.median


def test_what_cannot_be_brought_near_enough_is_left_out(faces, tmp_path):
    told = rendered(faces, tmp_path / "out", farthest=1e-4)
    assert told.left_out > 0 and told.pictures == 18 - told.left_out == len(list((tmp_path / "out").glob("*/*.jpg")))
    again = rendered(faces, tmp_path / "out", farthest=1e-4)
    assert asdict(again) == pytest.approx(asdict(told), abs=1e-4, nan_ok=True)


def test_an_interrupted_run_ends_as_an_unbroken_one(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 4)
    rendered(faces, tmp_path / "whole")

    def stop(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rendered(faces, tmp_path / "cut", progress=stop)
    assert len(list((tmp_path / "cut").glob("*/*.jpg"))) == 8
    with (tmp_path / "cut" / JOURNAL).open("a") as journal:
        journal.write("person000/2.jpg,0.0")  # as a kill leaves it
    calls = []
    told = rendered(faces, tmp_path / "cut", render=lambda crop, rng: calls.append(1) or darker(crop, rng))
    assert len(calls) == 10 and told.pictures == 18
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert sorted((tmp_path / "cut" / JOURNAL).read_text().split()) == sorted((tmp_path / "whole" / JOURNAL).read_text().split())
    (tmp_path / "cut" / NAMES[0] / "1.jpg").unlink()
    rendered(faces, tmp_path / "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_another_look_and_other_files_are_refused(faces, tmp_path):
    rendered(faces, tmp_path / "out")
    fewer = tmp_path / "fewer/faces"
    shutil.copytree(faces, fewer)
    shutil.rmtree(fewer / NAMES[0])
    for source, made_by in ((faces, "g"), (fewer, "f")):
        with pytest.raises(InputError, match=r"expected pictures made by .*; name another folder"):
            rendered(source, tmp_path / "out", made_by=made_by)
    for inside in (faces, faces / "look", faces.parent):
        with pytest.raises(InputError, match="expected a folder apart from the crops, got one that overlaps"):
            rendered(faces, inside)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.txt").write_text("a")
    with pytest.raises(InputError, match="expected a new folder or one of rendered pictures, got one with other files in it"):
        rendered(faces, tmp_path / "mine")
    assert files(tmp_path / "mine") == {"a.txt": b"a"}
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"expected aligned crops person/picture.jpg of people who are not held out, found none"):
        rendered(tmp_path / "none", tmp_path / "new")


def test_a_network_paints_the_texture_in_the_camera_s_colours(faces):
    seen = [np.clip(draw_face(90 + i, side=GEOMETRY.side) * [0.5, 0.4, 0.3] + np.random.default_rng(i).normal(0, 20, 3), 0, 255) for i in range(8)]
    seen = [np.clip(face + np.random.default_rng(i).normal(0, 25, face.shape), 0, 255).astype(np.uint8) for i, face in enumerate(seen)]
    render = painter(
        open_features(ROOT / "export/nns2/int8.toml"), look_of(faces, seen), seen, Look("inception3a", {"conv1": 1.0, "conv2": 1.0}), steps=12
    )
    crop = draw_face(0, side=GEOMETRY.side)
    painted = render(crop, np.random.default_rng(0))
    assert painted.shape == crop.shape and painted.dtype == np.uint8
    assert painted.mean() < 0.7 * crop.mean()
    rough = [np.abs(cv2.Laplacian(picture, cv2.CV_32F)).mean() / picture.mean() for picture in (crop, painted)]
    assert rough[1] > 2 * rough[0]


@pytest.fixture(scope="module")
def frames(tmp_path_factory, astronaut):
    """Nine dim pictures of one person, and one of nobody."""
    folder = tmp_path_factory.mktemp("frames")
    for i in range(9):
        rng = np.random.default_rng(i)
        write(folder / f"{i}.png", np.clip(astronaut[:400, i * 4 :] * rng.uniform(0.3, 0.4) + rng.normal(0, 6, 1), 0, 255).astype(np.uint8))
    write(folder / "9.png", np.zeros((200, 200, 3), np.uint8))
    return folder


def test_the_faces_of_frames_are_aligned(frames, detector_file, tmp_path):
    seen = read_seen(frames, detector_file, GEOMETRY)
    assert len(seen) == 9 and {face.shape for face in seen} == {(128, 128, 3)}
    found = [Detector(detector_file).detect(face) for face in seen]
    assert all(one and np.abs(one[0].landmarks - GEOMETRY.landmarks).max() < 6 for one in found)
    for i in range(3):
        shutil.copy(frames / f"{i}.png", tmp_path)
    with pytest.raises(InputError, match="expected 8 whole faces or more, got 3; take more frames"):
        read_seen(tmp_path, detector_file, GEOMETRY)
    for wrong in (tmp_path / "none", detector_file_path(tmp_path)):
        with pytest.raises(InputError, match=r"expected a folder of frames or a film .*, found none; check the path"):
            read_seen(wrong, detector_file, GEOMETRY)


def detector_file_path(folder):
    (folder / "frames.tar").write_bytes(b"tar")
    return folder / "frames.tar"


def test_a_face_that_the_frame_cuts_off_is_not_looked_at(astronaut, detector_file, tmp_path):
    face = Detector(detector_file).detect(astronaut)[0]
    left = round(float(face.box[0] + 0.35 * face.box[2]))
    for i in range(9):
        write(tmp_path / f"{i}.png", astronaut[:, left:])
    assert Detector(detector_file).detect(np.ascontiguousarray(astronaut[:, left:]))
    with pytest.raises(InputError, match="expected 8 whole faces or more, got 0"):
        read_seen(tmp_path, detector_file, GEOMETRY)


def test_a_crop_of_another_size_is_refused(faces, tmp_path):
    other = tmp_path / "faces"
    shutil.copytree(faces, other)
    write(other / NAMES[0] / "1.jpg", draw_face(0, side=100))
    for ask in (lambda: rendered(other, tmp_path / "out"), lambda: look_of(other, [draw_face(1, side=GEOMETRY.side)] * 8)):
        with pytest.raises(InputError, match="expected a crop of 128 x 128, got 100 x 100; align again"):
            ask()


def test_the_command_makes_a_set_that_training_takes(frames, faces, tmp_path, bundle_file):
    data = tmp_path / "data"
    shutil.copytree(faces, data / "faces")
    words = ["style", "--augment", data / "faces", "--look", frames, "--bundle", bundle_file, "--json"]
    ended = CliRunner().invoke(main, [*map(str, words)])
    assert ended.exit_code == 0, ended.output
    told = json.loads(ended.stdout)
    assert told["folder"] == str(data / "faces-look") and told["faces"] == 9
    assert told["pictures"] + told["left_out"] == 18 and cv2.imread(told["sheet"]).shape[0] == 3 * 128
    training, held_out = load(data, (TrainingSet("faces"), TrainingSet("faces-look", of="faces")), Teacher())
    looks = sum("look" in name for name in training.names)
    assert len(training) == 15 + looks and looks == told["pictures"] * 5 / 6  # of six who might be trained on, one more is held out of so few
    assert training.people == 5 and len(held_out) == 9 and not any("look" in name for name in held_out.names)


def test_where_nothing_is_near_enough_the_command_says_so(frames, faces, tmp_path, bundle_file):
    words = ["style", "--augment", faces, "--look", frames, "--bundle", bundle_file, "--out", tmp_path / "out", "--farthest", "0.0000001"]
    ended = CliRunner().invoke(main, [*map(str, words)])
    assert ended.exit_code == 2 and "raise --farthest" in ended.output


@pytest.mark.parametrize(
    "words",
    [
        ["--augment", "faces"],
        ["--look", "frames"],
        ["--augment", "faces", "--look", "frames", "--full"],
        ["net.toml", "--augment", "faces", "--look", "frames"],
        ["net.toml", "a.png", "--augment", "faces", "--look", "frames"],
        ["net.toml", "a.png"],
        [],
    ],
)
def test_what_does_not_belong_together_is_refused(words):
    ended = CliRunner().invoke(main, ["style", *words])
    assert ended.exit_code == 2 and "expected" in ended.output and "Traceback" not in ended.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--augment", "faces", "--look", "frames", "--every", "3", "--style-layers", "conv1"], "no --every with --augment"),
        (["--augment", "faces", "--look", "frames", "--alpha", "2", "--style-layers", "conv1"], "no --style-layers and no --alpha without --full"),
        (["net.toml", "a.png", "b.png", "--farthest", "1"], "no --farthest without --augment"),
    ],
)
def test_an_option_by_which_nothing_goes_is_refused(words, said):
    ended = CliRunner().invoke(main, ["style", *words])
    assert ended.exit_code == 2 and said in " ".join(ended.output.split())


def test_the_sheet_shows_some_of_each(faces, tmp_path):
    rendered(faces, tmp_path / "out")
    draw_sheet(faces, tmp_path / "out", [draw_face(1, side=GEOMETRY.side)] * 20)
    assert cv2.imread(str(tmp_path / "out" / SHEET)).shape == (3 * 128, 12 * 128, 3)
