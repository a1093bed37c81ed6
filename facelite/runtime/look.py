"""A picture -> the face that is meant, or why there is none: one way for the verifier, evaluation and export."""

from __future__ import annotations

from dataclasses import dataclass

from facelite.face import Detection, Embedding, FaceCrop, Outcome, Pixels
from facelite.quality import Quality
from facelite.runtime.choice import Rule, choose
from facelite.runtime.detector import Detector


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture gave: a face with what became of it so far, or an outcome that says why nothing more did.

    ``size`` is the width and height of the picture as it was read, in whose pixels the face lies.
    """

    face: Detection | None = None
    crop: FaceCrop | None = None
    quality: Quality | None = None
    embedding: Embedding | None = None
    outcome: Outcome | None = None
    detail: str = ""
    size: tuple[int, int] | None = None


def find_face(image: Pixels, detector: Detector, /, *, rule: Rule) -> Look:
    """The face of ``image`` (h, w, 3) that ``rule`` means, or the outcome NO_FACE or SEVERAL_FACES."""
    faces, size = detector.detect(image), (image.shape[1], image.shape[0])
    if not faces:
        return Look(outcome=Outcome.NO_FACE, detail="expected a face, found none; face the camera, nearer and in good light", size=size)
    face = choose(faces, image.shape, rule=rule)
    if face is None:
        detail = f"expected one face, found {len(faces)}; show one person, or choose: --face centre"
        return Look(outcome=Outcome.SEVERAL_FACES, detail=detail, size=size)
    return Look(face=detector.upright(image, face), size=size)
