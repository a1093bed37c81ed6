"""Cases of the stage of an enrolment: embeddings that are to become templates, and which of them facelite doubts."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np

from facelite.distance import SQUARED_L2, PairForm, Siamese
from facelite.errors import FaceliteError
from facelite.export.conformance.case import Table, make_case, numbers
from facelite.export.conformance.gallery import COMPOSED, DECOMPOSED, OTHER, UNKNOWN, open_gallery
from facelite.face import Embedding, Floats, Threshold
from facelite.runtime.look import Look
from facelite.runtime.verifier import Verifier

Measured = dict[str, tuple[tuple[float, float], ...]]

USUAL: Measured = {
    "": ((1e-1, 1.0), (1e-2, 0.8), (1e-3, 0.6), (1e-4, 0.4)),
    OTHER: ((1e-2, 0.7), (1e-3, 0.5)),
    "fused 3": ((1e-2, 0.75), (1e-3, 0.65)),
}
FEW: Measured = {"": ((1e-1, 1.0), (1e-2, 0.8)), OTHER: ((1e-2, 0.3),)}
WIDE: Measured = {"": ((1e-1, 1.4), (1e-2, 1.0))}
"""FMR and distance of thresholds."""

Vector = tuple[float, ...]
"""The first numbers of a unit vector whose others are 0."""

Enrolled = tuple[str, Vector, str]

ONE: Vector = (1, 0, 0, 0)
HALVES: Vector = (0.5, 0.5, 0.5, 0.5)
"""In squared L2 exactly 1 from ONE, whoever rounds."""


def _off(distance: float, axis: int) -> Vector:
    """A vector of this squared L2 from ONE, towards an axis; two towards different axes, of cosines c and d with ONE, are 2 - 2 c d apart."""
    cosine = 1 - distance / 2
    vector = [cosine, 0.0, 0.0, 0.0]
    vector[axis] = (1 - cosine**2) ** 0.5
    return tuple(vector)


WEIGHTS = (1.0, 1.5, 0.125, 0.25)
"""Of a head, for the first numbers of a vector: one that looks at the second most."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The vectors of ``pictures`` of ``subject``; whose each template is, its vector, and its embedder ("" is the bundle's)."""

    name: str
    pictures: tuple[Vector, ...]
    enrolled: tuple[Enrolled, ...] = ()
    subject: str = "Ada"
    anyway: bool = False
    measured: Measured = field(default_factory=lambda: USUAL)
    form: PairForm | None = None


QUESTIONS = (
    Asked("one picture, and nobody is enrolled", (ONE,)),
    Asked("two pictures within the loosest threshold", (ONE, _off(0.9, 1))),
    Asked("two pictures that are unlike", (ONE, _off(1.02, 1))),
    Asked("two that are alike, and one far from both", (ONE, _off(0.3, 1), _off(2, 2))),
    Asked("three in a row, the ends unlike", (_off(0.8, 1), ONE, _off(0.8, 2))),
    Asked("two and two", (ONE, _off(0.1, 1), _off(1.9, 2), _off(1.7, 2))),
    Asked("three of one, two of another", (ONE, _off(1.9, 2), _off(0.1, 1), _off(1.7, 2), _off(0.2, 1))),
    Asked("three that are alike and far from the template", (ONE, _off(0.1, 1), _off(0.2, 1)), (("Ada", _off(2, 2), ""),)),
    Asked("linked to a template by another picture", (ONE, _off(0.8, 1)), (("Ada", _off(1.6, 1), ""),)),
    Asked("templates of two groups, and like one of them", (ONE,), (("Ada", _off(0.5, 1), ""), ("Ada", _off(2, 2), ""))),
    Asked("at the limit of an outlier", (ONE, HALVES)),
    Asked("one picture twice", (ONE, ONE), (("Ada", _off(2, 1), ""),)),
    Asked("far from the template that is stored", (ONE,), (("Ada", _off(2, 1), ""),)),
    Asked("near to a template that is stored, or not", (ONE, _off(2, 2)), (("Ada", _off(1.9, 2), ""),)),
    Asked("far from each of three templates, and near to their mean", (ONE,), tuple(("Ada", _off(1.2, axis), "") for axis in (1, 2, 3))),
    Asked("somebody else's", (ONE, _off(0.9, 1)), (("Bob", _off(0.5, 2), ""),)),
    Asked("the nearer one of two others", (ONE,), (("Bob", _off(0.58, 1), ""), ("Carl", _off(0.5, 2), ""))),
    Asked("at the limit of a double", (ONE,), (("Bob", HALVES, ""),), measured=WIDE),
    Asked("like one's own template", (ONE,), (("Ada", _off(0.5, 1), ""),)),
    Asked("of others only those of others count", (ONE,), (*(("Ada", _off(0.5, axis), "") for axis in (1, 2)), ("Bob", _off(0.7, 3), ""))),
    Asked("two others tighten the threshold", (ONE,), (("Bob", _off(0.7, 1), ""), ("Carl", _off(1.5, 2), ""))),
    Asked("near to the mean of somebody else's templates", (ONE,), tuple(("Bob", _off(0.9, axis), "") for axis in (1, 2, 3))),
    Asked("two doubts about one picture", (ONE, _off(2, 1)), (("Bob", _off(0.5, 2), ""),)),
    Asked("two doubts, enrolled anyway", (ONE, _off(2, 1)), (("Bob", _off(0.5, 2), ""),), anyway=True),
    Asked("a rate that was not measured", (ONE, _off(0.308, 1)), (("Bob", _off(0.7, 2), OTHER), ("Carl", _off(1.5, 3), "")), measured=FEW),
    Asked("templates of the other embedder", (ONE,), (("Bob", _off(0.75, 1), OTHER),)),
    Asked("one's own template of the other embedder", (ONE,), (("Ada", _off(0.5, 1), OTHER), ("Bob", _off(0.75, 2), ""))),
    Asked("templates of another embedder", (ONE,), (("Bob", _off(0.5, 1), UNKNOWN),)),
    Asked("one name in two spellings", (ONE,), ((DECOMPOSED, _off(0.5, 1), ""),), COMPOSED),
    Asked("a head that has no doubts where squared L2 has two", (ONE, _off(1.2, 2)), (("Bob", _off(0.4, 1), ""),), form="absolute"),
    Asked("a head that has two doubts where squared L2 has none", (ONE, _off(0.5, 1)), (("Bob", _off(1.2, 2), ""),), form="chi-square"),
)


def enrolment_cases(verifier: Verifier, /) -> list[Table]:
    """The cases of the stage, in vectors of the bundle's length, by thresholds and heads made for them."""
    return [_ask(verifier, question) for question in QUESTIONS]


def _ask(verifier: Verifier, question: Asked) -> Table:
    space, size, artefact = verifier.manifest.space, verifier.manifest.embedding, verifier.bundle.artefact
    head = Siamese(_long(WEIGHTS, size), question.form) if question.form else None
    known = {kind: [{"fmr": fmr, "distance": distance} for fmr, distance in table] for kind, table in question.measured.items()}
    vectors = [_long(vector, size) for vector in question.pictures]
    templates = [(subject, maker or artefact, _long(vector, size)) for subject, vector, maker in question.enrolled]
    given = {
        "embedder": artefact,
        "thresholds": known.pop(""),
        "template_thresholds": known,
        "fmr": 1e-2,
        "head": {"form": head.form, "weights": numbers(head.weights, 7)} if head else None,
        "subjects": [subject for subject, _, _ in templates],
        "artefacts": [maker for _, maker, _ in templates],
        "vectors": np.array([vector for _, _, vector in templates], np.float32).reshape(-1, size),
        "subject": question.subject,
        "embeddings": np.stack(vectors),
        "anyway": question.anyway,
    }
    looks = [Look(embedding=Embedding(vector, space)) for vector in vectors]
    with open_gallery(verifier, templates) as gallery:
        try:
            enrolment = _deciding(verifier, question.measured, head).enrol(question.subject, looks, gallery, anyway=question.anyway)
        except FaceliteError:
            return make_case(question.name, given, None)
    places = sorted(enrolment.doubts)
    doubts = [enrolment.doubts[place] for place in places]
    expected = {
        "places": places,
        "kinds": [doubt.kind for doubt in doubts],
        "others": [doubt.other for doubt in doubts],
        "distances": [round(doubt.distance, 6) for doubt in doubts],
        "limits": [doubt.limit for doubt in doubts],
        "added": enrolment.added,
    }
    return make_case(question.name, given, expected, distances={"largest": 1e-5})


def _long(first: Vector, size: int) -> Floats:
    return np.array([*first, *[0.0] * (size - len(first))], np.float32)


def _deciding(verifier: Verifier, measured: Measured, head: Siamese | None) -> Verifier:
    """``verifier`` with other thresholds and another distance."""
    tables = {kind: tuple(Threshold(distance, fmr, fmr, 0.1, 1000, 10**6, 10**6) for fmr, distance in table) for kind, table in measured.items()}
    own = tables.pop("")
    manifest = replace(verifier.manifest, thresholds=own, template_thresholds=tables, fmr=1e-2)
    other = copy(verifier)
    other.bundle, other.manifest = replace(verifier.bundle, manifest=manifest, distance=head or SQUARED_L2), manifest
    return other
