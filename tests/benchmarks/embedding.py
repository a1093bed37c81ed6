"""Embedding a folder on all cores, against its stages measured alone on one: usage: embedding.py BUNDLE [PICTURES]

PICTURES is a folder or a tar; without one, photographs of two people are shifted and encoded 400 times. Runs are interleaved; medians.
"""

from __future__ import annotations

import os
import sys
import time
from statistics import median

import cv2
import matplotlib.cbook
import matplotlib.image
import numpy as np
import skimage.data

from facelite.bundle import DETECTOR, open_bundle
from facelite.evaluation.embed import embed_pictures
from facelite.image import decode_image
from facelite.preprocess import align
from facelite.runtime.choice import choose
from facelite.runtime.detector import Detector
from facelite.runtime.embedder import Embedder
from facelite.source import open_source

MOST = 400
ROUNDS = 5


def portraits():
    """Encoded 250 x 250 pictures by name."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        hopper = np.array(matplotlib.image.imread(file, format="jpg"))
    faces = [skimage.data.astronaut()[20:270, 100:350], cv2.resize(hopper[60:460, 60:460], (250, 250))]
    shifted = (np.roll(faces[i % 2], i % 13 - 6, axis=i % 3 % 2) for i in range(MOST))
    return {f"{i}.jpg": cv2.imencode(".jpg", cv2.cvtColor(face, cv2.COLOR_RGB2BGR))[1].tobytes() for i, face in enumerate(shifted)}


def stages(data, detector, embedder):
    """Seconds that each stage takes for all pictures, one after the other."""
    size, marks = embedder.preprocessing, [time.perf_counter()]
    images = [decode_image(one) for one in data]
    marks.append(time.perf_counter())
    faces = [detector.detect(image) for image in images]
    marks.append(time.perf_counter())
    chosen = [(image, choose(found, image.shape, rule="centre")) for image, found in zip(images, faces, strict=True) if found]
    crops = [align(image, face.landmarks, size.height, size.width) for image, face in chosen]
    marks.append(time.perf_counter())
    for crop in crops:
        embedder.vectors([crop])
    marks.append(time.perf_counter())
    return dict(zip(("decode", "detect", "align", "embed"), np.diff(marks), strict=True))


def run(bundle, pictures):
    cv2.setNumThreads(1)  # the threads are over pictures
    names, data = list(pictures), list(pictures.values())
    detector, embedder, cores = Detector(bundle.files[DETECTOR]), Embedder.of(bundle), len(os.sched_getaffinity(0))
    alone, together = [], []
    for _ in range(ROUNDS):
        alone.append(stages(data, detector, embedder))
        began = time.perf_counter()
        embed_pictures(names, pictures.__getitem__, detector=bundle.files[DETECTOR], embedders=[lambda: Embedder.of(bundle)], workers=cores)
        together.append(time.perf_counter() - began)
    total = median(sum(one.values()) for one in alone)
    print(f"{'stage':<30}{'images/s':>10}{'share':>8}    {len(names)} pictures, medians of {ROUNDS}")
    for stage in alone[0]:
        seconds = median(one[stage] for one in alone)
        print(f"{stage + ', alone':<30}{len(names) / seconds:>10.0f}{seconds / total:>8.2f}")
    print(f"{'one after the other':<30}{len(names) / total:>10.0f}{1:>8.2f}")
    print(f"{f'together, {cores} threads':<30}{len(names) / median(together):>10.0f}{median(together) / total:>8.2f}")
    print(f"of what {cores} cores could give: {total / cores / median(together):.2f}")


if __name__ == "__main__":
    bundle = open_bundle(sys.argv[1])
    if len(sys.argv) > 2:
        with open_source(sys.argv[2]) as (names, read):
            run(bundle, {name: read(name) for name in names[:: max(1, len(names) // MOST)][:MOST]})
    else:
        run(bundle, portraits())
