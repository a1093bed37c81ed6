"""Conformance vectors: for each stage of a device inputs, what facelite makes of them, and how far another program may be from that.

``vectors.json`` lists the cases of each stage, ``vectors.bin`` holds their pictures and tensors: whoever can parse JSON can read both. No stage needs
the one before, so that a port can be built up stage by stage. The faces are drawn. ``devices/README.md`` says what each field means.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from facelite.atomic import write_atomically
from facelite.bundle import Bundle
from facelite.export.conformance.case import Binary
from facelite.export.conformance.decision import decision_stages
from facelite.export.conformance.detection import detection_stages
from facelite.export.conformance.face import face_stages
from facelite.runtime.verifier import Verifier

__all__ = ["Vectors", "write_vectors"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Vectors:
    """What was written: for the bundle of ``digest`` so many ``cases`` of each stage, ``bytes`` of both files together."""

    digest: str
    cases: dict[str, int]
    bytes: int


def write_vectors(bundle: Bundle, out: str | Path, /) -> Vectors:
    """Write ``out``/vectors.json and ``out``/vectors.bin; the same bytes each time on one machine.

    Raises SelfTestError where this machine does not reproduce the bundle, ExportError where its network hardly tells drawn faces apart.
    """
    verifier = Verifier(bundle)
    stages = {**detection_stages(bundle), **face_stages(verifier), **decision_stages(verifier)}
    binary = Binary()
    lines = [f'  "{name}": [\n   ' + ",\n   ".join(json.dumps(binary.place(case)) for case in cases) + "\n  ]" for name, cases in stages.items()]
    head = {
        "format": FORMAT,
        "bundle": {"name": bundle.manifest.name, "digest": bundle.digest},
        "binary": {"bytes": len(binary.data), "sha256": hashlib.sha256(binary.data).hexdigest()},
    }
    text = json.dumps(head, indent=1).removesuffix("\n}") + ',\n "stages": {\n' + ",\n".join(lines) + "\n }\n}\n"  # one case a line
    write_atomically(Path(out) / "vectors.bin", bytes(binary.data))
    write_atomically(Path(out) / "vectors.json", text.encode())
    return Vectors(bundle.digest, {name: len(cases) for name, cases in stages.items()}, len(text) + len(binary.data))
