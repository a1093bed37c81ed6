"""The models, and facelite's device half, on the processors of Raspberry Pis: real Debian packages and wheels, emulated by qemu.

aarch64: ai-edge-litert gives int8 to XNNPACK, as here, and so gives the same bits, if XNNPACK is in use; which it is only where it can read
from /proc and /sys what the processor is; the reference kernels give the same bits, too. armv7: tflite-runtime 2.14, with kernels of its own, of
which those of reference may be a step away in a number, as they are on x86-64.

The emulated processor must be named. Otherwise qemu 7.2 offers all that it knows, and int8 is computed with instructions that it gets wrong.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import cv2
import pytest

from facelite.export.synthetic import draw_face

pytestmark = pytest.mark.timeout(3600)  # minutes where nothing else runs, many times that beside a training

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

XNNPACK = "Created TensorFlow Lite XNNPACK delegate"
"""What a runtime says on standard error when it uses it."""

DISTANCE = 0.03
"""Of a pair's distance there to here, where 0.011 was measured.

From the same landmarks came the same crop and the same embedding, to the bit. But the detector's floats are rounded in another way, landmarks
moved by 0.004 of a pixel, 4 % of a crop's numbers by 1 of 255, and the embedding by a squared distance of 0.0008.
"""


@dataclass(frozen=True, slots=True)
class Processor:
    """What qemu calls it, and what /proc/cpuinfo says on it."""

    name: str
    part: str
    features: str
    architecture: int = 8

    def __str__(self) -> str:
        return self.name

    @property
    def cpuinfo(self) -> str:
        core = f"Features\t: {self.features}\nCPU implementer\t: 0x41\nCPU architecture: {self.architecture}\nCPU part\t: {self.part}\n"
        return "".join(f"processor\t: {number}\n{core}CPU variant\t: 0x0\nCPU revision\t: 3\n\n" for number in range(4))


PI_3 = Processor("cortex-a53", "0xd03", "fp asimd evtstrm crc32 cpuid")
PI_4 = Processor("cortex-a72", "0xd08", "fp asimd evtstrm crc32 cpuid")
PI_5 = Processor("cortex-a76", "0xd0b", "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp")
PI_2 = Processor("cortex-a7", "0xc07", "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm", 7)


@dataclass(frozen=True, slots=True)
class Machine:
    """A root, which may have the cases in it."""

    root: Path

    def run(self, processor, *words, emulated=None):
        """Python with ``words`` on ``processor``; ``emulated`` in its place is what qemu emulates, which takes it for ``processor``."""
        (self.root / "proc/cpuinfo").write_text(processor.cpuinfo)
        environment = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": "/opt/site:/opt/facelite", "QEMU_CPU": emulated or processor.name}
        command = ["chroot", self.root, "/usr/bin/python3.11", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def ask(self, processor, *options, emulated=None):
        """(the folder of answer.py's answers, how it ended)"""
        out = self.root / "out"
        shutil.rmtree(out, ignore_errors=True)
        return out, self.run(processor, "/answer.py", "/cases", "/out", *options, emulated=emulated)


def make_machine(name):
    """The root of arm_root.sh; skips where it cannot be made."""
    root = ROOT / "build/runtimes" / name
    if platform.machine() != "x86_64":
        pytest.skip(f"expected an x86-64 to hold ARM to, got {platform.machine()}")
    run_or_skip(HERE / "arm_root.sh", name, root)
    (root / "proc").mkdir(exist_ok=True)
    write_sys(root)
    return Machine(root)


def with_cases(machine, cases):
    """The machine with the cases and answer.py."""
    copy(cases, machine.root / "cases")
    shutil.copy(HERE / "answer.py", machine.root)
    return machine


def write_sys(root):
    """Of /sys, what tells that there are four processors."""
    folder = root / "sys/devices/system/cpu"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online"):
        (folder / name).write_text("0-3\n")


def run_or_skip(*command):
    ended = subprocess.run(command, env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True, check=False)
    if ended.returncode:
        pytest.skip(f"{' '.join(map(str, command))}: {ended.stdout}{ended.stderr}; install what is missing: sh tests/install_tools.sh")


def copy(source, target):
    """In place of what an earlier run left."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.facelite"))


@pytest.fixture(scope="module")
def plain():
    """The machine aarch64 without cases."""
    return make_machine("aarch64")


@pytest.fixture(scope="module")
def aarch64(plain, cases):
    return with_cases(plain, cases)


@pytest.fixture(scope="module")
def armv7(cases):
    return with_cases(make_machine("armv7"), cases)


# the models


@pytest.mark.slow
@pytest.mark.parametrize("processor", [PI_3, PI_4, PI_5], ids=str)
def test_aarch64_gives_the_same_bits_for_int8(aarch64, cases, names, closeness, processor):
    out, ended = aarch64.ask(processor)
    assert ended.returncode == 0, ended.stderr
    assert XNNPACK in ended.stderr
    told = json.loads((out / "answer.json").read_text())
    assert not told["refused"] and told["runtime"] == "ai_edge_litert.interpreter"
    for name in names("int8"):
        assert closeness(out / f"{name}.default", cases / f"{name}.default").equal, name
    for name in names("float32", "float16"):
        found = closeness(out / f"{name}.default", cases / f"{name}.default")
        assert found.by_rounding, (name, found)


@pytest.mark.slow
def test_armv7_loads_every_model_and_agrees(armv7, cases, names, closeness):
    out, ended = armv7.ask(PI_2)
    assert ended.returncode == 0, ended.stderr
    told = json.loads((out / "answer.json").read_text())
    assert not told["refused"] and told["runtime"] == "tflite_runtime.interpreter"
    for name in names("int8"):
        found = closeness(out / f"{name}.default", cases / f"{name}.reference")
        assert found.by_kernels, (name, found)
    for name in names("float32", "float16"):
        found = closeness(out / f"{name}.default", cases / f"{name}.default")
        assert found.by_rounding, (name, found)


@pytest.mark.slow
@pytest.mark.parametrize("machine, processor", [("aarch64", PI_4), ("armv7", PI_2)], ids=str)
def test_the_reference_kernels_give_the_same_bits_for_int8(request, cases, names, closeness, machine, processor):
    asked = [name for name in names("int8") if machine == "aarch64" or "mirrored" not in name]  # tflite-runtime's cannot reverse integers
    out, ended = request.getfixturevalue(machine).ask(processor, "--reference", "--only", *asked)
    assert ended.returncode == 0, ended.stderr
    for name in asked:
        found = closeness(out / f"{name}.reference", cases / f"{name}.reference")
        assert found.equal or (machine == "armv7" and found.steps <= 1 and found.by_kernels), (name, found)


# that an emulation which is none of a Raspberry Pi would be noticed


@pytest.mark.slow
def test_a_processor_with_everything_that_qemu_knows_gives_numbers_that_are_noticed(aarch64, cases, closeness):
    version = subprocess.run(["qemu-aarch64-static", "--version"], capture_output=True, text=True, check=True).stdout
    if "version 7.2" not in version:
        pytest.skip(f"qemu-aarch64-static --version: expected 7.2, of which this is known, got {version.splitlines()[0]}")
    out, ended = aarch64.ask(PI_5, "--only", "nns2-int8", emulated="max")
    assert ended.returncode == 0, ended.stderr
    found = closeness(out / "nns2-int8.default", cases / "nns2-int8.default")
    assert not found.by_kernels, found


@pytest.mark.slow
def test_a_processor_that_says_more_than_it_can_ends_the_program(aarch64):
    _, ended = aarch64.ask(PI_5, "--only", "nns2-int8", emulated=PI_4.name)
    assert ended.returncode == -signal.SIGILL


@pytest.mark.slow
def test_a_processor_that_says_nothing_goes_without_xnnpack(aarch64, cases, closeness):
    """By one step in a number here and there, if at all: close enough for a decision, but not always the bits."""
    shutil.rmtree(aarch64.root / "sys")
    try:
        out, ended = aarch64.ask(PI_4, "--only", "nns2-int8")
    finally:
        write_sys(aarch64.root)
    assert ended.returncode == 0, ended.stderr
    assert XNNPACK not in ended.stderr
    found = closeness(out / "nns2-int8.default", cases / "nns2-int8.default")
    assert found.by_kernels, found


# facelite itself


@pytest.fixture(scope="module")
def device(plain, tmp_path_factory):
    """The machine with facelite installed from the working tree, and its tests in /house."""
    sources, root = tmp_path_factory.mktemp("sources"), plain.root  # a copy: building leaves files behind
    copy(ROOT / "facelite", sources / "facelite")
    for file in (*ROOT.glob("export/*/LICENSE-weights.md"), *(ROOT / name for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"))):
        (sources / file.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, sources / file.relative_to(ROOT))
    shutil.rmtree(root / "opt/facelite", ignore_errors=True)
    run_or_skip(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", root / "opt/facelite", sources)
    for folder in ("tests", "export", "devices", "docs"):
        copy(ROOT / folder, root / "house" / folder)
    shutil.copy(ROOT / "setup.cfg", root / "house")
    return plain


def test_a_released_bundle_passes_its_self_test(device, bundle_file):
    """The short form of what follows: golden vectors through detector, preprocessing and embedder."""
    shutil.copy(bundle_file, device.root / "nns2.facelite")
    ended = device.run(PI_4, "-m", "facelite", "doctor", "--bundle", "/nns2.facelite", "--json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    states = {check["name"]: check["state"] for check in json.loads(ended.stdout)["checks"]}
    assert states["self-test"] == states["runtime"] == "ok", ended.stdout


@pytest.mark.slow
def test_verify_decides_as_here(device, bundle_file, astronaut, hopper):
    folder = device.root / "pictures"
    folder.mkdir(exist_ok=True)
    for name, pixels in {"drawn": draw_face(0), "other": draw_face(1), "astronaut": astronaut, "hopper": hopper}.items():
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    shutil.copy(bundle_file, folder / "nns2.facelite")

    def verify(place, pair):
        return ["-m", "facelite", "verify", *(f"{place}/{name}.png" for name in pair), "--bundle", f"{place}/nns2.facelite", "--json"]

    for pair in (("drawn", "other"), ("astronaut", "hopper")):
        here = subprocess.run([sys.executable, *verify(folder, pair)], capture_output=True, text=True, check=False)
        there = device.run(PI_4, *verify("/pictures", pair))
        assert there.returncode == here.returncode, there.stderr
        decided, expected = json.loads(there.stdout), json.loads(here.stdout)
        assert decided.pop("distance") == pytest.approx(expected.pop("distance"), abs=DISTANCE)
        assert decided == expected


LENGTHY = "long under qemu, where it was never run to its end"

LEFT_OUT = {
    "evaluation/*": "the workstation's",
    "cli/test_bad_input.py": LENGTHY,
    "cli/test_device.py": LENGTHY,
    "gallery/test_faults.py": "needs a C compiler in the root",
    "runtime/test_reference.py": LENGTHY,
    "runtime/test_soak.py": "counts by /proc/self, which the root has not",
    "test_conformance.py": LENGTHY,
    "test_demo.py": LENGTHY,
    "test_docs.py": "the documentation is made on a workstation",
    "test_house.py": "the sources are the same everywhere",
    "test_readme.py": "its examples are run here",
    "test_split.py": "the workstation's",
}
"""Files of tests that are not run under qemu, and why."""

CHOSEN = {
    "gallery/test_gallery.py": "not kill",  # by chance, within less than an emulated Python takes to start
    "runtime/test_detector.py": "not (large_frame or several or texture or blobs or noise or argument)",  # those look thousands of times
    "test_large_images.py": "not little_memory",  # the root's /proc does not tell of processes
}
"""Of a file that is not run whole: which of its tests."""


def device_half():
    """The files of tests/ that are run on every Python, and of the commands those on a gallery, without those that are left out."""
    words = re.search('^tests="(.*)"$', (ROOT / "devices/test_pythons.sh").read_text(), re.MULTILINE)[1].split()
    found = [path for word in (*words, "tests/cli/test_gallery.py") for path in ROOT.glob(word)]
    files = [file for path in found for file in (path.glob("test_*.py") if path.is_dir() else [path])]
    names = sorted(file.relative_to(ROOT / "tests").as_posix() for file in files)
    return [name for name in names if not any(fnmatch(name, left) for left in LEFT_OUT)]


@pytest.mark.slow
@pytest.mark.parametrize("file", device_half())
def test_its_own_tests_pass(device, file):
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/house/setup.cfg", "--rootdir", "/house", "-k", CHOSEN.get(file, "")]
    ended = device.run(PI_4, *words, f"/house/tests/{file}")
    assert ended.returncode == 0, ended.stdout
