"""One TFLite model in one interpreter: ai-edge-litert where it is installed, else tflite-runtime, else NumPy alone."""

from __future__ import annotations

import importlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError
from facelite.face import Floats

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "facelite.runtime.reference")
"""Modules with an Interpreter, the first that can be imported being used; the last always can."""

MAX_THREADS = 64
"""No cheap device has more cores; LiteRT 2.1 crashes the process when it is asked for 100,000."""

GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
"""What LiteRT writes to standard error once, with the first model of a process. No variable and no function of its Python package stops it."""

_greeting, _greeted = threading.Lock(), threading.Event()


def runtime_name() -> str:
    """The package whose runtime is in use; "facelite" where none is installed and models run in NumPy."""
    return str(_load_runtime().__name__).partition(".")[0]


class Interpreter:
    """A model with one input and one or more outputs, all float32. Raises BundleError for anything else.

    ``run`` may be called from several threads; calls take turns. The array it returns is the caller's.
    """

    def __init__(self, model: bytes, /, *, threads: int = 1) -> None:
        if not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"expected 1 to {MAX_THREADS} threads, got {threads}")
        try:
            with _ungreeted():
                self._interpreter = _load_runtime().Interpreter(model_content=model, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, SystemError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise BundleError(f"expected a TFLite model that {runtime_name()} can load, got: {reason}; export it again") from None
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = sorted(self._interpreter.get_output_details(), key=lambda output: str(output["name"]))
        kinds = {np.dtype(tensor["dtype"]).name for tensor in (self._input, *self._outputs)}
        if kinds != {"float32"} or len(self._interpreter.get_input_details()) != 1:
            raise BundleError(f"expected a TFLite model with one input, float32 in and out, got {', '.join(sorted(kinds))}; export it again so")
        self._lock = threading.Lock()

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self._input["shape"])

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(int(side) for side in output["shape"]) for output in self._outputs)

    def run(self, values: Floats, /) -> Sequence[Floats]:
        """Outputs in the order of their names for ``values`` of ``input_shape``, float32."""
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], np.ascontiguousarray(values, np.float32))
            self._interpreter.invoke()
            return [self._tensor(output["index"]) for output in self._outputs]

    def _tensor(self, index: int) -> NDArray[np.float32]:
        tensor: NDArray[np.float32] = self._interpreter.get_tensor(index)
        return tensor


@contextmanager
def _ungreeted() -> Iterator[None]:
    """Until the greeting has come: holds back what comes to file descriptor 2, from whatever thread, and then passes all of it on but that.

    What a thread is writing just while the descriptor is set back may be lost: so this is done no more often than it must be.
    """
    with ExitStack() as stack:
        if not _greeted.is_set():
            stack.enter_context(_greeting)
        if _greeted.is_set():
            yield
            return
        try:
            held = stack.enter_context(tempfile.TemporaryFile())
            stderr = stack.enter_context(os.fdopen(os.dup(2), "wb", buffering=0))
        except OSError:  # no place for a file, or a process without standard error
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr.fileno(), 2)
            written = os.pread(held.fileno(), os.fstat(held.fileno()).st_size, 0)  # seeking would move what a thread just now writes
            if GREETING in written:
                _greeted.set()
            with suppress(OSError):  # a full disk, a closed pipe
                stderr.write(written.replace(GREETING, b""))


def _load_runtime() -> Any:
    *installed, ours = RUNTIMES
    for name in installed:
        with suppress(ImportError):
            return importlib.import_module(name)
    return importlib.import_module(ours)
