"""Reading pictures: a file or its bytes in, (h, w, 3) uint8 RGB out, or an ImageError that says why not.

JPEG, PNG, WebP and BMP are read; EXIF orientation is honoured; grey, RGBA, CMYK and 16-bit pictures become
8-bit RGB. The header is read before a pixel is decoded, so that a bomb costs nothing, and a file that ends
early is refused instead of being filled up with grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from facelite.errors import ImageError
from facelite.face import Pixels

MAX_PIXELS = 100_000_000
"""Largest picture that is decoded: 100 megapixels, 300 MB of memory; no phone camera stores more by default."""

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


def read_image(path: str | Path, /, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The picture in the file ``path`` as (h, w, 3) uint8 RGB, turned upright. Raises ImageError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: expected a readable picture, got {error.strerror or error}; check the path") from None
    try:
        return decode_image(data, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def decode_image(data: bytes, /, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The encoded picture ``data`` as (h, w, 3) uint8 RGB, turned upright. Raises ImageError."""
    width, height = _size(data)
    if width < 1 or height < 1 or width * height > max_pixels:
        raise ImageError(f"expected a picture of 1 to {max_pixels:,} pixels, got {width} x {height}; scale it down")
    if not _complete(data):
        raise ImageError("expected a whole picture, got a truncated file; copy or download it again")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageError("expected a picture that decodes, got damaged data; save it again from its source")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def find_images(folder: Path, /) -> list[Path]:
    """All picture files below ``folder``, sorted, hidden ones left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _size(data: bytes) -> tuple[int, int]:
    """Width and height from the header alone."""
    if not data:
        raise ImageError("expected a picture, got an empty file; copy or download it again")
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp_size(data)
        if data.startswith(b"BM"):
            return (int.from_bytes(data[18:22], "little", signed=True),
                    abs(int.from_bytes(data[22:26], "little", signed=True)))
    except IndexError:
        raise ImageError("expected a whole picture, got a truncated header; copy or download it again") from None
    raise ImageError(f"expected a JPEG, PNG, WebP or BMP picture, got a file that begins with {data[:8]!r}")


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """(marker, offset of the segment's length) up to and including start of scan."""
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            return
        while data[at] == 0xFF:  # any number of fill bytes may stand before a marker
            at += 1
        marker, at = data[at], at + 1
        yield marker, at
        if marker == 0xDA:
            return
        at += int.from_bytes(data[at : at + 2], "big")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    for marker, at in _jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and at + 7 <= len(data):
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 3 : at + 5], "big")
    raise ImageError("expected a JPEG with a frame header, got none; copy or download it again")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Source: RFC 9649, the three kinds of WebP chunk."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _complete(data: bytes) -> bool:
    """Whether the file reaches its own end marker or length."""
    if data.startswith(b"\x89PNG"):
        return data.rfind(b"IEND") >= 0
    if data.startswith(b"\xff\xd8"):
        scan = next((at for marker, at in _jpeg_segments(data) if marker == 0xDA), len(data))
        return data.find(b"\xff\xd9", scan) >= 0
    if data.startswith(b"RIFF"):
        return len(data) >= 8 + int.from_bytes(data[4:8], "little")
    return len(data) >= int.from_bytes(data[2:6], "little")
