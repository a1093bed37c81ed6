"""Packs for app developers: the same bytes from the same sources, every file listed, whole or not there, and the app's own choices heeded."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facelite.bundle import load_bundle, open_bundle, pack_bundle
from facelite.cli.main import main
from facelite.errors import BundleError, ExportError, InputError, UnsupportedRate
from facelite.export.assemble import export_bundle
from facelite.export.pack import ios
from facelite.export.pack.assets import assets
from facelite.export.pack.mil import CoreMlEmbedder, package_hash
from facelite.export.pack.write import COREML, LIST, PLACES, _sources, write_pack
from facelite.face import FaceCrop
from facelite.runtime.golden import unpack_golden

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "export/nns2"


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def float_file(tmp_path_factory, detector_file):
    """The released network's float32 bundle."""
    out = tmp_path_factory.mktemp("float")
    return out / export_bundle(RELEASED / "float32.toml", out).bundle


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_packing_twice_gives_the_same_bytes_and_lists_every_file(tmp_path, request, bundle_file, float_file, platform):
    if platform == "ios":
        request.getfixturevalue("coreml")
    report = write_pack(platform, [bundle_file, float_file], tmp_path / "one")
    command = [sys.executable, "-m", "facelite", "pack", platform, bundle_file, float_file, tmp_path / "other"]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    files = contents(tmp_path / "one")
    assert files == contents(tmp_path / "other")
    listed = json.loads(files.pop(LIST))["files"]
    assert (report.files, report.bytes) == (len(files), sum(map(len, files.values())))
    assert {name: (entry["sha256"], entry["bytes"]) for name, entry in listed.items()} == {
        name: (sha256(content), len(content)) for name, content in files.items()
    }
    assert {"README.md", "LICENSE", "LICENSE-weights.md", "model-card.md"} <= set(files)
    assert {Path(name).name for name in report.models} >= {"embedder.tflite", "detector.tflite"}
    assert not any(part.startswith(".") for name in files for part in Path(name).parts)


def test_faces_are_not_asked_about_what_a_recipe_has_released(tmp_path, people, detector_file):
    """They are for Core ML's thresholds, and for recipes that convert."""
    plain, given = (write_pack("web", [RELEASED / "int8.toml"], tmp_path / str(faces is None), faces=faces) for faces in (None, people))
    assert plain == given


@pytest.mark.usefixtures("coreml")
def test_models_have_their_licences_and_sources_theirs(tmp_path, bundle_file, float_file):
    write_pack("ios", [bundle_file, float_file], tmp_path / "ios")
    write_pack("web", [bundle_file], tmp_path / "web")
    ios, web = (json.loads((tmp_path / name / LIST).read_text())["files"] for name in ("ios", "web"))
    weights = {name for listed in (ios, web) for name, entry in listed.items() if "weights licence" in entry["licence"]}
    detector = {name for listed in (ios, web) for name, entry in listed.items() if "BlazeFace" in entry["licence"]}
    spec = ("Data/com.apple.CoreML/model.mlmodel", "Data/com.apple.CoreML/weights/weight.bin", "Manifest.json")
    assert weights == {
        "LICENSE-weights.md",
        "model-card.md",
        "assets/embedder.tflite",
        f"{PLACES['ios']}/embedder.tflite",
        *(f"{COREML}/embedder.mlpackage/{name}" for name in spec),
    }
    assert detector == {"assets/detector.tflite", f"{PLACES['ios']}/detector.tflite", *(f"{COREML}/detector.mlpackage/{name}" for name in spec)}
    assert {entry["licence"] for name, entry in web.items() if name not in weights | detector} == {"Apache-2.0"}


@pytest.mark.parametrize("platform", ["android", "ios", "web"])
def test_what_is_packed_is_what_the_repository_keeps(platform):
    kept = subprocess.run(["git", "ls-files", f"devices/{platform}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if kept.returncode or not kept.stdout:
        pytest.skip(f"git ls-files: {kept.stderr or 'nothing'}")
    names = {name.removeprefix(f"devices/{platform}/") for name in kept.stdout.split()}
    assert set(_sources(platform)) - {"LICENSE"} == {name for name in names if not any(part.startswith(".") for part in Path(name).parts)}


def test_the_files_of_the_bundle_are_in_their_place(tmp_path, bundle, bundle_file):
    write_pack("android", [bundle_file], tmp_path / "out")
    found = contents(tmp_path / "out" / PLACES["android"])
    manifest = json.loads(found.pop("facelite.json"))
    assert manifest["files"] == {name: sha256(content) for name, content in found.items()}
    assert manifest["files"]["embedder.tflite"] == bundle.artefact
    assert [one["distance"] for one in manifest["thresholds"]] == [one.distance for one in bundle.manifest.thresholds]
    assert (manifest["space"], manifest["limits"]["clarity"]) == (bundle.manifest.space, bundle.manifest.limits.clarity)
    goldens = json.loads(found["golden.json"])
    for ours, theirs in zip(goldens, unpack_golden(bundle.files["golden.json"]), strict=True):
        for name, pixels in (("frame", theirs.frame), ("crop", theirs.crop)):
            array = ours[name]
            packed = np.frombuffer(found["golden.bin"], np.uint8, int(np.prod(array["shape"])), array["at"]).reshape(array["shape"])
            np.testing.assert_array_equal(packed, pixels)
        np.testing.assert_allclose(ours["embedding"], theirs.vector, atol=1e-6)


def test_another_rate_is_the_app_s_default(tmp_path, bundle, bundle_file):
    write_pack("web", [bundle_file], tmp_path / "out", fmr=1e-2)
    manifest = json.loads((tmp_path / "out" / PLACES["web"] / "facelite.json").read_text())
    assert manifest["fmr"] == 1e-2
    with pytest.raises(UnsupportedRate, match="expected an FMR out of"):
        write_pack("web", [bundle_file], tmp_path / "none", fmr=0.02)
    assert not (tmp_path / "none").exists()


def test_kinds_of_templates_without_that_rate_are_left_out(bundle):
    few = bundle.manifest.thresholds[:1]
    kinds = {"fused 2": few, "fused 3": bundle.manifest.thresholds}
    changed = load_bundle(pack_bundle(replace(bundle.manifest, fmr=few[0].fmr, template_thresholds=kinds), bundle.files))
    smallest = bundle.manifest.thresholds[-1].fmr
    assert set(json.loads(assets(changed)["facelite.json"])["template_thresholds"]) == set(kinds)
    assert set(json.loads(assets(changed, fmr=smallest)["facelite.json"])["template_thresholds"]) == {"fused 3"}


def test_the_first_source_is_packed_or_the_one_of_the_precision(tmp_path, bundle_file, float_file):
    assert write_pack("web", [bundle_file, float_file], tmp_path / "out").precision == "int8"
    assert write_pack("web", [bundle_file, float_file], tmp_path / "out", precision="float32").precision == "float32"
    with pytest.raises(InputError, match="expected a precision out of int8, float32, got float16; name its recipe too"):
        write_pack("web", [bundle_file, float_file], tmp_path / "out", precision="float16")


def test_two_spaces_and_integers_in_and_out_are_refused(tmp_path, bundle, bundle_file, recipe, people, detector_file):
    foreign = tmp_path / "foreign.facelite"
    foreign.write_bytes(pack_bundle(replace(bundle.manifest, space="another"), bundle.files))
    with pytest.raises(InputError, match="expected bundles of one embedding space, got 'facelite-2026' and 'another'"):
        write_pack("web", [bundle_file, foreign], tmp_path / "out")
    with pytest.raises(ExportError, match='expected an embedder that takes and gives float32, got int8; export it with io = "float32"'):
        write_pack("web", [recipe(more='io = "int8"\nmax_loss = 0.2')], tmp_path / "out", faces=people)


@pytest.mark.parametrize("name", ["../../escaped.md", "/absolute.md", "folder/in.md", "..\\escaped.md"])
def test_no_file_of_a_bundle_leaves_its_place(bundle, name):
    with pytest.raises(BundleError, match="expected names of files without folders, got "):
        pack_bundle(bundle.manifest, {**bundle.files, name: b"evil"})


def test_a_bundle_s_other_files_are_not_the_pack_s(tmp_path, bundle):
    odd = tmp_path / "odd.facelite"
    odd.write_bytes(pack_bundle(bundle.manifest, {**bundle.files, "README.md": b"mine", "notes.md": b"mine"}))
    write_pack("web", [odd], tmp_path / "out")
    assert (tmp_path / "out/README.md").read_bytes() == (ROOT / "devices/web/README.md").read_bytes()
    assert not (tmp_path / "out/notes.md").exists()


# Core ML


@pytest.mark.usefixtures("coreml")
def test_core_ml_is_made_from_the_float_bundle_with_golden_vectors_of_its_own(tmp_path, bundle, bundle_file, float_file):
    report = write_pack("ios", [bundle_file, float_file], tmp_path / "out")
    found = contents(tmp_path / "out" / COREML)
    manifest = json.loads(found["facelite.json"])
    package = {name.removeprefix("embedder.mlpackage/"): data for name, data in found.items() if name.startswith("embedder.mlpackage/")}
    assert report.coreml.artefact == manifest["files"]["embedder.mlpackage"] == package_hash(package)
    assert (report.precision, manifest["precision"], report.coreml.thresholds) == ("int8", "float16", "those of the float32 network, taken over")
    assert (manifest["name"], report.coreml.digest) == ("nns2-coreml-float16", open_bundle(float_file).digest)
    assert manifest["thresholds"][0]["distance"] == open_bundle(float_file).manifest.thresholds[0].distance
    assert 0 < report.coreml.squared_l2 < 1e-4
    (golden, *_) = json.loads(found["golden.json"])
    crop = np.frombuffer(found["golden.bin"], np.uint8, int(np.prod(golden["crop"]["shape"])), golden["crop"]["at"]).reshape(golden["crop"]["shape"])
    vector = CoreMlEmbedder(package, preprocessing=bundle.manifest.preprocessing).vectors([FaceCrop(crop, np.zeros((4, 2), np.float32))])[0]
    np.testing.assert_allclose(golden["embedding"], vector / np.linalg.norm(vector), atol=1e-6)


@pytest.mark.usefixtures("coreml")
def test_core_ml_needs_a_float_bundle_of_the_same_network_or_its_recipe(tmp_path, bundle, bundle_file, float_file):
    with pytest.raises(InputError, match="expected a float bundle of nns2 for Core ML, got none; name its float32 bundle too"):
        write_pack("ios", [bundle_file], tmp_path / "out")
    other = tmp_path / "other.facelite"
    other.write_bytes(pack_bundle(replace(open_bundle(float_file).manifest, network="nns1"), open_bundle(float_file).files))
    with pytest.raises(InputError, match="expected a float bundle of nns2 for Core ML, got none"):
        write_pack("ios", [bundle_file, other], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    report = write_pack("ios", [RELEASED / "int8.toml"], tmp_path / "out", coreml="int8")
    assert (report.bundle, report.coreml.weights) == ("nns2-int8", "int8")
    assert report.models[f"{COREML}/embedder.mlpackage"] < 1.6e6


@pytest.mark.usefixtures("coreml")
def test_thresholds_of_core_ml_are_measured_by_running_its_program(tmp_path, recipe, people, detector_file, quick):
    report = write_pack("ios", [recipe("float32")], tmp_path / "out", faces=people, coreml="int8")
    manifest = json.loads((tmp_path / "out" / COREML / "facelite.json").read_text())
    assert report.coreml.thresholds == "measured by running its program"
    assert (report.coreml.parity.crops, [one["fmr"] for one in manifest["thresholds"]]) == (27, [0.2, 0.1])
    assert 0.99 < report.coreml.parity.cosine_min < 0.99999
    assert manifest["thresholds"][1]["distance"] == report.coreml.threshold.distance != report.threshold.distance
    assert manifest["precision"] == "float16, int8 weights"


@pytest.mark.usefixtures("coreml")
def test_rates_that_few_people_cannot_support_are_left_out(tmp_path, float_file, people):
    """Nine held-out people are 36 pairs: an FMR of 0.1 is their least, and the released bundle's largest is 0.01."""
    with pytest.raises(UnsupportedRate):
        write_pack("ios", [float_file], tmp_path / "out", faces=people)
    bundle = open_bundle(float_file)
    loose = replace(bundle.manifest.thresholds[0], fmr=0.2)
    rough = tmp_path / "rough.facelite"
    rough.write_bytes(pack_bundle(replace(bundle.manifest, thresholds=(loose, *bundle.manifest.thresholds), template_thresholds={}), bundle.files))
    report = write_pack("ios", [rough], tmp_path / "out", faces=people, fmr=0.2)
    assert (report.coreml.threshold.fmr, report.coreml.parity.fmr) == (0.2, 0.2)
    manifest = json.loads((tmp_path / "out" / COREML / "facelite.json").read_text())
    assert [one["fmr"] for one in manifest["thresholds"]] == [0.2]


@pytest.mark.usefixtures("coreml")
def test_a_program_that_computes_something_else_is_not_packed(tmp_path, bundle_file, float_file, monkeypatch):
    class Spoilt(CoreMlEmbedder):
        def vectors(self, crops):
            return np.roll(super().vectors(crops), 1, axis=1)

    monkeypatch.setattr(ios, "CoreMlEmbedder", Spoilt)
    with pytest.raises(ExportError, match=r"expected embeddings of Core ML's program within 0\.0001 of the bundle's"):
        write_pack("ios", [bundle_file, float_file], tmp_path / "out")


# the folder


def test_what_is_no_pack_or_was_changed_is_not_replaced(tmp_path, bundle_file):
    out = tmp_path / "out"
    write_pack("web", [bundle_file], out)
    (out / "node_modules/somebody").mkdir(parents=True)  # what npm install leaves is nobody's work
    (out / "node_modules/somebody/index.js").write_text("theirs")
    (out / "package-lock.json").write_text("{}")
    write_pack("android", [bundle_file], out)  # an earlier pack, as it was written
    assert not (out / "package.json").exists()
    assert not (out / "node_modules").exists()
    (out / "README.md").write_text("mine")
    with pytest.raises(InputError, match=r"got changes of yours, README\.md first; name another folder"):
        write_pack("web", [bundle_file], out)
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="expected a folder that is empty or to be, or an earlier pack, got something else"):
        write_pack("web", [bundle_file], other)
    assert (other / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("change", ["add", "remove", "link"])
def test_a_file_added_removed_or_linked_is_a_change(tmp_path, bundle_file, change):
    out = tmp_path / "out"
    write_pack("web", [bundle_file], out)
    if change == "add":
        (out / "mine.txt").write_text("mine")
    else:
        (out / "LICENSE").unlink()
    if change == "link":
        (out / "LICENSE").symlink_to(ROOT / "LICENSE")
    with pytest.raises(InputError, match=r"got changes of yours, (mine\.txt|LICENSE) first"):
        write_pack("web", [bundle_file], out)


@pytest.mark.usefixtures("coreml")
def test_what_is_done_there_while_packing_is_kept(tmp_path, bundle_file, float_file):
    out = tmp_path / "out"
    write_pack("ios", [bundle_file, float_file], out)
    with pytest.raises(InputError, match=r"got changes of yours, mine\.txt first"):
        write_pack("ios", [bundle_file, float_file], out, progress=lambda *_: (out / "mine.txt").write_text("mine"))
    assert (out / "mine.txt").read_text() == "mine"


def test_links_and_dots_name_the_folder_that_they_lead_to(tmp_path, bundle_file, monkeypatch):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_pack("web", [bundle_file], tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/README.md").exists()
    assert (tmp_path / "real").stat().st_mode & 0o777 == 0o700
    monkeypatch.chdir(tmp_path / "real")
    assert write_pack("web", [bundle_file], ".").platform == "web"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


def test_neither_facelite_s_own_folder_nor_a_mount_point_nor_other_options_are_taken(tmp_path, bundle_file):
    for out in (ROOT / "devices/web/out", "/"):
        with pytest.raises(InputError, match="got one of facelite's own or a mount point"):
            write_pack("web", [bundle_file], out)
    with pytest.raises(InputError, match="expected weights of Core ML's packages for ios only, got int8 for web"):
        write_pack("web", [bundle_file], tmp_path / "out", coreml="int8")
    with pytest.raises(InputError, match=r"nope\.facelite: expected a recipe \(\.toml\) or a bundle, got no file; check the path"):
        write_pack("web", [tmp_path / "nope.facelite"], tmp_path / "out")


@pytest.mark.parametrize("error", [OSError(16, "Device or resource busy"), KeyboardInterrupt()])
def test_a_replacement_that_fails_brings_the_old_one_back(tmp_path, bundle_file, monkeypatch, error):
    out = tmp_path / "out"
    write_pack("web", [bundle_file], out)
    before, move = contents(out), os.replace

    def fails(source, target):
        if Path(source).name == "new":
            raise error
        move(source, target)

    monkeypatch.setattr("facelite.export.pack.write.os.replace", fails)
    with pytest.raises(type(error)):
        write_pack("android", [bundle_file], out)
    assert contents(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_pack_that_cannot_be_written_whole_leaves_the_old_one(tmp_path, bundle_file, monkeypatch):
    out, written = tmp_path / "out", []
    write_pack("web", [bundle_file], out)
    before, write = contents(out), Path.write_bytes

    def full(path, data):
        written.append(path)
        if len(written) > 5:
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        write_pack("android", [bundle_file], out)
    assert contents(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_the_command_says_what_it_wrote(tmp_path, bundle_file, bundle):
    result = CliRunner().invoke(main, ["pack", "web", str(bundle_file), str(tmp_path / "out"), "--json"])
    said = json.loads(result.stdout)
    assert (result.exit_code, said["platform"], said["digest"], said["coreml"]) == (0, "web", bundle.digest, None)
    result = CliRunner().invoke(main, ["pack", "web", str(bundle_file), str(tmp_path / "out")])
    assert f"begin with {tmp_path / 'out' / 'README.md'}" in result.stdout
    assert "assets/embedder.tflite: 1," in result.stdout
