"""Codes are kept as hashes, and only the right one of the right person is right."""

from __future__ import annotations

import pytest

from facelite.errors import InputError
from facelite.kiosk.codes import ADMINISTRATOR, Codes


def test_the_right_code_of_the_right_person(tmp_path):
    codes = Codes(tmp_path / "codes.json")
    codes.set("Eileen", "2718")
    codes.set("Grace", "2718")
    assert codes.right("Eileen", "2718") and codes.has("Eileen")
    for subject, code in (("Eileen", "2719"), ("Eileen", ""), ("Ada", "2718"), ("", "")):
        assert not codes.right(subject, code)
    text = (tmp_path / "codes.json").read_text()
    assert "2718" not in text and len(set(text.split('"'))) > 6  # two salts
    assert (tmp_path / "codes.json").stat().st_mode & 0o777 == 0o600
    codes.remove("Eileen")
    assert not codes.has("Eileen") and codes.right("Grace", "2718")


@pytest.mark.parametrize("code", ["", "123", "12 34", "12\ud800345", "\uff11\uff12\uff13\uff14"])
def test_short_and_strange_codes_are_refused(tmp_path, code):
    with pytest.raises(InputError, match="4 or more"):
        Codes(tmp_path / "codes.json").set("Eileen", code)


def test_the_administrator_s_is_longer_and_no_subject_s(tmp_path):
    codes = Codes(tmp_path / "codes.json")
    with pytest.raises(InputError, match="6 or more"):
        codes.set(ADMINISTRATOR, "31415")
    codes.set(ADMINISTRATOR, "314159")
    assert codes.right(ADMINISTRATOR, "314159") and not codes.right("Eileen", "314159") and not codes.right(ADMINISTRATOR, "\ud800")


@pytest.mark.parametrize("text", ["[]", "{", '{"Eileen": ["zz", "00"]}', '{"Eileen": ["00"]}', '{"Eileen": 3}', '{"Eileen": ["", "00"]}'])
def test_another_file_opens_nothing(tmp_path, text):
    (tmp_path / "codes.json").write_text(text)
    with pytest.raises(InputError, match="expected a file of codes"):
        Codes(tmp_path / "codes.json").right("Eileen", "0000")
