"""Setting up the Keras host before it is imported: quiet, and with a chosen number of threads."""

from __future__ import annotations

import os
from importlib.util import find_spec

from facelite.errors import FaceliteError


def prepare_host(threads: int | None = None, /) -> None:
    """Call before Keras is imported. ``threads`` is for TensorFlow; one makes its sums, and so a resumed run, bit-equal.

    Raises FaceliteError where Keras or its backend is not installed.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    for module in ("keras", backend):
        if find_spec(module) is None:
            raise FaceliteError(f"expected {module} for training, found none; install it: pip install 'facelite[train]'")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threads is None or backend != "tensorflow":
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
