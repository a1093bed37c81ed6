"""Mixtures: of two pictures each, in a set that training takes and a teacher teaches; an interrupted run ends as an unbroken one."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli import mix as command
from facelite.cli.main import main
from facelite.errors import InputError
from facelite.export.synthetic import draw_face
from facelite.preprocess import Preprocessing
from facelite.split import is_held_out
from facelite.training import fit
from facelite.training import mix as module
from facelite.training.dataset import load
from facelite.training.mix import NOTE, is_mixed, mix, write_mixtures
from facelite.training.recipe import Loss, Teacher, TrainingSet
from facelite.training.run import TEACHER
from facelite.training.taught import Taught, pack_taught, read_taught
from facelite.training.teach import teach

FACE = 48

PEOPLE_AND_MIXED = (TrainingSet("tiny"), TrainingSet("mixed", labelled=False))


@pytest.fixture
def root(tiny, tmp_path):
    """A data folder of one's own with the set in it."""
    shutil.copytree(tiny, tmp_path / "data/tiny")
    return tmp_path / "data"


def drawn(seed):
    return np.ascontiguousarray(draw_face(seed, side=60))


class Colours:
    """A teacher: the mean colours of a crop's quarters."""

    preprocessing = Preprocessing(32, 32)

    def vectors(self, crops):
        return np.stack([crop.pixels.reshape(2, 16, 2, 16, 3).mean((1, 3)).ravel() - 60 for crop in crops]).astype(np.float32)


def taught_by_colours(faces):
    return teach(Colours, faces, workers=2)


@pytest.mark.parametrize("seed", range(8))
def test_a_mixture_lies_between_its_pictures_and_takes_from_both(seed):
    dark, light = np.full((60, 60, 3), 40, np.uint8), np.full((60, 60, 3), 200, np.uint8)
    mixed = mix(dark, light, face=FACE, rng=np.random.default_rng(seed)).astype(float)
    assert mixed.shape == dark.shape and mixed.min() >= 40 and mixed.max() <= 200
    assert 40 + 0.1 * 160 < mixed.mean() < 200 - 0.1 * 160
    assert np.array_equal(mixed, mix(dark, light, face=FACE, rng=np.random.default_rng(seed)))


def test_both_ways_of_mixing_are_used():
    """Blended, each place has the same share; in places of their own, some are nearly the one and some nearly the other."""
    dark, light = np.zeros((60, 60, 3), np.uint8), np.full((60, 60, 3), 255, np.uint8)
    spread = [mix(dark, light, face=FACE, rng=np.random.default_rng(seed)).std() for seed in range(40)]
    assert min(spread) == 0 and max(spread) > 60
    assert 10 < sum(one == 0 for one in spread) < 30


def test_the_other_picture_is_mirrored_half_the_time():
    plain, sided = np.zeros((60, 60, 3), np.uint8), np.zeros((60, 60, 3), np.uint8)
    sided[:, 30:] = 255
    left = [np.diff(mix(plain, sided, face=FACE, rng=np.random.default_rng(seed)).reshape(60, 2, 30, 3).mean((0, 2, 3)))[0] < 0 for seed in range(40)]
    assert 10 < sum(left) < 30


def test_places_are_moved_by_as_much_as_is_said():
    """Of a ramp the level is the place."""
    ramp = np.repeat(np.arange(60, dtype=np.uint8)[None, :, None] * 4, 60, axis=0).repeat(3, axis=2)
    for seed in range(8):
        moved = module._warp(ramp, 1.5, np.random.default_rng(seed)).astype(float)[5:-5, 5:-5, 0] / 4
        shift = np.abs(moved - ramp[5:-5, 5:-5, 0] / 4.0)
        assert 0.2 < shift.mean() < 1.5 and shift.max() < 6


def test_mixtures_are_a_set_that_training_takes_and_a_teacher_teaches(faces, root, recipe, small_network):
    assert write_mixtures(faces[0], root / "mixed", pictures=30) == 30
    chosen = replace(recipe(loss=Loss(pairwise=1.0), teacher=Teacher()), data=PEOPLE_AND_MIXED)
    training, held_out = load(root, PEOPLE_AND_MIXED, Teacher(leak=0.0))
    mixed = np.array([name.startswith("mixed/") for name in training.names])
    assert mixed.sum() == 30 and len(training) == len(faces[0]) + 30 and len(held_out) == len(faces[1])
    assert (training.subjects[mixed] == -1).all()
    fit.train(chosen, (training, held_out), root / "run", teach=taught_by_colours, stop=lambda step: step == 2)
    kept = read_taught(root / "run" / TEACHER)
    assert kept.names == training.names
    np.testing.assert_allclose(kept.embeddings, taught_by_colours(training), atol=1e-3)
    assert fit.train(chosen, (training, held_out), root / "run", resume=True, stop=lambda step: step == 3).steps == 3


def test_a_run_that_knows_some_and_is_taught_the_rest_goes_on_by_the_same_targets(known, faces, root, recipe, small_network):
    """Bit by bit as if it had not stopped, whether or not the teacher is named again; and what it keeps, other recipes may name."""
    projection = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0][:, :8].astype(np.float32)
    training = known(projection)
    chosen = replace(recipe(loss=Loss(pairwise=1.0), teacher=Teacher("t.npz")), data=PEOPLE_AND_MIXED)
    data = (training, faces[1])

    def steps(out, *stops):
        for number, (stop, teacher) in enumerate(stops):
            fit.train(chosen, data, root / out, resume=number > 0, teach=teacher, stop=lambda step, stop=stop: step == stop)
        with np.load(root / out / "state.npz") as file:
            return {name: file[name] for name in file.files}

    whole = steps("whole", (4, taught_by_colours))
    for out, teacher in (("again", taught_by_colours), ("alone", None)):
        parts = steps(out, (2, taught_by_colours), (4, teacher))
        for name, values in whole.items():
            np.testing.assert_allclose(parts[name], values, atol=2e-5, err_msg=name)
    kept = read_taught(root / "whole" / TEACHER)
    np.testing.assert_array_equal(kept.projection, projection)
    assert kept.names == training.names


def test_a_run_that_began_without_a_teacher_takes_none_midway(known, faces, root, recipe, small_network):
    chosen = replace(recipe(loss=Loss(pairwise=1.0), teacher=Teacher("t.npz")), data=PEOPLE_AND_MIXED)
    fit.train(chosen, (known(), faces[1]), root / "run", stop=lambda step: step == 1)
    with pytest.raises(InputError, match="expected no --teacher, as the run began, got one; leave it out, or begin a new run"):
        fit.train(chosen, (known(), faces[1]), root / "run", resume=True, teach=taught_by_colours)


@pytest.fixture
def known(faces, root):
    """A teacher's file of the people's pictures, other than what the teacher says of them now by a little: ``load`` of them and of mixtures."""
    write_mixtures(faces[0], root / "mixed", pictures=30)
    parts = load(root, (TrainingSet("tiny"),), None)
    names = [name for part in parts for name in part.names]
    vectors = np.concatenate([taught_by_colours(part) for part in parts])
    noise = 0.05 * np.random.default_rng(0).normal(size=vectors.shape)

    def write(projection=None):
        embeddings = vectors + noise if projection is None else (vectors + noise) @ projection
        (root / "t.npz").write_bytes(pack_taught(Taught(names, embeddings, projection)))
        return load(root, PEOPLE_AND_MIXED, Teacher("t.npz", leak=0.0))[0]

    return write


def test_what_a_file_knows_stays_and_the_teacher_says_the_rest(known):
    training = known()
    mixed = ~training.has_target
    assert mixed.sum() == 30
    done = []
    targets = teach(Colours, training, workers=2, progress=lambda *now: done.append(now))
    np.testing.assert_array_equal(targets[~mixed], training.targets[~mixed])
    np.testing.assert_allclose(targets[mixed], taught_by_colours(replace(training, has_target=np.zeros(len(training), bool)))[mixed], atol=1e-6)
    assert done[-1] == (30, 30)


def test_the_projection_of_a_file_is_applied(known):
    projection = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0][:, :8].astype(np.float32)
    training = known(projection)
    mixed = ~training.has_target
    targets = teach(Colours, training)
    own = taught_by_colours(replace(training, has_target=np.zeros(len(training), bool), projection=None))[mixed] @ projection
    np.testing.assert_allclose(targets[mixed], own / np.linalg.norm(own, axis=1, keepdims=True), atol=1e-5)
    with pytest.raises(InputError, match="expected a teacher of 8 numbers, as the recipe's file has, got 12; name that teacher"):
        teach(Colours, replace(training, projection=None))
    with pytest.raises(InputError, match="expected a teacher of 7 numbers, for the file's projection, got 12; name that teacher"):
        teach(Colours, replace(training, projection=projection[:7]))


def test_another_teacher_than_that_of_the_file_is_refused(known):
    class Other(Colours):
        def vectors(self, crops):
            return super().vectors(crops)[:, ::-1] ** 2

    with pytest.raises(InputError, match=r"expected the teacher that made the recipe's file, got one at a median cosine of -?0\.\d\d to it"):
        teach(Other, known())


def test_no_folder_of_mixtures_is_held_out(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", 1)
    write_mixtures(faces[0], tmp_path / "mixed", pictures=40)
    folders = [path.name for path in (tmp_path / "mixed").iterdir() if path.is_dir()]
    assert len(folders) == 40 and not any(is_held_out(name) for name in folders)


def test_an_interrupted_run_goes_on(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 10)

    def interrupt(done, total):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mixtures(faces[0], tmp_path / "one", pictures=25, progress=interrupt)
    assert write_mixtures(faces[0], tmp_path / "one", pictures=25) == 5
    assert write_mixtures(faces[0], tmp_path / "one", pictures=25) == 0
    assert write_mixtures(faces[0], tmp_path / "one", pictures=27) == 2
    write_mixtures(faces[0], tmp_path / "two", pictures=27)
    one, two = (sorted(path.relative_to(tmp_path / run) for path in (tmp_path / run).rglob("*.*")) for run in ("one", "two"))
    assert one == two and len(one) == 29
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in one)


def test_another_seed_other_pictures_and_other_files_are_refused(faces, tmp_path):
    write_mixtures(faces[0], tmp_path / "mixed", pictures=3)
    fewer = replace(faces[0], names=faces[0].names[1:], pixels=faces[0].pixels[1:])
    for given, seed in ((faces[0], 2), (fewer, 1)):
        with pytest.raises(InputError, match=r"expected mixtures of the same pictures by the same seed, .*; name another folder"):
            write_mixtures(given, tmp_path / "mixed", pictures=5, seed=seed)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/letter.txt").write_text("")
    with pytest.raises(InputError, match="expected a new folder or one of mixtures, got one with other files in it"):
        write_mixtures(faces[0], tmp_path / "other", pictures=3)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["letter.txt"]


RECIPE = """space = "mine"
[network]
name = "nns2"
[[data]]
folder = "tiny"
"""


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """run(recipe's end, words...): the command's result, and the names of the pictures that it mixed."""
    seen = []
    real = module.write_mixtures
    monkeypatch.setattr(module, "write_mixtures", lambda faces, *given, **named: seen.append(faces.names) or real(faces, *given, **named))

    def call(more, *words):
        (tmp_path / "recipe.toml").write_text(RECIPE + more)
        command_line = [tmp_path / "recipe.toml", "--data", root, "--pictures", 4, "--json", *words]
        return CliRunner().invoke(command.mix, [str(word) for word in command_line], catch_exceptions=True), seen

    return call


def test_the_command_mixes_nobody_who_is_held_out(root, run):
    ended, seen = run("")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout) == {"folder": str(root / "mixed"), "pictures": 4, "new": 4}
    assert len(seen[0]) == 72 and not any(is_held_out(name.split("/")[1]) for name in seen[0])
    assert is_mixed(root / "mixed")
    again, seen = run('[[data]]\nfolder = "mixed"\nlabelled = false\n', "--pictures", 6)  # the recipe that then trains by them
    assert json.loads(again.stdout)["new"] == 2 and seen[0] == seen[1]


def test_pictures_of_who_is_held_out_under_another_name_are_not_mixed(root, names, bundle_file, run, tiny):
    """The second set has a held-out person's pictures under a name that is not held out."""
    (held,), (name,) = names(True, 1), names(False, 13)[12:]
    (root / "more").mkdir()
    shutil.copy(tiny / "align.json", root / "more")
    shutil.copytree(tiny / held, root / "more" / name)
    second = '[[data]]\nfolder = "more"\n'
    ended, _ = run(second)
    assert isinstance(ended.exception, InputError) and "expected --teacher or a teacher's file" in str(ended.exception)
    assert not (root / "mixed").exists()
    ended, seen = run(second + "[teacher]\nleak = 0.1\n", "--teacher", bundle_file)
    assert ended.exit_code == 0, ended.output
    assert seen[0] and not any(one.startswith(f"more/{name}/") for one in seen[0])


def test_the_recipe_may_name_the_mixtures_before_they_are_made(root, run):
    ended, seen = run('[[data]]\nfolder = "mixed"\nlabelled = false\n')
    assert ended.exit_code == 0, ended.output
    assert len(seen[0]) == 72


@pytest.mark.parametrize("folder", ["..", "a/b", "", "/mixed", "."])
def test_mixtures_stay_in_the_data_folder(run, folder):
    ended, seen = run("", "--folder", folder)
    assert ended.exit_code == 2 and "expected the name of a folder in --data" in ended.output and not seen


def test_a_set_of_people_is_no_place_for_mixtures(root, run):
    shutil.copytree(root / "tiny", root / "others")
    for folder, said in (("others", "got one with other files in it"), ("tiny", "expected a set of people, got mixtures alone")):
        ended, _ = run("", "--folder", folder)
        assert isinstance(ended.exception, InputError) and said in str(ended.exception)
        assert not (root / folder / NOTE).exists()


def test_training_says_what_teaches_nothing(root, faces, tmp_path, monkeypatch):
    write_mixtures(faces[0], root / "mixed", pictures=5)
    names = [name for part in load(root, (TrainingSet("tiny"),), None) for name in part.names]
    (root / "t.npz").write_bytes(pack_taught(Taught(names, np.eye(len(names), 128, dtype=np.float32) + 1e-3)))
    more = '[[data]]\nfolder = "mixed"\nlabelled = false\n[teacher]\nfile = "t.npz"\nleak = 0.0\n'
    (tmp_path / "recipe.toml").write_text(RECIPE + more)

    def stop(*given, **named):
        raise SystemExit(0)

    monkeypatch.setattr(fit, "train", stop)
    ended = CliRunner().invoke(main, ["train", str(tmp_path / "recipe.toml"), "--data", str(root), "--out", str(tmp_path / "run")])
    assert "got neither of 5: they teach nothing" in ended.stderr


def test_looks_of_a_set_are_not_mixed(root, tmp_path):
    shutil.copytree(root / "tiny", root / "tiny-look")
    recipe = tmp_path / "r.toml"
    recipe.write_text('space = "s"\n[network]\nname = "nns2"\n[[data]]\nfolder = "tiny"\n[[data]]\nfolder = "tiny-look"\nof = "tiny"\n[teacher]\n')
    ended = CliRunner().invoke(main, ["mix", str(recipe), "--data", str(root), "--pictures", "3", "--json"])
    assert ended.exit_code == 0, ended.output
    assert json.loads((root / "mixed" / NOTE).read_text())["pictures"] == 12 * 6


def test_a_teacher_is_asked_about_originals_alone(faces):
    """What a picture in another look is taught is not what the teacher makes of it."""
    one = faces[0]
    targets = taught_by_colours(one)
    half = len(one) // 2
    looks = replace(one, pixels=one.pixels.copy(), originals=[*one.names[:half], *one.names[: len(one) - half]])
    looks.pixels[half:] = 255 - looks.pixels[half:]
    known = np.ones(len(one), bool)
    known[0] = False
    told = taught_by_colours(replace(looks, targets=np.concatenate([targets[:half], targets[: len(one) - half]]), has_target=known))
    np.testing.assert_allclose(told[0], targets[0], atol=1e-6)
