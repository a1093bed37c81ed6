"""The kiosk's loop on one thread: frames a second, and where their time goes.

    python tests/benchmarks/kiosk.py BUNDLE... [--frames 200]

Scenes take turns, frame by frame; the frames are in memory, so what a camera and its decoder cost comes on top. A page is not open. Medians of each
stage's time in a frame, and its share.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1") | {"GPIOZERO_PIN_FACTORY": "mock"}

import cv2
import numpy as np
import skimage.data

from facelite.gallery import Gallery, Keyring
from facelite.kiosk.camera import Frame
from facelite.kiosk.config import read_config
from facelite.kiosk.loop import Loop
from facelite.runtime.verifier import open_verifier

SIZES = ((640, 360), (1280, 720))


class One:
    """A camera that gives the frame it was given last, at the times of ten a second."""

    fault, ended, hung, at = "", False, False, 0.0

    def latest(self, timeout: float) -> Frame:
        self.at += 0.1
        return Frame(self.pixels, self.at)

    def close(self) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--frames", type=int, default=200)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print("frames a second, and the share of each stage: bundle, frame, scene")
    for bundle in arguments.bundles:
        for size in SIZES:
            measure(bundle.resolve(), size, arguments.frames)


def measure(bundle: Path, size: tuple[int, int], frames: int) -> None:
    wall = np.full((size[1], size[0], 3), 118, np.uint8)
    wall[::7] = 90
    person = wall.copy()
    side = round(0.7 * size[1])
    head = cv2.resize(skimage.data.astronaut()[:300, 80:380], (side, side), interpolation=cv2.INTER_AREA)
    person[(size[1] - side) // 2 :, (size[0] - side) // 2 :][:side, :side] = head
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FACELITE_KEYRING"] = f"{folder}/keyring"
        verifier = open_verifier(bundle)
        with Gallery(f"{folder}/g.db", space=verifier.manifest.space, create=True, keyring=Keyring()) as gallery:
            verifier.enrol("Eileen", [skimage.data.astronaut()], gallery)
        config = Path(folder) / "kiosk.toml"
        config.write_text(f'gallery = "g.db"\nbundle = "{bundle}"\n[screen]\nport = 0\n[door]\npin = 17\n')
        Loop._rest = lambda self: None
        for name, pixels in (("nobody", wall), ("somebody", person)):
            camera = One()
            camera.pixels = pixels
            with Loop(read_config(config), camera=lambda camera=camera: camera) as loop:
                show(f"{bundle.stem}, {size[0]} x {size[1]}, {name}", *run(loop, frames))


def run(loop: Loop, frames: int) -> tuple[list[float], dict[str, list[float]]]:
    """The seconds of each frame, and of each stage in it."""
    spent: dict[str, float] = defaultdict(float)

    def timed(thing: object, method: str, stage: str) -> None:
        call = getattr(thing, method)

        def measured(*given: object, **named: object) -> object:
            began = time.perf_counter()
            try:
                return call(*given, **named)
            finally:
                spent[stage] += time.perf_counter() - began

        setattr(thing, method, measured)

    while loop._door.state == "down":
        time.sleep(0.01)
        loop._door.check(time.monotonic())
    verifier = loop._verifier
    for method in ("detect", "follow", "upright"):
        timed(verifier.detector, method, "detect")
    timed(verifier.embedder, "vectors", "embed")
    timed(loop._gallery, "nearest", "compare")
    timed(loop._screen, "show", "show")
    whole, stages = [], defaultdict(list)
    for number in range(frames + 20):
        spent.clear()
        began = time.perf_counter()
        loop.step()
        if number >= 20:
            whole.append(time.perf_counter() - began)
            for stage in ("detect", "embed", "compare", "show"):
                stages[stage].append(spent[stage])
    return whole, stages


def show(what: str, whole: list[float], stages: dict[str, list[float]]) -> None:
    total = sum(whole)
    shares = {stage: sum(times) / total for stage, times in stages.items()}
    told = "  ".join(f"{stage} {share:.0%}" for stage, share in shares.items())
    print(f"{len(whole) / total:7.1f}  median {1e3 * median(whole):6.2f} ms  {told}  rest {1 - sum(shares.values()):.0%}   {what}", flush=True)


if __name__ == "__main__":
    main()
