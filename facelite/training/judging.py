"""How well held-out people are told apart: VAL at the smallest FMR, down to one in a thousand, that their number supports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from facelite.calibration import Interval, Rates, compare_all, count_people_pairs, differences, rates, supported
from facelite.face import Floats
from facelite.networks import Network
from facelite.preprocess import Preprocessing, to_input
from facelite.training.augment import view, view_matrix
from facelite.training.dataset import FaceSet

JUDGED_FMRS = (1e-3, 1e-2, 1e-1)
"""The first of them that is supported judges; where none is, the EER does."""

JUDGED = ("val", "fmr", "val_1e-2", "val_1e-4", "eer")
"""What ``judge`` finds: ``val`` decides which weights are best, ``fmr`` says at which rate (NaN: at the EER)."""

BATCH = 256
"""Crops that are embedded at a time."""

LEAST_DRAWN = 3
"""Fewest held-out people from whom an interval is drawn."""


def judge(vectors: Floats, faces: FaceSet, /) -> dict[str, float]:
    """The values JUDGED over all pairs of unit ``vectors`` (n, d) of the held-out ``faces``; NaN where their number does not support a rate."""
    comparisons, fmr = compare_all(vectors, faces.subjects, numbering=faces.numbering), judged_fmr(faces)
    measured = rates(comparisons)

    def val(rate: float) -> float:
        return measured.val_at(rate) if supported(rate, comparisons.people_pairs) else float("nan")

    judged = 1 - measured.eer if fmr is None else val(fmr)
    return dict(zip(JUDGED, (judged, float("nan") if fmr is None else fmr, val(1e-2), val(1e-4), measured.eer), strict=True))


def judged_fmr(faces: FaceSet, /) -> float | None:
    """The FMR at which VAL is judged, or None where too few people are held out for any: 1 - EER is the VAL then."""
    people_pairs = count_people_pairs(np.unique(np.stack([faces.numbering, faces.subjects]), axis=1)[0])
    return next((fmr for fmr in JUDGED_FMRS if supported(fmr, people_pairs)), None)


def judged_at(faces: FaceSet, /) -> str:
    """``judged_fmr`` in words."""
    fmr = judged_fmr(faces)
    return "EER" if fmr is None else f"FMR {fmr:g}"


def embed_crops(model: Any, faces: FaceSet, network: Network, /) -> Floats:
    """Unit embeddings (n, d) of the stored crops of ``faces``, unvaried, by the Keras ``model`` of ``network``."""
    preprocessing = Preprocessing(network.height, network.width)
    matrix = view_matrix(faces.geometry, network.height, network.width)
    parts = []
    for start in range(0, len(faces), BATCH):
        crops = [view(pixels, matrix, network.height, network.width) for pixels in faces.pixels[start : start + BATCH]]
        x = np.concatenate([to_input(crop, preprocessing) for crop in crops])
        parts.append(np.asarray(model.predict_on_batch(x), np.float32))
    return unit_rows(np.concatenate(parts))


def gain(before: Floats, after: Floats, faces: FaceSet, /) -> Interval:
    """What training changed on the held-out ``faces``: VAL where it is judged, or 1 - EER, ``after`` less ``before``, (n, d) unit vectors each.

    Its interval is NaN where fewer than LEAST_DRAWN people are held out: of two, nearly every draw has only one.
    """
    one, other = (compare_all(vectors, faces.subjects, numbering=faces.numbering) for vectors in (before, after))
    fmr = judged_fmr(faces)

    def statistic(drawn: Rates) -> list[float]:
        return [1 - drawn.eer if fmr is None else drawn.val_at(fmr)]

    gained = differences(one, other, statistics=(statistic, statistic))[0]
    return gained if faces.people >= LEAST_DRAWN else replace(gained, low=float("nan"), high=float("nan"))


def unit_rows(vectors: Floats, /) -> Floats:
    """``vectors`` (n, d), each of unit length; zero stays zero."""
    rows: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return rows
