"""What one TFLite runtime makes of the cases: needs Python, NumPy and a runtime, nothing else, so that it runs in any environment.

    python answer.py CASES OUT [--reference] [--threads N] [--only NAME ...]

writes OUT/NAME.default, with --reference OUT/NAME.reference instead, in the layout of cases.py, and OUT/answer.json:
{"runtime": module, "seconds": {NAME: seconds of its inputs}, "refused": {NAME: the runtime's message}} for models that do not load or run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--reference", action="store_true", help="TFLite's reference kernels, plain loops in C++")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="names of cases")
    arguments = parser.parse_args()
    runtime, kernels = find_runtime(), "reference" if arguments.reference else "default"
    resolver = runtime.OpResolverType.BUILTIN_REF if arguments.reference else runtime.OpResolverType.AUTO
    arguments.out.mkdir(parents=True, exist_ok=True)
    seconds, refused = {}, {}
    for name, case in json.loads((arguments.cases / "cases.json").read_text()).items():
        if arguments.only and name not in arguments.only:
            continue
        inputs = np.fromfile(arguments.cases / f"{name}.input", "<f4").reshape(-1, *case["input_shape"])
        model = (arguments.cases / f"{name}.tflite").read_bytes()
        started = time.monotonic()
        try:
            interpreter = runtime.Interpreter(model_content=model, num_threads=arguments.threads, experimental_op_resolver_type=resolver)
            outputs = answer(interpreter, inputs)
        except (ValueError, RuntimeError, SystemError) as error:
            refused[name] = str(error)
            continue
        seconds[name] = time.monotonic() - started
        (arguments.out / f"{name}.{kernels}").write_bytes(outputs)
    (arguments.out / "answer.json").write_text(json.dumps({"runtime": runtime.__name__, "seconds": seconds, "refused": refused}, indent=1))


def find_runtime() -> Any:
    """The module of ai-edge-litert, else of tflite-runtime."""
    try:
        return importlib.import_module("ai_edge_litert.interpreter")
    except ImportError:
        return importlib.import_module("tflite_runtime.interpreter")


def answer(interpreter: Any, inputs: np.ndarray) -> bytes:
    """All outputs of each input one after another, the outputs in the order of their names."""
    interpreter.allocate_tensors()
    (entry,) = interpreter.get_input_details()
    places = [output["index"] for output in sorted(interpreter.get_output_details(), key=lambda output: output["name"])]
    written = []
    for values in inputs:
        interpreter.set_tensor(entry["index"], values)
        interpreter.invoke()
        written += [interpreter.get_tensor(place).astype("<f4").tobytes() for place in places]
    return b"".join(written)


if __name__ == "__main__":
    main()
