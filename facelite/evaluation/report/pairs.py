"""The pairs that an embedder finds hardest: genuine pairs far apart, impostor pairs near. Names and faces only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from facelite.evaluation.crop import Cropper
from facelite.evaluation.embed import Embedded, crop_picture
from facelite.evaluation.judge import Material, Model
from facelite.evaluation.report.page import Html, Section, inline_image, lines, paragraph, table
from facelite.evaluation.verification import measured
from facelite.face import Floats
from facelite.runtime.detector import Detector

COUNT = 10
"""Pairs shown of each kind."""

ROWS = 512
"""Embeddings that are compared with all others at a time: 20 MB for 10,000 of them."""

JPEG_QUALITY = 85
"""Of the crops on the page: 4 kB each."""

LABELS = "One person, farthest apart.", "Two people, nearest to each other; some may be one person under two names."

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures, by their place, and their distance."""

    places: tuple[int, int]
    distance: float


def hardest(embedded: Embedded, material: Material, model: Model, name: str, faces: Cropper | None, /) -> Section:
    """Tables of the hardest pairs with names and crops; without ``faces``, how to get them."""
    title = "Hardest pairs"
    if faces is None:
        return Section(title, [paragraph("Names and faces are personal data and are left out. To have them on this page, add --show-faces.")])
    show = _shower(material, model, faces)
    parts = [paragraph(f"By {name}.")]
    for label, pairs in zip(LABELS, hardest_pairs(embedded, material), strict=True):
        rows = [
            [lines(*(material.names[place] for place in pair.places), f"distance {pair.distance:.3f}"), Html("".join(map(show, pair.places)))]
            for pair in pairs
        ]
        parts += [table(label, ["Pair", "Crops"], rows)] if rows else []
    return Section(title, parts)


def hardest_pairs(embedded: Embedded, material: Material, /, *, count: int = COUNT) -> tuple[list[Pair], list[Pair]]:
    """The genuine pairs farthest apart and the impostor pairs nearest, hardest first: of the listed pairs, else of all. No pair without a face."""
    genuine: list[Pair] = []
    impostor: list[Pair] = []
    for distances, same, pictures in _blocks(embedded, material):
        for pairs, sign, kind in ((genuine, -1, same), (impostor, 1, ~same)):
            hardness = np.where(kind & ~np.isnan(distances), sign * distances, np.inf)
            best = np.argpartition(hardness, min(count, len(hardness)) - 1)[:count]
            best = best[np.isfinite(hardness[best])]
            pairs += [Pair((int(a), int(b)), float(distances[place])) for place, a, b in zip(best, *pictures(best), strict=True)]
            pairs.sort(key=lambda pair: (sign * pair.distance, pair.places))
            del pairs[count:]
    return genuine, impostor


def _blocks(embedded: Embedded, material: Material) -> Iterator[tuple[Floats, NDArray[np.bool_], Callable[[Places], tuple[Places, Places]]]]:
    """(distances (m,), NaN for what is no pair; which are genuine (m,); the two pictures at given places)."""
    if listed := material.pairs:
        yield measured(listed, embedded), listed.same, lambda places: (listed.first[places], listed.second[places])
        return
    rows = np.flatnonzero(embedded.found)
    for start in range(0, len(rows), ROWS):
        own, others = rows[start : start + ROWS], rows[start:]
        distances = embedded.distance.table(embedded.vectors[own], embedded.vectors[others])
        distances[np.tril_indices(len(own))] = np.nan  # each pair once, no picture with itself
        same = material.person[own, None] == material.person[others]
        yield distances.ravel(), same.ravel(), partial(_of_matrix, own, others)


def _of_matrix(own: Places, others: Places, places: Places) -> tuple[Places, Places]:
    return own[places // len(others)], others[places % len(others)]


def _shower(material: Material, model: Model, faces: Cropper) -> Callable[[int], Html]:
    """A function that gives the crop of a picture as the model sees it, "" where there is none."""
    detector, size = Detector(model.detector), model.make().preprocessing

    def show(place: int) -> Html:
        crops = crop_picture(material.read(material.names[place]), detector, [size], faces) if material.read else None
        if not crops:
            return Html("")
        pixels = cv2.cvtColor(crops[0].pixels, cv2.COLOR_RGB2BGR)
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        return inline_image("jpeg", jpeg, f"face in {material.names[place]}")

    return show
