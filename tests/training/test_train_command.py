"""facelite train from the outside: a run in a process of its own, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from threading import Event

import pytest

from facelite.cli import train as module
from facelite.cli.main import main
from facelite.errors import FaceliteError
from facelite.networks.weights import BEST
from facelite.training.run import STATE
from facelite.training.state import TrainingState

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


FEW = "expect many more errors than with trained ones; begin with those: --network nns2 --init export/nns2/weights.npz"


@pytest.fixture
def refused(monkeypatch, capsys):
    """The command in this process: its status, standard output and standard error."""

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
    assert result.keys() == {"weights", "val", "val_at", "steps", "waiting"} and 0 < result["waiting"] < 1
    assert result["weights"] == str(out / BEST) and result["steps"] == 8 and result["val_at"] == "EER" and 0.4 < result["val"] <= 1
    first, few, begun, *lines = stderr.split("\n")
    assert begun == "8 steps in float32"
    assert first == "72 pictures to train on, 24 of 4 people held out: VAL at EER"
    assert few.startswith("facelite: expected 5,000 pictures or more") and few.endswith("got 72: " + FEW)
    by_step = {line.split("  ")[0]: line for line in lines}
    assert {"step 4/8", "step 8/8"} <= by_step.keys()  # each judgement has its line
    assert f" VAL {result['val']:.4f}" in by_step["step 4/8"] + by_step["step 8/8"]
    line = lines[-2]
    assert line.startswith("step 8/8  loss ") and " active " in line and " images/s " in line and " left 0:00:00 " in line
    assert lines[-1] == ""  # nothing after it, not even an empty line

    longer = "got schedule.epochs = 3.0 in place of 2.0; leave out what differs, or begin a new run: --init"
    for words, named in ((["--out", out], "add --resume"), (["--out", out, "--resume", "--epochs", 3], longer)):
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


def test_recipe_and_network_are_not_given_together(tiny, tmp_path, refused):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    status, stdout, stderr = refused(tmp_path / "recipe.toml", "--network", "nns1", "--data", tiny, "--out", tmp_path / "run")
    assert status == 2 and not stdout and "expected RECIPE or --network, got both" in stderr and not (tmp_path / "run").exists()


@pytest.fixture
def train(small_network, tiny, tmp_path, refused, monkeypatch):
    """train(...): the network "small" on ``tiny`` into tmp_path/run, in this process; train.interrupt(step, ...) with Ctrl-C amid that step."""
    take_step = TrainingState.take_step

    def call(*words):
        return refused("--data", tiny, "--out", tmp_path / "run", *words)

    def interrupt(at, *words):
        def interrupted(state, x, y):
            if state.step + 1 == at:
                os.kill(os.getpid(), signal.SIGINT)
            return take_step(state, x, y)

        with monkeypatch.context() as patch:
            patch.setattr(TrainingState, "take_step", interrupted)
            return call(*words)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell has none
    call.interrupt = interrupt
    yield call
    signal.signal(signal.SIGINT, before)


def test_a_run_that_was_interrupted_is_resumed_by_its_own_recipe(train, tmp_path, arrays):
    """24 steps: epochs of 3 with the smaller batch."""
    out = tmp_path / "run"
    status, stdout, stderr = train.interrupt(5, "--network", "small", "--epochs", 12)
    assert status == 130 and not stderr.endswith("\n\n")
    assert stderr.splitlines()[-1] == "facelite: stopped at step 5 of 24; go on with --resume"
    assert stderr.splitlines()[-2].startswith("step 5/24  ") and arrays(out / STATE)["step"] == 5
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    for words, named in (
        (["--epochs", 20], "got schedule.epochs = 20.0 in place of 12.0; leave out what differs, or begin a new run: --init"),
        (["--network", "nns2"], "got network.name = 'nns2' in place of 'small'; "),
    ):
        status, stdout, stderr = train("--resume", *words)
        assert status == 2 and len(stderr.splitlines()) == 1 and named in stderr

    status, stdout, stderr = train("--resume", "--json")
    assert status == 0 and json.loads(stdout)["steps"] == 24
    assert stderr.splitlines()[1].startswith("resumed at step 5 of 24 in ") and FEW not in stderr
    assert int(arrays(out / STATE)["step"]) == 24
    assert train("--resume")[2].splitlines()[-1].startswith("resumed at step 24 of 24 in ")


def test_an_interrupt_before_the_first_judgement_names_no_weights(train, tmp_path):
    for words in (["--json"], []):
        status, stdout, _ = train.interrupt(1, "--network", "small", "--epochs", 12, *words)
        assert status == 130 and not (tmp_path / "run" / BEST).exists()
        assert (json.loads(stdout)["weights"] is None) if words else stdout.startswith("weights: none yet\n")
        shutil.rmtree(tmp_path / "run")


def test_an_interrupt_while_a_teacher_teaches_ends_at_once(train, tmp_path, monkeypatch, bundle_file):
    taught = []

    def interrupted(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        taught.append("to the end")

    monkeypatch.setattr("facelite.training.teach.teach", interrupted)
    status, _, stderr = train("--network", "small", "--teacher", bundle_file)
    assert status == 130 and stderr.splitlines()[-1] == "facelite: interrupted"
    assert not taught and not (tmp_path / "run").exists()


def test_a_teacher_from_whom_no_loss_learns_is_refused(tiny, tmp_path, refused, bundle_file):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    status, stdout, stderr = refused(tmp_path / "recipe.toml", "--data", tiny, "--out", tmp_path / "run", "--teacher", bundle_file)
    assert status == 2 and not stdout and not (tmp_path / "run").exists()
    assert "expected a loss that learns from --teacher, got none; set loss.embedding, loss.pairwise or loss.harmonic" in stderr


@pytest.mark.parametrize(("chosen", "warned"), [("mixed_bfloat16", True), ("auto", False), ("float32", False)])
def test_bfloat16_on_a_cpu_without_instructions_for_it_is_warned_of(train, tmp_path, monkeypatch, chosen, warned):
    from facelite.training import precision

    monkeypatch.setattr(precision, "CPUINFO", tmp_path / "nothing")
    monkeypatch.setattr("keras.distribution.list_devices", lambda: ["cpu:0"])
    recipe = RECIPE.replace("nns2", "small").replace("height = 64\nwidth = 64\n", "").replace('"float32"', f'"{chosen}"')
    (tmp_path / "recipe.toml").write_text(recipe)
    stderr = train.interrupt(1, tmp_path / "recipe.toml")[2]
    assert ('begin a run with schedule.precision = "auto"' in stderr) == warned
    assert f"8 steps in {'mixed_bfloat16' if warned else 'float32'}" in stderr.splitlines()


@pytest.mark.parametrize("init", ["nns1", "bundle"])
def test_what_holds_no_weights_to_begin_with_is_refused_with_where_there_are_some(tiny, tmp_path, refused, bundle_file, init):
    name = bundle_file if init == "bundle" else init
    status, stdout, stderr = refused("--data", tiny, "--out", tmp_path / "run", "--init", name)
    assert status == 2 and not stdout and not (tmp_path / "run").exists()
    assert stderr.startswith(f"facelite: {name}: expected weights as a training run leaves them, got ")
    assert "export/nns2/weights.npz" in stderr and "a bundle has none" in stderr


def test_a_second_interrupt_while_the_state_is_saved_leaves_the_old_one(train, tmp_path, monkeypatch, arrays):
    out, replace = tmp_path / "run", os.replace

    def interrupted(unfinished, path):
        if path.name == STATE:
            os.kill(os.getpid(), signal.SIGINT)
        replace(unfinished, path)

    train.interrupt(5, "--network", "small", "--epochs", 12)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        status, _, stderr = train.interrupt(9, "--resume")
    assert status == 130 and stderr.splitlines()[-1] == "facelite: interrupted"
    assert arrays(out / STATE)["step"] == 5 and not list(out.glob(".*"))
    assert train("--resume")[2].splitlines()[1].startswith("resumed at step 5 of 24 in ")


def test_an_interrupt_that_is_ignored_stays_so():
    """As in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pressed = Event()
        with module._interrupts(pressed):
            os.kill(os.getpid(), signal.SIGINT)
            assert not pressed.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_resuming_a_mistyped_folder_begins_nothing(train, tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    for words in ((), (tmp_path / "recipe.toml",)):
        status, _, stderr = train("--resume", *words)
        assert status == 2 and "expected" in stderr and "run" in stderr and len(stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_trained_weights_to_begin_with_are_no_reason_to_warn(train, tmp_path):
    assert FEW in train("--network", "small", "--epochs", 1)[2]
    (tmp_path / "run").rename(tmp_path / "first")
    status, _, stderr = train("--network", "small", "--epochs", 1, "--init", tmp_path / "first")
    assert status == 0 and FEW not in stderr
