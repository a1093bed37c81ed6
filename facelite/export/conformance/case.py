"""One case of a stage, the frames that cases are about, and the binary file that holds their arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facelite.face import Pixels

Table = dict[str, Any]

PIXELS = {"mean": 0.5, "largest": 6.0}
"""Tolerance of sampled pixels, of 255: OpenCV 4, which rounds positions to 1/32 pixel, is up to 0.3 and 5 away from OpenCV 5."""

ROUNDED = {"largest": 1e-4}
"""Tolerance of what only float32 rounds."""


def make_case(name: str, given: Table, expected: Table | None, /, **tolerance: dict[str, float]) -> Table:
    """``expected`` None says that the input is to be refused. A field without a ``tolerance`` is to be equal."""
    return {"name": name, "input": given, "expected": expected, "tolerance": tolerance}


def numbers(values: Any, digits: int = 6, /) -> Any:
    """An array as nested lists."""
    return np.asarray(values, np.float64).round(digits).tolist()


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame (height, width) of one colour with ``pictures`` (x, y, pixels) drawn into it: few bytes make a large frame."""

    height: int
    width: int
    pictures: tuple[tuple[int, int, Pixels], ...] = ()
    colour: tuple[int, int, int] = (90, 110, 130)

    def draw(self) -> Pixels:
        """(height, width, 3) uint8 RGB."""
        frame = np.empty((self.height, self.width, 3), np.uint8)
        frame[:] = self.colour
        for x, y, pixels in self.pictures:
            frame[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
        return frame


def whole(pixels: Pixels, /) -> Scene:
    """The scene that is this picture."""
    return Scene(pixels.shape[0], pixels.shape[1], ((0, 0, pixels),))


class Binary:
    """Arrays one after another, equal ones once: uint8 or float32, little endian, rows first."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._places: dict[bytes, int] = {}

    def place(self, value: Any, /) -> Any:
        """``value`` with a table in the place of each array and of each scene."""
        if isinstance(value, Scene):
            pictures = [{"x": x, "y": y, "pixels": self.place(pixels)} for x, y, pixels in value.pictures]
            return {"height": value.height, "width": value.width, "colour": list(value.colour), "pictures": pictures}
        if isinstance(value, dict):
            return {name: self.place(one) for name, one in value.items()}
        if isinstance(value, np.ndarray):
            kind = "uint8" if value.dtype == np.uint8 else "float32"
            return {"dtype": kind, "shape": list(value.shape), "at": self._place(value.astype("<f4" if kind == "float32" else "u1").tobytes())}
        return value

    def _place(self, data: bytes) -> int:
        if data not in self._places:
            self.data += bytes(-len(self.data) % 8)  # a Float32Array of JavaScript begins at a multiple of 4
            self._places[data] = len(self.data)
            self.data += data
        return self._places[data]
