"""The run folder: what is refused, what a kill may leave in it, and what is said when it cannot be written."""

from __future__ import annotations

import errno
from dataclasses import replace

import numpy as np
import pytest

from facelite.errors import FaceliteError, InputError
from facelite.training.folder import append_log, check_run, claim, cut_log, draw_log, read_state, write, write_arrays
from facelite.training.recipe import Loss, Schedule, Teacher, TrainingSet, default_recipe
from facelite.training.run import CURVES, FACTS, LOG, RECIPE, STATE, run_network, run_recipe

FACTS_OF = {"versions": {"keras": "3"}, "data": {"names_sha256": "0" * 64}}


def recipe():
    return default_recipe("nns2", "mine")


def one_line(caught):
    message = str(caught.value)
    assert "\n" not in message and "expected" in message and "got" in message and "; " in message
    return message


def test_a_new_folder_is_claimed_with_its_recipe_and_facts(tmp_path):
    claim(tmp_path / "run", recipe(), FACTS_OF, resume=False)
    assert run_recipe(tmp_path / "run") == recipe() and run_network(tmp_path / "run").name == "nns2"
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [RECIPE, FACTS]


@pytest.mark.parametrize("out", ["", "mistyped"])
def test_resuming_where_no_run_is_is_refused(tmp_path, out):
    with pytest.raises(InputError, match="expected a run to go on with, got none; correct --out") as caught:
        claim(tmp_path / out, recipe(), FACTS_OF, resume=True)
    one_line(caught)
    assert not list(tmp_path.iterdir())


def test_a_run_is_not_begun_among_other_files(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="expected an empty folder, got one with other files in it") as caught:
        claim(tmp_path, recipe(), FACTS_OF, resume=False)
    one_line(caught)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_start_that_was_killed_at_its_first_file_is_begun_anew(tmp_path):
    (tmp_path / f".{RECIPE}.4711").write_bytes(b"half")
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECIPE, FACTS]


def test_a_folder_with_a_run_is_refused_without_resume(tmp_path):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    with pytest.raises(InputError, match="--resume") as caught:
        check_run(tmp_path, recipe(), resume=False)
    one_line(caught)
    claim(tmp_path, recipe(), FACTS_OF, resume=True)


CHANGES = {
    "space = 'other' in place of 'mine'": {"space": "other"},
    "loss.margin = 0.3 in place of 0.2": {"loss": Loss(margin=0.3)},
    "schedule.epochs = 30.0 in place of 20.0, schedule.seed = 2 in place of 1": {"schedule": Schedule(epochs=30.0, seed=2)},
    "data.0.labelled = False in place of True": {"data": (TrainingSet(".", labelled=False),)},
    "teacher.file = 't.npz' in place of nothing, teacher.leak = 0.9 in place of nothing": {"teacher": Teacher("t.npz")},
}


@pytest.mark.parametrize("said", CHANGES)
def test_another_recipe_is_refused_and_what_differs_is_named(tmp_path, said):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    with pytest.raises(InputError) as caught:
        claim(tmp_path, replace(recipe(), **CHANGES[said]), FACTS_OF, resume=True)
    assert f", got {said}; leave out what differs, or begin a new run: --init {tmp_path} and another --out" in one_line(caught)


def test_a_recipe_that_lacks_todays_defaults_is_still_the_same(tmp_path):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    (tmp_path / RECIPE).write_text('{"network": {"name": "nns2"}, "data": [{"folder": "."}], "space": "mine", "teacher": null}')
    check_run(tmp_path, recipe(), resume=True)


def test_other_data_is_refused(tmp_path):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    with pytest.raises(InputError, match=r"got names_sha256 = '1+' in place of '0+'; restore") as caught:
        claim(tmp_path, recipe(), {**FACTS_OF, "data": {"names_sha256": "1" * 64}}, resume=True)
    one_line(caught)
    claim(tmp_path, recipe(), {**FACTS_OF, "versions": {"keras": "4"}}, resume=True)  # other versions may go on


@pytest.mark.parametrize("name", [RECIPE, FACTS])
@pytest.mark.parametrize("text", ["", "{", "3", "{}"])
def test_a_damaged_file_of_the_run_is_named(tmp_path, name, text):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        claim(tmp_path, recipe(), FACTS_OF, resume=True)
    assert "\n" not in str(caught.value)


def test_half_written_files_of_a_killed_run_are_swept_away(tmp_path):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    (tmp_path / f".{STATE}.4711").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    claim(tmp_path, recipe(), FACTS_OF, resume=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", RECIPE, FACTS]


def test_a_run_killed_between_recipe_and_facts_is_taken_up(tmp_path):
    claim(tmp_path, recipe(), FACTS_OF, resume=False)
    (tmp_path / FACTS).unlink()
    claim(tmp_path, recipe(), FACTS_OF, resume=True)
    assert (tmp_path / FACTS).exists()


# the log


def rows(*steps):
    return [{"step": step, "loss": step / 10} for step in steps]


def test_the_log_is_cut_back_to_the_state(tmp_path):
    for row in rows(2, 4, 6, 8):
        append_log(tmp_path, row)
    whole = (tmp_path / LOG).read_bytes()
    cut_log(tmp_path, 4, ["step", "loss"])
    assert (tmp_path / LOG).read_bytes() == whole[: whole.index(b"6,")]
    for row in rows(6, 8):
        append_log(tmp_path, row)
    assert (tmp_path / LOG).read_bytes() == whole


def test_wherever_a_kill_ends_the_log_it_is_cut_at_a_whole_line(tmp_path):
    for row in rows(2, 14, 16):
        append_log(tmp_path, row)
    whole = (tmp_path / LOG).read_bytes()
    lines = whole.splitlines(keepends=True)
    for length in range(len(whole) + 1):
        (tmp_path / LOG).write_bytes(whole[:length])
        cut_log(tmp_path, 16, ["step", "loss"])
        complete = whole[:length].count(b"\r")  # with the line feed still missing the line is whole
        kept = (tmp_path / LOG).read_bytes() if (tmp_path / LOG).exists() else b""
        assert kept == (b"".join(lines[:complete]) if complete > 1 else b"")


def test_a_log_of_something_else_is_begun_anew(tmp_path):
    (tmp_path / LOG).write_text("name,step\nx,\ny,z\nw\n")
    cut_log(tmp_path, 16, ["step", "loss"])
    assert not (tmp_path / LOG).exists()


def test_an_older_log_gets_todays_columns(tmp_path):
    (tmp_path / LOG).write_text("step,loss,gone\n2,0.5,1\n")
    cut_log(tmp_path, 2, ["step", "loss", "fmr"])
    assert (tmp_path / LOG).read_text().split() == ["step,loss,fmr", "2,0.5,nan"]


# the state


def test_a_state_comes_back_as_it_was(tmp_path):
    arrays = {"weights_0000": np.arange(4, dtype=np.float32), "step": np.array(3)}
    assert read_state(tmp_path) is None
    write_arrays(tmp_path / STATE, arrays)
    found = read_state(tmp_path)
    assert found.keys() == arrays.keys() and all((found[name] == arrays[name]).all() for name in arrays)


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04 half", None])
def test_a_damaged_state_is_refused_in_one_line(tmp_path, content):
    write_arrays(tmp_path / STATE, {"a": np.zeros(1000)})
    (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:500] if content is None else content)
    with pytest.raises(InputError) as caught:
        read_state(tmp_path)
    assert str(tmp_path / STATE) in one_line(caught)


# a folder that cannot be written


ACTIONS = {
    "a file": lambda path: write(path / STATE, b"new"),
    "the log": lambda path: append_log(path, {"step": 1}),
    "the claim": lambda path: claim(path, recipe(), FACTS_OF, resume=False),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_folder_that_cannot_be_made_is_named_in_one_line(tmp_path, action):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FaceliteError) as caught:
        ACTIONS[action](tmp_path / "file")
    assert "--resume" in one_line(caught) and str(tmp_path / "file") in str(caught.value)


def test_a_full_disk_leaves_the_old_state(tmp_path, monkeypatch):
    write(tmp_path / STATE, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FaceliteError, match="No space left") as caught:
        write(tmp_path / STATE, b"new")
    one_line(caught)
    assert [path.name for path in tmp_path.iterdir()] == [STATE] and (tmp_path / STATE).read_bytes() == b"old"


def test_curves_that_cannot_be_written_say_so(tmp_path):
    append_log(tmp_path, {"step": 1, "epoch": 0.1})
    (tmp_path / CURVES).mkdir()
    with pytest.raises(FaceliteError, match=CURVES) as caught:
        draw_log(tmp_path)
    one_line(caught)


def test_curves_are_drawn_beside_the_log(tmp_path):
    append_log(tmp_path, {"step": 1, "epoch": 0.1, "loss": 0.5})
    draw_log(tmp_path)
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")
