"""From a picture in memory to the decision, by bundles and by what others would put at the door; and our own code's share of it.

    python tests/benchmarks/door.py BUNDLE... [--yunet yunet.onnx --embedder mobilefacenet.tflite] [--peers build/peers/bin/python] [--rounds 20]

Two photographs, each with one face: 250 x 250, with the face as large and where it is in LFW's pictures, and in a frame of 1280 x 720. All run on
one thread and take turns of several decisions each, as a camera's frames follow each other; medians, and the median of the ratios within a round, to
the first bundle. Peers: OpenCV's YuNet before a MobileFaceNet, whose batch is filled and whose time is counted per face;
and the package face_recognition (dlib) in the Python of --peers (make build/peers/.installed), in a process of its own. A peer that is not there is
left out with the reason. Our own share is what remains of a decision without the interpreters' invoke.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import cv2
import matplotlib.cbook
import numpy as np
import skimage.data

from facelite.evaluation.crop import LFW_SHARE
from facelite.face import Embedding, Pixels
from facelite.image import decode_image
from facelite.preprocess import TEMPLATE_112, sample, similarity
from facelite.runtime.detector import Detector, find_detector
from facelite.runtime.embedder import Embedder
from facelite.runtime.verifier import Verifier, open_verifier

FIVE = np.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
"""Eyes, nose, corners of the mouth in a crop of 112 x 112, as MobileFaceNet was trained (InsightFace, face_align.py)."""

DLIB = """
import sys, time
import numpy as np
import face_recognition as fr
pictures = [np.load(path) for path in sys.argv[1:]]
enrolled = fr.face_encodings(pictures[0])[0]
print("ready", flush=True)
for line in sys.stdin:
    picture = pictures[int(line)]
    began = time.perf_counter()
    found = fr.face_encodings(picture, fr.face_locations(picture))
    fr.compare_faces([enrolled], found[0])
    print(time.perf_counter() - began, flush=True)
"""

EACH = 6
"""Decisions in a turn, three on each picture."""

Decide = Callable[[int], float]
"""The number of a picture -> seconds to its decision, per picture."""


def pictures() -> dict[str, list[Pixels]]:
    """Two people at each size."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        hopper = decode_image(file.read())
    astronaut = skimage.data.astronaut()
    return {"250 x 250": [as_in_lfw(astronaut), as_in_lfw(hopper)], "1280 x 720": [frame(astronaut), frame(hopper)]}


def as_in_lfw(picture: Pixels) -> Pixels:
    """The face as large as LFW's median (LFW_SHARE of 192 pixels), its template's middle 10 pixels above and 3 left of the picture's."""
    face = Detector(find_detector()).detect(picture)[0]
    points = (TEMPLATE_112 - 55.5) * (LFW_SHARE * 192 / 112) + (124.5 - 3, 124.5 - 10)
    return sample(picture, similarity(face.landmarks, points), 250, 250)


def frame(picture: Pixels) -> Pixels:
    """The picture 720 pixels high in the middle of a frame, its edges drawn out to the sides."""
    scaled = cv2.resize(picture, (round(720 / picture.shape[0] * picture.shape[1]), 720))
    left = (1280 - scaled.shape[1]) // 2
    return cv2.copyMakeBorder(scaled, 0, 0, left, 1280 - scaled.shape[1] - left, cv2.BORDER_REPLICATE)


def ours(verifier: Verifier, images: list[Pixels]) -> Decide:
    enrolled, threshold = verifier.look(images[0]).embedding, verifier.manifest.threshold()
    if any(verifier.look(image).embedding is None for image in images):
        sys.exit("expected a face in each picture")

    def decide(number: int) -> float:
        began = time.perf_counter()
        look = verifier.look(images[number])
        _ = verifier.bundle.distance.pairs(look.embedding.vector, enrolled.vector) <= threshold.distance
        return time.perf_counter() - began

    return decide


def yunet(model: str, embedder: Embedder, images: list[Pixels]) -> Decide:
    detector = cv2.FaceDetectorYN.create(model, "", images[0].shape[1::-1])
    bgr = [np.ascontiguousarray(image[..., ::-1]) for image in images]  # what it takes, made beforehand

    def embed(number: int) -> list[Embedding]:
        crops = []
        for _ in range(embedder.batch):
            face = detector.detect(bgr[number])[1][0]
            crops.append(cv2.warpAffine(images[number], similarity(face[4:14].reshape(5, 2), FIVE), (112, 112)))
        values = (np.stack(crops).astype(np.float32) - 127.5) / 128
        return [embedder.unit(vector) for vector in embedder._interpreter.run(values)[0]]

    enrolled = embed(0)[0]

    def decide(number: int) -> float:
        began = time.perf_counter()
        _ = [one.distance(enrolled) <= 1 for one in embed(number)]
        return (time.perf_counter() - began) / embedder.batch

    return decide


def dlib(python: str, images: list[Pixels], folder: str) -> Decide:
    paths = [str(Path(folder) / f"{images[0].shape[1]}-{i}.npy") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        np.save(path, image)
    process = subprocess.Popen([python, "-W", "ignore", "-c", DLIB, *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    if process.stdout.readline() != "ready\n":
        sys.exit("expected face_recognition to start, it did not")

    def decide(number: int) -> float:
        process.stdin.write(f"{number}\n")
        return float(process.stdout.readline())

    return decide


class Timed:
    """A runtime's interpreter, with the seconds that it takes to invoke."""

    def __init__(self, inner):
        self.inner, self.seconds = inner, 0.0

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def invoke(self):
        began = time.perf_counter()
        self.inner.invoke()
        self.seconds += time.perf_counter() - began


def own_share(verifier: Verifier, images: list[Pixels], rounds: int) -> float:
    """Of a decision, the median of so many."""
    holders = [verifier.detector._interpreter, verifier.embedder._interpreter]
    timed = [Timed(holder._interpreter) for holder in holders]
    for holder, one in zip(holders, timed, strict=True):
        holder._interpreter = one
    decide, shares = ours(verifier, images), []
    for i in range(rounds):
        inside, began = sum(one.seconds for one in timed), time.perf_counter()
        decide(i % len(images))
        shares.append(1 - (sum(one.seconds for one in timed) - inside) / (time.perf_counter() - began))
    for holder, one in zip(holders, timed, strict=True):
        holder._interpreter = one.inner
    return median(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+")
    parser.add_argument("--yunet", help="YuNet's model (OpenCV Zoo)")
    parser.add_argument("--embedder", help="a MobileFaceNet, 112 x 112, (RGB - 127.5) / 128")
    parser.add_argument("--peers", default="build/peers/bin/python")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    verifiers = {Path(path).stem: open_verifier(path) for path in arguments.bundles}
    embedder = Embedder(Path(arguments.embedder).read_bytes(), space="peer") if arguments.embedder else None
    if not (arguments.yunet and embedder):
        print("SKIPPED YuNet + MobileFaceNet: no package brings their files; name them: --yunet FILE --embedder FILE")
    if not Path(arguments.peers).exists():
        print(f"SKIPPED face_recognition: there is no {arguments.peers}; make build/peers/.installed")
    with tempfile.TemporaryDirectory() as folder:
        for size, images in pictures().items():
            doors = {name: ours(verifier, images) for name, verifier in verifiers.items()}
            if arguments.yunet and embedder:
                doors["YuNet + MobileFaceNet"] = yunet(arguments.yunet, embedder, images)
            if Path(arguments.peers).exists():
                doors["face_recognition"] = dlib(arguments.peers, images, folder)
            show(size, doors, arguments.rounds)
            for name, verifier in verifiers.items():
                print(f"{name}: our own code's share of the decision {own_share(verifier, images, 5 * arguments.rounds):.1%}")


def show(size: str, doors: dict[str, Decide], rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in doors}
    for turn in range(-4, rounds):  # the first ones warm up
        for name, decide in doors.items():
            seconds = median(decide(number % 2) for number in range(EACH))
            if turn >= 0:
                times[name].append(seconds)
    first = next(iter(times.values()))
    print(f"\n{size:<24}{'ms':>9}{'least':>9}{'time / first':>14}    medians of {rounds} turns, one thread")
    for name, taken in times.items():
        ratio = median(one / other for one, other in zip(taken, first, strict=True))
        print(f"{name:<24}{1e3 * median(taken):>9.2f}{1e3 * min(taken):>9.2f}{ratio:>14.1f}")


if __name__ == "__main__":
    main()
