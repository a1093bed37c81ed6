"""How hot a Raspberry Pi is and whether its firmware slows it down: figures of speed taken meanwhile are not those of the board."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FLAGS = {
    0: "under-voltage",
    1: "frequency capped",
    2: "throttled",
    3: "soft temperature limit",
    16: "under-voltage since the start",
    17: "frequency capped since the start",
    18: "throttled since the start",
    19: "soft temperature limit since the start",
}
"""Bits of get_throttled. Source: Raspberry Pi documentation, "vcgencmd", get_throttled."""

VCGENCMD = ("vcgencmd", "get_throttled")


@dataclass(frozen=True, slots=True)
class Heat:
    """``celsius`` of the processor and the ``flags`` that are set; None is what the board does not tell."""

    celsius: float | None
    flags: tuple[str, ...] | None

    @property
    def line(self) -> str:
        """For a reader."""
        celsius = "temperature unknown" if self.celsius is None else f"{self.celsius:.1f} degrees C"
        return f"{celsius}, {'throttling unknown' if self.flags is None else ', '.join(self.flags) or 'not throttled'}"


def read_heat(root: str | Path = "/", /) -> Heat:
    """That of this board; ``root`` is where sys/ lies."""
    return Heat(_celsius(Path(root)), _flags(Path(root)))


def throttling(bits: int, /) -> tuple[str, ...]:
    """The words for the bits that are set."""
    return tuple(words for bit, words in FLAGS.items() if bits >> bit & 1)


def _celsius(root: Path) -> float | None:
    """The zone that is the processor's by its name, else the hottest."""
    zones = {}
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")):
        with suppress(OSError, ValueError):
            zones[(zone / "type").read_text().strip()] = int((zone / "temp").read_text()) / 1000
    return next((celsius for name, celsius in zones.items() if name.startswith("cpu")), max(zones.values(), default=None))


def _flags(root: Path) -> tuple[str, ...] | None:
    """From the kernel, where it has the file, else from the firmware's program."""
    with suppress(OSError, ValueError, StopIteration):
        return throttling(int(next(root.glob("sys/devices/platform/soc*/*firmware/get_throttled")).read_text(), 16))
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        said = subprocess.run(VCGENCMD, capture_output=True, text=True, check=True, timeout=5).stdout
        return throttling(int(said.partition("=")[2], 16))
    return None
