"""What training minimises over identities: a softmax over the training part's people, and the distance to each one's centre.

A person is a numbering and a subject of it, ``people`` (c, 2). ``subjects`` (n,) and ``numbering`` (n,) of a batch are as in ``losses``: a
picture of an unknown person takes no part, and one of a numbering has nothing to do with the people of another, who may be the same.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
from keras import ops

from facelite.training.dataset import FaceSet, Integers
from facelite.training.losses import masked_mean, unit

NO_LOGIT = -1e4
"""In place of a logit that takes no part: its exponential is 0, and all of them together are finite."""

SURE = 0.99
"""How sure the softmax should be able to be of the right person."""


def people_of(faces: FaceSet, /) -> Integers:
    """The labelled people (c, 2) of ``faces``, numbering and subject, in order."""
    known = faces.subjects >= 0
    people: Integers = np.unique(np.stack([faces.numbering[known], faces.subjects[known]], axis=1), axis=0)
    return people


def people_masks(subjects: Any, numbering: Any, people: Any, /) -> tuple[Any, Any]:
    """Which of the ``people`` (n, c) each row shows, at most one, and which it is known to show or not to show."""
    near = (subjects[:, None] >= 0) & (numbering[:, None] == people[None, :, 0])
    return near & (subjects[:, None] == people[None, :, 1]), near


def softmax_loss(embeddings: Any, subjects: Any, numbering: Any, /, *, people: Any, classifier: Any, scale: float) -> Any:
    """The mean over rows of known people of -log of the softmax of scale * cosine at the row's own person.

    ``embeddings`` (n, d) unit length; ``classifier`` (c, d), of any length, has a direction for each of the ``people``. A row is told from the
    people of its own numbering alone. Source: NormFace, Wang et al., arXiv:1704.06369, where both sides are of unit length and scaled.
    """
    own, near = people_masks(subjects, numbering, people)
    logits = ops.where(near, scale * ops.matmul(embeddings, ops.transpose(unit(classifier))), NO_LOGIT)  # (n, c)
    return masked_mean(ops.logsumexp(logits, -1) - ops.sum(ops.where(own, logits, 0.0), -1), ops.any(own, -1))


def least_scale(people: Integers, /) -> float:
    """The least scale at which ``softmax_loss`` can give the right one of the ``people`` (c, 2), c of them in the largest numbering, a probability
    of SURE: (c - 1) / c * log((c - 1) SURE / (1 - SURE)). A larger one is content with people that lie less close together.

    It follows from NormFace's proposition 2: the loss is at least log(1 + (c - 1) exp(-scale c / (c - 1))).
    """
    others = int(np.unique(people[:, 0], return_counts=True)[1].max()) - 1
    return others / (others + 1) * log(others * SURE / (1 - SURE)) if others else 1.0


def centre_loss(embeddings: Any, subjects: Any, numbering: Any, /, *, people: Any, centres: Any) -> Any:
    """The mean over rows of known people of half the squared distance between ``embeddings`` (n, d) and the person's own of ``centres`` (c, d).

    Source: Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016, there on embeddings of any length.
    """
    own, _ = people_masks(subjects, numbering, people)
    own_centres = ops.matmul(ops.cast(own, embeddings.dtype), centres)  # (n, d)
    return 0.5 * masked_mean(ops.sum(ops.square(embeddings - own_centres), -1), ops.any(own, -1))


def moved_centres(embeddings: Any, subjects: Any, numbering: Any, /, *, people: Any, centres: Any, rate: float) -> Any:
    """The ``centres`` (c, d) after a batch: c - rate * (sum of c - x over the person's rows) / (1 + their number). Source: as ``centre_loss``."""
    own = ops.cast(people_masks(subjects, numbering, people)[0], embeddings.dtype)  # (n, c)
    count = ops.sum(own, 0)[:, None]
    return centres - rate * (count * centres - ops.matmul(ops.transpose(own), embeddings)) / (1.0 + count)
