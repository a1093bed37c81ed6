"""A Keras model of one's own through the same recipe: the road of our own network is the oracle, since both can hold the same layers."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from facelite.bundle import EMBEDDER, open_bundle
from facelite.errors import ExportError, InputError, RecipeError
from facelite.export.assemble import export_bundle
from facelite.export.host import import_tensorflow
from facelite.networks import build, count, fold, set_weights, total
from facelite.preprocess import Preprocessing
from facelite.runtime.embedder import Embedder

RECIPE = """
name = "mine"
precision = "{precision}"
space = "my-space"
weights = "{weights}"
training_data = "drawn faces"
representative = 50
fmr = 0.1
min_cosine = 0.5
{more}
[licences]
code = "Apache-2.0"
"""


@pytest.fixture(scope="module")
def hosts():
    """The two Kerases."""
    import_tensorflow()
    import keras
    import tf_keras

    return {"keras": keras, "tf_keras": tf_keras}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, hosts, network, weights):
    """The released network as models that anybody could have saved: by Keras 3 and tf_keras, whole and as an .h5, with another preprocessing."""
    out = tmp_path_factory.mktemp("models")
    for name, host in hosts.items():
        model = build(network, keras=host, folded=True)
        set_weights(model, fold(weights))
        model.save(str(out / f"{name}.keras"))
    with pytest.warns(UserWarning, match="legacy"):
        model.save(str(out / "tf_keras.h5"))
    keras = hosts["keras"]
    model = keras.models.load_model(str(out / "keras.keras"))
    pixels = keras.Input((network.height, network.width, 3))
    flipped = keras.layers.Concatenate()([pixels[..., 2:], pixels[..., 1:2], pixels[..., :1]])
    keras.Model(pixels, model(keras.layers.Rescaling(2 / 128, -127.5 / 128)(flipped))).save(str(out / "raw.keras"))
    return out


def write(path: Path, weights: str | Path, precision: str = "float32", more: str = "") -> Path:
    recipe = path / "mine.toml"
    recipe.write_text(RECIPE.format(precision=precision, weights=weights, more=more))
    return recipe


@pytest.mark.parametrize("file", ["keras.keras", "tf_keras.keras", "tf_keras.h5"])
def test_it_gives_the_embeddings_and_the_counts_of_our_own_road(tmp_path, folder, people, detector_file, models, network, crops, file):
    report = export_bundle(write(tmp_path, folder / file), tmp_path, faces=people)
    bundle = open_bundle(tmp_path / report.bundle)
    ours = Embedder(models["float32"], space="s", preprocessing=Preprocessing(network.height, network.width))
    np.testing.assert_allclose(Embedder.of(bundle).vectors(crops), ours.vectors(crops), atol=1e-4)
    manifest = bundle.manifest
    assert (manifest.network, manifest.embedding, manifest.space) == (file, network.embedding, "my-space")
    assert (manifest.parameters, manifest.multiply_adds) == total(count(network))
    assert report.parity.cosine_min == pytest.approx(1, abs=1e-6)


def test_int8_is_held_to_the_model_and_its_input_is_what_the_recipe_says(tmp_path, folder, people, detector_file, crops, models):
    report = export_bundle(write(tmp_path, folder / "raw.keras", "int8", 'preprocess = "bgr:0,2"\nmax_loss = 0.2'), tmp_path, faces=people)
    bundle = open_bundle(tmp_path / report.bundle)
    assert bundle.manifest.preprocessing.colours == "BGR"
    assert report.parity.cosine_min > 0.9
    found, ours = (unit(embedder.vectors(crops)) for embedder in (Embedder.of(bundle), Embedder(models["float32"], space="s")))
    assert (found * ours).sum(1).min() > 0.9
    assert len(bundle.files[EMBEDDER]) < 0.3 * len(models["float32"])


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_released_one_needs_neither_keras_nor_faces_again(tmp_path, folder, people, detector_file, monkeypatch):
    shutil.copy(folder / "keras.keras", tmp_path / "mine.keras")
    recipe = write(tmp_path, "mine.keras", more='released = "mine.tflite"\nthresholds = "thresholds.json"')
    made = export_bundle(recipe, tmp_path / "first", faces=people, release=True)
    assert made.artefact == hashlib.sha256((tmp_path / "mine.tflite").read_bytes()).hexdigest()
    again = export_bundle(recipe, tmp_path / "rebuilt", faces=people, rebuild=True)
    assert again.artefact == made.artefact  # the same bytes: thresholds are found by their hash
    with pytest.raises(RecipeError, match=r"expected weights to be a \.h5 where they are released, got mine\.keras"):
        export_bundle(recipe, tmp_path / "out", faces=people, release=True, weights=folder / "tf_keras.h5")
    monkeypatch.setattr("facelite.export.assemble.open_master", None)
    assert export_bundle(recipe, tmp_path / "second").digest == made.digest


def test_a_model_for_pictures_of_any_size_takes_the_recipe_s(tmp_path, hosts, people, detector_file):
    layers, path = hosts["keras"].layers, tmp_path / "any.keras"
    hosts["keras"].utils.set_random_seed(1)
    image = hosts["keras"].Input((None, None, 3))
    hosts["keras"].Model(image, layers.Dense(16)(layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(image)))).save(str(path))
    with pytest.raises(ExportError, match=r"any\.keras: expected height in the recipe of a model that takes images of any size, got none"):
        export_bundle(write(tmp_path, path), tmp_path / "out", faces=people)
    report = export_bundle(write(tmp_path, path, more="height = 64\nwidth = 48"), tmp_path, faces=people)
    preprocessing = open_bundle(tmp_path / report.bundle).manifest.preprocessing
    assert (preprocessing.height, preprocessing.width) == (64, 48)
    assert (report.parameters, report.multiply_adds) == (224 + 128, 224 * 62 * 46 + 128)  # the last bias is zero, and left out


# what is refused


def test_another_size_than_the_model_s_is_refused(tmp_path, folder, detector_file):
    with pytest.raises(ExportError, match=r"expected the height of the model, 112, got 96; leave it out of the recipe"):
        export_bundle(write(tmp_path, folder / "keras.keras", more="height = 96"), tmp_path, faces=tmp_path)


@pytest.mark.parametrize("shape", [(64, 64, 1), (64, 3)])
def test_a_model_that_takes_no_picture_is_refused(tmp_path, hosts, detector_file, shape):
    layers = hosts["keras"].layers
    image = hosts["keras"].Input(shape)
    hosts["keras"].Model(image, layers.Dense(8)(layers.Flatten()(image))).save(str(tmp_path / "other.keras"))
    with pytest.raises(ExportError, match=r"other\.keras: expected a model of one image \(height, width, 3\) to one vector, got \(None, 64"):
        export_bundle(write(tmp_path, tmp_path / "other.keras"), tmp_path, faces=tmp_path)


def test_a_model_of_very_small_pictures_is_refused(tmp_path, hosts, detector_file):
    layers = hosts["keras"].layers
    image = hosts["keras"].Input((28, 28, 3))
    hosts["keras"].Model(image, layers.Dense(8)(layers.Flatten()(image))).save(str(tmp_path / "other.keras"))
    with pytest.raises(ExportError, match=r"other\.keras: expected a model of images of 32 x 32 or more, got a height of 28; build it so"):
        export_bundle(write(tmp_path, tmp_path / "other.keras"), tmp_path, faces=tmp_path)


def test_keras_on_another_host_is_refused(tmp_path, folder, hosts, detector_file, monkeypatch):
    monkeypatch.setattr(hosts["keras"].backend, "backend", lambda: "jax")
    with pytest.raises(ExportError, match="expected Keras on TensorFlow for the conversion, got it on jax; unset KERAS_BACKEND"):
        export_bundle(write(tmp_path, folder / "keras.keras"), tmp_path, faces=tmp_path)


@pytest.mark.parametrize("file", ["keras.keras", "tf_keras.keras", "tf_keras.h5"])
def test_code_that_a_file_brings_is_not_run(tmp_path, hosts, detector_file, file):
    name, _, suffix = file.partition(".")
    keras, ran = hosts[name], tmp_path / "ran"
    image = keras.Input((64, 64, 3))
    wild = keras.layers.Lambda(lambda x, path=str(ran): __import__("pathlib").Path(path).touch() or x)(image)
    model = keras.Model(image, keras.layers.Dense(8)(keras.layers.Flatten()(wild)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(str(tmp_path / f"other.{suffix}"))
    ran.unlink()
    with pytest.raises(InputError, match=r"expected a model that Keras can load, got: .*without a Lambda"):
        export_bundle(write(tmp_path, tmp_path / f"other.{suffix}"), tmp_path / "out", faces=tmp_path)
    assert not ran.exists()


def test_faces_are_asked_for_before_the_model_is_loaded(tmp_path, detector_file):
    with pytest.raises(ExportError, match="expected faces for the integer ranges and for training, got none"):
        export_bundle(write(tmp_path, tmp_path / "none.keras", "int8"), tmp_path / "out")


def test_a_model_that_gives_no_single_vector_is_refused(tmp_path, hosts, detector_file):
    layers = hosts["keras"].layers
    image = hosts["keras"].Input((64, 64, 3))
    maps = layers.Conv2D(4, 3)(image)
    for outputs in (maps, [layers.Flatten()(maps), layers.GlobalAveragePooling2D()(maps)]):
        hosts["keras"].Model(image, outputs).save(str(tmp_path / "other.keras"))
        with pytest.raises(ExportError, match=r"to one vector, got \(None, 64, 64, 3\) to .*; build it so"):
            export_bundle(write(tmp_path, tmp_path / "other.keras"), tmp_path, faces=tmp_path)


def test_what_tflite_has_no_operator_for_is_named(tmp_path, hosts, people, detector_file, capfd):
    keras = hosts["keras"]
    image = keras.Input((64, 64, 3))
    larger = keras.layers.UpSampling2D(2, interpolation="bicubic")(image)
    keras.Model(image, keras.layers.Dense(8)(keras.layers.Flatten()(larger))).save(str(tmp_path / "other.keras"))
    capfd.readouterr()
    with pytest.raises(ExportError, match=r"other\.keras: expected a model of operators that TFLite has, got tf\.ResizeBicubic; put other layers"):
        export_bundle(write(tmp_path, tmp_path / "other.keras"), tmp_path / "out", faces=people)
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_model_is_refused(tmp_path, detector_file):
    with pytest.raises(InputError, match=r"other\.keras: expected a Keras model, got no file; name another"):
        export_bundle(write(tmp_path, tmp_path / "other.keras"), tmp_path / "out", faces=tmp_path)
    (tmp_path / "other.keras").write_text("text")
    with pytest.raises(InputError, match=r"other\.keras: expected a model that Keras can load, got: .+; save it whole, of Keras' own layers"):
        export_bundle(write(tmp_path, tmp_path / "other.keras"), tmp_path / "out", faces=tmp_path)


@pytest.mark.parametrize(("precision", "more", "match"), [
    ("int8-qat", "", r"expected neither network, .*, smaller nor precision int8-qat with a Keras model \(.*\), got precision int8-qat; correct"),
    ("int8", 'network = "nns2"\nmirrored = true', "expected neither network, .*, got network, mirrored; correct"),
    ("int8", 'templates = ["other.tflite"]', "expected neither network, .*, got templates; correct"),
    ("int8", "smaller = { sparsity = 0.5 }", "expected neither network, .*, got smaller; correct"),
    ("int8", "embedding = 64", "expected neither network, .*, got embedding; correct"),
    ("int8", 'decide = "siamese"', "expected neither network, .*, got decide; correct"),
    ("int8", 'preprocess = "rgb:1"', "expected rgb:MEAN,STD or bgr:MEAN,STD, such as rgb:127.5,128, got 'rgb:1'"),
    ("float16", 'io = "int8"', 'expected io = "int8" with a precision out of int8, int8-qat, got it with float16'),
])  # fmt: skip
def test_a_recipe_that_does_not_fit_a_keras_model_is_refused(tmp_path, detector_file, precision, more, match):
    with pytest.raises(RecipeError, match=match):
        export_bundle(write(tmp_path, tmp_path / "my.keras", precision, more), tmp_path / "out")


def test_a_network_of_ours_is_named_and_knows_its_preprocessing(tmp_path, detector_file):
    for more, match in (
        ("", "expected network, the one that was trained, got none"),
        ('network = "nns2"\npreprocess = "bgr"', "with a Keras model only"),
    ):
        with pytest.raises(RecipeError, match=match):
            export_bundle(write(tmp_path, tmp_path / "weights.npz", more=more), tmp_path / "out")
