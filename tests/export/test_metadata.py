"""Metadata in front of a model: read back by TensorFlow's own schema, nothing else moved, and the model computes what it computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers.number_types import Float32Flags
from flatbuffers.table import Table

from facelite.errors import ExportError
from facelite.export.metadata import NAME, add_metadata
from facelite.networks import NETWORKS
from facelite.preprocess import Preprocessing
from facelite.runtime.interpreter import Interpreter
from facelite.runtime.model import read_model

SIZE = Preprocessing(NETWORKS["nns2"].height, NETWORKS["nns2"].width)


@pytest.fixture
def bare(random_model):
    """A model as the converter gives it: what the metadata was put before."""
    return random_model[random_model.index(b"TFL3", 8) - 4 :]


def entries(model):
    root = schema.Model.GetRootAs(model, 0)
    found = [root.Metadata(i) for i in range(root.MetadataLength())]
    return {one.Name().decode(): bytes(root.Buffers(one.Buffer()).DataAsNumpy()) for one in found}


def image_numbers(content):
    """The normalisation and the range of the one input, by the places of fields in metadata_schema.fbs."""

    def field(table, number):
        vtable = table.Offset(4 + 2 * number)
        return None if not vtable else vtable + table.Pos

    def child(table, number):
        return Table(table.Bytes, table.Indirect(field(table, number)))

    def first(table, number):
        return Table(table.Bytes, table.Indirect(table.Vector(table.Offset(4 + 2 * number))))

    def number(table, at):
        return table.Get(Float32Flags, table.Vector(table.Offset(4 + 2 * at)))

    root = Table(content, int.from_bytes(content[:4], "little"))
    image = first(first(root, 3), 2)
    normalisation, stats = child(first(image, 4), 1), child(image, 5)
    return {"mean": number(normalisation, 0), "std": number(normalisation, 1), "max": number(stats, 0), "min": number(stats, 1)}


def test_tensorflow_s_schema_finds_the_metadata_and_all_that_was_there(bare):
    made = add_metadata(bare, SIZE)
    before, after = entries(bare), entries(made)
    content = after.pop(NAME)
    assert after == before
    assert content[4:8] == b"M001"
    for word in (b"facelite embedder", b"face crop", b"embedding"):
        assert word in content
    assert image_numbers(content) == {"mean": 127.5, "std": 128.0, "max": 127.5 / 128, "min": -127.5 / 128}
    old, new = (schema.Model.GetRootAs(one, 0) for one in (bare, made))
    assert (new.Version(), new.SubgraphsLength(), new.OperatorCodesLength()) == (old.Version(), old.SubgraphsLength(), old.OperatorCodesLength())
    assert new.BuffersLength() == old.BuffersLength() + 1
    for i in range(old.BuffersLength()):
        np.testing.assert_array_equal(new.Buffers(i).DataAsNumpy(), old.Buffers(i).DataAsNumpy())
    assert new.SignatureDefs(0).SignatureKey() == old.SignatureDefs(0).SignatureKey()


def test_no_byte_of_the_model_is_changed_and_weights_stay_aligned(bare):
    made = add_metadata(bare, SIZE)
    assert made.endswith(bare)
    assert (len(made) - len(bare)) % 64 == 0
    assert add_metadata(bare, SIZE) == made


def test_the_model_computes_what_it_computed(bare):
    values = np.random.default_rng(0).uniform(-1, 1, (1, SIZE.height, SIZE.width, 3)).astype(np.float32)
    made = add_metadata(bare, SIZE)
    np.testing.assert_array_equal(Interpreter(made).run(values)[0], Interpreter(bare).run(values)[0])
    assert [operator.name for operator in read_model(made).operators] == [operator.name for operator in read_model(bare).operators]


def test_a_model_without_any_metadata_gets_some(bare):
    model = schema.ModelT.InitFromPackedBuf(bare, 0)
    model.metadata = None
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    assert list(entries(add_metadata(bytes(builder.Output()), SIZE))) == [NAME]


def test_what_has_it_or_cannot_be_said_is_refused(bare, random_model):
    with pytest.raises(ExportError, match="expected a model without metadata, got one that has some"):
        add_metadata(random_model, SIZE)
    with pytest.raises(ValueError, match="expected RGB, the one order of colours that metadata knows, got BGR"):
        add_metadata(bare, replace(SIZE, colours="BGR"))
