"""The port in a browser, with LiteRT.js: every conformance vector, refusals, pictures, people, the vault, a worker, the program in README.md."""

from __future__ import annotations

import base64
import json

import cv2
import numpy as np
import pytest
from PIL import Image

from facelite.bundle import pack_bundle
from facelite.image import read_image

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("build", ["internal", "compat_internal", "threaded_internal"])
def test_every_stage(ask, site, judge, tell, build, tmp_path):
    site.asked.clear()
    found = ask("conformance", {"compat": "compat" in build, "threads": "threaded" in build})
    (tmp_path / "answers.json").write_text(json.dumps(found["answers"]))
    (tmp_path / "answers.bin").write_bytes(base64.b64decode(found["binary"]))
    assert judge(tmp_path) == []
    assert {path.rpartition("/")[2] for path in site.asked if path.endswith(".wasm")} == {f"litert_wasm_{build}.wasm"}
    tell(f"{build}, ms a case, compiling included: " + ", ".join(f"{stage} {ms:.1f}" for stage, ms in found["ms"].items()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("file", "expected embedder.tflite of sha256"),
        ("constant", "expected the embedding's distance within 0.02"),
        ("nothing", "expected embedder.tflite with an output of 128 numbers, got none"),
        ("not a number", "expected an output of finite, positive length, got NaN"),
    ],
)
def test_a_machine_that_computes_something_else_is_refused(ask, change, words):
    assert ask("broken", change).startswith(words)


def test_what_cannot_be_read_is_refused(ask):
    said = ask("refusals")
    assert said["model"].startswith("expected a TFLite file embedder.tflite of float32 input and output, got ")
    assert "some/where/none/facelite.json, got HTTP status 404; " in said["asset"]
    assert said["page"].endswith("tests/page.html, got a page of HTML; serve the assets folder there")
    assert said["video"].startswith("expected a picture, got one without pixels; ")
    assert said["file"].startswith("expected a picture that this browser can decode, got ")


def test_a_page_without_litert_says_where_it_looked(ask):
    assert "some/where/none/, got a file that did not load; serve the folder wasm of @litertjs/core 2.5.3 there" in ask("noLiteRt")


def test_a_page_without_https_is_refused(ask, site):
    ask.again(site.insecure)
    origin = site.insecure.removesuffix("/some/where")
    assert ask("insecure") == 3 * [f"expected https or localhost, got {origin}; serve by https"]


ENROLLED = {"obama": ("obama/1", "obama/2"), "hopper": ("hopper/1",)}
PROBES = ("obama/3", "biden/1", "collins/1")


def test_people_of_a_gallery(ask, site, people, released, port):
    """By the same pixels as tests/port.py: fused templates, thresholds, who it is."""
    serve(site, people)
    found = ask("people", ENROLLED, PROBES)
    ours = port.Port(pack_bundle(released.manifest, released.files))
    pictures = {name: read_image(people / f"{name}.png") for name in (*PROBES, *(name for names in ENROLLED.values() for name in names))}
    rows = [(subject, ours.look(pictures[name])[1], released.artefact) for subject, names in ENROLLED.items() for name in names]
    for asked, decision in found.items():
        name, who = asked.split()
        outcome, subject, distance = ours.identify(pictures[name], rows, subject=None if who == "gallery" else who)
        assert decision["outcome"] == outcome, asked
        assert decision["distance"] == pytest.approx(distance, abs=0.05), asked
        assert decision["subject"] == (subject if outcome == "accepted" else None), asked
    assert {found[f"{name} obama"]["outcome"] for name in PROBES} == {"accepted", "rejected"}


def serve(site, people):
    if not (site.folder / "people").exists():
        (site.folder / "people").symlink_to(people)


def test_a_gallery_in_the_vault_outlives_the_page(ask):
    before = ask("sealed")
    ask.again()
    after = ask("unsealed")
    assert not before["readable"] and after["vector"] == before["vector"]
    assert after["refused"] == 4 * ["expected bytes that this vault sealed, got others, or changed ones; enrol again"]
    assert after["shared"] == "nothing"
    assert set(after["extractable"]) == {False}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_s_file_is_upright(ask, site, orientation):
    """By EXIF, as facelite turns it."""
    rng, exif, file = np.random.default_rng(0), Image.Exif(), site.folder / f"turned-{orientation}.jpg"
    exif[0x0112] = orientation
    picture = cv2.resize(rng.integers(0, 256, (5, 7, 3), np.uint8), (112, 80), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(picture).save(file, quality=95, exif=exif)
    expected = read_image(file).astype(int)
    for frame, wanted in zip(np.array(ask("upright", f"../{file.name}")), (expected, expected, expected[:, ::-1]), strict=True):
        assert frame.shape == wanted.shape
        assert np.abs(frame - wanted).max() <= 6  # decoders differ


@pytest.mark.parametrize("planes", ["I420", "NV12"])
def test_a_camera_s_frame(ask, planes):
    """BT.601 from 16 to 235, in rows that are longer than the picture; a colour for each block of 8 x 8, of which the inner pixels are compared."""
    height, width, stride, rng = 32, 48, 64, np.random.default_rng(0)
    luma = np.kron(rng.integers(60, 180, (4, 6)), np.ones((8, 8), int))
    blue, red = (np.kron(rng.integers(100, 156, (4, 6)), np.ones((4, 4), int)) for _ in range(2))
    colours = [blue, red] if planes == "I420" else [np.stack([blue, red], -1).reshape(16, 48)]
    rows = [np.pad(plane, ((0, 0), (0, stride - plane.shape[1])), constant_values=77).astype(np.uint8) for plane in (luma, *colours)]
    layout = [{"offset": sum(row.size for row in rows[:i]), "stride": stride} for i in range(len(rows))]
    found, turned = map(np.array, ask("camera", planes, base64.b64encode(b"".join(map(bytes, rows))).decode(), width, height, layout))
    expected = np.empty((height, width, 3))
    for y in range(height):
        for x in range(width):
            light, b, r = 1.164 * (luma[y, x] - 16), blue[y // 2, x // 2] - 128, red[y // 2, x // 2] - 128
            expected[y, x] = light + 1.596 * r, light - 0.392 * b - 0.813 * r, light + 2.017 * b
    inner = np.ix_(*(np.flatnonzero((np.arange(side) % 8 > 1) & (np.arange(side) % 8 < 6)) for side in (height, width)))
    assert np.abs(found - expected)[inner].max() <= 3
    np.testing.assert_array_equal(turned, np.rot90(found))


@pytest.mark.parametrize("name", ["usual", "threads"])
def test_the_worker_in_the_readme(ask, run, site, app, modules, people, programs, name):
    """Bundled as README.md says, it answers README.md's page what this page finds: the whole decision."""
    serve(site, people)
    out = site.folder / f"bundled-{name}"
    (worker,) = (program for program in programs("js") if program.startswith("// worker.js"))
    options = {"usual": "", "threads": ", { threads: true }"}[name]
    (app / "worker.js").write_text(replaced(worker, {'"/wasm/"': f'"wasm"{options}', '"/assets/"': '"assets"'}))
    ended = run(modules / ".bin/esbuild", "worker.js", "--bundle", "--format=iife", f"--outfile={out / 'worker.js'}", cwd=app)
    assert ended.returncode == 0, ended.stderr
    (page,) = (program for program in programs("js") if program.startswith("// page.js"))
    (out / "page.js").write_text(replaced(page, {'"/worker.js"': 'new URL("worker.js", import.meta.url)'}) + "export { verify };")
    (out / "wasm").symlink_to(modules / "@litertjs/core/wasm")
    (out / "assets").symlink_to(site.folder / "web/assets")
    answer, expected = ask("worker", f"../bundled-{name}/page.js", ["obama/1", "obama/2"])
    assert answer == expected and answer["accepted"]


def test_the_page_in_the_readme(browser, site, packed, people, until, programs):
    """Its import map, its elements, and its programs one after the other, with the astronaut in the file input, and before the camera."""
    folder = site.folder / "readme"
    folder.mkdir()
    (folder / "facelite").symlink_to(packed)
    elements, imports = programs("html")
    (folder / "index.html").write_text(f"<!doctype html>\n{imports}{elements}")
    program = "".join(program for program in programs("js") if program.startswith("// main.js"))
    program = replaced(program, {'"/assets/"': '"facelite/assets/"', '"/wasm/"': '"facelite/node_modules/@litertjs/core/wasm/"'})
    (folder / "main.js").write_text(program + 'document.title = (await facelite.verifySubject(look, "Ada", again)).outcome;')
    browser.get(f"{site.address}/readme/")
    until(lambda: browser.title, lambda: browser.get_log("browser"))
    assert browser.title == "accepted"
    for picture, words in [("collins/1", "the same person"), ("biden/1", "another person, as far as the threshold tells")]:
        browser.find_element("css selector", "input").send_keys(str(people / f"{picture}.png"))
        until(lambda: browser.find_element("css selector", "output").text == words, lambda: browser.get_log("browser"))  # noqa: B023


def replaced(program, addresses):
    for one, other in addresses.items():
        assert one in program
        program = program.replace(one, other)
    return program
