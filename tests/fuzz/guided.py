"""Fuzzing guided by coverage: python guided.py image|bundle BUNDLE FOLDER FLAG..., the flags being libFuzzer's; needs atheris.

FOLDER/corpus begins with the files that pictures.py and bundles.py damage. The first byte of an input says what is mended of it, so that checksums
and hashes hold back no damage.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["facelite", "zipfile", "json"]):
    from facelite.bundle import HEAD, load_bundle
    from facelite.errors import FaceliteError
    from facelite.image import decode_image

from bundles import Bundles, listed, zipped
from mutate import mend_png, mend_riff
from pictures import Pictures


def image(target):
    menders = [bytes, mend_png, mend_riff]
    seeds = [bytes([{b"\x89": 1, b"R": 2}.get(file[:1], 0)]) + file for file in target.files]
    return seeds, lambda data: target.checked(decode_image(menders[data[0] % 3](data[1:])))


def bundle(target):
    _, (_, manifest, files) = target.kinds

    def use(data):
        what, rest = data[0] % 3, data[1:]
        with_head = files | {HEAD: rest}
        load_bundle([rest, zipped(files, rest), zipped(with_head, listed(manifest, with_head))][what])

    return [*(b"\0" + kind[0] for kind in target.kinds), b"\1" + manifest, b"\2" + files[HEAD]], use


def main(kind, bundle_file, folder, *flags):
    make, target = {"image": (image, Pictures), "bundle": (bundle, Bundles)}[kind]
    corpus = Path(folder) / "corpus"
    corpus.mkdir()
    seeds, use = make(target(Path(folder), Path(bundle_file)))
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:02d}").write_bytes(seed)

    def one(data):
        with suppress(FaceliteError):
            use(data or b"\0")

    atheris.Setup([sys.argv[0], *flags, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
