"""Embedding many pictures on all cores gives what one by one gives, in order, and counts what fails."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.judge import everybody
from facelite.evaluation.people import open_people
from facelite.export.synthetic import draw_face
from facelite.preprocess import Preprocessing, align
from facelite.runtime.detector import Detector
from facelite.split import HELD_OUT_PICTURES, Set, is_held_out


class MeanColour:
    """An embedder that needs no model: the mean colour of four quarters of the crop."""

    preprocessing = Preprocessing(64, 64)
    artefact = "mean colour"

    def vectors(self, crops):
        return np.stack([crop.pixels.reshape(2, 32, 2, 32, 3).mean((1, 3)).ravel() - 128 for crop in crops]).astype(np.float32)


def encoded(pixels):
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def test_order_values_and_failures(detector_file):
    pictures = {f"{seed}.png": encoded(draw_face(seed)) for seed in range(6)}
    pictures |= {"2b.png": b"not a picture", "4b.png": encoded(np.full((80, 80, 3), 90, np.uint8))}
    names = sorted(pictures)
    seen = []
    one, again = embed_pictures(
        names,
        pictures.__getitem__,
        detector=detector_file,
        embedders=[MeanColour, MeanColour],
        workers=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert one.names == names
    assert [name for name, found in zip(names, one.found, strict=True) if not found] == ["2b.png", "4b.png"]
    np.testing.assert_array_equal(one.vectors, again.vectors)
    assert not one.vectors[~one.found].any()
    assert seen == [(len(names), len(names))]  # pictures are taken in groups of eight
    image = draw_face(3)
    expected = MeanColour().vectors([align(image, Detector(detector_file).detect(image)[0].landmarks, 64, 64)])[0]
    np.testing.assert_allclose(one.vectors[names.index("3.png")], expected / np.linalg.norm(expected), atol=1e-6)


def write_people(folder, names, pictures):
    for person in names:
        (folder / person).mkdir(parents=True)
        for i in range(pictures):
            (folder / person / f"{i}.png").write_bytes(encoded(draw_face(len(person) + i)))


def test_held_out_people_are_the_hash_s_and_nobody_else_s(tmp_path):
    names = [f"person{i}" for i in range(40)]
    write_people(tmp_path, names, 2)
    with open_people(tmp_path) as people:
        held, others, everybody = people(True), people(False), people(None)
    assert set(held.person) == {name for name in names if is_held_out(name)}
    assert set(held.person) | set(others.person) == set(everybody.person) == set(names)
    assert not set(held.person) & set(others.person)


def test_a_held_out_person_counts_with_so_many_pictures_and_no_more(tmp_path):
    person = next(f"person{i}" for i in range(100) if is_held_out(f"person{i}"))
    write_people(tmp_path / "a", [person], HELD_OUT_PICTURES + 4)
    with open_people(tmp_path, [Set("a")]) as people:
        assert len(people(True).names) == HELD_OUT_PICTURES
        assert len(people(None).names) == HELD_OUT_PICTURES + 4


def test_sets_of_one_numbering_share_people(tmp_path):
    write_people(tmp_path / "a", ["ada", "bob"], 1)
    write_people(tmp_path / "b", ["ada"], 1)
    with open_people(tmp_path, [Set("a", "n"), Set("b", "n")]) as people:
        everybody = people(None)
    assert sorted(zip(everybody.numbering, everybody.person, strict=True)) == [("n", "ada"), ("n", "ada"), ("n", "bob")]


def test_nobody_held_out_is_said(tmp_path):
    person = next(f"person{i}" for i in range(100) if not is_held_out(f"person{i}"))
    write_people(tmp_path, [person], 2)
    with pytest.raises(InputError, match="held out by the hash"), everybody(tmp_path, held_out=True):
        pass


def test_a_picture_in_nobody_s_folder_is_said(tmp_path):
    write_people(tmp_path, ["ada"], 2)
    (tmp_path / "loose.png").write_bytes(encoded(draw_face(0)))
    with pytest.raises(InputError, match=r"expected one folder per person .* got the picture loose.png"), open_people(tmp_path):
        pass
