"""The reader of .tflite files against TensorFlow's own, and what it does with damaged ones."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelite.errors import BundleError
from facelite.runtime.model import OPERATORS, TYPES, read_model

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="the oracle is TensorFlow's schema, which comes with LiteRT")
flatbuffers = pytest.importorskip("flatbuffers")

EXPORT = Path(__file__).parent.parent.parent / "export"


def unpack(file):
    """The file as TensorFlow's generated code reads it, free to be changed."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(file))


def pack(model):
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def names(kind):
    return {number: name for name, number in vars(kind).items() if isinstance(number, int)}


def camel(option):
    """The name of an option in the generated code."""
    first, *rest = option.split("_")
    return first + "".join(word.capitalize() for word in rest)


def values(vector):
    return [] if vector is None else list(vector)


@pytest.fixture(scope="module", params=["detector", "nns1", "nns2"])
def file(request):
    if request.param != "detector":
        return (EXPORT / request.param / f"{request.param}-int8.tflite").read_bytes()
    return request.getfixturevalue("detector_file")


def test_a_file_is_what_tensorflow_s_schema_says_it_is(file):
    model, expected = read_model(file), unpack(file)
    (graph,) = expected.subgraphs
    assert (list(model.inputs), list(model.outputs)) == (list(graph.inputs), list(graph.outputs))
    assert (len(model.tensors), len(model.operators)) == (len(graph.tensors), len(graph.operators))
    for ours, theirs in zip(model.tensors, graph.tensors, strict=True):
        assert (ours.name, list(ours.shape)) == (theirs.name.decode(), values(theirs.shape))
        assert ours.dtype.name.upper() == names(schema.TensorType)[theirs.type]
        of = theirs.quantization or schema.QuantizationParametersT()
        assert ours.scales.tolist() == values(of.scale)
        assert ours.zero_points.tolist() == values(of.zeroPoint)
        assert len(ours.scales) < 2 or ours.axis == of.quantizedDimension
        stored = expected.buffers[theirs.buffer].data
        assert (b"" if ours.data is None else ours.data.tobytes()) == bytes(values(stored))
    for ours, theirs in zip(model.operators, graph.operators, strict=True):
        code = expected.operatorCodes[theirs.opcodeIndex]
        assert ours.name == names(schema.BuiltinOperator)[max(code.builtinCode, code.deprecatedBuiltinCode)]
        assert (list(ours.inputs), [ours.output]) == ([place for place in theirs.inputs if place >= 0], list(theirs.outputs))
        assert ours.options == {name: getattr(theirs.builtinOptions, camel(name)) for name in ours.options}


def test_constants_are_read_where_they_lie_and_cannot_be_changed(file):
    for tensor in read_model(file).tensors:
        if tensor.data is not None:
            assert not tensor.data.flags.owndata
            with pytest.raises(ValueError, match="read-only"):
                tensor.data[...] = 0


def test_numbers_of_types_and_operators_are_the_schema_s():
    assert {number: dtype.name.upper() for number, dtype in TYPES.items()}.items() <= names(schema.TensorType).items()
    assert {number: name for number, (name, _) in OPERATORS.items()}.items() <= names(schema.BuiltinOperator).items()


KINDS = {"AVERAGE_POOL_2D": "Pool2D", "MAX_POOL_2D": "Pool2D", "CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D"}


def of_one(number, options):
    """The smallest file with one operator, from one float32 to another."""
    model, graph, code, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [code], [schema.BufferT()]
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [schema.TensorT(), schema.TensorT()], [operator], [0], [1]
    code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
    operator.inputs, operator.outputs = [0], [1]
    if options:
        operator.builtinOptions = options
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    return model


@pytest.mark.parametrize("number", OPERATORS)
def test_each_option_is_read_from_its_own_field(number):
    name, fields = OPERATORS[number]
    kind = getattr(schema, (KINDS.get(name) or "".join(word.capitalize() for word in name.split("_"))) + "OptionsT", None)
    if kind is None:
        assert (name, fields) == ("RELU", {})
        return
    given = kind()
    for value, option in enumerate(fields, start=2):
        setattr(given, camel(option), value)
    assert read_model(pack(of_one(number, given))).operators[0].options == {option: value for value, option in enumerate(fields, start=2)}
    absent = {option: getattr(kind(), camel(option)) for option in fields}
    for options in (kind(), None):
        assert read_model(pack(of_one(number, options))).operators[0].options == absent


# files that are damaged, or of another kind


@pytest.fixture(scope="module")
def small(detector_file):
    """The detector's first convolution and ReLU, with the DEQUANTIZE of its weights: every kind of table in few bytes. A ModelT to be copied."""
    model = unpack(detector_file)
    graph = model.subgraphs[0]
    graph.operators = graph.operators[:4]
    used = sorted({place for operator in graph.operators for place in (*operator.inputs, *operator.outputs)})
    graph.tensors, stored = [graph.tensors[place] for place in used], model.buffers
    model.buffers = [schema.BufferT(), *(stored[one.buffer] for one in graph.tensors)]
    for number, one in enumerate(graph.tensors, start=1):
        one.buffer = number
    for operator in graph.operators:
        operator.inputs, operator.outputs = ([used.index(place) for place in places] for places in (operator.inputs, operator.outputs))
    graph.inputs, graph.outputs = [used.index(0)], list(graph.operators[-1].outputs)
    assert [one.name for one in read_model(pack(model)).operators] == ["DEQUANTIZE", "DEQUANTIZE", "CONV_2D", "RELU"]
    return model


def quantization(scales, zero_points, axis=0):
    made = schema.QuantizationParametersT()
    made.scale, made.zeroPoint, made.quantizedDimension = scales, zero_points, axis
    return made


@pytest.mark.parametrize(("path", "value", "message"), [
    ("subgraphs", [], "0 graphs in place of one"),
    ("subgraphs.0.inputs", [], r"a model of inputs \(\)"),
    ("subgraphs.0.inputs", [99], r"a model of inputs \(99,\)"),
    ("subgraphs.0.inputs", [-1], r"a model of inputs \(-1,\)"),
    ("subgraphs.0.outputs", [], r"a model of outputs \(\)"),
    ("subgraphs.0.outputs", [99], r"a model of outputs \(99,\)"),
    ("subgraphs.0.operators.0.inputs", [99], r"an operator DEQUANTIZE that makes tensor \d+ from \(99,\), out of order"),
    ("subgraphs.0.operators.2.inputs", [0, -1, 1], r"from \(0, -1, 1\), out of order"),
    ("subgraphs.0.operators.0.outputs", [99], "an operator DEQUANTIZE that makes tensor 99 from"),
    ("subgraphs.0.operators.3.outputs", [0], "an operator RELU that makes tensor 0 from"),
    ("subgraphs.0.operators.3.outputs", [1, 2], "an operator RELU of 2 outputs"),
    ("subgraphs.0.operators.3.outputs", [], "an operator RELU of 0 outputs"),
    ("subgraphs.0.operators.0.opcodeIndex", 99, "an operator of code 99 of "),
    ("subgraphs.0.tensors.0.shape", [1, -1, 128, 3], r"a tensor of shape \(1, -1, 128, 3\)"),
    ("subgraphs.0.tensors.0.shape", [1, 0, 128, 3], r"a tensor of shape \(1, 0, 128, 3\)"),
    ("subgraphs.0.tensors.0.shape", [1 << 30, 1 << 30], r"a tensor of shape \(1073741824, 1073741824\)"),
    ("subgraphs.0.tensors.0.buffer", 99, "a tensor in buffer 99 of "),
    ("subgraphs.0.tensors.0.quantization", quantization([1.0], []), "a tensor of 1 scales"),
    ("subgraphs.0.tensors.0.quantization", quantization([-1.0], [0]), "which some may be no scale"),
    ("subgraphs.0.tensors.0.quantization", quantization([float("nan")], [0]), "which some may be no scale"),
    ("subgraphs.0.tensors.0.quantization", quantization([1.0, 1.0], [0, 0], 1), "2 scales along axis 1"),
    ("subgraphs.0.tensors.0.quantization", quantization([1.0, 1.0, 1.0], [0, 0, 0], 4), "3 scales along axis 4"),
])  # fmt: skip
def test_a_damaged_part_is_refused_with_what_is_wrong_in_it(small, path, value, message):
    *parents, last = path.split(".")
    model = part = deepcopy(small)
    for name in parents:
        part = part[int(name)] if name.isdigit() else getattr(part, name)
    setattr(part, last, value)
    with pytest.raises(BundleError, match=f"expected a TFLite model that facelite can load, got: .*{message}.*; export it again"):
        read_model(pack(model))


def test_constants_of_another_size_are_refused(small):
    model = deepcopy(small)
    stored = next(one for one in model.buffers if one.data is not None and len(one.data))
    stored.data = stored.data[:-1]
    with pytest.raises(BundleError, match=r"a tensor of shape .* and type float16 in [0-9,]+ bytes"):
        read_model(pack(model))


def test_constants_that_lie_behind_the_tables_are_read(small):
    """As ai-edge-quantizer writes them; the schema's way for files above 2 GB."""
    model = deepcopy(small)
    stored = next(one for one in model.buffers if one.data is not None and len(one.data))
    content, stored.data, stored.size = bytes(stored.data), None, len(stored.data)
    stored.offset = 1 << 20
    stored.offset = len(pack(model))
    found = [one.data.tobytes() for one in read_model(pack(model) + content).tensors if one.data is not None]
    assert found == [one.data.tobytes() for one in read_model(pack(small)).tensors if one.data is not None]
    with pytest.raises(BundleError, match=r"got: [0-9,]+ bytes at [0-9,]+ of [0-9,]+; export it again"):
        read_model(pack(model) + content[:-1])


@pytest.mark.parametrize("number", [25, 32, 126, 200])
def test_operators_and_types_of_other_models_are_refused_with_the_runtime_that_knows_them(small, number):
    model = deepcopy(small)
    model.operatorCodes[model.subgraphs[0].operators[-1].opcodeIndex].builtinCode = number
    with pytest.raises(BundleError, match=f"of the operators ADD, .*, QUANTIZE, got: number {number} of TFLite's; type: pip install ai-edge-litert"):
        read_model(pack(model))
    model = deepcopy(small)
    model.subgraphs[0].tensors[0].type = schema.TensorType.UINT8
    with pytest.raises(BundleError, match="of tensors of float32, float16, int32, int8, got: a tensor of type 3; type: pip install ai-edge-litert"):
        read_model(pack(model))


@pytest.mark.parametrize(
    "data", [b"", b"text", b"TFL3", b"    TFL3", b"\0" * 1000, b"    TFL3" + b"\xff" * 1000, b"    TFL3" + bytes(1000), b"\xff" * 1000]
)
def test_what_is_no_model_is_refused(data):
    with pytest.raises(BundleError, match=r"expected a TFLite model that facelite can load, got: .*; export it again"):
        read_model(data)


def test_every_truncation_is_refused(small):
    file = pack(small)
    ends = [*range(0, len(file) - 1, 7), *range(len(file) - 64, len(file) - 1)]
    for end in ends:
        with pytest.raises(BundleError, match="expected a TFLite model that facelite can load"):
            read_model(file[:end])


@pytest.fixture(scope="module")
def tables(small):
    """The small file, and the places of its bytes that are no constant's: one of those is a number whatever it is."""
    file = pack(small)
    places = set(range(len(file)))
    for tensor in read_model(file).tensors:
        if tensor.data is not None:
            start = file.index(tensor.data.tobytes())
            places -= set(range(start, start + tensor.data.nbytes))
    return file, sorted(places)


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_flipped_bytes_of_the_tables_are_refused_or_make_another_model(tables, data):
    damaged, places = bytearray(tables[0]), tables[1]
    for place, value in data.draw(st.lists(st.tuples(st.sampled_from(places), st.integers(0, 255)), min_size=1, max_size=4)):
        damaged[place] = value
    try:
        model = read_model(bytes(damaged))
    except BundleError as error:
        assert str(error).startswith("expected a TFLite model ")
    else:
        assert all(tensor.data is None or tensor.data.shape == tensor.shape for tensor in model.tensors)
