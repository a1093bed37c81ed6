"""The pictures that ``facelite align`` kept, cut about their middle and not aligned: for the table of ingredients.

    python tests/benchmarks/unaligned.py FACES SOURCES OUT

FACES holds a folder of aligned crops for each SOURCES/SET.tar. The square about the middle has the median size that alignment gives in the set.
"""

from __future__ import annotations

import argparse
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import cv2

from facelite.evaluation.crop import CentreCrop, DetectedFace, square_side
from facelite.image import decode_image
from facelite.preprocess import sample, similarity
from facelite.runtime.detector import Detector, find_detector
from facelite.source import Read, open_source
from facelite.training.geometry import GEOMETRY, read_geometry

MEASURED = 200
"""Pictures of each set, evenly taken, that the detector sees."""


def share_of_face(read: Read, names: list[str], detector: Detector) -> float:
    """The median side of the template's square, as a share of the picture's shorter side."""
    road, shares = DetectedFace(), list[float]()
    for name in names[:: max(1, len(names) // MEASURED)]:
        image = decode_image(read(name))
        if (points := road.landmarks(image, detector)) is not None:
            shares.append(square_side(points) / min(image.shape[:2]))
    return min(1.0, median(shares))


def cut(faces: Path, source: Path, out: Path, detector: Detector) -> None:
    """Cut each picture of the tar ``source`` that has a crop in ``faces``."""
    geometry = read_geometry(faces)
    with open_source(source) as (names, read), ThreadPoolExecutor() as pool:
        kept = [name for name in names if (faces / name).with_suffix(".jpg").exists()]
        middle = CentreCrop(share_of_face(read, kept, detector))

        def one(name: str) -> None:
            image = decode_image(read(name))
            matrix = similarity(middle.landmarks(image, detector), geometry.landmarks)
            crop = sample(image, matrix, geometry.side, geometry.side)
            path = (out / name).with_suffix(".jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])

        list(pool.map(one, kept))
    shutil.copy(faces / GEOMETRY, out / GEOMETRY)
    print(f"{out}: {len(kept)} pictures, the middle {middle.share:.2f} of the shorter side")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("faces", "sources", "out"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    detector = Detector(find_detector())
    for source in sorted(arguments.sources.glob("*.tar")):
        if (arguments.faces / source.stem).is_dir():
            cut(arguments.faces / source.stem, source, arguments.out / source.stem, detector)
    for beside in arguments.faces.glob("*.npz"):
        shutil.copy(beside, arguments.out)


if __name__ == "__main__":
    main()
