"""What is measured: a bundle, or a bare embedder with the detector that goes before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facelite.bundle import DETECTOR, Bundle, open_bundle
from facelite.preprocess import Preprocessing


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """The file ``path``: a ``bundle``, or a bare embedder with its ``preprocessing``. ``detector`` None: its embedding alone is measured."""

    path: str
    bundle: Bundle | None
    preprocessing: Preprocessing | None
    detector: bytes | None

    @property
    def facts(self) -> dict[str, Any]:
        """What is known of it without measuring; VAL is 1 - FNMR at the threshold for the bundle's default FMR, None of a bare embedder."""
        data, manifest = Path(self.path).read_bytes(), self.bundle.manifest if self.bundle else None
        threshold = manifest.threshold() if manifest else None
        return {
            "model": self.path,
            "kind": "bundle" if manifest else "tflite",
            "name": manifest.name if manifest else None,
            "network": manifest.network if manifest else None,
            "precision": manifest.precision if manifest else None,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "fmr": threshold.fmr if threshold else None,
            "val": 1 - threshold.fnmr if threshold else None,
        }


def bundle_artefact(path: str, /) -> Artefact:
    """The bundle at ``path``. Raises BundleError."""
    bundle = open_bundle(path)
    return Artefact(path, bundle, None, bundle.files[DETECTOR])
