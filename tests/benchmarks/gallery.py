"""A gallery's own costs: opening, enrolling, a question to it, against the bare matrix product of one probe with all templates.

    python tests/benchmarks/gallery.py [--templates 100000] [--each 1] [--rounds 30]
    python tests/benchmarks/gallery.py --index build/nns2-int8.facelite FACES...

Templates are random: they cost what others do. Questions and products take turns, on one thread; medians, and the ratio of each pair.

--index: what the index finds and costs, against the product. Its vectors are of real faces: the bundle's embeddings of the people in FACES (folders
or tars, aligned or not), and, to be as many as wanted, each of them moved as one picture of a person differs from that person's mean, by the
difference of another person's picture. The same is done to templates to make probes of mates; strangers are people whom no template is of.
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

from facelite.cli.models import open_model
from facelite.distance import SQUARED_L2
from facelite.evaluation.cache import default_folder
from facelite.evaluation.sets import embed_sets, open_sets
from facelite.face import Embedding
from facelite.gallery import Gallery, Keyring, Template, index
from facelite.gallery.compared import Compared

SIZES = (100_000, 200_000, 1_000_000)
PROBES = 500


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
    parser.add_argument("--index", metavar="BUNDLE")
    parser.add_argument("faces", nargs="*")
    arguments = parser.parse_args()
    if arguments.index:
        compare_index(arguments.index, arguments.faces)
    else:
        measure_gallery(arguments.templates, arguments.each, arguments.rounds)


def measure_gallery(templates: int, each: int, rounds: int) -> None:
    rng = np.random.default_rng(0)
    names = ("fill", "open", "enrol", "remove", "nearest", "product", "unchanged", "foreign change")
    times: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        path, keyring = Path(folder) / "gallery.db", Keyring(Path(folder) / "keyring")
        with timed(times["fill"]), Gallery(path, space="s", create=True, keyring=keyring) as gallery:
            gallery.add([Template(f"person {i // each}", Embedding(rng.normal(size=128), "s"), "a" * 64, 0.0) for i in range(templates)])
        with timed(times["open"]):
            gallery = Gallery(path, keyring=keyring)
        probe = Embedding(rng.normal(size=128), "s")
        gallery.nearest(probe, fused=each)
        matrix = np.ascontiguousarray(gallery._compared(each).matrix)
        for _ in range(rounds):
            with timed(times["nearest"]):
                gallery.nearest(probe, fused=each)
            with timed(times["product"]):
                matrix @ probe.vector
            with timed(times["unchanged"]):
                gallery.refresh()
        with Gallery(path, keyring=keyring) as other:
            for i in range(5):
                with timed(times["enrol"]):
                    gallery.enrol(f"new {i}", [Embedding(rng.normal(size=128), "s")], artefact="a" * 64)
                    gallery.nearest(probe, fused=each)
                with timed(times["foreign change"]):
                    other.refresh()
                with timed(times["remove"]):
                    gallery.remove(f"new {i}")
                    gallery.nearest(probe, fused=each)
        gallery.close()
        print(f"{templates:,} templates, {each} a person, {path.stat().st_size / 1e6:.0f} MB; enrol and remove with the next question")
    for name, found in times.items():
        print(f"{name:15} {1e3 * median(found):10.3f} ms")
    ratio = median(one / other for one, other in zip(times["nearest"], times["product"], strict=True))
    print(f"nearest / product {ratio:.2f}")


def compare_index(bundle: str, faces: list[str]) -> None:
    with open_sets(faces) as sets:
        found = embed_sets(sets, open_model(bundle), cache=default_folder())
    vectors, person = found.vectors[found.found], found.person[found.found]
    rng, pictures = np.random.default_rng(0), np.bincount(person)
    strangers = np.isin(person, rng.permutation(len(pictures))[: len(pictures) // 20])
    means = np.zeros((len(pictures), vectors.shape[1]), np.float32)
    np.add.at(means, person, vectors / pictures[person][:, None])
    several = pictures[person] >= 3
    count = pictures[person][several, None]
    moves = (vectors - means[person])[several] * np.sqrt(count / (count - 1))  # about the mean they vary a little less than about the person

    def moved(some: np.ndarray) -> np.ndarray:
        wide = some + moves[rng.integers(len(moves), size=len(some))]
        return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)

    known, unknown = vectors[~strangers], vectors[strangers]
    print(f"{len(known):,} embeddings of {len(pictures):,} people, made more; {PROBES} probes of mates and of strangers; one thread")
    print("  templates  build    MB   product     index  ratio   recall: mates  within 1.0  strangers")
    for size in SIZES:
        matrix = np.concatenate([moved(known[rng.integers(len(known), size=min(50_000, size - i))]) for i in range(0, size, 50_000)])
        probes = [*moved(matrix[rng.integers(size, size=PROBES)]), *unknown[rng.permutation(len(unknown))[:PROBES]]]
        print(index_line(matrix, probes), flush=True)


def index_line(matrix: np.ndarray, probes: list[np.ndarray]) -> str:
    index.FROM = 0
    names, building, asked, bare = [str(i) for i in range(len(matrix))], [], [], []
    compared = Compared(matrix, names, [1] * len(matrix))
    with timed(building):
        compared.nearest(probes[0], besides=None, distance=SQUARED_L2, indexed=True)
    hits, least = [], []
    for probe in probes:
        with timed(asked):
            near = compared.nearest(probe, besides=None, distance=SQUARED_L2, indexed=True)[1]
        with timed(bare):
            product = matrix @ probe
        least.append(2 - 2 * float(product.max()))
        hits.append(near <= least[-1] + 1e-5)
    ratio = median(one / other for one, other in zip(bare, asked, strict=True))
    mates, strangers, within = np.mean(hits[:PROBES]), np.mean(hits[PROBES:]), np.mean(np.array(hits)[np.array(least) <= 1.0])
    megabytes = compared._index._found.code_size * len(matrix) / 1e6
    return (
        f"{len(matrix):11,} {building[0]:5.1f} s {megabytes:4.0f} {1e3 * median(bare):6.2f} ms {1e3 * median(asked):6.2f} ms {ratio:6.1f}"
        f"          {mates:.4f}      {within:.4f}     {strangers:.4f}"
    )


if __name__ == "__main__":
    main()
