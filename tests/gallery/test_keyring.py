"""The keyring: where the key comes from, who may read it, and one key however many begin at once."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from facelite.errors import GalleryError
from facelite.gallery import Keyring
from facelite.gallery.keyring import Last

KEY = bytes(range(32))


def test_the_first_use_makes_a_key_for_its_owner_alone_and_later_ones_find_it(keyring):
    umask = os.umask(0)
    try:
        key = Keyring().key(create=True)
    finally:
        os.umask(umask)
    assert len(key) == 32
    assert key == Keyring().key() == Keyring(keyring).key(create=True) == bytes.fromhex((keyring / "key").read_text())
    assert (stat.S_IMODE((keyring / "key").stat().st_mode), stat.S_IMODE(keyring.stat().st_mode)) == (0o600, 0o700)
    assert [path.name for path in keyring.iterdir()] == ["key"]
    assert Keyring(keyring.parent / "another").key(create=True) != key


def test_a_missing_key_is_not_made_unasked(keyring):
    with pytest.raises(GalleryError, match=r"key: expected the key that the gallery was made with, found none; name its folder in FACELITE_KEYRING"):
        Keyring().key()
    assert not keyring.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(keyring, mode):
    Keyring().key(create=True)
    (keyring / "key").chmod(mode)
    with pytest.raises(GalleryError, match=f"its owner alone may read, got the mode {mode:o}; chmod 600"):
        Keyring().key()


@pytest.mark.parametrize("text", ["", "00", "0" * 63, "0" * 65, "g" * 64, "ÿ"])
def test_what_is_no_key_is_refused_and_kept(keyring, text):
    keyring.mkdir()
    (keyring / "key").write_text(text)
    (keyring / "key").chmod(0o600)
    with pytest.raises(GalleryError, match="expected a key of 64 hex digits"):
        Keyring().key(create=True)
    assert (keyring / "key").read_text() == text


def test_the_environment_s_key_goes_before_the_command_s_and_that_before_the_file(keyring, monkeypatch):
    Keyring().key(create=True)
    monkeypatch.setenv("FACELITE_KEY_COMMAND", f"{sys.executable} -c 'print(\"{'ab' * 32}\")'")
    assert Keyring().key() == bytes.fromhex("ab" * 32)
    with monkeypatch.context() as patch:
        patch.setenv("FACELITE_KEY_COMMAND", "  ")
        assert Keyring().key() == bytes.fromhex((keyring / "key").read_text())
    monkeypatch.setenv("FACELITE_KEY", KEY.hex())
    assert Keyring().key() == KEY
    monkeypatch.setenv("FACELITE_KEY", "secret")
    with pytest.raises(GalleryError, match=r"^FACELITE_KEY: expected a key of 64 hex digits, got something else") as error:
        Keyring().key()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("command", ["no-such-command", "false", "echo nothing", "'unclosed"])
def test_a_command_that_gives_no_key_is_refused(monkeypatch, command):
    monkeypatch.setenv("FACELITE_KEY_COMMAND", command)
    with pytest.raises(GalleryError, match=r"FACELITE_KEY_COMMAND.*expected a (command|key)"):
        Keyring().key()


def test_the_folder_is_that_of_the_user_s_configuration(monkeypatch, tmp_path):
    monkeypatch.delenv("FACELITE_KEYRING")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Keyring().folder == tmp_path / "facelite"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert Keyring().folder == Path.home() / ".config/facelite"


def test_many_that_make_a_key_at_once_have_the_same():
    code = "from facelite.gallery import Keyring; print(Keyring().key(create=True).hex())"
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert {process.communicate()[0] for process in processes} == {Keyring().key().hex() + "\n"}


def test_what_was_last_written_is_never_forgotten_for_an_earlier_change(keyring):
    assert Keyring().last(b"a") == (0, b"")
    with Keyring().writing() as pen:
        assert pen.last(b"a") == (0, b"")
        pen.note(b"a", Last(3, b"x"))
        for earlier in (Last(2, b"y"), Last(3, b"z")):
            pen.note(b"a", earlier)
            assert pen.last(b"a") == (3, b"x")
    assert Keyring().last(b"a") == (3, b"x")
    with pytest.raises(RuntimeError), Keyring().writing() as pen:
        pen.note(b"a", Last(9, b"x"))
        raise RuntimeError
    assert Keyring().last(b"a") == (3, b"x")
    assert stat.S_IMODE((keyring / "generations.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("statement", [
    "UPDATE generation SET number = 'x'", "UPDATE generation SET mac = 3", "DROP TABLE generation; CREATE TABLE other (a)",
])  # fmt: skip
def test_generations_that_are_none_are_refused(keyring, statement):
    with Keyring().writing() as pen:
        pen.note(b"a", Last(3, b"x"))
    with closing(sqlite3.connect(keyring / "generations.db")) as db:
        db.executescript(statement)
    with pytest.raises(GalleryError, match=r"generations\.db: expected to read and write the generations, got"):
        Keyring().last(b"a")
