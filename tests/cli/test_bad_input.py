"""Whatever a user hands over by mistake: one line that names it, the right exit status, nothing changed on the disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite import bundle as bundle_module
from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, MANIFEST, save_bundle
from facelite.export.synthetic import draw_face
from facelite.face import Embedding
from facelite.gallery import Gallery

RELEASED = Path(__file__).parents[2] / "export/nns2"

# bundles


def bundle_commands(photos, bundle, gallery="g.db"):
    """Every command that opens a bundle, with the bundle in its place."""
    picture = photos / "astronaut.png"
    return [
        ["verify", picture, picture, "--bundle", bundle],
        ["enrol", "--gallery", gallery, "Ada", picture, "--bundle", bundle],
        ["identify", "--gallery", gallery, picture, "--bundle", bundle],
        ["embed", picture, "--bundle", bundle],
        ["gallery", "list", "--gallery", gallery, "--bundle", bundle],
        ["gallery", "remove", "--gallery", gallery, "Ada", "--bundle", bundle],
        ["inspect", bundle],
        ["evaluate", bundle, photos, "--all-pairs"],
    ]


def text(path):
    path.write_text("This is no bundle, although its name says so.\n")


@pytest.mark.parametrize("make", [lambda path: None, text, lambda path: path.mkdir(), lambda path: path.touch()])
def test_no_command_takes_what_is_no_bundle(refused, photos, tmp_path, make):
    path = tmp_path / "x.facelite"
    make(path)
    *commands, evaluate = bundle_commands(photos, path, tmp_path / "g.db")
    for words in commands:
        refused(4, *words, match=f"^facelite: {path}: expected a bundle, got .*; (make|export)")
    if path.is_dir():  # evaluate also takes the folder of a run
        refused(2, *evaluate, match=f"^facelite: {path}: expected a bundle, .* got another folder; check the path")
    else:
        refused(4, *evaluate, match=f"^facelite: {path}: expected a bundle, got .*; (make|export)")


def test_no_bundle_at_all_says_how_to_name_one(refused, photos, monkeypatch, tmp_path):
    monkeypatch.delenv("FACELITE_BUNDLE")
    monkeypatch.setattr(bundle_module, "__file__", str(tmp_path / "bundle.py"))
    refused(4, "embed", photos / "astronaut.png", match="got the name of none; name one with --bundle B or FACELITE_BUNDLE, or make one")


def test_a_bundle_cut_anywhere_is_refused(refused, bundle_file, tmp_path):
    data = bundle_file.read_bytes()
    path = tmp_path / "cut.facelite"
    for share in (*np.linspace(0, 0.999, 24), 1 - 1 / len(data), 1 - 22 / len(data)):
        path.write_bytes(data[: int(share * len(data))])
        refused(4, "inspect", path, match=f"{path}: expected a bundle")


def test_a_bundle_with_one_changed_byte_anywhere_is_refused(refused, bundle_file, tmp_path):
    data = bytearray(bundle_file.read_bytes())
    path = tmp_path / "edited.facelite"
    for at in (*np.linspace(0, len(data) - 1, 40).astype(int), *range(10, 16), *range(len(data) - 60, len(data), 7)):
        data[at] ^= 0x04
        path.write_bytes(data)
        data[at] ^= 0x04
        refused(4, "inspect", path, match=f"{path}: .*(export|use the facelite)")


@pytest.fixture
def other_bundle(bundle, tmp_path):
    """A bundle whose embedder gives other numbers: most of its last kernel is turned around. Its hashes are right."""
    data = bytearray(bundle.files[EMBEDDER])
    start, end = len(data) // 4, len(data) * 7 // 8
    data[start:end] = data[start:end][::-1]
    path = tmp_path / "other.facelite"
    save_bundle(path, replace(bundle.manifest, name="other"), {**bundle.files, EMBEDDER: bytes(data)})
    return path


def unzipped(bundle_file):
    return bundle_module._unzip(bundle_file.read_bytes())


def test_an_embedder_of_another_bundle_is_refused_by_its_hash(refused, bundle_file, other_bundle, photos, tmp_path):
    files = unzipped(bundle_file) | {EMBEDDER: unzipped(other_bundle)[EMBEDDER]}
    other_bundle.write_bytes(bundle_module._zip(files))
    for words in bundle_commands(photos, other_bundle, tmp_path / "g.db"):
        refused(4, *words, match=f"expected {EMBEDDER} with sha256 [0-9a-f]{{64}}, got [0-9a-f]{{64}}; the bundle is damaged or edited")


def test_an_embedder_of_another_bundle_with_its_hash_is_refused_by_the_self_test(refused, other_bundle, photos, tmp_path):
    picture = photos / "astronaut.png"
    for words in (["verify", picture, picture], ["enrol", "--gallery", tmp_path / "g.db", "Ada", picture], ["embed", picture]):
        refused(4, *words, "--bundle", other_bundle, match=f"{other_bundle}: the embedder fails its self-test: expected a distance of at most 0.02")


@pytest.mark.parametrize("change", [
    {"format": [2, 0]},
    {"format": [0, 9]},
    {"format": "1.0"},
    {"thresholds": []},
    {"embedding": None},
    {"preprocessing": {"height": 112}},
])  # fmt: skip
def test_a_manifest_that_this_program_does_not_understand_is_refused(refused, bundle_file, photos, tmp_path, change):
    files = unzipped(bundle_file)
    path = tmp_path / "new.facelite"
    path.write_bytes(bundle_module._zip(files | {MANIFEST: json.dumps(json.loads(files[MANIFEST]) | change).encode()}))
    for words in bundle_commands(photos, path, tmp_path / "g.db"):
        refused(4, *words, match=f"{path}: .*(use the facelite that the bundle was made for|export or download)")


@pytest.mark.parametrize(("changes", "match"), [
    ({EMBEDDER: b"no model"}, "expected a TFLite model that .* can load, got: .*; export it again"),
    ({EMBEDDER: None}, "expected an embedder of input 112 x 96, got .*; export it so"),
    ({DETECTOR: None}, r"expected a detector of input \(1, 128, 128, 3\), got \(1, 112, 96, 3\); export it again"),
    ({GOLDEN: b"[]"}, "expected two or more golden vectors, got 0; export the bundle again"),
])  # fmt: skip
def test_a_part_of_another_kind_is_refused_with_the_bundle_s_name(refused, bundle, photos, tmp_path, changes, match):
    path, picture = tmp_path / "mixed.facelite", photos / "astronaut.png"
    swapped = {EMBEDDER: bundle.files[DETECTOR], DETECTOR: bundle.files[EMBEDDER]}
    save_bundle(path, bundle.manifest, {**bundle.files, **{name: data or swapped[name] for name, data in changes.items()}})
    for words in (["verify", picture, picture], ["enrol", "--gallery", tmp_path / "g.db", "Ada", picture], ["embed", picture]):
        refused(4, *words, "--bundle", path, match=f"^facelite: {path}: {match}")


def test_a_newer_minor_with_a_key_of_tomorrow_is_accepted(facelite, bundle_file, photos, tmp_path):
    files = unzipped(bundle_file)
    table = json.loads(files[MANIFEST]) | {"format": [1, 99], "watermark": {"kind": "new"}}
    path = tmp_path / "new.facelite"
    path.write_bytes(bundle_module._zip(files | {MANIFEST: json.dumps(table).encode()}))
    assert facelite("verify", photos / "astronaut.png", photos / "flipped.jpg", "--bundle", path).status == 0
    assert facelite("inspect", path, "--json").json["format"] == [1, 99]


# pictures


def bomb(path):
    """A PNG that says 30,000 x 30,000 pixels, 2.7 GB, in a few bytes."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (30_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


@pytest.fixture
def pictures(photos, tmp_path):
    for name in ("text.jpg", "truncated.jpg", "empty.png"):
        shutil.copy(photos / name, tmp_path)
    bomb(tmp_path / "bomb.png")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


@pytest.mark.parametrize(("name", "match"), [
    ("text.jpg", "expected a JPEG, PNG, WebP or BMP picture, got a file that begins with b'not a pi'; convert it"),
    ("truncated.jpg", "expected a whole picture, got a truncated file; copy or download it again"),
    ("empty.png", "expected a picture, got an empty file"),
    ("bomb.png", "expected a picture of 1 to 16,000,000 pixels, got 30000 x 30000; save it in another size"),
    ("missing.png", "expected a readable picture, got No such file or directory; check the path"),
    ("folder.png", "expected a readable picture, got Is a directory; check the path"),
])  # fmt: skip
def test_an_unreadable_picture_is_named_with_2_by_every_command(refused, photos, pictures, gallery, name, match):
    bad, good = pictures / name, photos / "astronaut.png"
    match = f"{bad}: {match}"
    refused(2, "verify", bad, good, match=match)
    refused(2, "verify", good, bad, match=match)
    refused(2, "verify", bad, "--gallery", gallery, "--subject", "Eileen", match=match)
    refused(2, "identify", "--gallery", gallery, bad, match=match)
    refused(2, "enrol", "--gallery", gallery, "Ada", good, bad, match=match)
    refused(2, "enrol", "--gallery", pictures / "new.db", "Ada", bad, match=match)
    refused(2, "embed", bad, match=match)


@pytest.mark.parametrize(("name", "match"), [
    ("none.png", "no face: .*expected a face, found none; face the camera"),
    ("two.png", "several faces: .*expected one face, found 2; show one person, or choose: --face centre"),
    ("dark.png", "too dark: .*expected a mean luma of 20 or more, got .*; add light"),
])  # fmt: skip
def test_a_picture_that_will_not_do_is_3_by_every_command_and_nothing_is_enrolled(refused, photos, gallery, tmp_path, name, match):
    poor, good = photos / name, photos / "astronaut.png"
    refused(3, "verify", poor, good, match=match)
    refused(3, "verify", poor, "--gallery", gallery, "--subject", "Eileen", match=match)
    refused(3, "identify", "--gallery", gallery, poor, match=match)
    refused(3, "enrol", "--gallery", gallery, "Ada", good, poor, match=match)
    refused(3, "enrol", "--gallery", tmp_path / "new.db", "Ada", poor, match=match)
    refused(3, "embed", poor, match=match)


def test_an_empty_name_is_no_folder(refused, photos):
    refused(2, "verify", photos / "astronaut.png", "", match="^facelite: expected the name of a picture, got an empty one; name a file$")
    refused(2, "embed", "", match="expected the name of a picture, got an empty one; name a file")


# galleries


def other_database(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (name TEXT)")


def other_space(path):
    with Gallery(path, space="another-space", create=True) as gallery:
        gallery.enrol("Ada", [Embedding(np.ones(128), "another-space")], artefact="x")


def truncated(path):
    other_space(path)
    path.write_bytes(path.read_bytes()[:6000])


@pytest.mark.parametrize(("make", "match"), [
    (text, "expected a gallery, got: file is not a database; restore it from a copy or name another"),
    (other_database, "expected a gallery, got an empty file or another database"),
    (truncated, "expected .*, got: "),
    (other_space, "expected a gallery of the space 'facelite-2026', which the bundle has, got 'another-space'; use the bundle"),
    (lambda path: path.with_name("none").mkdir(), "expected a gallery, found none; make one: facelite enrol"),
])  # fmt: skip
def test_what_is_no_gallery_is_refused_by_every_command(refused, photos, bundle_file, tmp_path, make, match):
    path, picture = tmp_path / "g.db", photos / "astronaut.png"
    make(path)
    match = f"^facelite: {path}: {match}"
    refused(4, "verify", picture, "--gallery", path, "--subject", "Ada", match=match)
    refused(4, "identify", "--gallery", path, picture, match=match)
    for words in (["list"], ["remove", "Ada"], ["purge", "--older-than", 0], ["export", tmp_path / "out.json"], ["restore"]):
        refused(4, "gallery", *words, "--gallery", path, "--bundle", bundle_file, match=match)
    if path.exists():
        refused(4, "enrol", "--gallery", path, "Ada", picture, match=match)


def test_a_folder_is_no_gallery_and_a_gallery_needs_a_folder(refused, photos, tmp_path):
    picture = photos / "astronaut.png"
    for command in (["enrol", "Ada", picture], ["identify", picture], ["gallery", "list"], ["verify", picture, "--subject", "Ada"]):
        refused(2, *command, "--gallery", tmp_path, match="'--gallery': File .* is a directory")
    refused(4, "enrol", "--gallery", tmp_path / "none/g.db", "Ada", picture, match="expected an existing folder to make the gallery in")
    (tmp_path / "file").touch()
    refused(4, "enrol", "--gallery", tmp_path / "file/g.db", "Ada", picture, match="expected an existing folder to make the gallery in")


def test_an_unknown_subject_is_refused(refused, facelite, photos, gallery):
    refused(
        4, "verify", photos / "astronaut.png", "--gallery", gallery, "--subject", "Nobody", match="one of its 1 subjects, got 'Nobody'; see: facelite"
    )
    refused(4, "gallery", "remove", "--gallery", gallery, "Nobody", match="one of its 1 subjects, got 'Nobody'")
    assert facelite("gallery", "remove", "--gallery", gallery, "Eileen").status == 0
    refused(4, "identify", "--gallery", gallery, photos / "astronaut.png", match="expected somebody enrolled, got an empty gallery; enrol first")
    refused(4, "verify", photos / "astronaut.png", "--gallery", gallery, "--subject", "Eileen", match="empty gallery")


@pytest.mark.parametrize("subject", ["", "  ", "two\nlines"])
def test_an_empty_name_is_refused(refused, photos, gallery, tmp_path, subject):
    for path in (gallery, tmp_path / "new.db"):
        refused(
            2, "enrol", "--gallery", path, subject, photos / "hopper.jpg", match="expected a subject's name in printable letters, got .*; name the"
        )


def test_a_folder_of_people_without_people_is_refused(refused, photos, tmp_path):
    new = tmp_path / "new.db"
    refused(2, "enrol", "--gallery", new, "--folder", tmp_path / "none", match="expected a folder with one folder per person, found no folder")
    (tmp_path / "people/Ada").mkdir(parents=True)
    refused(2, "enrol", "--gallery", new, "--folder", tmp_path / "people", match=r"expected pictures in it, one folder per person .*, found none")
    for place, where in (("Ada/1/hopper.jpg", "deeper"), ("hopper.jpg", "in none")):
        picture = tmp_path / where / "people" / place
        picture.parent.mkdir(parents=True)
        shutil.copy(photos / "hopper.jpg", picture)
        refused(2, "enrol", "--gallery", new, "--folder", tmp_path / where / "people", match=f"expected one folder per person .* {place} {where}; ")
    refused(2, "enrol", "--gallery", new, "--folder", photos / "text.jpg", match="is a file")


# rates and usage


def test_a_rate_that_was_not_measured_is_refused(refused, photos, gallery):
    pair = ["verify", photos / "astronaut.png", photos / "hopper.jpg"]
    refused(4, *pair, "--fmr", "0.5", match="expected an FMR out of 0.01, .*, which were measured, got 0.5; choose one of them")
    refused(2, *pair, "--fmr", "nan", match="'--fmr': expected a number, got nan")
    refused(
        4, "identify", "--gallery", gallery, photos / "hopper.jpg", "--fmr", "1e-9", match="got .* as the smallest that was measured; ask for --fmr"
    )
    for rate in ("0", "2", "-1", "1", "often"):
        refused(2, *pair, "--fmr", rate, match="Invalid value for '--fmr'")
        refused(2, "identify", "--gallery", gallery, photos / "hopper.jpg", "--fmr", rate, match="Invalid value for '--fmr'")


@pytest.mark.parametrize("words", [
    [],
    ["gallery"],
    ["frobnicate"],
    ["verify"],
    ["verify", "a.png"],
    ["verify", "a.png", "b.png", "c.png"],
    ["verify", "a.png", "b.png", "--gallery", "g.db"],
    ["verify", "a.png", "--gallery", "g.db"],
    ["verify", "a.png", "b.png", "--subject", "Ada"],
    ["verify", "a.png", "b.png", "--face", "left"],
    ["verify", "a.png", "b.png", "--threads", "0"],
    ["verify", "a.png", "b.png", "--threads", "100000"],
    ["verify", "a.png", "b.png", "--treads", "1"],
    ["enrol", "Ada", "a.png"],
    ["enrol", "--gallery", "g.db"],
    ["enrol", "--gallery", "g.db", "Ada"],
    ["enrol", "--gallery", "g.db", "Ada", "a.png", "--folder", "people"],
    ["identify", "--gallery", "g.db"],
    ["embed"],
    ["inspect"],
    ["evaluate", "m.facelite", "data"],
    ["evaluate", "m.facelite", "data", "--pairs", "p.txt", "--all-pairs"],
    ["train"],
    ["export"],
])  # fmt: skip
def test_wrong_usage_points_to_the_help(refused, words):
    refused(2, *words, match=r"\(see: .* --help\)$")


# recipes


@pytest.fixture
def recipe(tmp_path):
    """recipe(old, new) copies the released recipe's folder, and NNS1's embedders that it names, with a change in the recipe."""

    def write(old="", new=""):
        folder = tmp_path / "nns2"
        shutil.copytree(RELEASED, folder, dirs_exist_ok=True)
        shutil.copytree(RELEASED.parent / "nns1", tmp_path / "nns1", ignore=shutil.ignore_patterns("*.npz"), dirs_exist_ok=True)
        content = (folder / "int8.toml").read_text()
        assert old in content
        (folder / "int8.toml").write_text(content.replace(old, new, 1))
        return folder / "int8.toml"

    return write


@pytest.mark.parametrize(("old", "new", "match"), [
    ('name = "nns2-int8"', 'name = "nns2-int8"\nnetwrok = "nns2"', "expected the keys .*, got 'netwrok'; correct it"),
    ('space = "facelite-2026"', "space = 7", "expected space to be str, got 7"),
    ('space = "facelite-2026"', "", "expected the key 'space', got none; correct it"),
    ('network = "nns2"', 'network = "nns3"', "expected a network out of nn1, .*, got 'nns3'; correct the name"),
    ('name = "nns2-int8"', 'name = "a/b"', "expected a name that can be a file's, got 'a/b'"),
    ('name = "nns2-int8"', "name = ", "expected TOML, got .*; correct it"),
    ('released = "nns2-int8.tflite"', 'released = "none.tflite"', "none.tflite: expected the file that the recipe names, got No such file"),
    ('released = "nns2-int8.tflite"', 'weights_of = "me"', "got 'weights_of'"),
])  # fmt: skip
def test_a_wrong_recipe_is_refused_and_nothing_is_written(refused, recipe, tmp_path, old, new, match):
    refused(2, "export", recipe(old, new), "--out", tmp_path / "out", match=match)


def test_a_missing_or_foreign_weights_file_is_refused(refused, recipe, people, tmp_path):
    path = recipe('weights = "weights.npz"', 'weights = "none.npz"')
    arguments = ["export", path, "--out", tmp_path / "out", "--rebuild", "--faces", people]
    refused(2, *arguments, match=r"none\.npz: expected weights as a training run leaves them, got No such file or directory; name them right")
    (path.parent / "none.npz").write_text("text")
    refused(2, *arguments, match=r"none\.npz: expected weights as a training run leaves them, got another or a damaged file; name")


def test_a_recipe_that_is_none_is_refused(refused, tmp_path):
    for path, match in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        refused(2, "export", path, "--out", tmp_path / "out", match=f"{path}: expected a recipe, got {match}.*; check the path")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    refused(2, "export", tmp_path / "x.toml", "--out", tmp_path / "out", match="expected TOML, got")


def test_a_damaged_release_is_refused(refused, recipe, tmp_path):
    path = recipe()
    released, thresholds = path.parent / "nns2-int8.tflite", path.parent / "thresholds.json"
    model = bytearray(released.read_bytes())
    known = hashlib.sha256(model).hexdigest()
    model[len(model) // 2] ^= 1
    released.write_bytes(model)
    refused(4, "export", path, "--out", tmp_path / "out", match="expected thresholds for its sha256 beside it, got none; measure them")
    digest = hashlib.sha256(model).hexdigest()
    thresholds.write_text(json.dumps({key.replace(known, digest): "none" for key in json.loads(thresholds.read_text())}))
    refused(2, "export", path, "--out", tmp_path / "out", match=r"thresholds\.json: expected thresholds")


def test_a_file_where_a_folder_should_be_is_said(refused, recipe, tmp_path):
    path = recipe()
    (tmp_path / "file").touch()
    refused(2, "export", path, "--out", tmp_path / "file", match="'--out': Directory .* is a file")
    refused(
        4, "export", path, "--out", tmp_path / "file/deeper", match="file/deeper: expected to read or write it, got Not a directory; check the path"
    )


def test_another_detector_is_refused(refused, recipe, tmp_path):
    text(tmp_path / "detector.tflite")
    refused(4, "export", recipe(), "--out", tmp_path / "out", "--detector", tmp_path / "detector.tflite", match="expected BlazeFace short range")


# evaluation


def test_data_that_gives_nothing_to_judge_is_refused(refused, bundle_file, people, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(2, "evaluate", bundle_file, tmp_path / "empty", "--all-pairs", match="expected pictures in it, one folder per person .*, found none")
    refused(2, "evaluate", bundle_file, tmp_path / "none", "--all-pairs", match="expected a folder or a whole, uncompressed tar")
    shutil.copytree(people / "Grace", tmp_path / "one/Grace")
    refused(2, "evaluate", bundle_file, tmp_path / "one", "--all-pairs", match="expected two people or more, one of them with two pictures")
    for name in ("Ada", "Bob"):
        (tmp_path / "blank" / name).mkdir(parents=True)
        for i in range(2):
            cv2.imwrite(str(tmp_path / "blank" / name / f"{i}.png"), np.full((64, 64, 3), 90, np.uint8))
    refused(2, "evaluate", bundle_file, tmp_path / "blank", "--all-pairs", match="one of them with two pictures, in which a face is found, got")
    cv2.imwrite(str(tmp_path / "blank/Ada/0.png"), draw_face(0))
    refused(2, "evaluate", bundle_file, tmp_path / "blank", "--all-pairs", match="one of them with two pictures, in which a face is found, got")
    refused(2, "evaluate", bundle_file, people, "--all-pairs", "--held-out", match="expected people held out by the hash of their name, found none")


@pytest.mark.parametrize(("content", "match"), [
    ("", "expected a first line '10 300'"),
    ("many\n", "expected a first line '10 300'"),
    ("0\n", "expected a first line '10 300'"),
    ("99999999999999999999 1\n", "expected a first line '10 300'"),
    ("1\nEileen 1 2\n", "expected 2 pairs, got 1; the file is not whole"),
    ("1\nEileen 1 2\nEileen 1 3\n", "expected 1 pairs of each kind, got 2 of one person and 0 of two; correct it"),
    ("1\nEileen 1 2\nEileen 1 Grace\n", "pairs.txt:3: expected 'name i j' or 'name i name j', got 'Eileen 1 Grace'; correct it"),
    ("1\nEileen 1 2\nEileen 1 Grace one\n", "pairs.txt:3: expected 'name i j'"),
    ("1\nEileen 1 2\nEileen 1 Grace 9\n", "expected 3 listed pictures, got 2; see to Grace/Grace_0009.jpg first"),
    ("1\nAda 1 2\nAda 1 Bob 1\n", "got 0; see to Ada/Ada_0001.jpg first"),
])  # fmt: skip
def test_a_list_of_pairs_that_will_not_do_is_refused(refused, bundle_file, people, tmp_path, content, match):
    (tmp_path / "pairs.txt").write_text(content)
    refused(2, "evaluate", bundle_file, people, "--pairs", tmp_path / "pairs.txt", match=match)


def test_a_missing_list_of_pairs_is_refused(refused, bundle_file, people, tmp_path):
    refused(
        2,
        "evaluate",
        bundle_file,
        people,
        "--pairs",
        tmp_path / "none.txt",
        match="expected a list of pairs, got No such file or directory; check --pairs",
    )
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\x00")
    refused(2, "evaluate", bundle_file, people, "--pairs", tmp_path / "x.txt", match=r"x\.txt:1: expected text in UTF-8, got the byte 0xff; save it")
    refused(2, "evaluate", bundle_file, people, "--pairs", tmp_path, match="is a directory")


def test_a_model_that_is_none_is_refused(refused, people, tmp_path):
    def judged(status, name, match):
        refused(status, "evaluate", tmp_path / name, people, "--all-pairs", match=match)

    text(tmp_path / "text.tflite")
    (tmp_path / "broken.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(100))
    for name in ("none", "none.facelite", "none.tflite"):
        judged(4, name, match="expected a bundle, got No such file or directory; make one")
    judged(2, "none.toml", match="expected a recipe, got No such file or directory; check the path")
    judged(2, "", match=r"expected a bundle, a recipe .*, a .tflite or a run folder with best\.npz, got another folder; check the path")
    judged(4, "text.tflite", match="expected a bundle, got a damaged or foreign file")
    judged(4, "broken.tflite", match=r"expected a TFLite model that \w+ can load, got")
    text(tmp_path / "best.npz")
    judged(2, "", match="expected|got")
