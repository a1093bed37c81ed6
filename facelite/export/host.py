"""TensorFlow as a conversion needs it: found, set to the Keras that it converts, and silent, as other converters are made too."""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

from facelite.errors import ExportError


def import_tensorflow() -> tuple[Any, Any]:
    """TensorFlow and the Keras that it converts. Raises ExportError where one is missing."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # tf.lite takes tf_keras models only with this set before the import
    try:
        import tensorflow
        import tf_keras
    except ImportError as error:
        raise ExportError(f"expected {error.name} for the conversion, found none; install it: pip install 'facelite[train]'") from None
    return tensorflow, tf_keras


@contextmanager
def quiet() -> Iterator[None]:
    """TensorFlow writes progress and advice to both streams from C++, past every logging level, coremltools to Python's; a user should see none."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, copy in zip((1, 2), saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)
