"""Pictures to train on that show somebody held out under another name: found by a teacher's file, or by what a model makes of the pictures."""

from __future__ import annotations

import json
import shutil
import sys
import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelite.cli.main import main
from facelite.cli.models import open_model
from facelite.errors import InputError
from facelite.networks.weights import BEST
from facelite.preprocess import Preprocessing
from facelite.split import is_held_out
from facelite.training.dataset import load
from facelite.training.facts import left_out
from facelite.training.geometry import CropGeometry
from facelite.training.leaks import leaks
from facelite.training.recipe import Teacher, TrainingSet
from facelite.training.run import FACTS, RECIPE, STATE, TEACHER
from facelite.training.teach import teach

SETS = TrainingSet("a"), TrainingSet("b")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_plain_loop_finds_the_same(monkeypatch):
    monkeypatch.setattr("facelite.training.leaks.TOGETHER", 7)
    rng = np.random.default_rng(0)
    targets, subjects, numbering = unit(rng.normal(size=(90, 4))).astype(np.float32), rng.integers(-1, 12, 90), rng.integers(0, 3, 90)
    held, known = subjects % 3 == 0, rng.random(90) < 0.8
    expected = np.zeros(90, bool)
    for i, j in np.ndindex(90, 90):
        if known[i] and held[j] and subjects[j] >= 0 and numbering[i] != numbering[j]:
            person = held & known & (subjects == subjects[j]) & (numbering == numbering[j])
            if person.any():
                expected[i] |= np.square(targets[i] - unit(targets[person].sum(0)[None])[0]).sum() < 0.5
    found = leaks(targets, known, subjects=subjects, numbering=numbering, held=held, leak=0.5)
    assert found.tolist() == expected.tolist() and 10 < expected.sum() < 60


@pytest.fixture
def two_sets(tmp_path, names, write_set):
    """Sets "a" and "b"; somebody held out in "a" is, in "b", two pictures of a person to train on, and one of another."""
    train, held = names(False, 6), names(True, 3)
    write_set(tmp_path / "a", dict.fromkeys([*train[:3], *held], 4))
    write_set(tmp_path / "b", dict.fromkeys([*train[2:], held[1]], 4))
    for i, (person, picture) in enumerate(((train[3], 0), (train[3], 2), (train[5], 1))):
        shutil.copy(tmp_path / "a" / held[0] / f"{i}.jpg", tmp_path / "b" / person / f"{picture}.jpg")
    return tmp_path


@pytest.fixture
def shown(two_sets, names):
    """The names of those three pictures."""
    train = names(False, 6)
    return [f"b/{train[3]}/0.jpg", f"b/{train[3]}/2.jpg", f"b/{train[5]}/1.jpg"]


class Colours:
    """The mean colours of a crop's sixteen parts."""

    preprocessing = Preprocessing(32, 32)

    def vectors(self, crops):
        return np.stack([crop.pixels.reshape(4, 8, 4, 8, 3).mean((1, 3)).ravel() - 125 for crop in crops])


LEAK = Teacher(leak=0.15)


def ask(faces):
    return teach(Colours, faces, workers=1)


def test_what_is_asked_leaves_out_what_a_file_of_the_same_embeddings_does(two_sets, shown):
    whole, held_out = load(two_sets, SETS, None)
    vectors = np.concatenate([ask(whole), ask(held_out)])
    np.savez(two_sets / "t.npz", names=whole.names + held_out.names, embeddings=vectors)
    by_file, _ = load(two_sets, SETS, replace(LEAK, file="t.npz"))
    found, judging = load(two_sets, SETS, LEAK, teach=ask)
    assert found.left_out == by_file.left_out and set(shown) <= set(found.left_out) and len(found.left_out) < len(whole) / 2
    assert found.names == by_file.names == [name for name in whole.names if name not in found.left_out]
    assert (found.subjects == by_file.subjects).all() and (found.numbering == by_file.numbering).all()
    np.testing.assert_allclose(found.targets, by_file.targets, atol=1e-6)
    assert found.has_target.all()
    assert judging.names == held_out.names and not judging.has_target.any() and not judging.left_out  # they never teach
    for name, pixels in zip(found.names, found.pixels, strict=True):
        assert (cv2.imread(str(two_sets / name))[:, :, ::-1] == pixels).all()


def test_what_a_run_has_left_out_is_left_out_again_and_nothing_is_asked(two_sets):
    first, _ = load(two_sets, SETS, LEAK, teach=ask)
    again, _ = load(two_sets, SETS, replace(LEAK, leak=3.9), teach=pytest.fail, left_out=first.left_out)
    assert (again.names, again.left_out) == (first.names, first.left_out)
    assert (again.pixels == first.pixels).all() and not again.has_target.any()


def test_nobody_is_asked_where_nothing_can_leak(two_sets):
    one_numbering = TrainingSet("a", "same"), TrainingSet("b", "same")
    for sets, teacher in (((TrainingSet("a"),), LEAK), (one_numbering, LEAK), (SETS, Teacher(leak=0.0)), (SETS, None)):
        assert load(two_sets, sets, teacher, teach=pytest.fail)[0].left_out == []


def test_too_few_that_are_left_are_refused(two_sets):
    with pytest.raises(InputError, match="expected at least two people to train on with two pictures each, got 0"):
        load(two_sets, SETS, Teacher(leak=4.0), teach=lambda faces: unit(np.ones((len(faces), 2))))


def test_pixels_are_held_once(tmp_path, names, write_set):
    """As they are where nothing is left out: the peak of what NumPy and Python allocate stays near the size of the crops."""
    people = dict.fromkeys([*names(False, 30), *names(True, 3)], 8)
    for one in "ab":
        write_set(tmp_path / one, people, geometry=CropGeometry(112, 16))

    def first(faces):
        """The first forty to train on are like all who are held out."""
        like = np.arange(len(faces)) < (1000 if is_held_out(faces.names[0].split("/")[1]) else 40)
        return np.stack([like, ~like], axis=1).astype(np.float32)

    tracemalloc.start()
    try:
        parts = load(tmp_path, SETS, Teacher(), teach=first)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(parts[0].left_out) == 40
    assert peak < 1.4 * sum(part.pixels.nbytes for part in parts)


# the command


TOML = """space = "mine"
[network]
name = "small"
[[data]]
folder = "a"
[[data]]
folder = "b"
[teacher]
leak = {leak}
[loss]
pairwise = 1.0
[schedule]
epochs = 4
batch = 12
labelled = 8
pictures = 4
precision = "float32"
"""


@pytest.fixture
def train(small_network, two_sets, monkeypatch, capsys):
    """train(leak, ...): the command on both sets in this process: its status and the lines of standard error."""

    def call(leak, *words):
        (two_sets / "recipe.toml").write_text(TOML.format(leak=leak))
        command = ["facelite", "train", two_sets / "recipe.toml", "--data", two_sets, "--out", two_sets / "run", *words]
        monkeypatch.setattr(sys, "argv", [str(word) for word in command])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, capsys.readouterr().err.splitlines()

    return call


def test_the_command_leaves_out_by_its_teacher_and_a_resumed_run_by_what_it_wrote_down(train, two_sets, shown, bundle_file, monkeypatch):
    """The released bundle teaches. Oracle: what it makes of the pictures, and each one's distance from the means of others."""
    run, model = two_sets / "run", open_model(str(bundle_file))
    whole, held_out = load(two_sets, SETS, None)
    vectors, others = (teach(model.make, part) for part in (whole, held_out))
    labels = held_out.subjects, held_out.numbering
    means = {(s, n): unit(others[(labels[0] == s) & (labels[1] == n)].sum(0)[None])[0] for s, n in zip(*labels, strict=True)}
    least = [min(np.square(v - mean).sum() for (_, n), mean in means.items() if n != own) for v, own in zip(vectors, whole.numbering, strict=True)]
    farthest = max(d for name, d in zip(whole.names, least, strict=True) if name in shown)
    leak = (farthest + min(d for d in least if d > farthest)) / 2
    expected = [name for name, d in zip(whole.names, least, strict=True) if d < leak]

    status, said = train(leak, "--teacher", bundle_file)
    assert status == 0 and said[0].startswith(f"{len(whole) - len(expected)} pictures to train on, ")
    assert said[1] == f"{len(expected)} more left out: to the teacher they look like somebody held out in another set; run.json names them"
    assert left_out(run) == expected == json.loads((run / FACTS).read_text())["left_out"]

    monkeypatch.setattr("facelite.training.teach.teach", pytest.fail)
    state = (run / STATE).read_bytes()
    status, again = train(leak, "--resume")
    assert status == 0 and again[:2] == said[:2] and again[-1].startswith("resumed at step ")
    assert (run / STATE).read_bytes() == state


def test_a_run_that_was_killed_before_it_kept_its_teacher_asks_it_again_of_the_same_pictures(train, two_sets, bundle_file):
    run = two_sets / "run"
    status, said = train(0.15, "--teacher", bundle_file)
    names, kept = left_out(run), (run / TEACHER).read_bytes()
    assert status == 0 and names
    for name in (STATE, TEACHER, BEST):
        (run / name).unlink()
    status, again = train(0.15, "--resume", "--teacher", bundle_file)
    assert (status, again[:2], left_out(run)) == (0, said[:2], names)
    assert (run / TEACHER).read_bytes() == kept
    (run / TEACHER).unlink()
    status, last = train(0.15, "--resume")
    assert status == 2 and "name a model, --teacher" in last[-1]


def test_an_older_run_goes_on_with_all_its_pictures(train, two_sets, bundle_file):
    """It has not left out any, nor says which."""
    run = two_sets / "run"
    status, said = train(0.0, "--teacher", bundle_file)
    facts = json.loads((run / FACTS).read_text())
    assert status == 0 and facts.pop("left_out") == []
    (run / FACTS).write_text(json.dumps(facts))
    table = json.loads((run / RECIPE).read_text())
    table["teacher"]["leak"] = 0.15
    (run / RECIPE).write_text(json.dumps(table))
    status, again = train(0.15, "--resume", "--teacher", bundle_file)
    assert status == 0 and again[0] == said[0] and not any("left out" in line for line in again)
