"""A recipe -> a bundle, or an error and nothing written: the released road, a road of one's own, budgets and untrained networks."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facelite.bundle import EMBEDDER, GOLDEN, open_bundle, save_bundle
from facelite.cli.main import main
from facelite.errors import BudgetBroken, ExportError, InputError, RecipeError, UnsupportedRate
from facelite.evaluation.people import open_people
from facelite.export.assemble import export_bundle
from facelite.export.convert import convert
from facelite.export.master import open_master
from facelite.export.rebuild import LEAK, _in_turn, representative
from facelite.export.recipe import Recipe
from facelite.export.release import known_thresholds
from facelite.export.synthetic import draw_face
from facelite.face import Embedding
from facelite.gallery import Gallery
from facelite.networks import NETWORKS
from facelite.networks.weights import BEST, halved, pack_weights, read_weights
from facelite.preprocess import Preprocessing
from facelite.quality import Limits
from facelite.recipe import read_recipe
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import make_golden, pack_golden
from facelite.runtime.verifier import open_verifier
from facelite.split import Set, is_held_out
from facelite.training.folder import claim
from facelite.training.recipe import default_recipe

ROOT = Path(__file__).parents[2]
RELEASED = ROOT / "export/nns2"


def files_in(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# the released road


def test_a_released_recipe_gives_the_released_embedder_with_its_thresholds(tmp_path, detector_file):
    report = export_bundle(RELEASED / "int8.toml", tmp_path / "a/b")
    bundle = open_bundle(tmp_path / "a/b/nns2-int8.facelite")
    released = (RELEASED / "nns2-int8.tflite").read_bytes()
    assert bundle.files[EMBEDDER] == released
    rows = json.loads((RELEASED / "thresholds.json").read_text())[hashlib.sha256(released).hexdigest()]
    assert [asdict(threshold) for threshold in bundle.manifest.thresholds] == rows
    assert report.released
    assert report.parity.crops == 2507 and report.parity.val_loss.value <= 0.005
    assert (report.digest, report.artefact, report.bytes) == (bundle.digest, bundle.artefact, (tmp_path / "a/b/nns2-int8.facelite").stat().st_size)
    written = json.loads((tmp_path / "a/b/nns2-int8.report.json").read_text())
    assert written == json.loads(json.dumps(asdict(report)))
    assert sorted(files_in(tmp_path)) == [f"a/b/nns2-int8.{suffix}" for suffix in ("facelite", "report.html", "report.json")]


def test_the_released_float32_is_converted_and_its_thresholds_are_found(tmp_path, detector_file, models):
    recipe = read_recipe(RELEASED / "float32.toml", Recipe)
    if known_thresholds(recipe, RELEASED, models["float32"]) is None:
        pytest.skip("thresholds.json has none for this conversion of weights.npz")
    result = CliRunner().invoke(main, ["export", str(RELEASED / "float32.toml"), "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["artefact"] == hashlib.sha256(models["float32"]).hexdigest()
    assert not report["released"]
    assert open_bundle(tmp_path / "nns2-float32.facelite").files[EMBEDDER] == models["float32"]


def test_a_released_file_that_nobody_measured_is_refused(tmp_path, recipe, detector_file, models):
    (tmp_path / "mine.tflite").write_bytes(models["int8"])
    path = recipe(more='released = "mine.tflite"\nthresholds = "thresholds.json"')
    for content in (None, "{}", '{"0": []}'):
        if content:
            (tmp_path / "thresholds.json").write_text(content)
        with pytest.raises(ExportError, match=r"mine\.tflite: expected thresholds for its sha256 beside it, got none; measure them"):
            export_bundle(path, tmp_path / "out")
    for content in ("text", "[]", json.dumps({hashlib.sha256(models["int8"]).hexdigest(): [{"fmr": 1}]})):
        (tmp_path / "thresholds.json").write_text(content)
        with pytest.raises(InputError, match=r"thresholds\.json: expected thresholds"):
            export_bundle(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_faces_that_a_released_file_would_not_look_at_are_refused(tmp_path, people, detector_file):
    with pytest.raises(ExportError, match=r"expected no faces, since nns2-int8.tflite is taken .*, got .*--rebuild; .*facelite calibrate"):
        export_bundle(RELEASED / "int8.toml", tmp_path / "out", faces=people)
    assert not (tmp_path / "out").exists()


# a road of one's own


@pytest.mark.parametrize("named", ["run", f"run/{BEST}"])
def test_a_run_is_exported_in_the_sizes_that_it_was_trained_in(tmp_path, recipe, detector_file, quick, named):
    """Weights of a network that ends in a mean over all places fit any input."""
    trained_as = default_recipe("nns2", "my-space")
    trained_as = replace(trained_as, network=replace(trained_as.network, height=160, width=160))
    claim(tmp_path / "run", trained_as, {}, resume=False)
    (tmp_path / "run" / BEST).write_bytes((RELEASED / "weights.npz").read_bytes())
    expected = "expected the network of the run .*, nns2 with height 160, width 160 and embedding 128, got nns2 with height 112, width 96 and"
    with pytest.raises(RecipeError, match=expected):
        export_bundle(recipe("float32", weights=tmp_path / named), tmp_path / "out")
    with pytest.raises(RecipeError, match="got nns1 with"):
        path = recipe("float32", weights=tmp_path / named, more="height = 160\nwidth = 160")
        path.write_text(path.read_text().replace('"nns2"', '"nns1"'))
        export_bundle(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    network = NETWORKS["nns2"]
    fits = replace(read_recipe(recipe("float32", weights=tmp_path / named), Recipe), height=160, width=160)
    assert open_master(fits, replace(network, height=160, width=160), tmp_path / named).preprocessing == Preprocessing(160, 160)


def test_weights_and_people_become_a_bundle_by_the_command_line(tmp_path, recipe, people, detector_file):
    """The whole user export, with conversions, as a user runs it."""
    out = tmp_path / "out"
    command = [sys.executable, "-m", "facelite", "export", recipe(), "--out", out, "--faces", people, "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    parity = report["parity"]
    assert parity["crops"] == 27
    assert 0.5 <= parity["cosine_min"] <= parity["cosine_median"] <= 1
    assert 0 <= parity["val_float32"] <= 1
    assert 0 <= parity["val_artefact"] <= 1
    assert [row["fmr"] for row in report["thresholds"]] == [0.2, 0.1]
    for row in report["thresholds"]:
        assert (row["genuine_pairs"], row["impostor_pairs"], row["people_pairs"]) == (27, 9 * 36, 36)
        assert row["fmr_upper"] >= row["fmr"]
    assert report["thresholds"][0]["distance"] >= report["thresholds"][1]["distance"]
    assert parity["fmr"] == 0.1
    assert parity["val_artefact"] >= 1 - report["thresholds"][1]["fnmr"]  # at the largest threshold of that FMR, not at the last impostor
    assert parity["val_loss"]["value"] == pytest.approx(parity["val_float32"] - parity["val_artefact"])
    assert "Parity with float32" in (out / "mine.report.html").read_text()
    verifier = open_verifier(out / "mine.facelite")
    assert verifier.manifest.space == "my-space"
    assert verifier.manifest.licences == {"code": "Apache-2.0"}
    assert verifier.verify(draw_face(3), draw_face(3)).accepted


def test_parity_and_thresholds_are_those_of_a_plain_loop(tmp_path, recipe, people, detector_file, models, quick):
    report = export_bundle(recipe(), tmp_path / "out", faces=people)
    verifier = open_verifier(tmp_path / "out/mine.facelite")
    float32 = Embedder(models["float32"], space="s")
    ours, floats, persons = [], [], []
    for picture in sorted(people.glob("person*/*")):
        look = verifier.look(picture, rule="centre")
        ours.append(verifier.embedder.embed(look.crop).vector)
        floats.append(float32.embed(look.crop).vector)
        persons.append(picture.parent.name)
    cosines = [float(a @ b) for a, b in zip(ours, floats, strict=True)]
    assert report.parity.cosine_min == pytest.approx(min(cosines), abs=1e-5)
    assert report.parity.cosine_median == pytest.approx(float(np.median(cosines)), abs=1e-5)
    n = len(persons)
    impostor = [float(((ours[i] - ours[j]) ** 2).sum()) for i in range(n) for j in range(i) if persons[i] != persons[j]]
    for threshold in report.thresholds:
        rate = np.mean([distance <= threshold.distance for distance in impostor])
        assert rate == pytest.approx(threshold.fmr, abs=1.5 / len(impostor))  # one comparison more or less, by rounding


def test_int8_in_and_out_is_made_judged_and_told_of(tmp_path, recipe, people, detector_file):
    arguments = ["export", str(recipe(more='io = "int8"\nmax_loss = 0.2')), "--faces", str(people), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "int8 in and out: LiteRT.js and MediaPipe's Task Library refuse this file\n" in result.stdout
    report = json.loads((tmp_path / "out/mine.report.json").read_text())
    assert report["io"] == "int8"
    assert report["parity"]["cosine_min"] > 0.9
    assert 0 < max(layer["error"] for layer in report["layers"] if layer["error"] is not None) < 0.5
    assert "int8 in and out" in (tmp_path / "out/mine.report.html").read_text()
    assert Embedder.of(open_bundle(tmp_path / "out/mine.facelite")).takes == "int8"


@pytest.mark.parametrize(("wanted", "taken"), [(70, 70), (71, 70), (50, 50)])
def test_fewer_pictures_than_the_recipe_asks_for_are_told_of(tmp_path, recipe, people, detector_file, quick, wanted, taken):
    path = recipe()
    path.write_text(path.read_text().replace("representative = 50", f"representative = {wanted}"))
    result = CliRunner().invoke(main, ["export", str(path), "--faces", str(people), "--out", str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    said = "facelite: expected 71 pictures for integer ranges and training, found 70; give more with --faces\n"
    assert result.stderr == (said if taken < wanted else "")
    report = json.loads(result.stdout)
    assert (report["pictures"], report["pictures_wanted"]) == (taken, wanted)


def test_pruned_and_trained_with_its_integers(tmp_path, recipe, people, detector_file):
    more = 'smaller = { sparsity = 0.5 }\ntuning = { steps = 2, batch = 8, pictures = 50 }\nio = "int8"\nmax_loss = 1.0'
    arguments = ["export", str(recipe("int8-qat", min_cosine=-1.0, more=more)), "--faces", str(people), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "embedder int8-qat, 50 % pruned: " in result.stdout
    report = json.loads((tmp_path / "out/mine.report.json").read_text())
    assert report["smaller"] == "50 % pruned"
    assert report["embedder_gzip"] < 0.8 * report["embedder_bytes"]
    assert "DEQUANTIZE" not in {layer["operator"] for layer in report["layers"]}  # nothing becomes float, not even at the end
    assert "int8-qat, 50 % pruned, int8 in and out" in (tmp_path / "out/mine.report.html").read_text()


@pytest.mark.parametrize(("more", "match"), [
    ('io = "int8"', "expected an embedder of 112 x 96 pixels, 128 numbers and int8 in and out, as the recipe says, got one .* float32 in and out"),
    ("height = 96", "expected an embedder of 96 x 96 pixels, 128 numbers .* got one of 112 x 96 pixels"),
    ("embedding = 64", "expected an embedder of 112 x 96 pixels, 64 numbers .* got one of 112 x 96 pixels, 128 numbers"),
])  # fmt: skip
def test_a_released_file_that_is_not_the_recipe_s_is_refused(tmp_path, recipe, detector_file, more, match):
    released = f'released = "{RELEASED / "nns2-int8.tflite"}"\nthresholds = "{RELEASED / "thresholds.json"}"\n'
    path = recipe(more=released + more)
    path.write_text(path.read_text().replace("fmr = 0.1\nfmrs = [0.1, 0.2]", "fmr = 1e-3"))
    with pytest.raises(ExportError, match=match):
        export_bundle(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_representative_images_are_of_everybody_before_anybody_s_second(people, detector_file, models):
    with open_people(people) as choose:
        rest = choose(False)
    turn = [rest.person[i] for i in _in_turn(rest)]
    assert sorted(turn[:12]) == sorted(set(rest.person))
    assert len(turn) == len(rest.names)
    assert turn != sorted(turn)


def test_float16_needs_no_representative_images(tmp_path, recipe, people, detector_file, quick):
    stages = []
    report = export_bundle(recipe("float16"), tmp_path / "out", faces=people, progress=lambda stage, done, total: stages.append(stage))
    assert report.parity.cosine_min > 0.999
    assert "representative images" not in stages


def test_a_broken_budget_ends_with_1_and_writes_nothing(tmp_path, recipe, people, detector_file, quick):
    path = recipe(min_cosine=0.99999)
    before = files_in(tmp_path)
    with pytest.raises(BudgetBroken, match=r"expected a cosine of 0.99999 or more between float32 and the conversion, got 0\.\d+; give more varied"):
        export_bundle(path, tmp_path / "out", faces=people)
    result = CliRunner().invoke(main, ["export", str(path), "--out", str(tmp_path / "out"), "--faces", str(people), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["status"] == 1
    assert result.stderr.startswith("facelite: expected a cosine of 0.99999")
    assert files_in(tmp_path) == before


def test_a_rebuild_is_held_to_the_released_file(tmp_path, recipe, people, detector_file, models, random_model, quick):
    path = recipe(min_cosine=0.5, more='released = "mine.tflite"')
    (tmp_path / "mine.tflite").write_bytes(random_model)
    with pytest.raises(BudgetBroken, match="between float32 and the released file"):
        export_bundle(path, tmp_path / "out", rebuild=True, faces=people)
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine.tflite").write_bytes(models["float16"])
    assert not export_bundle(path, tmp_path / "out", rebuild=True, faces=people).released


def test_what_is_released_is_exported_without_faces_and_keeps_others_thresholds(tmp_path, recipe, people, detector_file, models, quick):
    path = recipe(more='released = "mine.tflite"\nthresholds = "thresholds.json"')
    (tmp_path / "thresholds.json").write_text('{"another": []}')
    made = export_bundle(path, tmp_path / "out", release=True, faces=people)
    assert (tmp_path / "mine.tflite").read_bytes() == models["int8"]
    artefact = hashlib.sha256(models["int8"]).hexdigest()
    assert set(json.loads((tmp_path / "thresholds.json").read_text())) == {
        "another",
        artefact,
        f"{artefact} fused 2",
        f"{artefact} clarity",
        f"{artefact} parity",
    }
    again = export_bundle(path, tmp_path / "again")
    assert again == replace(made, released=True, layers=tuple(replace(layer, error=None) for layer in made.layers), pictures=0, pictures_wanted=0)
    assert (tmp_path / "again/mine.facelite").read_bytes() == (tmp_path / "out/mine.facelite").read_bytes()
    assert "Parity with float32" in (tmp_path / "again/mine.report.html").read_text()
    path.write_text(path.read_text().replace("min_cosine = 0.5", "min_cosine = 1.0"))
    with pytest.raises(BudgetBroken, match="between float32 and the released file"):
        export_bundle(path, tmp_path / "broken")
    assert not (tmp_path / "broken").exists()


def test_other_weights_are_released_in_half_precision_and_only_when_released(tmp_path, recipe, people, detector_file, weights, quick):
    finer = {name: [value * np.float32(1.0001) for value in values] for name, values in weights.items()}
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / BEST).write_bytes(pack_weights(finer))
    path = recipe(more='released = "mine.tflite"\nthresholds = "thresholds.json"', weights="mine.npz")
    assert not export_bundle(path, tmp_path / "out", rebuild=True, release=True, weights=tmp_path / "run", faces=people).released
    kept = read_weights(tmp_path / "mine.npz")
    for name, values in halved(finer).items():
        for value, one in zip(values, kept[name], strict=True):
            np.testing.assert_array_equal(value, one)
    (tmp_path / "mine.npz").unlink()
    assert not export_bundle(path, tmp_path / "out", weights=tmp_path / "run", faces=people).released
    assert not (tmp_path / "mine.npz").exists()


def test_too_few_people_are_refused_before_anything_is_converted(tmp_path, people, detector_file, monkeypatch):
    """The released recipe wants an FMR of 3e-5: 100,000 pairs of people."""
    monkeypatch.setattr("facelite.export.master.convert", lambda *_, **__: pytest.fail("converted"))
    sets = tmp_path / "faces"
    for name in ("celeba_crops", "celeba_wild", "celeba_small", "vggface2"):
        shutil.copytree(people, sets / name)
    before = files_in(tmp_path)
    arguments = ["export", str(RELEASED / "int8.toml"), "--rebuild", "--faces", str(sets), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 4
    assert result.stderr == (
        "facelite: expected at least 100,000 pairs of distinct people (448 people) for an FMR of 3e-05, got 72 pairs; "
        "ask for a larger FMR or calibrate on more people\n"
    )
    assert files_in(tmp_path) == before


def only(people, folder, condition, pictures=99):
    for person in people.iterdir():
        if condition(person.name):
            (folder / person.name).mkdir(parents=True)
            for picture in sorted(person.iterdir())[:pictures]:
                shutil.copy(picture, folder / person.name)
    return folder


def test_faces_that_do_not_do_are_refused_and_nothing_is_written(tmp_path, recipe, people, detector_file, quick):
    path = recipe()

    def refused(faces, error, match):
        with pytest.raises(error, match=match):
            export_bundle(path, tmp_path / "out", faces=faces)
        assert not (tmp_path / "out").exists()

    refused(tmp_path / "none", InputError, "expected a folder")
    refused(only(people, tmp_path / "a", lambda name: not is_held_out(name)), InputError, "held out by the hash of their name")
    refused(only(people, tmp_path / "b", is_held_out), InputError, "that are not held out")
    refused(only(people, tmp_path / "c", lambda name: True, pictures=1), UnsupportedRate, "no genuine pair")
    blank = only(people, tmp_path / "d", lambda name: True)
    for picture in blank.rglob("person*/*.jpg"):
        cv2.imwrite(str(picture), np.full((64, 64, 3), 90, np.uint8))
    refused(blank, InputError, "expected faces in 27 pictures of held-out people, found none")


def test_representative_images_of_too_few_people_or_of_noise_are_refused(tmp_path, recipe, people, detector_file, quick):
    few = only(people, tmp_path / "few", lambda name: is_held_out(name) or not name.startswith("other"))
    with pytest.raises(ExportError, match="expected representative images of at least 5 people, got 2; give other people's too: --faces DIR"):
        export_bundle(recipe(), tmp_path / "out", faces=few)
    noise, rng = only(people, tmp_path / "noise", is_held_out), np.random.default_rng(0)
    for name in (name for name in (f"other{i}" for i in range(100)) if not is_held_out(name)):
        (noise / name).mkdir()
        cv2.imwrite(str(noise / name / "0.png"), rng.integers(0, 256, (128, 128, 3), np.uint8))
    with pytest.raises(ExportError, match=r"expected representative images of at least 5 people, got [0-4]"):
        export_bundle(recipe(), tmp_path / "out", faces=noise)
    assert not (tmp_path / "out").exists()


def test_an_unreadable_picture_among_the_others_is_passed_over(tmp_path, recipe, people, detector_file, quick):
    copied = only(people, tmp_path / "people", lambda name: True)
    (copied / "astronaut/text.jpg").write_text("text")
    assert export_bundle(recipe(), tmp_path / "out", faces=copied).parity.crops == 27


def test_without_faces_there_are_no_ranges_and_no_thresholds(tmp_path, recipe, detector_file, quick):
    for precision, match in (
        ("int8", "expected faces for the integer ranges and for training"),
        ("float32", "expected faces of held-out people for thresholds"),
    ):
        with pytest.raises(ExportError, match=f"{match}, got none; .*--faces DIR"):
            export_bundle(recipe(precision), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nobody_who_looks_like_somebody_held_out_gives_a_representative_image(tmp_path, people, detector_file, models):
    def make():
        return Embedder(models["float32"], space="s")

    root = tmp_path / "faces"
    first = only(people, root / "first", lambda name: True)
    twin = next(name for name in (f"twin{i}" for i in range(100)) if not is_held_out(name))
    shutil.copytree(next(first.glob("person*")), root / "second" / twin)
    shutil.copytree(next(first.glob("person*")), first / twin)  # of the same numbering: another name is another person
    with open_people(root, [Set("first"), Set("second")]) as choose:
        held_out, rest = choose(True), choose(False)
        crops = representative(rest, held_out, detector_file, make, 1000, lambda stage, done, total: None)
    embedder = make()
    drawn = [make_golden(draw_face(seed), Detector(detector_file), embedder) for seed in range(3)]
    near = [min(((embedder.embed(crop).vector - one.vector) ** 2).sum() for one in drawn) < LEAK / 2 for crop in crops]
    assert sum(near) >= 3  # the first set's twin
    assert len({crop.pixels.tobytes() for crop in crops}) == len(crops)  # the second set's, whose pictures are the same, is left out
    assert 50 <= len(crops) <= 73


def test_people_of_one_numbering_are_told_apart_by_name_however_alike_a_weak_network_finds_them(people, detector_file, models):
    def make():
        return Embedder(models["float32"], space="s")

    with open_people(people) as choose:
        held_out, rest = choose(True), choose(False)
        crops = representative(rest, held_out, detector_file, lambda: Flat(make()), 60, lambda stage, done, total: None)
    assert len(crops) == 60


class Flat:
    """An embedder that gives everybody about the same vector."""

    def __init__(self, embedder):
        self._embedder, self.preprocessing, self.artefact = embedder, embedder.preprocessing, embedder.artefact

    def embed(self, crop):
        return Embedding(self._embedder.embed(crop).vector * 1e-3 + 1, "s")

    def vectors(self, crops):
        return np.stack([self.embed(crop).vector for crop in crops])


def test_templates_of_another_embedder_have_thresholds_of_their_own(tmp_path, recipe, people, detector_file, quick, models, astronaut):
    """A gallery that another bundle of the space enrolled: measured at export, kept by both sha256, accepted on the device."""
    (tmp_path / "other.tflite").write_bytes(models["float16"])
    plain = recipe("float16")
    export_bundle(plain, tmp_path / "enrols", faces=people)
    gallery_maker = open_verifier(tmp_path / "enrols/mine.facelite")
    path = recipe(more='templates = ["other.tflite"]\nreleased = "mine.tflite"\nthresholds = "thresholds.json"')
    export_bundle(path, tmp_path / "rebuilt", faces=people, release=True)
    export_bundle(path, tmp_path / "assembled")  # from the released file and its table
    bundles = [open_bundle(tmp_path / name / "mine.facelite") for name in ("rebuilt", "assembled")]
    other = hashlib.sha256(models["float16"]).hexdigest()
    for bundle in bundles:
        assert list(bundle.manifest.template_thresholds) == [other, "fused 2"]  # of whom there are three pictures
        assert [one.fmr for one in bundle.manifest.template_thresholds[other]] == [0.2, 0.1]
        assert bundle.manifest.template_thresholds[other] != bundle.manifest.thresholds
    with Gallery(tmp_path / "people.db", space="my-space", create=True) as gallery:
        gallery_maker.enrol("Eileen", [astronaut], gallery)
        decision = open_verifier(tmp_path / "assembled/mine.facelite").verify_subject(astronaut, "Eileen", gallery)
    assert decision.accepted
    assert decision.threshold == bundles[0].manifest.template_thresholds[other][1]
    (tmp_path / "thresholds.json").write_text(
        json.dumps({key: rows for key, rows in json.loads((tmp_path / "thresholds.json").read_text()).items() if other not in key})
    )
    with pytest.raises(ExportError, match="expected thresholds for its sha256 beside it, got none"):
        export_bundle(path, tmp_path / "again")


# recipes


@pytest.mark.parametrize(("change", "match"), [
    ('network = "nn9"', "expected a network out of .*, got 'nn9'; correct the name"),
    ('network = 3', "expected network to be str, got 3"),
    ('name = "../mine"', "expected a name that can be a file's"),
    ('name = ""', "expected a name that can be a file's"),
    ('fmr = 1.5', "expected fmr and fmrs between 0 and 1"),
    ('fmrs = [0.1, 2.0]', "expected fmr and fmrs between 0 and 1"),
    ('representative = 10', "representative >= 50, got"),
    ('min_cosine = 97', "expected min_cosine from -1 to 1"),
    ('height = 12', "expected a height and a width of 32 or more"),
    ('embedding = -1', "positive embedding"),
    ('precision = "int4"', "expected precision to be one of float32, float16, dynamic, int8, int8-qat, got 'int4'"),
    ('surprise = 1', "expected the keys .*, got 'surprise'; correct it"),
])  # fmt: skip
def test_an_impossible_recipe_is_refused(tmp_path, recipe, detector_file, change, match):
    path = recipe()
    key = change.split(" = ")[0]
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} = ")]
    path.write_text("\n".join([change, *lines]))
    with pytest.raises(RecipeError, match=match):
        export_bundle(path, tmp_path / "out")


@pytest.mark.parametrize("more", ['released = "none.tflite"', 'card = "none.md"\nreleased = "mine.tflite"\nthresholds = "thresholds.json"'])
def test_a_named_file_that_is_missing_is_said(tmp_path, recipe, detector_file, more):
    shutil.copy(RELEASED / "nns2-int8.tflite", tmp_path / "mine.tflite")
    rates = [{"distance": 1.0, "fmr": 0.1, "fmr_upper": 0.1, "fnmr": 0.1, "genuine_pairs": 1, "impostor_pairs": 9, "people_pairs": 9}]
    (tmp_path / "thresholds.json").write_text(json.dumps({hashlib.sha256((tmp_path / "mine.tflite").read_bytes()).hexdigest(): rates}))
    with pytest.raises(InputError, match=r"none\.(tflite|md): expected the file that the recipe names, got No such file"):
        export_bundle(recipe(more=more), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# networks that have learnt nothing


def test_a_network_that_maps_everybody_to_one_point_gets_no_bundle(tmp_path, recipe, weights, detector_file, monkeypatch):
    gamma, beta, *others = weights["embedding_bn"]
    model = convert(NETWORKS["nns2"], weights | {"embedding_bn": [1e-4 * gamma, np.ones_like(beta), *others]}, precision="float32")
    monkeypatch.setattr("facelite.export.master.convert", lambda *_, **__: model)
    rates = [{"distance": 1.0, "fmr": 0.1, "fmr_upper": 0.1, "fnmr": 0.1, "genuine_pairs": 1, "impostor_pairs": 9, "people_pairs": 9}]
    (tmp_path / "thresholds.json").write_text(json.dumps({hashlib.sha256(model).hexdigest(): rates}))
    with pytest.raises(ExportError, match=r"expected 3 golden vectors that .* would change, got [01]; .* train it"):
        export_bundle(recipe("float32", more='thresholds = "thresholds.json"'), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="session")
def random_bundle(tmp_path_factory, bundle, detector, random_model):
    """What the export refuses, packed by hand: an untrained network with the released thresholds, and golden vectors that it reproduces."""
    embedder = Embedder(random_model, space="random")
    goldens = [make_golden(draw_face(seed), detector, embedder) for seed in range(3)]
    path = tmp_path_factory.mktemp("random") / "random.facelite"
    files = {**bundle.files, EMBEDDER: random_model, GOLDEN: pack_golden(goldens)}
    save_bundle(path, replace(bundle.manifest, name="random", space="random", precision="float32", limits=Limits()), files)
    return path


def test_the_demo_fails_with_an_untrained_network(random_bundle):
    result = subprocess.run([sys.executable, ROOT / "devices/demo.py", "--bundle", random_bundle], capture_output=True, text=True, check=False)
    if "expected to download" in result.stderr:
        pytest.skip(result.stderr.strip())
    assert result.returncode == 1, result.stderr
    assert "A DECISION WAS WRONG" in result.stdout
