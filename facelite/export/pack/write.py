"""A pack: a platform's library and sample app as sources, the files of a bundle in their place, and a list of all with hashes and licences."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from facelite import __version__
from facelite.bundle import Bundle, open_bundle
from facelite.errors import ExportError, InputError
from facelite.export.assemble import export_bundle
from facelite.export.pack.assets import assets
from facelite.export.pack.coreml import Weights
from facelite.export.pack.ios import CoreMl, coreml_files
from facelite.export.recipe import Recipe
from facelite.face import Threshold
from facelite.recipe import read_recipe
from facelite.runtime.embedder import Embedder
from facelite.split import Set

Platform = Literal["android", "ios", "web"]

LIST = "pack.json"
"""The file that lists all others."""

BUILT = {"node_modules", "build", ".build", ".gradle", ".idea", ".swiftpm", "package-lock.json", "Package.resolved", "local.properties", "xcuserdata"}
"""Names of files and folders that the platforms' tools put beside the sources: neither packed nor kept."""

SOURCES = Path(__file__).with_name("sources")
"""A folder for each platform, and the licence of what is in them."""

PLACES: dict[Platform, str] = {
    "android": "facelite/src/main/assets/facelite",
    "ios": "Sources/Facelite/Resources/tflite",
    "web": "assets",
}
"""Where a pack has the files of its bundle."""

COREML = "Sources/Facelite/Resources/coreml"

FLOAT = ("float32", "float16")
"""Precisions of bundles that Core ML packages can be made from."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Packed:
    """A pack that was written: its ``platform``, the bundle in it (``digest`` is its sha256), what Core ML made of it, and how large it is.

    ``models`` are the bytes of each model by its path, ``files`` how many there are, ``bytes`` all of them. ``threshold`` is the default one.
    """

    platform: Platform
    bundle: str
    digest: str
    precision: str
    threshold: Threshold
    models: dict[str, int]
    files: int
    bytes: int
    coreml: CoreMl | None = None


def write_pack(
    platform: Platform,
    sources: Sequence[str | Path],
    out: str | Path,
    /,
    *,
    precision: str | None = None,
    fmr: float | None = None,
    coreml: Weights = "float16",
    faces: str | Path | None = None,
    detector: str | Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Packed:
    """Write a pack into the folder ``out``, whole or not at all; an earlier pack there is replaced if nobody has changed its files.

    ``sources`` are recipes (.toml) and bundles; the first is packed, or the first of ``precision``. ``fmr``: the false match rate used by default.
    For iOS, Core ML packages with ``coreml`` weights are made from the first float bundle, else from the weights that the first recipe names; their
    thresholds are measured on held-out people of ``faces``, or those of the float network. Raises InputError, ExportError, UnsupportedRate,
    BundleError, and what ``export_bundle`` raises.
    """
    if platform not in get_args(Platform):
        raise ValueError(f"expected a platform out of {', '.join(get_args(Platform))}, got {platform}")
    if not sources:
        raise InputError("expected a recipe or a bundle, got none; name one")
    _check_replaceable(Path(out))
    with tempfile.TemporaryDirectory() as folder:
        opened = [_open(source, Path(folder) / str(number), faces, detector, progress) for number, source in enumerate(sources)]
        bundle = _choose(opened, precision)
        files = _sources(platform) | {f"{PLACES[platform]}/{name}": content for name, content in assets(bundle, fmr=fmr).items()}
        made = None
        if platform == "ios":
            base, sets = _master(sources, opened, Path(folder) / "master", faces, detector, progress)
            made, resources = coreml_files(base, coreml, fmr=fmr, faces=faces, sets=sets, progress=progress)
            files |= {f"{COREML}/{name}": content for name, content in resources.items()}
    files |= {name: content for name, content in bundle.files.items() if name.endswith(".md")}
    listed = {name: {"sha256": _sha256(files[name]), "bytes": len(files[name]), "licence": _licence(name, bundle)} for name in sorted(files)}
    report = Packed(
        platform=platform,
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        precision=bundle.manifest.precision,
        threshold=bundle.manifest.threshold(fmr),
        models=dict(_models(files)),
        files=len(files) + 1,
        bytes=sum(map(len, files.values())),
        coreml=made,
    )
    table = {"facelite": __version__, **asdict(report), "files": listed}
    _write(Path(out), files | {LIST: json.dumps(table, indent=1).encode()})
    return report


def _open(source: str | Path, folder: Path, faces: str | Path | None, detector: str | Path | None, progress: Progress) -> Bundle:
    """A bundle, or the one that a recipe describes, checked for what every runtime of a pack can take."""
    path = Path(source)
    if path.suffix == ".toml":
        report = export_bundle(path, folder, faces=faces, detector=detector, progress=progress)
        path = folder / report.bundle
    bundle = open_bundle(path)
    if Embedder.of(bundle).takes != "float32":
        raise ExportError(f'{source}: expected an embedder that takes and gives float32, got int8; export it with io = "float32"')
    return bundle


def _choose(bundles: Sequence[Bundle], precision: str | None) -> Bundle:
    for bundle in bundles:
        if bundle.manifest.space != bundles[0].manifest.space:
            raise InputError(
                f"expected bundles of one embedding space, got {bundles[0].manifest.space!r} and {bundle.manifest.space!r}; make a pack of each"
            )
    found = [bundle for bundle in bundles if precision in (None, bundle.manifest.precision)]
    if not found:
        raise InputError(f"expected a precision out of {', '.join(one.manifest.precision for one in bundles)}, got {precision}; name its recipe too")
    return found[0]


def _master(
    sources: Sequence[str | Path], bundles: Sequence[Bundle], folder: Path, faces: str | Path | None, detector: str | Path | None, progress: Progress
) -> tuple[Bundle, tuple[Set, ...]]:
    """A float bundle, and the sets of pictures that its recipe names."""
    recipes = [Path(source) for source in sources if Path(source).suffix == ".toml"]
    sets = read_recipe(recipes[0], Recipe).faces if recipes else (Set("."),)
    for bundle in bundles:
        if bundle.manifest.precision in FLOAT:
            return bundle, sets
    if not recipes:
        raise InputError(
            "expected a float bundle for Core ML, got integers only; name a float32 bundle of the same space too (facelite export), or the recipe"
        )
    report = export_bundle(recipes[0], folder, master=True, faces=faces, detector=detector, progress=progress)
    return open_bundle(folder / report.bundle), sets


def _sources(platform: Platform) -> dict[str, bytes]:
    """The platform's files by their paths. Raises ExportError where this installation lacks them."""
    root = SOURCES / platform
    files = {name: (root / name).read_bytes() for name in _files(root)}
    if not files:
        raise ExportError(f"{root}: expected the sources of the {platform} library, found none; install facelite again, on Windows with symlinks")
    return files | {"LICENSE": (SOURCES / "LICENSE").read_bytes()}


def _files(root: Path) -> Iterator[str]:
    """The paths of the files under ``root`` that no tool has put there."""
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not BUILT.intersection(relative.parts):
            yield relative.as_posix()


def _models(files: dict[str, bytes]) -> Iterator[tuple[str, int]]:
    """Each .tflite file and each Core ML package, and its bytes."""
    sizes: dict[str, int] = {}
    for name, content in files.items():
        head, package, _ = name.partition(".mlpackage/")
        if package or name.endswith(".tflite"):
            key = f"{head}.mlpackage" if package else name
            sizes[key] = sizes.get(key, 0) + len(content)
    yield from sorted(sizes.items())


def _licence(name: str, bundle: Bundle) -> str:
    licences, (part, _, _) = bundle.manifest.licences, Path(name).name.partition(".")
    if ".mlpackage/" in name:
        part = Path(name.partition(".mlpackage/")[0]).name
    if part == "detector":
        return licences.get("detector", "Apache-2.0 (MediaPipe, BlazeFace short range)")
    if part in ("embedder", "head", "migration", "LICENSE-weights", "model-card"):
        return licences.get("weights", "none is named: that of the weights")
    return "Apache-2.0"


def _check_replaceable(out: Path) -> None:
    """Refuse to replace what is no pack, or a pack in which files were changed or added. Raises InputError."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        listed: dict[str, Any] = json.loads((out / LIST).read_bytes())["files"]
        hashes = {name: entry["sha256"] for name, entry in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{out}: expected a folder to be, or an earlier pack, got something else; name another folder") from None
    found = set(_files(out)) - {LIST}
    changed = sorted(found - set(hashes)) + [name for name in sorted(found & set(hashes)) if _sha256((out / name).read_bytes()) != hashes[name]]
    if changed:
        raise InputError(f"{out}: expected a pack as it was written, got changes of yours, {changed[0]} first; name another folder")


def _write(out: Path, files: dict[str, bytes]) -> None:
    """Put ``files`` in the place of the folder ``out``; until all are written the old one stays."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(out) as folder:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        aside = folder.with_name(f"{folder.name}.old")
        if out.exists():
            os.replace(out, aside)
        os.replace(folder, out)
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    folder = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
