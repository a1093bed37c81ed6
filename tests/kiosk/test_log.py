"""The log holds who, when and how near, for as long as it may."""

from __future__ import annotations

from contextlib import closing

import pytest

from facelite.errors import InputError
from facelite.kiosk.log import Entry, Log
from facelite.kiosk.visits import Event, Kind

EILEEN, STRANGER = Event(Kind.ACCEPTED, "Eileen", 0.3, 0.9), Event(Kind.REJECTED, None, 1.4, 0.9)
NOW = 1.8e9


def test_what_goes_in_comes_out_the_latest_last(tmp_path):
    with closing(Log(tmp_path / "log.db", days=1e4)) as log:
        log.add(EILEEN, NOW)
        log.add(STRANGER, NOW + 1)
    with closing(Log(tmp_path / "log.db", days=1e4)) as log:
        assert log.entries() == [Entry(NOW, EILEEN), Entry(NOW + 1, STRANGER)]
        assert log.entries(1) == [Entry(NOW + 1, STRANGER)]
    assert (tmp_path / "log.db").stat().st_mode & 0o777 == 0o600


def test_what_is_too_old_goes(tmp_path):
    with closing(Log(tmp_path / "log.db", days=30)) as log:
        log.add(EILEEN, NOW)
        log.add(STRANGER, NOW + 86400 * 31)
        assert log.prune(NOW + 86400 * 31) == 1
        assert log.entries() == [Entry(NOW + 86400 * 31, STRANGER)]


def test_a_person_can_be_forgotten_and_their_name_is_gone_from_the_file(tmp_path):
    with closing(Log(tmp_path / "log.db", days=1e4)) as log:
        log.add(Event(Kind.ACCEPTED, "Zaphod Beeblebrox", 0.3, 0.9), NOW)
        log.add(STRANGER, NOW)
        with closing(Log(tmp_path / "log.db", days=1e4)) as other:  # as a person does beside a kiosk at work
            assert other.remove("Zaphod Beeblebrox") == 1
        assert all(b"Beeblebrox" not in file.read_bytes() for file in tmp_path.iterdir())
        assert log.entries() == [Entry(NOW, STRANGER)]
    assert all(b"Beeblebrox" not in file.read_bytes() for file in tmp_path.iterdir())


def test_what_is_no_log_is_refused(tmp_path):
    (tmp_path / "log.db").write_bytes(b"not a database, but text that is long enough" * 100)
    with pytest.raises(InputError, match="expected a log"):
        Log(tmp_path / "log.db", days=1)
    with pytest.raises(InputError, match="expected a log"):
        Log(tmp_path / "nowhere/log.db", days=1)
