"""Style transfer: costs by closed forms, gradients by finite differences, and a picture that does take on the look."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli.main import main
from facelite.errors import InputError
from facelite.explain.features import open_features
from facelite.explain.style import Look, _Canvas, content_cost, gram, paint, style_cost, total_variation
from facelite.export.host import import_tensorflow
from facelite.preprocess import to_input

RECIPE = Path(__file__).parents[2] / "export/nns2/int8.toml"
LOOK = Look("inception3a", {"conv1": 1.0, "conv2": 0.5})


@pytest.fixture(scope="module")
def tf():
    return import_tensorflow()[0]


@pytest.fixture(scope="module")
def features():
    return open_features(RECIPE)


@pytest.fixture(scope="module")
def content(astronaut):
    return np.ascontiguousarray(cv2.resize(astronaut[20:260, 100:340], (64, 64), interpolation=cv2.INTER_AREA))


def stripes(height=48, width=80, period=8):
    """Red and white, down the picture."""
    columns = (np.arange(width) // (period // 2) % 2)[None, :, None] * np.array([0, 200, 200]) + np.array([220, 30, 30])
    return np.repeat(columns, height, axis=0).astype(np.uint8)


def upright(pixels):
    """How much steeper the picture is across than down: what stripes are."""
    grey = pixels.mean(-1)
    return float(np.abs(np.diff(grey, axis=1)).mean() / np.abs(np.diff(grey, axis=0)).mean())


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_costs_are_what_the_paper_sums(tf):
    one, other = numbers(1, 5, 7, 3), numbers(1, 5, 7, 3)[:, ::-1]
    places, channels = 35, 3
    f, p = (np.float64(x).reshape(places, channels).T for x in (one, other))  # the paper's F and P: N x M
    assert float(content_cost(one, other)) == pytest.approx(((f - p) ** 2).sum() / 2 / (places * channels), rel=1e-5)
    g, a = f @ f.T, p @ p.T
    np.testing.assert_allclose(gram(tf.constant(one)), g / places, rtol=1e-4)
    paper = ((g - a) ** 2).sum() / (4 * channels**2 * places**2)
    assert float(style_cost(tf.constant(one), tf.constant((a / places).astype(np.float32)))) == pytest.approx(paper, rel=1e-4)
    ramp = np.broadcast_to(np.arange(6.0)[None, None, :, None] * 0.5, (1, 4, 6, 3))
    assert float(total_variation(tf.constant(ramp))) == pytest.approx(0.5)
    assert float(total_variation(tf.constant(ramp.transpose(0, 2, 1, 3)))) == pytest.approx(0.5)


def test_style_does_not_ask_where_or_how_large(tf):
    one = numbers(1, 6, 4, 5)
    elsewhere = one.reshape(1, 24, 5)[:, np.random.default_rng(1).permutation(24)].reshape(1, 4, 6, 5)
    np.testing.assert_allclose(gram(tf.constant(one)), gram(tf.constant(elsewhere)), atol=1e-5)
    np.testing.assert_allclose(gram(tf.constant(one)), gram(tf.constant(np.concatenate([one, one], 1))), atol=1e-5)


def test_the_gradient_is_that_of_the_costs(features, content):
    canvas = _Canvas(features, content, [(stripes(), 1.0)], Look("inception3a", {"conv1": 1.0, "conv2": 0.5}, variation=0.0))
    rng = np.random.default_rng(0)
    at = 0.3 * rng.normal(size=canvas.shape)
    gradient = canvas.measure(at)[1]
    for _ in range(5):
        way = rng.normal(size=canvas.shape)
        ends = [canvas.measure(at + sign * 2e-3 * way)[0]["total"] for sign in (-1, 1)]
        assert (ends[1] - ends[0]) / 4e-3 == pytest.approx(float((gradient * way).sum()), rel=0.03, abs=0.05 * float(np.linalg.norm(gradient)))


def test_a_picture_has_no_cost_to_itself(features, content):
    canvas = _Canvas(features, content, [(content, 1.0)], LOOK)
    costs, _ = canvas.measure(canvas.start(content).numpy())
    assert costs["content"] == 0 and costs["style"] < 1e-9 and costs["variation"] > 0


def test_the_features_of_a_size_are_those_of_the_network(features, content):
    """On the network's own size: the rebuilt rows compute what the whole network does."""
    from facelite.explain.float_network import open_float_network

    whole = open_float_network(RECIPE)
    x = numbers(1, 112, 96, 3)
    part = whole.keras.Model(whole.model.input, whole.model.get_layer("inception3b_relu").output)
    np.testing.assert_allclose(features.at(["inception3b"], 112, 96)(x)[0], part(x), atol=1e-5)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("start", ["content", "noise"])
def test_a_picture_takes_on_the_look_and_keeps_the_content(features, content, optimizer, start):
    steps = []
    painted = paint(
        features, content, styles=[(stripes(), 1.0)], look=LOOK, steps=40, optimizer=optimizer, start=start, shown=lambda step, _: steps.append(step)
    )
    assert painted.pixels.shape == content.shape and painted.pixels.dtype == np.uint8
    assert painted.after["style"] < 0.2 * painted.before["style"] and painted.after["total"] < 0.3 * painted.before["total"]
    assert painted.after["content"] < 0.7
    assert upright(painted.pixels) > 1.3 * upright(content)
    assert steps == list(range(1, len(steps) + 1)) and len(steps) <= 40
    again = paint(features, content, styles=[(stripes(), 1.0)], look=LOOK, steps=40, optimizer=optimizer, start=start)
    assert np.abs(again.pixels.astype(int) - painted.pixels).mean() < 3


def test_several_styles_are_mixed_by_their_weights(features, content):
    down, across = stripes(), np.ascontiguousarray(stripes().transpose(1, 0, 2))
    mixed = [paint(features, content, styles=[(down, share), (across, 1 - share)], look=LOOK, steps=25).pixels for share in (0.8, 0.2)]
    assert upright(mixed[0]) > 1.2 * upright(mixed[1])


def test_what_cannot_be_painted_is_refused(features, content):
    with pytest.raises(InputError, match=r"expected layers out of conv1, conv2, inception3a, .*, got 'conv9'; correct the name"):
        paint(features, content, styles=[(stripes(), 1.0)], look=Look("conv9", {"conv1": 1.0}))
    with pytest.raises(InputError, match="expected pictures of 32 x 32 or more, got 80 x 20"):
        paint(features, content, styles=[(stripes(20), 1.0)], look=LOOK)
    for wrong in ({"style": {}}, {"style": {"conv1": 0.0}}, {"beta": -1.0}, {"alpha": float("nan")}):
        with pytest.raises(ValueError, match="expected a layer of style or more and finite weights"):
            Look(**{"content": "conv1", "style": {"conv1": 1.0}, **wrong})
    with pytest.raises(ValueError, match="expected a style picture or more, with weights above 0"):
        paint(features, content, styles=[], look=LOOK)


def test_a_keras_model_of_ones_own_paints_in_its_size(content, tmp_path):
    import keras

    layers = [keras.layers.Input((48, 40, 3)), keras.layers.Conv2D(8, 3, activation="relu", name="first"), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(4)]).save(tmp_path / "mine.keras")
    own = open_features(tmp_path / "mine.keras", preprocess="rgb:0,255")
    assert (own.known, own.size) == (["first"], (48, 40))
    sized = [cv2.resize(picture, (40, 48)) for picture in (content, stripes())]
    painted = paint(own, sized[0], styles=[(sized[1], 1.0)], look=Look("first", {"first": 1.0}), steps=20)
    assert painted.after["style"] < 0.5 * painted.before["style"]
    with pytest.raises(InputError, match="expected pictures of 48 x 40, got 64 x 64; resize them"):
        paint(own, content, styles=[(sized[1], 1.0)], look=Look("first", {"first": 1.0}))


def test_the_command_paints(tmp_path, astronaut):
    for name, pixels in (("a", astronaut), ("b", stripes(200, 300))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    words = ["style", RECIPE, tmp_path / "a.png", tmp_path / "b.png", "--out", tmp_path / "out.png", "--side", 64, "--steps", 6, "--every", 3]
    ended = CliRunner().invoke(main, [*map(str, words), "--style-layers", "conv1:2, conv2", "--json"])
    assert ended.exit_code == 0, ended.output
    said = json.loads(ended.stdout)
    assert said["style"] == {"conv1": 2.0, "conv2": 1.0} and said["content"] == "inception3a"
    assert said["after"]["total"] < said["before"]["total"]
    assert {"out.png", "out-0003.png"} <= {path.name for path in tmp_path.iterdir()}
    assert max(cv2.imread(str(tmp_path / "out.png")).shape) == 64
    refused = CliRunner().invoke(main, [*map(str, words), "--style-layers", "conv1:much"])
    assert refused.exit_code == 2 and "much" in refused.output


@pytest.mark.parametrize("preprocess", ["rgb:0,1", "bgr:0,255", "bgr:127.5,128"])
def test_a_network_may_take_other_numbers_and_blue_first(content, tmp_path, preprocess):
    """A picture painted from itself is itself, whatever its pixels are to the network."""
    import keras

    layers = [keras.layers.Input((64, 64, 3)), keras.layers.Conv2D(4, 3, name="first"), keras.layers.Flatten(), keras.layers.Dense(4)]
    keras.Sequential(layers).save(tmp_path / "mine.keras")
    own = open_features(tmp_path / "mine.keras", preprocess=preprocess)
    canvas = _Canvas(own, content, [(content, 1.0)], Look("first", {"first": 1.0}))
    np.testing.assert_array_equal(canvas.start(content), to_input(content, own.preprocessing))
    np.testing.assert_array_equal(canvas.pixels(canvas.start(content)), content)
    for optimizer in ("lbfgs", "adam"):
        painted = paint(own, content, styles=[(content, 1.0)], look=Look("first", {"first": 1.0}, variation=0.0), steps=3, optimizer=optimizer)
        assert np.abs(painted.pixels.astype(int) - content).mean() < 4


def test_a_network_without_convolutions_is_refused(tmp_path):
    import keras

    keras.Sequential([keras.layers.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="expected a network with convolutions, got none; name another"):
        open_features(tmp_path / "mine.keras")
