"""The recipe's losses as Keras trains by them: the weighted sum, and the variables that some of them own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from facelite.training.dataset import Integers
from facelite.training.identities import centre_loss, least_scale, moved_centres, softmax_loss
from facelite.training.losses import contrastive_loss, embedding_loss, harmonic_loss, pairwise_loss, triplet_loss, unit, verification_loss
from facelite.training.pipeline import unpack
from facelite.training.recipe import Loss
from facelite.training.siamese import siamese_loss

SURE = 5.0
"""Log odds with which a new verification or Siamese head answers for equal pictures, and about so for unrelated ones: 99.3 %, and 0.7 %."""


class Objective(keras.layers.Layer):  # type: ignore[misc]
    """The loss of a batch. It owns what its terms learn besides the network, and only where the recipe gives them a weight.

    ``people`` (c, 2) are the training part's, ``embedding`` is d, and the first ``anchors`` rows of a batch are those that pairs start from.
    The classifier's rows, the scale and shift of the verification and the Siamese head are trained by the optimizer, without decay. Centres
    are not: they move by their paper's own rule, since Adam would move each by the learning rate, however far it is from its pictures, and
    not at all in the end.
    """

    def __init__(self, loss: Loss, people: Integers, /, *, embedding: int, anchors: int, seed: int) -> None:
        super().__init__(dtype="float32", name="objective")
        self.terms, self.anchors = loss, anchors
        self.people = people.astype("float32")
        shape, start = (len(people), embedding), keras.initializers.Constant
        if loss.softmax:
            directions = keras.initializers.RandomNormal(stddev=embedding**-0.5, seed=seed)
            self.classifier = self.add_weight(shape, directions, name="classifier")
            self.scale = loss.scale or least_scale(people)
        if loss.centre:  # at zero a centre draws nobody until it has seen a picture
            self.centres = self.add_weight(shape, "zeros", trainable=False, name="centres")
        if loss.verification:  # half way between the cosines of equal and of unrelated pictures, 1 and 0
            self.verification_scale = self.add_weight((), start(2 * SURE), name="verification_scale")
            self.verification_shift = self.add_weight((), start(-SURE), name="verification_shift")
        if loss.siamese:  # the features of unrelated unit vectors sum to about the root of their number, in either form
            self.siamese_weights = self.add_weight((embedding,), start(2 * SURE * embedding**-0.5), name="siamese_weights")
            self.siamese_bias = self.add_weight((), start(SURE), name="siamese_bias")
        self.built = True

    def call(self, packed: Any, embeddings: Any) -> Any:
        """Packed labels (n, d + 3) as ``pipeline.pack`` makes them, embeddings (n, d) -> a number. A term without a weight is not computed."""
        loss, anchors, vectors = self.terms, self.anchors, unit(embeddings)
        targets, has_target, subjects, numbering = unpack(packed)
        batch, taught = (vectors, subjects, numbering), (vectors, targets, has_target)
        mined: dict[str, Any] = {"anchors": anchors, "margin": loss.margin, "mining": loss.mining, "positives": loss.positives}
        terms: tuple[tuple[float, Callable[[], Any]], ...] = (
            (loss.triplet, lambda: triplet_loss(*batch, **mined)),
            (loss.contrastive, lambda: contrastive_loss(*batch, anchors=anchors, margin=loss.contrastive_margin)),
            (loss.verification, lambda: self._verification_loss(*batch)),
            (loss.softmax, lambda: softmax_loss(*batch, people=self.people, classifier=self.classifier, scale=self.scale)),
            (loss.centre, lambda: self._centre_loss(*batch)),
            (loss.siamese, lambda: self._siamese_loss(*batch)),
            (loss.harmonic, lambda: harmonic_loss(*taught, subjects, numbering, **mined)),
            (loss.embedding, lambda: embedding_loss(*taught)),
            (loss.pairwise, lambda: pairwise_loss(*taught)),
        )
        return sum(weight * term() for weight, term in terms if weight)

    def _verification_loss(self, *batch: Any) -> Any:
        return verification_loss(*batch, anchors=self.anchors, scale=self.verification_scale, shift=self.verification_shift)

    def _siamese_loss(self, *batch: Any) -> Any:
        weights, bias, form = self.siamese_weights, self.siamese_bias, self.terms.siamese_form
        return siamese_loss(*batch, anchors=self.anchors, weights=weights, bias=bias, form=form)

    def _centre_loss(self, *batch: Any) -> Any:
        """The loss to the centres as they are; then they move."""
        centres = keras.ops.convert_to_tensor(self.centres)
        loss = centre_loss(*batch, people=self.people, centres=centres)
        self.centres.assign(moved_centres(*batch, people=self.people, centres=centres, rate=self.terms.centre_rate))
        return loss
