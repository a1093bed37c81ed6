"""Thresholds of a model against the same embeddings counted by hand, those for another embedder's templates, and bundles that carry them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest

from facelite import bundle as module
from facelite.bundle import CARD, EMBEDDER, FORMAT, MANIFEST, load_bundle, pack_bundle
from facelite.calibration import STEPS, calibrate, compare_all
from facelite.errors import InputError, UnsupportedRate
from facelite.evaluation.calibrate import FMRS, Calibration, add_strangers, calibrate_model, recalibrated
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.judge import Model
from facelite.evaluation.people import People
from facelite.export.synthetic import draw_face
from facelite.face import Threshold
from facelite.preprocess import Preprocessing
from facelite.runtime.verifier import Verifier

pytestmark = pytest.mark.usefixtures("few_draws")

PEOPLE, PICTURES = 12, 3  # 66 pairs of people: enough for an FMR of 0.1


class Thumbnail:
    """An embedder that needs no model: the crop in 8 x 8 pixels, seen through a random matrix."""

    preprocessing = Preprocessing(64, 64)

    def __init__(self, artefact, seed, noise=0.0):
        self.artefact = artefact
        self.matrix = np.random.default_rng(0).normal(size=(192, 24)) + noise * np.random.default_rng(seed).normal(size=(192, 24))

    def vectors(self, crops):
        small = np.stack([crop.pixels.reshape(8, 8, 8, 8, 3).mean((1, 3)).ravel() - 128 for crop in crops])
        return (small @ self.matrix).astype(np.float32)


def picture(person, number):
    rng = np.random.default_rng([person, number])
    varied = draw_face(person) * rng.uniform(0.7, 1.1) + rng.normal(0, 8, (160, 160, 3))
    return cv2.imencode(".png", np.clip(varied, 0, 255).astype(np.uint8)[:, :, ::-1])[1].tobytes()


def drawn_people(numbers, pictures=PICTURES, more=None):
    files = {f".\n/p{person:02d}/{number}.png": picture(person, number) for person in numbers for number in range(pictures)} | (more or {})
    person = [name.split("/")[1] for name in files]
    return People(list(files), ["."] * len(files), person, files.__getitem__)


@pytest.fixture(scope="module")
def people():
    """Drawn people, and two pictures without a face."""
    empty = cv2.imencode(".png", np.full((80, 80, 3), 90, np.uint8))[1].tobytes()
    return drawn_people(range(PEOPLE), more={".\n/p00/empty.png": empty, ".\n/p99/broken.png": b"not a picture"})


@pytest.fixture(scope="module")
def models(detector_file):
    """An embedder, and another one that sees about the same."""
    return [Model(name, partial(Thumbnail, name * 64, seed, 0.3 * seed), detector_file) for seed, name in enumerate("ab")]


@pytest.fixture(scope="module")
def embedded(models, people):
    """What both make of the people, embedded here."""
    return embed_pictures(people.names, people.read, detector=models[0].detector, embedders=[model.make for model in models])


# thresholds


def test_thresholds_are_those_of_the_same_embeddings(models, people, embedded):
    found = calibrate_model(models[0], people, fmrs=[0.05, 0.2])
    assert list(found.thresholds) == calibrate(compare_all(embedded[0].vectors, np.unique(people.person, return_inverse=True)[1]), [0.2, 0.05])
    assert (found.images, found.failed_to_detect, found.people) == (
        PEOPLE * PICTURES + 2,
        2,
        PEOPLE + 1,
    )  # of one there is nothing but a broken picture
    assert found.artefact == found.templates == "a" * 64
    assert found.strangers == []
    assert 0 < found.thresholds[1].fnmr < 1  # else this would tell little


def test_without_a_wish_all_rates_are_measured_that_the_people_support(models, people):
    assert [threshold.fmr for threshold in calibrate_model(models[0], people).thresholds] == [fmr for fmr in FMRS if fmr >= 3 / 66] == [0.1]


def test_templates_that_are_compared_as_one_get_thresholds_of_their_own(models, people, embedded):
    found = calibrate_model(models[0], people, fmrs=[0.05, 0.2])
    person = np.unique(people.person, return_inverse=True)[1]
    assert list(found.fused) == [f"fused {number}" for number in (2, 3, 5, 8) if number < PICTURES]
    for kind, thresholds in found.fused.items():
        assert list(thresholds) == calibrate(compare_all(embedded[0].vectors, person, fused=int(kind.removeprefix("fused "))), [0.2, 0.05])
    assert calibrate_model(models[0], people, templates=models[1], fmrs=[0.2]).fused == {}


def test_a_wish_said_twice_is_one_threshold(models, people):
    assert [threshold.fmr for threshold in calibrate_model(models[0], people, fmrs=[0.1, 0.2, 0.1]).thresholds] == [0.2, 0.1]


def test_a_rate_that_the_people_cannot_show_is_refused_with_the_number_it_would_take(models, people):
    with pytest.raises(UnsupportedRate, match=r"expected at least 300 pairs of distinct people .*for an FMR of 0.01, got 66"):
        calibrate_model(models[0], people, fmrs=[0.1, 0.01])
    with pytest.raises(UnsupportedRate, match=r"expected at least 30 pairs of distinct people .*for an FMR of 0.1, got 3"):
        calibrate_model(models[0], drawn_people(range(3)))
    with pytest.raises(UnsupportedRate, match="two pictures of a person"):
        calibrate_model(models[0], drawn_people(range(9), 1))


def plain_cross(templates, probes, person):
    """Genuine and impostor distances of every template to every probe but its own picture's, by the definition."""
    genuine, impostor = [], []
    for i in range(len(person)):
        for j in range(len(person)):
            if i != j:
                distance = sum((a - b) ** 2 for a, b in zip(templates[i].tolist(), probes[j].tolist(), strict=True))
                (genuine if person[i] == person[j] else impostor).append(distance)
    return np.array(genuine), np.sort(impostor)


def test_thresholds_for_templates_of_another_embedder_are_those_of_a_plain_double_loop(models, people, embedded):
    found = calibrate_model(models[0], people, templates=models[1], fmrs=[0.2, 0.05])
    assert (found.artefact, found.templates) == ("a" * 64, "b" * 64)
    kept = embedded[0].found
    genuine, impostor = plain_cross(embedded[1].vectors[kept], embedded[0].vectors[kept], np.array(people.person)[kept])
    missed = 2 * PICTURES  # p00's picture without a face, as template and as probe of each other one; p99 has no other
    for one in found.thresholds:
        last = impostor[int(one.fmr * len(impostor)) - 1]  # the last impostor that may match
        assert -1e-6 <= one.distance - last <= 1 / STEPS + 1e-6
        assert np.mean(impostor <= one.distance) <= one.fmr <= one.fmr_upper
        assert one.fnmr == pytest.approx((np.sum(genuine > one.distance) + missed) / (len(genuine) + missed), abs=1e-9)
        assert (one.genuine_pairs, one.impostor_pairs, one.people_pairs) == (len(genuine) + missed, len(impostor), 66)
    own = calibrate_model(models[0], people, fmrs=[0.2, 0.05])
    assert [one.distance for one in own.thresholds] != [one.distance for one in found.thresholds]


def test_which_embedder_enrols_and_which_probes_is_kept_apart(models, people):
    """Both ways compare the same pairs of pictures, so only the names are turned."""
    one, other = (calibrate_model(a, people, templates=b, fmrs=[0.1]) for a, b in (models, models[::-1]))
    assert (one.artefact, one.templates) == (other.templates, other.artefact)
    assert one.thresholds[0].distance == pytest.approx(other.thresholds[0].distance, abs=2 / STEPS)


def test_its_own_templates_count_once(models, people):
    assert calibrate_model(models[0], people, templates=models[0]) == calibrate_model(models[0], people)


def test_a_face_that_neither_found_makes_no_comparison(models, detector_file):
    with pytest.raises(UnsupportedRate, match="got no genuine pair"):
        calibrate_model(models[0], People([".\n/p/1.png"], ["."], ["p"], lambda name: b""))


# strangers


@pytest.fixture(scope="module")
def strangers():
    """Twenty people of one picture each, named as UTKFace names them; the parts of the name are no people of their own."""
    names = [f".\n/utkface23_{20 + i % 3}_{i % 2}_0_{i}/1.png" for i in range(20)]
    return People(names, ["."] * 20, [name.split("/")[1] for name in names], lambda name: picture(50 + names.index(name), 0))


def test_strangers_match_as_often_as_a_plain_count_says(models, people, strangers):
    calibration = calibrate_model(models[0], people, fmrs=[0.2, 0.1])
    seen = []
    found = add_strangers(calibration, models[0], strangers, progress=lambda *now: seen.append(now))
    assert seen[-1] == ("strangers", 20, 20)
    assert replace(found, strangers=[]) == calibration
    vectors = embed_pictures(strangers.names, strangers.read, detector=models[0].detector, embedders=[models[0].make])[0].vectors
    for threshold, slices in zip(found.thresholds, found.strangers, strict=True):
        assert (slices.distance, slices.fmr) == (threshold.distance, threshold.fmr)
        rates = {(one.attribute, one.value): one.fmr for one in slices.slices}
        assert set(rates) == {("all", ""), ("sex", "male"), ("sex", "female"), ("group", "White"), ("age", "18-29"),
                              ("sex and group", "male, White"), ("sex and group", "female, White")}  # fmt: skip
        for value, of in (("male", np.arange(0, 20, 2)), ("female", np.arange(1, 20, 2))):
            distances = [np.sum((vectors[i] - vectors[j]) ** 2) for i in of for j in of if i < j]
            assert rates["sex", value] == np.mean(np.array(distances) <= threshold.distance)
        assert {one.fnmr for one in slices.slices} == {None}


def test_strangers_groups_may_come_from_a_table(models, people, strangers, tmp_path):
    calibration = calibrate_model(models[0], people, fmrs=[0.1])
    rows = [f"{name.split('/')[1]},{'yes' if i < 5 else 'no'}" for i, name in enumerate(strangers.names)]
    (tmp_path / "groups.csv").write_text("\n".join(["name,hat", *rows]))
    found = add_strangers(calibration, models[0], strangers, groups=str(tmp_path / "groups.csv"))
    assert [(one.value, one.people) for one in found.strangers[0].slices] == [("", 20), ("no", 15), ("yes", 5)]
    with pytest.raises(InputError, match="expected a CSV of groups"):
        add_strangers(calibration, models[0], People(["x"], ["."], ["x"], None), groups=str(tmp_path / "none.csv"))  # before anything is read


def test_strangers_without_a_face_are_refused(models, people):
    nobody = People([".\n/p/20_0_0_1.png", ".\n/q/30_1_0_1.png"], ["."] * 2, ["p", "q"], lambda name: b"")
    with pytest.raises(InputError, match="expected faces in 2 pictures of strangers, found none; give other pictures"):
        add_strangers(calibrate_model(models[0], people, fmrs=[0.1]), models[0], nobody)


# bundles

OTHER = "0" * 64


def measured(artefact, *fmrs, templates=None):
    thresholds = tuple(Threshold(1 + fmr, fmr, 2 * fmr, 0.1, 100, 10_000, 5_000) for fmr in fmrs)
    return Calibration(artefact, templates or artefact, 10, 0, 5, thresholds)


def test_a_recalibrated_bundle_opens_and_passes_its_self_test(bundle):
    calibration = measured(bundle.artefact, 0.1, bundle.manifest.fmr)
    again = load_bundle(recalibrated(bundle, calibration))
    Verifier(again)
    assert again.manifest.thresholds == calibration.thresholds
    card = again.files.pop(CARD).decode()
    assert card.startswith(bundle.files[CARD].decode().rstrip("\n"))
    assert "on 10 pictures of 5 people (5,000 pairs of distinct people)" in card.partition("## Calibrated again")[2]
    assert again.files == {name: data for name, data in bundle.files.items() if name != CARD}
    assert again.manifest.template_thresholds == {}  # none were measured for several pictures as one
    kept = {name: getattr(bundle.manifest, name) for name in ("thresholds", "template_thresholds", "files")}
    assert replace(again.manifest, **kept) == bundle.manifest


def test_its_own_thresholds_replace_all_that_were_measured_before(bundle):
    manifest = replace(bundle.manifest, template_thresholds={OTHER: bundle.manifest.thresholds})
    before = load_bundle(pack_bundle(manifest, bundle.files))
    again = load_bundle(recalibrated(before, measured(bundle.artefact, 0.1, 0.001)))
    assert again.manifest.template_thresholds == {}
    twice = load_bundle(recalibrated(again, measured(bundle.artefact, 0.1, 0.001)))
    assert twice.files[CARD].count(b"## Calibrated again") == 1


def test_thresholds_for_another_embedder_s_templates_lie_beside_its_own(bundle):
    first, second = (measured(bundle.artefact, 0.1, bundle.manifest.fmr, templates=digit * 64) for digit in "01")
    again = load_bundle(recalibrated(load_bundle(recalibrated(bundle, first)), second))
    Verifier(again)
    expected = {**bundle.manifest.template_thresholds, "0" * 64: first.thresholds, "1" * 64: second.thresholds}
    assert again.manifest.template_thresholds == expected
    assert (again.manifest.thresholds, again.manifest.fmr) == (bundle.manifest.thresholds, bundle.manifest.fmr)
    anew = measured(bundle.artefact, bundle.manifest.fmr, templates="1" * 64)
    assert load_bundle(recalibrated(again, anew)).manifest.template_thresholds["1" * 64] == anew.thresholds


def test_the_default_rate_stays_where_it_can(bundle):
    default, own = bundle.manifest.fmr, partial(measured, bundle.artefact)
    other = partial(measured, bundle.artefact, templates=OTHER)
    for calibration, wished, expected in (
        (own(0.1, default), None, default),
        (own(0.1, 0.05), 0.1, 0.1),
        (own(0.1, default), 0.1, 0.1),
        (other(0.1, default), None, default),
        (other(0.01, default), 0.01, 0.01),
    ):
        assert load_bundle(recalibrated(bundle, calibration, fmr=wished)).manifest.fmr == expected
    assert 0.01 in [threshold.fmr for threshold in bundle.manifest.thresholds]
    assert default != 0.01


@pytest.mark.parametrize(("fmrs", "templates", "wished", "match"), [
    ((0.1, 0.05), None, 0.2, "expected thresholds at the default FMR of 0.2, got them at 0.05, 0.1; give pictures of more people, or"),
    ((0.1, 0.05), None, None, r"at the default FMR of 0.001, got them at 0.05, 0.1; give .*--default-fmr"),  # no door is opened wider unasked
    ((0.1, 0.05), OTHER, None, r"at the default FMR of 0.001, got them at 0.05, 0.1; give"),
    ((0.1, 0.05), OTHER, 0.1, r"at the default FMR of 0.1, got them at .*0.001, .*0.01; give"),  # not measured for its own templates
])  # fmt: skip
def test_a_default_rate_without_a_threshold_is_refused(bundle, fmrs, templates, wished, match):
    with pytest.raises(UnsupportedRate, match=match):
        recalibrated(bundle, measured(bundle.artefact, *fmrs, templates=templates), fmr=wished)


def test_a_calibration_of_another_embedder_is_misuse(bundle):
    with pytest.raises(ValueError, match=f"expected a calibration of the embedder {bundle.artefact[:12]}..., got one of 000000000000..."):
        recalibrated(bundle, measured(OTHER, 0.1))


def test_a_bundle_of_format_1_0_becomes_one_of_today(bundle):
    table = json.loads(pack_manifest(bundle))
    del table["template_thresholds"]
    old = load_bundle(module._zip({**bundle.files, MANIFEST: json.dumps(table | {"format": [1, 0]}).encode()}))
    assert old.manifest.format == (1, 0)
    again = load_bundle(recalibrated(old, measured(bundle.artefact, bundle.manifest.fmr, templates=OTHER)))
    assert again.manifest.format == FORMAT
    assert again.manifest.files[EMBEDDER] == bundle.artefact


def pack_manifest(bundle):
    return module._unzip(pack_bundle(bundle.manifest, bundle.files))[MANIFEST]
