"""The layers of a file: counted as the table is, their errors as LiteRT's own tensors give them, and their picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from facelite.export.graph import HIGH, WIDE, draw_graph
from facelite.export.layers import Layer, describe_layers, layer_name, total_layers
from facelite.networks import count, total
from facelite.preprocess import Preprocessing, to_input
from facelite.runtime.model import OPERATORS


@pytest.fixture(scope="module")
def inputs(network, crops):
    return [to_input(crop.pixels, Preprocessing(network.height, network.width)) for crop in crops[:3]]


@pytest.fixture(scope="module")
def described(models, inputs):
    return {precision: describe_layers(model, float32=models["float32"], inputs=inputs) for precision, model in models.items()}


@pytest.mark.parametrize(("precision", "width"), [("float32", 4), ("float16", 2)])
def test_the_sums_are_those_of_the_table(described, network, precision, width):
    layers = described[precision]
    assert (sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)) == total(count(network))
    assert sum(layer.bytes for layer in layers) == width * total(count(network))[0]


def test_int8_has_a_byte_for_a_weight_and_four_for_a_bias(described, network):
    layers = described["int8"]
    assert (sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)) == total(count(network))
    for layer in layers:
        assert layer.bytes == (layer.parameters + 3 * layer.output[-1] if layer.parameters else 0)


def test_every_layer_follows_those_it_takes_from_and_leads_to_the_embedding(described):
    layers = described["int8"]
    assert all(source < number for number, layer in enumerate(layers) for source in layer.sources)
    used = {source for layer in layers for source in layer.sources}
    assert used == set(range(len(layers) - 1))
    assert layers[-1].name == "embedding"


def test_a_file_is_not_off_from_itself_and_int8_is_further_off_than_float16(described):
    assert {layer.error for layer in described["float32"]} == {0.0}
    float16, int8 = ([layer.error for layer in described[precision] if layer.error is not None] for precision in ("float16", "int8"))
    assert len(float16) == len(described["float16"])
    assert len(int8) >= len(described["int8"]) - 1  # quantising the input is no layer of float32's
    assert 0 < max(float16) < min(int8) < max(int8) < 0.5


def test_a_file_with_operators_that_we_do_not_run_is_counted_but_has_no_errors(models, network, inputs, monkeypatch):
    monkeypatch.setattr("facelite.runtime.model.OPERATORS", {code: one for code, one in OPERATORS.items() if one[0] != "CONCATENATION"})
    layers = describe_layers(models["int8"], float32=models["float32"], inputs=inputs)
    assert total_layers(layers) == total(count(network))
    assert {layer.error for layer in layers} == {None}
    assert "number 2 of TFLite's" in {layer.operator for layer in layers}


def tensors(model, values):
    """What LiteRT's reference kernels leave in each tensor, by its name."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    bare = Interpreter(
        model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, experimental_preserve_all_tensors=True, num_threads=1
    )
    bare.allocate_tensors()
    bare.set_tensor(bare.get_input_details()[0]["index"], values)
    bare.invoke()
    found = {}
    for one in bare.get_tensor_details():
        scale, zero_point = one["quantization"]
        if one["name"].endswith(("ReadVariableOp1", "concat", "MaxPool", "AvgPool")) or "Relu" in one["name"]:
            value = bare.get_tensor(one["index"]).astype(np.float32)
            found[layer_name(one["name"])] = (value - zero_point) * scale if scale else value
    return found


def test_errors_are_those_of_litert_s_own_tensors(described, models, inputs):
    ours, floats = zip(*([tensors(models[precision], values) for precision in ("int8", "float32")] for values in inputs), strict=True)
    for layer in described["int8"]:
        if layer.error is None or layer.name in ("embedding", "flatten"):
            continue
        off = sum(((one[layer.name] - other[layer.name]) ** 2).sum() for one, other in zip(ours, floats, strict=True))
        size = sum((other[layer.name] ** 2).sum() for other in floats)
        assert layer.error == pytest.approx(np.sqrt(off / size), rel=1e-3), layer.name


def test_without_float32_there_are_no_errors_and_what_cannot_be_read_has_no_layers(models):
    assert {layer.error for layer in describe_layers(models["int8"])} == {None}
    assert describe_layers(b"no model at all") == []


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("nns2/conv1/Relu;nns2/conv1/BiasAdd;nns2/conv1/Conv2D", "conv1"),
        ("nns2/quant_conv1/Relu", "conv1"),
        ("StatefulPartitionedCall:01", "embedding"),
        ("tfl.quantize", "tfl.quantize"),
    ],
)
def test_a_tensor_tells_its_layer(tensor, name):
    assert layer_name(tensor) == name


def boxes(svg):
    """(x, y) of each layer's box in the order of the layers, and the two texts of each."""
    root = ET.fromstring(svg)  # noqa: S314 - of our own making
    space = "{http://www.w3.org/2000/svg}"
    places = [(float(one.get("x")), float(one.get("y"))) for one in root.iter(f"{space}rect")][::2]
    texts = [one.text for one in root.iter(f"{space}text")]
    return places, list(zip(texts[::2], texts[1::2], strict=True)), len(list(root.iter(f"{space}path")))


def test_the_picture_shows_each_layer_below_those_it_takes_from_and_none_over_another(described):
    layers = described["int8"]
    places, texts, lines = boxes(draw_graph(layers))
    assert [name for name, _ in texts] == [layer.name for layer in layers]
    assert lines == sum(len(layer.sources) for layer in layers)
    for place, layer in zip(places, layers, strict=True):
        assert all(places[source][1] + HIGH < place[1] for source in layer.sources)
    for (x1, y1), (x2, y2) in pairwise(sorted(places, key=lambda place: (place[1], place[0]))):
        assert y1 != y2 or x2 - x1 > WIDE


def test_a_name_cannot_break_the_picture_and_no_layers_make_an_empty_one():
    layer = Layer('<"&', "ADD", (3,), 0, 0, 0, 0.123, ())
    assert boxes(draw_graph([layer]))[1] == [('<"&', "3, off by 12.3 %")]
    assert boxes(draw_graph([])) == ([], [], 0)
