"""What training minimises: triplets over identities, and distillation to a teacher's embeddings.

Pure functions over a batch in ``keras.ops``; they serve keras 3 on TensorFlow and on JAX. All embeddings are made unit length
here, since the networks end before that.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def unit(embeddings: Any, /) -> Any:
    """``embeddings`` (n, d), each of unit length."""
    return embeddings / ops.sqrt(ops.sum(ops.square(embeddings), -1, keepdims=True) + 1e-12)


def distances(a: Any, b: Any, /) -> Any:
    """Squared L2 distances (n, m) between unit vectors ``a`` (n, d) and ``b`` (m, d)."""
    return ops.maximum(2.0 - 2.0 * ops.matmul(a, ops.transpose(b)), 0.0)


def triplet_loss(embeddings: Any, subjects: Any, numbering: Any, /, *, anchors: int, margin: float = 0.2) -> Any:
    """The mean of d(a,p) - d(a,n) + margin over the batch's semi-hard triplets; 0 where there is none.

    ``embeddings`` (n, d) unit length; ``subjects`` (n,) people, negative for unknown; ``numbering`` (n,): two different
    subjects are known to be two people only inside one numbering. The first ``anchors`` rows serve as anchors and positives,
    all rows as negatives. All anchor-positive pairs are used; a negative is semi-hard when
    d(a,p) < d(a,n) < d(a,p) + margin. Source: FaceNet, arXiv:1503.03832, sections 3.1 and 3.2.
    """
    d = distances(embeddings[:anchors], embeddings)  # (anchors, n)
    positive, negative = pair_masks(subjects, numbering, anchors)
    gap = d[:, None, :] - d[:, :anchors, None]  # (anchor, positive, negative)
    semi_hard = positive[:, :anchors, None] & negative[:, None, :] & (gap > 0) & (gap < margin)
    chosen = ops.cast(semi_hard, d.dtype)
    return ops.sum(chosen * (margin - gap)) / ops.maximum(ops.sum(chosen), 1.0)


def pair_masks(subjects: Any, numbering: Any, anchors: int, /) -> tuple[Any, Any]:
    """Which rows (anchors, n) are positives and which are negatives of the first ``anchors`` rows."""
    known = (subjects[:anchors, None] >= 0) & (subjects[None, :] >= 0) & (numbering[:anchors, None] == numbering[None, :])
    same = known & (subjects[:anchors, None] == subjects[None, :])
    rows = ops.arange(subjects.shape[0])
    return same & (rows[:anchors, None] != rows[None, :]), known & ~same


def embedding_loss(embeddings: Any, targets: Any, has_target: Any, /) -> Any:
    """The mean of 1 - cosine between ``embeddings`` (n, d) and the teacher's ``targets`` (n, d) where ``has_target`` (n,) is 1."""
    cosine = ops.sum(embeddings * targets, -1)
    return ops.sum(has_target * (1.0 - cosine)) / ops.maximum(ops.sum(has_target), 1.0)


def pairwise_loss(embeddings: Any, targets: Any, has_target: Any, /) -> Any:
    """The mean squared difference between the batch's cosines (n, n) and the teacher's.

    Source: relational distillation, Park et al., arXiv:1904.05068, with cosines in place of normalised distances.
    """
    both = has_target[:, None] * has_target[None, :]
    difference = ops.matmul(embeddings, ops.transpose(embeddings)) - ops.matmul(targets, ops.transpose(targets))
    return ops.sum(both * ops.square(difference)) / ops.maximum(ops.sum(both), 1.0)
