"""Small aligned sets of drawn faces, and a network that trains on them in seconds."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.export.synthetic import draw_face
from facelite.networks import NETWORKS, Network
from facelite.networks.table import Conv, Flatten
from facelite.split import is_held_out
from facelite.training.dataset import load
from facelite.training.geometry import CropGeometry
from facelite.training.recipe import Loss, NetworkChoice, Schedule, TrainingRecipe, TrainingSet
from facelite.training.run import LOG

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

GEOMETRY = CropGeometry(face=48, margin=6)

SMALL = Network("small", 32, 32, (Conv("conv1", 3, 8, 2), Conv("conv2", 3, 16, 2), Flatten("flatten")), 16)


def _names(held: bool, count: int) -> list[str]:
    return [name for name in (f"person{i:03}" for i in range(2000)) if is_held_out(name) == held][:count]


def _write_set(folder: Path, people: dict[str, int], /, *, geometry: CropGeometry = GEOMETRY) -> Path:
    """Crops folder/person/0.jpg ...: drawn faces, one for each name, moved and lit a little differently on each picture."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "align.json").write_text(json.dumps(asdict(geometry)))
    for person, pictures in people.items():
        (folder / person).mkdir()
        rng = np.random.default_rng(list(person.encode()))
        face = draw_face(int(rng.integers(1 << 31)), side=geometry.side)
        for i in range(pictures):
            moved = cv2.warpAffine(face, np.float64([(1, 0, rng.normal()), (0, 1, rng.normal())]), face.shape[:2], borderMode=cv2.BORDER_REPLICATE)
            crop = np.clip(moved * rng.uniform(0.9, 1.1) + rng.normal(0, 2, face.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / person / f"{i}.jpg"), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
    return folder


@pytest.fixture(scope="session")
def names():
    """names(held, count): the first names that the split holds out, or does not."""
    return _names


@pytest.fixture(scope="session")
def write_set():
    """write_set(folder, {person: pictures}, geometry=...)."""
    return _write_set


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder of aligned crops: 12 people to train on and 4 held out, 6 pictures each."""
    return _write_set(tmp_path_factory.mktemp("tiny"), dict.fromkeys([*_names(False, 12), *_names(True, 4)], 6))


@pytest.fixture(scope="module")
def faces(tiny):
    return load(tiny, (TrainingSet("."),), None)


@pytest.fixture(scope="session")
def small():
    return SMALL


@pytest.fixture
def small_network(monkeypatch):
    """The network "small" can be chosen, and a run has a line of the log every other step, and for each judgement, however slow it is."""
    from facelite.training import fit

    monkeypatch.setitem(NETWORKS, "small", SMALL)
    monkeypatch.setattr(fit, "LOG_EVERY", 2)
    monkeypatch.setattr(fit, "LOG_SECONDS", math.inf)


@pytest.fixture(scope="session")
def recipe():
    """recipe(**schedule): "small" on 24 pictures a step, three steps an epoch, 12 in all."""

    def make(*, loss=Loss(), teacher=None, **schedule):
        tiny = {"epochs": 4.0, "batch": 24, "labelled": 16, "pictures": 4, "rate": 0.01, "average": 0.8, "precision": "float32", **schedule}
        return TrainingRecipe(NetworkChoice("small"), (TrainingSet("."),), "small", teacher=teacher, loss=loss, schedule=Schedule(**tiny))

    return make


@pytest.fixture(scope="session")
def read_log():
    """read_log(run): the lines of its log as dicts of text."""

    def read(out):
        with (out / LOG).open(newline="") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture(scope="session")
def arrays():
    """arrays(path): what an .npz holds."""

    def read(path):
        with np.load(path) as file:
            return {name: file[name] for name in file.files}

    return read
