"""Embeddings are found again, only on the road that they were made on, and whatever happens to the files costs time and no more."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelite.evaluation.cache import SAVE_EVERY, Cache, default_folder
from facelite.evaluation.crop import CentreCrop, DetectedFace
from facelite.evaluation.embed import embed_pictures
from facelite.export.synthetic import draw_face
from facelite.preprocess import Preprocessing, to_input

PICTURES = [bytes([i]) * 32 for i in range(4)]  # in place of sha256s


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "new/cache"


def filled(folder, road="road", count=3):
    """A saved cache of ``count`` pictures, the first of them without a face."""
    cache = Cache(folder, road)
    for i, picture in enumerate(PICTURES[:count]):
        cache.put(picture, np.random.default_rng(i).normal(size=8 if i else 0).astype(np.float32))
    cache.save(now=True)
    return cache


def same(one, other):
    known = [[cache.get(picture) for picture in PICTURES] for cache in (one, other)]
    return all((a is None) == (b is None) and np.array_equal(a, b) for a, b in zip(*known, strict=True))


def test_what_was_saved_is_found_again_on_its_road_alone(folder):
    cache = filled(folder)
    again = Cache(folder, "road")
    assert same(cache, again)
    assert again.get(PICTURES[0]).shape == (0,)
    assert again.get(PICTURES[1]).dtype == np.float32
    assert again.get(PICTURES[3]) is None
    assert Cache(folder, "another road").get(PICTURES[1]) is None
    filled(folder, "another road", 1)
    assert same(Cache(folder, "road"), cache)


def test_pictures_without_a_face_alone_are_known_as_such(folder):
    filled(folder, count=1)
    again = Cache(folder, "road")
    assert again.get(PICTURES[0]).shape == (0,)
    again.put(PICTURES[1], np.ones(8, np.float32))
    again.save(now=True)
    assert Cache(folder, "road").get(PICTURES[1]).tolist() == [1] * 8


def test_nothing_is_kept_without_a_folder():
    cache = filled(None)
    assert cache.get(PICTURES[0]) is None


def test_files_are_their_owner_s_alone(folder):
    mask = os.umask(0o022)
    try:
        filled(folder)
    finally:
        os.umask(mask)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_other_user_reads_them_while_they_are_written(folder, monkeypatch):
    seen, move = [], os.replace
    monkeypatch.setattr(os, "replace", lambda old, new: (seen.append(Path(old).stat().st_mode & 0o777), move(old, new)))
    filled(folder)
    assert seen == [0o600]


def test_a_kill_costs_so_many_seconds_of_work(folder, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("facelite.evaluation.cache.time", SimpleNamespace(monotonic=lambda: clock.now))
    cache = Cache(folder, "road")
    cache.put(PICTURES[0], np.ones(8, np.float32))
    clock.now = SAVE_EVERY
    cache.save()
    assert not folder.exists()
    clock.now += 1
    cache.save()
    assert same(Cache(folder, "road"), cache)
    (file,) = folder.iterdir()
    file.unlink()
    clock.now *= 2
    cache.save()
    cache.save(now=True)
    assert not file.exists()  # nothing was added


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path, monkeypatch):
    clock, packed = SimpleNamespace(now=0.0), []
    monkeypatch.setattr("facelite.evaluation.cache.time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr("facelite.evaluation.cache.write_atomically", lambda path, data, mode: packed.append(path) or (tmp_path / "file/x").mkdir())
    (tmp_path / "file").touch()
    cache = filled(tmp_path / "cache")
    assert len(packed) == 1
    assert cache.get(PICTURES[2]) is not None
    cache.save()
    assert len(packed) == 1  # tried again after a while, not with every picture
    clock.now += SAVE_EVERY + 1
    cache.save()
    assert len(packed) == 2
    monkeypatch.undo()
    filled(tmp_path / "file/cache")  # a file where a folder should be


def test_no_damage_gives_an_error_or_another_embedding(folder):
    cache = filled(folder)
    (file,) = folder.iterdir()
    data = file.read_bytes()
    for at in range(len(data)):
        for flip in (0x01, 0xFF) if at % 5 == 0 else (0x01,):
            file.write_bytes(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
            damaged = Cache(folder, "road")
            known = [picture for picture in PICTURES[:3] if damaged.get(picture) is not None]
            assert all(np.array_equal(damaged.get(picture), cache.get(picture)) for picture in known)
    for cut in range(0, len(data), 7):
        file.write_bytes(data[:cut])
        assert Cache(folder, "road").get(PICTURES[0]) is None
    filled(folder)
    assert same(Cache(folder, "road"), cache)


def saved(save, *arrays, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


KEYS, VECTORS, FOUND = np.zeros((2, 32), np.uint8), np.ones((2, 8), np.float32), np.ones(2, bool)


@pytest.mark.parametrize("content", [
    b"",
    b"not a cache",
    saved(np.save, VECTORS),
    saved(np.savez, pictures=KEYS, vectors=VECTORS),
    saved(np.savez, pictures=KEYS, vectors=VECTORS[:1], found=FOUND),
    saved(np.savez, pictures=KEYS, vectors=VECTORS[0], found=FOUND),
    saved(np.savez, pictures=KEYS, vectors=np.float32(1), found=FOUND),
    saved(np.savez, pictures=KEYS, vectors=VECTORS, found=FOUND.astype(float)),
    saved(np.savez, pictures=KEYS, vectors=np.array([["x"] * 8] * 2), found=FOUND),
    saved(np.savez, pictures=KEYS, vectors=VECTORS.astype(object), found=FOUND),
])  # fmt: skip
def test_another_file_in_its_place_is_made_again(folder, content):
    cache = filled(folder)
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert Cache(folder, "road").get(bytes(32)) is None
    filled(folder)
    assert same(Cache(folder, "road"), cache)


def test_where_embeddings_are_kept(monkeypatch):
    monkeypatch.setenv("FACELITE_CACHE", "/a")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    monkeypatch.setenv("HOME", "/c")
    assert default_folder() == Path("/a")
    monkeypatch.setenv("FACELITE_CACHE", "")
    assert default_folder() == Path("/b/facelite")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path("/c/.cache/facelite")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("Could not determine home directory.")))
    assert default_folder() is None


# roads


class Thumbnail:
    """An embedder that needs no model: the crop in 4 x 4 pixels, less ``bias``."""

    def __init__(self, asked, artefact="a", preprocessing=Preprocessing(64, 64), bias=0):
        self.asked, self.artefact, self.preprocessing, self.bias = asked, artefact, preprocessing, bias

    def vectors(self, crops):
        self.asked.extend(crops)
        inputs = [to_input(crop.pixels, self.preprocessing)[0].reshape(4, 16, 4, 16, 3).mean((1, 3)).ravel() for crop in crops]
        return np.stack(inputs).astype(np.float32) - np.float32(self.bias)


@pytest.fixture(scope="module")
def pictures():
    found = {f"{seed}.png": cv2.imencode(".png", draw_face(seed)[:, :, ::-1])[1].tobytes() for seed in range(4)}
    return {**found, "broken.png": b"not a picture", "empty.png": cv2.imencode(".png", np.full((80, 80, 3), 90, np.uint8))[1].tobytes()}


@pytest.fixture
def embed(detector_file, pictures, folder):
    """embed(...) embeds the pictures with the cache and gives the vectors and how many crops were embedded anew."""

    def run(names=tuple(pictures), read=pictures.__getitem__, detector=detector_file, crop=None, cache=folder, **changes):
        asked = []
        (found,) = embed_pictures(names, read, detector=detector, embedders=[lambda: Thumbnail(asked, **changes)], crop=crop, cache=cache, workers=2)
        return found, len(asked)

    return run


def test_a_second_look_embeds_nothing_and_sees_the_same(embed):
    first, made = embed()
    assert made == 4
    again, made = embed()
    assert made == 0
    np.testing.assert_array_equal(again.vectors, first.vectors)
    assert again.found.tolist() == first.found.tolist() == [True] * 4 + [False] * 2
    assert embed(cache=None)[1] == 4


def test_pictures_are_known_by_their_content(embed, pictures):
    first, _ = embed(["0.png", "1.png"])
    moved = {"b.png": pictures["0.png"], "a.png": pictures["2.png"], "0.png": pictures["1.png"]}
    again, made = embed(list(moved), moved.__getitem__)
    assert made == 1
    np.testing.assert_array_equal(again.vectors[[0, 2]], first.vectors)
    np.testing.assert_array_equal(again.vectors[1], embed(cache=None)[0].vectors[2])


SIZE = Preprocessing(64, 64)


@pytest.mark.parametrize("change", [
    {"artefact": "b", "bias": 0.1},
    {"preprocessing": replace(SIZE, colours="BGR")},
    {"preprocessing": replace(SIZE, mean=100.0)},
    {"preprocessing": replace(SIZE, std=100.0)},
    {"crop": CentreCrop()},
    {"crop": CentreCrop(0.5)},
    {"crop": DetectedFace("largest")},
])  # fmt: skip
def test_nothing_is_served_on_another_road(embed, change):
    embed()
    embed(crop=CentreCrop(0.6))
    alone, _ = embed(cache=None, **change)
    found, made = embed(**change)
    assert made >= 4
    np.testing.assert_array_equal(found.vectors, alone.vectors)
    assert embed(**change)[1] == 0


def test_another_detector_or_library_is_another_road(embed, detector_file, monkeypatch):
    embed()
    assert embed(detector=detector_file + b"\0")[1] == 4
    for name, value in (("runtime_name", lambda: "numpy"), ("version", lambda name: "0"), ("cv2", SimpleNamespace(__version__="0")), ("ROAD", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(f"facelite.evaluation.embed.{name}", value)
            assert embed(["0.png"])[1] == 1
    assert embed()[1] == 0


def test_two_embedders_of_which_one_knows_the_pictures(detector_file, pictures, folder):
    def embed(*makers, cache=folder):
        return embed_pictures(list(pictures), pictures.__getitem__, detector=detector_file, embedders=makers, cache=cache, workers=1)

    def one():
        return Thumbnail([])

    def other():
        return Thumbnail([], artefact="b", bias=0.5)

    embed(one)
    expected = [found.vectors for found in embed(one, other, cache=None)]
    for _ in range(2):
        for found, vectors in zip(embed(one, other), expected, strict=True):
            np.testing.assert_array_equal(found.vectors, vectors)
    np.testing.assert_array_equal(embed(other)[0].vectors, expected[1])
