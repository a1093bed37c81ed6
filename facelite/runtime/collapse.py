"""The alarm while running: an embedder that gives nearly the same embedding for everybody, which the self-test at load has not seen.

A value, as attempts and locks are: whoever has one calls ``after`` with each embedding of a track and asks for ``alarm``. Tracks that follow each
other are mostly different people, or the same person in another picture: pictures that differ by more than their light while embeddings do not
mean a broken runtime. Two such pictures are a ``suspicion``, upon which the caller repeats the self-test before it decides; three are the alarm.
Numbers of tracks rise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from facelite.face import Embedding, FaceCrop, Floats

NEAR = 0.02
"""Squared distance below which embeddings of two tracks are suspicious; kernels differ by up to 0.012.

NNS1 (fourth release) on 2,507 pictures of 643 held-out people: the nearest two pictures of one person are 0.043 apart, one in a thousand pairs of
them nearer than 0.092, the nearest two people 0.51.
"""

TRACKS = 3
"""So many tracks in a row, each near to each other one, raise the alarm."""

OTHER = 0.4
"""Mean difference of two crops' luma, each less its mean and over its deviation, from which they are not one picture in another light.

Of 60 portraits, seen again in another light, a pixel aside and with noise, none reached 0.28; of two pictures of one person 1 % lie below 0.44.
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """What one track gave: the crop's luma (h, w), less its mean and over its deviation, and the embedding."""

    track: int
    luma: Floats
    vector: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Collapse:
    """What the last TRACKS tracks gave. ``alarm`` is None, or says what is wrong: then nobody is to be accepted until the device is restarted.

    ``suspicion``: the newest track gave nearly the embedding of one before it, by another picture.
    """

    given: tuple[_Given, ...] = ()
    alarm: str | None = None
    suspicion: bool = False
    newest: int = -1

    def after(self, track: int, crop: FaceCrop, embedding: Embedding, /) -> Collapse:
        """With one embedding more, of the face ``crop`` of the track of that number; the first of a track counts. An alarm stays."""
        if self.alarm or track <= self.newest:
            return self
        luma = crop.pixels.mean(-1, dtype=np.float32)
        luma = (luma - luma.mean()) / max(float(luma.std()), 1.0)
        new = _Given(track, luma, embedding.vector)
        suspicion = any(_distance(one, new) < NEAR and _differ(one, new) for one in self.given)
        given = (*self.given, new)[-TRACKS:]
        return Collapse(given, _alarm(given), suspicion, track)


def _distance(one: _Given, other: _Given) -> float:
    return float(((one.vector - other.vector) ** 2).sum())


def _differ(one: _Given, other: _Given) -> bool:
    return float(np.abs(one.luma - other.luma).mean()) >= OTHER


def _alarm(given: tuple[_Given, ...]) -> str | None:
    pairs = list(combinations(given, 2))
    farthest = max((_distance(*pair) for pair in pairs), default=0.0)
    if len(given) < TRACKS or farthest >= NEAR or not all(_differ(*pair) for pair in pairs):
        return None
    return (
        f"expected embeddings that differ, got distances of {farthest:.2g} at most between {TRACKS} people in a row whose pictures differ; "
        "the runtime is broken: restart the device, and run facelite doctor"
    )
