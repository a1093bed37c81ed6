"""The command evaluate: what it prints for programs and for readers, each kind of model, each wish, and the cache behind it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.bundle import EMBEDDER, pack_bundle
from facelite.cli import output
from facelite.cli.models import open_model
from facelite.export.assemble import export_bundle
from facelite.export.synthetic import draw_face
from facelite.face import FaceCrop
from facelite.networks.weights import BEST
from facelite.runtime.verifier import open_verifier
from facelite.training.recipe import default_recipe
from facelite.training.run import RECIPE

EXPORT = Path(__file__).parents[2] / "export"
RELEASED = EXPORT / "nns2"

pytestmark = pytest.mark.usefixtures("few_draws")

CONTRACT = {"pairs", "images", "failed_to_detect", "accuracy", "accuracy_std", "eer", "auc", "val_at_fmr"}


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.clip(pixels, 0, 255).astype(np.uint8)[:, :, ::-1])


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Sixty-two drawn people with two pictures each, and who of them wears a hat."""
    folder = tmp_path_factory.mktemp("crowd")
    rng = np.random.default_rng(0)
    for person in range(62):
        for number in range(2):
            write(folder / f"people/p{person:02d}/{number}.png", draw_face(person) * rng.uniform(0.8, 1.1) + rng.normal(0, 5, (160, 160, 3)))
    (folder / "hats.csv").write_text("name,hat\n" + "\n".join(f"p{person:02d},{'yes' if person < 11 else 'no'}" for person in range(62)))
    return folder


@pytest.fixture
def evaluate(facelite, bundle_file, people):
    """evaluate("--sweep", "jpeg", ...) gives the object that the released bundle's evaluation of all pairs prints; its numbers are all finite."""

    def run(*words, model=bundle_file, data=people, pairs=None):
        result = facelite("evaluate", model, data, *(["--pairs", pairs] if pairs else ["--all-pairs"]), *words, "--json")
        assert (result.status, result.err) == (0, "")
        assert result.out.count("\n") == 1
        return json.loads(result.out, parse_constant=pytest.fail)

    return run


def told(values):
    """What an evaluation says of the pictures, without the time it took and the model's name."""
    return {name: value for name, value in values.items() if name not in ("seconds", "model")}


# rates


def plain_distances(bundle_file, people):
    """(same, distance) of all pairs of pictures by a plain loop through the verifier."""
    verifier = open_verifier(bundle_file)
    looks = [(path.parent.name, verifier.look(path, rule="centre").embedding) for path in sorted(people.glob("*/*.jpg"))]
    return [(a[0] == b[0], a[1].distance(b[1])) for i, a in enumerate(looks) for b in looks[:i]]


def test_all_pairs_are_counted_and_judged(evaluate, bundle_file, bundle, people):
    values = evaluate()
    pairs = plain_distances(bundle_file, people)
    genuine, impostor = ([distance for same, distance in pairs if same is wanted] for wanted in (True, False))
    assert set(values) >= CONTRACT | {"genuine_pairs", "impostor_pairs"}
    assert (values["images"], values["people"], values["failed_to_detect"], values["pairs"]) == (6, 2, 0, len(pairs))
    assert (values["genuine_pairs"], values["impostor_pairs"], values["people_pairs"]) == (len(genuine), len(impostor), 1)
    assert values["auc"] == pytest.approx(np.mean([[g < i for g in genuine] for i in impostor]))
    assert 0 <= values["eer"] <= 1
    assert values["val_at_fmr"] == {}  # one pair of people supports no rate
    assert values["face"] == "centre"
    assert values["crop"] == "the face nearest to the centre, aligned"
    assert values["model"] == str(bundle_file)
    assert values["seconds"] >= 0
    deployed, threshold = values["deployed"], bundle.manifest.threshold()
    assert deployed["threshold"] == asdict(threshold)
    assert deployed["fmr"]["value"] == np.mean(np.array(impostor) <= threshold.distance)
    assert deployed["fnmr"]["value"] == pytest.approx(np.mean(np.array(genuine) > threshold.distance))


def test_all_pairs_of_many_people_have_rates_down_to_what_their_number_supports(evaluate, crowd):
    values = evaluate(data=crowd / "people")
    assert (values["people_pairs"], list(values["val_at_fmr"])) == (62 * 61 // 2, ["1e-1", "1e-2"])
    for rate, val in values["val_at_fmr"].items():
        low, high = values["val_interval_at_fmr"][rate]
        assert 0 <= low <= val <= high <= 1


def test_a_list_of_pairs_is_judged_with_the_keys_of_the_contract(facelite, evaluate, bundle_file, people):
    values = evaluate(pairs=people / "pairs.txt")
    assert set(values) >= CONTRACT
    assert (values["pairs"], values["images"], values["failed_to_detect"]) == (8, 6, 0)
    assert 0.5 <= values["accuracy"] <= 1
    assert set(values["measures"]) == {"squared_l2", "cosine", "l1"}
    lines = facelite("evaluate", bundle_file, people, "--pairs", people / "pairs.txt").out.splitlines()
    assert lines[0] == f"{bundle_file}: 6 images of 2 people, 0 without a face"
    assert f"  accuracy {100 * values['accuracy']:.2f} % +- {100 * values['accuracy_std']:.2f} % over 2 folds (95 %: " in lines[2]
    assert any(line.startswith(f"{bundle_file} by cosine: accuracy ") for line in lines)


def test_a_failure_to_detect_is_a_wrong_answer(evaluate, people, tmp_path):
    copied = shutil.copytree(people, tmp_path / "people")
    cv2.imwrite(str(copied / "Grace/Grace_0001.jpg"), np.full((200, 200, 3), 120, np.uint8))
    whole, broken = (evaluate(data=data, pairs=people / "pairs.txt") for data in (people, copied))
    assert broken["failed_to_detect"] == 1
    assert broken["accuracy"] <= whole["accuracy"] - 2 / 8  # in three of the eight pairs, at least two of them right before
    everybody = evaluate(data=copied)
    assert (everybody["failed_to_detect"], everybody["without_a_face"]) == (1, {"Grace/Grace_0001.jpg": "no face"})


def test_which_face_is_judged_can_be_chosen(evaluate, people, photos, tmp_path):
    copied = shutil.copytree(people, tmp_path / "people")
    shutil.copy(photos / "two.png", copied / "Eileen/two.png")
    values = {rule: evaluate("--face", rule, data=copied) for rule in ("only", "centre", "largest")}
    assert {rule: value["failed_to_detect"] for rule, value in values.items()} == {"only": 1, "centre": 0, "largest": 0}
    assert all(value["face"] == rule for rule, value in values.items())


def test_no_number_is_printed_that_json_does_not_know(capsys):
    output.show({"a": float("nan"), "b": [1.5, (float("inf"), {"c": -float("inf")})], "d": None, "e": Path("x")}, True)
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {"a": None, "b": [1.5, [None, {"c": None}]], "d": None, "e": "x"}


def test_a_rate_that_nobody_knows_is_said_to_be_unknown():
    assert [output.percent(rate) for rate in (None, float("nan"), 0.0, 0.98765)] == ["unknown", "unknown", "0.00 %", "98.77 %"]


# models


def test_a_recipe_and_a_bare_tflite_are_judged_as_the_bundle(evaluate, bundle, tmp_path):
    (tmp_path / "model.tflite").write_bytes(bundle.files[EMBEDDER])
    whole, recipe, bare = told(evaluate()), told(evaluate(model=RELEASED / "int8.toml")), told(evaluate(model=tmp_path / "model.tflite"))
    assert recipe == whole
    assert bare == {name: value for name, value in whole.items() if name != "deployed"}  # nobody has deployed it


def test_a_run_folder_is_judged_by_its_best_weights(facelite, people, tmp_path, detector_file):
    (tmp_path / RECIPE).write_text(json.dumps(asdict(default_recipe("nns2", "mine"))))
    shutil.copy(RELEASED / "weights.npz", tmp_path / BEST)
    result = facelite("evaluate", tmp_path, people, "--all-pairs", "--json")
    assert result.status == 0
    assert result.err.splitlines() == [
        f"facelite: {tmp_path} is a run, and {people} may hold people that it was trained on; --held-out leaves them out"
    ]
    assert result.json["genuine_pairs"] == 6
    assert result.json["auc"] > 0.5


@pytest.fixture
def model_file(bundle, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(bundle.files[EMBEDDER])
    return path


def crops(count):
    rng = np.random.default_rng(0)
    return [FaceCrop(rng.integers(0, 256, (112, 96, 3), np.uint8), np.zeros((4, 2), np.float32)) for _ in range(count)]


def test_what_is_said_of_a_bare_file_s_input_is_done(model_file, detector_file):
    """A BGR model sees of a picture what an RGB one sees of the picture with its colours swapped."""

    def embed(preprocess, pictures):
        return open_model(str(model_file), preprocess=preprocess).make().vectors(pictures)

    plain, swapped = crops(3), [FaceCrop(crop.pixels[..., ::-1], crop.landmarks) for crop in crops(3)]
    np.testing.assert_array_equal(embed("bgr", swapped), embed("rgb", plain))
    np.testing.assert_array_equal(embed("bgr:127.5,128", swapped), embed(None, plain))
    assert np.abs(embed("bgr", plain) - embed("rgb", plain)).max() > 0.01
    made = open_model(str(model_file), preprocess="BGR:100,50.5").make().preprocessing
    assert (made.height, made.width, made.mean, made.std, made.colours) == (112, 96, 100, 50.5, "BGR")


def test_a_bgr_file_is_judged_on_swapped_pictures_as_an_rgb_one_on_the_pictures(evaluate, model_file, people):
    rgb, again, bgr = (evaluate(*words, model=model_file) for words in (("--preprocess", "rgb"), (), ("--preprocess", "bgr")))
    assert told(rgb) == told(again)
    assert bgr["images"] == rgb["images"]
    assert told(bgr) != told(rgb)


@pytest.mark.parametrize(
    "text", ["x", "rgb:1", "rgb:1,2,3", "rgb:a,b", "rgb:1,0", "rgb:1,-2", "rgb:nan,1", "rgb:1,inf", ":1,2", "rgb,1,2", "rgb:1;2"]
)
def test_nonsense_about_the_input_is_refused(refused, model_file, people, text):
    refused(
        2, "evaluate", model_file, people, "--all-pairs", "--preprocess", text, match="--preprocess: expected rgb:MEAN,STD or bgr:MEAN,STD, .*got"
    )


def test_a_model_that_knows_its_input_is_told_nothing(refused, facelite, bundle_file, model_file, people):
    for model in (bundle_file, RELEASED / "int8.toml"):
        refused(2, "evaluate", model, people, "--all-pairs", "--preprocess", "rgb", match="expected --preprocess with a bare .tflite only, got")
    result = facelite("evaluate", bundle_file, people, "--all-pairs", "--preprocess", "bgr", "--against", model_file, "--json")
    assert (result.status, result.json["against"]["model"]) == (0, str(model_file))  # of the two it can only mean the bare one


def test_a_file_that_takes_colours_first_is_judged(evaluate, people, tmp_path):
    """The means of the three colours, taken with colours first and with colours last, are the same embeddings."""
    tensorflow = pytest.importorskip("tensorflow", reason="a TFLite file is made here")
    for name, shape, axes in (("first", (1, 3, 48, 40), (2, 3)), ("last", (1, 48, 40, 3), (1, 2))):

        def means(x, axes=axes):
            return tensorflow.reduce_mean(x, axis=axes) * tensorflow.constant([1.0, 2.0, 3.0])

        concrete = tensorflow.function(means).get_concrete_function(tensorflow.TensorSpec(shape, tensorflow.float32))
        (tmp_path / f"{name}.tflite").write_bytes(tensorflow.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    first, last = (evaluate(model=tmp_path / f"{name}.tflite") for name in ("first", "last"))
    assert told(first) == told(last)
    made = open_model(str(tmp_path / "first.tflite")).make()
    picture = crops(1)[0]
    np.testing.assert_allclose(
        made.vectors([FaceCrop(picture.pixels[:48, :40], picture.landmarks)])[0],
        (picture.pixels[:48, :40].mean((0, 1)) - 127.5) / 128 * (1, 2, 3),
        atol=1e-5,
    )


# wishes


def test_a_centre_crop_needs_no_face(evaluate, people, tmp_path):
    copied = shutil.copytree(people, tmp_path / "people")
    cv2.imwrite(str(copied / "Grace/Grace_0001.jpg"), np.full((200, 200, 3), 120, np.uint8))
    values = evaluate("--crop", "centre", data=copied)
    assert (values["failed_to_detect"], values["face"]) == (0, None)
    assert values["crop"] == "the middle, 0.7 of the shorter side, not aligned"
    assert "deployed" not in values  # its threshold is one for aligned faces


def test_a_second_model_is_set_against_the_first(facelite, evaluate, bundle_file, model_file, crowd):
    data = crowd / "people"
    values = evaluate("--against", model_file, "--preprocess", "bgr", data=data)
    alone = evaluate("--preprocess", "bgr", model=model_file, data=data)
    assert values["against"]["model"] == str(model_file)
    difference = values["against"].pop("difference")
    assert told(values["against"]) == {name: value for name, value in told(alone).items() if name in values["against"]}
    assert set(difference) == {"accuracy", "eer", "1e-1", "1e-2"}
    assert difference["eer"]["value"] == pytest.approx(alone["eer"] - values["eer"])
    assert difference["1e-2"]["value"] == pytest.approx(alone["val_at_fmr"]["1e-2"] - values["val_at_fmr"]["1e-2"])
    assert all(one["low"] <= one["value"] <= one["high"] for one in difference.values())
    itself = evaluate("--against", bundle_file, data=data)["against"]["difference"]
    assert {number for one in itself.values() for number in one.values()} == {0}
    out = facelite("evaluate", bundle_file, data, "--all-pairs", "--against", model_file).out
    assert "difference in VAL at FMR 1e-2: +0.00 points (95 %: +0.00 to +0.00)\n" in out


@pytest.fixture(scope="module")
def nns1(tmp_path_factory, detector_file):
    """The released bundle of the other network, in the same space."""
    out = tmp_path_factory.mktemp("nns1")
    export_bundle(EXPORT / "nns1/int8.toml", out)
    return out / "nns1-int8.facelite"


def test_a_gallery_of_another_network_is_judged_beside_both_alone(facelite, evaluate, bundle_file, nns1, crowd, tmp_path):
    data = crowd / "people"
    values = evaluate("--cross", nns1, data=data)
    cross = values["cross"]
    assert (cross["templates"], cross["probes"]) == (str(nns1), str(bundle_file))
    assert set(cross["val_at_fmr"]) == set(values["val_at_fmr"])
    weaker = min((values, values["against"]), key=lambda one: sum(one["val_at_fmr"].values()))
    for fmr, val in cross["val_at_fmr"].items():
        low, high = cross["val_interval_at_fmr"][fmr]
        assert low <= val <= high
        assert cross["gain"][fmr]["value"] == pytest.approx(val - weaker["val_at_fmr"][fmr])
    out = facelite("evaluate", bundle_file, data, "--all-pairs", "--cross", nns1, "--report", tmp_path / "report").out
    page = (tmp_path / "report/report.html").read_text()
    assert "A gallery that the other has enrolled" in page
    for fmr, val in cross["val_at_fmr"].items():
        assert re.search(rf">{fmr}</th><td>{100 * val:.2f}\xa0%<small>", page), fmr
    assert f"{nns1} enrolled, {bundle_file} verifies:\n  VAL " in out
    assert " points over the weaker alone (95 %: " in out


def test_crossed_with_itself_nothing_is_lost(evaluate, bundle_file, crowd):
    cross = evaluate("--cross", bundle_file, data=crowd / "people")["cross"]
    assert {number for one in cross["gain"].values() for number in one.values()} == {0}


def test_a_sweep_has_a_point_for_each_setting(facelite, evaluate, bundle_file, people):
    (jitter,) = evaluate("--sweep", "jitter")["sweeps"]
    assert [(point["setting"], point["road"]) for point in jitter["points"]] == [(sigma, "aligned") for sigma in (0, 0.01, 0.02, 0.04, 0.08)]
    assert jitter["points"][0]["accuracy"] == evaluate()["accuracy"]
    several = evaluate("--sweep", " jitter, pixels,pixels ")["sweeps"]
    assert [one["kind"] for one in several] == ["pixels", "jitter"]
    assert "jitter 0.08 of its side, aligned, " in facelite("evaluate", bundle_file, people, "--all-pairs", "--sweep", "jitter").out


def test_groups_are_judged_at_the_threshold_of_the_bundle(facelite, evaluate, bundle_file, bundle, crowd):
    found = evaluate("--groups", crowd / "hats.csv", data=crowd / "people")["slices"]
    threshold = bundle.manifest.threshold()
    assert (found["distance"], found["fmr"]) == (threshold.distance, threshold.fmr)
    assert [(one["attribute"], one["value"], one["people"], one["people_pairs"]) for one in found["slices"]] == [
        ("all", "", 62, 62 * 61 // 2),
        ("hat", "no", 51, 51 * 50 // 2),
        ("hat", "yes", 11, 55),
    ]
    assert [one["enough_for_fmr"] for one in found["slices"]] == [False] * 3  # for an FMR of 0.001
    out = facelite("evaluate", bundle_file, crowd / "people", "--all-pairs", "--groups", crowd / "hats.csv").out
    assert "\nall: 62 people, FMR " in out
    assert "\nhat yes: 11 people, FMR " in out
    assert ", too few for 0.001; FNMR " in out


def test_limits_of_quality_are_judged_at_the_threshold_of_the_bundle(facelite, evaluate, bundle_file, bundle, crowd):
    found = evaluate("--quality", data=crowd / "people")["quality"]
    assert found["distance"] == bundle.manifest.threshold().distance
    at = {one["measure"]: one for one in found["measures"]}
    assert {name: one["limit"] for name, one in at.items() if name != "all"} == asdict(bundle.manifest.limits)
    assert 0 <= at["all"]["refused"] <= 1 and at["clarity"]["curve"][0]["fnmr"] == pytest.approx(found["fnmr"]["value"])
    told = facelite("evaluate", bundle_file, crowd / "people", "--all-pairs", "--quality").out
    assert "beyond the limit of turn, 0.068: " in told and "beyond any limit: " in told


def test_people_are_identified(facelite, evaluate, bundle_file, crowd):
    found = evaluate("--identify", data=crowd / "people")["identification"]
    assert (found["mates"], found["strangers"]) == (31, 31)
    (small, *_, whole) = found["enrolments"]["1"]
    assert (small["people"], whole["people"], whole["templates"]) == (10, 31, 31)
    assert set(whole["at_fpir"]) == {"1e-1"}
    out = facelite("evaluate", bundle_file, crowd / "people", "--all-pairs", "--identify").out
    assert "identification: 31 people enrolled, 62 searches of 31 strangers\n" in out
    assert f"  31 people, 1 of each: first {100 * whole['rank_1']['value']:.2f} % (95 %: " in out


def test_a_wish_that_cannot_be_met_is_refused(refused, bundle_file, people, tmp_path):
    (tmp_path / "groups.csv").write_text("name,sex\nsomebody,f\n")
    for words, match in (
        (["--identify"], "expected 30 mates or more, .* out of 2 people"),
        (["--groups", tmp_path / "groups.csv"], "expected groups of pictures such as 'Eileen/Eileen_0001.jpg' or of their folders, got other names"),
        (["--groups", tmp_path / "none.csv"], "expected a CSV of groups, got No such file or directory; check --groups"),
        (["--against", tmp_path / "none"], "expected a bundle, "),
        (["--crop", "centre", "--quality"], "expected pictures whose faces are aligned for the limits of quality, got videos or a fixed crop"),
    ):
        refused(4 if "--against" in words else 2, "evaluate", bundle_file, people, "--all-pairs", *words, match=match)


@pytest.mark.parametrize(("words", "match"), [
    ([], "expected --pairs FILE or --all-pairs"),
    (["--all-pairs", "--pairs", "x"], "expected --pairs FILE or --all-pairs"),
    (["--pairs", "x", "--held-out"], "expected --held-out with --all-pairs only, got it with --pairs"),
    (["--pairs", "x", "--quality"], "expected --quality with --all-pairs only, got it with --pairs"),
    (["--all-pairs", "--show-faces"], "expected --show-faces with --report only, got it alone"),
    (["--pairs", "x", "--cross", "y"], "expected --cross with --all-pairs and without --against, got it with --pairs"),
    (["--all-pairs", "--against", "x", "--cross", "y"], "expected --cross with --all-pairs and without --against, got it with --against"),
    (["--all-pairs", "--sweep", "jpeg,blur"], "expected --sweep out of jpeg, pixels, jitter, got 'blur'"),
    (["--all-pairs", "--crop", "left"], "Invalid value for '--crop'"),
    (["--all-pairs", "--face", "left"], "Invalid value for '--face'"),
    (["--all-pairs", "--frames", "0"], "Invalid value for '--frames'"),
    (["--all-pairs", "--workers", "0"], "Invalid value for '--workers'"),
])  # fmt: skip
def test_wrong_usage_is_refused_before_any_model_is_opened(refused, words, match):
    refused(2, "evaluate", "none.facelite", "none", *words, match=match)


# cache


@pytest.fixture
def looked(monkeypatch):
    """How many pictures were decoded and cropped."""
    from facelite.evaluation import embed

    seen, crop_picture = [], embed.crop_picture
    monkeypatch.setattr(embed, "crop_picture", lambda *arguments: seen.append(1) or crop_picture(*arguments))
    return seen


def test_a_second_look_is_made_from_the_cache_unless_it_is_forbidden(evaluate, looked, cache, people):
    first = evaluate()
    assert len(looked) == 6
    assert [file.stat().st_mode & 0o777 for file in cache.iterdir()] == [0o600]
    for words in ((), ("--workers", "1")):
        assert told(evaluate(*words)) == told(first)
    assert told(evaluate(pairs=people / "pairs.txt"))["images"] == 6
    assert len(looked) == 6
    assert told(evaluate("--no-cache")) == told(first)
    assert len(looked) == 12
    assert len(list(cache.iterdir())) == 1


def test_no_cache_writes_none(evaluate, cache):
    evaluate("--no-cache")
    assert list(cache.iterdir()) == []


def test_another_road_is_never_served_from_the_cache(evaluate, looked, bundle, model_file, tmp_path):
    """Each way to judge gives after all others what it gives alone."""
    other = tmp_path / "other.facelite"
    scaled = replace(bundle.manifest, preprocessing=replace(bundle.manifest.preprocessing, colours="BGR"))
    other.write_bytes(pack_bundle(scaled, bundle.files))
    ways = [
        ((), {}),
        (("--crop", "centre"), {}),
        (("--face", "largest"), {}),
        (("--preprocess", "rgb:100,100"), {"model": model_file}),
        (("--preprocess", "bgr"), {"model": model_file}),
    ]
    alone = [told(evaluate("--no-cache", *words, **more)) for words, more in ways]
    for _ in range(2):
        assert [told(evaluate(*words, **more)) for words, more in ways] == alone
    assert len(looked) == 2 * 6 * len(ways)
    assert told(evaluate(model=other))["auc"] == alone[-1]["auc"]  # the same road as the bare file's
    assert len(looked) == 2 * 6 * len(ways)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: data[:-100] + bytes(100)])
def test_a_damaged_cache_is_made_again(evaluate, looked, cache, damage):
    first = evaluate()
    (file,) = cache.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert told(evaluate()) == told(first)
    assert len(looked) == 12
    assert told(evaluate()) == told(first)
    assert len(looked) == 12


def test_a_folder_that_cannot_be_written_is_done_without(evaluate, looked, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    first = evaluate()
    monkeypatch.setenv("FACELITE_CACHE", str(tmp_path / "file/cache"))
    for _ in range(2):
        assert told(evaluate()) == told(first)
    assert len(looked) == 18
