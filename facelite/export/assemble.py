"""A recipe -> a bundle that has been held to parity, calibrated and self-tested, or an error and no bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from facelite.atomic import write_atomically
from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, Bundle, Manifest, load_bundle, pack_bundle
from facelite.calibration import calibrate
from facelite.errors import ExportError, InputError
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.people import People, open_people
from facelite.export.recipe import Recipe
from facelite.export.synthetic import draw_face
from facelite.face import FaceCrop, Floats, Threshold
from facelite.image import decode_image
from facelite.networks import NETWORKS, Network, count, total
from facelite.preprocess import Preprocessing, align
from facelite.recipe import parse, read_recipe
from facelite.runtime.choice import choose
from facelite.runtime.detector import Detector, find_detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import DISTANCE_TOLERANCE, Golden, embedding_error, make_golden, pack_golden, self_test
from facelite.runtime.verifier import Verifier

GOLDENS = 3
GOLDEN_LEAD = 3.0
"""A fault must move every golden embedding by this many tolerances to count as one that the self-test would catch."""

LEAK = 0.9
"""Squared distance to the mean of a held-out person below which a picture is not used as representative image."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Parity:
    """Cosines between float32 and artefact on ``crops`` crops of held-out people, and their VAL at the recipe's FMR."""

    crops: int
    cosine_min: float
    cosine_median: float
    val_float32: float
    val_artefact: float


@dataclass(frozen=True, slots=True)
class Report:
    """What an export did. ``released`` says whether the embedder is the recipe's released file."""

    bundle: str
    digest: str
    bytes: int
    embedder_bytes: int
    artefact: str
    precision: str
    released: bool
    parameters: int
    multiply_adds: int
    thresholds: tuple[Threshold, ...]
    parity: Parity | None


def export_bundle(
    recipe_path: str | Path,
    out: str | Path,
    /,
    *,
    rebuild: bool = False,
    release: bool = False,
    faces: str | Path | None = None,
    detector: str | Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Report:
    """Write ``out``/<name>.facelite and ``out``/<name>.report.json.

    A recipe with a released file needs neither TensorFlow nor faces unless ``rebuild``, which holds the result to that file by
    parity. ``release`` converts too, and puts the embedder and its thresholds in the place of the released ones. Raises RecipeError, InputError, ExportError;
    then nothing is written.
    """
    recipe, folder = read_recipe(recipe_path, Recipe), Path(recipe_path).parent
    network = _network(recipe)
    detector_file = find_detector(detector)
    parity: Parity | None = None
    rebuild = rebuild or release or not recipe.released
    if not rebuild:
        model = _read(folder / recipe.released)
        thresholds = _known_thresholds(recipe, folder, model)
        if thresholds is None:
            raise ExportError(f"{folder / recipe.thresholds}: expected thresholds of {recipe.released} by its sha256, got none; rebuild with --faces")
    else:
        earlier = _read(folder / recipe.released) if recipe.released and not release else None
        model, thresholds, parity = _make(recipe, folder, network, detector_file, faces, earlier, progress)
    embedder = Embedder(model, space=recipe.space, preprocessing=Preprocessing(network.height, network.width))
    files = {EMBEDDER: model, DETECTOR: detector_file, GOLDEN: pack_golden(_goldens(Detector(detector_file), embedder))}
    if recipe.card:
        files["model-card.md"] = _read(folder / recipe.card)
    parameters, multiply_adds = total(count(network))
    manifest = Manifest(
        name=recipe.name, network=recipe.network, precision=recipe.precision, space=recipe.space, embedding=network.embedding,
        preprocessing=embedder.preprocessing, thresholds=thresholds, fmr=recipe.fmr, parameters=parameters, multiply_adds=multiply_adds,
        training_data=recipe.training_data, licences=recipe.licences, files={})
    bundle = load_bundle(data := pack_bundle(manifest, files))
    Verifier(bundle)  # the self-test that a device will run
    report = _report(bundle, len(data), released=not rebuild, parity=parity)
    write_atomically(Path(out) / f"{recipe.name}.report.json", json.dumps(asdict(report), indent=1).encode())
    write_atomically(Path(out) / f"{recipe.name}.facelite", data)
    if release:
        _release(recipe, folder, model, thresholds)
    return report


def _network(recipe: Recipe) -> Network:
    if recipe.network not in NETWORKS:
        raise ExportError(f"expected a network out of {', '.join(NETWORKS)}, got {recipe.network!r}; correct the recipe")
    table = NETWORKS[recipe.network]
    return replace(table, height=recipe.height or table.height, width=recipe.width or table.width, embedding=recipe.embedding or table.embedding)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected the file that the recipe names, got {error.strerror}; correct the recipe") from None


def _known_thresholds(recipe: Recipe, folder: Path, model: bytes) -> tuple[Threshold, ...] | None:
    """The thresholds that were measured on exactly this embedder, if any."""
    if not recipe.thresholds or not (folder / recipe.thresholds).exists():
        return None
    try:
        entry = json.loads(_read(folder / recipe.thresholds)).get(hashlib.sha256(model).hexdigest())
    except (ValueError, AttributeError) as error:
        raise ExportError(f"{folder / recipe.thresholds}: expected thresholds by sha256, got {error}; take the released file") from None
    return None if entry is None else tuple(parse(row, Threshold) for row in entry)


def _release(recipe: Recipe, folder: Path, model: bytes, thresholds: tuple[Threshold, ...]) -> None:
    """Keep the embedder and its thresholds beside the recipe; thresholds of other embedders stay."""
    if recipe.released:
        write_atomically(folder / recipe.released, model)
    if recipe.thresholds:
        path = folder / recipe.thresholds
        table = json.loads(path.read_text()) if path.exists() else {}
        table[hashlib.sha256(model).hexdigest()] = [asdict(threshold) for threshold in thresholds]
        write_atomically(path, json.dumps(table, indent=1, sort_keys=True).encode())


def _make(
    recipe: Recipe, folder: Path, network: Network, detector: bytes, faces: str | Path | None, earlier: bytes | None, progress: Progress
) -> tuple[bytes, tuple[Threshold, ...], Parity | None]:
    """Convert, hold to parity with float32 (and float32 to the ``earlier`` release, if any), calibrate."""
    from facelite.export.convert import convert, read_weights

    weights = read_weights(folder / recipe.weights)
    preprocessing = Preprocessing(network.height, network.width)
    if faces is None:
        if recipe.precision == "int8":
            raise ExportError("expected faces for the integer ranges, got none; give people's pictures: --faces DIR")
        progress("convert", 0, 1)
        model = convert(network, weights, precision=recipe.precision)
        if (thresholds := _known_thresholds(recipe, folder, model)) is None:
            raise ExportError("expected faces of held-out people for thresholds, got none; give people's pictures: --faces DIR")
        return model, thresholds, None
    with open_people(faces, recipe.faces) as people:
        progress("convert", 0, 1)
        float32 = convert(network, weights, precision="float32")
        held_out, model = people(True), float32
        if recipe.precision != "float32":
            crops = _representative(recipe, people(False), held_out, detector, float32, preprocessing, progress)
            progress("convert", 0, 1)
            model = convert(network, weights, precision=recipe.precision, representative=crops)
        embedded = embed_pictures(
            held_out.names, held_out.read, detector=detector,
            embedders=[_maker(one, recipe, preprocessing) for one in (float32, model, *([earlier] if earlier else []))],
            progress=lambda done, of: progress("calibrate", done, of))
    pairs = [held_out.pairs(one) for one in embedded]
    found = embedded[0].found
    cosines = [np.sum(embedded[0].vectors[found] * one.vectors[found], axis=1) for one in embedded[1:]]
    thresholds = tuple(calibrate(pairs[1], sorted(recipe.fmrs, reverse=True)))
    reference = calibrate(pairs[0], [recipe.fmr])[0]
    own = calibrate(pairs[1], [recipe.fmr])[0]
    parity = Parity(int(found.sum()), float(cosines[0].min()), float(np.median(cosines[0])), 1 - reference.fnmr, 1 - own.fnmr)
    for what, cosine in zip(("the conversion", "the released file"), cosines, strict=False):
        if cosine.min() < recipe.min_cosine:
            raise ExportError(f"expected a cosine of {recipe.min_cosine:g} or more between float32 and {what}, got {cosine.min():.4f}; "
                              "give more varied --faces, or allow it: min_cosine in the recipe")
    return model, thresholds, parity


def _maker(model: bytes, recipe: Recipe, preprocessing: Preprocessing) -> Callable[[], Embedder]:
    return lambda: Embedder(model, space=recipe.space, preprocessing=preprocessing)


def _representative(
    recipe: Recipe, others: People, held_out: People, detector: bytes, float32: bytes, preprocessing: Preprocessing, progress: Progress
) -> list[FaceCrop]:
    """Crops of people who are not held out, spread over all of them, none that looks like somebody held out."""
    make = _maker(float32, recipe, preprocessing)
    few = np.random.default_rng(0).permutation(len(held_out.names))[:2000]
    part = People([held_out.names[i] for i in few], [held_out.numbering[i] for i in few], [held_out.person[i] for i in few], held_out.read)
    centres = part.centres(embed_pictures(part.names, part.read, detector=detector, embedders=[make])[0])
    finder, embedder, crops = Detector(detector), make(), []
    for i in np.random.default_rng(1).permutation(len(others.names)):
        image = decode_image(others.read(others.names[i]))
        found = finder.detect(image)
        face = choose(found, image.shape, rule="centre") if found else None
        if face is None:
            continue
        crop = align(image, face.landmarks, preprocessing.height, preprocessing.width)
        if _nearest(embedder.embed(crop).vector, centres) >= LEAK:
            crops.append(crop)
            progress("representative images", len(crops), recipe.representative)
        if len(crops) == recipe.representative:
            break
    return crops


def _nearest(vector: Floats, centres: Floats) -> float:
    return float((2 - 2 * centres @ vector).min())


def _goldens(detector: Detector, embedder: Embedder) -> list[Golden]:
    """Drawn faces whose embeddings the usual faults would move well beyond the self-test's tolerance."""
    chosen: list[Golden] = []
    for seed in range(60):
        golden = make_golden(draw_face(seed), detector, embedder)
        if golden is not None and min(_fault_errors(golden, chosen, embedder)) > GOLDEN_LEAD * DISTANCE_TOLERANCE:
            chosen.append(golden)
        if len(chosen) == GOLDENS:
            self_test(chosen, detector, embedder)
            return chosen
    raise ExportError("expected golden vectors that swapped colours, wrong scaling and a constant output would change, found too few; "
                      "the network hardly tells drawn faces apart: is it trained?")


def _fault_errors(golden: Golden, others: list[Golden], embedder: Embedder) -> list[float]:
    """How far swapped colours, pixels in [0, 1] and an output that is always the same would move the golden embedding."""
    swapped = golden.crop[:, :, ::-1]
    unscaled = np.full_like(golden.crop, int(embedder.preprocessing.mean))  # what / 255 before mean and std comes to
    constant = [float(np.sum((golden.vector - other.vector) ** 2)) for other in others]
    return [embedding_error(golden, embedder, swapped), embedding_error(golden, embedder, unscaled), *constant]


def _report(bundle: Bundle, size: int, *, released: bool, parity: Parity | None) -> Report:
    manifest = bundle.manifest
    return Report(
        bundle=f"{manifest.name}.facelite", digest=bundle.digest, bytes=size, embedder_bytes=len(bundle.files[EMBEDDER]),
        artefact=bundle.artefact, precision=manifest.precision, released=released, parameters=manifest.parameters,
        multiply_adds=manifest.multiply_adds, thresholds=manifest.thresholds, parity=parity)
