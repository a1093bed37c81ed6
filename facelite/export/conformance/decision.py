"""Cases of the stages from two embeddings to a decision, and of all together: distance, fuse, threshold, gallery, enrolment, decision, verify."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from facelite.bundle import Manifest, fused_kind
from facelite.distance import SQUARED_L2, Siamese, scaled
from facelite.errors import UnsupportedRate
from facelite.export.conformance.case import ROUNDED, Scene, Table, make_case, numbers, whole
from facelite.export.conformance.enrolment import enrolment_cases
from facelite.export.conformance.gallery import gallery_cases
from facelite.export.synthetic import draw_face
from facelite.face import Floats, Threshold, fuse_groups
from facelite.runtime.choice import Rule
from facelite.runtime.verifier import Verifier

APART = 0.1
"""Tolerance of the distance of two frames: integer kernels and resamplers round differently for each of them."""


def decision_stages(verifier: Verifier, /) -> dict[str, list[Table]]:
    """The cases of each stage; of ``verifier``'s bundle only those of two frames are."""
    return {
        "distance": [_distance(*case) for case in _pairs()],
        "fuse": [_fuse(verifier.manifest, *case) for case in ENROLLED],
        "threshold": [_threshold(verifier.manifest, *case) for case in ASKED],
        "gallery": gallery_cases(verifier),
        "enrolment": enrolment_cases(verifier),
        "decision": [make_case(name, dict(zip(("first", "second", "distance", "threshold"), given, strict=True)), {"outcome": outcome})
                     for name, given, outcome in DECISIONS],
        "verify": [case for one in _frames() if (case := _verify(verifier, *one))],
    }  # fmt: skip


def _pairs() -> list[tuple[str, Siamese | None, Floats, Floats]]:
    """Name, head (None: squared L2), two unit vectors (8,)."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 8)).astype(np.float32)
    weights = rng.normal(0.7, 1, 8).astype(np.float32)
    a[3] = b[3] = 0  # where the chi-square form would divide by zero
    others = {"equal": a, "near": a + 0.1 * b, "far": b, "opposite": -a}
    heads = {
        "squared-l2": None,
        "absolute": scaled(weights, form="absolute"),
        "chi-square": scaled(weights, form="chi-square"),
        "absolute, some weights below zero": scaled(weights - 0.6, form="absolute"),
    }
    return [(f"{what}, {name}", head, _unit(a), _unit(other)) for name, head in heads.items() for what, other in others.items()]


def _unit(vector: Floats) -> Floats:
    return np.array(numbers(vector / np.linalg.norm(vector), 7), np.float32)


def _distance(name: str, head: Siamese | None, a: Floats, b: Floats) -> Table:
    table = {"form": head.form, "weights": numbers(head.weights, 7)} if head else None
    distance = (head or SQUARED_L2).pairs(a, b)
    return make_case(name, {"head": table, "a": numbers(a, 7), "b": numbers(b, 7)}, {"distance": round(float(distance), 6)}, distance=ROUNDED)


ENROLLED: tuple[tuple[str, tuple[int, ...], int], ...] = (
    ("one template", (2, 3, 5), 1),
    ("three templates", (2, 3, 5), 3),
    ("four templates, not measured", (2, 3, 5), 4),
    ("seven templates, more than were measured", (2, 3, 5), 7),
    ("three templates, nothing measured", (), 3),
)
"""Name, numbers of templates for which thresholds were measured, and how many templates there are."""


def _fuse(manifest: Manifest, name: str, measured: tuple[int, ...], number: int) -> Table:
    known = replace(manifest, template_thresholds={fused_kind(one): manifest.thresholds for one in measured})
    templates = np.stack([_unit(row) for row in np.random.default_rng(number).normal(size=(number, 8)).astype(np.float32)])
    vectors, sizes = fuse_groups(templates, max(known.fused))
    expected = {"vectors": numbers(vectors, 6), "kinds": [known.kind(size) for size in sizes]}
    return make_case(name, {"measured": measured, "templates": numbers(templates, 7)}, expected, vectors=ROUNDED)


OWN = ((1e-1, 1.4), (1e-2, 1.2), (1e-3, 0.95), (1e-4, 0.8))
OTHER = ((1e-2, 1.1), (1e-3, 0.97))
THREE = ((1e-2, 1.15), (1e-3, 0.93), (1e-4, 0.77))
"""FMR and distance of a bundle's thresholds, whose default is 1e-2: for templates of its own embedder, for those of another one, for three as one."""

Question = Literal["pictures", "subject", "gallery"]

ASKED: tuple[tuple[str, Question, float | None, int, tuple[str, ...]], ...] = (
    ("two pictures, default", "pictures", None, 1, ()),
    ("two pictures", "pictures", 1e-3, 1, ()),
    ("two pictures, a rate between two that were measured", "pictures", 5e-3, 1, ()),
    ("a subject of one template", "subject", None, 1, ("own",)),
    ("a subject of two templates", "subject", None, 2, ("own",)),
    ("a subject of ten templates", "subject", 1e-2, 10, ("own",)),
    ("a subject of eleven templates", "subject", 1e-3, 11, ("own",)),
    ("templates of the other embedder", "subject", 1e-3, 1, ("other",)),
    ("templates of both, one a subject", "subject", 1e-2, 1, ("own", "other")),
    ("templates of both, the other's thresholds end", "subject", 1e-3, 2, ("own", "other")),
    ("a subject of three templates as one", "subject", 1e-3, 1, ("fused 3",)),
    ("a subject of nine templates in groups of three", "subject", 1e-2, 3, ("fused 3",)),
    ("a gallery of some alone, some as one", "gallery", 1e-2, 5, ("", "fused 3")),
    ("an empty gallery", "gallery", 1e-2, 0, ()),
    ("a gallery of 90", "gallery", 9e-2, 90, ("own",)),
    ("a gallery of 90 of both", "gallery", 9e-2, 90, ("own", "other")),
    ("a gallery of 100,000", "gallery", 1e-2, 100_000, ("own",)),
)
"""Name, what is compared, the rate that is asked for, how many vectors are compared with, of which kinds."""


def _threshold(manifest: Manifest, name: str, question: Question, rate: float | None, templates: int, kinds: tuple[str, ...]) -> Table:
    own, other, three = ([{"fmr": fmr, "distance": distance} for fmr, distance in table] for table in (OWN, OTHER, THREE))
    asked = {"question": question, "rate": rate, "templates": templates, "kinds": kinds}
    given = {"thresholds": own, "template_thresholds": {"other": other, "fused 3": three}, "fmr": 1e-2, **asked}
    measured = [tuple(Threshold(distance, fmr, fmr, 0.1, 1000, 10**6, 10**6) for fmr, distance in table) for table in (OWN, OTHER, THREE)]
    known = replace(manifest, thresholds=measured[0], template_thresholds={"other": measured[1], "fused 3": measured[2]}, fmr=1e-2)
    try:
        if question == "pictures":
            found = known.threshold(rate)
        elif question == "subject":
            found = known.threshold_for_subject(templates, rate, kinds=kinds)
        else:
            found = known.threshold_for_gallery(templates, rate or known.fmr, kinds=kinds)
    except UnsupportedRate:
        return make_case(name, given, None)
    return make_case(name, given, {"fmr": found.fmr, "distance": found.distance})


DECISIONS: tuple[tuple[str, tuple[str | None, str | None, float | None, float], str], ...] = (
    ("nearer than the threshold", (None, None, 0.7, 0.9), "accepted"),
    ("at the threshold", (None, None, 0.9, 0.9), "accepted"),
    ("beyond the threshold", (None, None, 0.91, 0.9), "rejected"),
    ("equal pictures at a threshold that nothing matches", (None, None, 0.0, -0.001), "rejected"),
    ("nobody on the first", ("no face", None, None, 0.9), "no face"),
    ("two people on the second", (None, "several faces", None, 0.9), "several faces"),
    ("both are poor: the first counts", ("blurred", "too dark", None, 0.9), "blurred"),
)
"""Name, what became of both frames (None: an embedding), distance, threshold, and the outcome: by the specification's own words."""


def _frames() -> list[tuple[str, Scene, Scene, Rule]]:
    face, other = draw_face(0, side=100), draw_face(1, side=100)
    plain, blue, dark = whole(face), whole(np.roll(other, 1, axis=2)), whole((face * 0.15).astype(np.uint8))
    blurred = whole(np.asarray(cv2.GaussianBlur(draw_face(0, side=100), (0, 0), 3.2)))
    small, two = Scene(150, 200, ((20, 30, draw_face(1, side=32)),)), Scene(131, 240, ((8, 31, face), (140, 5, other)))
    return [
        ("the same, less light", plain, whole((face * 0.8).astype(np.uint8)), "only"),
        ("the same, on its side", plain, whole(np.rot90(face)), "only"),
        ("another face, of another colour", whole(draw_face(5, side=100)), blue, "only"),
        ("nobody on the second", plain, Scene(97, 143), "only"),
        ("two people on the first", two, plain, "only"),
        ("two people, one of them nearer to the centre", two, plain, "centre"),
        ("two people, one of them larger", two, plain, "largest"),
        ("a small face", small, plain, "only"),
        ("little light", plain, dark, "only"),
        ("blurred", blurred, plain, "only"),
        ("nobody, then little light", Scene(97, 143), dark, "only"),
    ]


def _verify(verifier: Verifier, name: str, first: Scene, second: Scene, rule: Rule) -> Table | None:
    """None where the distance is so near to the threshold that rounding would decide."""
    decision = verifier.verify(first.draw(), second.draw(), rule=rule)
    distance = decision.distance
    if distance is not None and abs(distance - decision.threshold.distance) < 2 * APART:
        return None
    expected = {"outcome": decision.outcome.value, "distance": None if distance is None else round(distance, 6)}
    return make_case(name, {"first": first, "second": second, "rule": rule}, expected, distance={"largest": APART})
