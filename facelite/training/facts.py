"""What a run was made with and from, beside its recipe: ``run.json``."""

from __future__ import annotations

import hashlib
import platform
from importlib import import_module
from typing import Any

import cv2
import keras
import numpy as np

from facelite import __version__
from facelite.networks.weights import Weights
from facelite.training.dataset import FaceSet
from facelite.training.judging import judged_at


def run_facts(data: tuple[FaceSet, FaceSet], init: Weights | None, /) -> dict[str, Any]:
    """What a run was made with and from, beside its recipe."""
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
    }


def _digest(weights: Weights | None) -> str:
    """Of the weights that a run began with; "" for random ones."""
    digest = hashlib.sha256()
    for name, values in sorted((weights or {}).items()):
        digest.update(name.encode() + b"".join(np.ascontiguousarray(value).tobytes() for value in values))
    return digest.hexdigest() if weights else ""
