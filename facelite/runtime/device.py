"""Which machine this is: what a figure of speed, or a report of a fault, says nothing without."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from facelite import __version__
from facelite.runtime.interpreter import runtime_name

FEATURES = (
    *("sse4_1", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx_vnni_int8", "avx512f", "avx512bw", "avx512dq", "avx512vl"),
    *("avx512_vnni", "avx512vbmi", "avx512_fp16", "gfni", "amx_tile", "amx_int8"),
    *("neon", "vfpv4", "asimd", "fphp", "asimdhp", "asimddp", "i8mm", "sve", "sme"),
)
"""What XNNPACK chooses its kernels by, in the kernel's words: x86, then ARM (asimddp is dotprod, asimdhp arithmetic in float16).

Source: XNNPACK, src/configs/hardware-config.c.
"""

ARM_PARTS = {
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
"""ARM's own cores by "CPU part", for an ARM kernel names no model. Source: util-linux, sys-utils/lscpu-arm.c."""

ARM = "0x41"
"""The "CPU implementer" of those parts."""

OPENCV = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
"""Packages that bring cv2."""

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A machine and what runs on it; what it does not tell is "unknown".

    ``cores`` are those that this process may use, ``features`` those of FEATURES that all cores have, none where the system lists none.
    ``board`` is what a single-board computer calls itself, else None; ``memory`` is in megabytes; ``bits`` are Python's.
    """

    processor: str
    cores: int
    architecture: str
    features: tuple[str, ...]
    board: str | None
    memory: int | None
    system: str
    kernel: str
    python: str
    bits: int
    runtime: str
    numpy: str
    opencv: str
    facelite: str

    @property
    def is_pi(self) -> bool:
        """Whether it is a Raspberry Pi."""
        return (self.board or "").startswith("Raspberry Pi")

    @property
    def line(self) -> str:
        """All of it, for a reader."""
        memory = f", {self.memory} MB" if self.memory else ""
        return (
            f"{self.board + ', ' if self.board else ''}{self.processor}, {self.cores} core(s), {self.architecture} "
            f"({' '.join(self.features) or 'features unknown'}){memory}; {self.system}, kernel {self.kernel}; "
            f"Python {self.python} ({self.bits} bit), {self.runtime}, NumPy {self.numpy}, OpenCV {self.opencv}, facelite {self.facelite}"
        )


def fingerprint() -> Fingerprint:
    """This machine's."""
    cpuinfo = _read("/proc/cpuinfo")
    return Fingerprint(
        processor=processor(cpuinfo) or platform.processor() or UNKNOWN,
        cores=usable_cores(),
        architecture=platform.machine() or UNKNOWN,
        features=features(cpuinfo),
        board=_read("/proc/device-tree/model").strip("\0 \n") or None,
        memory=_memory(),
        system=_system(),
        kernel=platform.release() or UNKNOWN,
        python=platform.python_version(),
        bits=64 if sys.maxsize > 2**32 else 32,
        runtime=_runtime(),
        numpy=_version("numpy"),
        opencv=_version(*OPENCV),
        facelite=__version__,
    )


def usable_cores() -> int:
    """How many cores this process may use: fewer than the machine has where it is bound to some."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS, nor on Windows
        return os.cpu_count() or 1


def processor(cpuinfo: str, /) -> str:
    """The name of the processor in the text of /proc/cpuinfo, several kinds of cores with "+"; empty where it has none."""
    cores = _cores(cpuinfo)
    names = [core.get("model name") or _arm_name(core.get("CPU implementer", ""), core.get("CPU part", "")) for core in cores]
    return " + ".join(dict.fromkeys(name for name in names if name))


def features(cpuinfo: str, /) -> tuple[str, ...]:
    """Those of FEATURES that the text of /proc/cpuinfo lists for every core."""
    lists = [set(core.get("flags", core.get("Features", "")).split()) for core in _cores(cpuinfo)]
    common = set.intersection(*lists) if lists else set()
    return tuple(name for name in FEATURES if name in common)


def _cores(cpuinfo: str) -> list[dict[str, str]]:
    """The key-value pairs of each core: /proc/cpuinfo sets cores apart by an empty line."""
    blocks = [dict(_pair(line) for line in block.splitlines() if ":" in line) for block in cpuinfo.split("\n\n")]
    return [block for block in blocks if "processor" in block]


def _pair(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def _arm_name(implementer: str, part: str) -> str:
    if implementer == ARM and part in ARM_PARTS:
        return ARM_PARTS[part]
    return f"ARM, implementer {implementer}, part {part}" if implementer else ""


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    except (AttributeError, ValueError, OSError):
        return None


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system() or UNKNOWN


def _runtime() -> str:
    """The TFLite runtime in use, with its version."""
    package = runtime_name().replace("_", "-")
    return "NumPy (no TFLite runtime is installed)" if package == "facelite" else f"{package} {_version(package)}"


def _version(*packages: str) -> str:
    """That of the first of ``packages`` that is installed."""
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(package)
    return UNKNOWN


def _read(path: str) -> str:
    """A small file of the kernel, empty where there is none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
