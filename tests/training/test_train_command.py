"""facelite train from the outside: a run in a process of its own, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from facelite.cli.main import main
from facelite.errors import FaceliteError
from facelite.networks.weights import BEST

RECIPE = """space = "mine"
[network]
name = "nns2"
height = 64
width = 64
[[data]]
folder = "."
[schedule]
epochs = 2
batch = 16
labelled = 12
pictures = 4
precision = "float32"
"""


@pytest.fixture
def refused(monkeypatch, capsys):
    """The command in this process, which must not succeed: its status, standard output and standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["facelite", "train", *map(str, words)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, *capsys.readouterr()

    return call


def test_the_command_trains_and_says_so(tiny, tmp_path, refused):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "run"
    command = [sys.executable, "-m", "facelite", "train", tmp_path / "recipe.toml", "--data", tiny, "--out", out, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    stderr, result = done.stderr, json.loads(done.stdout)
    assert result.keys() == {"weights", "val", "val_at", "steps"}
    assert result["weights"] == str(out / BEST) and result["steps"] == 8 and result["val_at"] == "EER" and 0.4 < result["val"] <= 1
    first, line = stderr.splitlines()[:2]
    assert first == "72 pictures to train on, 24 of 4 people held out: VAL at EER"
    assert line.startswith("step 8/8  loss ") and " active " in line and " images/s " in line and " left 0:00:00 " in line and " VAL 0." in line
    assert "Traceback" not in stderr and "oneDNN" not in stderr

    for words, named in ((["--out", out], "--resume"), (["--out", out, "--resume", "--epochs", 3], "another one's")):
        status, stdout, stderr = refused(tmp_path / "recipe.toml", "--data", tiny, *words)
        assert status == 2 and not stdout and len(stderr.splitlines()) == 1 and named in stderr


def test_a_mistake_in_the_recipe_ends_with_status_2_and_one_line(tiny, tmp_path, refused):
    (tmp_path / "recipe.toml").write_text(RECIPE.replace("epochs", "epoch"))
    status, stdout, stderr = refused(tmp_path / "recipe.toml", "--data", tiny, "--out", tmp_path / "run", "--json")
    assert status == 2 and json.loads(stdout)["status"] == 2
    assert stderr.count("\n") == 1 and "'epoch'" in stderr and not (tmp_path / "run").exists()


def test_a_network_that_there_is_not_is_refused_before_anything_is_read(tmp_path, refused):
    status, stdout, stderr = refused("--data", tmp_path / "nothing", "--network", "nn9", "--out", tmp_path / "run")
    assert status == 2 and not stdout and "'nn9'" in stderr and not (tmp_path / "run").exists()


@pytest.mark.parametrize("module", ["keras", "tensorflow"])
def test_without_keras_the_command_says_what_to_install(tiny, tmp_path, refused, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    status, stdout, stderr = refused("--data", tiny, "--out", tmp_path / "run")
    assert status == FaceliteError.exit_status and not stdout
    assert stderr == f"facelite: expected {module} for training, found none; install it: pip install 'facelite[train]'\n"


def test_an_out_that_cannot_be_written_ends_in_one_line(tiny, tmp_path, refused):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "file").write_text("not a folder")
    status, stdout, stderr = refused(tmp_path / "recipe.toml", "--data", tiny, "--out", tmp_path / "file" / "run")
    assert status == FaceliteError.exit_status and not stdout
    assert "expected to write the run's files" in stderr.splitlines()[-1] and "Traceback" not in stderr
