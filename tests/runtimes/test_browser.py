"""The models in a real browser: in LiteRT.js, of today, and in tfjs-tflite, which stands for the old runtimes.

int8 is bit for bit what LiteRT gives here: its sums are of integers, and XNNPACK's kernels for WebAssembly round them as those for the CPU do.
Floats are rounded at each step of a sum, twice where a kernel cannot multiply and add in one, and so may differ by a little. In a browser with
relaxed SIMD, LiteRT.js multiplies and adds in one, and nothing differed where this was written; but a CPU's kernels may add in another order.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parent / "browser"
BUILD = PAGES.parent.parent.parent / "build/runtimes/browser"

BROKEN_LOCK = ("EINTEGRITY", "EUSAGE")
"""npm's words for a package of another hash and for a lock that does not fit package.json: no reason to skip."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A page, and the WebAssembly that it must have loaded for the answers to mean anything."""

    page: str
    program: str
    isolated: bool = False

    def __str__(self) -> str:
        return self.page


LITERT = "/node_modules/@litertjs/core/wasm/litert_wasm"

RUNTIMES = [
    Runtime("litert.html", f"{LITERT}_internal.wasm"),
    Runtime("litert.html?compat", f"{LITERT}_compat_internal.wasm"),
    Runtime("litert.html?threads", f"{LITERT}_threaded_internal.wasm", isolated=True),
    Runtime("tfjs-tflite.html", "/node_modules/@tensorflow/tfjs-tflite/wasm/tflite_web_api_cc_simd.wasm"),
]


@pytest.fixture(scope="module")
def modules():
    """The runtimes of package-lock.json, by name and hash; installed once."""
    lock, installed = PAGES / "package-lock.json", BUILD / "node_modules/installed.json"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        BUILD.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PAGES / name, BUILD)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            ended = subprocess.run(command, cwd=BUILD, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            pytest.skip(f"{' '.join(command)}: {error}; install it: apt-get install npm")
        assert not any(word in ended.stderr for word in BROKEN_LOCK), ended.stderr
        if ended.returncode:
            pytest.skip(f"{' '.join(command)}: {ended.stderr}")
        shutil.copy(lock, installed)
    return BUILD / "node_modules"


@pytest.fixture(scope="module")
def drive(modules):
    """A function of (page, folder of cases, folder for answers) that gives what the driver ended with."""

    def run(page, asked, out, *, isolated):
        command = [sys.executable, PAGES / "drive.py", page, asked, modules, out, *(["--isolated"] if isolated else [])]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.stderr.startswith("expected Chromium"):
            pytest.skip(f"{' '.join(map(str, command))}: {ended.stderr}")
        return ended

    return run


@pytest.fixture(scope="module")
def asked(cases, tmp_path_factory):
    """The cases, and after them one that no runtime can load."""
    folder = tmp_path_factory.mktemp("asked")
    for file in cases.iterdir():
        (folder / file.name).symlink_to(file)
    listed = json.loads((cases / "cases.json").read_text())
    (folder / "cases.json").unlink()
    (folder / "cases.json").write_text(json.dumps(listed | {"zeros": listed["nns2-int8"]}))
    (folder / "zeros.tflite").write_bytes(bytes(100))
    (folder / "zeros.input").symlink_to(cases / "nns2-int8.input")
    return folder


@pytest.fixture(scope="module", params=RUNTIMES, ids=str)
def answered(request, drive, asked, tmp_path_factory):
    """(runtime, folder of its answers)"""
    runtime, out = request.param, tmp_path_factory.mktemp("answered")
    ended = drive(runtime.page, asked, out, isolated=runtime.isolated)
    assert ended.returncode == 0, ended.stderr
    return runtime, out


def test_a_runtime_loads_every_model_and_says_what_is_none(answered):
    runtime, out = answered
    told = json.loads((out / "answer.json").read_text())
    assert [path for path in told["fetched"] if path.endswith(".wasm")] == [runtime.program]
    assert list(told["refused"]) == ["zeros"], told["refused"]


def test_int8_gives_the_same_bits(answered, cases, names, closeness):
    _, out = answered
    for name in names("int8"):
        assert closeness(out / f"{name}.default", cases / f"{name}.default").equal, name


def test_floats_differ_by_rounding_alone(answered, cases, names, closeness):
    _, out = answered
    for name in names("float32", "float16"):
        found = closeness(out / f"{name}.default", cases / f"{name}.default")
        assert found.by_rounding, (name, found)


def test_threads_need_a_page_that_is_isolated(drive, asked, tmp_path):
    ended = drive("litert.html?threads", asked, tmp_path, isolated=False)
    assert ended.returncode == 1
    assert "SharedArrayBuffer is not defined" in ended.stderr
