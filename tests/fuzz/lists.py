"""Recipes, configs of kiosks, lists of pairs, tables of groups, and tars: files that people and other programs write."""

from __future__ import annotations

import io
import re
import tarfile

import cv2
import mutate
import numpy as np
from target import ROOT, Target


class Recipes(Target):
    """The recipes in export/, and what a liveness model's file says."""

    def __init__(self, folder, bundle):
        from facelite.export.recipe import Recipe
        from facelite.runtime.liveness.model import ModelUse
        from facelite.training.recipe import TrainingRecipe

        super().__init__(folder, bundle)
        use = 'live = 1\nlimit = 0.5\ncrop = 2.7\ncolours = "RGB"\nmean = 0.0\nstd = 1.0\nscores = "logits"\nframes = 5\nseconds = 10.0\n'
        self.texts = [(TrainingRecipe if "training" in path.name else Recipe, path.read_text()) for path in sorted(ROOT.glob("export/*/*.toml"))]
        self.texts += [(ModelUse, use)] * 3
        self.kinds = [Recipe, TrainingRecipe, ModelUse]

    def make(self, random):
        kind, text = random.choice(self.texts)
        return bytes([self.kinds.index(kind)]) + mutate.mutate_text(text, random)

    def use(self, data):
        from facelite.recipe import read_recipe

        kind = self.kinds[data[0]]
        recipe = read_recipe(self.written(data[1:]), kind)
        assert isinstance(recipe, kind)
        return recipe


def kiosk_text():
    """The config that devices/ explains, with all that it offers turned on and nothing explained."""
    text = (ROOT / "devices/raspberry_pi/kiosk.toml").read_text()
    return "\n".join(filter(None, re.sub(r" *#.*", "", re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)).split("\n")))


class Kiosks(Target):
    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        self.text = kiosk_text()

    def make(self, random):
        return mutate.mutate_toml(self.text, random)

    def use(self, data):
        from facelite.kiosk.config import Kiosk, read_config

        config = read_config(self.written(data))
        assert isinstance(config, Kiosk)
        repr(config).encode()
        return config


class Pairs(Target):
    """LFW's list, YouTube Faces', and a CSV of one's own."""

    texts = (
        "2\t2\nAda\t1\t2\nBob\t1\t2\nAda\t1\tBob\t1\nAda\t2\tBob\t2\nCy\t1\t2\nDi\t2\t3\nCy\t3\tDi\t3\nDi\t1\tCy\t3\n",
        "split number, pair number, first name, second name, is same\n1, 1, Ada/0, Ada/1, 1\n1, 2, Ada/0, Bob/1, 0\n2, 1, Bob/0, Bob/1, 1\n",
        'image_a,image_b,same,fold\nada/1.jpg,ada/2.jpg,1,0\nada/1.jpg,bob/1.jpg,0,0\n"cy/1.jpg",cy/2.jpg,yes,1\ncy/2.jpg,bob/1.jpg,no,1\n',
        "image_b,same,image_a,age\nada/1.jpg,true,ada/2.jpg,9\nada/1.jpg,false,bob/1.jpg,10\ncy/1.jpg,1,cy/2.jpg,\n1.jpg,0,2.jpg,\n",
    )

    def make(self, random):
        return mutate.mutate_text(random.choice(self.texts), random)

    def use(self, data):
        from facelite.evaluation.pairs import read_pairs

        pairs = read_pairs(self.written(data))
        assert len(pairs.first) == len(pairs.second) == len(pairs.same) == len(pairs.fold) > 0
        assert len(pairs.person) == len(pairs.images) > max(pairs.first.max(), pairs.second.max())
        return pairs


class Groups(Pairs):
    texts = (
        "name,age,sex\nada,30-44,female\nbob/1.jpg,,male\nbob,18-29,male\ncy,60+,\n",
        "name,glasses\nada/1.jpg,1\nada/2.jpg,0\nbob/1.jpg,\n",
    )
    names = ("ada/1.jpg", "ada/2.jpg", "bob/1.jpg", "2.jpg")

    def use(self, data):
        from facelite.evaluation.slices import find_groups, utkface_groups

        text = data.decode(errors="replace")
        utkface_groups([f"{text[:40]}/{text[40:]}", *text.splitlines()[:4]])
        groups = find_groups(str(self.written(data)), self.names)
        assert all(len(labels) == len(self.names) for labels in groups.values())
        return groups


PAX = (
    *(b"11 size=-1\n", b"20 size=99999999999\n", b"99999999999 path=a\n", b"0 a=b\n", b"-1 a=b\n", b"14 mtime=nan\n", b"16 hdrcharset=x\n"),
    *(b"21 GNU.sparse.size=9\n", b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n", b"22 GNU.sparse.map=a,b\n", b"1" * 5000 + b" a=b\n"),
)
"""Records of a PAX header."""


class Tars(Target):
    """Folders of people as tars: old headers, GNU's and PAX's, long names and sparse files, with checksums that fit."""

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        picture = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
        self.files = []
        for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
            content = io.BytesIO()
            with tarfile.open(fileobj=content, mode="w", format=form) as tar:
                long = "" if form == tarfile.USTAR_FORMAT else "x" * 180
                for name in ("ada/1.jpg", "ada/2.png", f"bob/{long}ä.jpg", "pairs.txt"):
                    member = tarfile.TarInfo(name)
                    member.size = len(picture)
                    tar.addfile(member, io.BytesIO(picture))
            self.files.append(content.getvalue())

    def make(self, random):
        data = random.choice(self.files)
        blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
        damaged = mutate.mutate(blocks, random) if random.random() < 0.4 else b"".join(self.mutated(blocks, random))
        if random.random() < 0.85:
            return b"".join(self.mended(damaged[at : at + 512]) for at in range(0, len(damaged), 512))
        return damaged

    @staticmethod
    def mutated(blocks, random):
        """Blocks with fields of a header exchanged: size, time, type, and those of sparse files; or lines of a PAX header."""
        for block in blocks:
            if block[257:262] == b"ustar" and random.random() < 0.3:
                start, end = random.choice(((124, 136), (124, 136), (100, 108), (136, 148), (345, 500), (386, 398), (482, 495), (0, 100)))
                number = random.choice((0, 1, 511, 512, 513, -1, -512, -513, -10_000, 2**40, 2**60, 2**62 - 1, -(2**60), 2**33))
                values = (
                    b"%o" % abs(number),
                    b"\x80" + (number % (1 << 88)).to_bytes(11, "big"),
                    b"\xff" * 12,
                    b"-1",
                    b" ",
                    b"9",
                    b"\0" * 12,
                    random.randbytes(12),
                )
                block = block[:start] + random.choice(values).ljust(end - start, b"\0")[: end - start] + block[end:]
                if random.random() < 0.5:
                    block = (
                        block[:156]
                        + random.choice((b"0", b"L", b"K", b"x", b"g", b"X", b"S", b"1", b"2", b"5", b"7", b"D", b"V", b"\xff"))
                        + block[157:]
                    )
            elif b" path=" in block and random.random() < 0.6:
                record = random.choice(PAX)
                block = random.choice((record + block, record))[:512].ljust(512, b"\0")
            yield block

    @staticmethod
    def mended(block):
        if block[257:262] != b"ustar" or len(block) < 512:
            return block
        blank = block[:148] + b" " * 8 + block[156:]
        return block[:148] + b"%06o\0 " % sum(blank) + block[156:]

    def use(self, data):
        from facelite.source import open_source, read_beside

        path = self.written(data)
        read_beside(path, "pairs.txt")
        with open_source(path) as (names, read):
            assert names
            for name in names:
                assert len(read(name)) <= len(data)
        return names
