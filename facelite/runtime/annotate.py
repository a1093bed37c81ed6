"""A frame -> the same with a box and a name at each face.

OpenCV's letters are ASCII: an accent is left out, and a letter that has no likeness there becomes "?". A name that is not ``drawable`` is therefore
better drawn as a number, and told beside the picture.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facelite.face import Detection, Floats, Pixels

COLOURS = {"accepted": (0, 158, 115), "rejected": (213, 94, 0)}
"""RGB, told apart by colour-blind eyes (Okabe and Ito 2008); whatever was not decided is grey."""

GREY = (140, 140, 140)


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """What is written at the ``face``, in the colour of its ``outcome``."""

    face: Detection
    text: str
    outcome: str


def annotate(frame: Pixels, labels: Sequence[Label], /) -> Pixels:
    """A copy of ``frame`` (h, w, 3) uint8 RGB with ``labels``."""
    drawn = np.ascontiguousarray(frame).copy()
    for label in labels:
        colour = COLOURS.get(label.outcome, GREY)
        width = max(1, round(label.face.size / 60))
        left, top, right, bottom = _corners(label.face.box)
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, width, cv2.LINE_AA)
        _write(drawn, plain(label.text), (left, top), (right, bottom), colour)
    return drawn


def plain(text: str, /) -> str:
    """``text`` in the letters that OpenCV draws."""
    return "".join(letter if _has(letter) else "?" for letter in _letters(text))


def drawable(text: str, /) -> bool:
    """Whether OpenCV has the letters of ``text``, but for accents."""
    letters = _letters(text)
    return bool(letters.strip()) and all(map(_has, letters))


def _letters(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))


def _has(letter: str) -> bool:
    return letter.isascii() and letter.isprintable()


def _corners(box: Floats) -> tuple[int, int, int, int]:
    left, top = (round(float(value)) for value in box[:2])
    return left, top, left + round(float(box[2])), top + round(float(box[3]))


def _write(drawn: Pixels, text: str, upper: tuple[int, int], lower: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """White on a bar of ``colour`` above the box, or, where there is no room, below it; moved into the frame."""
    scale = min(max((lower[0] - upper[0]) / 200, 0.4), 1.2)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    tall = height + below + 4
    left = max(0, min(upper[0], drawn.shape[1] - width - 4))
    top = upper[1] - tall if upper[1] >= tall else min(lower[1], drawn.shape[0] - tall)
    cv2.rectangle(drawn, (left, top), (left + width + 4, top + tall), colour, cv2.FILLED)
    cv2.putText(drawn, text, (left + 2, top + height + 2), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
