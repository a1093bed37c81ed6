"""Mixtures: of two pictures each, taught as they are, in a set that training takes; an interrupted run ends as an unbroken one."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from facelite.cli import mix as command
from facelite.errors import InputError
from facelite.export.synthetic import draw_face
from facelite.image import read_image
from facelite.split import Set, is_held_out
from facelite.training import fit
from facelite.training import mix as module
from facelite.training.dataset import load
from facelite.training.judging import unit_rows
from facelite.training.mix import TEACHER, mix, write_mixtures
from facelite.training.recipe import Loss, Teacher
from facelite.training.taught import Taught, read_taught

FACE = 48


@pytest.fixture
def known(faces):
    """What a teacher made of the pictures: their mean colours."""
    return Taught([name for part in faces for name in part.names], np.concatenate([colours(part) for part in faces]))


def colours(faces):
    return unit_rows(faces.pixels.mean((1, 2)).astype(np.float32))


@pytest.fixture
def root(tiny, tmp_path):
    """A data folder of one's own with the set in it."""
    shutil.copytree(tiny, tmp_path / "data/tiny")
    return tmp_path / "data"


def drawn(seed):
    return np.ascontiguousarray(draw_face(seed, side=60))


@pytest.mark.parametrize("seed", range(8))
def test_a_mixture_lies_between_its_pictures_and_takes_from_both(seed):
    dark, light = np.full((60, 60, 3), 40, np.uint8), np.full((60, 60, 3), 200, np.uint8)
    mixed = mix(dark, light, face=FACE, rng=np.random.default_rng(seed)).astype(float)
    assert mixed.shape == dark.shape and mixed.min() >= 40 and mixed.max() <= 200
    assert 40 + 0.1 * 160 < mixed.mean() < 200 - 0.1 * 160
    again = mix(dark, light, face=FACE, rng=np.random.default_rng(seed))
    assert np.array_equal(mixed, again)


def test_both_ways_of_mixing_are_used():
    """Blended, each place has the same share; in places of their own, some are nearly the one and some nearly the other."""
    dark, light = np.zeros((60, 60, 3), np.uint8), np.full((60, 60, 3), 255, np.uint8)
    spread = [mix(dark, light, face=FACE, rng=np.random.default_rng(seed)).std() for seed in range(40)]
    assert min(spread) == 0 and max(spread) > 60
    assert 10 < sum(one == 0 for one in spread) < 30


def test_warping_moves_places_by_little():
    """A picture with itself is that picture, but for a few pixels' shift and perhaps its mirror image."""
    face = drawn(0)
    for seed in range(8):
        mixed = mix(face, face, face=FACE, rng=np.random.default_rng(seed)).astype(float)
        assert 0 < np.abs(mixed - face).mean() < 40


def test_mixtures_are_a_set_that_training_takes(faces, known, root, recipe, small_network):
    new = write_mixtures(faces[0], root / "mixed", teach=colours, known=known, pictures=30)
    assert new == 30
    sets = (Set("tiny"), Set("mixed", labelled=False))
    training, held_out = load(root, sets, Teacher(f"mixed/{TEACHER}", leak=0.0))
    mixed = [i for i, name in enumerate(training.names) if name.startswith("mixed/")]
    assert len(mixed) == 30 and len(training) == len(faces[0]) + 30 and len(held_out) == len(faces[1])
    assert training.has_target[mixed].all() and (training.subjects[mixed] == -1).all()
    for i in mixed:
        np.testing.assert_allclose(training.targets[i], colours(training)[i], atol=5e-3)  # of the picture as JPEG keeps it, in half precision
    chosen = recipe(loss=Loss(pairwise=1.0), teacher=Teacher(f"mixed/{TEACHER}", leak=0.0))
    assert fit.train(chosen, (training, held_out), root / "run", stop=lambda step: step == 2).steps == 2


def test_what_was_known_is_kept_and_no_folder_is_held_out(faces, known, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", 1)
    write_mixtures(faces[0], tmp_path, teach=colours, known=known, pictures=40)
    taught = read_taught(tmp_path / TEACHER)
    assert taught.names[: len(known.names)] == known.names
    np.testing.assert_allclose(taught.embeddings[: len(known.names)], known.embeddings, atol=1e-3)
    folders = [name.split("/")[1] for name in taught.names[len(known.names) :]]
    assert len(set(folders)) == 40 and not any(is_held_out(name) for name in folders)


def test_an_interrupted_run_goes_on(faces, known, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 10)
    calls = []

    def interrupted(faces):
        calls.append(len(faces))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return colours(faces)

    with pytest.raises(KeyboardInterrupt):
        write_mixtures(faces[0], tmp_path / "one/mixed", teach=interrupted, known=known, pictures=25)
    done = []
    assert write_mixtures(faces[0], tmp_path / "one/mixed", teach=colours, known=known, pictures=25, progress=lambda *now: done.append(now)) == 5
    assert done == [(20, 25), (25, 25)]
    assert write_mixtures(faces[0], tmp_path / "one/mixed", teach=colours, known=known, pictures=25) == 0
    write_mixtures(faces[0], tmp_path / "two/mixed", teach=colours, known=known, pictures=25)
    one, two = (sorted(path.relative_to(tmp_path / run) for path in (tmp_path / run).rglob("*.*")) for run in ("one", "two"))
    assert one == two and len(one) == 27
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in one)


def test_a_projection_is_applied(faces, known, tmp_path):
    projection = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0][:, :2].astype(np.float32)
    projected = Taught(known.names, unit_rows(known.embeddings @ projection), projection)
    write_mixtures(faces[0], tmp_path, teach=colours, known=projected, pictures=10)
    taught = read_taught(tmp_path / TEACHER)
    path = tmp_path / taught.names[-1].split("/", 1)[1]
    expected = unit_rows((read_image(path).mean((0, 1))[None]).astype(np.float32) @ projection)[0]
    np.testing.assert_allclose(taught.embeddings[-1], expected, atol=2e-2)
    np.testing.assert_array_equal(taught.projection, projection)


def test_another_seed_and_another_teacher_are_refused(faces, known, tmp_path):
    write_mixtures(faces[0], tmp_path, teach=colours, known=known, pictures=3)
    with pytest.raises(InputError, match=r"expected mixtures of seed 2, got .*mix1-0000.*; name that seed, or another folder"):
        write_mixtures(faces[0], tmp_path, teach=colours, known=known, pictures=5, seed=2)
    with pytest.raises(InputError, match="expected a teacher of 3 numbers, as the recipe's file has, got 2; name that teacher"):
        write_mixtures(faces[0], tmp_path / "other", teach=lambda faces: colours(faces)[:, :2], known=known, pictures=3)


RECIPE = """space = "mine"
[network]
name = "nns2"
[[data]]
folder = "tiny"
"""


def test_the_command_mixes_nobody_who_is_held_out(root, bundle_file, monkeypatch, tmp_path):
    from click.testing import CliRunner

    (tmp_path / "recipe.toml").write_text(RECIPE)
    seen = []
    real = module.write_mixtures
    monkeypatch.setattr(module, "write_mixtures", lambda faces, *given, **named: seen.append(faces) or real(faces, *given, **named))
    words = [tmp_path / "recipe.toml", "--data", root, "--teacher", bundle_file, "--pictures", 4, "--json"]
    ended = CliRunner().invoke(command.mix, [str(word) for word in words])
    assert ended.exit_code == 0, ended.output
    assert not any(is_held_out(name.split("/")[1]) for name in seen[0].names)
    training, held_out = load(root, (Set("tiny"), Set("mixed", labelled=False)), Teacher(f"mixed/{TEACHER}", leak=0.0))
    assert training.has_target.all() and held_out.has_target.all() and training.targets.shape[1] == 128
    assert sum(name.startswith("mixed/") for name in training.names) == 4
