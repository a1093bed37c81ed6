"""Core ML's part of an iOS pack: embedder and detector as packages, thresholds measured on the program or taken over, golden vectors of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, Bundle, Manifest
from facelite.calibration import check_supported, supported_fmrs
from facelite.errors import ExportError
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.people import open_people
from facelite.export.pack.assets import MANIFEST, PIXELS, assets, described
from facelite.export.pack.coreml import Weights, to_coreml
from facelite.export.pack.mil import CoreMlEmbedder, package_hash
from facelite.export.parity import Parity
from facelite.export.rebuild import check_found, measure, people_pairs
from facelite.export.synthetic import draw_face
from facelite.face import FaceCrop, Threshold
from facelite.preprocess import align
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.golden import DISTANCE_TOLERANCE
from facelite.runtime.model import read_model
from facelite.split import Set

PACKAGES = ("embedder.mlpackage", "detector.mlpackage")

DRAWN = 20
"""Drawn faces on which a package is held to the TFLite file that it was made from."""

TOLERANCE: Mapping[Weights, float] = {"float32": 1e-6, "float16": 1e-4, "int8": DISTANCE_TOLERANCE}
"""Largest squared distance between the embeddings that both make of a drawn face."""


@dataclass(frozen=True, slots=True)
class CoreMl:
    """An embedder in Core ML, made from the float bundle of this ``digest``: ``squared_l2`` is how far its embeddings are at most from that bundle's,
    on ``crops`` drawn faces, to one figure: LiteRT's own last digits differ from machine to machine.

    ``threshold`` is the default one, ``thresholds`` says how they came about, ``parity`` what was measured where they were measured.
    """

    weights: Weights
    artefact: str
    digest: str
    crops: int
    squared_l2: float
    threshold: Threshold
    thresholds: str
    parity: Parity | None


def coreml_files(
    bundle: Bundle,
    weights: Weights,
    /,
    *,
    fmr: float | None = None,
    faces: str | Path | None = None,
    sets: tuple[Set, ...] = (Set("."),),
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> tuple[CoreMl, dict[str, bytes]]:
    """The files of the resource folder by their paths in it, made from a float ``bundle``. Raises ExportError, UnsupportedRate.

    Thresholds are measured by running the program on the held-out people of ``sets`` under ``faces``; without faces they are those of the bundle.
    """
    progress("Core ML", 0, 2)
    files = to_coreml(bundle.files[EMBEDDER], weights=weights, outputs={_output(bundle.files[EMBEDDER]): "embedding"})
    progress("Core ML", 1, 2)
    detector = to_coreml(
        bundle.files[DETECTOR],
        weights="float32" if weights == "float32" else "float16",  # int8 would save 76 kB and move landmarks
        outputs={"classificators": "classificators", "regressors": "regressors"},
    )
    embedder = CoreMlEmbedder(files, preprocessing=bundle.manifest.preprocessing)
    crops = _drawn(bundle)
    farthest = _farthest(crops, bundle, embedder)
    if farthest > TOLERANCE[weights]:
        raise ExportError(
            f"expected embeddings of Core ML's program within {TOLERANCE[weights]:g} of the bundle's, got {farthest:.2g}; "
            "choose other weights, or report it with the bundle"
        )
    progress("Core ML", 2, 2)
    precision = f"float16, {weights} weights" if weights == "int8" else weights
    name = f"{bundle.manifest.network}-coreml-{weights}"
    manifest = replace(bundle.manifest, name=name, precision=precision, fmr=bundle.manifest.threshold(fmr).fmr)
    parity, how = None, f"those of the {bundle.manifest.precision} network, taken over"
    if faces is not None:
        manifest, parity = _measured(bundle, manifest, embedder, faces, sets, progress)
        how = "measured by running its program"
    hashes = dict(zip(PACKAGES, (package_hash(files), package_hash(detector)), strict=True))
    resources = described(manifest, _others(bundle, embedder), hashes=hashes)
    for package, content in zip(PACKAGES, (files, detector), strict=True):
        resources |= {f"{package}/{name}": data for name, data in content.items()}
    made = CoreMl(weights, embedder.artefact, bundle.digest, len(crops), float(f"{farthest:.0e}"), manifest.threshold(), how, parity)
    return made, resources


def _output(model: bytes) -> str:
    graph = read_model(model)
    return graph.tensors[graph.outputs[0]].name


def _drawn(bundle: Bundle) -> list[FaceCrop]:
    """DRAWN drawn faces."""
    detector, size = Detector(bundle.files[DETECTOR]), bundle.manifest.preprocessing
    crops: list[FaceCrop] = []
    for seed in range(10 * DRAWN):
        frame = draw_face(seed)
        if len(found := detector.detect(frame)) == 1:
            crops.append(align(frame, found[0].landmarks, size.height, size.width))
        if len(crops) == DRAWN:
            return crops
    raise ExportError(f"expected the detector to find {DRAWN} drawn faces, got {len(crops)}; take the bundle's detector from its package again")


def _farthest(crops: list[FaceCrop], bundle: Bundle, embedder: CoreMlEmbedder) -> float:
    """The largest squared distance between what both make of a crop."""
    ours, theirs = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (embedder.vectors(crops), Embedder.of(bundle).vectors(crops)))
    return float(((ours - theirs) ** 2).sum(axis=1).max())


def _others(bundle: Bundle, embedder: CoreMlEmbedder) -> dict[str, bytes]:
    """The bundle's files beside models and manifest, its golden vectors with the embeddings of the program."""
    files = {name: content for name, content in assets(bundle).items() if name not in (EMBEDDER, DETECTOR, MANIFEST)}
    entries = json.loads(files[GOLDEN])
    for entry in entries:
        at, shape = entry["crop"]["at"], entry["crop"]["shape"]
        pixels = np.frombuffer(files[PIXELS], np.uint8, int(np.prod(shape)), at).reshape(shape)
        vector = embedder.vectors([FaceCrop(pixels, np.zeros((4, 2), np.float32))])[0]
        entry["embedding"] = (vector / np.linalg.norm(vector)).astype(float).round(6).tolist()
    return files | {GOLDEN: json.dumps(entries, indent=1).encode()}


def _measured(
    bundle: Bundle,
    manifest: Manifest,
    embedder: CoreMlEmbedder,
    faces: str | Path,
    sets: tuple[Set, ...],
    progress: Callable[[str, int, int], None],
) -> tuple[Manifest, Parity]:
    """``manifest`` with the thresholds and the least clarity of ``embedder`` on held-out people, for those of its rates that they support."""
    with open_people(faces, sets) as people:
        held_out = people(True)
        check_supported(manifest.fmr, people_pairs(held_out))
        float32, embedded = embed_pictures(
            held_out.names,
            held_out.read,
            detector=bundle.files[DETECTOR],
            embedders=[lambda: Embedder.of(bundle), lambda: embedder],
            progress=lambda done, total: progress("calibrate", done, total),
        )
    check_found(float32)
    supported = min(supported_fmrs(people_pairs(held_out)))
    rates = [threshold.fmr for threshold in manifest.thresholds if threshold.fmr >= min(supported, manifest.fmr)]
    found = measure(held_out, float32, embedded, fmr=manifest.fmr, fmrs=rates, distance=bundle.distance)
    limits = replace(manifest.limits, clarity=found.clarity)
    return replace(manifest, thresholds=found.thresholds, template_thresholds=found.fused, limits=limits), found.parity
