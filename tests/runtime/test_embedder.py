"""Aligned crop -> embedding: preprocessing by a plain loop, unit length, models of other shapes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import EMBEDDER, Bundle
from facelite.errors import BundleError
from facelite.face import FaceCrop
from facelite.preprocess import Preprocessing
from facelite.runtime.embedder import Embedder
from facelite.runtime.interpreter import Interpreter


def crops(count, height=112, width=96, seed=0):
    rng = np.random.default_rng(seed)
    return [FaceCrop(rng.integers(0, 256, (height, width, 3), np.uint8), np.zeros((4, 2), np.float32)) for _ in range(count)]


def test_vectors_are_the_model_s_own_for_rgb_minus_mean_over_std(bundle, embedder):
    interpreter = Interpreter(bundle.files[EMBEDDER])
    for crop, vector in zip(crops(3), embedder.vectors(crops(3)), strict=True):
        x = np.zeros((1, 112, 96, 3), np.float32)
        for row in range(112):
            for column in range(96):
                for colour in range(3):
                    x[0, row, column, colour] = (float(crop.pixels[row, column, colour]) - 127.5) / 128
        np.testing.assert_allclose(vector, interpreter.run(x)[0][0], atol=1e-5)


def test_an_embedding_has_unit_length_and_the_bundle_s_space(bundle, embedder):
    embedding = embedder.embed(crops(1)[0])
    assert embedding.vector.shape == (bundle.manifest.embedding,)
    assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-6)
    assert embedding.space == bundle.manifest.space
    assert embedder.artefact == bundle.artefact
    np.testing.assert_array_equal(embedder.embed(crops(1)[0]).vector, embedding.vector)


def mean_colour(values):
    return [values.mean((1, 2)).astype(np.float32)]


@pytest.mark.parametrize("batch", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_model_of_a_fixed_batch_gives_each_crop_its_own_vector(stub_runtime, batch, count):
    stub_runtime(mean_colour, shape=(batch, 40, 36, 3), sizes=((batch, 3),))
    embedder = Embedder(b"x", space="s")
    assert embedder.preprocessing == Preprocessing(40, 36)
    pictures = crops(count, 40, 36)
    expected = [(crop.pixels.reshape(-1, 3).mean(0) - 127.5) / 128 for crop in pictures]
    np.testing.assert_allclose(embedder.vectors(pictures), expected, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_model_that_takes_colours_first_gets_them_first(stub_runtime, batch):
    stub_runtime(lambda values: [values.reshape(batch, -1)], shape=(batch, 3, 40, 36), sizes=((batch, 3 * 40 * 36),))
    embedder = Embedder(b"x", space="s")
    assert embedder.preprocessing == Preprocessing(40, 36)
    taken = embedder.vectors(crops(4, 40, 36)).reshape(4, 3, 40, 36)
    for crop, values in zip(crops(4, 40, 36), taken, strict=True):
        for colour in range(3):
            np.testing.assert_allclose(values[colour], (crop.pixels[:, :, colour].astype(float) - 127.5) / 128, atol=1e-6)


def test_a_layout_is_told_by_where_the_three_is(stub_runtime):
    for shape, height, width in (((1, 3, 96, 33), 96, 33), ((1, 96, 33, 3), 96, 33)):
        stub_runtime(mean_colour, shape=shape)
        assert Embedder(b"x", space="s").preprocessing == Preprocessing(height, width)
    stub_runtime(mean_colour, shape=(1, 3, 96, 33))
    with pytest.raises(BundleError, match="input 33 x 96, got"):
        Embedder(b"x", space="s", preprocessing=Preprocessing(33, 96))


def test_a_bgr_model_gives_of_a_picture_what_an_rgb_one_gives_of_the_swapped(bundle, embedder):
    swapped = [FaceCrop(crop.pixels[..., ::-1], crop.landmarks) for crop in crops(3)]
    bgr = Embedder(bundle.files[EMBEDDER], space="s", preprocessing=replace(embedder.preprocessing, colours="BGR"))
    np.testing.assert_array_equal(bgr.vectors(crops(3)), embedder.vectors(swapped))
    assert np.abs(bgr.vectors(crops(3)) - embedder.vectors(crops(3))).max() > 0.01


@pytest.mark.parametrize("shape", [(1, 112, 96), (1, 112, 96, 1), (1, 1, 112, 96), (1, 16, 16, 3), (1, 3, 16, 16), (1, 3, 112, 96, 1)])
def test_a_model_of_another_kind_of_input_is_refused(stub_runtime, shape):
    stub_runtime(mean_colour, shape=shape)
    with pytest.raises(BundleError, match=r"expected an embedder of .*; export it"):
        Embedder(b"x", space="s")


def test_a_manifest_that_says_something_else_is_refused(bundle, stub_runtime):
    def with_manifest(**changes):
        return Bundle(replace(bundle.manifest, **changes), bundle.files, bundle.digest)

    with pytest.raises(BundleError, match="input 96 x 96, got"):
        Embedder.of(with_manifest(preprocessing=Preprocessing(96, 96)))
    with pytest.raises(BundleError, match="embedder of 64 numbers, as the manifest says, got 128"):
        Embedder.of(with_manifest(embedding=64))


def test_a_crop_of_another_size_is_misuse(embedder):
    with pytest.raises(ValueError, match="expected a crop 112 x 96 x 3"):
        embedder.embed(crops(1, 96, 96)[0])


@pytest.mark.parametrize("number", [0, np.nan, np.inf])
def test_an_output_without_a_direction_is_no_embedding(stub_runtime, number):
    stub_runtime(lambda values: [np.full((1, 128), number, np.float32)])
    with pytest.raises(BundleError, match="the embedder is broken: expected a vector of finite, positive length"):
        Embedder(b"x", space="s").embed(crops(1)[0])
