"""Weights -> an embedder: converted, held to parity with float32, its thresholds measured on held-out people."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from facelite.bundle import FUSED, fused_kind
from facelite.calibration import calibrate, calibrate_fused, check_supported, count_people_pairs, supported_fmrs
from facelite.distance import SQUARED_L2, Distance
from facelite.errors import ExportError, InputError
from facelite.evaluation.crop import DetectedFace
from facelite.evaluation.embed import Embedded, crop_picture, embed_pictures
from facelite.evaluation.people import People, open_people
from facelite.evaluation.quality import least_clarity
from facelite.export.layers import Layer, describe_layers
from facelite.export.master import Master
from facelite.export.parity import Compared, Parity, check_parity, compare, parity_of
from facelite.export.recipe import INTEGER, Recipe
from facelite.export.release import known_clarity, known_parity, known_thresholds
from facelite.face import FaceCrop, Floats, Threshold
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder

LEAK = 0.9
"""Squared distance to the mean of a held-out person below which a picture is not used as representative image."""

LEAK_PICTURES = 2000
"""Pictures of held-out people that the means are taken from."""

LAYER_INPUTS = 8
"""Faces on which the error of each layer is measured: of one more or less, no layer's changes its first figure."""

MIN_PEOPLE = 5
"""Fewest people of representative images: ranges from one or two faces would cut off what others give."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """A converted embedder; ``compared``, on which its ``parity`` was measured, is None where that was known and no faces were given.

    ``template_thresholds`` are for its probes and the templates of the embedders (sha256) that the recipe names, or fused templates of its own.
    ``clarity`` is the least that a face is compared with. ``pictures``: how many it learnt from, and how many were wanted.
    """

    model: bytes
    thresholds: tuple[Threshold, ...]
    template_thresholds: dict[str, tuple[Threshold, ...]] = field(default_factory=dict)
    clarity: float = 0.0
    layers: Sequence[Layer] = ()
    parity: Parity | None = None
    compared: Compared | None = None
    pictures: tuple[int, int] = (0, 0)


def rebuild_without_faces(recipe: Recipe, folder: Path, master: Master, distance: Distance, progress: Progress, /) -> Rebuilt:
    """Convert, and look the thresholds up by the sha256 of what came out and of the head that decides, if any. Raises ExportError."""
    progress("convert", 0, 1)
    model = master.convert(precision=recipe.precision)
    if (known := known_thresholds(recipe, folder, model, distance)) is None:
        raise ExportError("expected faces of held-out people for thresholds, got none; give people's pictures: --faces DIR")
    if parity := known_parity(recipe, folder, model, distance):
        check_parity(parity, recipe, "the conversion")
    return Rebuilt(model, *known, known_clarity(recipe, folder, model, distance), describe_layers(model), parity)


def rebuild(
    recipe: Recipe,
    master: Master,
    progress: Progress,
    /,
    *,
    faces: str | Path,
    detector: bytes,
    earlier: bytes | None,
    templates: Sequence[bytes] = (),
    distance: Distance = SQUARED_L2,
) -> Rebuilt:
    """Convert, hold to parity with float32 (and float32 to the ``earlier`` release, if any), calibrate by the ``distance`` that decides.

    Raises BudgetBroken, UnsupportedRate, ExportError.
    """

    def embedder(model: bytes) -> Callable[[], Embedder]:
        return lambda: Embedder(model, space=recipe.space, preprocessing=master.preprocessing)

    def foreign(model: bytes) -> Callable[[], Embedder]:
        return lambda: Embedder(model, space=recipe.space)

    with open_people(faces, recipe.faces) as people:
        held_out = people(True)
        _check_people(held_out, recipe)
        progress("convert", 0, 1)
        model = float32 = master.convert(precision="float32")
        pictures = 0, 0
        if recipe.precision != "float32" or recipe.smaller:
            model, pictures = _quantised(recipe, master, people(False), held_out, detector, embedder(float32), progress)
        embedded = embed_pictures(
            held_out.names,
            held_out.read,
            detector=detector,
            embedders=[*(embedder(one) for one in (float32, model, *([earlier] if earlier else []))), *(foreign(one) for one in templates)],
            progress=lambda done, total: progress("calibrate", done, total),
        )
        layers = describe_layers(model, float32=float32, inputs=_some_inputs(held_out, detector, master.preprocessing))
    check_found(embedded[0])
    measured = measure(held_out, embedded[0], embedded[1], fmr=recipe.fmr, fmrs=recipe.fmrs, distance=distance)
    check_parity(measured.parity, recipe, "the conversion")
    if earlier:
        check_parity(parity_of(compare(held_out, embedded[0], embedded[2], distance=distance), fmr=recipe.fmr), recipe, "the released file")
    enrolled = zip(templates, embedded[len(embedded) - len(templates) :], strict=True)
    crossed = {
        hashlib.sha256(one).hexdigest(): tuple(calibrate(held_out.comparisons(other, probes=embedded[1], distance=distance), measured.fmrs))
        for one, other in enrolled
    }
    kinds = crossed | measured.fused
    return Rebuilt(model, measured.thresholds, kinds, measured.clarity, layers, measured.parity, measured.compared, pictures)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The thresholds of an embedder and of its ``fused`` templates by their kinds, its least ``clarity``, and what it lost against float32."""

    thresholds: tuple[Threshold, ...]
    fused: dict[str, tuple[Threshold, ...]]
    clarity: float
    parity: Parity
    compared: Compared

    @property
    def fmrs(self) -> list[float]:
        return [threshold.fmr for threshold in self.thresholds]


def measure(
    held_out: People, float32: Embedded, embedded: Embedded, /, *, fmr: float, fmrs: Sequence[float] = (), distance: Distance = SQUARED_L2
) -> Measured:
    """What ``embedded``, the pictures of ``held_out`` in the order of their names, says of its embedder at ``fmr`` and ``fmrs`` (none: all that
    the people support). Raises UnsupportedRate.
    """
    comparisons = held_out.comparisons(embedded, distance=distance)
    rates = sorted({fmr, *(fmrs or supported_fmrs(comparisons.people_pairs))}, reverse=True)
    thresholds = tuple(calibrate(comparisons, rates))
    fused = calibrate_fused(lambda number: held_out.comparisons(embedded, fused=number, distance=distance), FUSED, rates)
    kinds = {fused_kind(number): tuple(found) for number, found in fused.items() if fmr in [one.fmr for one in found]}
    default = next(threshold for threshold in thresholds if threshold.fmr == fmr)
    clarity = least_clarity(replace(embedded, distance=distance), held_out.subjects, distance=default.distance)
    compared = compare(held_out, float32, embedded, distance=distance)
    return Measured(thresholds, kinds, clarity, parity_of(compared, fmr=fmr), compared)


def _quantised(
    recipe: Recipe,
    master: Master,
    others: People,
    held_out: People,
    detector: bytes,
    make: Callable[[], Embedder],
    progress: Progress,
) -> tuple[bytes, tuple[int, int]]:
    """The model in the recipe's precision, its ranges and its training by crops of the ``others``; and how many these were, of how many wanted."""
    wanted = max(recipe.representative if recipe.precision in INTEGER else 0, recipe.tuning.pictures if recipe.is_tuned else 0)
    crops = representative(others, held_out, detector, make, wanted, progress) if wanted else []
    progress("convert", 0, 1)
    options: dict[str, Any] = {"precision": recipe.precision, "io": recipe.io, "representative": crops[: recipe.representative]}
    if recipe.is_tuned:
        options |= {"smaller": recipe.smaller, "pictures": crops, "tuning": recipe.tuning, "progress": progress}
    return master.convert(**options), (len(crops), wanted)


def representative(
    others: People, held_out: People, detector: bytes, make: Callable[[], Embedder], wanted: int, progress: Progress, /
) -> list[FaceCrop]:
    """Up to ``wanted`` crops of ``others``: one of each person, drawn by lot, before anybody's second.

    None looks, to the float embedder of ``make``, like somebody held out of another numbering: inside one, names tell people apart.
    Raises ExportError where they are of fewer than MIN_PEOPLE people.
    """
    centres = _centres(held_out, detector, make) if len(set(others.numbering)) > 1 else {}
    finder, embedder = Detector(detector), make()
    crops, seen = list[FaceCrop](), set[tuple[str, str]]()
    for i in _in_turn(others):
        if len(crops) == wanted:
            break
        for crop in crop_picture(others.read(others.names[i]), finder, [embedder.preprocessing], DetectedFace()) or []:
            foreign = [rows for numbering, rows in centres.items() if numbering != others.numbering[i]]
            if not foreign or (2 - 2 * np.concatenate(foreign) @ embedder.embed(crop).vector).min() >= LEAK:
                crops.append(crop)
                seen.add((others.numbering[i], others.person[i]))
                progress("representative images", len(crops), wanted)
    if len(seen) < MIN_PEOPLE:
        raise ExportError(f"expected representative images of at least {MIN_PEOPLE} people, got {len(seen)}; give other people's too: --faces DIR")
    return crops


def _in_turn(people: People) -> list[int]:
    """The places of the pictures by lot, everybody's first before anybody's second."""
    order = np.random.default_rng(1).permutation(len(people.names)).tolist()
    shown: Counter[tuple[str, str]] = Counter()
    turn = {}
    for i in order:
        who = people.numbering[i], people.person[i]
        turn[i] = shown[who]
        shown[who] += 1
    return sorted(order, key=turn.__getitem__)


def _some_inputs(held_out: People, detector: bytes, size: Preprocessing) -> list[Floats]:
    """What the network is given for the first faces found in pictures of held-out people, each (1, height, width, 3)."""
    finder = Detector(detector)
    found = (crop for name in held_out.names for crop in crop_picture(held_out.read(name), finder, [size], DetectedFace()) or [])
    return [to_input(crop.pixels, size) for crop in islice(found, LAYER_INPUTS)]


def _check_people(held_out: People, recipe: Recipe) -> None:
    """Refuse rates that so few people cannot support before the long work, even if a face is found in every picture."""
    check_supported(min([recipe.fmr, *recipe.fmrs]), people_pairs(held_out))


def people_pairs(held_out: People, /) -> int:
    """How many pairs of distinct people there are, whom their numberings tell apart."""
    numbering = [numbering for numbering, _ in set(zip(held_out.numbering, held_out.person, strict=True))]
    return count_people_pairs(np.unique(numbering, return_inverse=True)[1])


def check_found(embedded: Embedded, /) -> None:
    """Raises InputError where no picture showed a face."""
    if not embedded.found.any():
        raise InputError(f"expected faces in {len(embedded.names)} pictures of held-out people, found none; give other pictures: --faces DIR")


def _centres(held_out: People, detector: bytes, make: Callable[[], Embedder]) -> dict[str, Floats]:
    """The mean embeddings of held-out people, by numbering."""
    few = np.random.default_rng(0).permutation(len(held_out.names))[:LEAK_PICTURES]
    names, numbering, person = ([values[i] for i in few] for values in (held_out.names, held_out.numbering, held_out.person))
    part = People(names, numbering, person, held_out.read)
    embedded = embed_pictures(names, part.read, detector=detector, embedders=[make])[0]
    check_found(embedded)
    centres, numbering = part.centres(embedded)
    return {one: centres[np.array(numbering) == one] for one in set(numbering)}
