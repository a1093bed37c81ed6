"""Every command with a bundle that decides by a Siamese head: distances and thresholds are the head's, and it is said."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelite.bundle import HEAD, open_bundle, save_bundle
from facelite.distance import pack_head, scaled
from facelite.export.synthetic import draw_face
from facelite.runtime.verifier import open_verifier

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture(scope="module")
def head(bundle):
    return scaled(np.random.default_rng(0).random(bundle.manifest.embedding), form="absolute")


@pytest.fixture(scope="module")
def by_head(bundle, head, tmp_path_factory):
    """The released embedder with a head of drawn weights."""
    path = tmp_path_factory.mktemp("by_head") / "head.facelite"
    save_bundle(path, replace(bundle.manifest, name="by-head", decide="siamese"), {**bundle.files, HEAD: pack_head(head)})
    return path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Twelve drawn people with three pictures each: 66 pairs of people, enough for an FMR of 0.1."""
    folder = tmp_path_factory.mktemp("drawn")
    for person in range(12):
        rng = np.random.default_rng(person)
        (folder / f"p{person:02d}").mkdir()
        for number in range(3):
            varied = draw_face(person) * rng.uniform(0.7, 1.1) + rng.normal(0, 8, (160, 160, 3))
            cv2.imwrite(str(folder / f"p{person:02d}/{number}.png"), np.clip(varied, 0, 255).astype(np.uint8)[:, :, ::-1])
    return folder


def plain_distances(path, head, pictures):
    """(same, distance by the head) of all pairs of pictures, by a plain loop through the verifier."""
    verifier = open_verifier(path)
    looks = [(picture.parent.name, verifier.look(picture, rule="centre").embedding.vector.tolist()) for picture in sorted(pictures)]
    weights = head.weights.tolist()

    def distance(a, b):
        return sum(weight * abs(x - y) for weight, x, y in zip(weights, a, b, strict=True))

    return [(a[0] == b[0], distance(a[1], b[1])) for i, a in enumerate(looks) for b in looks[:i]]


def test_two_pictures_and_a_gallery(facelite, by_head, people, tmp_path):
    pictures = [people / "Eileen/Eileen_0001.jpg", people / "Grace/Grace_0001.jpg"]
    look = open_verifier(by_head).look
    a, b = (look(picture).embedding.vector for picture in pictures)
    expected = float(open_bundle(by_head).distance.pairs(a, b))
    values = facelite("verify", *pictures, "--bundle", by_head, "--json").json
    assert (values["decide"], values["distance"]) == ("siamese", pytest.approx(expected, abs=1e-6))
    assert facelite("verify", *pictures, "--json").json["decide"] == "squared-l2"
    facelite("enrol", "--gallery", tmp_path / "g.db", "Grace", pictures[1], "--bundle", by_head)
    found = facelite("identify", "--gallery", tmp_path / "g.db", pictures[0], "--bundle", by_head, "--json").json
    assert (found["decide"], found["pictures"][str(pictures[0])]["distance"]) == ("siamese", pytest.approx(expected, abs=1e-6))


def test_inspect_says_what_decides(facelite, by_head, bundle_file):
    assert "decides by: Siamese head\n" in facelite("inspect", by_head).out
    assert "decides by: squared L2\n" in facelite("inspect", bundle_file).out
    assert [facelite("inspect", path, "--json").json["decide"] for path in (by_head, bundle_file)] == ["siamese", "squared-l2"]


def test_evaluate_judges_by_the_head(facelite, by_head, bundle_file, head, people):
    pairs = plain_distances(by_head, head, people.glob("*/*.jpg"))
    genuine, impostor = ([distance for same, distance in pairs if same is wanted] for wanted in (True, False))
    values = facelite("evaluate", by_head, people, "--all-pairs", "--json").json
    assert values["decide"] == "siamese"
    assert values["auc"] == pytest.approx(np.mean([[g < i for g in genuine] for i in impostor]))
    at = values["deployed"]["threshold"]["distance"]
    assert values["deployed"]["fmr"]["value"] == np.mean(np.array(impostor) <= at)
    assert values["deployed"]["fnmr"]["value"] == pytest.approx(np.mean(np.array(genuine) > at))
    listed = facelite("evaluate", by_head, people, "--pairs", people / "pairs.txt", "--json").json
    assert list(listed["measures"]) == ["squared_l2", "cosine", "l1", "siamese"]
    lines = facelite("evaluate", by_head, people, "--all-pairs", "--against", bundle_file).out.splitlines()
    said = [line.endswith("; distances are those of its Siamese head") for line in lines if "without a face" in line]
    assert said == [True, False]


def test_calibrate_measures_in_the_head_s_distance(facelite, by_head, head, drawn, tmp_path):
    impostor = np.sort([distance for same, distance in plain_distances(by_head, head, drawn.glob("*/*.png")) if not same])
    words = ["calibrate", by_head, drawn, "--fmr", "0.1", "--fmr", "0.2", "--default-fmr", "0.1", "--out", tmp_path / "ours.facelite"]
    values = facelite(*words, "--json").json
    assert values["decide"] == "siamese"
    for one in values["thresholds"]:
        last = impostor[int(one["fmr"] * len(impostor)) - 1]  # the last impostor that may match
        assert one["distance"] == pytest.approx(last, abs=2 / 2**14)
    made = open_bundle(tmp_path / "ours.facelite")
    assert (made.manifest.decide, made.manifest.fmr, made.files[HEAD]) == ("siamese", 0.1, pack_head(head))
    assert [one.distance for one in made.manifest.thresholds] == [one["distance"] for one in values["thresholds"]]
    assert facelite(*words).out.splitlines()[0].endswith("0 without a face; distances are those of its Siamese head")


def test_cluster_wants_a_distance_of_its_own(facelite, refused, by_head, people, tmp_path):
    refused(2, "cluster", people, "--bundle", by_head, "--out", tmp_path / "out", match="one that decides by its Siamese head; name --distance")
    words = ["cluster", people, "--distance", "1", "--json", "--out"]
    one, other = facelite(*words, tmp_path / "a", "--bundle", by_head).json, facelite(*words, tmp_path / "b").json
    assert {**one, "out": ""} == {**other, "out": ""} and one["faces"] == 6


def test_clean_leaves_the_head_s_thresholds_out(facelite, by_head, bundle_file, drawn, tmp_path):
    refusal = facelite("clean", by_head, drawn, "--out", tmp_path / "a")
    assert refusal.status == 2 and "expected a model with thresholds, or 300 pairs of people" in refusal.err
    assert facelite("clean", bundle_file, drawn, "--out", tmp_path / "b").status == 0
