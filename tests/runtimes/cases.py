"""What every other runtime is asked: released models, inputs, and what LiteRT here makes of them.

    python tests/runtimes/cases.py OUT

writes for each model NAME: NAME.tflite, NAME.input (its inputs one after another, float32, little endian), NAME.reference and NAME.default
(all outputs of each input one after another, the outputs in the order of their names, by LiteRT's reference kernels and by the kernels that
it chooses itself), and cases.json: {"NAME": {"precision", "inputs", "input_shape", "outputs": [[name, shape], ...]}}.

The models are the detector and every released file, all of which are int8; float32 and float16 are converted from the released weights.
The inputs are drawn faces, aligned as the bundle's are, and noise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from facelite.export.convert import convert
from facelite.export.recipe import Recipe
from facelite.export.synthetic import draw_face
from facelite.networks import NETWORKS
from facelite.networks.weights import read_weights
from facelite.preprocess import Preprocessing, align, sample, to_input
from facelite.recipe import read_recipe
from facelite.runtime.detector import SIDE, Detector, find_detector

EXPORT = Path(__file__).parent.parent.parent / "export"
FACES = range(6)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    detector = find_detector()
    rng = np.random.default_rng(0)
    frames = [draw_face(seed) for seed in FACES]
    noise = rng.integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
    scale = SIDE / frames[0].shape[0]
    views = [sample(frame, np.array([(scale, 0, 0.5 * scale - 0.5), (0, scale, 0.5 * scale - 0.5)]), SIDE, SIDE) for frame in frames]
    cases = {"detector": describe(out, "detector", "float16", detector, (np.stack([*views, *noise]) / np.float32(127.5) - 1).astype(np.float32))}
    finder = Detector(detector)
    landmarks = [found[0].landmarks for frame in frames if (found := finder.detect(frame))]
    for name in sorted({path.parent.name for path in EXPORT.glob("*/*.tflite")}):
        recipe = read_recipe(EXPORT / name / "int8.toml", Recipe)
        network, weights = NETWORKS[name], read_weights(EXPORT / name / recipe.weights)
        preprocessing = Preprocessing(network.height, network.width)
        crops = [align(frame, points, network.height, network.width).pixels for frame, points in zip(frames, landmarks, strict=True)]
        crops += list(rng.integers(0, 256, (2, network.height, network.width, 3)).astype(np.uint8))
        inputs = np.concatenate([to_input(pixels, preprocessing) for pixels in crops])
        for path in sorted((EXPORT / name).glob("*.tflite")):
            cases[path.stem] = describe(out, path.stem, "int8", path.read_bytes(), inputs)
        for precision in ("float32", "float16"):
            model = convert(network, weights, precision=precision)
            cases[f"{name}-{precision}"] = describe(out, f"{name}-{precision}", precision, model, inputs)
    (out / "cases.json").write_text(json.dumps(cases, indent=1))


def describe(out: Path, name: str, precision: str, model: bytes, inputs: np.ndarray) -> dict[str, object]:
    """Write the files of one case; inputs (n, height, width, 3) float32."""
    (out / f"{name}.tflite").write_bytes(model)
    (out / f"{name}.input").write_bytes(inputs.astype("<f4").tobytes())
    for kernels, resolver in (("reference", OpResolverType.BUILTIN_REF), ("default", OpResolverType.AUTO)):
        interpreter = Interpreter(model_content=model, experimental_op_resolver_type=resolver, num_threads=1)
        interpreter.allocate_tensors()
        (entry,) = interpreter.get_input_details()
        outputs = sorted(interpreter.get_output_details(), key=lambda output: output["name"])
        with (out / f"{name}.{kernels}").open("wb") as file:
            for values in inputs:
                interpreter.set_tensor(entry["index"], values[None])
                interpreter.invoke()
                for output in outputs:
                    file.write(interpreter.get_tensor(output["index"]).astype("<f4").tobytes())
    shapes = [[output["name"], output["shape"].tolist()] for output in outputs]
    return {"precision": precision, "inputs": len(inputs), "input_shape": entry["shape"].tolist(), "outputs": shapes}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
