"""The package's own door: which bundle it opens, what it says to a caller's slip, and that it writes nothing of its own accord."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import facelite
from facelite.errors import BundleError
from facelite.runtime import interpreter


def test_without_a_path_it_opens_the_bundle_of_the_environment(bundle_file, bundle, monkeypatch, tmp_path):
    monkeypatch.setenv("FACELITE_BUNDLE", str(bundle_file))
    assert facelite.open().bundle.digest == bundle.digest
    monkeypatch.setattr("facelite.bundle.__file__", str(tmp_path / "bundle.py"))
    monkeypatch.delenv("FACELITE_BUNDLE")
    with pytest.raises(BundleError, match="got the name of none; name one"):
        facelite.open()


@pytest.mark.parametrize("picture", [None, 3, b"\xff\xd8", ["a.jpg"]])
def test_what_is_no_picture_is_misuse(bundle_file, picture):
    verifier, blank = facelite.open(bundle_file), np.zeros((64, 64, 3), np.uint8)
    for pair in ((picture, blank), (blank, picture)):
        with pytest.raises(ValueError, match=rf"as a path or as an array \(h, w, 3\) uint8 RGB, got {type(picture).__name__}"):
            verifier.verify(*pair)


OPEN = "import facelite, os, sys; facelite.open(sys.argv[1]); "


@pytest.mark.parametrize(("code", "expected"), [
    ("", ""),
    ("print('mine', file=sys.stderr); os.write(2, b'raw')", "mine\nraw"),
    ("sys.exit('mine')", "mine\n"),
])  # fmt: skip
def test_opening_a_bundle_writes_nothing_and_standard_error_stays_the_caller_s(bundle_file, code, expected):
    result = subprocess.run([sys.executable, "-c", OPEN + code, str(bundle_file)], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("", expected)


def test_without_standard_error_or_a_place_for_a_file_it_opens_all_the_same(bundle_file):
    for shell in ("2>&-", "2> /dev/full"):
        assert subprocess.run(["sh", "-c", f'exec "$0" -c "$1" "$2" {shell}', sys.executable, OPEN, str(bundle_file)], check=False).returncode == 0
    code = f"import tempfile; tempfile.tempdir = '/none'; {OPEN}"
    assert subprocess.run([sys.executable, "-c", code, str(bundle_file)], check=False, stderr=subprocess.DEVNULL).returncode == 0


THREADS = """
import sys, threading
import numpy
import facelite.bundle
from facelite.runtime.interpreter import Interpreter
model = facelite.bundle.open_bundle(sys.argv[1]).files["embedder.tflite"]
done = threading.Event()
def write():
    for number in range(300):
        print(number, file=sys.stderr, flush=True)
writers = [threading.Thread(target=write)] + [threading.Thread(target=lambda: [Interpreter(model) for _ in range(20)]) for _ in range(3)]
for thread in writers:
    thread.start()
for thread in writers:
    thread.join()
"""


def test_lines_of_other_threads_come_through_whole(bundle_file):
    """In one of three processes at least: what is written in the very moment in which the descriptor is set back may be lost."""

    def is_whole():
        result = subprocess.run([sys.executable, "-c", THREADS, str(bundle_file)], capture_output=True, text=True, check=True)
        return sorted(result.stderr.splitlines()) == sorted(map(str, range(300)))

    assert any(is_whole() for _ in range(3))


def test_only_the_greeting_is_held_back(capfd, monkeypatch):
    class Runtime:
        __name__ = "stub"

        def Interpreter(self, **_):
            os.write(2, interpreter.GREETING + b"ERROR: no such operator\n" + interpreter.GREETING + b"last, without an end")
            raise ValueError("no model")

    monkeypatch.setattr(interpreter, "_load_runtime", Runtime)
    monkeypatch.setattr(interpreter, "_greeted", threading.Event())
    for passed_on in ("", interpreter.GREETING.decode()):  # it comes once: after that nothing is held back
        with pytest.raises(BundleError, match="no model"):
            interpreter.Interpreter(b"x")
        assert capfd.readouterr().err == f"{passed_on}ERROR: no such operator\n{passed_on}last, without an end"
