"""Setting up the Keras host before it is imported: which one, quiet, and with a chosen number of threads."""

from __future__ import annotations

import os
from importlib.util import find_spec

from facelite.errors import FaceliteError


def prepare_host(threads: int | None = None, /) -> None:
    """Call before Keras is imported. Its host is the one that KERAS_BACKEND names, else TensorFlow, else JAX where that alone is installed.

    ``threads`` are those of a step on a CPU. One makes TensorFlow's sums, and so a resumed run, bit-equal; JAX's are so with any number, as long as
    it stays the same.

    Raises FaceliteError where Keras or its host is not installed.
    """
    if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None and find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "jax"
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    for module in ("keras", backend):
        if find_spec(module) is None:
            extra = "jax" if backend == "jax" else "train"
            raise FaceliteError(f"expected {module} for training, found none; install it: pip install 'facelite[{extra}]'")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threads is None:
        return
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    elif backend == "jax":
        os.environ["PJRT_NPROC"] = str(threads)
