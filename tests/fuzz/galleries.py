"""Galleries: damaged as bytes, or edited by one who knows SQL. Each is refused, or is what it was."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress

import mutate
import numpy as np
from target import Target

from facelite.errors import FaceliteError
from facelite.face import Embedding


class Galleries(Target):
    """Three people's gallery: its bytes, or by one who knows SQL its tables. It is refused, or it is what it was."""

    def __init__(self, folder, bundle):
        from facelite.gallery import Gallery, Keyring

        super().__init__(folder, bundle)
        self.path, self.keyring = folder / "gallery.db", Keyring(folder / "keyring")
        random = np.random.default_rng(1)
        with Gallery(self.path, space="space", create=True, keyring=self.keyring) as gallery:
            for name in ("Ada", "Bob", "Cy"):
                gallery.enrol(name, [Embedding(one, "space") for one in random.normal(size=(4, 128)).astype(np.float32)], artefact="x")
            assert len(gallery) == 12
        with Gallery(self.path, keyring=self.keyring) as gallery:  # as it is read: of unit length once more
            self.expected = self.told(gallery)
        self.data = self.path.read_bytes()
        shutil.copytree(self.keyring.folder, folder / "kept")

    @staticmethod
    def told(gallery):
        return [(one.subject, one.artefact, one.enrolled_at, one.embedding.vector.tobytes()) for one in gallery.templates]

    def make(self, random):
        if random.random() < 0.3:
            return self.edited(random)
        return mutate.mutate([self.data[at : at + 4096] for at in range(0, len(self.data), 4096)], random)

    def edited(self, random):
        path = self.folder / "edited.db"
        path.write_bytes(self.data)
        columns = ("format", "space", "identity", "proof", "generation", "next", "templates", "mac")
        values = (
            "NULL",
            "0",
            "-1",
            "1e400",
            "9223372036854775807",
            "''",
            "x''",
            "x'00'",
            "zeroblob(1000000)",
            "'space'",
            "randomblob(32)",
            "'\ud800'",
        )
        numbers = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)"
        statements = (
            *(f"UPDATE gallery SET {column} = {random.choice(values[:-1])}" for column in columns),  # noqa: S608
            *(f"UPDATE template SET sealed = {value} WHERE id = {random.randrange(1, 13)}" for value in values[1:-1]),  # noqa: S608
            *(f"UPDATE template SET id = {number} WHERE id = {random.randrange(1, 13)}" for number in (-1, 0, 99, 2**63 - 1)),  # noqa: S608
            *("DELETE FROM gallery", "DELETE FROM template WHERE id = 3", "DELETE FROM template", "DROP TABLE template", "DROP TABLE gallery"),
            "INSERT INTO gallery SELECT * FROM gallery",
            "INSERT INTO template SELECT id + 20, sealed FROM template",
            "CREATE TABLE more (x)",
            "CREATE INDEX i ON template (sealed)",
            "DROP TABLE template; CREATE VIEW template AS " + numbers + " SELECT i AS id, x'00' AS sealed FROM n",  # noqa: S608
            "DROP TABLE gallery; CREATE VIEW gallery AS " + numbers + " SELECT i AS format FROM n WHERE i < 0",  # noqa: S608
            "ALTER TABLE template ADD COLUMN large GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL",
            "CREATE TABLE t2 (id INTEGER PRIMARY KEY, old, sealed GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL);"
            "INSERT INTO t2 (id, old) SELECT * FROM template; DROP TABLE template; ALTER TABLE t2 RENAME TO template",
            "CREATE TRIGGER t AFTER INSERT ON template BEGIN DELETE FROM template; END",
            "PRAGMA user_version = 7",
            "PRAGMA application_id = 7",
            "PRAGMA journal_mode = WAL",
            "PRAGMA page_size = 512; VACUUM",
            "VACUUM",
        )
        with closing(sqlite3.connect(path, isolation_level=None)) as db, suppress(sqlite3.IntegrityError):
            db.executescript(random.choice(statements))
        data = path.read_bytes()
        for more in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + more).unlink(missing_ok=True)
        return data

    def use(self, data):
        from facelite.gallery import Gallery

        for more in ("-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + more).unlink(missing_ok=True)
        self.written(data, self.path.name)
        with Gallery(self.path, space="space", keyring=self.keyring) as gallery:
            assert self.told(gallery) == self.expected
            gallery.nearest(Embedding(np.ones(128), "space"))
        return gallery


class WrittenGalleries(Galleries):
    """As above, and then written to: enrolment and removal are refused, or done; restoring takes the file as it is, or refuses it."""

    def use(self, data):
        from facelite.gallery import Gallery, restore_gallery

        shutil.rmtree(self.keyring.folder)
        shutil.copytree(self.folder / "kept", self.keyring.folder)
        try:
            super().use(data)
        except FaceliteError:
            restore_gallery(self.path, keyring=self.keyring).close()  # refuses what was altered, too
        with Gallery(self.path, space="space", keyring=self.keyring) as gallery:
            before = gallery.counts
            assert gallery.enrol("Di", [Embedding(np.ones(128), "space")], artefact="x") == 1
            gallery.remove("Di")
            assert gallery.counts == before == {"Ada": 4, "Bob": 4, "Cy": 4}
        return gallery
