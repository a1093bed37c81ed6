"""How long an embedding takes, on one thread, each model beside the first: usage: latency.py MODEL...

A MODEL is a bundle, or a .tflite embedder of one. Models take turns; medians, and the median of the ratios within a turn.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from statistics import median

import numpy as np

from facelite.cli.models import open_model
from facelite.evaluation.embed import CropEmbedder
from facelite.face import FaceCrop

ROUNDS, RUNS = 60, 10


def latencies(embedders: Mapping[str, CropEmbedder], /) -> dict[str, tuple[float, float]]:
    """Seconds of an embedding, and their ratio to those of the first of the ``embedders``."""
    taken: dict[str, list[float]] = {name: [] for name in embedders}
    crops = {name: _noise(embedder) for name, embedder in embedders.items()}
    for _ in range(ROUNDS):
        for name, embedder in embedders.items():
            began = time.perf_counter()
            for _ in range(RUNS):
                embedder.vectors([crops[name]])
            taken[name].append((time.perf_counter() - began) / RUNS)
    first = next(iter(taken.values()))
    return {name: (median(values), median(one / base for one, base in zip(values, first, strict=True))) for name, values in taken.items()}


def _noise(embedder: CropEmbedder) -> FaceCrop:
    size = embedder.preprocessing
    return FaceCrop(np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8), np.zeros((4, 2)))


def main() -> None:
    found = latencies({name: open_model(name).make() for name in sys.argv[1:]})
    print(f"{'one thread':50}{'ms':>8}{'ratio':>8}")
    for name, (seconds, ratio) in found.items():
        print(f"{name:50}{1e3 * seconds:8.3f}{ratio:8.2f}")


if __name__ == "__main__":
    main()
