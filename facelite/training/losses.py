"""What training minimises over a batch's pairs and triplets, and against a teacher: pure functions that own nothing.

They are written in ``keras.ops`` and serve keras 3 on TensorFlow and on JAX. All embeddings are made unit length first (``unit``), since
the networks end before that. ``subjects`` (n,) are people, negative for unknown; ``numbering`` (n,): two different subjects are known to
be two people only inside one numbering. So an unlabelled picture, and a person who may stand in two numberings, is never a negative.
"""

from __future__ import annotations

from typing import Any, get_args

from keras import ops

from facelite.training.recipe import Mining

CLOSEST = 1e-6
"""Squared distances below it are the rounding of float32, and the slope of their root is noise."""


def unit(embeddings: Any, /) -> Any:
    """``embeddings`` (n, d), each of unit length."""
    return embeddings / ops.sqrt(ops.sum(ops.square(embeddings), -1, keepdims=True) + 1e-12)


def distances(a: Any, b: Any, /) -> Any:
    """Squared L2 distances (n, m) between unit vectors ``a`` (n, d) and ``b`` (m, d)."""
    return ops.maximum(2.0 - 2.0 * ops.matmul(a, ops.transpose(b)), 0.0)


def pair_masks(subjects: Any, numbering: Any, anchors: int, /) -> tuple[Any, Any]:
    """Which rows (anchors, n) are positives and which are negatives of the first ``anchors`` rows."""
    known = (subjects[:anchors, None] >= 0) & (subjects[None, :] >= 0) & (numbering[:anchors, None] == numbering[None, :])
    same = known & (subjects[:anchors, None] == subjects[None, :])
    rows = ops.arange(subjects.shape[0])
    return same & (rows[:anchors, None] != rows[None, :]), known & ~same


def masked_mean(values: Any, mask: Any, /) -> Any:
    """The mean of ``values`` where ``mask``, of the same shape, is 1 or True; 0 where it is nowhere."""
    chosen = ops.cast(mask, values.dtype)
    return ops.sum(chosen * values) / ops.maximum(ops.sum(chosen), 1.0)


def triplet_loss(
    embeddings: Any,
    subjects: Any,
    numbering: Any,
    /,
    *,
    anchors: int,
    margin: float = 0.2,
    mining: Mining = "semi-hard",
    positives: float = 1.0,
) -> Any:
    """The mean of d(a,p) - d(a,n) + margin over the batch's mined triplets; 0 where there is none.

    ``embeddings`` (n, d) unit length. The first ``anchors`` rows serve as anchors and positives, all rows as negatives.

    - "semi-hard": all anchor-positive pairs with each negative d(a,p) < d(a,n) < d(a,p) + margin. Source: FaceNet, arXiv:1503.03832,
      sections 3.1 and 3.2.
    - "batch-all": all triplets that violate the margin, d(a,n) < d(a,p) + margin. Source: Hermans et al., arXiv:1703.07737, section 2,
      where the mean over these alone is called "batch all, not zero".
    - "batch-hard": for each anchor that has both, its farthest positive and its nearest negative, a kept margin counting 0. Source: the same.

    ``positives`` emphasises positives that look different: only this share of each anchor's positives, the farthest, at least one.
    """
    if mining not in get_args(Mining) or not 0 < positives <= 1:
        raise ValueError(f"expected mining out of {', '.join(get_args(Mining))} and 0 < positives <= 1, got {mining!r} and {positives}")
    d = distances(embeddings[:anchors], embeddings)  # (anchors, n)
    positive, negative = pair_masks(subjects, numbering, anchors)
    positive = positive[:, :anchors]
    if mining == "batch-hard":
        return _hardest(d, positive, negative, margin)
    if positives < 1:
        positive = farthest(d[:, :anchors], positive, positives)
    gap = d[:, None, :] - d[:, :anchors, None]  # (anchor, positive, negative)
    chosen = positive[:, :, None] & negative[:, None, :] & (gap < margin)
    if mining == "semi-hard":
        chosen = chosen & (gap > 0)
    return masked_mean(margin - gap, chosen)


def harmonic_loss(
    embeddings: Any,
    targets: Any,
    has_target: Any,
    subjects: Any,
    numbering: Any,
    /,
    *,
    anchors: int,
    margin: float = 0.2,
    mining: Mining = "semi-hard",
    positives: float = 1.0,
) -> Any:
    """``triplet_loss`` whose anchors, positives and negatives are each the network's embedding of a picture or the teacher's, where it has one.

    ``embeddings`` and ``targets`` (n, d) unit length. It makes a network compatible with the templates of an older one, the teacher.
    Source: the harmonic triplet loss, FaceNet, arXiv:1503.03832, appendix A.
    """
    theirs = ops.where(has_target > 0, subjects, -1)

    def mixed(ours: Any, others: Any) -> Any:
        return ops.concatenate([ours[:anchors], others[:anchors], ours[anchors:], others[anchors:]])

    rows = mixed(embeddings, targets), mixed(subjects, theirs), mixed(numbering, numbering)
    return triplet_loss(*rows, anchors=2 * anchors, margin=margin, mining=mining, positives=positives)


def _hardest(d: Any, positive: Any, negative: Any, margin: float) -> Any:
    """0 and 4 are the least and the largest distance: what stands where there is no positive or no negative."""
    farthest_positive = ops.max(ops.where(positive, d[:, : positive.shape[1]], 0.0), -1)
    nearest_negative = ops.min(ops.where(negative, d, 4.0), -1)
    both = ops.any(positive, -1) & ops.any(negative, -1)
    return masked_mean(ops.maximum(farthest_positive - nearest_negative + margin, 0.0), both)


def farthest(d: Any, positive: Any, share: float, /) -> Any:
    """Of each row's ``positive`` (m, n) only the ``share`` with the largest ``d`` (m, n), rounded, at least one; equal ones stay together."""
    farther = ops.sum(ops.cast(positive[:, None, :] & (d[:, None, :] > d[:, :, None]), d.dtype), -1)
    count = ops.sum(ops.cast(positive, d.dtype), -1, keepdims=True)
    return positive & (farther < ops.maximum(ops.round(share * count), 1.0))


def contrastive_loss(embeddings: Any, subjects: Any, numbering: Any, /, *, anchors: int, margin: float = 1.2) -> Any:
    """Half of D² for a genuine pair and of max(0, margin - D)² for an impostor pair, D being the L2 distance, not squared.

    ``embeddings`` (n, d) unit length. The pairs are those of the first ``anchors`` rows with every other row; the mean over the genuine
    ones and the mean over the impostors are added, so that a batch's few genuine pairs weigh as much as its many others.
    Source: Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006. Beside a softmax it is the
    verification signal of DeepID2, Sun et al., arXiv:1406.4773, in its L2 form. The default margin is as far as a stranger should be from where
    FaceNet accepts, D² <= 1.24, plus the triplets' 0.2: 1.2² = 1.44.
    """
    d = distances(embeddings[:anchors], embeddings)
    genuine, impostor = pair_masks(subjects, numbering, anchors)
    lack = ops.maximum(margin - ops.sqrt(ops.maximum(d, CLOSEST)), 0.0)
    return 0.5 * masked_mean(d, genuine) + 0.5 * masked_mean(ops.square(lack), impostor)


def verification_loss(embeddings: Any, subjects: Any, numbering: Any, /, *, anchors: int, scale: Any, shift: Any) -> Any:
    """Half of (y - sigmoid(scale * cosine + shift))², y being 1 for a genuine pair and 0 for an impostor pair.

    ``embeddings`` (n, d) unit length; pairs and their means as in ``contrastive_loss``; ``scale`` and ``shift`` are learned numbers.
    Source: DeepID2, Sun et al., arXiv:1406.4773, section 2, the cosine form of its verification signal, which stands beside a softmax.
    """
    answer = ops.sigmoid(scale * ops.matmul(embeddings[:anchors], ops.transpose(embeddings)) + shift)
    genuine, impostor = pair_masks(subjects, numbering, anchors)
    return 0.5 * masked_mean(ops.square(1.0 - answer), genuine) + 0.5 * masked_mean(ops.square(answer), impostor)


def embedding_loss(embeddings: Any, targets: Any, has_target: Any, /) -> Any:
    """The mean of 1 - cosine between ``embeddings`` (n, d) and the teacher's ``targets`` (n, d) where ``has_target`` (n,) is 1."""
    return masked_mean(1.0 - ops.sum(embeddings * targets, -1), has_target)


def pairwise_loss(embeddings: Any, targets: Any, has_target: Any, /) -> Any:
    """The mean squared difference between the batch's cosines (n, n) and the teacher's.

    Source: relational distillation, Park et al., arXiv:1904.05068, with cosines in place of normalised distances.
    """
    difference = ops.matmul(embeddings, ops.transpose(embeddings)) - ops.matmul(targets, ops.transpose(targets))
    return masked_mean(ops.square(difference), has_target[:, None] * has_target[None, :])
