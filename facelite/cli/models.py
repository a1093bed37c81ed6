"""What a user names as MODEL -> an embedder to judge: a bundle, a run folder, a recipe of one, or a bare .tflite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from facelite.bundle import DETECTOR, open_bundle
from facelite.errors import InputError, SpaceMismatch
from facelite.evaluation.judge import Model
from facelite.preprocess import Preprocessing
from facelite.runtime.detector import find_detector
from facelite.runtime.embedder import Embedder

_COLOURS: dict[str, Literal["RGB", "BGR"]] = {"rgb": "RGB", "bgr": "BGR"}


def open_model(name: str, /, *, detector: str | None = None, preprocess: str | None = None) -> Model:
    """The model ``name``; ``preprocess`` ("rgb:127.5,128": colours, mean, std) is for a bare .tflite. Raises InputError, BundleError."""
    path = Path(name)
    if preprocess and path.suffix != ".tflite":
        raise InputError(f"{path}: expected --preprocess with a bare .tflite only, got another model, which knows its own; leave it out")
    if path.suffix == ".facelite":
        bundle = open_bundle(path)
        return Model(name, lambda: Embedder.of(bundle), bundle.files[DETECTOR], bundle.manifest.threshold())
    if path.suffix == ".tflite":
        data = _bytes(path)
        preprocessing = _preprocessing(preprocess, data) if preprocess else None
        return Model(name, lambda: Embedder(data, space=path.name, preprocessing=preprocessing), find_detector(detector))
    if path.suffix == ".toml":
        return _of_recipe(path, detector)
    if not (path / "best.npz").exists():
        raise InputError(
            f"{path}: expected a bundle (.facelite), a recipe (.toml), a .tflite or a run folder with best.npz, got none; check the path"
        )
    from facelite.export.convert import convert
    from facelite.networks.weights import read_weights
    from facelite.training.run import run_network

    network = run_network(path)
    data = convert(network, read_weights(path), precision="float32")
    size = Preprocessing(network.height, network.width)
    return Model(name, lambda: Embedder(data, space=path.name, preprocessing=size), find_detector(detector))


def check_one_space(probes: str, templates: str, /) -> None:
    """Refuse two bundles whose embeddings cannot be compared. Raises InputError, BundleError, SpaceMismatch."""
    if not all(name.endswith(".facelite") for name in (probes, templates)):
        raise InputError(f"{templates}: expected two bundles, which name their space, got another model; name bundles")
    spaces = [open_bundle(name).manifest.space for name in (probes, templates)]
    if spaces[0] != spaces[1]:
        raise SpaceMismatch(f"{templates}: expected the space {spaces[0]!r} of {probes}, got {spaces[1]!r}; name a bundle of the same space")


def _of_recipe(path: Path, detector: str | None) -> Model:
    """The bundle that a recipe makes without faces: a released one, or float weights whose thresholds are known."""
    from facelite.export.assemble import export_bundle

    with TemporaryDirectory() as folder:
        report = export_bundle(path, folder, detector=detector)
        bundle = open_bundle(Path(folder) / report.bundle)
    return Model(str(path), lambda: Embedder.of(bundle), bundle.files[DETECTOR], bundle.manifest.threshold())


def _preprocessing(text: str, model: bytes) -> Preprocessing:
    """What "rgb:127.5,128" says, for the input size in the file."""
    size = Embedder(model, space="").preprocessing
    colours, _, numbers = text.partition(":")
    try:
        mean, std = (float(number) for number in numbers.split(",")) if numbers else (size.mean, size.std)
        return replace(size, mean=mean, std=std, colours=_COLOURS[colours.lower()])
    except (ValueError, KeyError):
        raise InputError(f"--preprocess: expected rgb:MEAN,STD or bgr:MEAN,STD, such as rgb:127.5,128, got {text!r}; correct it") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a model file, got {error.strerror}; check the path") from None
