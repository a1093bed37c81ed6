"""Which pictures to train on probably show somebody who is held out, under another name: those that a teacher finds near such a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facelite.face import Floats

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

TOGETHER = 256
"""Pictures that are compared at a time: pictures x people is large."""


def leaks(targets: Floats, has_target: Flags, /, *, subjects: Integers, numbering: Integers, held: Flags, leak: float) -> Flags:
    """Which pictures (n,) lie within ``leak``, a squared distance, of the mean embedding of a held-out person of another numbering.

    ``targets`` (n, d) are a teacher's unit embeddings where ``has_target`` (n,); ``subjects`` (n,) are negative where unknown, and ``held`` (n,)
    says of whom nothing may be trained on. Inside one numbering a name is trusted.

    A teacher is a model of its own. The weights of ``--init``, where they teach themselves, leave nothing out: what they put near a held-out
    person is in good part strangers whom they take for that person, and those are what training is to tell apart and judging is to count; the
    pictures of that person that they do not know they would not find.
    """
    leaking = np.zeros(len(subjects), np.bool_)
    for one in np.unique(numbering[held & (subjects >= 0)]):
        part = held & (numbering == one) & (subjects >= 0) & has_target
        people, index = np.unique(subjects[part], return_inverse=True)
        means = np.zeros((len(people), targets.shape[1]), np.float32)
        np.add.at(means, index, targets[part])
        means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        others = np.flatnonzero((numbering != one) & has_target)
        for some in np.split(others, range(TOGETHER, len(others), TOGETHER)):
            if len(people) and len(some):
                leaking[some] |= 2 - 2 * (targets[some] @ means.T).max(1) < leak
    return leaking
