"""Which golden vectors a bundle gets: drawn faces whose embeddings the usual faults would move well beyond the self-test's tolerance."""

from __future__ import annotations

import numpy as np

from facelite.errors import ExportError
from facelite.export.synthetic import draw_face
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import DISTANCE_TOLERANCE, Golden, embedding_error, make_golden, self_test

COUNT = 3
TRIED = 60

LEAD = 3.0
"""A fault must move every golden embedding by this many tolerances to count as one that the self-test would catch."""


def choose_goldens(detector: Detector, embedder: Embedder, /) -> list[Golden]:
    """Golden vectors that this machine reproduces. Raises ExportError where the faults would pass: an untrained network."""
    chosen: list[Golden] = []
    for seed in range(TRIED):
        golden = make_golden(draw_face(seed), detector, embedder)
        if golden is not None and min(fault_errors(golden, chosen, embedder)) > LEAD * DISTANCE_TOLERANCE:
            chosen.append(golden)
        if len(chosen) == COUNT:
            self_test(chosen, detector, embedder)
            return chosen
    raise ExportError(
        f"expected {COUNT} golden vectors that swapped colours, wrong scaling and a constant output would change, got {len(chosen)}; "
        "the network hardly tells drawn faces apart: train it (longer)"
    )


def fault_errors(golden: Golden, others: list[Golden], embedder: Embedder, /) -> list[float]:
    """How far swapped colours, pixels in [0, 1] and an output that is always the same would move the golden embedding."""
    swapped = golden.crop[:, :, ::-1]
    unscaled = np.full_like(golden.crop, int(embedder.preprocessing.mean))  # what / 255 before mean and std comes to
    constant = [float(np.sum((golden.vector - other.vector) ** 2)) for other in others]
    return [embedding_error(golden, embedder, swapped), embedding_error(golden, embedder, unscaled), *constant]
