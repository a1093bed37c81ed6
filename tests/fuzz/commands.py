"""The command line on damaged files: never status 70, and no trace."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import replace

import cv2
import mutate
import numpy as np
from lists import Pairs, kiosk_text
from models import LivenessModels, Verifiers
from pictures import Videos
from target import REFUSED, ROOT, Target

from facelite.bundle import open_bundle, pack_bundle
from facelite.runtime.migration import MAP, SpaceMap, pack_map, unpack_map


class Commands(Target):
    """Commands on damaged files: never status 70, no trace; one line on standard error where it refuses."""

    megabytes = 700

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        import matplotlib.cbook
        from click.testing import CliRunner

        from facelite.cli.main import main
        from facelite.evaluation.benchmark.rounds import run_rounds
        from facelite.kiosk import check

        self.run = lambda *words: CliRunner().invoke(main, [str(word) for word in words])
        with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
            face = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
        face = cv2.resize(face, (256, 300), interpolation=cv2.INTER_AREA)
        self.picture = folder / "face.jpg"
        cv2.imwrite(str(self.picture), face)
        self.faces = [cv2.imencode(suffix, face)[1].tobytes() for suffix in (".jpg", ".png", ".webp", ".bmp")]
        os.environ |= {"FACELITE_BUNDLE": str(bundle), "FACELITE_KEYRING": str(folder / "keys"), "FACELITE_CACHE": str(folder / "cache")}
        os.environ["GPIOZERO_PIN_FACTORY"] = "mock"
        self.gallery = folder / "people.db"
        assert self.run("enrol", "--gallery", self.gallery, "Grace", self.picture).exit_code == 0
        self.stored = self.gallery.read_bytes()
        self.verifiers, self.pairs = Verifiers(folder, bundle), Pairs(folder, bundle)
        for name in ("Grace/Grace_0001.jpg", "Grace/Grace_0002.jpg", "Ada/Ada_0001.jpg"):
            (folder / "people" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.picture, folder / "people" / name)
        shutil.copytree(self.folder / "keys", self.folder / "kept")
        self.videos, self.models = Videos(folder, bundle), LivenessModels(folder, bundle)
        for name in ("bona_fide/Grace/1.jpg", "attack/print/Grace/1.jpg"):
            (folder / "presentations" / name).parent.mkdir(parents=True)
            shutil.copy(self.picture, folder / "presentations" / name)
        ours = open_bundle(bundle)
        self.elsewhere = replace(ours, manifest=replace(ours.manifest, space="elsewhere"))
        self.map = pack_map(SpaceMap(np.eye(129, 128), "rotation", ours.manifest.space, ours.artefact, "elsewhere"))
        self.config = self.kiosk()
        check.PATIENCE = 1.0
        run_rounds.__kwdefaults__["rounds"] = 1
        self.list = "1\t1\nGrace\t1\t2\nGrace\t1\tAda\t1\n"

    @staticmethod
    def kiosk():
        """A config that asks nobody but this machine."""
        text = kiosk_text().replace("gallery.db", "people.db").replace("nns1-int8", "kiosk").replace("picamera2", "people/Grace")
        text = text.replace('"keyring"', '"keys"').replace("port = 8321", "port = 0")
        return text.replace("192.168.1.10", "127.0.0.1").replace("https://example.org", "http://127.0.0.1:9")

    def make(self, random):
        act = random.choice((b"V", b"V", b"E", b"B", b"I", b"G", b"L", b"C", b"P", b"X", b"T", b"M", b"R", b"A", b"D", b"N"))
        if act in b"VEC":
            return act + mutate.mutate(mutate.split_picture(random.choice(self.faces)), random)
        if act in b"BIN":
            return act + self.verifiers.make(random)
        if act in b"GLR":
            return act + mutate.mutate([self.stored[at : at + 4096] for at in range(0, len(self.stored), 4096)], random)
        if act in b"P":
            return act + mutate.mutate_text(self.list, random)
        if act in b"T":
            return act + self.videos.make(random)
        if act in b"M":
            return act + self.mapped(mutate.mutate_json(self.map, random))
        if act in b"A":
            return act + self.models.make(random)
        if act in b"D":
            return act + mutate.mutate_toml(self.config, random)
        return act + mutate.mutate_text((ROOT / "export/nns2/float32.toml").read_text(), random)

    def mapped(self, data):
        """A bundle of another space with the map ``data``, and with thresholds for what it maps where it is one."""
        manifest, artefacts = self.elsewhere.manifest, []
        with suppress(ValueError):
            artefacts = [unpack_map(data).artefact]
        manifest = replace(manifest, template_thresholds=dict.fromkeys(artefacts, manifest.thresholds))
        return pack_bundle(manifest, {**self.elsewhere.files, MAP: data})

    def use(self, data):
        act, path = data[:1], self.given(data[:1], data[1:])
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
            b"T": ("test", path, "--gallery", self.gallery),
            b"M": ("gallery", "migrate", "--gallery", self.gallery, "--bundle", path, "--out", self.folder / "moved.db"),
            b"R": ("gallery", "restore", "--gallery", self.gallery),
            b"A": ("pad-eval", self.folder / "presentations", "--liveness", path),
            b"D": ("doctor", path),
            b"N": ("benchmark", path, "--seconds", "0.01", "--threads", "1"),
        }[act]
        (self.folder / "new.db").unlink(missing_ok=True)
        statuses = set()
        for more in ((), ("--json",)):
            self.begin(data[1:] if act in b"GLR" else self.stored)
            result = self.run(*words, *more)
            assert result.exit_code in range(5), f"status {result.exit_code} of {words}: {result.stderr}"
            assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
            assert "Traceback" not in result.output
            if more:
                json.loads(result.stdout)
            statuses.add(result.exit_code)
        assert len(statuses) == 1, f"{words}: {statuses}"
        return REFUSED if result.exit_code in (2, 4) else result

    def given(self, act, data):
        """The file that the command is given."""
        if act in b"A":
            return self.models.placed(data)
        return self.written(data[4:], "given" + data[:4].decode()) if act in b"T" else self.written(data, "given")

    def begin(self, stored):
        """The gallery, its keyring and a kiosk's bundle are as before, and nothing is written yet."""
        for folder in (self.folder / "seen", self.folder / "keys"):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "kept", self.folder / "keys")
        for name in ("moved.db", "people.db-wal", "people.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        self.gallery.write_bytes(stored)
        shutil.copy(self.bundle_file, self.folder / "kiosk.facelite")
