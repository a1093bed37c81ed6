"""The command pad-eval: a model on pictures, and the head turn on videos of a turning head and of a photograph that is tilted."""

from __future__ import annotations

import csv
import re
import shlex
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.recipe import parse
from facelite.runtime.liveness import ModelUse

SIDE = 176


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model whose one score is the mean of its input, with the file beside it."""
    import tensorflow as tf

    concrete = tf.function(lambda x: tf.reduce_mean(x, axis=[1, 2, 3])[:, None]).get_concrete_function(tf.TensorSpec((1, 64, 64, 3)))
    path = tmp_path_factory.mktemp("model") / "bright.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert())
    path.with_suffix(".toml").write_text("live = 1\nlimit = 0.3\nstd = 255.0\n")
    return path


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(np.uint8(pixels), cv2.COLOR_RGB2BGR))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, astronaut, hopper):
    """Bright people, darker prints, and screens of which one shows no face."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, portrait in (("eileen", astronaut), ("grace", hopper)):
        write(folder / f"bona_fide/{name}/1.png", portrait)
        write(folder / f"attack/print/{name}/1.png", portrait * 0.4)
        write(folder / f"attack/screen/{name}/1.png", portrait[:, ::-1] * 0.5)
    write(folder / "attack/screen/grace/2.png", np.full((90, 90, 3), 250))
    return folder


def turned(portrait, face, degrees):
    """The portrait's head (SIDE, SIDE, 3) turned to her left, as a bowl with a nose: pixels are moved by their depth, the nearest drawn last."""
    eye, other, nose, *_ = face.keypoints.astype(float)
    unit, middle, fine = np.linalg.norm(other - eye), (eye + other) / 2, 3
    scale, top = SIDE / 5 / unit, 0.42 * SIDE
    matrix = np.array([(fine * scale, 0, fine * (SIDE / 2 - scale * middle[0])), (0, scale, top - scale * middle[1])])
    flat = cv2.warpAffine(portrait, matrix, (fine * SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    x, y = np.meshgrid((np.arange(fine * SIDE) / fine - SIDE / 2) / scale / unit, (np.arange(SIDE) - top) / scale / unit)
    nose_x, nose_y = (nose - middle) / unit
    depth = -1.8 * np.minimum(np.abs(x), 1.2) ** 2 + 0.5 * np.exp(-(((x - nose_x) / 0.2) ** 2) / 2 - ((y - nose_y) / 0.3) ** 2 / 2)
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    order = np.argsort(depth * cosine - x * sine, axis=None)
    columns = np.round((x * cosine + (depth + 0.6) * sine) * scale * unit + SIDE / 2).astype(int).ravel()[order]
    inside = (columns >= 0) & (columns < SIDE)
    picture = np.full((SIDE, SIDE, 3), 110, np.uint8)
    picture[(order // (fine * SIDE))[inside], columns[inside]] = flat.reshape(-1, 3)[order][inside]
    return picture


def tilted(portrait, face, degrees):
    """A flat photograph of the face, tilted about an upright axis and seen from three and a half times its own width: 56 cm of a life-size face."""
    middle, side = face.box[:2] + face.box[2:] / 2, face.size
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    near = 1 / (1 + corners[:, 0] * sine / (3.5 * side))
    seen = np.stack([corners[:, 0] * cosine * near, corners[:, 1] * near], axis=1) * 0.8 * SIDE / (2 * side) + SIDE / 2
    matrix = cv2.getPerspectiveTransform((corners + middle).astype(np.float32), seen.astype(np.float32))
    return cv2.warpPerspective(portrait, matrix, (SIDE, SIDE), borderValue=(110, 110, 110))


@pytest.fixture(scope="module")
def videos(tmp_path_factory, detector, astronaut, hopper):
    """Heads that turn to one side or the other and back, at 10 frames a second, and photographs that are tilted instead."""
    folder = tmp_path_factory.mktemp("videos")
    for name, portrait, peak in (("eileen", astronaut, -48), ("grace", hopper, 48)):
        face = detector.detect(portrait)[0]
        angles = np.concatenate([np.zeros(3), np.linspace(0, peak, 7), [peak] * 3, np.linspace(peak, 0, 7), np.zeros(3)])
        for i, angle in enumerate(angles):
            write(folder / f"bona_fide/{name}/turn/{i}.png", turned(portrait, face, angle))
            write(folder / f"attack/tilted/{name}/turn/{i}.png", tilted(portrait, face, 1.3 * angle))
            write(folder / f"attack/none/{name}/turn/{i}.png", np.full((90, 90, 3), 120))
    return folder


def test_a_model_is_judged_on_pictures(facelite, model, pictures):
    result = facelite("pad-eval", pictures, "--liveness", model, "--json")
    assert (result.status, result.err) == (0, "")
    values = result.json
    assert (values["liveness"], values["limit"]) == (str(model), 0.3)
    assert values["bpcer"]["value"] == 0
    assert {name: (one["presentations"], one["subjects"]) for name, one in values["species"].items()} == {"print": (2, 2), "screen": (3, 2)}
    assert values["species"]["print"]["apcer"]["value"] == 0
    assert values["species"]["screen"]["apnrr"]["value"] == pytest.approx(1 / 3)
    assert values["bpcer"]["high"] == pytest.approx(1 - 0.025**0.5)
    assert list(values["limits"]) == ["bpcer10", "bpcer20", "bpcer100"]
    strict = facelite("pad-eval", pictures, "--liveness", model, "--limit", 0, "--json").json
    assert (strict["apcer"]["value"], strict["bpcer"]["value"]) == (1, 0)


def test_the_answer_for_a_reader_and_the_report(facelite, model, pictures, tmp_path):
    out = tmp_path / "out"
    result = facelite("pad-eval", pictures, "--liveness", model, "--report", out)
    lines = result.out.splitlines()
    assert lines[0] == "at the limit 0.3, with 95 % intervals:"
    assert lines[1] == "bona fide: BPCER 0.00 % (0.0 to 84.2), no response 0.00 % (0.0 to 84.2); 2 presentations of 2 subjects"
    assert lines[2] == "print: APCER 0.00 % (0.0 to 84.2), no response 0.00 % (0.0 to 84.2); 2 presentations of 2 subjects"
    assert lines[4].startswith("worst species: ")
    assert lines[5].startswith("BPCER10: 0.00 % (0.0 to 84.2) at the limit 0.")
    assert lines[-1] == f"wrote {out}/presentations.csv and pad.svg beside it"
    with (out / "presentations.csv").open() as file:
        rows = {row["presentation"]: row for row in csv.DictReader(file)}
    assert rows["attack/screen/grace/2.png"] == {
        "presentation": "attack/screen/grace/2.png", "species": "screen", "subject": "grace", "frames": "1", "faces": "0", "value": "",
    }  # fmt: skip
    assert float(rows["bona_fide/grace/1.png"]["value"]) > 0.3 > float(rows["attack/print/grace/1.png"]["value"])
    assert (out / "pad.svg").read_bytes().startswith(b"<?xml")
    assert (out / "pad.png").stat().st_size > 5000


def test_heads_that_turn_are_live_and_photographs_that_are_tilted_are_not(facelite, videos):
    values = facelite("pad-eval", videos, "--challenge", "turn", "--fps", 10, "--json").json
    assert (values["limit"], values["bpcer"]["value"]) == (35, 0)
    assert values["species"]["tilted"]["apcer"]["value"] == 0
    assert (values["species"]["none"]["apnrr"]["value"], values["species"]["none"]["apcer"]["value"]) == (1, None)
    assert values["limits"]["bpcer100"]["bpcer"]["value"] == 0
    assert values["limits"]["bpcer100"]["limit"] > 30
    slow = facelite("pad-eval", videos, "--challenge", "turn", "--fps", 1, "--json").json
    assert slow["bpcer"]["value"] == 1  # too long from frame to frame to be one movement


def test_what_it_is_asked_wrongly(refused, pictures, model, tmp_path):
    refused(2, "pad-eval", pictures, match="expected --liveness MODEL or --challenge turn, got neither")
    refused(2, "pad-eval", pictures, "--liveness", model, "--challenge", "turn", match="got both")
    refused(2, "pad-eval", pictures, "--challenge", "turn", match="expected videos, got the picture bona_fide/eileen/1.png")
    refused(2, "pad-eval", tmp_path / "none", "--challenge", "turn", match="none: expected the folder bona_fide/ with pictures or videos of people")
    refused(2, "pad-eval", pictures, "--liveness", tmp_path / "x.tflite", match="x.tflite: expected a liveness model, got No such file")
    (tmp_path / "x.tflite").write_bytes(b"not a model")
    refused(2, "pad-eval", pictures, "--liveness", tmp_path / "x.tflite", match="x.toml: expected a file that says how x.tflite is used")
    (tmp_path / "x.toml").write_text("live = 1\nlimit = 0.5")
    refused(4, "pad-eval", pictures, "--liveness", tmp_path / "x.tflite", match="x.tflite: expected a TFLite model that .* can load")


# the page

PAGE = (Path(__file__).parents[2] / "docs/liveness.md").read_text(encoding="utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_every_command_of_the_page_runs(facelite, model, pictures, videos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("door").symlink_to(pictures)
    Path("clips").symlink_to(videos)
    for suffix in (".tflite", ".toml"):
        Path(f"model{suffix}").symlink_to(model.with_suffix(suffix))
    for line in block("sh").splitlines():
        words = shlex.split(line, comments=True)
        result = facelite(*words[1:])
        assert (words[0], result.status, result.err) == ("facelite", 0, ""), line
    assert Path("report/presentations.csv").exists()


def test_the_page_s_python_runs(bundle_file, tmp_path, monkeypatch, capsys, astronaut):
    monkeypatch.chdir(tmp_path)
    Path("nns1-int8.facelite").symlink_to(bundle_file)
    write(Path("a.jpg"), astronaut)
    exec(compile(block("python"), "docs/liveness.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.startswith("turn your head slowly to your ")


def test_the_page_names_every_key_of_the_file_beside_a_model():
    told = tomllib.loads(block("toml"))
    assert set(told) == {field.name for field in fields(ModelUse)}
    assert parse(told, ModelUse).colours == "BGR"
    needed = {line.split()[0] for line in block("toml").splitlines() if "# needed" in line}
    assert needed == {field.name for field in fields(ModelUse) if field.default is MISSING}
