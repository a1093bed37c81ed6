"""Trained weights in a file: by layer name, as an .npz with the entries "layer/0", "layer/1", ..."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from facelite.errors import InputError
from facelite.face import Floats

Weights = dict[str, list[Floats]]
"""A network's arrays by layer name, in Keras' order."""

BEST = "best.npz"
"""The file of a run folder that holds its best weights."""


def read_weights(path: str | Path, /) -> Weights:
    """The float32 weights in the file ``path``, or the best ones of the run folder ``path``. Raises InputError."""
    path = Path(path) / BEST if Path(path).is_dir() else Path(path)
    weights: dict[str, dict[int, Floats]] = {}
    try:
        with np.load(path) as file:
            for name in file.files:
                layer, _, index = name.rpartition("/")
                weights.setdefault(layer, {})[int(index)] = file[name].astype(np.float32)
    except OSError as error:
        raise InputError(f"{path}: expected weights as a training run leaves them, got {error.strerror or error}; name them right") from None
    except (ValueError, TypeError, AttributeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        raise InputError(
            f"{path}: expected weights as a training run leaves them, got another or a damaged file; name a run or a weights file"
        ) from None
    return {layer: [values[i] for i in sorted(values)] for layer, values in weights.items()}


def pack_weights(weights: Weights, /, *, half: bool = False) -> bytes:
    """The bytes of a weights file; with ``half`` kernels are float16, while vectors (biases, BatchNorm) stay float32."""
    buffer = io.BytesIO()
    arrays = {f"{name}/{i}": value for name, values in weights.items() for i, value in enumerate(values)}
    np.savez(buffer, **{name: value.astype(np.float16) if half and value.ndim > 1 else value for name, value in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def halved(weights: Weights, /) -> Weights:
    """``weights`` as they come back from a file of half precision."""
    return {name: [value.astype(np.float16).astype(np.float32) if value.ndim > 1 else value for value in values] for name, values in weights.items()}
