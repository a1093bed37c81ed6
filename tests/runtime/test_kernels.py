"""Each operator against LiteRT's reference kernels, on models of one operator that TensorFlow's own schema writes."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelite.errors import BundleError
from facelite.runtime.kernels import quantise_multiplier, rescale
from facelite.runtime.model import TYPES, Model, Operator, Tensor, read_model
from facelite.runtime.reference import run

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="the oracle is LiteRT")
litert = pytest.importorskip("ai_edge_litert.interpreter")
flatbuffers = pytest.importorskip("flatbuffers")

NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)

OPTIONS = {"ADD": "Add", "MUL": "Mul", "CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "FULLY_CONNECTED": "FullyConnected",
           "AVERAGE_POOL_2D": "Pool2D", "MAX_POOL_2D": "Pool2D", "CONCATENATION": "Concatenation"}  # fmt: skip


def write(model):
    """The .tflite file of a ``Model``; all tensors must be named differently."""
    packed = schema.ModelT()
    packed.version, packed.buffers, packed.operatorCodes = 3, [schema.BufferT()], []
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], list(model.inputs), list(model.outputs)
    packed.subgraphs = [graph]
    for tensor in model.tensors:
        one = schema.TensorT()
        one.name, one.shape, one.type = tensor.name, list(tensor.shape), {dtype: number for number, dtype in TYPES.items()}[tensor.dtype]
        if len(tensor.scales):
            one.quantization = schema.QuantizationParametersT()
            one.quantization.scale, one.quantization.zeroPoint = list(tensor.scales), list(tensor.zero_points)
            one.quantization.quantizedDimension = tensor.axis
        if tensor.data is not None:
            one.buffer = len(packed.buffers)
            packed.buffers.append(schema.BufferT())
            packed.buffers[-1].data = np.frombuffer(tensor.data.tobytes(), np.uint8)
        graph.tensors.append(one)
    for operator in model.operators:
        code, one = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operator.name)
        one.opcodeIndex, one.inputs, one.outputs = len(packed.operatorCodes), list(operator.inputs), [operator.output]
        packed.operatorCodes.append(code)
        if operator.options:
            kind = OPTIONS[operator.name] + "Options"
            one.builtinOptionsType, one.builtinOptions = getattr(schema.BuiltinOptions, kind), getattr(schema, kind + "T")()
            for name, value in operator.options.items():
                setattr(one.builtinOptions, re.sub("_(.)", lambda letter: letter[1].upper(), name), value)
        graph.operators.append(one)
    builder = flatbuffers.Builder(1024)
    builder.Finish(packed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(shape, kind="int8", *, scales=None, zero_point=0, axis=0, data=None):
    """A tensor; int8 has one scale of 1 unless told otherwise."""
    scales = np.float32([1] if scales is None and kind == "int8" else [] if scales is None else np.atleast_1d(scales))
    data = None if data is None else np.asarray(data, kind).reshape(shape)
    return Tensor("", tuple(shape), np.dtype(kind), scales, np.full(len(scales), zero_point), axis, data)


def of_one(name, inputs, output, **options):
    """A model of one operator; the shape of the output is LiteRT's."""
    tensors = tuple(replace(one, name=str(place)) for place, one in enumerate((*inputs, output)))
    asked = tuple(place for place, one in enumerate(inputs) if one.data is None)
    model = Model(tensors, (Operator(name, options, tuple(range(len(inputs))), len(inputs)),), asked, (len(inputs),))
    shape = tuple(open_litert(write(model)).get_output_details()[0]["shape"].tolist())
    return replace(model, tensors=(*tensors[:-1], replace(tensors[-1], shape=shape)))


def open_litert(file):
    interpreter = litert.Interpreter(model_content=file, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    return interpreter


def answers(model, seed=0, values=None):
    """The output by us and by LiteRT, for the input of ``values`` or random ones: all of int8, or normal numbers."""
    file, rng = write(model), np.random.default_rng((seed, 1))  # not the weights' own
    given = {place: values for place in model.inputs if values is not None} or {
        place: rng.integers(-128, 128, model.tensors[place].shape).astype(np.int8)
        if model.tensors[place].dtype == np.int8
        else rng.normal(0, 3, model.tensors[place].shape).astype(model.tensors[place].dtype)
        for place in model.inputs
    }
    interpreter = open_litert(file)
    for place, value in given.items():
        interpreter.set_tensor(place, value)
    interpreter.invoke()
    return run(read_model(file), given)[model.outputs[0]], interpreter.get_tensor(model.outputs[0])


def assert_same(model, seed=0, values=None):
    ours, theirs = answers(model, seed, values)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def assert_near(model, seed=0, *, terms):
    """Four times the largest difference of 250 such models: rounding each of a sum's ``terms`` of about 3 in float32 makes it."""
    ours, theirs = answers(model, seed)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5 * math.sqrt(terms))


seeds = st.integers(0, 2**32 - 1)
scales = st.floats(2.0**-10, 1, width=32) | st.sampled_from([2.0**-k for k in range(10)])
"""Powers of two too: their quotients are, and then halves must be rounded."""
zero_points = st.integers(-128, 127)
activations = st.sampled_from([NONE, RELU, RELU_N1_TO_1, RELU6])
many = settings(max_examples=50, deadline=None)


# fixed point


def c_multiply(x, factor):
    """MultiplyByQuantizedMultiplier of QuantizeMultiplier in whole numbers of Python, line by line after internal/common.cc."""
    fraction, shift = math.frexp(factor)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        multiplier, shift = 0, 0
    product = (x << max(shift, 0)) * multiplier
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    high = abs(nudged) // 2**31 * (1 if nudged >= 0 else -1)  # C divides towards 0
    exponent = max(-shift, 0)
    mask = 2**exponent - 1
    return (high >> exponent) + ((high & mask) > (mask >> 1) + (high < 0))


@given(
    x=st.integers(1 - 2**30, 2**30 - 1),  # a factor above 1/2 may shift them by one to the left
    factor=st.floats(1e-12, 1.9) | st.integers(-40, 0).map(lambda k: 2.0**k) | st.just(1 - 2.0**-40) | st.just(0.0),
)
@settings(max_examples=300, deadline=None)
def test_a_number_is_rescaled_as_in_c(x, factor):
    assert int(rescale(np.array([float(x)]), factor)[0]) == c_multiply(x, factor)


def test_halves_are_rounded_up_and_where_there_is_a_shift_once_more_away_from_zero():
    assert rescale(np.array([-3.0, -1, 1, 3, 5]), 0.5).tolist() == [-1, 0, 1, 2, 3]
    assert rescale(np.array([-3.0, -1, 1, 3, 5]), 0.25).tolist() == [-1, 0, 1, 1, 2]
    assert [int(part) for part in quantise_multiplier(1 - 2.0**-40)] == [1 << 30, 1]
    assert [int(part) for part in quantise_multiplier(2.0**-33)] == [0, 0]
    with pytest.raises(ValueError, match="below 2"):
        rescale(np.ones(1), 2.0**30)


# int8, to the bit


@given(seed=seeds, a=scales, b=scales, out=scales, zeros=st.tuples(zero_points, zero_points, zero_points), activation=activations,
       shape=st.sampled_from([(1, 3, 5, 4), (4,), (1, 1, 1, 4), ()]))  # fmt: skip
@pytest.mark.parametrize("name", ["ADD", "MUL"])
@many
def test_sums_and_products(name, seed, a, b, out, zeros, activation, shape):
    one, two = tensor((1, 3, 5, 4), scales=a, zero_point=zeros[0]), tensor(shape, scales=b, zero_point=zeros[1])
    assert_same(of_one(name, [one, two], tensor((1, 1, 1, 1), scales=out, zero_point=zeros[2]), fused_activation_function=activation), seed)


def test_all_sums_of_a_residual_block():
    """Each of the 65,536 pairs of int8, at the scales of a shortcut and of its ReLU."""
    every = np.arange(-128, 128)
    for scales in ((0.05, 0.05, 0.07), (0.021, 0.084, 0.06), (0.5, 0.25, 0.125), (0.03, 0.9, 0.4)):
        a, b, out = (tensor((256, 256), scales=scale, zero_point=zero) for scale, zero in zip(scales, (-5, 17, -128), strict=True))
        a, b = replace(a, data=np.repeat(every, 256).astype(np.int8).reshape(a.shape)), replace(b, shape=(256,))
        assert_same(of_one("ADD", [b, a], out, fused_activation_function=RELU))


windows = st.fixed_dictionaries({"padding": st.integers(0, 1), "stride_w": st.integers(1, 3), "stride_h": st.integers(1, 3)})
dilations = st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (2, 2)])
sides = st.tuples(st.integers(7, 10), st.integers(7, 10))
taps = st.tuples(st.integers(1, 4), st.integers(1, 4))


def weights(rng, shape, axis, kind, *, x_scale, per_channel, biased, width):
    """Weights with one scale or one for each of ``axis``, their bias, and the scale of an output of about ``width``."""
    if kind == "float32":
        made = [tensor(shape, kind, data=rng.normal(size=shape)), tensor(shape[axis:][:1], kind, data=rng.normal(size=shape[axis]))]
        return made[: 1 + biased], None
    of = rng.uniform(1e-3, 0.1, shape[axis] if per_channel else 1).astype(np.float32)
    made = [tensor(shape, scales=of, axis=axis, data=rng.integers(-127, 128, shape))]
    made += [tensor(shape[axis:][:1], "int32", scales=np.float32(x_scale) * of, data=rng.integers(-9999, 9999, shape[axis]))]
    terms = math.prod(shape) / shape[axis]
    return made[: 1 + biased], float(x_scale * of.mean() * 74 * 73 * math.sqrt(terms) / width)  # 74, 73: deviations of uniform int8


@given(seed=seeds, window=windows, dilation=dilations, sides=sides, taps=taps, channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
       scale=scales, zeros=st.tuples(zero_points, zero_points), activation=activations, per_channel=st.booleans(), biased=st.booleans(),
       width=st.sampled_from([1, 60, 400]))  # fmt: skip
@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("name", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@many
def test_convolutions(name, kind, seed, window, dilation, sides, taps, channels, scale, zeros, activation, per_channel, biased, width):
    (i, o), axis, options = channels, 0, {}
    shape = (o, *taps, i)
    if name == "DEPTHWISE_CONV_2D":
        shape, axis, options = (1, *taps, i * o), 3, {"depth_multiplier": o}
    rng = np.random.default_rng(seed)
    x = tensor((2, *sides, i), kind, **({"scales": scale, "zero_point": zeros[0]} if kind == "int8" else {}))
    made, of = weights(rng, shape, axis, kind, x_scale=scale, per_channel=per_channel, biased=biased or name == "CONV_2D", width=width)
    output = tensor((1, 1, 1, 1), kind, scales=of, zero_point=zeros[1] if of else 0)
    options |= {**window, "fused_activation_function": activation, "dilation_h_factor": dilation[0], "dilation_w_factor": dilation[1]}
    model = of_one(name, [x, *made], output, **options)
    assert_same(model, seed) if kind == "int8" else assert_near(model, seed, terms=math.prod(taps) * i)


@given(seed=seeds, batch=st.integers(1, 200), sizes=st.tuples(st.integers(1, 300), st.integers(1, 6)), scale=scales,
       zeros=st.tuples(zero_points, zero_points), activation=activations, per_channel=st.booleans(), biased=st.booleans())  # fmt: skip
@pytest.mark.parametrize("kind", ["int8", "float32"])
@many
def test_fully_connected(kind, seed, batch, sizes, scale, zeros, activation, per_channel, biased):
    rng = np.random.default_rng(seed)
    x = tensor((batch, sizes[0]), kind, **({"scales": scale, "zero_point": zeros[0]} if kind == "int8" else {}))
    made, of = weights(rng, sizes[::-1], 0, kind, x_scale=scale, per_channel=per_channel, biased=biased, width=60)
    model = of_one("FULLY_CONNECTED", [x, *made], tensor((1, 1), kind, scales=of, zero_point=zeros[1] if of else 0),
                   fused_activation_function=activation)  # fmt: skip
    assert_same(model, seed) if kind == "int8" else assert_near(model, seed, terms=sizes[0])


@pytest.mark.parametrize("scales", [[1], [1, 0.5, 0.25]])
def test_a_layer_that_connects_all_rounds_halves_as_litert_s_does(scales):
    every = np.arange(-128, 128).astype(np.int8)[:, None]
    made = [tensor((3, 1), scales=scales, data=[1, -1, 3]), tensor((3,), "int32", scales=scales, data=[0, 1, 2])]
    for out in (2, 4, 8, 3, 0.7):
        assert_same(of_one("FULLY_CONNECTED", [tensor((256, 1)), *made], tensor((1, 1), scales=out), fused_activation_function=NONE), values=every)


@given(seed=seeds, window=windows, sides=sides, taps=taps, scale=scales, zero=zero_points, activation=activations)
@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("name", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@many
def test_poolings(name, kind, seed, window, sides, taps, scale, zero, activation):
    x = tensor((2, *sides, 3), kind, **({"scales": scale, "zero_point": zero} if kind == "int8" else {}))
    options = {**window, "filter_height": taps[0], "filter_width": taps[1], "fused_activation_function": activation}
    model = of_one(name, [x], replace(x, shape=(1, 1, 1, 1)), **options)
    assert_near(model, seed, terms=math.prod(taps)) if (name, kind) == ("AVERAGE_POOL_2D", "float32") else assert_same(model, seed)


def test_a_window_larger_than_the_picture_sees_the_picture():
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        options = {"padding": 0, "stride_w": 1, "stride_h": 1, "filter_height": 7, "filter_width": 7, "fused_activation_function": NONE}
        assert_same(of_one(name, [tensor((1, 4, 5, 2))], tensor((1, 1, 1, 1)), **options))


@given(a=scales, b=scales, zeros=st.tuples(zero_points, zero_points))
@pytest.mark.parametrize("name", ["QUANTIZE", "RELU"])
@many
def test_every_int8_at_another_scale(name, a, b, zeros):
    x, out = (tensor((256,), scales=scale, zero_point=zero) for scale, zero in zip((a, b), zeros, strict=True))
    assert_same(of_one(name, [x], out), values=np.arange(-128, 128).astype(np.int8))


@pytest.mark.parametrize("name", ["MUL", "RELU"])
def test_factors_are_of_float32(name):
    """Of the numbers of int8 and scales where float64 would make another answer, LiteRT's is ours."""
    whole, found = np.arange(128)[:, None], 0
    for seed in range(10):
        a, b, c = np.random.default_rng(seed).uniform(0.1, 1, (3, 10_000)).astype(np.float32)
        b = b if name == "MUL" else np.ones_like(b)
        ours, others = rescale(whole, a * b / c), rescale(whole, a.astype(np.float64) * b / c)
        for number, place in np.argwhere((ours != others) & (ours < 128)):
            inputs = [tensor((1,), scales=a[place]), *[tensor((1,), scales=b[place], data=[1])] * (name == "MUL")]
            assert_same(of_one(name, inputs, tensor((1,), scales=c[place])), values=np.int8([number]))
            found += 1
    assert found > 3


@given(seed=seeds, scale=scales, zero=zero_points)
@many
def test_floats_to_int8_and_back(seed, scale, zero):
    float32, int8 = tensor((500,), "float32"), tensor((500,), scales=scale, zero_point=zero)
    to_int8 = of_one("QUANTIZE", [float32], int8)
    assert_same(to_int8, seed)
    halves = (np.arange(-250, 250) + 0.5).astype(np.float32) * np.float32(scale)
    for values in (halves, np.nextafter(halves, np.float32(0)), np.nextafter(halves, np.float32(1e9))):
        assert_same(to_int8, values=values)
    assert_same(of_one("DEQUANTIZE", [int8], float32), seed)


@given(seed=seeds, scale=scales, zero=zero_points, border=st.lists(st.integers(0, 3), min_size=8, max_size=8))
@pytest.mark.parametrize("kind", ["int8", "float32"])
@many
def test_borders(kind, seed, scale, zero, border):
    x = tensor((2, 3, 4, 2), kind, **({"scales": scale, "zero_point": zero} if kind == "int8" else {}))
    assert_same(of_one("PAD", [x, tensor((4, 2), "int32", data=border)], replace(x, shape=(1, 1, 1, 1))), seed)


@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("axis", [0, 1, 3, -1, -2])
def test_concatenations_and_new_shapes(kind, axis):
    x = tensor((2, 3, 4, 2), kind)
    other = replace(x, shape=tuple(5 if place == axis % 4 else side for place, side in enumerate(x.shape)))
    assert_same(of_one("CONCATENATION", [x, other, x], replace(x, shape=(1,)), axis=axis))
    assert_same(of_one("RESHAPE", [x, tensor((3,), "int32", data=[4, -1, 3])], replace(x, shape=(1,))))


@pytest.mark.parametrize("kind", ["int8", "float32"])
@pytest.mark.parametrize("axes", [[0], [2], [-1], [1, 2]])
def test_mirror_images(kind, axes):
    x = tensor((2, 3, 4, 2), kind)
    assert_same(of_one("REVERSE_V2", [x, tensor((len(axes),), "int32", data=axes)], replace(x, shape=(1,))))


# float32 and float16


@given(seed=seeds, activation=activations, shape=st.sampled_from([(1, 3, 5, 4), (4,), (1, 1, 5, 1), ()]))
@many
def test_float_operators_without_sums_are_the_same_to_the_bit(seed, activation, shape):
    x, other, out = tensor((1, 3, 5, 4), "float32"), tensor(shape, "float32"), tensor((1, 1, 1, 1), "float32")
    for name in ("ADD", "MUL"):
        assert_same(of_one(name, [x, other], out, fused_activation_function=activation), seed)
    assert_same(of_one("RELU", [x], out), seed)
    half = np.random.default_rng(seed).integers(0, 0x7C00, (1, 3, 5, 4)).astype(np.uint16).view(np.float16)  # every finite one, the tiny too
    assert_same(of_one("DEQUANTIZE", [tensor(half.shape, "float16")], out), values=half)


# what does not fit


def small():
    """A convolution, a residual sum with ReLU, a pooling and a layer that connects all, in int8."""
    rng, int8 = np.random.default_rng(0), {"scales": 0.1, "zero_point": 3}
    options = {"padding": 0, "stride_w": 1, "stride_h": 1, "fused_activation_function": RELU}
    tensors = (
        tensor((1, 4, 4, 2), **int8),
        tensor((2, 3, 3, 2), scales=[0.01, 0.02], data=rng.integers(-127, 128, (2, 3, 3, 2))),
        tensor((2,), "int32", scales=[0.001, 0.002], data=[100, -200]),
        tensor((1, 4, 4, 2), **int8),
        tensor((1, 4, 4, 2), scales=0.15, zero_point=-128),
        tensor((1, 2, 2, 2), scales=0.15, zero_point=-128),
        tensor((3, 8), scales=0.02, data=rng.integers(-127, 128, (3, 8))),
        tensor((1, 3), **int8),
    )
    return Model(
        tuple(replace(one, name=str(place)) for place, one in enumerate(tensors)),
        (
            Operator("CONV_2D", {**options, "dilation_w_factor": 1, "dilation_h_factor": 1}, (0, 1, 2), 3),
            Operator("ADD", {"fused_activation_function": RELU}, (0, 3), 4),
            Operator("MAX_POOL_2D", {**options, "stride_w": 2, "stride_h": 2, "filter_width": 2, "filter_height": 2}, (4,), 5),
            Operator("FULLY_CONNECTED", {"fused_activation_function": NONE}, (5, 6), 7),
        ),
        (0,),
        (7,),
    )


def test_a_chain_is_the_same_to_the_bit():
    for seed in range(20):
        assert_same(small(), seed)


FILE = write(small())


def load_and_run(file):
    model = read_model(file)
    inputs = {place: np.ones(model.tensors[place].shape, model.tensors[place].dtype) for place in model.inputs}
    for place, value in run(model, inputs).items():
        assert (value.shape, value.dtype) == (model.tensors[place].shape, model.tensors[place].dtype)


@given(flips=st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), min_size=1, max_size=3))
@settings(max_examples=500, deadline=None)
def test_damaged_bytes_are_refused_or_make_another_model(flips):
    damaged = bytearray(FILE)
    for place, value in flips:
        damaged[place] = value
    try:
        load_and_run(bytes(damaged))
    except BundleError as error:
        assert str(error).startswith("expected a TFLite model ")


def test_every_truncation_is_refused():
    load_and_run(FILE)
    for size in range(len(FILE) - 1):
        with pytest.raises(BundleError, match="expected a TFLite model that facelite can load, got: "):
            load_and_run(FILE[:size])


def changed(place, **changes):
    """``small`` with another operator at ``place``."""
    model = small()
    return replace(model, operators=tuple(replace(one, **changes) if number == place else one for number, one in enumerate(model.operators)))


def retyped(place, **changes):
    """``small`` with another tensor at ``place``."""
    model = small()
    return replace(model, tensors=tuple(replace(one, **changes) if number == place else one for number, one in enumerate(model.tensors)))


@pytest.mark.parametrize(("model", "message"), [
    (retyped(0, dtype=np.dtype("float32"), scales=np.float32([])), r"CONV_2D: expected types .*, got fbi>b, where f is float32, "),
    (changed(0, inputs=(0,)), "got b>b"),
    (changed(1, options={"fused_activation_function": 4}), r"ADD: expected an activation out of \[0, 1, 2, 3\], got 4"),
    (changed(0, options=small().operators[0].options | {"padding": 2}), "padding 0 or 1, got .* and 2"),
    (changed(0, options=small().operators[0].options | {"stride_w": 0}), "a window for a side of 4, got 3 taps 1 apart that move by 0"),
    (changed(0, options=small().operators[0].options | {"dilation_h_factor": 4}), "a window for a side of 4, got 3 taps 4 apart that move by 1"),
    (changed(2, options=small().operators[2].options | {"filter_width": 1 << 30}), "a window for a side of 4, got 1073741824 taps"),
    (changed(2, options=small().operators[2].options | {"stride_h": 1}), r"_2D: expected an output of shape \(1, 4, 2, 2\), got \(1, 2, 2, 2\)"),
    (retyped(3, scales=np.float32([0])), "one scale > 0 and one zero point of int8"),
    (retyped(3, zero_points=np.array([128])), r"got .* and \[128\]"),
    (retyped(3, scales=np.float32([1e-30])), r"scales whose quotient is below 2\^30"),
    (retyped(1, zero_points=np.array([0, 1])), "expected weights of zero point 0"),
    (retyped(1, axis=3), "one along axis 0, got 2 along 3"),
    (retyped(0, shape=(1, 4, 4, 3)), "expected weights for 3 channels, got 2"),
    (retyped(4, shape=(1, 4, 4, 1)), r"ADD: expected an output of shape \(1, 4, 4, 2\)"),
    (retyped(7, shape=(1, 4)), "FULLY_CONNECTED: cannot reshape"),
])  # fmt: skip
def test_tensors_that_do_not_fit_are_refused_by_the_operator_s_name(model, message):
    with pytest.raises(BundleError, match=f"expected a TFLite model that facelite can run, got .*{message}.*; export it again or type: pip install"):
        load_and_run(write(model))


def test_a_border_or_a_sum_larger_than_memory_is_refused_before_it_is_made():
    long = 1 << 19
    x, out = tensor((1, long), "float32"), tensor((1, 1), "float32")
    border, column = tensor((2, 2), "int32", data=[[0, long], [0, 0]]), tensor((long, 1), "float32", data=np.zeros(long))
    for name, other in (("PAD", border), ("ADD", column), ("MUL", column)):
        tensors = tuple(replace(one, name=str(place)) for place, one in enumerate((x, other, out)))
        with pytest.raises(BundleError, match=f"{name}: expected an output of shape .52428[89], 524288.*, got .1, 1."):
            load_and_run(write(Model(tensors, (Operator(name, {}, (0, 1), 2),), (0,), (2,))))


def test_int8_of_several_scales_is_not_concatenated():
    """LiteRT refuses it as well."""
    tensors = (tensor((1, 2), scales=1), tensor((1, 2), scales=2), tensor((1, 4), scales=2))
    model = Model(tuple(replace(one, name=str(place)) for place, one in enumerate(tensors)), (Operator("CONCATENATION", {"axis": 1}, (0, 1), 2),),
                  (0, 1), (2,))  # fmt: skip
    with pytest.raises(BundleError, match="CONCATENATION: expected int8 tensors of one scale and zero point"):
        load_and_run(write(model))
    with pytest.raises(RuntimeError, match="CONCATENATION"):
        open_litert(write(model))
