"""Pictures too large for a small machine: JPEGs come out smaller, other kinds are refused, and memory stays bounded."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from facelite import image as module
from facelite.errors import ImageError
from facelite.image import FULL_PIXELS, decode_image

SMOOTH = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), (161, 120), interpolation=cv2.INTER_CUBIC)


def jpeg(pixels, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **{"quality": 95, **options})
    return file.getvalue()


def non_interleaved(data):
    """``data`` whose first scan says that it has one colour alone."""
    at = data.index(b"\xff\xda") + 4
    return data[:at] + b"\x01" + data[at + 1 :]


def by_pillow(data, factor):
    """RGB at a ``factor``-th of its sides, upright: Pillow asks libjpeg for the size by itself."""
    picture = Image.open(io.BytesIO(data))
    picture.draft(None, (picture.width // factor, picture.height // factor))
    return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


@pytest.mark.parametrize(("full_pixels", "factor"), [(19320, 1), (19319, 2), (4830, 2), (4829, 4), (1208, 4), (1207, 8), (100, 8)])
def test_a_jpeg_is_halved_until_it_is_small_enough(monkeypatch, full_pixels, factor):
    monkeypatch.setattr(module, "FULL_PIXELS", full_pixels)
    pixels = decode_image(jpeg(SMOOTH))
    assert pixels.shape == (-(-120 // factor), -(-161 // factor), 3)
    np.testing.assert_allclose(pixels, by_pillow(jpeg(SMOOTH), factor), atol=2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_smaller_jpeg_is_upright_too(monkeypatch, orientation):
    monkeypatch.setattr(module, "FULL_PIXELS", 5000)
    exif = Image.Exif()
    exif[0x112] = orientation
    pixels = decode_image(jpeg(SMOOTH, exif=exif))
    assert pixels.shape == ((60, 81, 3) if orientation <= 4 else (81, 60, 3))
    np.testing.assert_allclose(pixels, by_pillow(jpeg(SMOOTH, exif=exif), 2), atol=2)


@pytest.mark.parametrize(("height", "width"), [(1, 40_000), (40_000, 1), (2, 2001)])
def test_a_picture_too_thin_for_a_face_is_refused(height, width):
    """OpenCV 4 throws where one stays longer than 32,766 pixels however often it is halved."""
    data = cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes()
    with pytest.raises(ImageError, match=f"expected a side of at most 1,000 times the other, got {width} x {height}; cut the picture"):
        decode_image(data)


def test_the_thinnest_picture_is_looked_at(detector):
    data = cv2.imencode(".png", np.zeros((40, 40_000, 3), np.uint8))[1].tobytes()
    assert detector.detect(decode_image(data)) == []


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_smaller_jpeg_of_other_colours_is_rgb(monkeypatch, mode):
    monkeypatch.setattr(module, "FULL_PIXELS", 5000)
    file = io.BytesIO()
    Image.fromarray(SMOOTH).convert(mode).save(file, "JPEG", quality=95)
    np.testing.assert_allclose(decode_image(file.getvalue()), by_pillow(file.getvalue(), 2), atol=2)


@pytest.mark.parametrize("make", [lambda: jpeg(SMOOTH, progressive=True), lambda: non_interleaved(jpeg(SMOOTH))])
def test_a_jpeg_of_several_scans_is_refused_from_the_limit_on(monkeypatch, make):
    monkeypatch.setattr(module, "FULL_PIXELS", 161 * 120 - 1)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="expected a JPEG of one scan above 19,319 pixels, got a progressive 161 x 120; save it as baseline"):
        decode_image(make())


def test_a_progressive_jpeg_below_the_limit_is_read(monkeypatch):
    monkeypatch.setattr(module, "FULL_PIXELS", 161 * 120)
    np.testing.assert_allclose(decode_image(jpeg(SMOOTH, progressive=True)), decode_image(jpeg(SMOOTH)), atol=1)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp"])
def test_another_kind_keeps_its_size_or_is_refused(monkeypatch, suffix):
    data = cv2.imencode(suffix, SMOOTH)[1].tobytes()
    monkeypatch.setattr(module, "FULL_PIXELS", 161 * 120)
    assert decode_image(data).shape == SMOOTH.shape
    monkeypatch.setattr(module, "FULL_PIXELS", 161 * 120 - 1)
    with pytest.raises(ImageError, match="expected a picture of 1 to 19,319 pixels, got 161 x 120; save it in another size"):
        decode_image(data)


PEAK = """
import re, sys
from facelite.image import read_image
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
before = peak()
shape = read_image(sys.argv[1]).shape
print(peak() - before, *shape[:2])
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of memory is read from /proc")
@pytest.mark.parametrize(("width", "height", "factor"), [(11_500, 8_600, 4), (8_000, 8_000, 2), (4_600, 3_470, 1)])
def test_a_large_jpeg_takes_little_memory(tmp_path, width, height, factor):
    """Two copies of the picture at its new size and the file; whole, 99 megapixels took 570 MB."""
    cv2.imwrite(str(tmp_path / "x.jpg"), cv2.resize(SMOOTH, (width, height)))
    answer = subprocess.run([sys.executable, "-c", PEAK, str(tmp_path / "x.jpg")], capture_output=True, text=True, check=True).stdout
    peak, *shape = map(int, re.findall(r"\d+", answer))
    assert shape == [height // factor, width // factor]
    assert peak < 2 * 3 * FULL_PIXELS + 20e6


def test_a_face_is_the_same_person_in_a_picture_that_was_read_smaller(verifier_of_astronaut, monkeypatch):
    verifier, file = verifier_of_astronaut
    whole = verifier.look(file)
    monkeypatch.setattr(module, "FULL_PIXELS", 512 * 512 - 1)
    half = verifier.look(file)
    assert (whole.size, half.size) == ((512, 512), (256, 256))
    np.testing.assert_allclose(half.face.box * 2, whole.face.box, atol=6)
    assert whole.embedding.distance(half.embedding) < verifier.manifest.threshold().distance / 2


@pytest.fixture
def verifier_of_astronaut(bundle_file, astronaut, tmp_path):
    from facelite.runtime.verifier import open_verifier

    (tmp_path / "astronaut.jpg").write_bytes(jpeg(astronaut))
    return open_verifier(bundle_file), tmp_path / "astronaut.jpg"
