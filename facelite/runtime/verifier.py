"""Pictures -> decisions, by one bundle: verify 1:1, identify 1:N, enrol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from facelite.bundle import DETECTOR, GOLDEN, Bundle, open_bundle
from facelite.face import Decision, Detection, Embedding, FaceCrop, Outcome, Pixels, Threshold
from facelite.gallery import Gallery
from facelite.image import read_image
from facelite.preprocess import align
from facelite.runtime.choice import Rule, choose
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import self_test, unpack_golden
from facelite.runtime.quality import judge_quality

Picture = str | Path | Pixels
"""A file, or (h, w, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture gave: an embedding with the crop and detection behind it, or an outcome that says why there is none."""

    embedding: Embedding | None = None
    outcome: Outcome | None = None
    detail: str = ""
    face: Detection | None = None
    crop: FaceCrop | None = None


class Verifier:
    """A bundle ready to decide. The self-test runs before the constructor returns.

    Raises SelfTestError when this machine's runtime does not reproduce the bundle's golden vectors.
    """

    def __init__(self, bundle: Bundle, /, *, threads: int = 1) -> None:
        self.bundle, self.manifest = bundle, bundle.manifest
        self.detector = Detector(bundle.files[DETECTOR], threads=threads)
        self.embedder = Embedder.of(bundle, threads=threads)
        self_test(unpack_golden(bundle.files[GOLDEN]), self.detector, self.embedder)

    def look(self, picture: Picture, /, *, rule: Rule = "only") -> Look:
        """Detect, align, judge and embed the face that ``rule`` means. Raises ImageError for an unreadable file."""
        image = read_image(picture) if isinstance(picture, (str, Path)) else picture
        faces = self.detector.detect(image)
        if not faces:
            return Look(outcome=Outcome.NO_FACE, detail="expected a face, found none; face the camera, nearer and in good light")
        face = choose(faces, image.shape, rule=rule)
        if face is None:
            return Look(outcome=Outcome.SEVERAL_FACES, detail=f"expected one face, found {len(faces)}; show one person, or choose: --face centre")
        preprocessing = self.manifest.preprocessing
        crop = align(image, face.landmarks, preprocessing.height, preprocessing.width)
        if poor := judge_quality(face, crop):
            return Look(outcome=poor[0], detail=poor[1], face=face, crop=crop)
        return Look(embedding=self.embedder.embed(crop), face=face, crop=crop)

    def verify(self, a: Picture, b: Picture, /, *, fmr: float | None = None, rule: Rule = "only") -> Decision:
        """Whether two pictures show one person, at the measured ``fmr`` (None: the bundle's default)."""
        threshold = self.manifest.threshold(fmr)
        looks = [self.look(a, rule=rule), self.look(b, rule=rule)]
        for which, look in zip(("first", "second"), looks, strict=True):
            if look.outcome:
                return Decision(look.outcome, threshold, detail=f"{which} picture: {look.detail}")
        first, second = (look.embedding for look in looks)
        if first is None or second is None:  # cannot be: a look without an outcome has an embedding
            raise ValueError("expected two embeddings")
        return _decide(first.distance(second), None, threshold)

    def verify_subject(self, picture: Picture, subject: str, gallery: Gallery, /, *, fmr: float | None = None, rule: Rule = "only") -> Decision:
        """Whether ``picture`` shows the enrolled ``subject``. Raises GalleryError when nobody of that name is enrolled."""
        threshold = self.manifest.threshold(fmr)
        look = self.look(picture, rule=rule)
        if look.embedding is None:
            return Decision(look.outcome or Outcome.NO_FACE, threshold, detail=look.detail)
        match = gallery.nearest(look.embedding, subject=subject)
        return _decide(match.distance, match.subject, threshold)

    def identify(self, picture: Picture, gallery: Gallery, /, *, fpir: float = 0.01, rule: Rule = "only") -> Decision:
        """Who of ``gallery`` the picture shows, strangers being taken for somebody at a rate of at most ``fpir``."""
        threshold = self.manifest.threshold_for_gallery(len(gallery.templates), fpir)
        look = self.look(picture, rule=rule)
        if look.embedding is None:
            return Decision(look.outcome or Outcome.NO_FACE, threshold, detail=look.detail)
        match = gallery.nearest(look.embedding)
        return _decide(match.distance, match.subject, threshold)

    def enrol(self, subject: str, pictures: Sequence[Picture], gallery: Gallery, /, *, rule: Rule = "only") -> list[Look]:
        """Add one template a picture, all or none: nothing is stored unless every look has an embedding."""
        looks = [self.look(picture, rule=rule) for picture in pictures]
        embeddings = [look.embedding for look in looks if look.embedding]
        if len(embeddings) == len(looks):
            gallery.enrol(subject, embeddings, artefact=self.bundle.artefact)
        return looks


def open_verifier(path: str | Path, /, *, threads: int = 1) -> Verifier:
    """The bundle at ``path``, checked and self-tested. Raises BundleError, SelfTestError."""
    return Verifier(open_bundle(path), threads=threads)


def _decide(distance: float, subject: str | None, threshold: Threshold) -> Decision:
    outcome = Outcome.ACCEPTED if distance <= threshold.distance else Outcome.REJECTED
    return Decision(outcome, threshold, subject=subject, distance=distance)
