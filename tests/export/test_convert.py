"""Weights -> TFLite: float equals Keras, int8 is integer inside, nothing is printed, the same bytes each time."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facelite.errors import ExportError
from facelite.export.convert import convert, convert_keras
from facelite.export.inside import check_integer_inside
from facelite.export.keras_model import KerasModel
from facelite.export.layers import describe_layers, total_layers
from facelite.networks import NETWORKS, build, fold, get_weights, set_weights
from facelite.networks.table import AveragePool, Conv, Inception, Network
from facelite.preprocess import Preprocessing, to_input
from facelite.quantize.distil import Schedule
from facelite.runtime.interpreter import Interpreter
from facelite.runtime.model import read_model

RELEASED = Path(__file__).parents[2] / "export/nns2"


@pytest.fixture(scope="module")
def inputs(network, crops):
    return np.concatenate([to_input(crop.pixels, Preprocessing(network.height, network.width)) for crop in crops[:12]])


@pytest.fixture(scope="module")
def keras_outputs(network, weights, inputs):
    """What the folded network gives in tf_keras."""
    import tf_keras

    model = build(network, keras=tf_keras, folded=True)
    set_weights(model, fold(weights))
    return np.asarray(model(inputs, training=False))


def outputs(model, inputs):
    interpreter = Interpreter(model)
    return np.concatenate([interpreter.run(one[None])[0] for one in inputs])


def cosines(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_float32_equals_the_folded_keras_model(models, inputs, keras_outputs):
    np.testing.assert_allclose(outputs(models["float32"], inputs), keras_outputs, atol=1e-4 * np.abs(keras_outputs).max())


def test_float16_is_half_the_size_and_nearly_the_same(models, inputs, keras_outputs):
    assert len(models["float16"]) < 0.55 * len(models["float32"])
    assert cosines(outputs(models["float16"], inputs), keras_outputs).min() > 0.9995


def test_dynamic_is_a_quarter_of_the_size_and_nearly_the_same(models, inputs, keras_outputs):
    assert len(models["dynamic"]) < 0.3 * len(models["float32"])
    found = outputs(models["dynamic"], inputs)
    assert cosines(found, keras_outputs).min() > 0.995
    assert np.abs(found - outputs(models["float32"], inputs)).max() > 1e-3  # its weights have lost something


def test_int8_is_a_quarter_of_the_size_and_close_to_float(models, inputs, keras_outputs):
    assert len(models["int8"]) < 0.3 * len(models["float32"])
    assert cosines(outputs(models["int8"], inputs), keras_outputs).min() > 0.9


@pytest.fixture(scope="module")
def mirrored(network, weights, crops):
    return {precision: convert(network, weights, precision=precision, representative=crops, mirrored=True) for precision in ("float32", "int8")}


def test_a_mirrored_model_gives_the_mean_of_a_crop_and_of_its_mirror_image(models, mirrored, inputs):
    expected = (outputs(models["float32"], inputs) + outputs(models["float32"], inputs[:, :, ::-1])) / 2
    np.testing.assert_allclose(outputs(mirrored["float32"], inputs), expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(outputs(mirrored["int8"], inputs), outputs(mirrored["int8"], inputs[:, :, ::-1]))
    assert cosines(outputs(mirrored["int8"], inputs), expected).min() > 0.9


def test_a_mirrored_model_has_its_weights_once_and_twice_the_multiply_adds(models, mirrored):
    for precision, model in mirrored.items():
        assert len(model) < 1.05 * len(models[precision])
        (parameters, multiply_adds), plain = (total_layers(describe_layers(one)) for one in (model, models[precision]))
        assert (parameters, multiply_adds) == (plain[0], 2 * plain[1])
        ins, outs, _ = details(model)
        assert [(one["shape"][0], one["dtype"]) for one in (*ins, *outs)] == [(1, np.float32)] * 2


def details(model):
    """(input, output, all tensors) of the bare graph, without what a delegate adds."""
    from ai_edge_litert.interpreter import Interpreter as Bare
    from ai_edge_litert.interpreter import OpResolverType

    bare = Bare(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    bare.allocate_tensors()
    return bare.get_input_details(), bare.get_output_details(), bare.get_tensor_details()


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8"])
def test_one_picture_goes_in_and_one_vector_comes_out_both_float(models, network, precision):
    ins, outs, _ = details(models[precision])
    assert [(tuple(one["shape"]), one["dtype"]) for one in ins] == [((1, network.height, network.width, 3), np.float32)]
    assert [(tuple(one["shape"]), one["dtype"]) for one in outs] == [((1, network.embedding), np.float32)]


def test_int8_is_integer_inside_with_one_scale_for_each_channel_of_the_weights(models, network):
    ins, outs, tensors = details(models["int8"])
    ends = {ins[0]["index"], outs[0]["index"]}
    inside = [one for one in tensors if one["index"] not in ends and one["name"]]
    assert {one["dtype"] for one in inside} <= {np.int8, np.int32}
    kernels = [one for one in inside if one["dtype"] == np.int8 and len(one["shape"]) == 4 and one["shape"][0] > 1]
    assert len(kernels) > 20
    for kernel in kernels:
        assert len(kernel["quantization_parameters"]["scales"]) == kernel["shape"][0]
        assert not kernel["quantization_parameters"]["zero_points"].any()


@pytest.mark.parametrize("path", sorted(RELEASED.parent.glob("*/*int8*.tflite")), ids=lambda path: path.stem)
def test_every_released_int8_file_is_integer_inside(path):
    check_integer_inside(path.read_bytes())


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic"])
def test_a_file_of_another_precision_is_not_integer_inside(models, precision):
    with pytest.raises(ExportError, match="expected int8 to be integer inside, got the operator "):
        check_integer_inside(models[precision])


def test_int8_in_and_out_gives_what_float_in_and_out_gives(models, network, weights, crops, inputs, monkeypatch):
    model = convert(network, weights, precision="int8", io="int8", representative=crops)
    ins, outs, _ = details(model)
    assert [one["dtype"] for one in (*ins, *outs)] == [np.int8, np.int8]
    assert Interpreter(model).input_shape == (1, network.height, network.width, 3)
    beyond = np.concatenate([inputs, 3 * inputs])  # numbers that no int8 of this scale stands for
    assert (
        cosines(outputs(model, beyond), outputs(models["int8"], beyond)).min() > 0.99
    )  # XNNPACK rounds its halves to even, QUANTIZE's own kernel away
    monkeypatch.setattr("facelite.runtime.interpreter.RUNTIMES", ("facelite.runtime.reference",))
    np.testing.assert_array_equal(outputs(model, beyond[9:15]), outputs(models["int8"], beyond[9:15]))


QUIET = """
import hashlib, sys
import numpy as np
from facelite.export.convert import convert
from facelite.networks.weights import read_weights
from facelite.face import FaceCrop
from facelite.networks import NETWORKS
from facelite.networks.weights import read_weights
with np.load(sys.argv[2]) as file:
    crops = [FaceCrop(pixels, np.zeros((4, 2))) for pixels in file["pixels"]]
weights = read_weights(sys.argv[1])
shas = [hashlib.sha256(convert(NETWORKS["nns2"], weights, precision=p, representative=crops)).hexdigest() for p in ("float32", "int8")]
open(sys.argv[3], "w").write(" ".join(shas))
"""


def test_another_process_writes_the_same_bytes_and_prints_nothing(models, crops, tmp_path):
    np.savez(tmp_path / "crops.npz", pixels=np.stack([crop.pixels for crop in crops]))
    command = [sys.executable, "-c", QUIET, RELEASED / "weights.npz", tmp_path / "crops.npz", tmp_path / "shas"]
    result = subprocess.run(command, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    assert (tmp_path / "shas").read_text().split() == [hashlib.sha256(models[p]).hexdigest() for p in ("float32", "int8")]


def test_a_conversion_in_this_process_prints_nothing_and_puts_both_streams_back(network, weights, models, capfd):
    assert convert(network, weights, precision="float32") == models["float32"]
    sys.stdout.write("still here\n")
    assert capfd.readouterr() == ("still here\n", "")


# what is refused


def test_int8_that_would_be_float_at_l2_pooling_is_refused_and_int8_qat_keeps_it_so(crops):
    import tf_keras

    rows = (Conv("conv1", 3, 8, stride=4), Inception("rooted", 8, None, None, "L2", 8), AveragePool("average"))
    network = Network("small", 112, 96, rows, embedding=32)
    tf_keras.utils.set_random_seed(0)
    weights = get_weights(build(network, keras=tf_keras))
    for io in ("float32", "int8"):
        with pytest.raises(
            ExportError, match=r"integer inside, got the operator .* \(small/rooted_pool/Square\) in float, .*; choose float16 or dynamic"
        ):
            convert(network, weights, precision="int8", io=io, representative=crops)
    model = read_model(convert(network, weights, precision="int8-qat", pictures=crops, tuning=Schedule(steps=1, batch=8)), foreign=True)
    kinds = {model.tensors[one.output].name.partition(";")[0].split("/")[-1]: model.tensors[one.output].dtype for one in model.operators}
    assert (kinds["Square"], kinds["Sqrt"]) == (np.float32, np.float32)


@pytest.mark.parametrize(("last", "io", "refused"), [(False, "float32", True), (True, "float32", False), (True, "int8", True)])
def test_a_keras_model_may_be_float_behind_its_last_integers_alone(crops, last, io, refused):
    import keras

    x = image = keras.Input((112, 96, 3))
    steps = [keras.layers.Conv2D(4, 3, 4), keras.ops.square, keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(8)]
    for step in [*steps[:1], *steps[2:], steps[1]] if last else steps:
        x = step(x)
    model = KerasModel(Path("mine.keras"), keras.Model(image, x), 112, 96)
    options = {"precision": "int8", "io": io, "representative": crops}
    if not refused:
        return check_integer_inside(convert_keras(model, Preprocessing(112, 96), **options))
    with pytest.raises(ExportError, match=r"mine\.keras: expected int8 to be integer inside, got the operator .* in float"):
        convert_keras(model, Preprocessing(112, 96), **options)


def test_too_few_or_equal_representative_images_are_refused(network, weights, crops):
    for few in (None, [], crops[:49]):
        with pytest.raises(ExportError, match=r"at least 50 representative images, got \d+; give more"):
            convert(network, weights, precision="int8", representative=few)
    with pytest.raises(ExportError, match=r"that differ, got a mean deviation of 0.0"):
        convert(network, weights, precision="int8", representative=crops[:1] * 60)


def test_weights_of_another_network_are_refused(weights):
    for other in (NETWORKS["nns1"], replace(NETWORKS["nns2"], embedding=64)):
        with pytest.raises(ExportError, match=f"expected weights of the network {other.name} .*, got others; name the network") as caught:
            convert(other, weights, precision="float32")
        assert len(str(caught.value)) < 300


def test_garbled_weights_are_refused(network, weights):
    first = next(name for name in weights if f"{name}_bn" in weights)
    for broken in ({}, weights | {first: []}, weights | {f"{first}_bn": weights[f"{first}_bn"][:2]}):
        with pytest.raises(ExportError, match="expected weights of the network nns2"):
            convert(network, broken, precision="float32")


def test_a_workstation_without_tensorflow_is_told_what_to_install(network, weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ExportError, match=r"expected tensorflow for the conversion, found none; install it: pip install 'facelite\[train\]'"):
        convert(network, weights, precision="float32")


def test_weights_of_a_training_that_went_astray_are_refused(network, weights):
    first = next(iter(weights))
    with pytest.raises(ExportError, match="expected finite weights"):
        convert(network, weights | {first: [np.full_like(value, np.nan) for value in weights[first]]}, precision="float32")
