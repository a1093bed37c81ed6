"""One or two models on pictures, videos, lists: each part of a judgement is what its own function says of the same embeddings."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from functools import partial

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation.crop import CentreCrop, DetectedFace
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.identification import identify_people
from facelite.evaluation.judge import Model, Wish, everybody, judge, listed_pairs
from facelite.evaluation.pairs import read_pairs
from facelite.evaluation.slices import slice_rates
from facelite.evaluation.sweeps import Jitter
from facelite.evaluation.verification import by_measure, difference, verify_pairs
from facelite.export.synthetic import draw_face
from facelite.face import Threshold
from facelite.preprocess import Preprocessing
from facelite.split import is_held_out

pytestmark = pytest.mark.usefixtures("few_draws")

PEOPLE, PICTURES = 12, 3


class Thumbnail:
    """An embedder that needs no model: the crop in 8 x 8 pixels, seen through a random matrix."""

    preprocessing = Preprocessing(64, 64)

    def __init__(self, artefact, seed):
        self.artefact, self.matrix = artefact, np.random.default_rng(seed).normal(size=(192, 24))

    def vectors(self, crops):
        small = np.stack([crop.pixels.reshape(8, 8, 8, 8, 3).mean((1, 3)).ravel() - 128 for crop in crops])
        return (small @ self.matrix).astype(np.float32)


@pytest.fixture(scope="module")
def models(detector_file):
    return [Model(name, partial(Thumbnail, name, seed), detector_file) for seed, name in enumerate(("one", "other"))]


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.clip(pixels, 0, 255).astype(np.uint8)[:, :, ::-1])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Drawn people; one picture shows nobody."""
    folder = tmp_path_factory.mktemp("drawn")
    for person in range(PEOPLE):
        rng = np.random.default_rng(person)
        for number in range(PICTURES):
            write(folder / f"p{person:02d}/{number}.png", draw_face(person) * rng.uniform(0.7, 1.1) + rng.normal(0, 8, (160, 160, 3)))
    write(folder / "p00/1.png", np.full((80, 80, 3), 90))
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A list of pairs of the drawn people, by turns of one person and of two."""
    lines = [f"p{i:02d}/0.png,p{i:02d}/{1 + i % 2}.png,1\np{i:02d}/0.png,p{(i + 1) % PEOPLE:02d}/2.png,0" for i in range(PEOPLE)]
    path = tmp_path_factory.mktemp("list") / "pairs.csv"
    path.write_text("\n".join(["image_a,image_b,same", *lines]))
    return path


def embed(models, material, crop=None):
    return embed_pictures(material.names, material.read, detector=models[0].detector, embedders=[model.make for model in models], crop=crop)


# what is judged


def test_everybody_is_compared_with_everybody(models, data):
    with everybody(data) as material:
        found = judge(models[:1], material)
        (embedded,) = embed(models[:1], material)
        assert material.names[:2] == ["p00/0.png", "p00/1.png"]
        assert material.person.tolist() == np.repeat(np.arange(PEOPLE), PICTURES).tolist()
        assert asdict(found.judged[0].verification) == asdict(material.verify(embedded).verification)
    assert (found.models, found.crop, found.measures, found.differences) == (["one"], "the face nearest to the centre, aligned", None, {})
    assert (found.slices, found.sweeps, found.identification) == (None, [], None)
    assert found.judged[0].verification.failed_to_detect == 1
    assert found.judged[0].verification.genuine_pairs == PEOPLE * 3


def test_people_held_out_alone(models, tmp_path):
    names = [*[name for name in (f"person{i}" for i in range(100)) if is_held_out(name)][:3], "person0"]
    assert not is_held_out("person0")
    for seed, name in enumerate(names):
        for number in range(2):
            write(tmp_path / name / f"{number}.png", draw_face(seed))
    with everybody(tmp_path, held_out=True) as material:
        assert {name.split("/")[0] for name in material.names} == set(names[:3])
        assert judge(models[:1], material).judged[0].verification.people == 3


def test_a_list_is_judged_by_every_measure_of_the_first_model(models, data, pairs):
    with listed_pairs(data, pairs) as material:
        found = judge(models, material)
        embedded, _ = embed(models, material)
    assert found.measures == by_measure(read_pairs(pairs), embedded)
    assert asdict(found.judged[0].verification) == asdict(verify_pairs(read_pairs(pairs), embedded).verification)
    assert found.judged[0].verification.pairs == 2 * PEOPLE
    assert found.judged[0].verification.failed_to_detect == 1


def test_a_picture_in_no_folder_is_a_person_of_its_own(tmp_path):
    for number in range(3):
        write(tmp_path / f"data/{number}.png", draw_face(number))
    write(tmp_path / "data/ada/1.png", draw_face(4))
    write(tmp_path / "data/ada/2.png", draw_face(4))
    (tmp_path / "pairs.csv").write_text("image_a,image_b,same\n0.png,1.png,1\n0.png,2.png,0\nada/1.png,ada/2.png,1\n")
    with listed_pairs(tmp_path / "data", tmp_path / "pairs.csv") as material:
        people = dict(zip(material.names, material.person.tolist(), strict=True))
    assert people["ada/1.png"] == people["ada/2.png"]
    assert people["0.png"] == people["1.png"]  # the list says so
    assert len(set(people.values())) == 3


def test_a_listed_picture_that_is_missing_is_named(data, tmp_path):
    (tmp_path / "pairs.csv").write_text("image_a,image_b,same\np00/0.png,p00/9.png,1\np00/0.png,p01/0.png,0\n")
    with (
        pytest.raises(InputError, match=r"expected 3 listed pictures, got 2; see to p00/9.png first"),
        listed_pairs(data, tmp_path / "pairs.csv"),
    ):
        pass


def test_the_crop_is_the_one_asked_for(models, data):
    with everybody(data) as material:
        for crop in (CentreCrop(0.6), DetectedFace("largest")):
            found = judge(models[:1], material, crop=crop)
            np.testing.assert_array_equal(found.judged[0].embedded.vectors, embed(models[:1], material, crop)[0].vectors)
            assert found.crop == str(crop)
    assert found.judged[0].verification.failed_to_detect == 1


def test_two_models_are_judged_on_the_same_crops_and_told_apart(models, data):
    with everybody(data) as material:
        found = judge(models, material)
        one, other = (material.verify(embedded) for embedded in embed(models, material))
        itself = judge([models[0], models[0]], material)
    assert found.models == ["one", "other"]
    assert [asdict(judged.verification) for judged in found.judged] == [asdict(one.verification), asdict(other.verification)]
    assert found.differences == difference(one, other)
    assert found.differences["eer"].value == pytest.approx(other.verification.eer - one.verification.eer)
    assert {(one.low, one.value, one.high) for one in itself.differences.values()} == {(0, 0, 0)}


# wishes


@pytest.mark.parametrize("threshold", [None, Threshold(0.5, 0.05, 0.1, 0.1, 1, 1, 1)])
def test_slices_are_taken_at_the_deployed_threshold_else_at_that_of_the_accuracy(models, data, tmp_path, threshold):
    (tmp_path / "groups.csv").write_text("name,sex\n" + "\n".join(f"p{i:02d},{'fm'[i % 2]}" for i in range(PEOPLE)))
    model = Model("one", models[0].make, models[0].detector, threshold)
    with everybody(data) as material:
        found = judge([model], material, wish=Wish(groups=str(tmp_path / "groups.csv")))
    verification = found.judged[0].verification
    at = (0.5, 0.05) if threshold else (verification.threshold, verification.eer)
    embedded = found.judged[0].embedded
    person = np.repeat(np.arange(PEOPLE), PICTURES)
    (expected,) = slice_rates(embedded.vectors, person, {"sex": np.array(["f", "m"])[person % 2]}, thresholds=[at])
    assert asdict(found.slices) == asdict(expected)
    assert [(one.images, one.failed_to_detect) for one in found.slices.slices] == [(PEOPLE * PICTURES, 1), (PEOPLE * PICTURES // 2, 1), (18, 0)]


def test_a_table_of_groups_is_read_before_any_picture(models, data, tmp_path):
    def never(*_):
        raise AssertionError

    with everybody(data) as material, pytest.raises(InputError, match="expected a CSV of groups"):
        judge(models, material, wish=Wish(groups=str(tmp_path / "none.csv")), progress=never)


def test_sweeps_judge_every_model_at_every_setting(models, data):
    with everybody(data) as material:
        found = judge(models, material, wish=Wish(sweeps=("jitter",)))
    (jitter,) = found.sweeps
    assert [(point.setting, point.model) for point in jitter.points] == [(s, m) for s in (0, 0.01, 0.02, 0.04, 0.08) for m in ("one", "other")]
    still = [point for point in jitter.points if point.setting == 0]
    assert [point.accuracy for point in still] == [judged.verification.accuracy for judged in found.judged]
    assert len({point.accuracy for point in jitter.points}) > 2


def test_pixels_are_counted_in_the_pictures_that_are_judged(models, data):
    with everybody(data) as material:
        found = judge(models[:1], material, wish=Wish(sweeps=("pixels",)))
    unchanged = {point.setting: point.unchanged for point in found.sweeps[0].points if point.road == "aligned"}
    assert unchanged[65536] == PEOPLE * PICTURES - 1  # no drawn face has so many pixels, and one picture shows none
    assert unchanged[1600] == 0


def test_people_are_identified_as_their_embeddings_say(models, tmp_path):
    rng = np.random.default_rng(0)
    for person in range(62):
        for number in range(2):
            write(tmp_path / f"{person}/{number}.png", np.tile(rng.integers(0, 256, (4, 4, 3)), (16, 16, 1)))
    with everybody(tmp_path) as material:
        found = judge(models[:1], material, crop=CentreCrop(), wish=Wish(identify=True))
        (embedded,) = embed(models[:1], material, CentreCrop())
    assert asdict(found.identification) == asdict(identify_people(embedded.vectors, np.repeat(np.arange(62), 2)))


def test_too_few_people_to_identify_are_refused(models, data):
    with everybody(data) as material, pytest.raises(InputError, match="expected 30 mates or more"):
        judge(models[:1], material, wish=Wish(identify=True))


# videos


@pytest.fixture
def videos(tmp_path):
    """Folders of frames, and a list of pairs of them."""
    for person in range(3):
        for video in range(2):
            for frame in range(3):
                write(tmp_path / f"data/p{person}/{video}/{frame}.png", draw_face(person) + 10 * frame)
    rows = ["p0/0,p0/1,1", "p1/0,p1/1,1", "p0/0,p1/0,0", "p1/1,p2/0,0"]
    (tmp_path / "pairs.csv").write_text("\n".join(["image_a,image_b,same", *rows]))
    return tmp_path


def test_videos_are_judged_by_the_frames_that_count(models, videos):
    with listed_pairs(videos / "data", videos / "pairs.csv", frames=2) as material:
        assert (material.read, material.frames) == (None, 2)
        assert len(set(material.person.tolist())) == 3
        found = judge(models[:1], material)
    verification, embedded = found.judged[0].verification, found.judged[0].embedded
    assert (verification.pairs, verification.images, verification.people) == (4, 5, 3)
    frames = embed_pictures(
        ["0", "1"],
        lambda name: (videos / f"data/p1/1/{name}.png").read_bytes(),
        detector=models[0].detector,
        embedders=[models[0].make],
    )[0].vectors
    np.testing.assert_allclose(embedded.vectors[embedded.names.index("p1/1")], frames.mean(0), atol=1e-6)


@pytest.mark.parametrize("wish", [Wish(sweeps=("jpeg",)), Wish(identify=True)])
def test_what_needs_pictures_is_refused_for_videos(models, videos, wish):
    with (
        listed_pairs(videos / "data", videos / "pairs.csv") as material,
        pytest.raises(InputError, match="expected pictures for a sweep or identification, got videos; leave --sweep and --identify out"),
    ):
        judge(models, material, wish=wish)


def test_videos_have_groups_as_pictures_do(models, videos):
    (videos / "groups.csv").write_text("name,sex\np0,f\np1,m\np2,m\n")
    with listed_pairs(videos / "data", videos / "pairs.csv") as material:
        found = judge(models[:1], material, wish=Wish(groups=str(videos / "groups.csv")))
    assert [(one.value, one.images, one.people) for one in found.slices.slices] == [("", 5, 3), ("f", 2, 1), ("m", 3, 2)]


def test_pictures_deeper_than_in_a_person_s_folder_are_refused(tmp_path):
    write(tmp_path / "a/0/1.png", draw_face(1))
    with pytest.raises(InputError, match=r"got the picture a/0/1.png deeper; name the folder that holds the people's"), everybody(tmp_path):
        pass


def test_what_is_unreadable_is_told_from_what_shows_no_face(models, data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data/p01/broken.png").write_bytes(b"no picture")
    with everybody(tmp_path / "data") as material:
        found = judge(models[:1], material)
    reasons = found.without_a_face
    assert len(reasons) == found.judged[0].verification.failed_to_detect == 2
    assert reasons.pop("p01/broken.png").startswith("unreadable: ")
    assert list(reasons.values()) == ["no face"]


def test_a_sweep_goes_the_road_that_was_asked_for(models, data):
    with everybody(data) as material:
        found = judge(models[:1], material, crop=DetectedFace("only"), wish=Wish(sweeps=("jitter",)))
        (embedded,) = embed(models[:1], material, Jitter(0.04, DetectedFace("only")))
    assert found.sweeps[0].points[0].accuracy == found.judged[0].verification.accuracy
    assert found.sweeps[0].points[3].accuracy == material.verify(embedded).verification.accuracy


def test_a_threshold_for_aligned_faces_is_not_tried_on_a_fixed_crop(models, data):
    model = Model("one", models[0].make, models[0].detector, Threshold(0.5, 0.05, 0.1, 0.1, 1, 1, 1))
    with everybody(data) as material:
        assert judge([model], material, crop=CentreCrop()).deployed == [None]
        assert judge([model], material).deployed[0].threshold == model.threshold
