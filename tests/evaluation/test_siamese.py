"""Judging what decides by a Siamese head: every rate is that of its distances.

The oracle: of vectors whose numbers are +-1/16, a head that sees a quarter of the numbers tells half the squared L2 between these quarters, and
both are exact. So whatever is judged by the head is what is judged by squared L2 on the quarters, each threshold halved.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial

import cv2
import numpy as np
import pytest

from facelite.bundle import HEAD, load_bundle, pack_bundle
from facelite.calibration import STEPS
from facelite.distance import SQUARED_L2, pack_head, scaled
from facelite.errors import InputError
from facelite.evaluation.calibrate import Calibration, add_strangers, calibrate_model, recalibrated
from facelite.evaluation.cleaning import find_errors
from facelite.evaluation.clustering import default_distance
from facelite.evaluation.crop import CentreCrop
from facelite.evaluation.embed import Embedded
from facelite.evaluation.findings import Labelled
from facelite.evaluation.identification import identify_people
from facelite.evaluation.judge import Material, Model, Wish, everybody, judge
from facelite.evaluation.limits import Limit
from facelite.evaluation.pairs import PairList
from facelite.evaluation.people import People
from facelite.evaluation.report import write_report
from facelite.evaluation.report.pairs import hardest_pairs
from facelite.evaluation.slices import slice_rates
from facelite.evaluation.verification import by_measure, measured, verify_all, verify_pairs
from facelite.face import Threshold
from facelite.preprocess import Preprocessing

pytestmark = pytest.mark.usefixtures("few_draws")

SIZE, SEEN = 256, 64
ONE_POINT = 2 / STEPS
"""A threshold is a grid point: halved it may lie one beside."""


def signs(people=70, pictures=4, flip=0.3, seed=1):
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.choice([-1, 1], size=(people, SIZE)), pictures, axis=0)
    flipped = np.where(rng.random(centres.shape) < flip, -centres, centres)
    return (flipped / 16).astype(np.float32), np.repeat(np.arange(people), pictures)


@pytest.fixture(scope="module")
def head():
    return scaled(np.repeat([1.0, 0.0], [SEEN, SIZE - SEEN]), form="absolute")


def quarters(vectors):
    return 2 * vectors[:, :SEEN]


def embedded(vectors, distance):
    return Embedded([f"{i}.png" for i in range(len(vectors))], vectors, vectors.any(1), distance)


def halved(values):
    """What is told of a distance is half as much; all else stays."""
    return {name: value / 2 if name in ("threshold", "distance") else value for name, value in values.items()}


def test_the_oracle_holds(head):
    vectors, _ = signs(5)
    np.testing.assert_array_equal(2 * head.table(vectors, vectors), SQUARED_L2.table(quarters(vectors), quarters(vectors)))
    assert np.abs(head.table(vectors, vectors) - SQUARED_L2.table(vectors, vectors)).max() > 0.2


def test_all_pairs(head):
    vectors, subjects = signs()
    people = People([f"{i}.png" for i in range(len(subjects))], ["one"] * len(subjects), [str(one) for one in subjects], lambda name: b"")
    found, expected, squared = (
        verify_all(people, one).verification
        for one in (embedded(vectors, head), embedded(quarters(vectors), SQUARED_L2), embedded(vectors, SQUARED_L2))
    )
    assert (found.eer, found.auc, found.val_at_fmr, found.accuracy) == (expected.eer, expected.auc, expected.val_at_fmr, expected.accuracy)
    assert found.threshold == pytest.approx(expected.threshold / 2, abs=ONE_POINT)
    assert 0.02 < found.eer < 0.4  # or there would be nothing to compare
    assert found.eer != squared.eer


@pytest.fixture(scope="module")
def listed():
    vectors, subjects = signs(200, 2)
    first = np.arange(len(subjects))
    second = np.where(first % 4 < 2, first ^ 1, (first + 2) % len(subjects))
    pairs = PairList([f"{i}.png" for i in first], first, second, subjects[first] == subjects[second], first // 4 % 10, subjects)
    return vectors, pairs


def test_a_list_of_pairs(head, listed):
    vectors, pairs = listed
    found, expected = verify_pairs(pairs, embedded(vectors, head)), verify_pairs(pairs, embedded(quarters(vectors), SQUARED_L2))
    assert found.verification.eer == expected.verification.eer != verify_pairs(pairs, embedded(vectors, SQUARED_L2)).verification.eer
    assert found.verification.val_at_fmr == expected.verification.val_at_fmr
    np.testing.assert_array_equal(2 * measured(pairs, embedded(vectors, head)), measured(pairs, embedded(quarters(vectors), SQUARED_L2)))
    missing = replace(embedded(vectors, head), lengths=np.arange(len(vectors)) > 0)
    np.testing.assert_array_equal(np.isnan(measured(pairs, missing)), (pairs.first == 0) | (pairs.second == 0))


def test_the_head_stands_beside_the_other_measures(head, listed):
    vectors, pairs = listed
    found, without = by_measure(pairs, embedded(vectors, head)), by_measure(pairs, embedded(vectors, SQUARED_L2))
    assert list(found) == ["squared_l2", "cosine", "l1", "siamese"]
    assert {name: found[name] for name in without} == without
    assert found["siamese"] == by_measure(pairs, embedded(quarters(vectors), SQUARED_L2))["squared_l2"] != found["squared_l2"]


def test_the_hardest_pairs(head):
    vectors, subjects = signs(20)
    material = Material("", [f"{i}.png" for i in range(len(subjects))], subjects, verify=lambda one: None)
    found, expected = (hardest_pairs(one, material) for one in (embedded(vectors, head), embedded(quarters(vectors), SQUARED_L2)))
    for kind, other in zip(found, expected, strict=True):
        assert [pair.places for pair in kind] == [pair.places for pair in other]
        assert [2 * pair.distance for pair in kind] == [pair.distance for pair in other]


def test_slices(head):
    vectors, subjects = signs(14, 3)
    groups = {"sex": np.array(["f", "m"])[subjects % 2]}
    (found,) = slice_rates(vectors, subjects, groups, thresholds=[(0.75, 0.1)], distance=head)
    (expected,) = slice_rates(quarters(vectors), subjects, groups, thresholds=[(1.5, 0.1)])
    assert asdict(found) == asdict(expected) | {"distance": 0.75}
    assert 0 < found.slices[0].fmr < 1 and 0 < found.slices[0].fnmr < 1


def test_identification(head):
    vectors, subjects = signs()
    options = {"enrolments": [1], "sizes": [10], "galleries": 3}
    found, expected = identify_people(vectors, subjects, distance=head, **options), identify_people(quarters(vectors), subjects, **options)
    assert (found.mates, found.strangers) == (expected.mates, expected.strangers)
    for number, galleries in found.enrolments.items():
        for one, other in zip(galleries, expected.enrolments[number], strict=True):
            assert (one.rank_1, one.cmc) == (other.rank_1, other.cmc)
            assert 0.1 < one.rank_1.value < 0.99
            for fpir, at in one.at_fpir.items():
                assert (at.fpir, at.fnir) == (other.at_fpir[fpir].fpir, other.at_fpir[fpir].fnir)
                assert at.threshold == pytest.approx(other.at_fpir[fpir].threshold / 2, abs=ONE_POINT)


class Squares:
    """An embedder that needs no model: a picture's middle in 16 x 16 signs, each 1/16."""

    preprocessing = Preprocessing(64, 64)
    artefact = "squares"

    def vectors(self, crops):
        return np.where(np.stack([crop.pixels[2::4, 2::4, 0].ravel() for crop in crops]) > 127, np.float32(1 / 16), np.float32(-1 / 16))


class Quarters(Squares):
    """The same, of the first quarter alone."""

    artefact = "quarters"

    def vectors(self, crops):
        return quarters(super().vectors(crops))


@pytest.fixture(scope="module")
def models(detector_file, head):
    """One that decides by the head, and one that decides by squared L2 of what the head sees."""
    return [Model("head", Squares, detector_file, Threshold(0.7, 0.1, 0.2, 0.1, 100, 1000, 300), head), Model("quarters", Quarters, detector_file)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Pictures of 60 people as Squares sees them, by CentreCrop(1)."""
    folder = tmp_path_factory.mktemp("squares")
    vectors, subjects = signs(62, 2)
    for i, (vector, subject) in enumerate(zip(vectors, subjects, strict=True)):
        (folder / f"p{subject:02d}").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"p{subject:02d}/{i}.png"), np.kron(np.where(vector > 0, 255, 0).reshape(16, 16), np.ones((4, 4))).astype(np.uint8))
    return folder


def test_two_models_are_each_judged_by_their_own_distance(models, data, tmp_path):
    with everybody(data) as material:
        found = judge(models, material, crop=CentreCrop(1), wish=Wish(identify=True, groups=_groups(data, tmp_path)))
        alone = judge(models[1:], material, crop=CentreCrop(1), wish=Wish(identify=True, groups=_groups(data, tmp_path)))
        write_report(found, tmp_path / "report", models=models, material=material)
    first, second = found.judged
    assert [one.embedded.distance.name for one in found.judged] == ["siamese", "squared-l2"]
    assert (first.verification.eer, first.verification.auc) == (second.verification.eer, second.verification.auc)
    assert 0 < first.verification.eer < 0.4
    assert {(one.low, one.value, one.high) for one in found.differences.values()} == {(0, 0, 0)}
    assert [one.fnmr for one in found.slices.slices] == [one.fnmr for one in alone.slices.slices]
    assert found.identification.enrolments["1"][0].rank_1 == alone.identification.enrolments["1"][0].rank_1
    page = (tmp_path / "report/report.html").read_text()
    assert "<dt>Siamese head</dt>" in page and "<dt>Siamese head</dt>" not in _page(alone, models[1:], material, tmp_path / "other")
    for figure, label in (
        ("distances-1", "distance (Siamese head)"),
        ("distances-2", "distance (squared L2)"),
        ("threshold", "threshold (Siamese head)"),
    ):
        assert label in (tmp_path / f"report/{figure}.svg").read_text()  # matplotlib says in a comment what it draws


def _groups(data, folder):
    path = folder / "groups.csv"
    path.write_text("name,sex\n" + "\n".join(f"{person.name},{'fm'[i % 2]}" for i, person in enumerate(sorted(data.iterdir()))))
    return str(path)


def _page(judgement, models, material, folder):
    write_report(judgement, folder, models=models, material=material)
    return (folder / "report.html").read_text()


def test_what_a_head_tells_cannot_be_taken_over_the_frames_of_a_video(models):
    material = Material("videos", ["a/1", "b/1"], np.arange(2), verify=lambda one: None)
    with pytest.raises(InputError, match=r"^head: expected a model that decides by squared L2, .* judge it on pictures"):
        judge(models[:1], material)


# thresholds


@pytest.fixture
def cut_whole(monkeypatch):
    """Whatever embeds takes the middle of each picture, in which no detector would find a face."""
    from facelite.evaluation import calibrate, embed

    monkeypatch.setattr(calibrate, "embed_pictures", partial(embed.embed_pictures, crop=CentreCrop(1)))


def _people(data):
    names = sorted(path.relative_to(data).as_posix() for path in data.glob("*/*.png"))
    return People(names, ["."] * len(names), [name.split("/")[0] for name in names], lambda name: (data / name).read_bytes())


@pytest.mark.usefixtures("cut_whole")
def test_thresholds_are_of_the_distance_that_decides(models, data, tmp_path):
    found, expected = (calibrate_model(model, _people(data), fmrs=[0.01, 0.1]) for model in models)
    assert (found.decide, expected.decide) == ("siamese", "squared-l2")
    for one, other in zip(found.thresholds, expected.thresholds, strict=True):
        assert asdict(one) == halved(asdict(other))
        assert 0 < one.fnmr < 1
    groups = _groups(data, tmp_path)
    slices, others = (add_strangers(one, model, _people(data), groups=groups).strangers for one, model in ((found, models[0]), (expected, models[1])))
    assert [one.slices for one in slices] == [one.slices for one in others]


@pytest.mark.usefixtures("cut_whole")
def test_whoever_enrols_the_probe_s_bundle_decides(models, data, detector_file):
    """Templates of another embedder are compared by the head of the probes, whatever their own bundle decides by."""

    class Others(Squares):
        artefact = "others"

    enrols = [Model("others", Others, detector_file, None, distance) for distance in (SQUARED_L2, models[0].distance)]
    crossed = [calibrate_model(models[0], _people(data), templates=one, fmrs=[0.1]) for one in enrols]
    assert crossed[0] == crossed[1] and crossed[0].decide == "siamese"
    assert crossed[0].thresholds[0].distance == calibrate_model(models[0], _people(data), fmrs=[0.1]).thresholds[0].distance


def test_a_bundle_keeps_deciding_by_its_head_and_takes_no_other_thresholds(bundle):
    head = scaled(np.ones(bundle.manifest.embedding), form="chi-square")
    own = load_bundle(pack_bundle(replace(bundle.manifest, decide="siamese"), {**bundle.files, HEAD: pack_head(head)}))
    calibration = Calibration(bundle.artefact, bundle.artefact, 10, 0, 5, bundle.manifest.thresholds[:4], decide="siamese")
    again = load_bundle(recalibrated(own, calibration))
    assert (again.manifest.decide, again.files[HEAD]) == ("siamese", own.files[HEAD])
    with pytest.raises(ValueError, match="expected thresholds of the distance siamese, got some of squared-l2"):
        recalibrated(own, replace(calibration, decide="squared-l2"))
    with pytest.raises(ValueError, match="expected thresholds of the distance squared-l2, got some of siamese"):
        recalibrated(bundle, calibration)
    with pytest.raises(InputError, match=r"expected a bundle that decides by squared L2, as clusters do, .* name --distance"):
        default_distance(own.manifest)


def test_cleaning_goes_by_squared_l2_and_so_by_no_threshold_of_a_head():
    vectors, person = signs(60, 6)
    labelled = Labelled([f"{i}.png" for i in range(len(person))], vectors, person, 0 * person, [str(i) for i in range(60)], np.zeros(60, int), {})
    thresholds = [Threshold(0.1, fmr, 2 * fmr, 0.1, 100, 1000, 300) for fmr in (1e-2, 1e-3, 1e-5)]

    def limits(decide, given):
        return find_errors(replace(labelled, decide=decide), thresholds=given, copy=Limit(0.01, "copies")).limits

    assert limits("siamese", thresholds) == limits("siamese", []) == limits("squared-l2", [])
    assert limits("squared-l2", thresholds) != limits("squared-l2", [])
