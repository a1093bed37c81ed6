"""The command line on damaged files: never status 70, and no trace."""

from __future__ import annotations

import json
import os
import shutil

import cv2
import mutate
import numpy as np
from lists import Pairs
from models import Verifiers
from target import REFUSED, ROOT, Target


class Commands(Target):
    """Commands on damaged files: never status 70, no trace; one line on standard error where it refuses."""

    megabytes = 700

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        import matplotlib.cbook
        from click.testing import CliRunner

        from facelite.cli.main import main

        self.run = lambda *words: CliRunner().invoke(main, [str(word) for word in words])
        with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
            face = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
        face = cv2.resize(face, (256, 300), interpolation=cv2.INTER_AREA)
        self.picture = folder / "face.jpg"
        cv2.imwrite(str(self.picture), face)
        self.faces = [cv2.imencode(suffix, face)[1].tobytes() for suffix in (".jpg", ".png", ".webp", ".bmp")]
        os.environ |= {"FACELITE_BUNDLE": str(bundle), "FACELITE_KEYRING": str(folder / "keys"), "FACELITE_CACHE": str(folder / "cache")}
        self.gallery = folder / "people.db"
        assert self.run("enrol", "--gallery", self.gallery, "Grace", self.picture).exit_code == 0
        self.stored = self.gallery.read_bytes()
        self.verifiers, self.pairs = Verifiers(folder, bundle), Pairs(folder, bundle)
        for name in ("Grace/Grace_0001.jpg", "Grace/Grace_0002.jpg", "Ada/Ada_0001.jpg"):
            (folder / "people" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.picture, folder / "people" / name)
        self.list = "1\t1\nGrace\t1\t2\nGrace\t1\tAda\t1\n"

    def make(self, random):
        act = random.choice((b"V", b"V", b"E", b"B", b"I", b"G", b"L", b"C", b"P", b"X"))
        if act in b"VEC":
            return act + mutate.mutate(mutate.split_picture(random.choice(self.faces)), random)
        if act in b"BI":
            return act + self.verifiers.make(random)
        if act in b"GL":
            return act + mutate.mutate([self.stored[at : at + 4096] for at in range(0, len(self.stored), 4096)], random)
        if act in b"P":
            return act + mutate.mutate_text(self.list, random)
        return act + mutate.mutate_text((ROOT / "export/nns2/float32.toml").read_text(), random)

    def use(self, data):
        act, path = data[:1], self.written(data[1:], "given")
        self.gallery.write_bytes(data[1:] if act in b"GL" else self.stored)
        words = {
            b"V": ("verify", path, self.picture),
            b"E": ("enrol", "--gallery", self.folder / "new.db", "New", path),
            b"C": ("identify", "--gallery", self.gallery, path, "--annotate", self.folder / "seen"),
            b"B": ("verify", self.picture, self.picture, "--bundle", path),
            b"I": ("inspect", path),
            b"G": ("identify", "--gallery", self.gallery, self.picture),
            b"L": ("gallery", "list", "--gallery", self.gallery),
            b"P": ("evaluate", self.bundle_file, self.folder / "people", "--pairs", path),
            b"X": ("export", path, "--out", self.folder / "out"),
        }[act]
        (self.folder / "new.db").unlink(missing_ok=True)
        statuses = set()
        for more in ((), ("--json",)):
            shutil.rmtree(self.folder / "seen", ignore_errors=True)
            result = self.run(*words, *more)
            assert result.exit_code in range(5), f"status {result.exit_code} of {words}: {result.stderr}"
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            assert "Traceback" not in result.output
            if more:
                json.loads(result.stdout)
            statuses.add(result.exit_code)
        assert len(statuses) == 1, f"{words}: {statuses}"
        return REFUSED if result.exit_code in (2, 4) else result
