"""The end of a report: what its words mean, and what it was made with."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import cv2
import numpy as np

import facelite
from facelite.evaluation.judge import Judgement, Model
from facelite.evaluation.report.page import Section, definitions, paragraph, table
from facelite.runtime.interpreter import runtime_name

WORDS = (
    ("Distance", "Squared L2 distance of two embeddings of unit length: 0 for the same, 2 for unrelated, 4 at most. Smaller is more alike."),
    ("Threshold", "A pair at or below this distance is taken for one person."),
    ("Genuine, impostor", "A pair of pictures of one person; a pair of pictures of two people."),
    ("FMR", "False match rate: the share of impostor pairs accepted. FaceNet calls it FAR."),
    ("FNMR", "False non-match rate: the share of genuine pairs rejected. A picture in which no face was found is rejected."),
    ("VAL", "1 - FNMR at the threshold of a stated FMR: how many of the right people are let in when strangers are kept out that well."),
    ("EER", "Equal error rate: FMR and FNMR where they meet. One number to compare by; no door is run at it."),
    ("AUC", "The probability that a genuine pair is nearer than an impostor pair."),
    (
        "Accuracy",
        "Right answers at the threshold that is best on the other folds, as in LFW's protocol; genuine and impostor pairs count half each.",
    ),
    (
        "95 % interval, by identity",
        "People, not pairs, are drawn again, 400 times, since pairs that share a person are not independent; the middle 95 % is the interval.",
    ),
    (
        "Rule of three",
        "No error among N independent comparisons still leaves a rate of up to 3 / N possible (95 %). Below that nothing can be claimed.",
    ),
    ("FPIR, FNIR", "Searching 1:N: strangers taken for somebody enrolled; mates, who are enrolled, that are missed or not first."),
)


HEAD = (
    "Siamese head",
    "What a model may decide by in place of squared L2: learned weights for how far apart two embeddings are in each number, in the same range.",
)


def glossary(judgement: Judgement, /) -> Section:
    heads = [HEAD] if any(judged.embedded.distance.name == "siamese" for judged in judgement.judged) else []
    return Section("How to read this", [definitions([*WORDS, *heads])])


def provenance(judgement: Judgement, models: Sequence[Model], source: str, /) -> Section:
    """Data, crop, models by their digest, versions; no date, so that the same input gives the same page."""
    own = {"facelite": facelite.__version__, "Python": platform.python_version(), "NumPy": np.__version__, "OpenCV": cv2.__version__}
    versions = own | {package: _version(package) for package in (runtime_name(), "matplotlib")}
    rows = [[model.name, model.make().artefact] for model in models]
    note = f"Judged: {source}. Of each picture: {judgement.crop}. Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}."
    files = "Each figure lies beside this page as SVG and as PNG."
    return Section("How it was made", [paragraph(note), table("Models.", ["Model", "sha256 of the embedder"], rows), paragraph(files)])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # copied there by hand
        return "unknown"
