"""False acceptances and false rejections of attempts of several frames, counted, beside those of single frames.

    python tests/benchmarks/attempt.py BUNDLE FACES [--enrolled 3] [--pictures 6]

FACES is a folder of sets of aligned crops (facelite align), whose held-out people are enrolled from some pictures and try with the others. A
picture stands for a person who stands still: its frames are views of it as the device's detector jitters, in changing light, noise and blur,
and so are far more alike than independent frames. A person who moves gives frames that differ more.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facelite.bundle import open_bundle
from facelite.face import FaceCrop, fuse
from facelite.runtime.attempt import AttemptRule
from facelite.runtime.embedder import Embedder
from facelite.split import is_held_out
from facelite.training.augment import Augmentation, vary
from facelite.training.geometry import read_geometry

RULES = (AttemptRule(1, 1), AttemptRule(1, 3), AttemptRule(2, 3), AttemptRule(3, 5), AttemptRule(2, 5), AttemptRule(1, 5))
CAMERA = replace(Augmentation(), mirror=0.0, cover=0.0, grey=0.0, small=0.0, jpeg=0.0, light=0.08)
PEOPLE = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--enrolled", type=int, default=3, choices=(1, 2, 3, 5, 8))
    parser.add_argument("--pictures", type=int, default=6, help="with which a person tries, at most")
    arguments = parser.parse_args()
    bundle = open_bundle(arguments.bundle)
    manifest, embedder, rng = bundle.manifest, Embedder.of(bundle), np.random.default_rng(0)
    size, most, enrolled = manifest.preprocessing, max(rule.frames for rule in RULES), arguments.enrolled
    templates, frames, person = [], [], []
    for set_, folder in sorted(
        ((one, path) for one in arguments.faces.iterdir() if (one / "align.json").exists() for path in one.iterdir() if is_held_out(path.name)),
        key=lambda pair: str(pair[1]),
    ):
        pictures = sorted(folder.glob("*"))
        if len(pictures) <= enrolled or len(templates) == PEOPLE:
            continue
        geometry = read_geometry(set_)

        def embed(path: Path, augmentation: Augmentation, geometry=geometry):
            crop = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
            seen = vary(crop, geometry, size.height, size.width, augmentation=augmentation, rng=rng)
            return embedder.embed(FaceCrop(seen, np.zeros((4, 2)))).vector

        chosen = rng.permutation(len(pictures))[: enrolled + arguments.pictures]
        templates.append(fuse(np.stack([embed(pictures[i], Augmentation.none()) for i in chosen[:enrolled]])))
        for i in chosen[enrolled:]:
            frames.append([embed(pictures[i], CAMERA) for _ in range(most)])
            person.append(len(templates) - 1)
    distances = 2 - 2 * np.stack(frames) @ np.stack(templates).T  # (attempts, frames, people)
    own = np.array(person)[:, None] == np.arange(len(templates))
    print(f"{len(templates)} people of {enrolled} templates, {len(frames)} attempts of each on his own and on all others'")
    print("threshold at FMR   frames          FAR         FRR")
    means = {number: 2 - 2 * fuse(np.stack(frames)[:, :number]) @ np.stack(templates).T for number in (3, 5)}
    for threshold in manifest.template_thresholds.get(f"fused {enrolled}", manifest.thresholds):
        matches = distances <= threshold.distance
        answers = {f"{rule.needed} of {rule.frames}": matches[:, : rule.frames].sum(1) >= rule.needed for rule in RULES}
        answers |= {f"mean of {number}": distance <= threshold.distance for number, distance in means.items()}
        for name, accepted in answers.items():
            print(f"{threshold.fmr:<16g}   {name:<12}    {accepted[~own].mean():.2e}    {100 * (1 - accepted[own].mean()):5.1f} %")


if __name__ == "__main__":
    main()
