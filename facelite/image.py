"""Reading pictures: a file or its bytes in, (h, w, 3) uint8 RGB out, or an ImageError that says why not.

JPEG, PNG, WebP and BMP are read; EXIF orientation is honoured (that of WebP from OpenCV 4.13 on); grey, RGBA, CMYK
and 16-bit pictures become 8-bit RGB (transparency is dropped); of an animation the first frame counts. The header is
read before a pixel is decoded, so that a bomb costs nothing, and a file that ends early is refused instead of being
filled up with grey. A JPEG of more than FULL_PIXELS is decoded at a half, a quarter or an eighth of its sides. So the peak
of `facelite verify` was 174 MB with JPEGs of 12 to 99 megapixels (217 with a progressive one), 256 MB with the worst PNG.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from facelite.errors import ImageError
from facelite.face import Pixels

MAX_PIXELS = 100_000_000
"""Largest JPEG that is decoded: 100 megapixels; no phone camera stores more by default."""

FULL_PIXELS = 16_000_000
"""Largest picture that keeps its size, and largest of those that the decoder holds whole: all but a JPEG of one scan."""

_SHRINKING = ((1, cv2.IMREAD_COLOR), (2, cv2.IMREAD_REDUCED_COLOR_2), (4, cv2.IMREAD_REDUCED_COLOR_4), (8, cv2.IMREAD_REDUCED_COLOR_8))

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})

UNREAD_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".jxl", ".jp2", ".tif", ".tiff", ".gif", ".dng"})
"""Of pictures of other kinds, so that these need not be passed over without a word."""

LONGEST = 1000
"""Times that one side may be the other's: no face is in a thinner picture, and OpenCV 4 throws where one stays longer than 32,766 pixels."""

PNG_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"eXIf", b"IEND"})
"""What the decoder gets of a PNG; about the rest (profiles, texts, animation) libpng complains on standard error."""

JPEG_PIXELS_A_BYTE = 512
"""No JPEG holds more pixels a byte: each block of 64 takes at least one bit (Huffman codes, ITU T.81)."""


def read_image(path: str | Path, /, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The picture in the file ``path`` as (h, w, 3) uint8 RGB, turned upright. Raises ImageError."""
    if not str(path):
        raise ImageError("expected the name of a picture, got an empty one; name a file")
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: expected a readable picture, got {reason}; check the path") from None
    try:
        return decode_image(data, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def decode_image(data: bytes, /, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The encoded picture ``data`` as (h, w, 3) uint8 RGB, turned upright. Raises ImageError."""
    width, height = _size(data)
    limit = max_pixels if data.startswith(b"\xff\xd8") else min(max_pixels, FULL_PIXELS)
    if width < 1 or height < 1 or width * height > limit:
        raise ImageError(f"expected a picture of 1 to {limit:,} pixels, got {width} x {height}; save it in another size")
    if max(width, height) > LONGEST * min(width, height):
        raise ImageError(f"expected a side of at most {LONGEST:,} times the other, got {width} x {height}; cut the picture")
    if width * height > FULL_PIXELS and not _has_one_scan(data):
        raise ImageError(f"expected a JPEG of one scan above {FULL_PIXELS:,} pixels, got a progressive {width} x {height}; save it as baseline")
    data = _whole(data, width, height)
    shrinking = next((flag for factor, flag in _SHRINKING if width * height <= factor**2 * FULL_PIXELS), _SHRINKING[-1][1])
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), shrinking)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise _damaged()
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def find_images(folder: Path, /, *, suffixes: Collection[str] = SUFFIXES) -> list[Path]:
    """All picture files below ``folder``, links followed, sorted, hidden ones left out. Raises ImageError for a folder that cannot be read."""
    return sorted(path for path in _files(folder, ()) if path.suffix.lower() in suffixes)


def _files(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    """Visible files below ``folder``, which lies in the folders ``above`` (device and number): a link back to one of those is not followed."""
    try:
        found = folder.stat()
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise ImageError(f"{folder}: expected a folder that can be read, got {error.strerror or error}; correct its rights") from None
    here = (found.st_dev, found.st_ino)
    for entry in visible if here not in above else ():
        if entry.is_dir():
            yield from _files(Path(entry.path), (*above, here))
        elif entry.is_file():
            yield Path(entry.path)


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header alone."""
    if not data:
        raise ImageError("expected a picture, got an empty file; copy or download it again")
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] in (b"IHDR", b""):
        return _number(data, 16, 4, "big"), _number(data, 20, 4, "big")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_size(data)
    if data.startswith(b"BM"):
        side = 2 if _number(data, 14, 4) == 12 else 4  # the first BMP of all had two bytes for each side
        return _number(data, 18, side, signed=side == 4), abs(_number(data, 18 + side, side, signed=side == 4))
    raise ImageError(f"expected a JPEG, PNG, WebP or BMP picture, got a file that begins with {data[:8]!r}; convert it")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, at in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _number(data, at + 5, 2, "big"), _number(data, at + 3, 2, "big")
    raise _truncated()


def _has_one_scan(data: bytes) -> bool:
    """Whether the first scan of a JPEG has all its colours, so that it is decoded line by line; others are kept until their last scan."""
    colours = 0
    for marker, at in _jpeg_segments(data):
        if marker in (0xC0, 0xC1):  # baseline and extended sequential
            colours = _number(data, at + 7, 1)
        elif marker == 0xDA:
            return colours == _number(data, at + 2, 1)
    return False


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """(marker, offset of the segment's length) up to and including start of scan."""
    at = 2
    while data[at : at + 1] == b"\xff":
        while data[at : at + 1] == b"\xff":  # any number of fill bytes may stand before a marker
            at += 1
        marker, at = _number(data, at, 1), at + 1
        yield marker, at
        if marker == 0xDA:
            return
        at += _number(data, at, 2, "big")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Source: RFC 9649, the three kinds of WebP chunk."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + _number(data, 24, 3), 1 + _number(data, 27, 3)
    if kind == b"VP8L":
        bits = _number(data, 21, 4)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return _number(data, 26, 2) & 0x3FFF, _number(data, 28, 2) & 0x3FFF


def _whole(data: bytes, width: int, height: int) -> bytes:
    """What the decoder gets of ``data``, once it is known to reach its own end marker or length.

    What remains unseen: damage within a JPEG, a lossy WebP or a BMP, which have no checksums. libjpeg tells standard error of it.
    """
    if data.startswith(b"\x89PNG"):
        return b"".join(_png_chunks(data))
    if data.startswith(b"\xff\xd8"):
        scan = next((at for marker, at in _jpeg_segments(data) if marker == 0xDA), len(data))
        whole = data.find(b"\xff\xd9", scan) >= 0 and JPEG_PIXELS_A_BYTE * (len(data) - scan) >= width * height
    elif data.startswith(b"RIFF"):
        whole = len(data) >= 8 + _number(data, 4, 4)
    elif _number(data, 14, 4) >= 40 and _number(data, 30, 4) in (0, 3):  # a BMP without compression
        whole = len(data) >= _number(data, 10, 4) + (width * _number(data, 28, 2) + 31) // 32 * 4 * height
    else:
        whole = len(data) >= _number(data, 2, 4)
    if not whole:
        raise _truncated()
    return data


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """The signature and those chunks of a PNG that make its picture, each with the checksum it says."""
    yield data[:8]
    kind, at = b"", 8
    while kind != b"IEND":
        chunk = data[at : at + 12 + _number(data, at, 4, "big")]
        kind, at = chunk[4:8], at + len(chunk)
        if at > len(data) - 12 and kind != b"IEND":
            raise _truncated()
        if kind in PNG_CHUNKS:
            if zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
                raise _damaged()
            yield chunk


def _number(data: bytes, at: int, length: int, order: Literal["big", "little"] = "little", *, signed: bool = False) -> int:
    """The integer at ``at``, or the error of a file that ends before it."""
    if at + length > len(data):
        raise _truncated()
    return int.from_bytes(data[at : at + length], order, signed=signed)


def _truncated() -> ImageError:
    return ImageError("expected a whole picture, got a truncated file; copy or download it again")


def _damaged() -> ImageError:
    return ImageError("expected a picture that decodes, got damaged data; save it again from its source")
