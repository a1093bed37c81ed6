"""Whether pictures that are to be enrolled show one person, and nobody who is enrolled under another name.

A person's pictures and templates are linked where they lie within the loosest threshold that was measured, and what is linked, one to the next, is a
group. A picture is doubtful where it is not in the group of the person's templates, or, of somebody new, in the one largest group; and where
somebody else's template lies within the threshold that keeps strangers from being taken for anybody of the gallery.

NNS1 (sixth release, loosest FMR 1e-2), 96 held-out people with eight pictures or more, celebrities over years; n pictures of one, the last or the
last two exchanged for those of one stranger, or not (without groups, by the nearest other picture alone, two of a stranger's were found in 8 %):

    n                                   2      3      4      5      8
    a stranger's picture found       99.0   98.4   98.1   97.5   96.4 %
    two of a stranger's found                      91.2   95.7   94.7 %
    right set of n refused            7.0    6.9    6.6    6.8    7.2 %
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facelite.bundle import Bundle, Manifest
from facelite.errors import UnsupportedRate
from facelite.face import Embedding, Threshold
from facelite.gallery import Gallery

FPIR = 0.01
"""How often a newcomer may be taken for somebody else of the gallery, where rates so small were measured; 0.01 is the default of ``identify``."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a picture may not be one of its subject; as text, what was expected, what came and what to do.

    An outlier is at a ``distance`` above the ``limit`` to the nearest of the ``subject``'s pictures and templates in another group, a double
    within it to a template of somebody ``other``.
    """

    kind: Literal["outlier", "double"]
    subject: str
    distance: float
    limit: float
    other: str | None = None

    def __str__(self) -> str:
        if self.kind == "outlier":
            expected = f"expected a distance of {self.limit:.2f} or less to the other pictures of {self.subject}, got {self.distance:.2f}"
            return f"{expected}; is it the same person? leave it out, or enrol anyway"
        found = f"got {self.other} at a distance of {self.distance:.2f} (threshold {self.limit:.2f})"
        return f"expected nobody who is enrolled already, {found}; is it the same person? if not, enrol anyway"


def find_doubts(subject: str, embeddings: Sequence[Embedding], gallery: Gallery, bundle: Bundle, /) -> dict[int, Doubt]:
    """The doubts about some of ``embeddings``, which are to become templates of ``subject``, by place. Raises what ``Gallery`` does."""
    return {**_outliers(subject, embeddings, gallery, bundle), **_doubles(subject, embeddings, gallery, bundle)}


def _outliers(subject: str, embeddings: Sequence[Embedding], gallery: Gallery, bundle: Bundle) -> dict[int, Doubt]:
    limit = max(threshold.distance for threshold in bundle.manifest.thresholds)
    new = np.stack([one.vector for one in embeddings])
    own = np.concatenate([new, gallery.vectors(subject).reshape(-1, new.shape[1])])
    distances = bundle.distance.table(own, own)
    linked: NDArray[np.bool_] = (distances <= limit) | np.eye(len(own), dtype=np.bool_)
    while (wider := linked @ linked).sum() > linked.sum():
        linked = wider
    known, sizes = linked[:, len(new) :], linked.sum(1)
    right: NDArray[np.bool_] = known.sum(1) > 0 if known.size else sizes == sizes.max()
    if not known.size and right.sum() > sizes.max():  # several are as large
        right[:] = False
    nearest = np.where(linked, np.inf, distances).min(1).tolist()
    return {place: Doubt("outlier", subject, nearest[place], limit) for place in np.flatnonzero(~right[: len(new)]).tolist()}


def _doubles(subject: str, embeddings: Sequence[Embedding], gallery: Gallery, bundle: Bundle) -> dict[int, Doubt]:
    others = len(gallery) - len(gallery.vectors(subject))
    if not others:
        return {}
    limit = _threshold(bundle.manifest, others, gallery).distance
    found = {place: gallery.nearest(one, besides=subject, distance=bundle.distance) for place, one in enumerate(embeddings)}
    return {place: Doubt("double", subject, match.distance, limit, match.subject) for place, match in found.items() if match.distance <= limit}


def _threshold(manifest: Manifest, templates: int, gallery: Gallery) -> Threshold:
    """The one for FPIR, else the strictest that there is."""
    try:
        return manifest.threshold_for_gallery(templates, FPIR, kinds=gallery.artefacts)
    except UnsupportedRate:
        return min(manifest.thresholds, key=lambda threshold: threshold.distance)
