"""What a run was made with and from, beside its recipe: ``run.json``."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelite import __version__
from facelite.networks.weights import Weights
from facelite.training.dataset import FaceSet
from facelite.training.judging import judged_at
from facelite.training.run import FACTS


def run_facts(data: tuple[FaceSet, FaceSet], init: Weights | None, /) -> dict[str, Any]:
    """What a run was made with and from, beside its recipe; ``left_out`` names the pictures that ``dataset.load`` has left out."""
    import keras  # here, since what only reads the facts needs none

    names = "\n".join([*data[0].names, "", *data[1].names])
    backend = keras.backend.backend()
    versions = {
        "facelite": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "keras": keras.__version__,
        backend: import_module(backend).__version__,
    }
    return {
        "versions": versions,
        "data": {
            "training": {"pictures": len(data[0]), "people": data[0].people},
            "held_out": {"pictures": len(data[1]), "people": data[1].people},
            "names_sha256": hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest(),
            "init_sha256": _digest(init),
        },
        "val_at": judged_at(data[1]),
        "left_out": data[0].left_out,
    }


def left_out(folder: str | Path, /) -> list[str] | None:
    """The names that the run in ``folder`` has left out; None where no run has said so: there is none, or an older one, or its facts are damaged."""
    try:
        return [str(name) for name in json.loads((Path(folder) / FACTS).read_text())["left_out"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(weights: Weights | None) -> str:
    """Of the weights that a run began with; "" for random ones."""
    digest = hashlib.sha256()
    for name, values in sorted((weights or {}).items()):
        digest.update(name.encode() + b"".join(np.ascontiguousarray(value).tobytes() for value in values))
    return digest.hexdigest() if weights else ""
