"""What limits of quality cost and gain on held-out people: on pictures as they are, and on pictures made worse step by step.

    python tests/benchmarks/quality.py RECIPE BUNDLE FACES [--pictures 300]

RECIPE is the export's, which names the sets of people in FACES (folders or tars), BUNDLE what was exported by it. FNMR is at the bundle's
default threshold. A picture made worse is compared with all others of its person as they are; what was not found is not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np

from facelite.bundle import DETECTOR, open_bundle
from facelite.evaluation.embed import embed_pictures
from facelite.evaluation.people import open_people
from facelite.evaluation.quality import discards, measure_pictures
from facelite.export.recipe import Recipe
from facelite.face import Pixels
from facelite.image import decode_image
from facelite.quality import Quality
from facelite.recipe import read_recipe
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.look import find_face
from facelite.runtime.verifier import Verifier

Change = Callable[[Pixels], Pixels]
NAMES = [field.name for field in fields(Quality)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--pictures", type=int, default=300, help="that are made worse")
    arguments = parser.parse_args()
    bundle = open_bundle(arguments.bundle)
    manifest, verifier = bundle.manifest, Verifier(bundle)
    with open_people(arguments.faces, read_recipe(arguments.recipe, Recipe).faces) as people:
        held_out = people(True)
        (embedded,) = embed_pictures(held_out.names, held_out.read, detector=bundle.files[DETECTOR], embedders=[lambda: Embedder.of(bundle)])
        embedded, person = replace(embedded, distance=bundle.distance), held_out.subjects
        qualities = measure_pictures(
            held_out.names, held_out.read, embedded, detector=bundle.files[DETECTOR], size=manifest.preprocessing, rule="centre"
        )
        found = discards(embedded, person, qualities, limits=manifest.limits, distance=manifest.threshold().distance)
        print(f"{manifest.name}, {len(person)} pictures of {len(set(person))} held-out people, FNMR {found.fnmr.value:.1%}")
        print("beyond the limit of       pictures  FNMR with  without (95 %)")
        for one in found.measures:
            failed, kept = "-" if one.fnmr_refused is None else f"{one.fnmr_refused:.1%}", one.kept
            print(f"{one.measure:10} {one.limit:10.4g} {one.refused:11.2%} {failed:>8} {kept.value:8.1%} ({kept.low:.1%} to {kept.high:.1%})")
        print("FNMR of the others with so many pictures refused, the worst first")
        print(" " * 10, *(f"{step.share:8.1%}" for step in found.measures[1].curve))
        for one in found.measures[1:]:
            print(f"{one.measure:10}", *(f"{step.fnmr:8.1%}" for step in one.curve))
        chosen = np.random.default_rng(1).permutation(len(person))[: arguments.pictures]
        images = {int(i): decode_image(held_out.read(held_out.names[i])) for i in chosen}
    print(f"{len(images)} pictures made worse: no face, FNMR; medians of", *NAMES)
    for name, change in (*changes(), ("mask", masked(verifier.detector))):
        rows, failed, compared = [], 0, 0
        for i, image in images.items():
            image = change(image)
            if (face := find_face(image, verifier.detector, rule="centre").face) is None:
                continue
            look = verifier.look_at(image, face)
            if look.quality is None or look.crop is None:
                continue
            vector = verifier.embedder.vectors([look.crop])[0]
            rows.append([getattr(look.quality.embedded(vector), one) for one in NAMES])
            others = np.flatnonzero((person == person[i]) & (np.arange(len(person)) != i) & embedded.found)
            distances = bundle.distance.pairs(verifier.embedder.unit(vector).vector[None], embedded.vectors[others])
            failed, compared = failed + int((distances > manifest.threshold().distance).sum()), compared + len(others)
        middle = np.median(rows, axis=0) if rows else [np.nan] * len(NAMES)
        print(f"{name:16} {len(images) - len(rows):4} {failed / max(compared, 1):7.1%} ", *(f"{value:8.3g}" for value in middle))


def changes() -> Iterator[tuple[str, Change]]:
    """Less and more light (in linear light, with a sensor's noise), blur in pixels of a crop of 152, fewer pixels, cut at the right and below."""
    rng = np.random.default_rng(0)

    def light(factor: float) -> Change:
        def change(image: Pixels) -> Pixels:
            linear = (image / 255.0) ** 2.2 * factor
            noisy = linear + rng.normal(0, 0.002, linear.shape) + rng.normal(0, 1, linear.shape) * np.sqrt(linear * 0.0006)
            return (255 * np.clip(noisy, 0, 1) ** (1 / 2.2) + 0.5).astype(np.uint8)

        return change

    yield "as it is", lambda image: image
    for factor in (0.3, 0.1, 0.03, 0.01, 2.0, 4.0, 8.0, 16.0):
        yield f"light x {factor:g}", light(factor)
    for sigma in (1, 2, 3, 4):
        yield f"blur {sigma}", lambda image, sigma=sigma: cv2.GaussianBlur(image, (0, 0), sigma * max(image.shape[:2]) / 152)
    for share in (0.6, 0.4, 0.3, 0.2):
        yield f"sides x {share:g}", lambda image, share=share: cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    for share in (0.2, 0.3, 0.4):
        yield f"right - {share:.0%}", lambda image, share=share: np.ascontiguousarray(image[:, : int(image.shape[1] * (1 - share))])
    for share in (0.15, 0.25, 0.35):
        yield f"below - {share:.0%}", lambda image, share=share: np.ascontiguousarray(image[: int(image.shape[0] * (1 - share))])


def masked(detector: Detector) -> Change:
    """Painted over in a mask's light blue from the tip of the nose down, as wide as the face."""

    def change(image: Pixels) -> Pixels:
        image = image.copy()
        if face := find_face(image, detector, rule="centre").face:
            left, top, width, height = np.round(face.box).astype(int)
            image[max(0, round(float(face.keypoints[2, 1]))) : top + height, max(0, left) : left + width] = (150, 180, 210)
        return image

    return change


if __name__ == "__main__":
    main()
