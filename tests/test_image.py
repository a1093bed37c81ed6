"""Pillow is the oracle for every kind of picture; files that are cut, lie or are no picture give one line and nothing else."""

import io
import re
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from facelite.errors import ImageError
from facelite.image import decode_image, find_images, read_image

PIXELS = cv2.resize(np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC)
PICTURE = Image.fromarray(PIXELS)


OPENCV = tuple(int(part) for part in cv2.__version__.split(".")[:2])


def encode(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def by_pillow(data):
    """RGB without transparency, upright."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGBA").convert("RGB"))


def png(width, height, *, depth=8, colour=2, body=b"", extra=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg_of_height(data, height):
    """``data`` with another height in its frame header."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">H", height) + data[at + 2 :]


def refusal(data, **options):
    """The one line with which ``data`` is refused: what was expected, what came, what to do."""
    with pytest.raises(ImageError) as caught:
        decode_image(data, **options)
    message = str(caught.value)
    assert re.fullmatch(r"expected .+, got .+; .+", message), message
    return message


FILES = {
    "jpeg": encode(PICTURE, "JPEG", quality=90),
    "progressive jpeg": encode(PICTURE, "JPEG", quality=90, progressive=True),
    "jpeg with restarts": cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_RST_INTERVAL, 4])[1].tobytes(),
    "png": encode(PICTURE, "PNG"),
    "palette png": encode(PICTURE.convert("P"), "PNG"),
    "16-bit png": cv2.imencode(".png", PIXELS.astype(np.uint16) * 257)[1].tobytes(),
    "webp": encode(PICTURE, "WEBP"),
    "lossless webp": encode(PICTURE, "WEBP", lossless=True),
    "webp with alpha": encode(PICTURE.convert("RGBA").rotate(20), "WEBP"),
    "animated webp": encode(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(180)]),
    "bmp": encode(PICTURE, "BMP"),
    "palette bmp": encode(PICTURE.convert("P"), "BMP"),
    "1-bit bmp": encode(PICTURE.convert("1"), "BMP"),
}


@pytest.mark.parametrize("name", FILES)
def test_reads_what_pillow_reads(name):
    if name == "animated webp" and OPENCV < (4, 11):
        pytest.skip("OpenCV 4.10 refuses animated WebP")
    pixels = decode_image(FILES[name])
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    if name == "16-bit png":  # Pillow does not read it
        assert np.array_equal(pixels, PIXELS[:, :, ::-1])
    else:
        np.testing.assert_allclose(pixels, by_pillow(FILES[name]), atol=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_turns_upright(kind, orientation):
    if kind == "WEBP" and OPENCV < (4, 13):
        pytest.skip("OpenCV reads the orientation of WebP from 4.13 on")
    exif = Image.Exif()
    exif[0x112] = orientation
    data = encode(PICTURE, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {"lossless": True}))
    pixels = decode_image(data)
    assert pixels.shape == ((60, 80, 3) if orientation <= 4 else (80, 60, 3))
    np.testing.assert_allclose(pixels, by_pillow(data), atol=2)


@pytest.mark.parametrize(
    "mode, kind",
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("RGBA", "WEBP"),
        ("LA", "WEBP"),
        ("L", "BMP"),
        ("RGBA", "BMP"),
    ],
)
def test_every_mode_becomes_rgb(mode, kind):
    picture = PICTURE.convert(mode)
    if mode.endswith("A"):
        picture.putalpha(Image.fromarray(PIXELS[:, :, 0]))
    data = encode(picture, kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    np.testing.assert_allclose(decode_image(data), by_pillow(data), atol=2)


def test_transparency_leaves_the_colour_beneath():
    picture = Image.new("RGBA", (40, 40), (200, 100, 50, 0))
    assert np.all(decode_image(encode(picture, "PNG")) == (200, 100, 50))
    keyed = Image.new("RGB", (40, 40), (200, 100, 50))
    assert np.all(decode_image(encode(keyed, "PNG", transparency=(200, 100, 50))) == (200, 100, 50))
    palette = keyed.convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.all(decode_image(encode(palette, "PNG", transparency=0)) == (200, 100, 50))


@pytest.mark.parametrize(
    "ink, colour",
    [
        ((0, 255, 255, 0), (255, 0, 0)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_cmyk_colours(ink, colour):
    data = encode(Image.new("CMYK", (32, 32), ink), "JPEG", quality=95)
    np.testing.assert_allclose(decode_image(data).reshape(-1, 3), np.tile(colour, (32 * 32, 1)), atol=3)


def test_ycck_as_photoshop_writes_it():
    data = encode(PICTURE.convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    ycck = data[:at] + b"\x02" + data[at + 1 :]
    np.testing.assert_allclose(decode_image(ycck), by_pillow(ycck), atol=3)
    assert np.abs(decode_image(ycck).astype(int) - decode_image(data)).mean() > 10


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_become_eight(channels):
    deep = np.random.default_rng(1).integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    pixels = decode_image(cv2.imencode(".png", deep)[1].tobytes())
    rgb = np.repeat(deep, 3, 2) if channels == 1 else deep[:, :, 2::-1]
    np.testing.assert_allclose(pixels, rgb / 257, atol=1)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
@pytest.mark.skipif(OPENCV < (4, 11), reason="OpenCV 4.10 refuses animated WebP")
def test_the_first_frame_of_an_animation(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = encode(PICTURE, kind, save_all=True, append_images=[ImageOps.invert(PICTURE)], **options)
    assert np.array_equal(decode_image(data), PIXELS)


def test_bitmaps_of_other_kinds():
    rows = np.random.default_rng(2).integers(0, 256, (5, 8, 3), dtype=np.uint8)  # 24 bytes a row need no padding
    body = rows[:, :, ::-1].tobytes()
    core = b"BM" + struct.pack("<IIIIHHHH", 26 + len(body), 0, 26, 12, 8, 5, 1, 24) + rows[::-1, :, ::-1].tobytes()
    down = b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 8, -5, 1, 24, 0, 0, 0, 0, 0, 0) + body
    assert np.array_equal(decode_image(core), rows)
    assert np.array_equal(decode_image(down), rows)


def test_what_surrounds_a_picture_does_no_harm(capfd):
    jpeg = FILES["jpeg"]
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg)) + jpeg
    profile = b"iCCP" + ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    broken_note = chunk(b"tEXt", b"Comment\0hello")[:-1] + b"?"
    for data in (jpeg + b"a second picture", jpeg[:2] + b"\xff\xff" + jpeg[2:], jpeg[:2] + thumbnail + jpeg[2:]):
        assert np.array_equal(decode_image(data), decode_image(jpeg))
    picture = FILES["png"]
    for extra in (chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)), chunk(b"gAMA", b"\0\0\0\1"), broken_note):
        assert np.array_equal(decode_image(picture[:33] + extra + picture[33:] + b"tail"), PIXELS)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_refused(name, capfd):
    data = FILES[name]
    for cut in {*range(64), *np.linspace(64, len(data) - 1, 80).astype(int).tolist(), *range(len(data) - 12, len(data))}:
        refusal(data[:cut])
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", [name for name in FILES if "webp" not in name and "bmp" not in name])
def test_a_file_whose_end_never_came_is_refused(name):
    data = FILES[name]
    for cut in np.linspace(64, len(data) - 4, 20).astype(int):
        refusal(data[:cut] + bytes(len(data) - cut))


def test_the_end_of_a_thumbnail_is_not_the_end_of_the_picture():
    jpeg = FILES["jpeg"]
    data = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg)) + jpeg + jpeg[2:]
    assert "truncated" in refusal(data[:-200])


@pytest.mark.parametrize(
    "data, came",
    [
        (b"", "an empty file"),
        (b"my holiday\n\nphotos", "begins with"),
        (b"GIF89a" + bytes(40), "begins with"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "begins with"),
        (b"\xff\xd8\xff\xd9", "truncated"),
        (b"\xff\xd8" + b"\xff" * 50, "truncated"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(40), "0 x 0"),
    ],
)
def test_what_is_no_picture_is_refused(data, came):
    assert came in refusal(data)


@pytest.mark.parametrize(
    "data",
    [
        png(30_000, 30_000, body=bytes(3000)),
        png(30_000, 30_000, depth=1, colour=0),
        b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 30_000, 30_000) + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9",
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (29_999).to_bytes(3, "little") * 2,
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0),
    ],
    ids=["png", "1-bit png", "jpeg", "webp", "bmp"],
)
def test_a_bomb_is_refused_before_it_is_decoded(data, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *args: pytest.fail("decoded a bomb"))
    start = time.perf_counter()
    assert "30000 x 30000" in refusal(data)
    assert time.perf_counter() - start < 0.1


def test_a_header_of_an_allowed_size_needs_the_data_for_it(monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *args: pytest.fail("decoded a bomb"))
    assert "truncated" in refusal(jpeg_of_height(encode(Image.new("RGB", (9000, 8)), "JPEG"), 9000))
    assert "truncated" in refusal(b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 4000, 4000, 1, 24, 0, 0, 0, 0, 0, 0))


def test_the_limit_is_an_argument():
    assert decode_image(FILES["png"], max_pixels=4800).shape == (60, 80, 3)
    assert "1 to 4,799 pixels, got 80 x 60" in refusal(FILES["png"], max_pixels=4799)


@pytest.mark.parametrize("width, height", [(80, 61), (81, 60), (160, 120), (1, 100_000_000)])
def test_a_png_header_that_lies_is_refused(width, height):
    data = FILES["png"]
    refusal(data[:8] + chunk(b"IHDR", struct.pack(">II", width, height) + data[24:29]) + data[33:])


def test_a_webp_canvas_that_lies_is_refused():
    data = FILES["webp with alpha"]
    assert data[12:16] == b"VP8X"
    refusal(data[:24] + (159).to_bytes(3, "little") + data[27:])


@pytest.mark.parametrize("kind", ["missing", "directory", "text", "empty", "null"])
def test_a_path_without_a_picture_is_named(tmp_path, kind):
    path = tmp_path / "face.jpg"
    if kind == "directory":
        path.mkdir()
    elif kind in ("text", "empty"):
        path.write_text("not a picture\n" * (kind == "text"))
    asked = "face\0.jpg" if kind == "null" else path
    with pytest.raises(ImageError, match=r"\A[^\n]*expected [^\n]+, got [^\n]+; [^\n]+\Z") as caught:
        read_image(asked)
    assert str(caught.value).startswith(f"{asked}: ")
    assert caught.value.exit_status == 2


def test_reads_a_file(tmp_path):
    path = tmp_path / "Gesicht ä.png"
    path.write_bytes(FILES["png"])
    assert np.array_equal(read_image(str(path)), PIXELS)


def test_finds_pictures(tmp_path):
    for name in ("b/2.JPG", "b/1.png", "a/x.webp", "a/x.bmp", "a/.hidden.jpg", ".git/y.jpg", "a/notes.txt", "c.jpeg/z.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == ["a/x.bmp", "a/x.webp", "b/1.png", "b/2.JPG", "c.jpeg/z.jpeg"]


quick = settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])


STARTS = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"RIFF", b"RIFF\0\0\0\0WEBPVP8X", b"BM"]


def picture_or_refusal(data):
    try:
        pixels = decode_image(data, max_pixels=1_000_000)
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.shape[0] * pixels.shape[1] <= 1_000_000


@quick
@given(st.sampled_from(STARTS), st.binary(max_size=200))
def test_random_bytes_give_a_picture_or_an_error(start, rest):
    picture_or_refusal(start + rest)


@quick
@given(st.sampled_from(sorted(FILES)), st.data())
def test_mutated_files_give_a_picture_or_an_error(name, draw):
    data = bytearray(FILES[name])
    reach = draw.draw(st.sampled_from([64, len(data)]))
    for at, value in draw.draw(st.lists(st.tuples(st.integers(0, reach - 1), st.integers(0, 255)), min_size=1, max_size=8)):
        data[at] = value
    if name.endswith("png") and draw.draw(st.booleans()):
        data = mend_checksums(bytes(data))
    picture_or_refusal(bytes(data))


def mend_checksums(data):
    """A mutated PNG that passes for a whole one, so that the damage reaches the decoder."""
    mended, at = data[:8], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        mended += chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length])
        at += 12 + length
    return mended
