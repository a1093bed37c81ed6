"""The Siamese head: whether two embeddings show one person, by logistic regression on how they differ."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from keras import ops

from facelite.distance import LEAST, PairForm
from facelite.errors import InputError
from facelite.face import Floats
from facelite.networks.weights import BEST
from facelite.training.losses import masked_mean, pair_masks
from facelite.training.run import HEAD, run_recipe


@dataclass(frozen=True, slots=True, eq=False)
class SiameseHead:
    """What decides by a trained head: one person where ``weights`` (d,) · ``features`` of ``form`` < ``bias`` (); its loss is blind to how
    rare one person is among pairs, so a threshold of its own must be calibrated in place of ``bias``.
    """

    weights: Floats
    bias: Floats
    form: PairForm


def siamese_head(run: str | Path, /) -> SiameseHead:
    """The head that the run folder ``run`` has trained, averaged with its best weights. Raises InputError where it has none, or that of others."""
    form, path = run_recipe(run).loss.siamese_form, Path(run) / HEAD
    if not path.exists():
        raise InputError(f"{path}: expected a Siamese head, got none; train with loss.siamese")
    try:
        best = (Path(run) / BEST).read_bytes()
        with path.open("rb") as opened, np.load(opened) as file:
            head, weights = SiameseHead(file["weights"], file["bias"], form), str(file["best_sha256"])
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: expected the Siamese head of {BEST}, got {error}; go on with the run: --resume") from None
    if weights != hashlib.sha256(best).hexdigest():  # a kill came between the two
        raise InputError(f"{path}: expected the Siamese head of {BEST}, got that of other weights; go on with the run: --resume")
    return head


def pack_siamese(weights: Floats, bias: Floats, /, *, best: bytes) -> bytes:
    """The bytes of a run's HEAD; ``best`` are those of the weights that it was averaged with."""
    buffer = io.BytesIO()
    np.savez(buffer, weights=weights, bias=bias, best_sha256=np.array(hashlib.sha256(best).hexdigest()))
    return buffer.getvalue()


def features(a: Any, b: Any, /, *, form: PairForm) -> Any:
    """How embeddings ``a`` and ``b`` (..., d) differ, number by number: (..., d), all >= 0.

    "absolute" is |a - b|, "chi-square" (a - b)² / (|a| + |b|). Source: DeepFace, Taigman et al., CVPR 2014, sections 4.2 and 4.1; its
    embeddings have no negative numbers, it divides by a + b, and weighs the latter form by a linear support vector machine.
    """
    if form not in get_args(PairForm):
        raise ValueError(f"expected a form out of {', '.join(get_args(PairForm))}, got {form!r}")
    if form == "absolute":
        return ops.abs(a - b)
    return ops.square(a - b) / (ops.abs(a) + ops.abs(b) + LEAST)


def siamese_loss(embeddings: Any, subjects: Any, numbering: Any, /, *, anchors: int, weights: Any, bias: Any, form: PairForm = "absolute") -> Any:
    """-log of the probability of what is true of a pair, sigmoid(bias - weights · features) being that of one person.

    ``embeddings`` (n, d) unit length; ``weights`` (d,) and the number ``bias`` are learned. Pairs and their means as in
    ``losses.contrastive_loss``: the head learns as if a genuine pair were as likely as an impostor pair.
    """
    pairs = features(embeddings[:anchors, None, :], embeddings[None, :, :], form=form)  # (anchors, n, d)
    logits = bias - ops.sum(weights * pairs, -1)
    genuine, impostor = pair_masks(subjects, numbering, anchors)
    return masked_mean(ops.softplus(-logits), genuine) + masked_mean(ops.softplus(logits), impostor)
