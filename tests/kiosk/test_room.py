"""As many people as the kiosk's fpir has room for are identified; one more is refused before nobody can be."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from facelite.bundle import open_bundle
from facelite.errors import UnsupportedRate
from facelite.export.assemble import export_bundle
from facelite.face import Embedding
from facelite.gallery import Gallery, Template
from facelite.kiosk.codes import ADMINISTRATOR, Codes
from facelite.kiosk.config import FPIR, read_config
from facelite.kiosk.loop import Loop
from facelite.kiosk.room import check_room, least_fpir
from facelite.kiosk.screen import Said
from facelite.kiosk.visits import Kind, State
from facelite.runtime.verifier import Verifier

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "devices/raspberry_pi/README.md").read_text(encoding="utf-8")


def crowd(gallery, verifier, numbers):
    """So many people more with so many templates each, like nobody."""
    rng = np.random.default_rng(len(gallery))
    names = [f"{len(gallery)}.{who}" for who, number in enumerate(numbers) for _ in range(number)]
    size, space, made = verifier.manifest.embedding, verifier.manifest.space, verifier.bundle.artefact
    gallery.add([Template(name, Embedding(rng.normal(size=size), space), made, time.time()) for name in names])


@pytest.fixture(scope="module", params=["nns1", "nns2"])
def released(request, tmp_path_factory, detector_file):
    out = tmp_path_factory.mktemp(request.param)
    export_bundle(ROOT / f"export/{request.param}/int8.toml", out)
    return Verifier(open_bundle(out / f"{request.param}-int8.facelite"))


@pytest.fixture
def opened(released, tmp_path):
    with Gallery(tmp_path / "crowd.db", space=released.manifest.space, create=True) as gallery:
        yield gallery


ROWS = re.findall(r"^\| ([\d or]+) \| (\d+) \| (\d+) \|$", README, re.MULTILINE)
"""Of the table: numbers of templates, and people at the two rates."""


@pytest.mark.parametrize(
    ("each", "people", "fpir"), [(int(n), int(row[1 + i]), fpir) for row in ROWS for n in row[0].split(" or ") for i, fpir in enumerate((FPIR, 0.01))]
)
def test_the_readme_says_for_how_many_people(released, opened, each, people, fpir):
    crowd(opened, released, [each] * people)
    released.threshold_for_gallery(opened, fpir=fpir)
    check_room(released, opened, fpir)
    with pytest.raises(UnsupportedRate, match=rf"got {each * (people + 1)} templates of {people + 1} people"):
        check_room(released, opened, fpir, subject="one more", more=each)
    crowd(opened, released, [each])
    with pytest.raises(UnsupportedRate):
        released.threshold_for_gallery(opened, fpir=fpir)


def test_the_readme_has_a_table():
    assert len(ROWS) == 4


@pytest.mark.parametrize("seed", range(5))
def test_the_least_rate_is_the_verifier_s(verifier, tmp_path, seed):
    rng = np.random.default_rng(seed)
    with Gallery(tmp_path / "crowd.db", space=verifier.manifest.space, create=True) as gallery:
        crowd(gallery, verifier, rng.integers(1, 12, size=rng.integers(1, 60)))
        least = least_fpir(verifier, gallery, Counter(gallery.counts))
        verifier.threshold_for_gallery(gallery, fpir=least * 1.001)
        with pytest.raises(UnsupportedRate):
            verifier.threshold_for_gallery(gallery, fpir=least * 0.999)


@pytest.fixture
def full(config, verifier, gallery_file):
    """A kiosk, Eileen and 99 others of one template each: the gallery is full. Its administrator's code is 314159."""
    with Gallery(gallery_file) as gallery:
        crowd(gallery, verifier, [1] * 99)
    path = config("[screen]\nport = 0\n[enrol]\npictures = 1\n[strangers]\n[lock]\nfailures = 100\n")
    Codes(read_config(path).enrol.file).set(ADMINISTRATOR, "314159")
    return path


def test_one_too_many_is_refused_at_the_kiosk_and_the_others_still_come_in(full, reel, film, rng, astronaut, hopper, caplog):
    frames = [*[film.frame(rng, (hopper, 320, 220))] * 40, *film.nobody(rng, 60), *[film.frame(rng, (astronaut, 320, 220))] * 15]
    with Loop(read_config(full), camera=lambda: reel(frames)) as loop:
        for said in (Said("enrol"), Said("code", "314159"), Said("name", "Grace")):
            loop._screen.say(said)
            loop.step()
        while loop.view.state is not State.NO_ROOM:
            assert loop.view.state is not State.ENROLLED
            loop.step()
        while not loop._camera.ended:
            loop.step()
        events = [(one.event.kind, one.event.subject) for one in loop._log.entries()]
        assert (Kind.NOT_ENROLLED, "Grace") in events and events[-1] == (Kind.ACCEPTED, "Eileen")
    assert "Grace is not enrolled: expected no more templates than an fpir of 0.003 has room for, got 101 templates of 101 people" in caplog.text


def test_a_stranger_too_many_is_refused_on_the_command_line(full, reel, film, rng, hopper, facelite, gallery_file):
    with Loop(read_config(full), camera=lambda: reel([film.frame(rng, (hopper, 320, 220)) for _ in range(10)])) as loop:
        while not loop._camera.ended:
            loop.step()
    (kept,) = json.loads(facelite("strangers", "list", full, "--json"))["strangers"]
    said = json.loads(facelite("strangers", "enrol", full, kept["number"], "Grace", "--anyway", "--json", status=4))
    assert "set a larger fpir in the kiosk's config" in said["error"]
    with Gallery(gallery_file) as gallery:
        assert "Grace" not in gallery.subjects
    assert json.loads(facelite("strangers", "list", full, "--json"))["strangers"]


def test_a_crowded_gallery_is_told_in_the_words_of_a_kiosk(full, reel, film, rng, astronaut, verifier, gallery_file, facelite):
    with Gallery(gallery_file) as gallery:
        crowd(gallery, verifier, [1])
    with Loop(read_config(full), camera=lambda: reel([film.frame(rng, (astronaut, 320, 220))] * 2)) as loop:
        loop.step()
        assert loop.view.state is State.OUT_OF_SERVICE and "101 people, for whom 0.0031 is the smallest" in loop.fault
        assert "fpir" in loop.fault and "--fmr" not in loop.fault
    found = {one["name"]: one for one in json.loads(facelite("kiosk", full, "--check", "--json", status=4))["checks"]}["gallery"]
    assert found["state"] == "fail" and "larger fpir" in found["remedy"] and "--fmr" not in str(found)
