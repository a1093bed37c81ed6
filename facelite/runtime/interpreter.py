"""One TFLite model in one interpreter: ai-edge-litert where it is installed, else tflite-runtime, else NumPy alone."""

from __future__ import annotations

import importlib
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError
from facelite.face import Floats
from facelite.runtime.guard import check_model

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "facelite.runtime.reference")
"""Modules with an Interpreter, the first that can be imported being used; the last always can."""

_NATIVE = {name.partition(".")[0] for name in RUNTIMES[:-1]}
"""Those that a damaged model can take down, and the process with them."""

MAX_THREADS = 64
"""No cheap device has more cores; LiteRT 2.1 crashes the process when it is asked for 100,000."""

GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
"""What LiteRT writes to standard error once, with the first model of a process. No variable and no function of its Python package stops it."""

_greeting, _greeted = threading.Lock(), threading.Event()


def runtime_name() -> str:
    """The package whose runtime is in use; "facelite" where none is installed and models run in NumPy."""
    return str(_load_runtime().__name__).partition(".")[0]


class Interpreter:
    """A model with one input and one or more outputs, each float32, or int8 with its scale. Raises BundleError for anything else.

    Numbers go in and come out as float32 in any case; where the model takes or gives int8 they are rounded to its steps.
    ``run`` may be called from several threads; calls take turns. The array it returns is the caller's.
    """

    def __init__(self, model: bytes, /, *, threads: int = 1) -> None:
        if not 1 <= threads <= MAX_THREADS:
            raise ValueError(f"expected 1 to {MAX_THREADS} threads, got {threads}")
        if runtime_name() in _NATIVE:
            check_model(model)
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
        if not kinds <= {"float32", "int8"} or len(self._interpreter.get_input_details()) != 1:
            raise BundleError(
                f"expected a TFLite model with one input, float32 or int8 in and out, got {', '.join(sorted(kinds))}; export it again so"
            )
        self._steps = [_steps(tensor) for tensor in (self._input, *self._outputs)]
        self._lock = threading.Lock()

    @property
    def takes(self) -> str:
        """The numbers that go in: float32 or int8."""
        return str(np.dtype(self._input["dtype"]).name)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(int(side) for side in self._input["shape"])

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(int(side) for side in output["shape"]) for output in self._outputs)

    def run(self, values: Floats, /) -> Sequence[Floats]:
        """Outputs in the order of their names for ``values`` of ``input_shape``, float32."""
        taken, *given = self._steps
        inputs = np.asarray(values, np.float32, order="C")
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], taken.quantise(inputs) if taken else inputs)
            self._interpreter.invoke()
            tensors = [self._interpreter.get_tensor(output["index"]) for output in self._outputs]
        return [steps.real(tensor) if steps else tensor for steps, tensor in zip(given, tensors, strict=True)]


@dataclass(frozen=True, slots=True)
class Steps:
    """What int8 stands for: real = scale * (value - zero point), rounded as TFLite's own QUANTIZE rounds, halves away from zero."""

    scale: np.float32
    zero_point: int

    def quantise(self, values: NDArray[np.float32]) -> NDArray[np.int8]:
        steps = values / self.scale
        whole = np.trunc(steps + np.copysign(np.float32(0.5), steps))
        rounded: NDArray[np.int8] = np.clip(whole + self.zero_point, -128, 127).astype(np.int8)
        return rounded

    def real(self, values: NDArray[np.int8]) -> NDArray[np.float32]:
        return (values.astype(np.float32) - np.float32(self.zero_point)) * self.scale


def _steps(tensor: Mapping[str, Any]) -> Steps | None:
    """Those of an int8 ``tensor`` that a runtime has described, None of a float one. Raises BundleError where it has no scale."""
    if np.dtype(tensor["dtype"]) != np.int8:
        return None
    scale, zero_point = tensor["quantization"]
    if not scale > 0:
        raise BundleError("expected a TFLite model whose int8 input and output have a scale, got one without; export it again")
    return Steps(np.float32(scale), int(zero_point))


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
