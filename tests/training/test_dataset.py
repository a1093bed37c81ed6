"""Folders of crops -> the training part and the held-out part: who goes where, and what is refused."""

from __future__ import annotations

import hashlib
import shutil
import tracemalloc
import unicodedata

import cv2
import numpy as np
import pytest

from facelite.errors import ImageError, InputError
from facelite.split import HELD_OUT_PICTURES, HELD_OUT_SHARE, is_held_out
from facelite.training.dataset import UNKNOWN, load
from facelite.training.geometry import CropGeometry
from facelite.training.recipe import Teacher, TrainingSet


def person(name):
    return name.split("/")[-2]


def write_teacher(path, embeddings, suffix=".jpg"):
    np.savez(path, names=np.array([name.rpartition(".")[0] + suffix for name in embeddings]), embeddings=np.array(list(embeddings.values())))


@pytest.fixture
def two_sets(tmp_path, names, write_set):
    """Sets "a" and "b" that share two people to train on and two held out; "a" has three more to train on and one more held out."""
    train, held = names(False, 5), names(True, 3)
    write_set(tmp_path / "a", dict.fromkeys([*train, *held], 3))
    write_set(tmp_path / "b", dict.fromkeys([*train[:2], *held[:2]], 2))
    return tmp_path


def refused(root, sets, teacher=None):
    with pytest.raises(InputError) as caught:
        load(root, sets, teacher)
    message = str(caught.value)
    assert "\n" not in message and "expected" in message and "; " in message
    return message


def test_held_out_people_are_in_no_set_of_the_training_part(two_sets):
    training, held_out = load(
        two_sets,
        (
            TrainingSet("a"),
            TrainingSet("b"),
        ),
        None,
    )
    assert not any(is_held_out(person(name)) for name in training.names)
    assert all(is_held_out(person(name)) for name in held_out.names)
    assert len(training) == 5 * 3 + 2 * 2 and len(held_out) == 3 * 3 + 2 * 2


def test_a_name_is_one_person_inside_a_numbering_and_two_across(two_sets):
    apart = load(two_sets, (TrainingSet("a"), TrainingSet("b")), None)
    together = load(two_sets, (TrainingSet("a", "same"), TrainingSet("b", "same")), None)
    assert [part.people for part in apart] == [7, 5] and [part.people for part in together] == [5, 3]
    assert len(np.unique(apart[0].numbering)) == 2 and len(np.unique(together[0].numbering)) == 1
    for part in (*apart, *together):
        label = {(int(n), person(name)): int(s) for n, name, s in zip(part.numbering, part.names, part.subjects, strict=True)}
        assert len(set(label.values())) == len(label) == part.people


def test_unlabelled_pictures_are_unknown_and_never_held_out_to_judge(two_sets):
    training, held_out = load(two_sets, (TrainingSet("a"), TrainingSet("b", labelled=False)), None)
    unlabelled = np.array([name.startswith("b/") for name in training.names])
    assert unlabelled.sum() == 4
    assert (training.subjects[unlabelled] == UNKNOWN).all() and (training.subjects[~unlabelled] >= 0).all()
    assert all(name.startswith("a/") for name in held_out.names)
    assert training.people == 5


def test_pixels_are_those_of_the_named_files(two_sets):
    for part in load(two_sets, (TrainingSet("a"), TrainingSet("b")), None):
        for i in (0, len(part) - 1):
            stored = cv2.imread(str(two_sets / part.names[i]))[:, :, ::-1]
            assert (part.pixels[i] == stored).all()
        assert part.pixels.dtype == np.uint8 and part.geometry == CropGeometry(48, 6)


def test_the_set_named_dot_is_the_folder_itself(two_sets):
    training, _ = load(two_sets / "a", (TrainingSet("."),), None)
    assert training.names[0].count("/") == 1


def test_of_a_held_out_person_a_few_pictures_count(tmp_path, names, write_set):
    many, few = names(True, 2)
    write_set(tmp_path, {many: HELD_OUT_PICTURES + 5, few: 2, **dict.fromkeys(names(False, 2), 20)})
    training, held_out = load(tmp_path, (TrainingSet("."),), None)
    assert sorted(np.bincount(np.unique(held_out.subjects, return_inverse=True)[1])) == [2, HELD_OUT_PICTURES]
    assert len(training) == 40


def test_hidden_and_other_files_are_passed_over(two_sets):
    folder = next(path for path in (two_sets / "a").iterdir() if path.is_dir())
    (folder / "._0.jpg").write_bytes(b"a Mac was here")
    (folder / "notes.txt").write_text("x")
    (two_sets / "a" / ".thumbnails").mkdir()
    shutil.copy(folder / "0.jpg", two_sets / "a" / ".thumbnails" / "0.jpg")
    assert sum(map(len, load(two_sets, (TrainingSet("a"),), None))) == 24


def test_one_picture_each_is_enough_for_nobody_but_may_be_among_others(tmp_path, names, write_set):
    alone = names(False, 9)
    write_set(tmp_path, {**dict.fromkeys(alone[:7], 1), **dict.fromkeys(alone[7:], 2), **dict.fromkeys(names(True, 2), 2)})
    training, _ = load(tmp_path, (TrainingSet("."),), None)
    assert len(training) == 11 and training.people == 9


@pytest.mark.parametrize(("training", "held"), [((1, 1, 1), (2, 2)), ((2, 2), (2, 1)), ((2, 2), ()), ((2,), (2, 2))])
def test_two_people_with_two_pictures_are_needed_on_both_sides(tmp_path, names, write_set, training, held):
    write_set(tmp_path, {**dict(zip(names(False, 9), training, strict=False)), **dict(zip(names(True, 9), held, strict=False))})
    assert "add people" in refused(tmp_path, (TrainingSet("."),))


def test_held_out_people_of_two_numberings_make_no_impostor_pair(tmp_path, names, write_set):
    one, two = names(True, 2)
    write_set(tmp_path / "a", {**dict.fromkeys(names(False, 2), 2), one: 2})
    write_set(tmp_path / "b", {**dict.fromkeys(names(False, 2), 2), two: 2})
    assert "two people held out" in refused(tmp_path, (TrainingSet("a"), TrainingSet("b")))
    assert load(tmp_path, (TrainingSet("a", "same"), TrainingSet("b", "same")), None)[1].people == 2


def rank(name):
    """Where the split's hash puts a name, those that it holds out first."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return number % HELD_OUT_SHARE != 0, number


@pytest.mark.parametrize(("held", "others", "expected"), [(0, 4, 2), (0, 5, 2), (0, 24, 3), (1, 23, 3), (2, 22, 3), (2, 2, 2), (3, 3, 3), (4, 20, 4)])
def test_of_few_people_those_of_the_smallest_hashes_are_held_out(tmp_path, names, write_set, held, others, expected):
    people = [*names(False, others), *names(True, held)]
    write_set(tmp_path, {**dict.fromkeys(people, 2), **dict.fromkeys(names(False, others + 3)[others:], 1)})  # who has one picture makes no pair
    training, held_out = load(tmp_path, (TrainingSet("."),), None)
    assert {person(name) for name in held_out.names} == set(sorted(people, key=rank)[:expected])
    assert not {person(name) for name in training.names} & {person(name) for name in held_out.names}
    assert training.people == len(people) - expected + 3


def test_who_is_held_out_of_a_small_set_is_in_no_other_set_of_the_training_part(tmp_path, names, write_set):
    people = names(False, 8)
    write_set(tmp_path / "a", dict.fromkeys(people, 2))
    write_set(tmp_path / "b", dict.fromkeys(people, 1))
    shutil.copytree(tmp_path / "a", tmp_path / "a-look")
    training, held_out = load(tmp_path, (TrainingSet("a"), TrainingSet("b", labelled=False), TrainingSet("a-look", of="a")), None)
    chosen = set(sorted(people, key=rank)[:3])
    assert {person(name) for name in held_out.names} == chosen and all(name.startswith("a/") for name in held_out.names)
    assert {person(name) for name in training.names} == set(people) - chosen


def test_a_name_is_held_out_however_its_accents_are_written(tmp_path, write_set):
    people = [f"Ren\u00e9e {number}" for number in range(8)]
    write_set(tmp_path / "a", dict.fromkeys(people, 2))
    write_set(tmp_path / "b", dict.fromkeys([unicodedata.normalize("NFD", one) for one in people], 1))
    training, held_out = load(tmp_path, (TrainingSet("a"), TrainingSet("b", labelled=False)), None)
    chosen = {person(name) for name in held_out.names}
    assert len(chosen) == 3 and not chosen & {unicodedata.normalize("NFC", person(name)) for name in training.names}


def test_people_added_to_a_second_set_leave_the_first_as_it_is(tmp_path, names, write_set):
    people = names(False, 26)
    found = []
    for more in (9, 16):
        write_set(tmp_path / str(more) / "a", dict.fromkeys(people[:10], 2))
        write_set(tmp_path / str(more) / "b", dict.fromkeys(people[10 : 10 + more], 2))
        found.append({person(name) for name in load(tmp_path / str(more), (TrainingSet("a"), TrainingSet("b")), None)[1].names})
    assert found[0] == found[1] == set(sorted(people[:10], key=rank)[:3])


def test_as_people_are_added_to_six_nobody_who_was_trained_on_is_held_out(tmp_path, names, write_set):
    people, trained = [*names(False, 12), *names(True, 4)], set()
    for number in range(4, len(people) + 1):
        write_set(tmp_path / str(number), dict.fromkeys(people[:number], 2))
        training, held_out = load(tmp_path / str(number), (TrainingSet("."),), None)
        assert number <= 6 or not trained & {person(name) for name in held_out.names}
        trained = {person(name) for name in training.names}


def test_a_numbering_with_enough_held_out_leaves_the_others_as_they_are(tmp_path, names, write_set):
    write_set(tmp_path / "a", {**dict.fromkeys(names(False, 3), 2), **dict.fromkeys(names(True, 3), 2)})
    write_set(tmp_path / "b", dict.fromkeys(names(False, 20), 2))
    assert all(is_held_out(person(name)) for name in load(tmp_path, (TrainingSet("a"), TrainingSet("b")), None)[1].names)


# a teacher


def unit(rng, n, d=8):
    vectors = rng.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def all_names(root, sets=("a", "b")):
    return sorted(path.relative_to(root).as_posix() for one in sets for path in (root / one).glob("*/*.jpg"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ""])
def test_targets_are_found_by_name_whatever_the_suffix(two_sets, suffix):
    found = all_names(two_sets)
    embeddings = dict(zip(found, 3 * unit(np.random.default_rng(0), len(found)), strict=True))
    without = found[::5]
    write_teacher(two_sets / "t.npz", {name: value for name, value in embeddings.items() if name not in without}, suffix)
    for part in load(two_sets, (TrainingSet("a"), TrainingSet("b")), Teacher("t.npz", leak=0.0)):
        assert part.has_target.tolist() == [name not in without for name in part.names]
        for name, target, known in zip(part.names, part.targets, part.has_target, strict=True):
            assert target == pytest.approx(embeddings[name] / 3 if known else np.zeros(8), abs=1e-6)


def test_names_may_be_bytes(two_sets):
    found = all_names(two_sets)
    np.savez(two_sets / "t.npz", names=np.array([name.encode() for name in found]), embeddings=unit(np.random.default_rng(0), len(found)))
    assert all(part.has_target.all() for part in load(two_sets, (TrainingSet("a"), TrainingSet("b")), Teacher("t.npz", leak=0.0)))


def test_a_picture_of_another_numbering_near_a_held_out_mean_is_left_out(two_sets, names):
    """Every picture lies far from every other, but for three that lie near the mean of a held-out person of set "a"."""
    found = all_names(two_sets)
    embeddings = dict(zip(found, np.eye(len(found), dtype=np.float32), strict=True))
    held, train = names(True, 1)[0], names(False, 5)
    mean = sum(embeddings[f"a/{held}/{i}.jpg"] for i in range(3)) / np.sqrt(3)
    for name in (f"b/{train[0]}/0.jpg", f"b/{train[1]}/1.jpg", f"a/{train[0]}/0.jpg"):
        embeddings[name] = mean + 0.4 * embeddings[name]
    write_teacher(two_sets / "t.npz", embeddings)

    def left_out(leak, *sets):
        with_leak, without = (load(two_sets, sets, Teacher("t.npz", leak=value))[0].names for value in (leak, 0.0))
        return set(without) - set(with_leak)

    near = {f"b/{train[0]}/0.jpg", f"b/{train[1]}/1.jpg"}
    assert left_out(0.9, TrainingSet("a"), TrainingSet("b")) == near  # in its own numbering a name is trusted
    assert left_out(0.9, TrainingSet("a"), TrainingSet("b", labelled=False)) == near
    assert left_out(0.9, TrainingSet("a", "same"), TrainingSet("b", "same")) == set()
    # cosine of m and m + 0.4 e is 1 / sqrt(1.16); the distance 2 - 2 cos is 0.143
    assert left_out(0.142, TrainingSet("a"), TrainingSet("b")) == set() and left_out(0.144, TrainingSet("a"), TrainingSet("b")) == near


def test_a_leaking_picture_that_is_held_out_still_judges(two_sets):
    """A teacher that finds a person's pictures of both sets alike: "b" shows held-out people of "a", who are held out there too."""
    found = all_names(two_sets)
    people = sorted({person(name) for name in found})
    write_teacher(two_sets / "t.npz", {name: np.eye(len(people))[people.index(person(name))] for name in found})
    plain, judged = (load(two_sets, (TrainingSet("a"), TrainingSet("b")), teacher) for teacher in (None, Teacher("t.npz")))
    assert [part.names for part in judged] == [part.names for part in plain]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no zip",
        b"PK\x03\x04 half a zip",
        {"names": np.array(["a/b/0.jpg"])},
        {"embeddings": np.eye(3)},
        np.eye(3),
        {"names": np.array(["x"], object), "embeddings": np.eye(1)},
        {"names": np.array(["x", "y"]), "embeddings": np.eye(3)},
        {"names": np.array(["x"]), "embeddings": np.ones(1)},
        {"names": np.array(["a/nobody/0.jpg"]), "embeddings": np.eye(1)},
    ],
    ids=["missing", "empty", "text", "half", "names only", "embeddings only", "array", "objects", "counts", "flat", "strangers"],
)
def test_a_teacher_that_does_not_fit_is_refused_in_one_line(two_sets, content):
    path = two_sets / "t.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        np.savez(path, **content)
    elif content is not None:
        with path.open("wb") as file:
            np.save(file, content)
    assert str(path) in refused(two_sets, (TrainingSet("a"),), Teacher("t.npz"))


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_teacher_with_an_impossible_embedding_is_refused(two_sets, bad):
    embeddings = dict.fromkeys(all_names(two_sets), np.ones(4))
    embeddings[next(iter(embeddings))] = np.full(4, bad)
    write_teacher(two_sets / "t.npz", embeddings)
    assert "finite" in refused(two_sets, (TrainingSet("a"),), Teacher("t.npz"))


# what else is refused


def test_a_folder_that_is_no_aligned_set_is_refused_with_the_command_that_makes_one(tmp_path):
    assert "facelite align" in refused(tmp_path, (TrainingSet("."),))


def test_a_set_without_crops_is_refused_even_beside_another(two_sets, write_set):
    write_set(two_sets / "empty", {})
    assert str(two_sets / "empty") in refused(two_sets, (TrainingSet("a"), TrainingSet("empty")))


def test_crops_deeper_than_in_a_person_s_folder_are_refused_unless_they_are_another_set(two_sets, names):
    (two_sets / "align.json").write_text((two_sets / "a/align.json").read_text())
    for person in [*names(False, 2), *names(True, 2)]:
        shutil.copytree(two_sets / "a" / person, two_sets / person)
    assert len(load(two_sets, (TrainingSet("."),), None)[0]) == 6
    shutil.copytree(two_sets / names(False, 1)[0], two_sets / names(False, 1)[0] / "trip/today")
    assert f"got {names(False, 1)[0]}/trip/today/" in refused(two_sets, (TrainingSet("."),))


def test_two_geometries_are_refused(two_sets, names, write_set):
    write_set(two_sets / "other", dict.fromkeys(names(False, 2), 2), geometry=CropGeometry(face=32, margin=4))
    expected = "one geometry, got a of --face 48 --margin 6, other of --face 32 --margin 4; align"
    assert expected in refused(two_sets, (TrainingSet("a"), TrainingSet("other")))


def test_a_crop_of_another_size_is_refused_by_name(two_sets, names):
    path = two_sets / "a" / names(False, 1)[0] / "1.jpg"
    cv2.imwrite(str(path), np.zeros((1, 1, 3), np.uint8))
    assert str(path) in refused(two_sets, (TrainingSet("a"),))


def test_a_damaged_crop_is_refused_by_name(two_sets, names):
    path = two_sets / "a" / names(False, 1)[0] / "1.jpg"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ImageError, match=str(path)):
        load(two_sets, (TrainingSet("a"),), None)


def test_pixels_are_held_once(tmp_path, names, write_set):
    """The peak of what NumPy and Python allocate stays near the size of the crops."""
    write_set(tmp_path, dict.fromkeys([*names(False, 40), *names(True, 4)], 8), geometry=CropGeometry(112, 16))
    tracemalloc.start()
    try:
        parts = load(tmp_path, (TrainingSet("."),), None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.4 * sum(part.pixels.nbytes for part in parts)


def test_pictures_in_another_look_are_of_the_same_people_and_taught_what_the_originals_are(two_sets):
    shutil.copytree(two_sets / "a", two_sets / "a-look")
    names = [path.relative_to(two_sets).as_posix() for path in sorted((two_sets / "a").glob("*/*.jpg"))]
    vectors = dict(zip(names, np.random.default_rng(0).normal(size=(len(names), 4)), strict=True))
    write_teacher(two_sets / "t.npz", vectors)
    sets = TrainingSet("a"), TrainingSet("b"), TrainingSet("a-look", of="a")
    training, held_out = load(two_sets, sets, Teacher("t.npz", leak=0.0))
    assert all(not name.startswith("a-look/") for name in held_out.names) and len(held_out) == 3 * 3 + 2 * 2
    place = {name: i for i, name in enumerate(training.names)}
    looks = [name for name in training.names if name.startswith("a-look/")]
    assert len(looks) == 5 * 3
    for name in looks:
        one, other = place[name], place[name.replace("a-look/", "a/")]
        assert training.subjects[one] == training.subjects[other] and training.numbering[one] == training.numbering[other]
        np.testing.assert_array_equal(training.targets[one], training.targets[other])
        assert training.has_target[one] and training.originals[one] == training.names[other]
    told = np.arange(len(training), dtype=np.float32)[:, None]
    by_hand = training.taught(told)
    assert all(by_hand.targets[place[name], 0] == place[name.replace("a-look/", "a/")] for name in looks)
    assert all(by_hand.targets[i, 0] == i for name, i in place.items() if name not in looks)


def test_a_look_of_pictures_that_are_not_there_is_refused(two_sets):
    shutil.copytree(two_sets / "a", two_sets / "a-look")
    message = refused(two_sets, (TrainingSet("b"), TrainingSet("a-look", of="a")))
    assert "expected the set 'a', which its pictures are of" in message


def test_what_a_teacher_says_of_another_look_is_what_it_said_of_the_original(two_sets):
    """And where it is asked who leaks, that is found by the originals, too."""
    shutil.copytree(two_sets / "a", two_sets / "a-look")
    sets = TrainingSet("a"), TrainingSet("b"), TrainingSet("a-look", of="a")

    def teach(faces):
        vectors = np.random.default_rng(len(faces)).normal(size=(len(faces), 8)).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    training, _ = load(two_sets, sets, Teacher(leak=0.9), teach=teach)
    place = {name: i for i, name in enumerate(training.names)}
    looks = [name for name in training.names if name.startswith("a-look/")]
    assert looks and all(name.replace("a-look/", "a/") in place for name in looks)
    for name in looks:
        np.testing.assert_array_equal(training.targets[place[name]], training.targets[place[name.replace("a-look/", "a/")]])


def test_a_picture_taken_out_of_its_set_is_not_trained_on_in_its_look(two_sets):
    shutil.copytree(two_sets / "a", two_sets / "a-look")
    gone = next(path for path in sorted((two_sets / "a").glob("*/*.jpg")) if not is_held_out(path.parent.name))
    gone.unlink()
    training, _ = load(two_sets, (TrainingSet("a"), TrainingSet("a-look", of="a")), None)
    assert len(training) == 2 * (5 * 3 - 1) and not any(name.endswith(f"{gone.parent.name}/{gone.name}") for name in training.names)


def test_a_look_has_the_numbering_and_the_labels_of_its_set():
    for other in ({"numbering": "celeba"}, {"labelled": False}):
        with pytest.raises(ValueError, match="expected the numbering and the labels of the set 'a', got others for a look of it"):
            TrainingSet("a-look", of="a", **other)


def test_a_tar_is_to_be_aligned_first(tmp_path):
    (tmp_path / "own.tar").touch()
    with pytest.raises(InputError, match=r"own\.tar: expected a folder of aligned crops, got a file; make one of it: facelite align own\.tar FACES"):
        load(tmp_path / "own.tar", (TrainingSet("."),), None)
