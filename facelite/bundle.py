"""The bundle: the one file that crosses from the workstation to the device.

A ``*.facelite`` is a ZIP, stored, sorted, with fixed times, so that equal contents are equal bytes; other bytes are refused.
``manifest.json`` names every other file with its sha256. Hashes show damage, not forgery: pin the digest of the whole file where that matters.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from decimal import ROUND_UP, Context
from math import log1p
from pathlib import Path
from typing import Any

from facelite.atomic import write_atomically
from facelite.distance import SQUARED_L2, Decide, Distance, unpack_head
from facelite.errors import BundleError, RecipeError, UnsupportedRate
from facelite.face import Threshold
from facelite.preprocess import Preprocessing
from facelite.quality import LIMITS, Limits
from facelite.recipe import parse

FORMATS: dict[Decide, tuple[int, int]] = {"squared-l2": (1, 3), "siamese": (2, 2)}
"""Major and minor, by what decides. Another major is refused; a newer minor may add keys at the manifest's top level, which older readers pass
over. Passing over a head would be to decide by another distance than the thresholds are of: hence a major of its own.
"""

FORMAT = FORMATS["squared-l2"]

MANIFEST = "manifest.json"
EMBEDDER = "embedder.tflite"
DETECTOR = "detector.tflite"
CARD = "model-card.md"
GOLDEN = "golden.json"
HEAD = "head.json"

FUSED = (2, 3, 5, 8)
"""Numbers of templates of a person that are compared as one (``face.fuse``) for which thresholds are measured, where there are people enough."""

MAX_BYTES = 256 * 2**20
"""Largest bundle that is read; NNS1 in float32 is below 40 MB."""

_ROUNDING = 1e-6
"""Share by which an FMR may miss the one that is wanted: (1 - (1 - r)^(1/N)) comes back from N comparisons rounded."""

_TIME = 0x0021_0000  # 1980-01-01, 00:00, the earliest that a ZIP can name


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a device must know of a bundle.

    ``space`` names the embedding space. ``thresholds`` hold for templates and probes of this embedder, one for each FMR, largest FMR
    first; ``fmr`` is the one used unless another is asked for. ``template_thresholds`` maps other templates to thresholds for them and this
    embedder's probes: those of another embedder of the same space by its sha256 (since format 1.1), and several of this one's that are compared
    as one by ``fused_kind`` (since 1.2). ``limits`` are those of a picture's quality (since 1.3). ``decide`` says by which distance, that of squared
    L2 or of the head in the file HEAD; all thresholds are of that distance. ``files`` maps every other file to its sha256.
    """

    name: str
    network: str
    precision: str
    space: str
    embedding: int
    preprocessing: Preprocessing
    thresholds: tuple[Threshold, ...]
    fmr: float
    parameters: int
    multiply_adds: int
    training_data: str
    licences: dict[str, str]
    files: dict[str, str]
    template_thresholds: dict[str, tuple[Threshold, ...]] = field(default_factory=dict)
    limits: Limits = LIMITS
    decide: Decide = "squared-l2"
    format: tuple[int, ...] = FORMAT

    def __post_init__(self) -> None:
        for thresholds in (self.thresholds, *self.template_thresholds.values()):
            rates = [threshold.fmr for threshold in thresholds]
            if rates != sorted(set(rates), reverse=True) or self.fmr not in rates:
                raise ValueError(f"expected thresholds of falling FMR, one of them for {self.fmr:g}, got {_rates(thresholds) or 'none'}")

    @property
    def makers(self) -> set[str]:
        """The other embedders (sha256), and maps, whose templates have thresholds."""
        return {kind for kind in self.template_thresholds if kind not in map(fused_kind, FUSED)}

    @property
    def fused(self) -> tuple[int, ...]:
        """How many templates of a person may be compared as one, 1 and all numbers for which thresholds were measured."""
        return (1, *(number for number in FUSED if fused_kind(number) in self.template_thresholds))

    def kind(self, number: int, /) -> str:
        """The kind, a key of ``template_thresholds`` or none, by whose thresholds ``number`` templates are judged that are compared as one."""
        return fused_kind(min(one for one in self.fused if one >= number))

    def fnmrs(self) -> dict[int, float]:
        """The FNMR at the default rate with each number of templates that may be compared as one."""
        tables = {1: self.thresholds} | {number: self.template_thresholds[fused_kind(number)] for number in self.fused[1:]}
        return {number: one.fnmr for number, table in tables.items() for one in table if one.fmr == self.fmr}

    def threshold(self, fmr: float | None = None, /) -> Threshold:
        """The threshold measured at ``fmr`` (None: the bundle's default). Raises UnsupportedRate."""
        wanted = self.fmr if fmr is None else fmr
        for threshold in self.thresholds:
            if abs(threshold.fmr - wanted) <= 1e-9 + 1e-6 * wanted:
                return threshold
        raise UnsupportedRate(f"expected an FMR out of {_rates(self.thresholds)}, which were measured, got {wanted:g}; choose one of them")

    def threshold_for_gallery(self, comparisons: int, fpir: float, /, *, kinds: Collection[str] = ()) -> Threshold:
        """The threshold at which a stranger, in so many ``comparisons``, is taken for somebody of a gallery at a rate of at most ``fpir``.

        FPIR = 1 - (1 - FMR)^N for N comparisons. ``kinds`` of templates are keys of ``template_thresholds``, anything else means one template of
        this embedder (no kinds: all are so); where they are several, the strictest of their thresholds. Raises UnsupportedRate when no FMR that
        small was measured.
        """
        if not 0 < fpir < 1:
            raise ValueError(f"expected an FPIR above 0 and below 1, got {fpir:g}")
        comparisons, tables = max(comparisons, 1), self._tables(kinds)
        if found := _strictest(tables, comparisons, fpir):
            return found
        smallest = _smallest(tables)
        least = Context(prec=2, rounding=ROUND_UP).create_decimal(1 - (1 - smallest) ** comparisons)
        raise UnsupportedRate(
            f"expected an FMR of {1 - (1 - fpir) ** (1 / comparisons):.2g} for an FPIR of {fpir:g} over {comparisons} comparisons, "
            f"got {smallest:g} as the smallest that was measured; "
            + (f"ask for --fmr {float(least):g} or more, or enrol fewer" if least < 1 else "enrol fewer")
        )

    def threshold_for_subject(self, comparisons: int, fmr: float | None = None, /, *, kinds: Collection[str] = (), fused: int = 1) -> Threshold:
        """The threshold at which another person, in so many ``comparisons``, is taken for the subject at a rate of at most ``fmr``, a measured one.

        None: the bundle's default; ``kinds`` as above. Raises UnsupportedRate, with the rates and the photographs that would do where up to
        ``fused`` of them are compared as one.
        """
        wanted, tables = self.threshold(fmr).fmr, self._tables(kinds)
        if found := _strictest(tables, comparisons, wanted):
            return found
        most = int(log1p(-wanted) / log1p(-_smallest(tables)) * (1 + _ROUNDING)) * fused
        usable = [threshold.fmr for threshold in self.thresholds if _strictest(tables, comparisons, threshold.fmr)]
        remedies = [f"ask for --fmr {usable[-1]:g}"] if usable else []
        remedies += [f"enrol {'one photograph' if most == 1 else f'{most} photographs'} only"] if most else []
        raise UnsupportedRate(
            f"expected at most {most} template(s) of a subject for an FMR of {wanted:g} where {_rates(self.thresholds)} were measured, "
            f"got {f'{comparisons} groups of up to {fused}' if fused > 1 else comparisons}; "
            f"{', or '.join(remedies) or 'enrol anew with this bundle'}",
            photographs=most,
        )

    def _tables(self, kinds: Collection[str]) -> list[tuple[Threshold, ...]]:
        """The thresholds for templates of each of ``kinds``."""
        return [self.template_thresholds.get(kind, self.thresholds) for kind in sorted(kinds)] or [self.thresholds]


def fused_kind(number: int, /) -> str:
    """The key in ``template_thresholds`` of so many templates that are compared as one; no key for one."""
    return f"fused {number}" if number > 1 else ""


def _strictest(tables: Sequence[Sequence[Threshold]], comparisons: int, rate: float) -> Threshold | None:
    """Of each table the largest FMR that errs in so many ``comparisons`` at ``rate`` at most, of these the nearest; None where a table has none."""
    wanted = 1 - (1 - rate) ** (1 / comparisons)
    fitting = [[one for one in table if one.fmr <= wanted * (1 + _ROUNDING)] for table in tables]
    return min((table[0] for table in fitting), key=lambda one: one.distance) if all(fitting) else None


def _smallest(tables: Sequence[Sequence[Threshold]]) -> float:
    """The smallest FMR that was measured for all."""
    return max(table[-1].fmr for table in tables)


def _rates(thresholds: tuple[Threshold, ...]) -> str:
    return ", ".join(f"{threshold.fmr:g}" for threshold in thresholds)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A checked bundle in memory: its manifest, its files by name, the sha256 of the whole file, and the distance that decides."""

    manifest: Manifest
    files: Mapping[str, bytes]
    digest: str
    distance: Distance = SQUARED_L2

    @property
    def artefact(self) -> str:
        """The sha256 of the embedder, to which thresholds and templates are bound."""
        return self.manifest.files[EMBEDDER]


def open_bundle(path: str | Path, /) -> Bundle:
    """Read and check the bundle at ``path``. Raises BundleError."""
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(f"{path}: expected a bundle of at most {MAX_BYTES >> 20} MB, got {path.stat().st_size >> 20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"{path}: expected a bundle, got {error.strerror or error}; make one: facelite export RECIPE, or name another: --bundle B"
        ) from None
    try:
        return load_bundle(data)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None


def load_bundle(data: bytes, /) -> Bundle:
    """Check a bundle's bytes. Raises BundleError."""
    files = _unzip(data)
    manifest = _read_manifest(files.pop(MANIFEST, b""))
    for name in sorted(set(manifest.files) | set(files)):
        if Path(name).name != name or "\\" in name:
            raise BundleError(f"expected names of files without folders, got {name!r}; export or download the bundle again")
        if name not in files:
            raise BundleError(f"expected the file {name}, which is missing; export or download the bundle again")
        digest = hashlib.sha256(files[name]).hexdigest()
        if digest != manifest.files.get(name):
            raise BundleError(
                f"expected {name} with sha256 {manifest.files.get(name, 'of a listed file')}, got {digest}; "
                "the bundle is damaged or edited: export or download it again"
            )
    for name in (EMBEDDER, DETECTOR, GOLDEN):
        if name not in files:
            raise BundleError(f"expected the file {name}, which the manifest does not list; export the bundle again")
    return Bundle(manifest, files, hashlib.sha256(data).hexdigest(), _distance(manifest, files))


def _distance(manifest: Manifest, files: Mapping[str, bytes]) -> Distance:
    if manifest.decide == "squared-l2":
        return SQUARED_L2
    try:
        head = unpack_head(files.get(HEAD, b""))
    except ValueError as error:
        raise BundleError(f"{HEAD}: expected the Siamese head that decides, got {error}; export the bundle again") from None
    if len(head.weights) != manifest.embedding:
        raise BundleError(f"{HEAD}: expected a head of {manifest.embedding} numbers, got one of {len(head.weights)}; export the bundle again")
    return head


def pack_bundle(manifest: Manifest, files: Mapping[str, bytes], /) -> bytes:
    """The bytes of a bundle of ``files``; the manifest's own list of files, and its format, are made here."""
    digests = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    table = asdict(manifest) | {"files": digests, "format": FORMATS[manifest.decide]}
    if manifest.decide == "squared-l2":
        del table["decide"]  # which format 1 does not know
    if manifest.preprocessing.colours == "RGB":
        del table["preprocessing"]["colours"]  # format 1.0 knows no other: it reads these bundles, and refuses the key where it says so
    data = _zip({**files, MANIFEST: json.dumps(table, indent=1, sort_keys=True).encode()})
    load_bundle(data)
    return data


def save_bundle(path: str | Path, manifest: Manifest, files: Mapping[str, bytes], /) -> None:
    """Write a bundle to ``path``, whole or not at all."""
    write_atomically(Path(path), pack_bundle(manifest, files))


def _zip(files: Mapping[str, bytes]) -> bytes:
    """Written here, so that these bytes never depend on a version of Python. Source: PKWARE's APPNOTE.TXT 6.3.10, section 4.3."""
    body, directory = bytearray(), bytearray()
    for name, content in sorted(files.items()):
        encoded, size = name.encode(), len(content)
        # version 2.0, no flags, stored
        common = struct.pack("<HHHIIIIHH", 20, 0, 0, _TIME, zlib.crc32(content), size, size, len(encoded), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + encoded
        body += b"PK\3\4" + common + encoded + content
    return bytes(body + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0))


def _unzip(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos) or sum(info.file_size for info in infos) > MAX_BYTES:
                raise BundleError("expected a bundle of stored files, got a compressed archive; export it again")
            files = {info.filename: archive.read(info) for info in infos}
        ours = _zip(files) == data
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error) as error:
        raise BundleError(f"expected a bundle, got a damaged or foreign file ({error}); export or download it again") from None
    if len(files) != len(infos):
        raise BundleError("expected each file once, got one twice; export or download the bundle again")
    if not ours:
        raise BundleError("expected the bytes that facelite writes, got others; the bundle is damaged or edited: export or download it again")
    return files


def _read_manifest(data: bytes) -> Manifest:
    try:
        table: dict[str, Any] = json.loads(data)
        major, ours = int(table["format"][0]), FORMATS.get(table.get("decide", "squared-l2"), FORMAT)[0]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, OverflowError):
        raise BundleError(f"expected a {MANIFEST} with a format version, got none; export or download the bundle again") from None
    if major != ours:
        raise BundleError(f"expected a bundle of format {ours}, got {major}; use the facelite that the bundle was made for, or export it again")
    known = {field.name for field in fields(Manifest)}
    try:
        return parse({name: value for name, value in table.items() if name in known}, Manifest)
    except RecipeError as error:
        raise BundleError(f"{MANIFEST}: {error}; export or download the bundle again") from None


def find_bundle(path: str | Path | None = None, /) -> Path:
    """``path``, else the environment's FACELITE_BUNDLE, else the bundle inside the installed package. Raises BundleError."""
    inside = Path(__file__).with_name("default.facelite")
    if named := path or os.environ.get("FACELITE_BUNDLE"):
        return Path(named)
    if inside.exists():
        return inside
    raise BundleError("expected a bundle, got the name of none; name one with --bundle B or FACELITE_BUNDLE, or make one: facelite export RECIPE")
