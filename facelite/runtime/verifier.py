"""Pictures -> decisions, by one bundle: verify 1:1, identify 1:N, enrol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facelite.bundle import DETECTOR, GOLDEN, Bundle, open_bundle
from facelite.errors import BundleError, GalleryError, UnsupportedRate
from facelite.face import Decision, Detection, Outcome, Pixels, Threshold
from facelite.gallery import Gallery
from facelite.image import read_image
from facelite.preprocess import align
from facelite.quality import judge_quality, measure_quality
from facelite.runtime.choice import Rule
from facelite.runtime.detector import Detector
from facelite.runtime.doubts import Doubt, find_doubts
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import self_test, unpack_golden
from facelite.runtime.look import Look, find_face

Picture = str | Path | Pixels | Look
"""A file, (h, w, 3) uint8 RGB, or what was seen in a picture before."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``looks`` at the pictures, ``doubts`` about some of them by place, and how many templates were ``added``.

    None is added unless every look has an embedding and there is no doubt, nor for a picture that is enrolled already.
    """

    looks: list[Look]
    doubts: dict[int, Doubt]
    added: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """Up to ``fused`` templates of a person are compared as one; ``comparisons`` are then made, each by the ``threshold``."""

    fused: int
    comparisons: int
    threshold: Threshold


class Verifier:
    """A bundle ready to decide: the constructor runs the self-test, and raises what that raises."""

    def __init__(self, bundle: Bundle, /, *, threads: int = 1) -> None:
        self.bundle, self.manifest = bundle, bundle.manifest
        self.detector = Detector(bundle.files[DETECTOR], threads=threads)
        self.embedder = Embedder.of(bundle, threads=threads)
        self.self_test()

    def self_test(self) -> None:
        """Raises SelfTestError when this machine's runtime does not reproduce the bundle's golden vectors."""
        self_test(unpack_golden(self.bundle.files[GOLDEN]), self.detector, self.embedder)

    def look(self, picture: Picture, /, *, rule: Rule = "only") -> Look:
        """Detect, align, judge and embed the face that ``rule`` means. Raises ImageError for an unreadable file."""
        if isinstance(picture, Look):
            return picture
        if not isinstance(picture, (str, Path, np.ndarray)):
            raise ValueError(f"expected a picture as a path or as an array (h, w, 3) uint8 RGB, got {type(picture).__name__}")
        image = picture if isinstance(picture, np.ndarray) else read_image(picture)
        look = find_face(image, self.detector, rule=rule)
        if (face := look.face) is None:
            return look
        return self._embedded(look, image, face)

    def look_all(self, picture: str | Path | Pixels, /) -> list[Look]:
        """Every face of a picture, aligned, judged and embedded, those at the left first. Raises ImageError for an unreadable file."""
        image = picture if isinstance(picture, np.ndarray) else read_image(picture)
        return [self.look_at(image, face) for face in sorted(self.detector.detect(image), key=lambda face: float(face.box[0]))]

    def look_at(self, frame: Pixels, face: Detection, /) -> Look:
        """Align, judge and embed a ``face`` that was found in ``frame`` (h, w, 3) before, by a ``Tracker``."""
        upright = self.detector.upright(frame, face)
        return self._embedded(Look(face=upright, size=(frame.shape[1], frame.shape[0])), frame, upright)

    def verify(self, a: Picture, b: Picture, /, *, fmr: float | None = None, rule: Rule = "only") -> Decision:
        """Whether two pictures show one person, at the measured ``fmr`` (None: the bundle's default)."""
        threshold = self.manifest.threshold(fmr)
        first, second = self.look(a, rule=rule), self.look(b, rule=rule)
        if first.embedding is None:
            return _undecided(first, threshold, "first picture: ")
        if second.embedding is None:
            return _undecided(second, threshold, "second picture: ")
        distance = self.bundle.distance.pairs(first.embedding.vector, second.embedding.vector)
        return _decide(float(distance), None, threshold)

    def verify_subject(self, picture: Picture, subject: str, gallery: Gallery, /, *, fmr: float | None = None, rule: Rule = "only") -> Decision:
        """Whether ``picture`` shows the enrolled ``subject``.

        The subject's templates are compared as one, by thresholds that were measured so; where the bundle has none, the probe is compared with
        each of them, and the threshold tightens with their number. Raises GalleryError when nobody of that name is enrolled, UnsupportedRate
        when the templates are too many for the ``fmr``.
        """
        plan = self._plan_for_subject(subject, gallery, fmr)
        decision = self._compare(picture, gallery, subject, plan, rule)
        return replace(decision, templates=gallery.count(subject), fpir=self.manifest.threshold(fmr).fmr)

    def threshold_for_subject(self, subject: str, gallery: Gallery, /, *, fmr: float | None = None) -> Threshold:
        """The threshold of ``verify_subject``. Raises what that raises."""
        return self._plan_for_subject(subject, gallery, fmr).threshold

    def identify(self, picture: Picture, gallery: Gallery, /, *, fpir: float = 0.01, rule: Rule = "only") -> Decision:
        """Who of ``gallery`` the picture shows, strangers being taken for somebody at a rate of at most ``fpir``."""

        plan = self._plan_for_gallery(gallery, fpir)
        return replace(self._compare(picture, gallery, None, plan, rule), templates=len(gallery), fpir=fpir)

    def threshold_for_gallery(self, gallery: Gallery, /, *, fpir: float = 0.01) -> Threshold:
        """The threshold of ``identify``. Raises what that raises."""
        return self._plan_for_gallery(gallery, fpir).threshold

    def enrol(self, subject: str, pictures: Sequence[Picture], gallery: Gallery, /, *, rule: Rule = "only", anyway: bool = False) -> Enrolment:
        """Add one template a picture, all or none: see ``Enrolment``. ``anyway``: in spite of doubts (``runtime.doubts``)."""
        self._check_artefacts(gallery)
        looks = [self.look(picture, rule=rule) for picture in pictures]
        embeddings = [look.embedding for look in looks if look.embedding]
        if len(embeddings) < len(looks):
            return Enrolment(looks, {}, 0)
        added: int | None = None
        while added is None:  # another process may enrol somebody meanwhile, whom the pictures may show
            changes = None if anyway else gallery.changes
            if not anyway and (doubts := find_doubts(subject, embeddings, gallery, self.bundle)):
                return Enrolment(looks, doubts, 0)
            added = gallery.enrol(subject, embeddings, artefact=self.bundle.artefact, changes=changes)
        return Enrolment(looks, {}, added)

    def _embedded(self, look: Look, image: Pixels, face: Detection) -> Look:
        """``look`` with the crop of its ``face``, its quality and its embedding, or the outcome where the quality does not do."""
        size, limits = self.manifest.preprocessing, self.manifest.limits
        crop = align(image, face.landmarks, size.height, size.width)
        quality = measure_quality(face, crop, (image.shape[1], image.shape[0]))
        if poor := judge_quality(quality, limits):  # before the work of embedding it
            return replace(look, crop=crop, quality=quality, outcome=poor[0], detail=poor[1])
        vector = self.embedder.vectors([crop])[0]
        quality = quality.embedded(vector)
        if poor := judge_quality(quality, limits):
            return replace(look, crop=crop, quality=quality, outcome=poor[0], detail=poor[1])
        return replace(look, crop=crop, quality=quality, embedding=self.embedder.unit(vector))

    def _compare(self, picture: Picture, gallery: Gallery, subject: str | None, plan: _Plan, rule: Rule) -> Decision:
        """The picture against the templates of ``subject``, of everybody where that is None."""
        look = self.look(picture, rule=rule)
        if look.embedding is None:
            return replace(_undecided(look, plan.threshold), comparisons=plan.comparisons)
        match = gallery.nearest(look.embedding, subject=subject, fused=plan.fused, distance=self.bundle.distance)
        return replace(_decide(match.distance, match.subject, plan.threshold), comparisons=plan.comparisons)

    def _plan_for_subject(self, subject: str, gallery: Gallery, fmr: float | None) -> _Plan:
        gallery.count(subject)  # an unknown subject is refused

        def threshold(comparisons: int, kinds: set[str], fused: int) -> Threshold:
            return self.manifest.threshold_for_subject(comparisons, fmr, kinds=kinds, fused=fused)

        return self._plan(gallery, subject, threshold)

    def _plan_for_gallery(self, gallery: Gallery, fpir: float) -> _Plan:
        def threshold(comparisons: int, kinds: set[str], _: int) -> Threshold:
            return self.manifest.threshold_for_gallery(comparisons, fpir, kinds=kinds)

        return self._plan(gallery, None, threshold)

    def _plan(self, gallery: Gallery, subject: str | None, threshold: Callable[[int, set[str], int], Threshold]) -> _Plan:
        """As many templates as one as were measured at a rate that small, each by itself where another embedder has made some.

        ``threshold`` of a number of comparisons, their kinds, and how many templates may be as one. Raises UnsupportedRate.
        """
        makers = self._check_artefacts(gallery)
        numbers = sorted(self.manifest.fused, reverse=True) if makers <= {self.bundle.artefact} else [1]
        refused = []
        for fused in numbers:
            sizes = gallery.sizes(fused=fused, subject=subject)
            kinds = {self.manifest.kind(size) for size in sizes} if fused > 1 else makers
            try:
                return _Plan(fused, sizes.total(), threshold(sizes.total(), kinds, fused))
            except UnsupportedRate as error:
                refused.append(error)
        raise max(refused, key=lambda error: error.photographs)

    def _check_artefacts(self, gallery: Gallery) -> set[str]:
        """The embedders that made the templates; one for which the bundle has no thresholds is refused."""
        artefacts = gallery.artefacts
        foreign = artefacts - {self.bundle.artefact, *self.manifest.makers}
        if foreign:
            raise GalleryError(
                f"{gallery.path}: expected templates of the bundle's embedder (sha256 {self.bundle.artefact[:12]}...), "
                f"got some of {min(foreign)[:12]}...; use the bundle that the gallery was made with, enrol into a new gallery, "
                "or measure thresholds for both: facelite calibrate --templates"
            )
        return artefacts


def open_verifier(path: str | Path, /, *, threads: int = 1) -> Verifier:
    """The bundle at ``path``, checked and self-tested. Raises BundleError, SelfTestError, each with the path."""
    bundle = open_bundle(path)
    try:
        return Verifier(bundle, threads=threads)
    except BundleError as error:
        raise type(error)(f"{path}: {error}") from None


def _decide(distance: float, subject: str | None, threshold: Threshold) -> Decision:
    outcome = Outcome.ACCEPTED if distance <= threshold.distance else Outcome.REJECTED
    return Decision(outcome, threshold, subject=subject, distance=distance)


def _undecided(look: Look, threshold: Threshold, which: str = "") -> Decision:
    return Decision(look.outcome or Outcome.NO_FACE, threshold, detail=which + look.detail)
