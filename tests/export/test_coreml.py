"""Core ML packages, read back and run: they compute what Keras computes, whatever the layers, and a fault in one shows."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.errors import ExportError
from facelite.export.convert import convert
from facelite.export.host import import_tensorflow, quiet
from facelite.export.pack.coreml import BLOB, SPEC, to_coreml
from facelite.export.pack.mil import CoreMlEmbedder, Program, package_hash
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.interpreter import Interpreter
from facelite.runtime.model import read_model
from facelite.runtime.reference import run

pytestmark = pytest.mark.usefixtures("coreml")

DETECTOR = {"classificators": "classificators", "regressors": "regressors"}


def output(model):
    graph = read_model(model)
    return {graph.tensors[place].name: "embedding" for place in graph.outputs}


def unit(vectors):
    return vectors / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)


def plain(model, values):
    """The outputs by name of the NumPy oracle, whose sums are float64 too."""
    graph = read_model(model)
    found = run(graph, {graph.inputs[0]: np.asarray(values, np.float32)})
    return {graph.tensors[place].name: found[place] for place in graph.outputs}


@pytest.fixture(scope="module")
def layers():
    """A Keras model of layers in every kind of window, its TFLite file, and what it makes of five pictures."""
    with quiet():
        tf, keras = import_tensorflow()
        keras.utils.set_random_seed(0)
        inputs = x = keras.layers.Input((23, 18, 3), batch_size=1)
        x = keras.layers.Conv2D(8, 3, 2, padding="same", activation="relu")(x)  # odd rows, even columns: a border on one side alone
        a = keras.layers.Conv2D(8, (5, 3), padding="same", dilation_rate=2)(x)
        b = keras.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=1, activation="relu6")(x)
        c = keras.layers.AveragePooling2D(3, 1, padding="same")(x)  # of what lies inside alone
        d = keras.layers.MaxPooling2D(3, 1, padding="same")(x)
        x = keras.layers.Concatenate()([c, keras.layers.Add()([a, b]), d])
        x = keras.layers.ZeroPadding2D(((1, 0), (0, 2)))(x)
        x = keras.layers.DepthwiseConv2D(4, 3, padding="valid", depth_multiplier=2)(x)
        x = keras.layers.ReLU()(keras.layers.Rescaling(scale=np.linspace(0.5, 1.5, 48).tolist(), offset=0.1)(x))
        x = keras.layers.Conv2D(16, 3, padding="same", groups=4)(x)
        x = keras.layers.Dense(12, activation="relu")(x)  # on a picture
        x = keras.layers.AveragePooling2D(x.shape[1:3])(x)  # the flattening behind it is left out by the converter
        x = keras.layers.Dense(7)(keras.layers.Flatten()(x))
        model = keras.Model(inputs, x)
        file = bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        pictures = np.random.default_rng(0).uniform(-1, 1, (5, 23, 18, 3)).astype(np.float32)
        return file, pictures, np.concatenate([model(picture[None]).numpy() for picture in pictures])


@pytest.mark.parametrize(("kind", "most"), [("float32", 1e-6), ("float16", 2e-3), ("int8", 2e-2)])
def test_layers_of_every_kind_compute_what_keras_computes(layers, kind, most):
    file, pictures, expected = layers
    assert len({operator.name for operator in read_model(file).operators}) >= 8
    program = Program(to_coreml(file, weights=kind, outputs=output(file)))
    found = np.concatenate([program.run(picture[None])["embedding"] for picture in pictures])
    scale = np.abs(expected).max()
    assert np.abs(found - expected).max() < most * scale
    assert kind == "float32" or np.abs(found - expected).max() > 1e-6 * scale  # it is rounded as it says


@pytest.mark.parametrize(("kind", "most"), [("float32", 1e-6), ("float16", 1e-3), ("int8", 2e-2)])
def test_the_embedder_s_package_gives_keras_embeddings(models, crops, network, kind, most):
    """Largest difference of a number of an embedding of unit length; Keras rounds each partial sum, the oracle none."""
    size = Preprocessing(network.height, network.width)
    files = to_coreml(models["float32"], weights=kind, outputs=output(models["float32"]))
    (name,) = output(models["float32"])
    expected = unit(np.concatenate([plain(models["float32"], to_input(crop.pixels, size))[name] for crop in crops[:10]]))
    assert np.abs(unit(CoreMlEmbedder(files, preprocessing=size).vectors(crops[:10])) - expected).max() < most


def test_a_mirrored_embedder_s_package_gives_its_file_s_embeddings(network, weights, crops):
    size, model = Preprocessing(network.height, network.width), convert(network, weights, precision="float32", mirrored=True)
    files = to_coreml(model, weights="float32", outputs=output(model))
    (name,) = output(model)
    expected = unit(np.concatenate([plain(model, to_input(crop.pixels, size))[name] for crop in crops[:5]]))
    assert np.abs(unit(CoreMlEmbedder(files, preprocessing=size).vectors(crops[:5])) - expected).max() < 1e-6


def test_the_detector_s_package_finds_what_its_file_finds(detector_file, astronaut):
    values = (astronaut[:256:2, 160:416:2].astype(np.float32) / 127.5 - 1)[None]
    expected = plain(detector_file, values)
    found = {kind: Program(to_coreml(detector_file, weights=kind, outputs=DETECTOR)).run(values) for kind in ("float32", "float16")}
    assert expected["classificators"].max() > 0  # there is a face
    for name in DETECTOR:
        assert found["float32"][name].shape == expected[name].shape
        np.testing.assert_allclose(found["float32"][name], expected[name], rtol=0, atol=2e-4)
        np.testing.assert_allclose(found["float16"][name], expected[name], rtol=2e-3, atol=0.25)  # pixels of 128, and logits


def test_the_same_model_gives_the_same_bytes(models):
    made = [to_coreml(models["float32"], weights="float16", outputs=output(models["float32"])) for _ in range(2)]
    assert made[0] == made[1]
    assert b"com.github.apple.coremltools" not in made[0][SPEC]  # the day, for one
    assert package_hash(made[0]) != package_hash(made[0] | {BLOB: made[0][BLOB][:-1] + b"\1"})


def test_float16_weights_are_taken_as_they_are(models, crops, network):
    size = Preprocessing(network.height, network.width)
    files = to_coreml(models["float16"], weights="float32", outputs=output(models["float16"]))
    runtime = Interpreter(models["float16"])
    expected = unit(np.concatenate([runtime.run(to_input(crop.pixels, size))[0] for crop in crops[:3]]))
    np.testing.assert_allclose(unit(CoreMlEmbedder(files, preprocessing=size).vectors(crops[:3])), expected, rtol=0, atol=5e-6)


def test_int8_takes_half_the_bytes_of_float16(models):
    sizes = {kind: len(to_coreml(models["float32"], weights=kind, outputs=output(models["float32"]))[BLOB]) for kind in ("float16", "int8")}
    assert sizes["int8"] < 0.55 * sizes["float16"]


def test_integers_are_refused(models):
    with pytest.raises(ExportError, match="expected a float model for Core ML, got one of integers; give a float32 bundle too"):
        to_coreml(models["int8"], weights="float16", outputs=output(models["int8"]))


def test_layers_that_core_ml_s_packages_do_not_know_are_named(network):
    with quiet():
        tf, keras = import_tensorflow()
        inputs = keras.layers.Input((16, 16, 3), batch_size=1)
        model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(keras.activations.swish(inputs))))
        file = bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    with pytest.raises(ExportError, match=r"expected convolutions, dense layers, pooling in windows, .* or pack for Android or the web"):
        to_coreml(file, weights="float16", outputs={})


def test_a_fault_in_the_program_shows(models, crops, network):
    """A border moved by one pixel, colours in another order, another weight: each gives other embeddings than float16's rounding does."""
    import coremltools as ct

    size = Preprocessing(network.height, network.width)
    files = to_coreml(models["float32"], weights="float32", outputs=output(models["float32"]))
    expected = unit(CoreMlEmbedder(files, preprocessing=size).vectors(crops[:2]))

    def moved(change):
        spec = ct.proto.Model_pb2.Model.FromString(files[SPEC])
        (block,) = spec.mlProgram.functions["main"].block_specializations.values()
        change({operator.outputs[0].name: operator for operator in block.operations})
        faulty = CoreMlEmbedder(files | {SPEC: spec.SerializeToString()}, preprocessing=size)
        return np.abs(unit(faulty.vectors(crops[:2])) - expected).max()

    def border(operators):
        name = next(name for name in operators if name.startswith("conv_0_pad_0"))
        operators[name].attributes["val"].immediateValue.tensor.ints.values[:] = [1, 0, 1, 0]

    def colours(operators):
        name = next(name for name in operators if name.startswith("transpose_0_perm_0"))
        operators[name].attributes["val"].immediateValue.tensor.ints.values[:] = [0, 3, 2, 1]

    assert moved(border) > 5e-3
    with pytest.raises(AssertionError, match="Mismatch between var types"):  # coremltools: shapes do not fit together
        moved(colours)
    assert moved(lambda operators: None) == 0
