"""The fingerprint: what kernels write of known processors, and that this machine's is what other programs say of it."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from facelite.runtime import device, interpreter
from facelite.runtime.device import FEATURES, Fingerprint, features, fingerprint, processor, usable_cores


def cpuinfo(*cores):
    """As the kernel writes it: a block a core."""
    return "\n\n".join("\n".join(f"{key}\t: {value}" for key, value in {"processor": i, **core}.items()) for i, core in enumerate(cores)) + "\n\n"


XEON = {"model name": "Intel(R) Xeon(R)", "flags": "fpu sse4_1 fma avx2 avx512f avx512bw avx512_vnni amx_tile amx_int8 rtm", "power management": ""}
A72 = {"BogoMIPS": "108.00", "Features": "fp asimd evtstrm crc32 cpuid", "CPU implementer": "0x41", "CPU part": "0xd08"}
A76 = {"Features": "fp asimd aes fphp asimdhp asimdrdm lrcpc dcpop asimddp", "CPU implementer": "0x41", "CPU part": "0xd0b"}
A53_IN_32_BIT = {
    "model name": "ARMv7 Processor rev 4 (v7l)",
    "Features": "half neon vfpv4 crc32",
    "CPU implementer": "0x41",
    "CPU part": "0xd03",
}
BOARD = "Hardware\t: BCM2835\nRevision\t: a020d3\nModel\t\t: Raspberry Pi 3 Model B Plus Rev 1.3\n"


@pytest.mark.parametrize(("text", "name", "found"), [
    (cpuinfo(XEON, XEON), "Intel(R) Xeon(R)", ("fma", "avx2", "avx512f", "avx512bw", "avx512_vnni", "sse4_1", "amx_tile", "amx_int8")),
    (cpuinfo(A72, A72, A72, A72), "Cortex-A72", ("asimd",)),
    (cpuinfo(A76), "Cortex-A76", ("asimd", "fphp", "asimdhp", "asimddp")),
    (cpuinfo(A72, A76), "Cortex-A72 + Cortex-A76", ("asimd",)),
    (cpuinfo(A53_IN_32_BIT) + BOARD, "ARMv7 Processor rev 4 (v7l)", ("neon", "vfpv4")),
    (cpuinfo({"CPU implementer": "0x61", "CPU part": "0x22", "Features": "asimd i8mm"}), "ARM, implementer 0x61, part 0x22", ("asimd", "i8mm")),
    ("", "", ()),
    ("no colon\n\nprocessor\t: 0\nno colon either\n", "", ()),
])  # fmt: skip
def test_known_processors_are_told(text, name, found):
    assert processor(text) == name
    assert features(text) == tuple(feature for feature in FEATURES if feature in found)


def test_this_machine_s_is_what_others_say():
    found = fingerprint()
    assert found.architecture == platform.machine()
    assert found.python == platform.python_version()
    assert found.numpy == metadata.version("numpy")
    assert found.facelite == metadata.version("facelite")
    assert found.bits in (32, 64)
    package, _, version = found.runtime.partition(" ")
    assert package == interpreter.runtime_name().replace("_", "-")
    assert version == metadata.version(package)
    assert found == fingerprint()
    for value in (found.processor, found.system, found.runtime, found.opencv, found.facelite):
        assert value in found.line
    assert "\n" not in found.line


@pytest.mark.skipif(sys.platform != "linux", reason="binds a process to a core")
def test_only_cores_that_the_process_may_use_count():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); from facelite.runtime.device import *; print(usable_cores())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
    assert usable_cores() >= 1


def test_a_machine_that_tells_nothing_has_a_fingerprint_all_the_same(monkeypatch):
    def nothing():
        raise OSError

    monkeypatch.setattr(device, "Path", lambda path: Path("/none"))
    monkeypatch.setattr(device.platform, "freedesktop_os_release", nothing)
    for name in ("processor", "machine", "system", "release"):
        monkeypatch.setattr(device.platform, name, str)
    monkeypatch.setattr(device, "OPENCV", ("no-such-package",))
    monkeypatch.delattr(device.os, "sysconf")
    monkeypatch.delattr(device.os, "sched_getaffinity")
    monkeypatch.setattr(interpreter, "RUNTIMES", ("no_such_runtime", "facelite.runtime.reference"))
    found = fingerprint()
    assert (found.processor, found.architecture, found.system, found.kernel, found.opencv) == ("unknown",) * 5
    assert (found.features, found.board, found.memory) == ((), None, None)
    assert found.runtime == "NumPy (no TFLite runtime is installed)"
    assert found.cores >= 1
    assert "features unknown" in found.line


@pytest.mark.parametrize(("board", "is_pi"), [("Raspberry Pi 4 Model B Rev 1.4", True), ("Radxa ROCK 5B", False), (None, False)])
def test_a_pi_is_known_by_its_board(board, is_pi):
    found = Fingerprint("c", 4, "aarch64", (), board, 1024, "s", "k", "3.11", 64, "r", "n", "o", "f")
    assert found.is_pi == is_pi
    assert found.line.startswith(f"{board}, c, 4 core(s)" if board else "c, 4 core(s)")
    assert not re.search("None", found.line)
