"""The alarm while running: an embedder that gives nearly the same embedding for everybody, which the self-test at load has not seen.

A value, as attempts and locks are: whoever has one calls ``after`` with each embedding of a track and asks for ``alarm``. Tracks that follow each
other are mostly different people, or the same person in another picture; pictures that differ while embeddings do not mean a broken runtime.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from facelite.face import Embedding, FaceCrop, Floats, Pixels

NEAR = 0.02
"""Squared distance below which embeddings of two tracks are suspicious; kernels differ by up to 0.012.

NNS1 (fourth release) on 2,507 pictures of 643 held-out people: the nearest two pictures of one person are 0.043 apart, one in a thousand pairs of
them nearer than 0.092, the nearest two people 0.51.
"""

TRACKS = 3
"""So many tracks in a row, each near to each other one, raise the alarm."""

OTHER = 4.0
"""Mean difference of two crops' pixels, of 255, from which they are not one picture twice (a camera that stands still)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    track: int
    pixels: Pixels
    vector: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """What the last TRACKS tracks gave. ``alarm`` is None, or says what is wrong: then nobody is to be accepted until the device is restarted."""

    sights: tuple[_Sight, ...] = ()
    alarm: str | None = None

    def after(self, track: int, crop: FaceCrop, embedding: Embedding, /) -> Collapse:
        """With one embedding more, of the face ``crop`` of the track of that number; the first of a track counts. An alarm stays."""
        if self.alarm or any(sight.track == track for sight in self.sights):
            return self
        sights = (*self.sights, _Sight(track, crop.pixels, embedding.vector))[-TRACKS:]
        return Collapse(sights, _alarm(sights))


def _alarm(sights: tuple[_Sight, ...]) -> str | None:
    pairs = list(combinations(sights, 2))
    distances = [float(((one.vector - other.vector) ** 2).sum()) for one, other in pairs]
    differ = all(np.abs(one.pixels.astype(np.int16) - other.pixels).mean() >= OTHER for one, other in pairs)
    if len(sights) < TRACKS or not differ or max(distances) >= NEAR:
        return None
    return (
        f"expected embeddings that differ, got distances of {max(distances):.2g} at most between {TRACKS} people in a row whose pictures differ; "
        "the runtime is broken: restart the device, and run facelite doctor"
    )
