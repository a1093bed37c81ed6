"""Quantisation-aware training: each of tfmot's faults that gives wrong embeddings without an error is met, and what comes out is int8."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.errors import ExportError
from facelite.networks import build
from facelite.networks.layers import response_norm
from facelite.quantize.aware import quantised, set_offset, set_ranges, train_aware
from facelite.quantize.distil import Schedule


def cosine(a, b):
    return float((a * b).sum(1).mean() / np.linalg.norm(a, axis=1).mean() / np.linalg.norm(b, axis=1).mean())


def inputs(crops):
    return (crops.astype(np.float32) - 127.5) / 128


def test_without_ranges_the_embeddings_are_wrong_and_with_them_they_are_not(model, crops):
    x = inputs(crops)
    student, floats = quantised(model), model.predict(x, verbose=0)
    before = student.predict(x, verbose=0)
    set_ranges(student, model, x)
    after = student.predict(x, verbose=0)
    assert np.abs(before - floats).max() > 5 * np.abs(after - floats).max()
    assert cosine(after, floats) > 0.99


def test_weights_that_are_all_rounded_alike_do_not_move_all_embeddings(tf_keras, model, crops):
    """As those of a cluster are: half a step each, but for the one that the step is from, and only to one side."""
    clustered, x = tf_keras.models.clone_model(model), inputs(crops)
    clustered.set_weights(model.get_weights())
    kernel, bias = clustered.get_layer("embedding").get_weights()
    signs = np.where(np.random.default_rng(0).random(kernel.shape) < 0.5, -3.4, 3.6)  # in steps: as -3 and 4
    signs[0, 0] = 127
    clustered.get_layer("embedding").set_weights([(signs / 127).astype(np.float32), bias])
    wanted, student = clustered.predict(x, verbose=0), quantised(clustered)
    set_ranges(student, clustered, x)
    before = student.predict(x, verbose=0) - wanted
    set_offset(student, clustered, x)
    after = student.predict(x, verbose=0) - wanted
    assert np.linalg.norm(before) > 3 * np.linalg.norm(after)


def test_a_network_with_response_normalisation_is_refused(tf_keras):
    layers = tf_keras.layers
    x = layers.Input((8, 8, 4), name="input")
    model = tf_keras.Model(x, layers.Dense(2, name="embedding")(layers.Flatten()(response_norm(tf_keras)(name="norm1")(x))), name="nn4")
    expected = r"expected layers that tfmot can train with integers, got local response normalisation \(norm1\) in nn4; train and export nns1"
    with pytest.raises(ExportError, match=expected):
        quantised(model)


def test_inputs_of_a_concatenation_that_change_places_are_refused(tf_keras):
    """tfmot makes the layers of a convolution with BatchNorm and ReLU anew, so that a bare pooling beside them comes to stand first."""
    layers = tf_keras.layers
    x = layers.Input((8, 8, 4), name="input")
    y = layers.ReLU(name="last")(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(x)))
    mixed = layers.Concatenate(name="mixed")([y, layers.MaxPooling2D(3, 1, "same", name="pool")(x)])
    with pytest.raises(ExportError, match=r"expected the inputs of mixed in the order \['last', 'pool'\], got \['quant_pool', 'quant_last'\]"):
        quantised(tf_keras.Model(x, layers.Conv2D(2, 1, name="end")(mixed)))


@pytest.fixture(scope="module")
def trained(network, weights, crops):
    """The file after a few steps, and how many it said it made."""
    import tensorflow as tf

    seen = []
    model = train_aware(network, weights, crops, schedule=Schedule(steps=3, batch=8), progress=lambda *step: seen.append(step[1:]))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with pytest.warns(UserWarning, match="Statistics for quantized inputs"):
        return converter.convert(), seen


def test_each_step_is_told(trained):
    assert trained[1] == [(1, 3), (2, 3), (3, 3)]


def test_everything_between_input_and_output_is_integer_but_the_roots(trained):
    """L2 pooling squares and takes roots in float, which every runtime has; integer ones old runtimes do not load."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    bare = Interpreter(model_content=trained[0], experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    bare.allocate_tensors()
    kinds = {tensor["index"]: np.dtype(tensor["dtype"]).name for tensor in bare.get_tensor_details()}
    made = {operator["op_name"]: set() for operator in bare._get_ops_details()}
    for operator in bare._get_ops_details():
        made[operator["op_name"]] |= {kinds[output] for output in operator["outputs"]}
    assert {made[name] == {"int8"} for name in ("CONV_2D", "CONCATENATION", "MAX_POOL_2D", "FULLY_CONNECTED")} == {True}
    assert made["SQRT"] == {"float32"}
    scales = [len(tensor["quantization_parameters"]["scales"]) for tensor in bare.get_tensor_details() if "conv1" in tensor["name"]]
    assert 8 in scales  # one for each channel


def test_the_file_gives_the_float_network_s_embeddings(trained, model, crops):
    from facelite.runtime.interpreter import Interpreter

    x = inputs(crops)
    interpreter = Interpreter(trained[0])
    ours = np.concatenate([interpreter.run(one[None])[0] for one in x])
    assert cosine(ours, model.predict(x, verbose=0)) > 0.97


def test_training_brings_a_disturbed_network_nearer_to_its_targets(tf_keras, network, model, weights, crops, monkeypatch):
    """The student begins with noise on its kernels: after training it is nearer to the float network than before."""
    rng = np.random.default_rng(0)
    x, floats = inputs(crops), model.predict(inputs(crops), verbose=0)
    start = []

    def disturbed(one):
        student = quantised(one)
        for variable in student.trainable_variables:
            if "kernel" in variable.name and "embedding" in variable.name:
                variable.assign(variable.numpy() + 0.1 * variable.numpy().std() * rng.normal(size=variable.shape))
        set_ranges(student, model, x)
        start.append(cosine(student.predict(x, verbose=0), floats))
        return student

    monkeypatch.setattr("facelite.quantize.aware.quantised", disturbed)
    monkeypatch.setattr("facelite.quantize.aware.MIN_COSINE", 0.9)
    made = train_aware(network, weights, crops, schedule=Schedule(steps=60, batch=16, rate=1e-3))
    student = quantised(build(network, keras=tf_keras, folded=True))
    student.set_weights(made.get_weights())
    assert cosine(student.predict(x, verbose=0), floats) > start[0] + 0.5 * (1 - start[0])


def test_what_tfmot_did_not_keep_is_refused_before_training(network, weights, crops, monkeypatch):
    monkeypatch.setattr("facelite.quantize.aware.set_ranges", lambda *_: None)
    with pytest.raises(ExportError, match=r"expected a mean cosine of 0\.95 or more to the network that it starts from, before training, got"):
        train_aware(network, weights, crops, schedule=Schedule(steps=1))


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}, {"rate": -1e-4}, {"pictures": -1}])
def test_a_schedule_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="expected steps, batch, pictures of at least 1 and a rate of 0 or more"):
        Schedule(**wrong)
