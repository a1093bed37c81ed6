"""What units look for: the strongest places are the strongest, cut where the unit looks, and what is made excites it more than any face."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli.main import main
from facelite.errors import InputError
from facelite.explain import units as module
from facelite.explain.contact import draw_contact
from facelite.explain.field import fields
from facelite.explain.float_network import open_float_network
from facelite.explain.units import EMBEDDING, layers, look_into
from facelite.export.host import import_tensorflow
from facelite.export.synthetic import draw_face
from facelite.networks import NETWORKS, build
from facelite.networks.table import Pool
from facelite.preprocess import to_input

RECIPE = Path(__file__).parents[2] / "export/nns2/int8.toml"


@pytest.fixture(scope="module")
def network():
    return open_float_network(RECIPE)


@pytest.fixture(scope="module")
def crops():
    return [(f"{seed}.png", np.ascontiguousarray(draw_face(seed, side=112)[:, 8:104])) for seed in range(8)]


@pytest.fixture(scope="module")
def seen(network, crops):
    return dict(look_into(network, crops, names=["conv2", "inception4a", EMBEDDING], units=4, patches=3))


@pytest.mark.parametrize("name, last", [("nns2", "inception3c"), ("nns1", "inception3a"), ("nn2", "inception3a"), ("nn1", "conv2")])
def test_a_unit_sees_its_field_and_nothing_else(name, last):
    """By the gradient of a network whose weights are all positive and whose poolings are means: above zero in the field, and zero beyond."""
    tf, keras = import_tensorflow()
    rows = (replace(row, **{"kind" if isinstance(row, Pool) else "pool": "average"}) if getattr(row, "kind", getattr(row, "pool", None)) else row
            for row in NETWORKS[name].rows)  # fmt: skip
    table = replace(NETWORKS[name], rows=tuple(rows), height=96, width=80)
    model = build(table, keras=keras, folded=True)
    model.set_weights([np.abs(np.random.default_rng(0).normal(size=one.shape)) + 0.1 for one in model.get_weights()])
    known, blocks = fields(table), layers(SimpleNamespace(network=table, model=model))
    for row in list(known)[: list(known).index(last) + 1]:
        part = keras.Model(model.input, model.get_layer(blocks[row]).output)
        x = tf.constant(np.random.default_rng(1).uniform(0.1, 1, (1, 96, 80, 3)).astype(np.float32))
        place = tuple(side // 2 for side in part.output_shape[1:3])
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(part(x)[:, place[0], place[1]])
        reached = np.abs(tape.gradient(value, x).numpy()[0]).sum(axis=2) > 0
        for axis, (field, at, side) in enumerate(zip(known[row], place, (96, 80), strict=True)):
            first = round(field.first + at * field.step - (field.size - 1) / 2)
            found = np.flatnonzero(reached.any(axis=1 - axis))
            assert (found[0], found[-1]) == (max(first, 0), min(first + field.size, side) - 1), (row, axis)


def test_the_strongest_are_the_strongest(network, crops, seen):
    model = network.keras.Model(network.model.input, network.model.get_layer("conv2").output)
    output = np.asarray(model(np.concatenate([to_input(pixels, network.preprocessing) for _, pixels in crops])))
    assert [one.unit for one in seen["conv2"]] == [0, 10, 21, 31]
    for one in seen["conv2"]:
        largest = output[..., one.unit].max(axis=(1, 2))
        order = np.argsort(-largest, kind="stable")[:3]
        np.testing.assert_allclose(one.activations, largest[order], rtol=1e-5)
        assert one.pictures == [crops[i][0] for i in order]
        y, x = np.unravel_index(output[order[0], ..., one.unit].argmax(), output.shape[1:3])
        down, across = fields(network.network)["conv2"]
        top, left = (round(field.first + at * field.step - (field.size - 1) / 2) for field, at in ((down, y), (across, x)))
        padded = np.pad(crops[order[0]][1], ((16, 16), (16, 16), (0, 0)), constant_values=module.GREY)
        np.testing.assert_array_equal(one.patches[0], padded[top + 16 :, left + 16 :][: down.size, : across.size])


def test_numbers_of_the_embedding_are_of_unit_length_and_of_whole_faces(network, crops, seen):
    output = np.asarray(network.model(np.concatenate([to_input(pixels, network.preprocessing) for _, pixels in crops])))
    output = output / np.linalg.norm(output, axis=1, keepdims=True)
    for one in seen[EMBEDDING]:
        np.testing.assert_allclose(one.activations, np.sort(output[:, one.unit])[::-1][:3], atol=1e-5)
        assert all(patch.shape == (112, 96, 3) for patch in one.patches)


def test_what_is_made_excites_more_than_any_face(seen):
    for name in ("inception4a", EMBEDDING):
        for one in seen[name]:
            assert one.reached > 1.2 * one.activations[0], (name, one.unit)
            assert one.made.shape == one.patches[0].shape and one.made.std() > 1


def test_it_is_the_same_again_and_whatever_the_batches(network, crops, seen, monkeypatch):
    monkeypatch.setattr(module, "TOGETHER", 3)
    monkeypatch.setattr(module, "MADE", 4)
    again = dict(look_into(network, crops, names=["conv2"], units=4, patches=3))["conv2"]
    for one, other in zip(seen["conv2"], again, strict=True):
        np.testing.assert_allclose(one.activations, other.activations, rtol=1e-5)
        assert one.pictures == other.pictures
        assert np.abs(one.made.astype(int) - other.made).mean() < 2
    assert draw_contact(again, "conv2") == draw_contact(again, "conv2")


def test_layers_are_named_from_the_picture_to_the_embedding(network, crops):
    assert list(layers(network)) == ["conv1", "conv2", "inception3a", "inception3b", "inception3c", "inception4a", "inception4b", EMBEDDING]
    with pytest.raises(InputError, match=r"expected layers out of conv1, .*, embedding, got 'conv9'; correct the name"):
        next(look_into(network, crops, names=["conv9"]))
    with pytest.raises(InputError, match="expected a face, found none in the pictures that were looked at"):
        next(look_into(network, [], names=["conv1"]))


def test_the_command_writes_a_sheet_for_each_layer(tmp_path, astronaut, hopper):
    for name, pixels in (("ada", astronaut), ("grace", hopper), ("nobody", np.zeros_like(hopper))):
        (tmp_path / "people" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "people" / name / "1.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    words = ["units", RECIPE, tmp_path / "people", "--out", tmp_path / "out", "--layers", "conv1, embedding", "--units", "2", "--json"]
    ended = CliRunner().invoke(main, [str(word) for word in words])
    assert ended.exit_code == 0, ended.output
    said = json.loads(ended.stdout)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["01-conv1.png", "08-embedding.png", "units.json"]
    assert list(said["sheets"]) == ["conv1", EMBEDDING]
    table = json.loads((tmp_path / "out/units.json").read_text())
    assert [row["unit"] for row in table[EMBEDDING]] == [0, 127]
    assert {one["picture"] for row in table["conv1"] for one in row["strongest"]} == {"ada/1.png", "grace/1.png"}
    assert cv2.imread(str(tmp_path / "out/01-conv1.png")).std() > 20
