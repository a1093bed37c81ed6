"""A bundle as the files that an app carries: devices/README.md, section 19."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from facelite.atomic import write_atomically
from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, HEAD, Bundle, Manifest
from facelite.face import Pixels
from facelite.runtime.golden import unpack_golden
from facelite.runtime.migration import MAP

MANIFEST = "facelite.json"
PIXELS = "golden.bin"


def write_assets(bundle: Bundle, folder: str | Path, /, *, fmr: float | None = None) -> None:
    """Write the ``assets`` of ``bundle`` into ``folder``. Raises UnsupportedRate."""
    for name, content in assets(bundle, fmr=fmr).items():
        write_atomically(Path(folder) / name, content)


def assets(bundle: Bundle, /, *, fmr: float | None = None) -> dict[str, bytes]:
    """The files by name; ``fmr`` is the false match rate that the app uses by default (None: the bundle's). Raises UnsupportedRate."""
    kept = {name: bundle.files[name] for name in (EMBEDDER, DETECTOR, HEAD, MAP) if name in bundle.files}
    return described(bundle.manifest, {**kept, **_golden(bundle)}, fmr=fmr)


def described(
    manifest: Manifest, files: Mapping[str, bytes], /, *, fmr: float | None = None, hashes: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """``files`` and the manifest that lists them, and ``hashes`` of others. Kinds of templates that were not measured at ``fmr`` are left out."""
    rate = manifest.threshold(fmr).fmr
    kinds = {kind: found for kind, found in manifest.template_thresholds.items() if any(one.fmr == rate for one in found)}
    chosen = replace(manifest, fmr=rate, template_thresholds=kinds)
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} | dict(hashes or {})
    table = asdict(chosen) | {"files": listed}
    return {MANIFEST: json.dumps(table, indent=1, sort_keys=True).encode(), **files}


def _golden(bundle: Bundle) -> dict[str, bytes]:
    """Pictures as raw bytes: what decodes a PNG differs from platform to platform, and some convert its colours."""
    binary = bytearray()

    def array(pixels: Pixels) -> dict[str, Any]:
        at = len(binary)
        binary.extend(pixels.tobytes())
        return {"dtype": "uint8", "shape": pixels.shape, "at": at}

    entries = [
        {**entry, "frame": array(golden.frame), "crop": array(golden.crop)}
        for entry, golden in zip(json.loads(bundle.files[GOLDEN]), unpack_golden(bundle.files[GOLDEN]), strict=True)
    ]
    return {GOLDEN: json.dumps(entries, indent=1).encode(), PIXELS: bytes(binary)}
