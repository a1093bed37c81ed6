"""How many templates a kiosk's gallery has room for: strangers are to be taken for somebody of it no more often than its ``fpir``."""

from __future__ import annotations

from collections import Counter
from decimal import ROUND_UP, Context

import numpy as np

from facelite.errors import UnsupportedRate
from facelite.face import fuse_groups
from facelite.gallery import Gallery
from facelite.runtime.verifier import Verifier

ROUNDING = 1e-9
"""Of ``fpir``: what floating point may make of it."""


def check_room(verifier: Verifier, gallery: Gallery, fpir: float, /, *, subject: str = "", more: int = 0) -> None:
    """Raises UnsupportedRate where nobody could be identified at ``fpir`` out of ``gallery`` with so many templates ``more`` of ``subject``."""
    people = Counter(gallery.counts) + Counter({subject: more})
    least = least_fpir(verifier, gallery, people)
    if least > fpir * (1 + ROUNDING):
        found = f"{people.total()} templates of {len(people)} people, for whom {Context(prec=2, rounding=ROUND_UP).create_decimal(least):g}"
        raise UnsupportedRate(
            f"expected no more templates than an fpir of {fpir:g} has room for, got {found} is the smallest that was measured; "
            "enrol fewer templates of each person, or set a larger fpir in the kiosk's config"
        )


def least_fpir(verifier: Verifier, gallery: Gallery, people: Counter[str], /) -> float:
    """The smallest rate that ``verifier`` supports for ``gallery``, were the templates of all ``people`` in it so many. One is there at least."""
    manifest, makers = verifier.manifest, gallery.artefacts | {verifier.bundle.artefact}
    rates = []
    for fused in manifest.fused if len(makers) == 1 else (1,):  # as Verifier plans it
        sizes = Counter[int]()
        for number, times in Counter(people.values()).items():
            for size in fuse_groups(np.ones((number, 1), np.float32), fused)[1]:
                sizes[size] += times
        kinds = {manifest.kind(size) for size in sizes} if fused > 1 else makers
        smallest = max(manifest.template_thresholds.get(kind, manifest.thresholds)[-1].fmr for kind in kinds)
        rates.append(1 - (1 - smallest) ** sizes.total())
    return float(min(rates))
