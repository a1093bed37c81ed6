"""The Kotlin library of devices/android on the JVM, with LiteRT's own library behind it: by its inner functions, and by what Java can call."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from facelite.errors import UnsupportedRate
from facelite.export.conformance.decision import APART
from facelite.gallery import Gallery
from facelite.image import read_image
from facelite.runtime.verifier import Verifier

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def load(name):
    """tests/ports/kotlin/NAME.py"""
    spec = importlib.util.spec_from_file_location(name, HERE / f"kotlin/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compiler():
    return load("compiler")


@pytest.fixture(scope="module")
def ask(compiler):
    """A function of a program and its words that gives what it ended with."""
    try:
        classes = [compiler.library(), compiler.driver()]
    except compiler.Missing as missing:
        pytest.skip(str(missing))
    return lambda main, *words, stdin=b"": compiler.java(main, *words, classes=classes, stdin=stdin)


@pytest.fixture(scope="module")
def inner(ask):
    """The same for driver/Main.kt; gives its standard output."""

    def run(*words, stdin=b""):
        ended = ask("driver.MainKt", *words, stdin=stdin)
        assert ended.returncode == 0, ended.stderr.decode()
        return ended.stdout.decode()

    return run


@pytest.fixture(scope="module")
def refusals(inner):
    """A function of folders of assets that gives why each is refused, "" for one that is not."""
    return lambda *folders, constant="none": inner("open", constant, *folders).splitlines()


def test_every_vector_is_met(inner, vectors, assets, judge, tmp_path):
    inner("conformance", vectors, assets, tmp_path)
    assert judge(tmp_path) == []


def test_java_verifies_by_public_functions(ask, vectors, assets, judge, tmp_path):
    ended = ask("desk.Desk", "verify", vectors, assets, tmp_path)
    assert ended.returncode == 0, ended.stderr.decode()
    assert judge(tmp_path, ["verify"]) == []


@pytest.fixture(scope="module")
def people(photographs, tmp_path_factory):
    """What Desk.java is asked: who is enrolled by which photographs, and who comes."""
    folder = tmp_path_factory.mktemp("people")
    frames = {}
    for name, path in photographs.items():
        pixels = read_image(path)
        frames[name.replace("/", "-")] = {"height": pixels.shape[0], "width": pixels.shape[1]}
        (folder / f"{name.replace('/', '-')}.rgb").write_bytes(pixels.tobytes())
    enrol = {"Barack Obama": ["obama-1", "obama-2"], "Eileen Collins": ["collins-1"]}
    asked = {"frames": frames, "enrol": enrol, "probes": ["obama-3", "biden-1", "hopper-1", "collins-1"]}
    (folder / "people.json").write_text(json.dumps(asked))
    return folder, asked


@pytest.fixture(scope="module")
def told(ask, people, assets):
    """What Desk.java says of them."""
    ended = ask("desk.Desk", "gallery", assets, people[0])
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads((people[0] / "told.json").read_text())


def test_java_enrols_all_pictures_or_none(told):
    assert told["enrolled"] == {"Barack Obama": [0, False, 2, True, 0], "Eileen Collins": [0, False, 1, True, 0]}


DOUBLE = r"expected nobody who is enrolled already, got (.+) at a distance of (.+) \(threshold (.+)\); is it the same person\? if not, enrol anyway"
OUTLIER = r"expected a distance of (.+) or less to the other pictures of (.+), got (.+); is it the same person\? leave it out, or enrol anyway"


def test_java_is_told_the_doubts_that_facelite_has(told, people, photographs, released, tmp_path):
    verifier, names = Verifier(released), {name.replace("/", "-"): path for name, path in photographs.items()}
    looks = [verifier.look(names[name]) for name in ("obama-1", "collins-1")]
    with Gallery(tmp_path / "gallery.db", space=released.manifest.space, create=True) as gallery:
        (farthest,) = {f"{doubt.limit:.2f}" for doubt in verifier.enrol("Ada", looks, gallery).doubts.values()}
        for subject, pictures in people[1]["enrol"].items():
            verifier.enrol(subject, [names[one] for one in pictures], gallery)
        doubts = verifier.enrol("Grace", looks, gallery).doubts
    for place, other in enumerate(people[1]["enrol"]):
        kind, whose, distance, limit, message = told["doubts"][str(place)]
        assert (kind, whose) == ("DOUBLE", other) and distance <= limit
        found = re.fullmatch(DOUBLE, message)
        assert found.groups() == (other, f"{distance:.2f}", f"{limit:.2f}")
        assert re.fullmatch(DOUBLE, str(doubts[place]))[3] == found[3]
    limit, subject, _ = re.fullmatch(OUTLIER, told["doubts"]["outlier"]).groups()
    assert (limit, subject) == (farthest, "Ada")
    assert [told["doubts"][name] for name in ("added", "complete", "anyway", "forgotten")] == [0, False, 2, 2]


def test_java_decides_as_facelite_does(told, people, photographs, released, tmp_path):
    verifier, names = Verifier(released), {name.replace("/", "-"): path for name, path in photographs.items()}
    with Gallery(tmp_path / "gallery.db", space=released.manifest.space, create=True) as gallery:
        for subject, pictures in people[1]["enrol"].items():
            assert verifier.enrol(subject, [names[one] for one in pictures], gallery).added == len(pictures)
        for one in told["decisions"]:
            look = verifier.look(names[one["probe"]])
            expected = verifier.verify_subject(look, one["asked"], gallery) if one["asked"] else verifier.identify(look, gallery)
            assert (one["outcome"], one["accepted"], one["threshold"]) == (expected.outcome, expected.accepted, expected.threshold.distance), one
            assert one["subject"] == (expected.subject or one["asked"] if expected.accepted else None), one
            assert one["distance"] == pytest.approx(expected.distance, abs=APART), one
        with pytest.raises(UnsupportedRate):
            verifier.identify(look, gallery, fpir=1e-9)
    assert "enrol fewer" in told["refused"]["rate too small"]


def test_a_gallery_comes_back_from_its_vault_as_it_was(told, released):
    assert told["same after loading"] and told["sealed anew each time"]
    saved = told["saved"]
    assert (saved["format"], saved["space"]) == (1, released.manifest.space)
    subjects = {one["subject"] for one in saved["templates"]}
    assert subjects == {"Barack Obama", "Eileen Collins"}
    for one, vector in zip(saved["templates"], told["vectors"], strict=True):
        assert set(one) == {"subject", "artefact", "enrolled_at", "vector"} and one["artefact"] == released.artefact
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one["enrolled_at"])
        assert one["vector"] == vector == np.array(vector, np.float32).tolist()  # exact float32
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert told["removed"] in (1, 2) and len(told["left"]) == 1


LOADED = {"good-empty": "0", "good-names": "5", "good-fractions": "2", "good-twice": "2"}


def test_galleries_of_others_are_read_or_refused(inner, galleries, assets):
    files = sorted(galleries.glob("*.json"))
    assert {"bad-rest", "bad-kind", *LOADED} <= {file.stem for file in files}
    for file, said in zip(files, inner("galleries", assets, *files).splitlines(), strict=True):
        if file.stem.startswith("good-"):
            assert said == LOADED.get(file.stem, said) and said.isdigit(), (file.stem, said)
        else:
            assert re.match(r"(gallery: )?expected .*, got .*; ", said), (file.stem, said)


NAMES = {
    "Ada": True,
    "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627": True,  # Persian, with a joiner of no width
    "\u5c71\u7530\u3000\u592a\u90ce": True,  # Japanese, with its wide space
    "Jose\u0301": True,
    "\U0001f600": True,
    "\u3000": False,
    "A\u200bda": False,
    "A\u00a0da": False,
    "A\tda": False,
    "\ue000": False,
}


def test_somebody_is_enrolled_under_a_name_that_can_be_printed(inner):
    assert json.loads(inner("names", stdin=json.dumps(list(NAMES)).encode())) == list(NAMES.values())


def test_numbers_of_a_broken_runtime_are_refused(inner):
    *broken, passed_over, opposite = inner("broken").splitlines()
    assert len(broken) == 4 and all(said.startswith("expected finite numbers of the detector, got ") for said in broken), broken
    assert passed_over == ""
    assert opposite.startswith("expected a vector with a direction") and opposite.endswith("enrol again")


def test_a_frame_is_not_kept_after_the_look_at_it(inner, assets):
    assert inner("kept", assets) == "false\n"


REFUSED = {
    "space": "FaceliteException: expected embeddings of the space elsewhere",
    "artefact": "FaceliteException: expected templates of the embedder",
    "length": "FaceliteException: gallery: expected vectors of 128 numbers, got 129",
    "unit": "FaceliteException: gallery: expected vectors of length 1",
    "format": "FaceliteException: gallery: expected a gallery of format 1, got 2",
    "time": "FaceliteException: gallery: expected a time in UTC",
    "no JSON": "FaceliteException: gallery: expected JSON",
    "changed bytes": "FaceliteException: expected bytes that were sealed with this key",
    "changed key": "FaceliteException: expected bytes that were sealed with this key",
    "another key": "FaceliteException: expected bytes that were sealed with this key",
    "truncated": "FaceliteException: expected bytes that were sealed with this key",
    "gallery of another space": "FaceliteException: expected embeddings of the space elsewhere",
    "enrolling into another space": "FaceliteException: expected embeddings of the space elsewhere",
    "nobody enrolled": "FaceliteException: expected somebody to be enrolled",
    "unknown subject": "FaceliteException: expected Nobody to be enrolled",
    "unmeasured rate": "FaceliteException: expected a false match rate out of",
    "rate too small": "FaceliteException: expected a measured false match rate of",
    "rate of nothing": "IllegalArgumentException: expected a rate above 0 and below 1, got 0.0",
    "rate of all": "IllegalArgumentException: expected a rate above 0 and below 1, got 1.0",
    "blank name": "IllegalArgumentException: expected a subject's name",
    "name of two lines": "IllegalArgumentException: expected a subject's name",
    "no picture": "IllegalArgumentException: expected a picture or more",
    "closed": "IllegalStateException: expected an open Facelite",
}


def test_what_cannot_be_decided_is_refused_with_the_reason(told):
    assert set(told["refused"]) == set(REFUSED)
    for name, message in told["refused"].items():
        assert message.startswith(REFUSED[name]), name


def test_a_changed_or_missing_file_is_refused(refusals, assets, tmp_path):
    names = list(json.loads((assets / "facelite.json").read_text())["files"])
    for name in names:
        for how in ("changed", "missing"):
            shutil.copytree(assets, tmp_path / name / how)
        content = bytearray((assets / name).read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / name / "changed" / name).write_bytes(content)
        (tmp_path / name / "missing" / name).unlink()
    for name, reason in zip(names, refusals(*(tmp_path / name / "changed" for name in names)), strict=True):
        assert reason.startswith(f"expected {name} with sha256 ")
    for name, reason in zip(names, refusals(*(tmp_path / name / "missing" for name in names)), strict=True):
        assert reason.startswith(f"expected the file {name} among the assets")


DIFFERENT = {
    "of a newer major": ({"format": [3, 0]}, "expected a format that this library knows, got 3"),
    "that decides by a head": ({"decide": "siamese"}, "expected a format that this library knows, got 1"),
    "that decides otherwise": ({"decide": "cosine"}, "expected a distance that this library knows, got cosine"),
    "without a rate": ({"fmr": None}, "expected a number as fmr, got null"),
    "of an unmeasured rate": ({"fmr": 0.0123}, "expected thresholds of falling rates, one of them at 0.0123"),
    "with a text for a number": ({"embedding": "128"}, "expected an integer as embedding, got 128"),
    "with unknown preprocessing": ({"preprocessing": {"height": 112, "width": 96, "gamma": 2}}, "expected no other keys"),
    "with an unknown limit": ({"limits": {"smile": 1}}, "expected no other keys"),
    "with a limit below 0": ({"limits": {"size": -1}}, "expected a limit of 0 or more as size"),
    "without thresholds": ({"thresholds": []}, "expected thresholds of falling rates"),
    "that lists a file of another folder": ({"files": {"../facelite.json": "0"}}, "expected names of the other files of this folder"),
    "that lists itself": ({"files": {"facelite.json": "0"}}, "expected names of the other files of this folder"),
    "that lists no detector": ({"files": {"embedder.tflite": "0", "golden.json": "0", "golden.bin": "0"}}, "expected the file detector.tflite"),
}


def test_a_manifest_that_is_not_understood_is_refused(refusals, assets, tmp_path):
    for name, (changes, _) in DIFFERENT.items():
        shutil.copytree(assets, tmp_path / name)
        rewrite(tmp_path / name, changes)
    for (name, (_, reason)), said in zip(DIFFERENT.items(), refusals(*map(tmp_path.joinpath, DIFFERENT)), strict=True):
        assert said.startswith(f"facelite.json: {reason}") and said.endswith("; pack the assets again"), (name, said)


def test_nothing_may_follow_a_manifest(refusals, assets, tmp_path):
    rests = {"line": "\n", "word": " x", "comment": "# x", "value": "{}"}
    for name, rest in rests.items():
        shutil.copytree(assets, tmp_path / name)
        with (tmp_path / name / "facelite.json").open("a") as file:
            file.write(rest)
    line, *others = refusals(*map(tmp_path.joinpath, rests))
    assert line == "" and all(said.startswith("facelite.json: expected nothing behind the JSON value") for said in others), others


def test_newer_keys_of_a_manifest_are_passed_over(refusals, assets, tmp_path):
    shutil.copytree(assets, tmp_path / "assets")
    rewrite(tmp_path / "assets", {"format": [1, 99], "colour of the box": "red"})
    assert refusals(tmp_path / "assets") == [""]


HEADS = {
    "a head": ({"form": "chi-square", "weights": [0.1] * 128}, None),
    "a head of another form": ({"form": "cosine", "weights": [0.1] * 128}, "expected the form absolute or chi-square"),
    "a head of another size": ({"form": "absolute", "weights": [0.1] * 127}, "expected 128 weights, got 127"),
    "a head without a weight above 0": ({"form": "absolute", "weights": [-0.1] * 128}, "expected the form absolute or chi-square, a weight above 0"),
    "a head that is too long": ({"form": "absolute", "weights": [0.2] * 128}, "expected the form absolute or chi-square, a weight above 0"),
}


def test_a_bundle_that_decides_by_a_head(refusals, assets, tmp_path):
    for name, (head, _) in HEADS.items():
        shutil.copytree(assets, tmp_path / name)
        (tmp_path / name / "head.json").write_text(json.dumps(head))
        rewrite(tmp_path / name, {"decide": "siamese", "format": [2, 0]}, "head.json")
    for (name, (_, reason)), said in zip(HEADS.items(), refusals(*map(tmp_path.joinpath, HEADS)), strict=True):
        assert said.startswith(f"head.json: {reason}") if reason else said == "", (name, said)


def rewrite(folder, changes, *names):
    """Change the manifest, and note the hashes of the files ``names`` as they are."""
    path = folder / "facelite.json"
    table = json.loads(path.read_text()) | changes
    table["files"] |= {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    path.write_text(json.dumps(table))


@pytest.mark.parametrize("name, what", [("detector.tflite", "landmarks"), ("embedder.tflite", "embeddings")])
def test_a_constant_output_fails_the_self_test(refusals, assets, name, what):
    (said,) = refusals(assets, constant=name)
    assert said.startswith(f"self-test: expected {what} at most 0.02 apart, got "), said


def test_exchanged_golden_vectors_fail_the_self_test(refusals, assets, tmp_path):
    """Another face's embedding, with all hashes right."""
    shutil.copytree(assets, tmp_path / "assets")
    golden = tmp_path / "assets/golden.json"
    entries = json.loads(golden.read_text())
    entries[0]["embedding"], entries[1]["embedding"] = entries[1]["embedding"], entries[0]["embedding"]
    golden.write_text(json.dumps(entries))
    rewrite(tmp_path / "assets", {}, "golden.json")
    (said,) = refusals(tmp_path / "assets")
    assert said.startswith("self-test: expected embeddings at most 0.02 apart, got "), said


def test_camera_formats_become_upright_frames(inner, tmp_path):
    expected = load("camera").write_cases(tmp_path)
    inner("frames", tmp_path)
    for number, pixels in enumerate(expected):
        found = np.fromfile(tmp_path / f"{number}.rgb", np.uint8).reshape(pixels.shape)
        assert np.abs(found.astype(int) - pixels).max() <= 1, number  # 1: halves


def test_milliseconds_of_a_look(inner, assets, released, capsys):
    """Information, on this machine: no phone. The models are called through JNA, which copies what goes in and comes out."""
    frame = np.full((480, 640, 3), 90, np.uint8)
    with_face = np.kron(_golden_frame(assets), np.ones((2, 2, 1), np.uint8))[:480, :640]
    frame[: with_face.shape[0], : with_face.shape[1]] = with_face
    parts = json.loads(inner("speed", assets, 640, 480, stdin=frame.tobytes()))
    with capsys.disabled():
        shares = ", ".join(f"{name} {parts[name]:.2f}" for name in ("detector", "embedder", "arithmetic"))
        sys.stdout.write(f"\n{released.manifest.name}: a look at 640 x 480 pixels takes {parts['look']:.2f} ms on the JVM: {shares}\n")


def _golden_frame(assets):
    golden = json.loads((assets / "golden.json").read_text())[0]["frame"]
    return np.frombuffer((assets / "golden.bin").read_bytes(), np.uint8, np.prod(golden["shape"]), golden["at"]).reshape(golden["shape"])
