"""Hostile input through every public entry point, in a process of its own: no crash, no hang, no exception but FaceliteError, no bomb.

A short form of all of them, and 100,000 inputs and more where time does not matter. What an input does again: python tests/fuzz/child.py ... --input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent

COUNTS = {
    "decode_image": (400, 60_000),
    "read_image": (100, 5_000),
    "timed_frames": (20, 1_500),
    "load_bundle": (200, 12_000),
    "unpack_golden": (150, 5_000),
    "unpack_head": (150, 5_000),
    "unpack_map": (150, 5_000),
    "read_model": (150, 10_000),
    "reference": (60, 3_000),
    "litert": (60, 4_000),
    "verifier": (10, 1_500),
    "liveness": (60, 5_000),
    "read_recipe": (150, 5_000),
    "read_config": (400, 20_000),
    "read_pairs": (150, 8_000),
    "read_groups": (150, 8_000),
    "open_source": (150, 10_000),
    "gallery": (60, 2_500),
    "gallery_written": (5, 300),
    "commands": (12, 1_000),
}
"""Inputs of each entry point, in the short form and in the long one."""

MOST_DEATHS = 10


def hunt(bundle, folder, jobs):
    """What a child says of ``jobs`` (name, inputs); one that dies is a finding, and the next child goes on behind the input that killed it."""
    said, left = [], {name: (0, count) for name, count in jobs}
    while left and sum("died" in one for one in said) < MOST_DEATHS:
        words = [f"{name}:{first}:{end}" for name, (first, end) in left.items()]
        with (folder / "errors").open("wb") as errors:
            environment = os.environ | {"PYTHONFAULTHANDLER": "1", "OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
            command = [sys.executable, HERE / "child.py", bundle, folder, *words]
            child = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment, check=False)
        told = [json.loads(line) for line in child.stdout.splitlines()]
        said += told
        for one in told:
            if "done" in one:
                left.pop(one["target"])
        if child.returncode == 0:
            break
        at = (folder / "at").read_bytes()
        name, number = at[:16].rstrip(b"\0").decode(), int.from_bytes(at[16:24], "little")
        tail = (folder / "errors").read_bytes()[-3000:].decode(errors="replace")
        how = signal.Signals(-child.returncode).name if child.returncode < 0 else f"status {child.returncode}"
        said.append({"target": name, "number": number, "died": how, "what": f"{'no end' if how == 'SIGALRM' else how}\n{tail}"})
        if name not in left:
            break
        said.append({"target": name, "done": number + 1 - left[name][0], "refused": 0, "seconds": 0.0})
        left[name] = (number + 1, left[name][1])
    return said


def findings(said, bundle, folder):
    """Each finding, and the file in which its input is kept."""
    told = []
    for one in said:
        if "what" in one:
            kept = folder / f"{one['target']}-{one['number']}"
            words = [sys.executable, HERE / "child.py", bundle, folder, "--input", one["target"], str(one["number"])]
            kept.write_bytes(subprocess.run(words, stdout=subprocess.PIPE, check=False).stdout)
            told.append(f"{one['target']} {one['number']}, kept as {kept}: {one['what']}")
    return told


def table(said):
    done, refused, seconds = Counter(), Counter(), Counter()
    for one in said:
        if "done" in one:
            done[one["target"]] += one["done"]
            refused[one["target"]] += one["refused"]
            seconds[one["target"]] += one["seconds"]
    lines = [f"{name:16} {done[name]:8,} inputs, {refused[name]:8,} refused, {done[name] / max(seconds[name], 1e-3):8,.0f} a second" for name in done]
    return [*lines, f"{'together':16} {done.total():8,} inputs, {refused.total():8,} refused, {seconds.total():8,.0f} seconds of CPU"]


def hunted(bundle, folder, jobs):
    """The counts of ``jobs``, none of whose inputs did what it must not."""
    said = hunt(bundle, folder, jobs)
    found = findings(said, bundle, folder)
    assert not found, f"{len(found)} finding(s)\n" + "\n".join(found)
    done = Counter()
    for one in said:
        done[one["target"]] += one["done"]
    assert done == dict(jobs)
    return table(said)


def test_some_hostile_inputs_are_refused_or_read(bundle_file, tmp_path):
    hunted(bundle_file, tmp_path, [(name, short) for name, (short, _) in COUNTS.items()])


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_hostile_inputs_are_refused_or_read(bundle_file, tmp_path, capsys):
    jobs = [(name, long) for name, (_, long) in COUNTS.items()]
    assert sum(count for _, count in jobs) >= 100_000
    lines = hunted(bundle_file, tmp_path, jobs)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
