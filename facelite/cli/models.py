"""What a user names as MODEL -> an embedder to judge: a bundle, a run folder, a recipe of one, or a bare .tflite."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from facelite.bundle import DETECTOR, open_bundle
from facelite.errors import InputError, SpaceMismatch
from facelite.evaluation.judge import Model
from facelite.networks.weights import BEST
from facelite.preprocess import Preprocessing, parse_preprocessing
from facelite.runtime.detector import find_detector
from facelite.runtime.embedder import Embedder


def open_model(name: str, /, *, detector: str | None = None, preprocess: str | None = None) -> Model:
    """The model ``name``; ``preprocess`` ("rgb:127.5,128": colours, mean, std) is for a bare .tflite. Raises InputError, BundleError."""
    path = Path(name)
    if preprocess and path.exists() and not is_bare(name):
        raise InputError(f"{path}: expected --preprocess with a bare .tflite only, got another model, which knows its own; leave it out")
    if is_bare(name):
        data = path.read_bytes()
        preprocessing = read_preprocessing(preprocess, data) if preprocess else None
        return Model(name, lambda: Embedder(data, space=path.name, preprocessing=preprocessing), find_detector(detector))
    if is_run(name):
        return _of_run(path, detector)
    if path.suffix == ".toml":
        return _of_recipe(path, detector)
    if path.is_dir():
        raise InputError(f"{path}: expected a bundle, a recipe (.toml), a .tflite or a run folder with {BEST}, got another folder; check the path")
    return _of_bundle(name, path)


def is_bare(name: str, /) -> bool:
    """Whether ``name`` is a .tflite by its content."""
    try:
        with Path(name).open("rb") as file:
            return file.read(8)[4:] == b"TFL3"
    except OSError:
        return False


def is_run(name: str, /) -> bool:
    """Whether ``name`` is a run folder."""
    return (Path(name) / BEST).exists()


def read_preprocessing(text: str, model: bytes, /) -> Preprocessing:
    """What "rgb:127.5,128" says, for the input size in the file. Raises InputError, BundleError."""
    size = Embedder(model, space="").preprocessing
    try:
        return parse_preprocessing(text, size.height, size.width)
    except ValueError as error:
        raise InputError(f"--preprocess: {error}; correct it") from None


def check_one_space(probes: str, templates: str, /) -> None:
    """Refuse two bundles whose embeddings cannot be compared. Raises InputError, BundleError, SpaceMismatch."""
    spaces = [open_bundle(name).manifest.space for name in (probes, templates)]
    if spaces[0] != spaces[1]:
        raise SpaceMismatch(f"{templates}: expected the space {spaces[0]!r} of {probes}, got {spaces[1]!r}; name a bundle of the same space")


def _of_bundle(name: str, path: Path) -> Model:
    bundle = open_bundle(path)
    return Model(name, lambda: Embedder.of(bundle), bundle.files[DETECTOR], bundle.manifest.threshold(), bundle.distance, bundle.manifest.limits)


def _of_recipe(path: Path, detector: str | None) -> Model:
    """The bundle that a recipe makes without faces: a released one, or float weights whose thresholds are known."""
    from facelite.export.assemble import export_bundle

    with TemporaryDirectory() as folder:
        report = export_bundle(path, folder, detector=detector)
        return _of_bundle(str(path), Path(folder) / report.bundle)


def _of_run(path: Path, detector: str | None) -> Model:
    """The best weights of a run, converted to float32."""
    from facelite.export.convert import convert
    from facelite.networks.weights import read_weights
    from facelite.training.run import run_network

    network = run_network(path)
    data = convert(network, read_weights(path), precision="float32")
    size = Preprocessing(network.height, network.width)
    return Model(str(path), lambda: Embedder(data, space=path.name, preprocessing=size), find_detector(detector))
