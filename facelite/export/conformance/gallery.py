"""Cases of the stage of a gallery: an embedding and enrolled templates to a decision, by whatever thresholds were measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from facelite.distance import Siamese
from facelite.errors import FaceliteError
from facelite.export.conformance.case import ROUNDED, Table, make_case, numbers
from facelite.face import Embedding, Floats, Outcome, Threshold
from facelite.gallery import Gallery, Keyring
from facelite.runtime.look import Look
from facelite.runtime.verifier import Verifier

CLEAR = 1e-3
"""Distance from the threshold below which rounding might decide: there is no such case."""

OTHER, UNKNOWN = "1" * 64, "2" * 64
"""Embedders beside the bundle's: one for whose templates there are thresholds, one for whose there are none."""

FMRS = (1e-1, 1e-2, 1e-3, 1e-4)
SHARES: dict[str, tuple[float, ...]] = {
    "": (0.70, 0.60, 0.47, 0.40),
    OTHER: (0.66, 0.52, 0.45),
    "fused 2": (0.64, 0.55, 0.44),
    "fused 3": (0.58, 0.46),
}
"""Thresholds at the first of FMRS, as shares of the distance of a vector that has nothing in common with the one in question."""

Enrolled = tuple[str, float, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: who is enrolled, about whom (None: everybody), at which rate (None: the default).

    Of each template the subject, how far it is from the vector in question (0 to 1), and its embedder ("" is the bundle's).
    """

    name: str
    enrolled: tuple[Enrolled, ...]
    subject: str | None = None
    rate: float | None = None


ADA: tuple[Enrolled, ...] = (("Ada", 0.5, ""), ("Ada", 0.6, ""), ("Ada", 0.55, ""))
BOB: tuple[Enrolled, ...] = (("Bob", 1.0, ""), ("Bob", 0.9, ""))
COMPOSED, DECOMPOSED = "Jos\u00e9", "Jose\u0301"

QUESTIONS = (
    Asked("who it is", (*BOB, *ADA)),
    Asked("nobody", BOB),
    Asked("two people's pictures by turns", (BOB[0], ADA[0], BOB[1], ADA[1]), rate=0.2),
    Asked("one of them", (*ADA, *BOB), "Ada"),
    Asked("another one", (*ADA, *BOB), "Bob"),
    Asked("somebody who is not enrolled", ADA, "Carl"),
    Asked("an empty gallery", (), "Ada"),
    Asked("nobody is enrolled", ()),
    Asked("a template alone", (*BOB, ("Ada", 0.6, ""))),
    Asked("nine templates, three as one", ADA * 3, "Ada", 1e-2),
    Asked("a rate at which only fewer as one were measured", ADA, rate=5e-3),
    Asked("a rate at which only each alone was measured", ADA, rate=1.5e-3),
    Asked("a rate that nothing was measured at", ADA, rate=1e-6),
    Asked("a rate between two that were measured", ADA, "Ada", 5e-3),
    Asked("a rate of nothing", ADA, rate=0.0),
    Asked("a rate of all", ADA, rate=1.0),
    Asked("templates of the other embedder", (*BOB, ("Ada", 0.5, OTHER), ("Ada", 0.4, OTHER))),
    Asked("one of the other embedder's among the bundle's", (*ADA, ("Bob", 0.9, OTHER)), "Ada", 1e-2),
    Asked("templates of another embedder", (*ADA, ("Bob", 1.0, UNKNOWN)), "Ada"),
    Asked("a name by its code points", ((COMPOSED, 1.0, ""), (DECOMPOSED, 0.5, "")), COMPOSED),
)


def gallery_cases(verifier: Verifier, /) -> list[Table]:
    """The cases of the stage, in vectors of the bundle's length, by its own distance and by thresholds made for them."""
    bundle, probe = verifier.bundle, _direction(verifier, 0)
    apart = float(bundle.distance.pairs(probe, _direction(verifier, 1)))
    tables = {kind: [(fmr, round(share * apart, 6)) for fmr, share in zip(FMRS, shares, strict=False)] for kind, shares in SHARES.items()}
    measured = {kind: tuple(Threshold(distance, fmr, fmr, 0.1, 1000, 10**6, 10**6) for fmr, distance in table) for kind, table in tables.items()}
    own = measured.pop("")
    asked = Verifier(replace(bundle, manifest=replace(bundle.manifest, thresholds=own, template_thresholds=measured, fmr=1e-2)))
    known = {kind: [{"fmr": fmr, "distance": distance} for fmr, distance in table] for kind, table in tables.items()}
    head = bundle.distance
    given = {
        "embedder": bundle.artefact,
        "thresholds": known.pop(""),
        "template_thresholds": known,
        "fmr": 1e-2,
        "head": {"form": head.form, "weights": numbers(head.weights, 7)} if isinstance(head, Siamese) else None,
        "vector": probe,
    }
    return [case for question in QUESTIONS if (case := _ask(asked, given, question))]


def _direction(verifier: Verifier, number: int) -> Floats:
    vector = np.random.default_rng(number).normal(size=verifier.manifest.embedding)
    unit: Floats = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def _templates(verifier: Verifier, probe: Floats, question: Asked) -> Iterator[tuple[str, str, Floats]]:
    """Subject, embedder and vector of each: the probe and a direction of its own, mixed."""
    for place, (subject, far, maker) in enumerate(question.enrolled):
        vector = (1 - far) * probe + far * _direction(verifier, 1 + place)
        yield subject, maker or verifier.bundle.artefact, (vector / np.linalg.norm(vector)).astype(np.float32)


@contextmanager
def open_gallery(verifier: Verifier, templates: Sequence[tuple[str, str, Floats]]) -> Iterator[Gallery]:
    """A gallery of templates: subject, embedder and vector of each, in the order of their enrolment."""
    space = verifier.manifest.space
    with TemporaryDirectory() as folder, Gallery(Path(folder, "people.gallery"), space=space, create=True, keyring=Keyring(folder)) as gallery:
        for (subject, artefact), group in groupby(templates, key=lambda one: one[:2]):
            gallery.enrol(subject, [Embedding(vector, space) for _, _, vector in group], artefact=artefact)
        yield gallery


def _ask(verifier: Verifier, given: Table, question: Asked) -> Table | None:
    """None where the distance is so near to the threshold that rounding would decide."""
    templates = list(_templates(verifier, given["vector"], question))
    look = Look(embedding=Embedding(given["vector"], verifier.manifest.space))
    subjects, artefacts, vectors = zip(*templates, strict=True) if templates else ((), (), np.empty((0, verifier.manifest.embedding)))
    enrolled = {"subjects": subjects, "artefacts": artefacts, "vectors": np.array(vectors, np.float32)}
    asked = {**given, **enrolled, "subject": question.subject, "rate": question.rate}
    with open_gallery(verifier, templates) as gallery:
        try:
            if question.subject is None:
                decision = verifier.identify(look, gallery, fpir=0.01 if question.rate is None else question.rate)
            else:
                decision = verifier.verify_subject(look, question.subject, gallery, fmr=question.rate)
        except (FaceliteError, ValueError):
            return make_case(question.name, asked, None)
    distance, threshold = decision.distance, decision.threshold.distance
    if distance is None or abs(distance - threshold) < CLEAR:
        return None
    who = decision.subject if decision.outcome is Outcome.ACCEPTED else None
    expected = {"outcome": decision.outcome.value, "subject": who, "distance": round(distance, 6), "threshold": threshold}
    return make_case(question.name, asked, expected, distance=ROUNDED)
