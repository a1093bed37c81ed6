"""A recipe -> a bundle that has been held to parity, calibrated and self-tested, or an error and no bundle."""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict, replace
from pathlib import Path

from facelite.atomic import write_atomically
from facelite.bundle import CARD, DETECTOR, EMBEDDER, GOLDEN, HEAD, Manifest, load_bundle, pack_bundle
from facelite.distance import Distance, Siamese, pack_head
from facelite.errors import ExportError, RecipeError
from facelite.export.decide import deciding_distance
from facelite.export.goldens import choose_goldens
from facelite.export.layers import describe_layers, total_layers
from facelite.export.master import choose_network, open_master
from facelite.export.parity import check_parity
from facelite.export.rebuild import Progress, Rebuilt, rebuild_without_faces
from facelite.export.rebuild import rebuild as rebuild_with_faces
from facelite.export.recipe import Recipe
from facelite.export.release import known_clarity, known_parity, known_thresholds, read_named, write_release
from facelite.export.report import Report, make_report
from facelite.networks import Network, count, total
from facelite.networks.weights import pack_weights, read_weights
from facelite.preprocess import parse_preprocessing
from facelite.quality import Limits
from facelite.quantize.smaller import Smaller
from facelite.recipe import read_recipe
from facelite.runtime.detector import Detector, find_detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import pack_golden
from facelite.runtime.verifier import Verifier


def export_bundle(
    recipe_path: str | Path,
    out: str | Path,
    /,
    *,
    rebuild: bool = False,
    release: bool = False,
    master: bool = False,
    weights: str | Path | None = None,
    faces: str | Path | None = None,
    detector: str | Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Report:
    """Write ``out``/<name>.facelite and beside it <name>.report.json and <name>.report.html.

    A recipe with a released file needs neither TensorFlow nor faces unless ``rebuild``, which holds that file to the same weights by
    parity. ``release`` converts too, and puts the embedder and its thresholds in the place of the released ones, and ``weights`` (a run
    folder or a weights file, which then stands for the recipe's) in half precision in the place of the recipe's; where a Siamese head decides,
    it is the run's own. ``master``: the float32 network that the recipe converts, in place of what it becomes.
    Raises RecipeError, InputError, BudgetBroken, UnsupportedRate, ExportError; then nothing is written.
    """
    recipe, folder = read_recipe(recipe_path, Recipe), Path(recipe_path).parent
    if master:
        recipe = replace(recipe, precision="float32", io="float32", released="", templates=(), smaller=Smaller())
    network = choose_network(recipe, recipe_path)
    source = Path(weights) if weights else folder / recipe.weights
    if release and weights and ((folder / recipe.weights).is_dir() or (recipe.is_keras and source.suffix != Path(recipe.weights).suffix)):
        what = f"a {source.suffix}" if recipe.is_keras else "a file"
        raise RecipeError(f"{recipe_path}: expected weights to be {what} where they are released, got {recipe.weights}; name another")
    distance = deciding_distance(recipe, folder, network.embedding if network else 0, source if weights or source.is_dir() else None)
    detector_file = find_detector(detector)
    released = bool(recipe.released) and not rebuild and not release and not weights
    if released and faces is not None:
        remedy = "convert anew: --rebuild; or measure thresholds of your people with the bundle: facelite calibrate"
        raise ExportError(f"expected no faces, since {recipe.released} is taken with the thresholds that were measured, got {faces}; {remedy}")
    if released:
        made = _released(recipe, folder, distance)
    elif faces is None and recipe.needs_faces:
        raise ExportError("expected faces for the integer ranges and for training, got none; give people's pictures: --faces DIR")
    else:
        opened = open_master(recipe, network, source, half=release)
        if faces is None:
            made = rebuild_without_faces(recipe, folder, opened, distance, progress)
        else:
            made = rebuild_with_faces(
                recipe,
                opened,
                progress,
                faces=faces,
                detector=detector_file,
                earlier=read_named(folder / recipe.released) if recipe.released and not release and not weights else None,
                templates=[read_named(folder / name) for name in recipe.templates],
                distance=distance,
            )
    manifest, data = _pack(recipe, folder, network, made, distance, detector_file)
    bundle = load_bundle(data)
    Verifier(bundle)  # the self-test that a device will run
    report = Report(
        bundle=f"{recipe.name}.facelite",
        digest=bundle.digest,
        bytes=len(data),
        embedder_bytes=len(made.model),
        embedder_gzip=len(gzip.compress(made.model, 6, mtime=0)),
        artefact=bundle.artefact,
        precision=recipe.precision,
        io=recipe.io,
        smaller=str(recipe.smaller),
        released=released,
        parameters=manifest.parameters,
        multiply_adds=manifest.multiply_adds,
        decide=recipe.decide,
        thresholds=made.thresholds,
        parity=made.parity,
        layers=tuple(made.layers),
        pictures=made.pictures[0],
        pictures_wanted=made.pictures[1],
    )
    write_atomically(Path(out) / f"{recipe.name}.report.json", json.dumps(asdict(report), indent=1).encode())
    write_atomically(Path(out) / f"{recipe.name}.report.html", make_report(report, manifest, made.compared).encode())
    write_atomically(Path(out) / f"{recipe.name}.facelite", data)
    if release:
        if weights:
            kept = pack_weights(read_weights(source), half=True) if network else read_named(source)
            write_atomically(folder / recipe.weights, kept)
        write_release(recipe, folder, made.model, made.thresholds, made.template_thresholds, distance, clarity=made.clarity, parity=made.parity)
    return report


def _released(recipe: Recipe, folder: Path, distance: Distance) -> Rebuilt:
    """The embedder that the recipe names, with its thresholds, as they lie beside it."""
    model = read_named(folder / recipe.released)
    if (known := known_thresholds(recipe, folder, model, distance)) is None:
        raise ExportError(f"{folder / recipe.released}: expected thresholds for its sha256 beside it, got none; measure them: --rebuild --faces DIR")
    if parity := known_parity(recipe, folder, model, distance):
        check_parity(parity, recipe, "the released file")
    return Rebuilt(model, *known, known_clarity(recipe, folder, model, distance), describe_layers(model), parity)


def _pack(recipe: Recipe, folder: Path, network: Network | None, made: Rebuilt, distance: Distance, detector_file: bytes) -> tuple[Manifest, bytes]:
    """The bundle's bytes, with golden vectors that this machine has made."""
    bare = Embedder(made.model, space=recipe.space)
    preprocessing = parse_preprocessing(recipe.preprocess, bare.preprocessing.height, bare.preprocessing.width)
    found = (preprocessing.height, preprocessing.width, bare.size, bare.takes)
    wanted = (network.height, network.width, network.embedding, recipe.io) if network else (*found[:3], recipe.io)
    if found != wanted:
        raise ExportError(f"expected an embedder of {_words(*wanted)}, as the recipe says, got one of {_words(*found)}; convert it again: --rebuild")
    embedder = Embedder(made.model, space=recipe.space, preprocessing=preprocessing)
    goldens = choose_goldens(Detector(detector_file), embedder)
    files = {EMBEDDER: made.model, DETECTOR: detector_file, GOLDEN: pack_golden(goldens)}
    if isinstance(distance, Siamese):
        files[HEAD] = pack_head(distance)
    if recipe.card:
        files[CARD] = read_named(folder / recipe.card)
    if recipe.licence:
        files["LICENSE-weights.md"] = read_named(folder / recipe.licence)
    parameters, multiply_adds = total(count(network)) if network else total_layers(made.layers)
    if recipe.mirrored:
        multiply_adds *= 2
    if recipe.fmr not in [threshold.fmr for threshold in made.thresholds]:
        raise ExportError(f"expected a threshold measured at the recipe's fmr of {recipe.fmr:g}, found none; measure it: --rebuild --faces DIR")
    manifest = Manifest(
        name=recipe.name,
        network=recipe.network or Path(recipe.weights).name,
        precision=recipe.precision,
        space=recipe.space,
        embedding=bare.size,
        preprocessing=preprocessing,
        thresholds=made.thresholds,
        template_thresholds=made.template_thresholds,
        fmr=recipe.fmr,
        limits=Limits(clarity=made.clarity),
        decide=recipe.decide,
        parameters=parameters,
        multiply_adds=multiply_adds,
        training_data=recipe.training_data,
        licences=recipe.licences,
        files={},
    )
    return manifest, pack_bundle(manifest, files)


def _words(height: int, width: int, size: int, io: str) -> str:
    return f"{height} x {width} pixels, {size} numbers and {io} in and out"
