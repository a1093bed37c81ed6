"""A pack: a platform's library and sample app as sources, the files of a bundle in their place, and a list of all with hashes and licences."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from facelite import __version__
from facelite.bundle import CARD, Bundle, open_bundle
from facelite.errors import ExportError, InputError
from facelite.export.assemble import export_bundle
from facelite.export.pack.assets import assets
from facelite.export.pack.coreml import Weights, import_coremltools
from facelite.export.pack.ios import CoreMl, coreml_files
from facelite.export.recipe import Recipe
from facelite.face import Threshold
from facelite.recipe import read_recipe
from facelite.runtime.embedder import Embedder
from facelite.split import Set

Platform = Literal["android", "ios", "web"]

LIST = "pack.json"
"""The file that lists all others."""

BUILT = {"node_modules", "build", "DerivedData", "xcuserdata", "package-lock.json", "Package.resolved", "local.properties"}
"""Names of files and folders that the platforms' tools put beside the sources, as they do hidden ones: neither packed nor kept."""

CARDS = (CARD, "LICENSE-weights.md")
"""Files of a bundle for people, put beside the sources."""

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

    ``models`` are the bytes of each model by its path; ``files`` and ``bytes`` are of all files that pack.json lists. ``threshold`` is the default.
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
    coreml: Weights | None = None,
    faces: str | Path | None = None,
    detector: str | Path | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Packed:
    """Write a pack into the folder ``out``, whole or not at all; an earlier pack there is replaced if nobody has changed its files.

    A kill in the moment of the replacement may leave the earlier one beside it, under a hidden name. ``sources`` are recipes (.toml) and bundles;
    the first is packed, or the first of ``precision``. ``fmr``: the false match rate used by default. For iOS, Core ML packages with ``coreml``
    weights (float16) are made from a float bundle of the same network, else from the weights that a recipe of it names; their thresholds are
    measured on held-out people of ``faces``, or those of the float network. Raises InputError, ExportError, UnsupportedRate, BundleError, and what
    ``export_bundle`` raises.
    """
    if platform not in get_args(Platform):
        raise ValueError(f"expected a platform out of {', '.join(get_args(Platform))}, got {platform}")
    if not sources:
        raise InputError("expected a recipe or a bundle, got none; name one")
    if coreml and platform != "ios":
        raise InputError(f"expected weights of Core ML's packages for ios only, got {coreml} for {platform}; leave --coreml out")
    out = Path(out).resolve()
    _check_replaceable(out, platform)
    if platform == "ios":
        import_coremltools()  # before the long work
    with tempfile.TemporaryDirectory() as folder:
        opened = [_open(source, Path(folder) / str(number), faces, detector, progress) for number, source in enumerate(sources)]
        bundle = _choose(opened, precision)
        files = _sources(platform) | {f"{PLACES[platform]}/{name}": content for name, content in assets(bundle, fmr=fmr).items()}
        made = None
        if platform == "ios":
            base, sets = _master(sources, opened, bundle, Path(folder) / "master", faces, detector, progress)
            made, resources = coreml_files(base, coreml or "float16", fmr=fmr, faces=faces, sets=sets, progress=progress)
            files |= {f"{COREML}/{name}": content for name, content in resources.items()}
    files |= {name: bundle.files[name] for name in CARDS if name in bundle.files}
    listed = {
        name: {"sha256": _sha256(files[name]), "bytes": len(files[name]), "licence": _licence(name, platform, bundle)} for name in sorted(files)
    }
    report = Packed(
        platform=platform,
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        precision=bundle.manifest.precision,
        threshold=bundle.manifest.threshold(fmr),
        models=dict(_models(files)),
        files=len(files),
        bytes=sum(map(len, files.values())),
        coreml=made,
    )
    table = {"facelite": __version__, **asdict(report), "files": listed}
    _check_replaceable(out, platform)  # what was done there in the meantime
    _write(out, files | {LIST: json.dumps(table, indent=1).encode()})
    return report


def _open(source: str | Path, folder: Path, faces: str | Path | None, detector: str | Path | None, progress: Progress) -> Bundle:
    """A bundle, or the one that a recipe describes, checked for what every runtime of a pack can take."""
    path = Path(source)
    if path.suffix == ".toml":
        released = read_recipe(path, Recipe).released
        report = export_bundle(path, folder, faces=None if released else faces, detector=detector, progress=progress)
        path = folder / report.bundle
    elif not path.is_file():
        raise InputError(f"{source}: expected a recipe (.toml) or a bundle, got {'a folder' if path.exists() else 'no file'}; check the path")
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
    sources: Sequence[str | Path],
    bundles: Sequence[Bundle],
    chosen: Bundle,
    folder: Path,
    faces: str | Path | None,
    detector: str | Path | None,
    progress: Progress,
) -> tuple[Bundle, tuple[Set, ...]]:
    """A float bundle of the network that was chosen, and the sets of pictures that its recipe names."""
    network = chosen.manifest.network, chosen.manifest.preprocessing
    same = [i for i, bundle in enumerate(bundles) if (bundle.manifest.network, bundle.manifest.preprocessing) == network]
    recipes = [Path(sources[i]) for i in same if Path(sources[i]).suffix == ".toml"]
    sets = read_recipe(recipes[0], Recipe).faces if recipes else (Set("."),)
    for i in same:
        if bundles[i].manifest.precision in FLOAT:
            return bundles[i], sets
    if not recipes:
        raise InputError(
            f"expected a float bundle of {network[0]} for Core ML, got none; name its float32 bundle too (facelite export), or the recipe"
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
    """The paths of the files and links under ``root`` that no tool has put there."""
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if (path.is_file() or path.is_symlink()) and not any(part in BUILT or part.startswith(".") for part in parts):
            yield "/".join(parts)


def _models(files: dict[str, bytes]) -> Iterator[tuple[str, int]]:
    """Each .tflite file and each Core ML package, and its bytes."""
    sizes: dict[str, int] = {}
    for name, content in files.items():
        head, package, _ = name.partition(".mlpackage/")
        if package or name.endswith(".tflite"):
            key = f"{head}.mlpackage" if package else name
            sizes[key] = sizes.get(key, 0) + len(content)
    yield from sorted(sizes.items())


def _licence(name: str, platform: Platform, bundle: Bundle) -> str:
    licences, model = bundle.manifest.licences, ""
    for place in (PLACES[platform], COREML):
        if name.startswith(f"{place}/"):
            model = name.removeprefix(f"{place}/").partition(".")[0]
    if model == "detector":
        return licences.get("detector", "Apache-2.0 (MediaPipe, BlazeFace short range)")
    if model in ("embedder", "head", "migration") or name in CARDS:
        return licences.get("weights", "none is named: that of the weights")
    return "Apache-2.0"


def _check_replaceable(out: Path, platform: Platform) -> None:
    """Refuse to replace what is no pack, or a pack in which files were changed, added or removed. Raises InputError."""
    if out.is_relative_to((SOURCES / platform).resolve()) or out.is_mount():
        raise InputError(f"{out}: expected a folder to be, got one of facelite's own or a mount point; name a folder elsewhere, or in it")
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        listed: dict[str, Any] = json.loads((out / LIST).read_bytes())["files"]
        hashes = {name: entry["sha256"] for name, entry in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{out}: expected a folder that is empty or to be, or an earlier pack, got something else; name another folder") from None
    found = set(_files(out)) - {LIST}
    same = {name for name in found & set(hashes) if not (out / name).is_symlink() and _sha256((out / name).read_bytes()) == hashes[name]}
    changed = sorted((found | set(hashes)) - same)
    if changed:
        raise InputError(f"{out}: expected a pack as it was written, got changes of yours, {changed[0]} first; name another folder")


def _write(out: Path, files: dict[str, bytes]) -> None:
    """Put ``files`` in the place of the folder ``out``; until all are written the old one stays, and it comes back if it cannot be replaced."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent, ignore_cleanup_errors=True) as folder:
        made, old = Path(folder) / "new", Path(folder) / "old"
        made.mkdir()
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if out.exists():
            made.chmod(out.stat().st_mode)
            os.replace(out, old)
        try:
            os.replace(made, out)
        except BaseException:
            if old.exists():
                os.replace(old, out)
            raise


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
