"""What a run was made with and from, beside its recipe: ``run.json``."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from facelite import __version__
from facelite.networks.weights import Weights
from facelite.training.dataset import FaceSet
from facelite.training.judging import judged_at
from facelite.training.recipe import Precision, TrainingRecipe
from facelite.training.run import FACTS

TOGETHER = 256
"""Crops that one thread hashes at a time."""


def run_facts(recipe: TrainingRecipe, data: tuple[FaceSet, FaceSet], init: Weights | None, /) -> dict[str, Any]:
    """What a run was made with and from, beside its recipe; ``left_out`` names the pictures that ``dataset.load`` has left out. ``recipe`` has the
    precision that the run computes in; targets are those of a teacher's file, since the run keeps others itself.
    """
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
            "pixels_sha256": _pixels_digest(data),
            "targets_sha256": _digest([data[0].targets, data[0].has_target]) if recipe.teacher and recipe.teacher.file else "",
            "init_sha256": _weights_digest(init),
        },
        "precision": recipe.schedule.precision,
        "val_at": judged_at(data[1]),
        "left_out": data[0].left_out,
    }


def left_out(folder: str | Path, /) -> list[str] | None:
    """The names that the run in ``folder`` has left out; None where no run has said so: there is none, or an older one, or its facts are damaged."""
    try:
        return [str(name) for name in json.loads((Path(folder) / FACTS).read_text())["left_out"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def begun_precision(folder: str | Path, /) -> Precision | None:
    """What the run in ``folder`` computes in; None where no run has said so, as for ``left_out``."""
    try:
        precision = json.loads((Path(folder) / FACTS).read_text())["precision"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return precision if precision in get_args(Precision) else None


def _pixels_digest(parts: Iterable[FaceSet]) -> str:
    """Of the crops of the ``parts``, and their order."""
    several = [part.pixels[start : start + TOGETHER] for part in parts for start in range(0, len(part), TOGETHER)]
    with ThreadPoolExecutor() as pool:
        return hashlib.sha256(b"".join(pool.map(lambda crops: bytes.fromhex(_digest([crops])), several))).hexdigest()


def _digest(arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _weights_digest(weights: Weights | None) -> str:
    """Of the weights that a run began with; "" for random ones."""
    digest = hashlib.sha256()
    for name, values in sorted((weights or {}).items()):
        digest.update(name.encode() + b"".join(np.ascontiguousarray(value).tobytes() for value in values))
    return digest.hexdigest() if weights else ""
