"""A process that dies, or finds the disk full, at each of its writes in turn: the gallery is the old one or the new one, and goes on.

The faults are injected below Python and SQLite, by a library of 100 lines that is preloaded (faults.c): each call that changes a file is a
place to die before, and each write one to die in the middle of.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from facelite.gallery import Gallery, Keyring

COUNT = """
import sys
import numpy as np
from facelite.errors import FaceliteError
from facelite.face import Embedding
from facelite.gallery import Gallery, restore_gallery
path, act = sys.argv[1:]

def embeddings(seed):
    return [Embedding(vector, "space") for vector in np.random.default_rng(seed).normal(size=(3, 128))]

try:
    if act == "restore":
        restore_gallery(path).close()
    else:
        with Gallery(path, space="space", create=True) as gallery:
            print(*gallery.subjects, flush=True)
            if act in ("make", "enrol"):
                gallery.enrol("New", embeddings(9), artefact="x")
            elif act == "remove":
                gallery.remove("Ada")
            elif act == "purge":
                gallery.purge(2e9)
            elif act == "fill":
                for seed, subject in enumerate(("Ada", "Bob")):
                    gallery.enrol(subject, embeddings(seed), artefact="x")
except FaceliteError as error:
    print(error, flush=True)
    sys.exit(4)
"""

OLD = {"make": [], "enrol": ["Ada", "Bob"], "remove": ["Ada", "Bob"], "purge": ["Ada", "Bob"], "restore": ["Ada", "Bob"]}
NEW = {"make": ["New"], "enrol": ["Ada", "Bob", "New"], "remove": ["Bob"], "purge": [], "restore": ["Ada", "Bob"]}
"""Subjects before and after each act."""
CHANGED = {"fill": {"Ada", "Bob"}, "enrol": {"New"}, "remove": {"Ada"}, "purge": {"Ada", "Bob", "New"}, "restore": set()}
"""Whom an act may change, whatever was before it."""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if not shutil.which("cc") or sys.platform != "linux":
        pytest.skip("faults are injected by a preloaded library, which needs a C compiler on Linux: apt-get install gcc")
    built = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-o", built, Path(__file__).with_name("faults.c"), "-ldl"], check=True)
    return built


class Bench:
    """A gallery and a keyring in one folder, set back before each run to what they were."""

    def __init__(self, folder, library, act):
        self.start, self.place, self.library, self.act, self.log = folder / "start", folder / "place", library, act, folder / "calls"
        self.place.mkdir()
        if act != "make":
            assert self.run("fill", preload=False).returncode == 0
        self.place.rename(self.start)

    def run(self, act, *, preload=True, **faults):
        names = {"FACELITE_KEYRING": str(self.place / "keyring"), "FAULT_DIR": str(self.place)}
        names |= {"LD_PRELOAD": str(self.library)} if preload else {}
        environment = os.environ | names | {f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}
        words = [sys.executable, "-c", COUNT, str(self.place / "gallery.db"), act]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)

    def again(self, **faults):
        """One run of the act from the beginning."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.start, self.place)
        return self.run(self.act, **faults)

    def calls(self):
        assert self.again(log=self.log).returncode == 0
        assert self.found() == NEW[self.act]
        return self.log.stat().st_size

    def found(self):
        """Who is enrolled now, all with three templates."""
        with Gallery(self.place / "gallery.db", space="space", create=True, keyring=Keyring(self.place / "keyring")) as gallery:
            assert set(gallery.counts.values()) <= {3}
            return gallery.subjects

    def unnoted(self):
        """Whether the gallery has a change that the keyring does not know of."""
        with closing(sqlite3.connect(self.place / "gallery.db")) as db:
            identity, generation = db.execute("SELECT identity, generation FROM gallery").fetchone()
        return Keyring(self.place / "keyring").last(identity).generation < generation

    def leave_unnoted(self):
        """An enrolment that is killed once the gallery has it, before the keyring has."""
        for at in range(self.calls(), 0, -1):
            assert self.again(kind="kill", at=at).returncode == -9
            if self.unnoted():
                return
        pytest.fail("expected a kill between the two, got none")


def faults(bench, kind, status, *, step):
    """How many runs died, and how many of them left the old and the new state; each goes on afterwards."""
    old = new = 0
    for at in range(1, bench.calls() + 1, step):
        done = bench.again(kind=kind, at=at)
        if done.returncode == 0:
            assert kind == "full"  # nothing was left to write
            continue
        assert done.returncode == status, (at, done)
        found = bench.found()
        assert found in (OLD[bench.act], NEW[bench.act]), (at, found)
        old, new = old + (found == OLD[bench.act]), new + (found == NEW[bench.act])
        assert bench.run("enrol", preload=False).returncode == 0
        assert bench.found() == sorted({*found, "New"})
    return old, new


@pytest.mark.parametrize("act", OLD)
@pytest.mark.parametrize(("kind", "status"), [("kill", -9), ("torn", -9), ("full", 4)])
def test_a_fault_leaves_the_old_or_the_new_state(tmp_path, library, act, kind, status):
    old, _ = faults(Bench(tmp_path, library, act), kind, status, step=11)
    assert old


@pytest.mark.slow
@pytest.mark.parametrize("act", OLD)
@pytest.mark.parametrize(("kind", "status"), [("kill", -9), ("torn", -9), ("full", 4)])
def test_a_fault_at_each_write_leaves_the_old_or_the_new_state(tmp_path, library, act, kind, status, capsys):
    old, new = faults(Bench(tmp_path, library, act), kind, status, step=1)
    with capsys.disabled():
        sys.stdout.write(f"\n{act}, {kind}: {old} times the old state, {new} times the new one\n")
    assert old
    assert new or kind == "full"


def test_a_restore_killed_upon_a_killed_enrolment_is_read(tmp_path, library):
    bench = Bench(tmp_path, library, "enrol")
    bench.leave_unnoted()
    shutil.rmtree(bench.start)
    bench.place.rename(bench.start)
    bench.log.unlink()
    bench.act, unnoted = "restore", 0
    assert bench.again(log=bench.log).returncode == 0
    for at in range(1, bench.log.stat().st_size + 1, 2):
        assert bench.again(kind="kill", at=at).returncode == -9
        unnoted += bench.unnoted()
        assert bench.found() == NEW["enrol"], at
    assert unnoted


@pytest.mark.slow
def test_kills_one_upon_another_leave_the_old_or_the_new_state(tmp_path, library, capsys):
    """At random, each upon what the one before has left; nothing in between sets anything right."""
    bench, chance, kills = Bench(tmp_path, library, "fill"), np.random.default_rng(1), Counter()
    shutil.copytree(bench.start, bench.place)
    while kills.total() < 150:
        act, before = str(chance.choice(list(CHANGED))), set(bench.found())
        done = bench.run(act, kind=chance.choice(("kill", "torn")), at=chance.integers(1, 61))
        assert done.returncode in (0, -9) or (act == "remove" and "Ada" not in before), (act, done)
        kills[act] += done.returncode == -9
        assert before ^ set(bench.found()) <= CHANGED[act], act
    with capsys.disabled():
        sys.stdout.write(f"\n{kills.total()} kills one upon another: {dict(kills)}\n")
