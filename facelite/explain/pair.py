"""Two pictures -> why they are as far apart as they are: numbers for the parts of each face, and a sheet of maps to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facelite.atomic import write_atomically
from facelite.errors import InputError
from facelite.explain.gradient import Gradients
from facelite.explain.occlusion import occlude
from facelite.explain.regions import regions
from facelite.explain.sheet import Panel, draw_sheet
from facelite.face import Decision, FaceCrop, Floats
from facelite.preprocess import Preprocessing
from facelite.runtime.choice import Rule
from facelite.runtime.verifier import Verifier

SHEET = "explain.png"

SMOOTH = 1 / 56
"""Gradients differ from pixel to pixel; they are drawn smoothed by a Gaussian of this share of the crop's height. Numbers are of the pixels."""

Parts = dict[str, float]
"""A number for each of ``regions.REGIONS``."""

ALIKE = 0.9
"""Cosine of a float network's embedding to that of a bundle that was made from it, at least. Least found: 0.989 (docs/precisions.md),
and 0.96 on 78 crops of LFW where the bundle is mirrored and the network, of a run, is not."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Side:
    """One of both faces: by how much the distance changes when a part is ``covered``; and what a part takes off it by the ``gradients``, None where
    they were not asked for, whose sum over all pixels misses what it should be by ``missed``.
    """

    covered: Parts
    gradients: Parts | None = None
    missed: float = 0.0


def explain_pair(
    verifier: Verifier,
    a: str | Path,
    b: str | Path,
    out: str | Path,
    /,
    *,
    gradients: Gradients | None = None,
    rule: Rule = "only",
    progress: Progress = lambda stage, done, total: None,
) -> tuple[Decision, Side, Side]:
    """The decision about the pictures ``a`` and ``b``, and what made it; ``out``/explain.png shows it.

    Raises InputError where a picture shows no face that can be compared, and for ``gradients`` of another network than the bundle's.
    """
    if gradients:
        _check_size(gradients.preprocessing, verifier.manifest.preprocessing)
    looks = verifier.look(a, rule=rule), verifier.look(b, rule=rule)
    decision = verifier.verify(*looks)
    crops = [look.crop for look in looks if look.crop is not None and look.embedding is not None]
    if len(crops) < 2 or decision.distance is None:
        raise InputError(f"expected two faces that can be compared, got {decision.outcome.value}: {decision.detail}; give other pictures")
    if gradients:
        _check_network(gradients, crops[0], verifier)
    fill = verifier.manifest.preprocessing.mean
    sides, maps, slopes = list[Side](), list[Floats](), list[Floats]()
    for i, name in enumerate(("first face", "second face")):
        found = occlude(
            crops[i],
            crops[1 - i],
            verifier.embedder.vectors,
            distance=verifier.bundle.distance,
            fill=fill,
            progress=lambda done, total, stage=name: progress(stage, done, total),  # type: ignore[misc]
        )
        maps.append(found.change)
        if gradients is None:
            sides.append(Side(found.regions))
            continue
        change, missed = gradients.change(crops[i], crops[1 - i])
        slopes.append(change)
        sides.append(Side(found.regions, {part: float(change[mask].sum()) for part, mask in regions(*change.shape).items()}, missed))
    rows = {"covered, the distance changes by": _row(crops, maps, "covered", [side.covered for side in sides])}
    if slopes:
        smooth = [_smooth(change) for change in slopes]
        rows["a pixel takes off the distance"] = _row(crops, smooth, "by the gradients", [side.gradients or {} for side in sides])
    title = f"{decision.outcome.value}: distance {decision.distance:.3f}, threshold {decision.threshold.distance:.3f}"
    write_atomically(Path(out) / SHEET, draw_sheet(rows, title))
    return decision, sides[0], sides[1]


def _check_size(found: Preprocessing, wanted: Preprocessing) -> None:
    if (found.height, found.width) != (wanted.height, wanted.width):
        raise _other_network(f"{found.height} x {found.width} pixels in place of {wanted.height} x {wanted.width}")


def _check_network(gradients: Gradients, crop: FaceCrop, verifier: Verifier) -> None:
    floats, embedded = gradients.unit(crop), verifier.embedder.vectors([crop])[0]
    if floats.shape != embedded.shape:
        raise _other_network(f"{len(floats)} numbers in place of {len(embedded)}")
    if (alike := float(floats @ embedded / np.linalg.norm(embedded))) < ALIKE:
        raise _other_network(f"an embedding at a cosine of {alike:.2f} to the bundle's")


def _other_network(what: str) -> InputError:
    return InputError(f"expected the float network that the bundle was made from, got {what}; name the bundle's own recipe or run: --weights")


def _row(crops: list[FaceCrop], changes: list[Floats], what: str, parts: list[Parts]) -> list[Panel]:
    """Both faces and the maps over them, with the part that counts most."""
    plain = [Panel(name, crop.pixels) for name, crop in zip(("first", "second"), crops, strict=True)]
    words = [max(found, key=lambda part: abs(found[part])) for found in parts]
    over = [
        Panel(f"{name}, {what}", crop.pixels, f"most: {word} {found[word]:+.2f}", change)
        for name, crop, change, word, found in zip(("first", "second"), crops, changes, words, parts, strict=True)
    ]
    return [plain[0], over[0], plain[1], over[1]]


def _smooth(change: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(change, (0, 0), SMOOTH * change.shape[0]), np.float32)
