"""What a step computes in: "auto" goes by the machine on which a run begins, and a run keeps it."""

from __future__ import annotations

import json

import keras
import pytest

from facelite.training import fit, precision
from facelite.training.precision import resolve
from facelite.training.run import FACTS, run_recipe
from facelite.training.state import TrainingState

CPUS = {
    "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 amx_tile\n": "mixed_bfloat16",
    "processor\t: 0\nflags\t\t: fpu avx2 amx_bf16 amx_tile amx_int8\n": "mixed_bfloat16",
    "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\n": "float32",
    "processor\t: 0\nFeatures\t: fp asimd bf16 svebf16\n": "float32",  # TensorFlow's kernels on ARM do not use it
    None: "float32",
}


@pytest.fixture
def cpu(tmp_path, monkeypatch):
    """cpu(text): what /proc/cpuinfo says from then on; None: there is none."""
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "CPUINFO", path)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0"])
    return lambda text: path.unlink(missing_ok=True) if text is None else path.write_text(text)


@pytest.fixture
def fast(cpu):
    """fast(True or False): a CPU with instructions for bfloat16, or one without."""
    return lambda yes: cpu(next(text for text, found in CPUS.items() if (found == "mixed_bfloat16") == yes))


@pytest.mark.parametrize("text", CPUS)
def test_a_cpu_without_instructions_for_bfloat16_computes_in_float32(cpu, text):
    cpu(text)
    assert resolve("auto") == CPUS[text]
    assert resolve("mixed_bfloat16") == "mixed_bfloat16" and resolve("float32") == "float32"


@pytest.mark.parametrize("device", ["gpu:0", "tpu:0"])
def test_a_gpu_computes_in_bfloat16(fast, monkeypatch, device):
    fast(False)
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: [device])
    assert resolve("auto") == "mixed_bfloat16"


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize("yes", [True, False])
def test_a_run_goes_on_in_what_it_began_in(tmp_path, faces, recipe, fast, monkeypatch, yes):
    """On a machine of the other kind, too; the recipe still says "auto"."""
    expected, told, policies = "mixed_bfloat16" if yes else "float32", [], []
    take_step = TrainingState.take_step
    monkeypatch.setattr(TrainingState, "take_step", lambda state, x, y: policies.append(state.model.dtype_policy.name) or take_step(state, x, y))
    chosen, out = recipe(precision="auto"), tmp_path / "run"
    fast(yes)
    fit.train(chosen, faces, out, stop=lambda step: step == 1, began=lambda *said: told.append(said))
    fast(not yes)
    fit.train(chosen, faces, out, resume=True, stop=lambda step: step == 2, began=lambda *said: told.append(said))
    assert told == [(0, 12, expected), (1, 12, expected)] and policies == [expected, expected]
    assert json.loads((out / FACTS).read_text())["precision"] == expected
    assert run_recipe(out).schedule.precision == "auto"


@pytest.mark.usefixtures("small_network")
def test_facts_of_no_precision_leave_the_choice_to_the_machine(tmp_path, faces, recipe, fast):
    told, out = [], tmp_path / "run"
    fast(True)
    fit.train(recipe(precision="auto"), faces, out, stop=lambda step: step == 1)
    facts = json.loads((out / FACTS).read_text())
    fast(False)
    for spoilt in ({**facts, "precision": "float8"}, {key: value for key, value in facts.items() if key != "precision"}):
        (out / FACTS).write_text(json.dumps(spoilt))
        fit.train(recipe(precision="auto"), faces, out, resume=True, stop=lambda step: True, began=lambda *said: told.append(said[-1]))
    assert told == ["float32", "float32"]
