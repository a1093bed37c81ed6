"""Whole models in NumPy against LiteRT's reference kernels, and the device half where no runtime is installed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.bundle import EMBEDDER
from facelite.errors import BundleError
from facelite.export.recipe import Recipe
from facelite.export.synthetic import draw_face
from facelite.face import Outcome
from facelite.recipe import read_recipe
from facelite.runtime import interpreter, reference
from facelite.runtime.detector import SIDE
from facelite.runtime.interpreter import RUNTIMES
from facelite.runtime.model import read_model
from facelite.runtime.reference import Interpreter, run
from facelite.runtime.verifier import Verifier

EXPORT = Path(__file__).parent.parent.parent / "export"
FLOAT_BOUND = 1e-5
"""Of a tensor's largest number, for float32 sums in another order; 3.3e-6 is the most that was measured: detector, NNS1 and NNS2, 8 inputs each."""


def drawn(shape, count=3):
    """``count`` drawn faces and as much noise, as inputs (1, h, w, 3) float32."""
    _, height, width, _ = shape
    faces = [draw_face(seed)[:height, :width] for seed in range(count)]
    noise = list(np.random.default_rng(0).integers(0, 256, (count, height, width, 3)))
    return [(pixels[None] / 127.5 - 1).astype(np.float32) for pixels in faces + noise]


def of_litert(file, values):
    """What every tensor holds by LiteRT's reference kernels."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="the oracle is LiteRT")
    interpreter = litert.Interpreter(
        model_content=file, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF, experimental_preserve_all_tensors=True
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return {place: interpreter.get_tensor(place) for place in range(len(read_model(file).tensors))}


@pytest.mark.parametrize("path", sorted(EXPORT.glob("*/*int8*.tflite")), ids=lambda path: path.stem)
def test_every_tensor_of_a_released_int8_model_is_the_same_to_the_bit(path):
    file = path.read_bytes()
    model = read_model(file)
    for values in drawn(model.tensors[model.inputs[0]].shape):
        ours = run(model, dict.fromkeys(model.inputs, values))
        theirs = of_litert(file, values)
        assert ours.keys() == theirs.keys()
        for place, tensor in enumerate(model.tensors):
            np.testing.assert_array_equal(ours[place], theirs[place], err_msg=tensor.name)


def assert_near(file):
    """Every tensor, by its own largest number."""
    model = read_model(file)
    for values in drawn(model.tensors[model.inputs[0]].shape):
        ours, theirs = run(model, dict.fromkeys(model.inputs, values)), of_litert(file, values)
        for place in range(len(model.tensors)):
            np.testing.assert_allclose(ours[place], theirs[place], rtol=0, atol=FLOAT_BOUND * np.abs(theirs[place]).max())


def test_the_detector_is_the_same_but_for_rounding(detector_file):
    assert_near(detector_file)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_float_models_of_the_released_weights_are_the_same_but_for_rounding(precision):
    from facelite.export.convert import convert
    from facelite.networks import NETWORKS
    from facelite.networks.weights import read_weights

    recipe = read_recipe(EXPORT / "nns2/int8.toml", Recipe)
    assert_near(convert(NETWORKS["nns2"], read_weights(EXPORT / "nns2" / recipe.weights), precision=precision))


@pytest.mark.slow
def test_a_residual_network_of_tensorflow_s_converter_is_the_same_to_the_bit():
    """Strided SAME convolutions, a border, sums with ReLU, a product, and branches of different ranges side by side."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # as in facelite.export.convert
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("tf_keras")
    layers, rng = keras.layers, np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    x = entry = keras.Input((32, 24, 3), batch_size=1)
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="relu")(x)
    for channels in (8, 12):
        other = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        other = layers.Conv2D(channels, 3, padding="same")(layers.DepthwiseConv2D(3, padding="same")(other))
        shortcut = x if channels == 8 else layers.Conv2D(channels, 1)(x)
        x = layers.ReLU()(layers.Add()([shortcut, other]))
    gate = layers.Conv2D(12, 1)(x)
    wide = layers.Concatenate()([x, layers.Multiply()([x, gate]), layers.MaxPooling2D(3, 1, "same")(gate)])
    narrow = layers.Concatenate()([x, layers.AveragePooling2D(3, 1, "same")(layers.Conv2D(3, 1)(x))])
    x = layers.Add()([layers.Conv2D(16, 3, strides=2)(layers.ZeroPadding2D(((2, 1), (0, 2)))(part)) for part in (wide, narrow)])
    model = keras.Model(entry, layers.Dense(10)(layers.Flatten()(layers.ReLU()(x))))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([rng.uniform(-1, 1, (1, 32, 24, 3)).astype(np.float32)] for _ in range(50))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the converter's about itself
        file = converter.convert()
    made = read_model(file)
    assert {"ADD", "MUL", "PAD", "CONCATENATION", "AVERAGE_POOL_2D", "MAX_POOL_2D", "DEPTHWISE_CONV_2D"} <= {one.name for one in made.operators}
    assert any(one.name == "ADD" and one.options["fused_activation_function"] for one in made.operators)
    assert sum(one.name == "QUANTIZE" for one in made.operators) > 1  # branches brought to one scale
    for values in drawn((1, 32, 24, 3), 10):
        ours, theirs = run(made, dict.fromkeys(made.inputs, values)), of_litert(file, values)
        for place, tensor in enumerate(made.tensors):
            np.testing.assert_array_equal(ours[place], theirs[place], err_msg=tensor.name)


# the function and its wrapper


def test_run_leaves_its_inputs_alone_and_gives_them_back_with_the_rest(detector_file):
    model, values = read_model(detector_file), drawn((1, SIDE, SIDE, 3))[0]
    kept = values.copy()
    first, second = run(model, {model.inputs[0]: values}), run(model, {model.inputs[0]: values})
    np.testing.assert_array_equal(values, kept)
    assert first[model.inputs[0]] is values
    assert first.keys() == set(range(len(model.tensors)))
    for place, value in first.items():
        np.testing.assert_array_equal(value, second[place])


@pytest.mark.parametrize("inputs", [
    {},
    {0: np.zeros((1, SIDE, SIDE, 3))},
    {0: np.zeros((1, SIDE, SIDE, 1), np.float32)},
    {1: np.zeros((1, SIDE, SIDE, 3), np.float32)},
])  # fmt: skip
def test_inputs_of_another_model_are_misuse(detector_file, inputs):
    with pytest.raises(ValueError, match=r"expected inputs {0: .*, got "):
        run(read_model(detector_file), inputs)


def test_the_interpreter_answers_as_a_runtime_s_does(detector_file):
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="the oracle is LiteRT")
    answers = []
    for kind in (Interpreter, litert.Interpreter):
        made = kind(model_content=detector_file, num_threads=1)
        made.allocate_tensors()
        details = [*made.get_input_details(), *made.get_output_details()]
        answers.append([(one["name"], one["index"], one["shape"].tolist(), one["shape"].dtype, one["dtype"]) for one in details])
        values = drawn((1, SIDE, SIDE, 3))[0]
        made.set_tensor(details[0]["index"], values)
        values[:] = 0  # it has taken a copy
        made.invoke()
        found = made.get_tensor(details[1]["index"])
        kept = found.copy()
        found[:] = 0  # and gives one
        np.testing.assert_array_equal(made.get_tensor(details[1]["index"]), kept)
        answers.append(kept)
    assert answers[0] == answers[2]
    np.testing.assert_allclose(answers[1], answers[3], rtol=0, atol=1e-5 * np.abs(answers[3]).max())


# where no runtime is installed


@pytest.fixture
def without_runtimes(monkeypatch):
    for name in RUNTIMES[:-1]:
        monkeypatch.setitem(sys.modules, name, None)


def test_a_bundle_decides_alike_without_a_runtime(bundle, verifier, without_runtimes, astronaut, hopper):
    """The self-test runs before the first decision. 0.02 of distance is what rounding in LiteRT's faster kernels has made in int8."""
    alone = Verifier(bundle)
    assert type(alone.embedder._interpreter._interpreter) is type(alone.detector._interpreter._interpreter) is Interpreter
    faces, outcomes = [draw_face(seed, side=320) for seed in (0, 1)], set()
    for a, b in ((faces[0], faces[0][:, ::-1]), faces, (astronaut, hopper)):
        ours, theirs = alone.verify(a, b), verifier.verify(a, b)
        assert ours.outcome is theirs.outcome
        assert abs(ours.distance - theirs.distance) < 0.05
        outcomes.add(ours.outcome)
    assert outcomes == {Outcome.ACCEPTED, Outcome.REJECTED}


def test_a_damaged_model_is_refused_without_a_runtime(bundle, without_runtimes):
    model = bundle.files[EMBEDDER]
    for data in (b"text", model[:1000], model[:-1000]):
        with pytest.raises(BundleError, match=r"expected a TFLite model that facelite can load, got: .*; export it again"):
            interpreter.Interpreter(data)


def test_it_is_said_once_and_to_the_log(detector_file, caplog):
    reference._tell.cache_clear()
    with caplog.at_level(logging.WARNING, "facelite"):
        for _ in range(3):
            Interpreter(model_content=detector_file)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("facelite", "WARNING")
    assert "found none: models run in NumPy" in record.message


ALONE = """
import sys
for name in ("ai_edge_litert", "tflite_runtime", "flatbuffers"):
    sys.modules[name] = None
from facelite.cli.main import main
main(sys.argv[1:])
"""


def test_a_command_says_it_in_one_line_beside_its_answer(bundle_file, tmp_path):
    cv2.imwrite(str(tmp_path / "face.png"), draw_face(0, side=320)[..., ::-1])
    words = ["verify", str(tmp_path / "face.png"), str(tmp_path / "face.png"), "--bundle", str(bundle_file), "--json"]
    result = subprocess.run([sys.executable, "-c", ALONE, *words], capture_output=True, text=True, check=False)
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 1)
    assert result.stderr.splitlines() == ["expected a TFLite runtime, found none: models run in NumPy, slowly; type: pip install ai-edge-litert"]
