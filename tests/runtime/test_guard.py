"""Models that took LiteRT down, or filled the memory, are refused before it gets them; what is released passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from facelite.errors import BundleError
from facelite.runtime import model as module
from facelite.runtime.guard import check_model
from facelite.runtime.interpreter import Interpreter

schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="models are damaged by TensorFlow's schema, which comes with LiteRT")
flatbuffers = pytest.importorskip("flatbuffers")

EXPORT = Path(__file__).parent.parent.parent / "export"

QUANTIZE, CONVOLVE, POOL, ADD = 0, 1, 3, 15
"""Places of operators in NNS2."""


@pytest.fixture(scope="module")
def released():
    return (EXPORT / "nns2/nns2-int8.tflite").read_bytes()


def damaged(released, change):
    """The released model after ``change`` of its graph."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(released))
    change(model.subgraphs[0], model)
    builder = flatbuffers.Builder(1 << 21)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(graph, operator, *, output=False):
    of = graph.operators[operator]
    return graph.tensors[of.outputs[0] if output else of.inputs[0]]


def inputs(operator, places):
    def change(graph, model):
        graph.operators[operator].inputs = places(list(graph.operators[operator].inputs))

    return change


def scale(operator, value):
    def change(graph, model):
        tensor(graph, operator, output=True).quantization.scale = value

    return change


def side(operator, option, value):
    return lambda graph, model: setattr(graph.operators[operator].builtinOptions, option, value)


def of_another_type(graph, model):
    tensor(graph, CONVOLVE, output=True).type = schema.TensorType.FLOAT32


def of_many_rows(graph, model):
    tensor(graph, QUANTIZE).shape = [1, 200_000, 96, 3]


def unnamed(graph, model):
    tensor(graph, QUANTIZE).name = b"\xc3("


def foreign(change):
    """``change`` of a model that has an operator more, which facelite does not know."""

    def both(graph, model):
        model.operatorCodes[graph.operators[-1].opcodeIndex].builtinCode = 25  # SOFTMAX
        change(graph, model)

    return both


def no_output(graph, model):
    graph.operators[QUANTIZE].outputs = [-1]


@pytest.mark.parametrize(("change", "message"), [
    (inputs(QUANTIZE, lambda places: []), "an operator QUANTIZE of the types >b"),
    (inputs(ADD, lambda places: places[:1]), "an operator ADD of the types b>b"),
    (inputs(CONVOLVE, lambda places: [places[0], -1, places[2]]), r"an operator CONV_2D that makes tensor \d+ from \(\d+, -1, \d+\), out of order"),
    (foreign(inputs(CONVOLVE, lambda places: [places[0], -1, places[2]])), r"an operator CONV_2D that makes .* from \(\d+, -1, \d+\)"),
    (no_output, "an operator QUANTIZE that makes tensor -1"),
    (foreign(no_output), r"an operator QUANTIZE that makes \(-1,\) from"),
    (of_another_type, "an operator CONV_2D of the types bbi>f"),
    (scale(QUANTIZE, [1e-44]), "int8 numbers of the scales "),
    (scale(QUANTIZE, [0.0]), "int8 numbers of the scales "),
    (scale(ADD, [1e-9]), "an operator ADD of the scales "),
    (side(POOL, "filterHeight", 1_000_000), "an operator MAX_POOL_2D with a window of "),
    (side(CONVOLVE, "strideW", 0), "an operator CONV_2D with a window of "),
    (foreign(side(CONVOLVE, "strideW", -1)), "an operator CONV_2D with a window of "),
    (of_many_rows, "a model that makes [0-9,]+ numbers"),
    (foreign(of_many_rows), "a model that makes [0-9,]+ numbers"),
    (unnamed, "a tensor whose name is no text"),
])  # fmt: skip
def test_what_a_runtime_might_not_survive_is_refused(released, change, message):
    data = damaged(released, change)
    with pytest.raises(BundleError, match=f"expected a TFLite model that facelite can load, got: {message}.*; export it again"):
        check_model(data)
    with pytest.raises(BundleError, match=message):
        Interpreter(data)


def test_what_is_released_passes_and_what_has_other_operators(released, detector_file):
    for data in (released, detector_file, *(path.read_bytes() for path in EXPORT.glob("*/*.tflite"))):
        check_model(data)
    check_model(damaged(released, foreign(lambda graph, model: None)))


def test_float_with_int8_weights_passes_as_the_precision_dynamic_has_it(released):
    def change(graph, model):
        graph.operators, graph.outputs = [graph.operators[CONVOLVE]], graph.operators[CONVOLVE].outputs
        graph.inputs = [graph.operators[0].inputs[0]]
        for one in (tensor(graph, 0), tensor(graph, 0, output=True), graph.tensors[graph.operators[0].inputs[2]]):
            one.type, one.quantization = schema.TensorType.FLOAT32, None

    check_model(damaged(released, change))


def test_a_long_vector_that_many_tables_share_is_not_taken_again_for_each(released):
    """An offset costs four bytes: work and memory would grow with the square of the file."""
    data, long = bytearray(released), 100_000
    root = module._Table(module._File(released, len(released)), int.from_bytes(released[:4], "little"))
    for table in root.tables(2)[0].tables(0):
        at = table._at(3)  # the name
        data[at : at + 4] = (len(released) - at).to_bytes(4, "little")
    data += long.to_bytes(4, "little") + b"x" * long
    with pytest.raises(BundleError, match="got: vectors that lie over each other"):
        module.read_model(bytes(data), foreign=True)
