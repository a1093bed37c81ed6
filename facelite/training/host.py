"""Setting up the Keras host before it is imported: quiet, and with a chosen number of threads."""

from __future__ import annotations

import os


def prepare_host(threads: int | None = None, /) -> None:
    """Call before Keras is imported. ``threads`` is for TensorFlow; one makes its sums, and so a resumed run, bit-equal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if threads is None or os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
