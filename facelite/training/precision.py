"""What a training step computes in: the recipe's precision, where that is "auto" the one that suits this machine."""

from __future__ import annotations

from pathlib import Path

import keras

from facelite.training.recipe import Precision

CPUINFO = Path("/proc/cpuinfo")

BFLOAT16 = {"amx_bf16", "avx512_bf16"}
"""The kernel's words for the instructions that a CPU has for bfloat16. One without them is several times slower in it than in float32."""


def resolve(precision: Precision, /) -> Precision:
    """``precision``; for "auto" mixed_bfloat16 where this machine is fast in it, else float32."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if fast_in_bfloat16() else "float32"


def fast_in_bfloat16() -> bool:
    """Whether Keras' host computes on a GPU, or on a CPU that lists instructions for bfloat16: macOS and Windows list none."""
    if not all(device.startswith("cpu") for device in keras.distribution.list_devices()):
        return True
    try:
        return not BFLOAT16.isdisjoint(CPUINFO.read_text(errors="replace").split())
    except OSError:
        return False
