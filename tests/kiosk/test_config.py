"""What a kiosk's config may say."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from facelite.errors import RecipeError
from facelite.kiosk.config import Kiosk, read_config
from facelite.kiosk.texts import TEXTS
from facelite.kiosk.visits import State
from facelite.recipe import parse

EXAMPLE = Path(__file__).parents[2] / "devices/raspberry_pi/kiosk.toml"


def test_the_example_is_a_config_and_names_every_key():
    read_config(EXAMPLE)
    lines = [re.sub(r"^# (?=\[\w+\]$|\w+ = )", "", line) for line in EXAMPLE.read_text().splitlines()]
    table = tomllib.loads("\n".join(lines).replace('digest = ""', f'digest = "{"0" * 64}"'))
    kiosk = parse(table, Kiosk)
    for name, field in {"": kiosk, **{one.name: getattr(kiosk, one.name) for one in fields(kiosk)}}.items():
        if is_dataclass(field):
            assert {one.name for one in fields(field)} == set(table[name] if name else table), name


def test_files_are_meant_from_the_config_s_folder(tmp_path):
    (tmp_path / "k.toml").write_text('gallery = "g.db"\n[camera]\nsource = "film.avi"\n[log]\nfile = "/var/log/k.db"\n')
    kiosk = read_config(tmp_path / "k.toml")
    assert kiosk.gallery == str(tmp_path / "g.db") and kiosk.bundle == ""
    assert kiosk.camera.source == str(tmp_path / "film.avi") and kiosk.log.file == "/var/log/k.db"


@pytest.mark.parametrize("source", ["picamera2", "0", "rtsp://user:secret@10.0.0.7/stream", "http://cam.local/mjpeg"])
def test_cameras_are_no_files(tmp_path, source):
    (tmp_path / "k.toml").write_text(f'gallery = "g.db"\n[camera]\nsource = "{source}"\n')
    assert read_config(tmp_path / "k.toml").camera.source == source


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "'gallery'"),
        ('gallery = "g"\n[door]\npin = 28', "0 to 27"),
        ('gallery = "g"\n[door]\npin = 17\nseconds = 20', "longest"),
        ('gallery = "g"\n[door]\npin = 17\n[signals]\ngreen = 17', "different pins"),
        ('gallery = "g"\n[signals]\ngreen = 4\nred = 4', "different GPIO"),
        ('gallery = "g"\ndigest = "abc"', "64 hexadecimal"),
        ('gallery = "g"\n[screen]\nlanguages = ["xx"]', "en, zh, es"),
        ('gallery = "g"\n[camera]\nturn = 45', "one of 0, 90, 180, 270"),
        ('gallery = "g"\n[webhook]\nurl = "file:///etc/passwd"', "http"),
        ('gallery = "g"\n[mqtt]\nhost = "h"\ntopic = "a/#"', "letters, digits"),
        ('gallery = "g"\n[camera]\nsorce = "0"', "'sorce'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path, lines, said):
    (tmp_path / "k.toml").write_text(lines)
    with pytest.raises(RecipeError, match=said):
        read_config(tmp_path / "k.toml")


def test_every_language_has_every_text_and_fills_in_what_the_first_does():
    for texts in TEXTS.values():
        assert set(texts) == {"language", "discard", *State}
        for state, text in texts.items():
            assert [word in text for word in ("NAME", "SECONDS")] == [word in TEXTS["en"][state] for word in ("NAME", "SECONDS")]
