"""A gallery's own costs: opening, enrolling, a question to it, against the bare matrix product of one probe with all templates.

    python tests/benchmarks/gallery.py [--templates 100000] [--each 1] [--rounds 30]

Templates are random: they cost what others do. Questions and products take turns, on one thread; medians, and the ratio of each pair.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import numpy as np

from facelite.face import Embedding
from facelite.gallery import Gallery, Keyring, Template


@contextmanager
def timed(times: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times.append(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=1, help="templates a person, compared as one")
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in ("fill", "open", "enrol", "remove", "nearest", "product", "unchanged")}
    with tempfile.TemporaryDirectory() as folder:
        path, keyring = Path(folder) / "gallery.db", Keyring(Path(folder) / "keyring")
        with timed(times["fill"]), Gallery(path, space="s", create=True, keyring=keyring) as gallery, gallery._writing() as change:
            for i in range(arguments.templates):
                change.add(Template(f"person {i // arguments.each}", Embedding(rng.normal(size=128), "s"), "a" * 64, 0.0))
        with timed(times["open"]):
            gallery = Gallery(path, keyring=keyring)
        probe = Embedding(rng.normal(size=128), "s")
        gallery.nearest(probe, fused=arguments.each)
        matrix = np.ascontiguousarray(gallery._compared(arguments.each).matrix)
        for _ in range(arguments.rounds):
            with timed(times["nearest"]):
                gallery.nearest(probe, fused=arguments.each)
            with timed(times["product"]):
                matrix @ probe.vector
            with timed(times["unchanged"]):
                gallery.refresh()
        for i in range(10):
            with timed(times["enrol"]):
                gallery.enrol(f"new {i}", [Embedding(rng.normal(size=128), "s")], artefact="a" * 64)
            with timed(times["remove"]):
                gallery.remove(f"new {i}")
        gallery.close()
        print(f"{arguments.templates:,} templates, {arguments.each} a person, {path.stat().st_size / 1e6:.0f} MB")
    for name, found in times.items():
        print(f"{name:10} {1e3 * median(found):10.3f} ms")
    ratio = median(one / other for one, other in zip(times["nearest"], times["product"], strict=True))
    print(f"nearest / product {ratio:.2f}")


if __name__ == "__main__":
    main()
