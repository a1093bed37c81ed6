"""A gallery whose tables are others than facelite makes: nothing of theirs is computed, and nothing of another order or size is taken."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from facelite.errors import GalleryAltered, GalleryError
from facelite.face import Embedding
from facelite.gallery import Gallery
from facelite.gallery.store import MOST_BYTES

ENDLESS = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "gallery.db"
    with Gallery(path, space="space", create=True) as gallery:
        gallery.enrol("Ada", [Embedding(one, "space") for one in np.random.default_rng(1).normal(size=(4, 16))], artefact="x")
    return path


def edit(path, script):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript(script)


@pytest.mark.parametrize("script", [
    pytest.param(f"DROP TABLE template; CREATE VIEW template AS {ENDLESS} SELECT i AS id, x'00' AS sealed FROM n", id="templates without end"),  # noqa: S608
    pytest.param(f"DROP TABLE gallery; CREATE VIEW gallery AS {ENDLESS} SELECT i AS format FROM n WHERE i < 0", id="a format that never comes"),  # noqa: S608
    pytest.param("CREATE TRIGGER t AFTER INSERT ON template BEGIN DELETE FROM template; END", id="trigger"),
    pytest.param("CREATE INDEX i ON template (sealed)", id="index"),
    pytest.param("CREATE TABLE more (x)", id="table"),
    pytest.param("ALTER TABLE template ADD COLUMN x", id="column"),
    pytest.param("ALTER TABLE template ADD COLUMN x GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL", id="computed column"),
])  # fmt: skip
def test_an_edited_schema_is_refused(path, script):
    edit(path, script)
    with pytest.raises(GalleryAltered, match="expected a gallery as facelite writes it, got an edited one"):
        Gallery(path)


def test_a_schema_survives_vacuum(path):
    edit(path, "PRAGMA page_size = 512; VACUUM")
    with Gallery(path) as gallery:
        assert gallery.counts == {"Ada": 4}


def test_a_value_that_would_fill_the_memory_is_not_read(path):
    edit(path, f"UPDATE template SET sealed = zeroblob({MOST_BYTES + 1}) WHERE id = 2")  # noqa: S608
    with pytest.raises(GalleryError, match="expected a gallery, got: string or blob too big"):
        Gallery(path)


def test_templates_that_come_again_are_refused(path):
    """Pages of a damaged file may lead to the same rows for ever: each number must be above the last."""

    class Circle:
        def execute(self, statement):
            rows = db.execute(statement).fetchall()
            return iter(rows * 2 if statement.startswith("SELECT id, sealed") else rows)

    with Gallery(path) as gallery:
        store, db = gallery._store, gallery._store._db
        with pytest.raises(GalleryAltered, match="expected template 1 as it was enrolled, got an edited one"):
            store._verified(Circle(), store._header(db))


def test_a_gallery_that_another_program_made_with_other_spaces_is_read(path):
    with closing(sqlite3.connect(path)) as db:
        rows = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in ("gallery", "template")}  # noqa: S608
        words = dict(db.execute("SELECT name, sql FROM sqlite_master"))
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        for name, values in rows.items():
            db.execute(words[name].replace(", ", ",\n     "))
            db.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(values[0]))})", values)  # noqa: S608
    with Gallery(path) as gallery:
        assert gallery.counts == {"Ada": 4}
