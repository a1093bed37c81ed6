"""Bundles, and what lies in them: golden vectors, heads, maps. Their hashes fit, so that the readers behind them are reached."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import cv2
import mutate
import numpy as np
from target import REFUSED, Target

from facelite import bundle as bundle_module
from facelite.bundle import DETECTOR, EMBEDDER, GOLDEN, HEAD, MANIFEST, load_bundle, open_bundle, pack_bundle
from facelite.distance import Siamese, pack_head, scaled, unpack_head
from facelite.runtime.migration import SpaceMap, pack_map, unpack_map


def zipped(files, manifest):
    """A bundle of ``files`` and the bytes of a manifest, whatever they are."""
    return bundle_module._zip({**files, MANIFEST: manifest})


def listed(manifest, files):
    """The bytes of a ``manifest`` that names these files, so that their hashes fit."""
    table = json.loads(manifest)
    return json.dumps(table | {"files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}).encode()


class Bundles(Target):
    """Small bundles: damaged as bytes, and with manifests and heads whose hashes fit, so that all readers behind them are reached."""

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        manifest = replace(open_bundle(bundle).manifest, embedding=8)
        files = {EMBEDDER: b"embedder", DETECTOR: b"detector", GOLDEN: b"[]", "card.md": "Größe".encode()}
        head = {HEAD: pack_head(scaled(np.arange(8.0), form="chi-square"))}
        self.kinds = []
        for changed, more in (({}, {}), ({"decide": "siamese"}, head)):
            packed = pack_bundle(replace(manifest, **changed), files | more)
            whole = bundle_module._unzip(packed)
            self.kinds.append((packed, whole.pop(MANIFEST), whole))

    def make(self, random):
        packed, manifest, files = random.choice(self.kinds)
        act = random.random()
        if act < 0.3:
            parts = packed.replace(b"PK", b"\0PK").split(b"\0PK")
            return mutate.mutate([parts[0], *(b"PK" + part for part in parts[1:])], random)
        if act < 0.7 or HEAD not in files:
            return zipped(files, mutate.mutate_json(manifest, random))
        files = files | {HEAD: mutate.mutate_json(files[HEAD], random)}
        return zipped(files, listed(manifest, files))

    def use(self, data):
        bundle = load_bundle(data)
        assert bundle.manifest.threshold().fmr == bundle.manifest.fmr
        return bundle


class Goldens(Target):
    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        table = json.loads(open_bundle(bundle).files[GOLDEN])
        small = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
        for one in table:
            one["crop"] = one["frame"] = base64.b64encode(small).decode()
            one["embedding"] = [1.0] + [0.0] * 7
        self.data = json.dumps(table).encode()
        self.large = base64.b64encode(cv2.imencode(".png", np.zeros((4000, 4000, 3), np.uint8))[1].tobytes()).decode()

    def make(self, random):
        if random.random() < 0.01:  # pictures that are small only as long as they are packed
            table = json.loads(self.data)
            return json.dumps([one | {"frame": self.large} for one in table * random.choice((1, 10, 40))]).encode()
        return mutate.mutate_json(self.data, random)

    def use(self, data):
        from facelite.runtime.golden import unpack_golden

        return unpack_golden(data)


class Heads(Target):
    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        self.data = pack_head(scaled(np.arange(8.0), form="chi-square"))

    def make(self, random):
        return mutate.mutate_json(self.data, random)

    def use(self, data):
        try:
            head = unpack_head(data)
        except ValueError:  # what it says it raises
            return REFUSED
        assert isinstance(head, Siamese)
        return head


class Maps(Target):
    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        self.data = pack_map(SpaceMap(np.arange(15.0).reshape(5, 3), "rotation", "old", "0" * 64, "new"))

    def make(self, random):
        return mutate.mutate_json(self.data, random)

    def use(self, data):
        try:
            found = unpack_map(data)
        except ValueError:  # what it says it raises
            return REFUSED
        again = unpack_map(pack_map(found))
        assert again.artefact == found.artefact
        lengths = np.linalg.norm(found(np.eye(len(found.matrix) - 1, dtype=np.float32)), axis=1)
        assert ((lengths < 1.001) & np.isfinite(lengths)).all()
        return found
