"""Keras on JAX where there is no TensorFlow: the same losses and steps, a run that outlives a kill, the same weights file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from facelite.errors import FaceliteError
from facelite.networks import build, set_weights
from facelite.networks.weights import BEST, read_weights
from facelite.training.host import prepare_host
from facelite.training.judging import embed_crops
from facelite.training.run import FACTS, STATE, run_network

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / "build/jax/.installed"

RECIPE = """space = "mine"
[network]
name = "nns2"
height = 32
width = 32
[[data]]
folder = "."
[loss]
softmax = 1
centre = 0.1
[schedule]
epochs = 2
batch = 16
labelled = 12
pictures = 4
"""


def run(python, *words, status=0):
    """A process that is to choose its host by itself, on the processor; what it said on standard error."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"} | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([python, *words], env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def jax():
    """The Python of an environment with JAX and without TensorFlow."""
    if not INSTALLED.exists():
        pytest.skip("expected Keras on JAX in build/jax, found none; make test-all installs it")
    python = INSTALLED.parent / "bin/python"
    run(python, "-c", "import tensorflow", status=1)
    return python


@pytest.fixture
def hosts(jax, tmp_path, arrays):
    """hosts(job): what TensorFlow answers, and what JAX does."""

    def ask(job):
        there, here = tmp_path / "jax.npz", tmp_path / "tensorflow.npz"
        run(sys.executable, HERE / "on_host.py", job, here)
        run(jax, HERE / "on_host.py", job, there, *([here] if job == "steps" else []))
        return arrays(here), arrays(there)

    return ask


@pytest.mark.slow
def test_every_kind_of_row_gives_the_same_numbers(hosts):
    here, there = (answer["outputs"] for answer in hosts("network"))
    assert here.shape == (8, 16) and here.std(0).min() > 3e-3
    np.testing.assert_allclose(there, here, atol=3e-6)


@pytest.mark.slow
def test_every_loss_has_the_same_value_and_slopes_and_is_compiled_once(hosts):
    """After three steps from one state; the optimizer's means tell the slopes. JAX's moving variances are those of the batch, not the sample's."""
    near = {"mixed_bfloat16": (2e-3, 0.5), "mixed_float16": (1e-4, 0.2)}  # how halves are added differs from CPU to CPU
    here, there = hosts("steps")
    assert set(there) == set(here)
    for name in sorted({name.partition("/")[0] for name in here}):
        loss, slope = near.get(name, (2e-6, 1e-4))
        np.testing.assert_allclose(there[f"{name}/losses"], here[f"{name}/losses"], rtol=loss, err_msg=name)
        assert there[f"{name}/compilations"] == 0
        for key in (key for key in here if key.startswith((f"{name}/then/optimizer", f"{name}/then/objective"))):
            np.testing.assert_allclose(there[key], here[key], atol=slope * np.abs(here[key]).max(), err_msg=key)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_very_end_of_an_unbroken_one(jax, tiny, tmp_path):
    job = {"data": str(tiny), "threads": None}
    whole, killed = ({"out": str(tmp_path / name), "resume": False, "stop_after": None} for name in ("whole", "killed"))
    kill = {"kill": {"write": 5, "when": "after"}}
    run(jax, HERE / "runs.py", json.dumps(job | {"runs": [killed]} | kill), status=-signal.SIGKILL)
    assert (tmp_path / "killed" / STATE).exists()
    run(jax, HERE / "runs.py", json.dumps(job | {"runs": [killed | {"resume": True}, whole]}))
    for name in (BEST, STATE):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_the_command_s_weights_give_the_same_embeddings_on_tensorflow(jax, tiny, tmp_path, faces, arrays):
    """In its default precision, with what a loss owns; the distance between two unit vectors is four at most."""
    (tmp_path / "recipe.toml").write_text(RECIPE)
    out = tmp_path / "run"
    said = run(jax, "-m", "facelite", "train", tmp_path / "recipe.toml", "--data", tiny, "--out", out)
    assert "step 8/8  loss " in said
    versions = json.loads((out / FACTS).read_text())["versions"]
    assert "jax" in versions and "tensorflow" not in versions
    run(jax, HERE / "on_host.py", "embed", tmp_path / "there.npz", out, tiny)
    model = build(run_network(out), keras=keras)
    set_weights(model, read_weights(out))
    here = embed_crops(model, faces[1], run_network(out))
    np.testing.assert_allclose(here, arrays(tmp_path / "there.npz")["embeddings"], atol=1e-6)
    assert np.square(here[0] - here[6]).sum() > 1e-4  # two people


THREADS = """
import os, sys
from facelite.training.host import prepare_host
prepare_host(int(sys.argv[1]))
import keras
keras.ops.ones(3)
print(len(os.listdir("/proc/self/task")), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the system does not list threads")
def test_it_has_the_threads_that_it_is_told(jax):
    few, many = (int(run(jax, "-c", THREADS, number)) for number in ("1", "9"))
    assert many - few >= 8


def test_a_host_that_is_not_installed_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(FaceliteError, match=r"^expected jax for training, found none; install it: pip install 'facelite\[jax\]'$"):
        prepare_host()
