"""From training to the door: a run with a Siamese head -> a bundle that decides by it, against plain loops over what the run has left."""

from __future__ import annotations

import json
import re
import shutil

import cv2
import numpy as np
import pytest

from facelite.bundle import HEAD, open_bundle
from facelite.cli.models import open_model
from facelite.errors import ExportError, InputError, RecipeError
from facelite.export import assemble
from facelite.export.assemble import export_bundle
from facelite.export.synthetic import draw_face
from facelite.networks import NETWORKS
from facelite.networks.weights import BEST
from facelite.runtime.verifier import open_verifier
from facelite.training import fit
from facelite.training.recipe import Loss
from facelite.training.run import HEAD as RUN_HEAD

RECIPE = """
name = "mine"
network = "small"
precision = "float32"
space = "small"
weights = "{weights}"
training_data = "drawn faces"
fmr = 0.1
fmrs = [0.1, 0.2]
min_cosine = 0.9
{more}
[licences]
code = "Apache-2.0"
"""


@pytest.fixture(scope="module")
def network(small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "small", small)
        yield small


@pytest.fixture(scope="module")
def runs(tmp_path_factory, faces, recipe, network):
    """Two runs of 24 steps, one with a head."""
    folder = tmp_path_factory.mktemp("runs")
    for name, loss in (("headed", Loss(triplet=0.5, siamese=1)), ("plain", Loss())):
        fit.train(recipe(epochs=8.0, loss=loss), faces, folder / name)
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory, names):
    """Photographs of nine drawn people who are held out, three of each: 36 pairs of people."""
    folder = tmp_path_factory.mktemp("people")
    for seed, name in enumerate(names(True, 9)):
        (folder / name).mkdir()
        rng = np.random.default_rng(seed)
        for i in range(3):
            picture = np.clip(draw_face(seed) * rng.uniform(0.85, 1.15) + rng.normal(0, 3, (160, 160, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / name / f"{i}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture
def write(tmp_path):
    """write(weights, more) writes a recipe and gives its path."""

    def recipe(weights, more='decide = "siamese"'):
        path = tmp_path / "mine.toml"
        path.write_text(RECIPE.format(weights=weights, more=more))
        return path

    return recipe


def plain_distance(run, a, b):
    """What the run's own head makes of two vectors; its length is made 2."""
    with np.load(run / RUN_HEAD) as file:
        weights = file["weights"].astype(float)
    length = sum(weight**2 for weight in weights.tolist()) ** 0.5
    return max(sum(2 * weight / length * abs(x - y) for weight, x, y in zip(weights.tolist(), a.tolist(), b.tolist(), strict=True)), 0)


def test_a_run_s_head_decides_at_the_door(runs, people, write, tmp_path, detector_file):
    report = export_bundle(write(runs / "headed"), tmp_path / "out", faces=people)
    assert report.decide == "siamese" == json.loads((tmp_path / "out/mine.report.json").read_text())["decide"]
    verifier = open_verifier(tmp_path / "out/mine.facelite")
    looks = {path: verifier.look(path, rule="centre").embedding.vector for path in sorted(people.rglob("*.png"))}
    pairs = [(a, b) for a in looks for b in looks if a < b]
    head = {pair: plain_distance(runs / "headed", *(looks[path] for path in pair)) for pair in pairs}
    impostor = np.sort([distance for (a, b), distance in head.items() if a.parent != b.parent])
    for one in report.thresholds:
        last = impostor[int(one.fmr * len(impostor)) - 1]  # the last impostor that may match
        assert one.distance == pytest.approx(last, abs=2 / 2**14)
    threshold, turned = verifier.manifest.threshold().distance, 0
    for pair in pairs[::7]:
        decision = verifier.verify(*pair, rule="centre")
        squared = float(np.sum((looks[pair[0]] - looks[pair[1]]) ** 2))
        assert decision.distance == pytest.approx(head[pair], abs=1e-5)
        assert decision.accepted is (decision.distance <= threshold)
        turned += decision.accepted is not (squared <= threshold)
    assert turned > 0  # were the head ignored, some of them would be decided otherwise
    model = open_model(str(tmp_path / "out/mine.facelite"))
    assert (model.distance.name, model.threshold) == ("siamese", verifier.manifest.threshold())


def test_without_the_wish_the_same_run_decides_by_squared_l2(runs, people, write, tmp_path, detector_file):
    report = export_bundle(write(runs / "headed", more=""), tmp_path / "out", faces=people)
    bundle = open_bundle(tmp_path / "out/mine.facelite")
    assert (report.decide, bundle.distance.name, HEAD in bundle.files, bundle.manifest.format[0]) == ("squared-l2", "squared-l2", False, 1)


def test_a_release_keeps_the_head_and_is_assembled_without_the_run(runs, people, write, tmp_path, detector_file, monkeypatch):
    """The recipe names files alone: the run is given once. Thresholds belong to the embedder and this very head."""
    named = 'decide = "siamese"\nhead = "head.json"\nreleased = "mine.tflite"\nthresholds = "thresholds.json"'
    path = write("weights.npz", named)
    export_bundle(path, tmp_path / "out", release=True, weights=runs / "headed", faces=people)
    monkeypatch.setattr("facelite.training.siamese.siamese_head", pytest.fail)
    assert export_bundle(path, tmp_path / "again").released
    assert (tmp_path / "again/mine.facelite").read_bytes() == (tmp_path / "out/mine.facelite").read_bytes()
    assert (tmp_path / "head.json").read_bytes() == open_bundle(tmp_path / "out/mine.facelite").files[HEAD]
    artefact, head = open_bundle(tmp_path / "out/mine.facelite").artefact, r"siamese:\w{64}"
    for key in json.loads((tmp_path / "thresholds.json").read_text()):
        assert re.fullmatch(rf"{artefact} ((fused \d|clarity|parity) )?{head}", key)
    export_bundle(path, tmp_path / "rebuilt", rebuild=True)  # the weights anew, by the head beside them
    other = json.loads((tmp_path / "head.json").read_text())
    (tmp_path / "head.json").write_text(json.dumps(other | {"weights": other["weights"][::-1]}))
    with pytest.raises(ExportError, match="expected thresholds for its sha256 beside it, got none"):
        export_bundle(path, tmp_path / "third")
    (tmp_path / "head.json").write_text(json.dumps(other | {"weights": [1.0, 1.0]}))
    with pytest.raises(InputError, match=r"head.json: expected a Siamese head of 16 numbers, got one of 2; correct the recipe"):
        export_bundle(path, tmp_path / "third")
    (tmp_path / "head.json").write_text("text")
    with pytest.raises(InputError, match=r"head.json: expected a Siamese head to decide by, got "):
        export_bundle(path, tmp_path / "third")
    assert not (tmp_path / "third").exists()


@pytest.mark.usefixtures("detector_file")
def test_weights_without_their_head_are_refused_before_anything_is_converted(runs, write, tmp_path, monkeypatch):
    monkeypatch.setattr(assemble, "rebuild_with_faces", pytest.fail)

    def refused(path, error, match, **given):
        with pytest.raises(error, match=match):
            export_bundle(path, tmp_path / "out", faces=tmp_path, **given)
        assert not (tmp_path / "out").exists()

    refused(write(runs / "plain"), InputError, f"{RUN_HEAD}: expected a Siamese head, got none; train with loss.siamese")
    refused(write("weights.npz"), RecipeError, r"or head, its file, got the file weights.npz alone; name the run")
    refused(write("none.npz"), InputError, "plain.*expected a Siamese head, got none", weights=runs / "plain")
    other = write("weights.npz", 'decide = "siamese"\nhead = "head.json"')
    refused(other, InputError, "expected the recipe of a run, got Not a directory; name a run folder", weights=runs / "headed" / BEST)
    shutil.copytree(runs / "headed", tmp_path / "stale")
    shutil.copy(runs / "plain" / BEST, tmp_path / "stale")
    refused(write(tmp_path / "stale"), InputError, f"expected the Siamese head of {BEST}, got that of other weights")
    refused(write("weights.npz", 'head = "head.json"'), RecipeError, r"expected head with decide = .siamese. only")
    refused(write("weights.npz", 'decide = "siamese"\nreleased = "mine.tflite"'), RecipeError, "expected head, the file that a release keeps")
    refused(write("weights.npz", 'decide = "cosine"'), RecipeError, "expected decide to be one of squared-l2, siamese, got 'cosine'")
