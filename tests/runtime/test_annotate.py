"""What is drawn: a frame about the box, letters that OpenCV has, nothing outside the picture, and never into the caller's array."""

from __future__ import annotations

import numpy as np
import pytest

from facelite.face import Detection
from facelite.runtime.annotate import COLOURS, GREY, Label, annotate, drawable, plain


def face(*box):
    return Detection(np.float32(box), np.zeros((6, 2), np.float32), 0.9)


@pytest.mark.parametrize(("outcome", "colour"), [("accepted", COLOURS["accepted"]), ("rejected", COLOURS["rejected"]), ("too dark", GREY)])
def test_the_box_is_drawn_in_the_colour_of_the_outcome(outcome, colour):
    frame = np.zeros((240, 320, 3), np.uint8)
    drawn = annotate(frame, [Label(face(100, 80, 120, 100), "Ada 0.52", outcome)])
    assert not frame.any()
    for y, x in ((130, 100), (130, 220), (180, 160)):
        assert tuple(drawn[y, x]) == colour
    assert not drawn[100:160, 120:200].any()  # the face itself stays free
    assert (drawn[55:80] >= 200).all(-1).sum() > 20  # letters above the box


@pytest.mark.parametrize("box", [(-30, -20, 80, 60), (290, 200, 80, 90), (0, 0, 320, 240), (150, 2, 20, 20)])
def test_the_name_stays_in_the_picture(box):
    drawn = annotate(np.zeros((240, 320, 3), np.uint8), [Label(face(*box), "somebody", "accepted")])
    assert drawn.shape == (240, 320, 3)
    assert (drawn >= 200).all(-1).sum() > 20


def test_letters_that_opencv_lacks_are_replaced():
    assert plain("Zoë Ångström") == "Zoe Angstrom"
    assert plain("李 Ada") == "? Ada"


@pytest.mark.parametrize(
    ("name", "whole"), [("Ada ?", True), ("Zoë Ångström", True), ("艾达", False), ("Ada 李", False), ("Jørgen", False), ("\u0301", False)]
)
def test_a_name_is_drawable_where_no_letter_of_it_is_lost(name, whole):
    assert drawable(name) == whole
