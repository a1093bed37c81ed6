"""The command calibrate: thresholds for programs and for readers, bundles that carry them, and a gallery that outlives its bundle."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest

from facelite.bundle import CARD, EMBEDDER, open_bundle, pack_bundle
from facelite.calibration import calibrate, compare_all
from facelite.evaluation.embed import embed_pictures
from facelite.export.synthetic import draw_face
from facelite.runtime.embedder import Embedder
from facelite.runtime.verifier import Verifier
from facelite.split import is_held_out

pytestmark = pytest.mark.usefixtures("few_draws")

PEOPLE, PICTURES = 12, 3  # 66 pairs of people: enough for an FMR of 0.1


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.clip(pixels, 0, 255).astype(np.uint8)[:, :, ::-1])


def draw(folder, names, pictures):
    rng = np.random.default_rng(0)
    for seed, name in enumerate(names):
        for number in range(pictures):
            write(folder / name / f"{number}.png", draw_face(seed) * rng.uniform(0.7, 1.1) + rng.normal(0, 8, (160, 160, 3)))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn people, and a picture of nobody."""
    folder = draw(tmp_path_factory.mktemp("drawn"), [f"p{person:02d}" for person in range(PEOPLE)], PICTURES)
    write(folder / "p00/none.png", np.full((80, 80, 3), 90))
    return folder


LEFT_OUT = "facelite: the thresholds for templates of other bundles are left out: measure them again, --templates\n"
"""Of what the released bundle has for NNS1's."""


@pytest.fixture
def measure(facelite, bundle_file, data):
    """measure("--fmr", "0.1", ...) gives the object that calibrating the released bundle prints; its numbers are all finite."""

    def run(*words, model=bundle_file, data=data, told=""):
        result = facelite("calibrate", model, data, *words, "--json")
        assert (result.status, result.err) == (0, told)
        assert result.out.count("\n") == 1
        return json.loads(result.out, parse_constant=pytest.fail)

    return run


def test_thresholds_are_those_of_the_bundle_s_embeddings(facelite, measure, bundle, bundle_file, data):
    values = measure("--fmr", "0.05", "--fmr", "0.2")
    names = sorted(path.relative_to(data).as_posix() for path in data.glob("*/*.png"))
    (embedded,) = embed_pictures(
        names, lambda name: (data / name).read_bytes(), detector=bundle.files["detector.tflite"], embedders=[lambda: Embedder.of(bundle)]
    )
    person = np.unique([name.split("/")[0] for name in names], return_inverse=True)[1]
    expected, fused = (calibrate(compare_all(embedded.vectors, person, fused=number), [0.2, 0.05]) for number in (1, 2))
    assert values == {
        "model": str(bundle_file),
        "artefact": bundle.artefact,
        "templates": bundle.artefact,
        "images": PEOPLE * PICTURES + 1,
        "failed_to_detect": 1,
        "people": PEOPLE,
        "thresholds": [asdict(one) for one in expected],
        "fused": {"fused 2": [asdict(one) for one in fused]},
        "strangers": [],
        "decide": "squared-l2",
        "out": None,
        "default_fmr": None,
    }
    lines = facelite("calibrate", bundle_file, data, "--fmr", "0.2").out.splitlines()
    assert lines[0] == f"{PEOPLE * PICTURES + 1} images of {PEOPLE} people, 1 without a face"
    assert lines[1].startswith(f"FMR 0.2: distance {expected[0].distance:.4f}, FMR at most ")
    assert lines[1].endswith("(39 genuine, 594 impostor pairs, 66 pairs of people)")
    assert lines[2].startswith(f"2 templates compared as one: FMR 0.2: distance {fused[0].distance:.4f}, FNMR ")


def test_a_rate_that_the_people_cannot_show_is_refused_with_the_number_it_would_take(refused, bundle_file, data, people):
    refused(4, "calibrate", bundle_file, data, "--fmr", "0.001", match="expected at least 3,000 pairs of .*for an FMR of 0.001, got 66")
    refused(4, "calibrate", bundle_file, people, match=r"expected at least 30 pairs of distinct people .*for an FMR of 0.1, got 1\b")


def test_people_held_out_alone(measure, refused, bundle_file, data, tmp_path):
    names = [name for name in (f"person{i}" for i in range(300)) if is_held_out(name)][:9]
    draw(tmp_path / "people", [*names, "person0"], 2)
    assert not is_held_out("person0")
    assert measure("--held-out", data=tmp_path / "people")["people"] == 9
    refused(2, "calibrate", bundle_file, data, "--held-out", match="expected people held out by the hash of their name, found none")


def test_pictures_are_embedded_once(measure, cache, monkeypatch):
    first = measure()
    monkeypatch.setattr("facelite.evaluation.embed.crop_picture", pytest.fail)
    assert measure() == first
    monkeypatch.undo()
    for file in cache.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
        file.unlink()


def test_no_cache_writes_none(measure, cache):
    measure("--no-cache")
    assert list(cache.iterdir()) == []


def test_strangers_are_counted_in_their_groups(facelite, measure, bundle_file, data, tmp_path):
    names = [f"utkface23_{25 + i % 2 * 20}_{i % 2}_0_{i}" for i in range(18)]
    draw(tmp_path / "strangers", names, 1)
    values = measure("--fmr", "0.1", "--strangers", tmp_path / "strangers")
    (found,) = values["strangers"]
    assert (found["distance"], found["fmr"]) == (values["thresholds"][0]["distance"], 0.1)
    assert {(one["attribute"], one["value"]): one["people"] for one in found["slices"]} == {
        ("all", ""): 18, ("sex", "male"): 9, ("sex", "female"): 9, ("group", "White"): 18, ("age", "18-29"): 9, ("age", "45-59"): 9,
        ("sex and group", "male, White"): 9, ("sex and group", "female, White"): 9,
    }  # fmt: skip
    assert {one["fnmr"] for one in found["slices"]} == {None}
    assert all(one["enough_for_fmr"] for one in found["slices"])
    (tmp_path / "groups.csv").write_text("name,hat\n" + "\n".join(f"{name},yes" for name in names))
    words = ["--fmr", "0.1", "--strangers", tmp_path / "strangers", "--groups", tmp_path / "groups.csv"]
    (table,) = measure(*words)["strangers"]
    assert [(one["attribute"], one["fmr"]) for one in table["slices"]] == [("all", found["slices"][0]["fmr"]), ("hat", found["slices"][0]["fmr"])]
    lines = facelite("calibrate", bundle_file, data, *words).out.splitlines()
    assert lines[3].startswith(f"strangers at FMR 0.1 (distance {found['distance']:.4f}): FMR {100 * found['slices'][0]['fmr']:.2f} %; the worst")
    assert lines[4].startswith("  hat yes: FMR ")


# bundles


def test_out_is_the_bundle_with_what_was_measured(measure, facelite, bundle, bundle_file, data, photos, tmp_path):
    before = bundle_file.read_bytes()
    values = measure("--fmr", "0.1", "--fmr", "0.2", "--default-fmr", "0.1", "--out", tmp_path / "new.facelite", told=LEFT_OUT)
    made = open_bundle(tmp_path / "new.facelite")
    Verifier(made)
    assert bundle_file.read_bytes() == before
    assert [asdict(one) for one in made.manifest.thresholds] == values["thresholds"]
    assert (values["out"], values["default_fmr"]) == (str(tmp_path / "new.facelite"), 0.1)
    assert (made.manifest.fmr, made.manifest.space) == (0.1, bundle.manifest.space)
    assert {name for name, content in made.files.items() if content != bundle.files[name]} == {CARD}  # which tells of the new thresholds
    measure("--fmr", "0.1", "--fmr", "0.2", "--default-fmr", "0.2", "--out", tmp_path / "new.facelite", told=LEFT_OUT)
    assert open_bundle(tmp_path / "new.facelite").manifest.fmr == 0.2
    assert facelite("verify", photos / "astronaut.png", photos / "flipped.jpg", "--bundle", tmp_path / "new.facelite").status == 0
    out = facelite("calibrate", bundle_file, data, "--fmr", "0.1", "--default-fmr", "0.1", "--out", tmp_path / "new.facelite").out
    assert out.endswith(f"wrote {tmp_path / 'new.facelite'}, default FMR 0.1\n")


def test_what_cannot_be_written_is_refused_and_nothing_is(refused, bundle, bundle_file, data, tmp_path):
    (tmp_path / "model.tflite").write_bytes(bundle.files[EMBEDDER])
    shutil.copy(bundle_file, tmp_path / "b.facelite")
    out = ["--out", tmp_path / "new.facelite"]
    refused(4, "calibrate", bundle_file, data, "--fmr", "0.1", "--default-fmr", "0.2", *out, match="expected thresholds at the default FMR of 0.2")
    refused(4, "calibrate", bundle_file, data, "--fmr", "0.1", *out, match="expected thresholds at the default FMR of 0.001, .*--default-fmr")
    refused(4, "calibrate", tmp_path / "model.tflite", data, *out, match=r"model\.tflite: expected a bundle, got")
    refused(2, "calibrate", bundle_file, data, "--default-fmr", "0.1", match="expected --default-fmr with --out only, got it alone")
    (tmp_path / "x").mkdir()
    for name in ("b.facelite", "x/../b.facelite"):
        refused(2, "calibrate", tmp_path / "b.facelite", data, "--out", tmp_path / name, match="expected --out to be another file than MODEL")
    refused(2, "calibrate", bundle_file, data, "--out", tmp_path, match="'--out': File .* is a directory")


@pytest.mark.parametrize(("words", "match"), [
    ([], "Missing argument 'DATA'"),
    (["none", "--fmr", "0"], "Invalid value for '--fmr'"),
    (["none", "--fmr", "1"], "Invalid value for '--fmr'"),
    (["none", "--fmr", "nan"], "expected a number, got nan"),
    (["none", "--default-fmr", "2"], "Invalid value for '--default-fmr'"),
    (["none", "--groups", "g.csv"], "expected --groups with --strangers only, got it alone"),
    (["none", "--strangers", "s", "--templates", "b"], "expected --strangers without --templates, got both"),
    (["none", "--workers", "0"], "Invalid value for '--workers'"),
    (["none", "--crop", "centre"], "No such option"),
    (["none"], "expected a folder or a whole, uncompressed tar of pictures"),
])  # fmt: skip
def test_wrong_usage_is_refused(refused, bundle_file, words, match):
    refused(2, "calibrate", bundle_file, *words, match=match)


# templates of another embedder


@pytest.fixture
def bundles(measure, bundle, bundle_file, tmp_path):
    """Two bundles of one space with other artefacts and thresholds at an FMR of 0.4: the second embedder is the first with bytes behind it."""
    successor = tmp_path / "successor.facelite"
    successor.write_bytes(pack_bundle(replace(bundle.manifest, name="successor"), {**bundle.files, EMBEDDER: bundle.files[EMBEDDER] + bytes(16)}))
    for model, name in ((bundle_file, "a"), (successor, "b")):
        measure("--fmr", "0.4", "--default-fmr", "0.4", "--out", tmp_path / f"{name}.facelite", model=model, told=LEFT_OUT)
    return tmp_path / "a.facelite", tmp_path / "b.facelite"


def test_a_gallery_outlives_its_bundle_where_thresholds_were_measured_for_it(facelite, measure, bundles, photos, tmp_path):
    old, new = bundles
    gallery, face, knowing = tmp_path / "g.db", photos / "astronaut.png", tmp_path / "knowing.facelite"
    verify = ["verify", photos / "flipped.jpg", "--gallery", gallery, "--subject", "Eileen", "--json", "--bundle"]
    assert facelite("enrol", "--gallery", gallery, "Eileen", face, "--bundle", old).status == 0
    refusal = facelite(*verify, new)
    assert refusal.status == 4
    assert "measure thresholds for both: facelite calibrate --templates" in refusal.err
    before = new.read_bytes()
    values = measure("--fmr", "0.4", "--templates", old, "--out", knowing, model=new)
    assert new.read_bytes() == before
    assert (values["artefact"], values["templates"]) == (open_bundle(new).artefact, open_bundle(old).artefact)
    made = open_bundle(knowing).manifest
    assert {kind: [asdict(one) for one in table] for kind, table in made.template_thresholds.items() if not kind.startswith("fused")} == {
        open_bundle(old).artefact: values["thresholds"]
    }
    assert made.thresholds == open_bundle(new).manifest.thresholds
    assert facelite(*verify, knowing).status == 0
    assert facelite("verify", photos / "flipped.jpg", face, "--bundle", knowing).status == 0


def test_templates_of_another_space_or_of_no_bundle_are_refused(refused, bundle, bundle_file, data, tmp_path):
    other = tmp_path / "other.facelite"
    other.write_bytes(pack_bundle(replace(bundle.manifest, space="another-space"), bundle.files))
    (tmp_path / "model.tflite").write_bytes(bundle.files[EMBEDDER])
    words = ["calibrate", bundle_file, data, "--templates"]
    refused(4, *words, other, match=f"expected the space '{bundle.manifest.space}' of .*, got 'another-space'; name a bundle of the same space")
    refused(4, *words, tmp_path / "model.tflite", match=r"model\.tflite: expected a bundle, got")
    refused(4, *words, tmp_path / "none.facelite", match="expected a bundle, got No such file or directory")


def test_a_bundle_s_default_rate_must_have_been_measured_for_the_templates_too(refused, bundles, data, tmp_path):
    old, new = bundles
    words = ["calibrate", new, data, "--fmr", "0.5", "--templates", old, "--out", tmp_path / "x.facelite"]
    refused(4, *words, match="expected thresholds at the default FMR of 0.4, got them at 0.5; give pictures of more people, or name another default")
    refused(4, *words, "--default-fmr", "0.5", match="expected thresholds at the default FMR of 0.5, got them at 0.4; give")
