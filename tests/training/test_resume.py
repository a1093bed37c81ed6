"""A run that was killed, at whatever moment, goes on to the very weights of an unbroken one."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facelite.networks.weights import BEST
from facelite.training.run import FACTS, STATE

RUNS = Path(__file__).with_name("runs.py")


def start(data, *runs, threads=1, **job):
    """runs.py over (out, resume, stop_after)."""
    runs = [{"out": str(out), "resume": resume, "stop_after": stop_after} for out, resume, stop_after in runs]
    command = [sys.executable, RUNS, json.dumps({"data": str(data), "threads": threads, "runs": runs, **job})]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, status=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    return out.splitlines(), err.strip().splitlines()


@pytest.fixture
def assert_same(read_log):
    return lambda run, other, more=(): _assert_same(run, other, read_log, more)


def _assert_same(run, other, read_log, more):
    """Weights, state and log bit by bit; the log but for speed and waiting, and for the line of each step in ``more``, which the other has not."""
    for name in (BEST, STATE):
        assert (run / name).read_bytes() == (other / name).read_bytes()
    mine, theirs = ({int(row.pop("step")): {**row, "images_per_second": "", "waiting": ""} for row in read_log(out)} for out in (run, other))
    assert list(mine) == sorted({*theirs, *more})
    assert {step: mine[step] for step in theirs} == theirs
    assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in other.iterdir())


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, tiny):
    """An unbroken run, and beside it one that was stopped at step 13 and gone on with: one process, one thread."""
    folder = tmp_path_factory.mktemp("unbroken")
    finish(start(tiny, (folder / "whole", False, None), (folder / "stopped", False, 13), (folder / "stopped", True, None)))
    return folder


def test_a_run_stopped_and_gone_on_with_is_the_unbroken_one(unbroken, read_log, assert_same):
    """It has a line for every other step, for each judgement, and for the step at which it was stopped."""
    assert [int(row["step"]) for row in read_log(unbroken / "whole")] == [step for step in range(1, 25) if step % 2 == 0 or step % 3 == 0]
    assert_same(unbroken / "stopped", unbroken / "whole", more=[13])


def test_lines_and_states_by_time_change_nothing(unbroken, tiny, tmp_path, arrays, assert_same):
    """Here after each step, in a run that is killed at its fifth and gone on with."""
    out = tmp_path / "run"
    said, _ = finish(start(tiny, (out, False, None), seconds=0, kill={"write": 8, "when": "after"}), -signal.SIGKILL)
    assert [line for line in said if line.startswith("step")] == [f"step {step}" for step in range(1, 6)]
    assert arrays(out / STATE)["step"] == 5
    finish(start(tiny, (out, True, None), seconds=0))
    assert_same(out, unbroken / "whole", more=range(1, 25))


def test_a_run_killed_or_out_of_disk_goes_on_to_the_same_end(unbroken, tiny, tmp_path, arrays, assert_same):
    """One is killed with best.npz newer than state.npz, one while the state is being written, one meets the kernel's file size limit."""
    newer, half, full = (tmp_path / name for name in ("newer", "half", "full"))
    said, _ = finish(start(tiny, (newer, False, None), kill={"write": 5, "when": "after"}), -signal.SIGKILL)
    assert [line.split()[1] for line in said if line.split()[0] != "step"] == ["recipe.json", FACTS, BEST, STATE, BEST]
    assert arrays(newer / STATE)["step"] == 5 and "step 6" not in said
    best = arrays(newer / BEST)["conv1/0"]
    assert (best != arrays(newer / STATE)["best_0000"]).any()  # it is from step 6
    finish(start(tiny, (half, False, None), kill={"write": 4, "when": "within"}), -signal.SIGKILL)
    assert not (half / STATE).exists() and list(half.glob(f".{STATE}.*"))
    _, err = finish(start(tiny, (full, False, None), largest=300_000), 1)
    assert err[-1].endswith(
        f"FaceliteError: {full / STATE}: expected to write the run's files, got File too large; free some space or correct the rights, then --resume"
    )
    assert not list(full.glob(".*")) and (full / BEST).exists()
    finish(start(tiny, *((out, True, None) for out in (newer, half, full))))
    for out in (newer, half, full):
        assert_same(out, unbroken / "whole")


@pytest.mark.slow
@pytest.mark.timeout(3600)  # two dozen processes that each import TensorFlow
def test_a_kill_at_any_write_costs_nothing(unbroken, tiny, tmp_path, assert_same):
    outs = {(write, when): tmp_path / f"{write}-{when}" for write in range(1, 9) for when in ("before", "within", "after")}
    for (write, when), out in outs.items():
        finish(start(tiny, (out, False, None), kill={"write": write, "when": when}), -signal.SIGKILL)
    finish(start(tiny, *((out, True, None) for out in outs.values())))
    for out in outs.values():
        assert_same(out, unbroken / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_kills_at_random_moments_cost_nothing(unbroken, tiny, tmp_path, seed, assert_same):
    """Killed again and again, from the first import on, until a process gets through."""
    rng, kills, status = random.Random(seed), 0, -signal.SIGKILL  # noqa: S311
    while status:
        process = start(tiny, (tmp_path / "run", True, None))
        if kills < 8:
            if kills % 2:  # half of them soon after a line of the log, where steps, judgements and states follow fast
                for _ in range(rng.randint(1, 3)):
                    process.stdout.readline()
                time.sleep(rng.uniform(0, 0.05))
            else:
                time.sleep(rng.uniform(0.5, 3.5))
            process.kill()
        _, err = process.communicate(timeout=300)
        status, kills = process.returncode, kills + 1
        assert status in (0, -signal.SIGKILL), err
    assert_same(tmp_path / "run", unbroken / "whole")


@pytest.mark.slow
def test_with_all_threads_a_resumed_run_ends_close_by(tiny, tmp_path, arrays):
    """Sums in another order: after 24 steps the averaged weights agree to 1e-3, and VAL to 0.05."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(tiny, (whole, False, None), threads=None))
    finish(start(tiny, (killed, False, None), threads=None, kill={"write": 5, "when": "after"}), -signal.SIGKILL)
    finish(start(tiny, (killed, True, None), threads=None))
    mine, theirs = arrays(killed / STATE), arrays(whole / STATE)
    for name in theirs:
        if name.startswith("average_"):
            np.testing.assert_allclose(mine[name], theirs[name], atol=1e-3)
    assert mine["best"] == pytest.approx(theirs["best"], abs=0.05)
