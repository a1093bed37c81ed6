"""What the head turn's yaw is worth: beside a face mesh on photographs of turned heads, and on pictures of photographs that are tilted and bent.

    python tests/benchmarks/liveness.py vggface2.tar

The mesh is MediaPipe's (468 points in space), from the same package as the detector; its yaw is the direction of the lines between points on both
sides of the face. Prints are of life size, 32 cm wide, the face 16; distances in centimetres.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from random import Random

import cv2
import numpy as np

from facelite.image import decode_image
from facelite.preprocess import sample
from facelite.runtime.detector import PACKAGE, Detector, find_detector
from facelite.runtime.interpreter import Interpreter
from facelite.runtime.pose import EARS_DEPTH, NOSE_DEPTH, yaw
from facelite.source import open_source

PHOTOS, PRINTS = 2500, 50
BORDER = 40
GREY = (110, 110, 110)
SIDES = ((33, 263), (133, 362), (234, 454), (61, 291), (127, 356), (93, 323), (58, 288))
"""Points of the mesh on the right and the left side of a face: corners of eyes and mouth, edges of the face."""

SURE = 5.0
"""The mesh's own logit of a face."""

WIDTH = 32.0
BENDS = (np.inf, 60.0, 30.0, 16.0, 10.0)
DISTANCES = (25.0, 50.0, 1000.0)
TILTS = tuple(sign * angle for angle in (10, 20, 30, 40, 50, 60, 70) for sign in (1, -1))


def mesh_yaw(mesh, frame, face):
    """Degrees, positive to the person's left; None where the mesh sees no face."""
    across = face.keypoints[1] - face.keypoints[0]
    cosine, sine = across / np.linalg.norm(across)
    turn = np.array([(cosine, sine), (-sine, cosine)]) * 192 / (1.5 * face.size)
    shift = 95.5 - turn @ (face.box[:2] + face.box[2:] / 2)
    outputs = mesh.run((sample(frame, np.hstack([turn, shift[:, None]]), 192, 192).astype(np.float32) / 255)[None])
    points = next(output for output in outputs if output.size == 1404).reshape(468, 3)
    if next(output for output in outputs if output.size == 1).item() < SURE:
        return None
    across = sum((points[b] - points[a]) / np.linalg.norm(points[b] - points[a]) for a, b in SIDES)
    return np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1])))


def coordinates(face):
    """Along the line of the eyes, from their middle, in their distance: the nose and the middle of the ears, by plain Cramer's rule."""
    a, b, nose, mouth, *ears = face.keypoints.astype(float)
    middle = (a + b) / 2
    (x1, y1), (x2, y2) = b - a, mouth - middle
    return [((x - middle[0]) * y2 - (y - middle[1]) * x2) / (x1 * y2 - y1 * x2) for x, y in (nose, (ears[0] + ears[1]) / 2)]


def seen(photo, tilt, distance, bend, side=320):
    """A square ``photo`` on a print bent about its upright axis with a radius ``bend``, tilted by degrees, through a camera at a ``distance``."""
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    u, v = np.meshgrid((np.arange(side) - (side - 1) / 2) / side * WIDTH * 1.25, (np.arange(side) - (side - 1) / 2) / side * WIDTH * 1.25)
    ox, oz = -distance * s, distance * c  # the camera in the print's coordinates; z stands out of the print
    dx, dz = u * c + distance * s, u * s - distance * c
    if np.isinf(bend):
        t = -oz / dz
        x, visible = ox + t * dx, t > 0
    else:
        qa, qb, qc = dx**2 + dz**2, ox * dx + (oz + bend) * dz, ox**2 + (oz + bend) ** 2 - bend**2
        root = qb**2 - qa * qc
        t = (-qb - np.sqrt(np.maximum(root, 0))) / qa
        x, visible = bend * np.arctan2(ox + t * dx, oz + t * dz + bend), root > 0
    scale = (photo.shape[1] - 1) / WIDTH
    places = [np.where(visible, (one / WIDTH + 0.5) * WIDTH * scale, -1e4).astype(np.float32) for one in (x, t * v)]
    return cv2.remap(photo, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=GREY)


def square_about(frame, face, side=256):
    """The face and as much around it."""
    scale = side / (2 * face.size)
    low = face.box[:2] + face.box[2:] / 2 - face.size
    matrix = np.array([(scale, 0, -scale * low[0]), (0, scale, -scale * low[1])])
    return cv2.warpAffine(frame, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)


def print_turns(rows):
    """Rows of (mesh's yaw, ours, nose, ears)."""
    angles, ours, nose, ears = np.array(rows).T
    near = np.abs(angles) < 40
    for name, values, used in (("nose", nose, NOSE_DEPTH), ("ears", -ears, EARS_DEPTH)):
        tangent = np.tan(np.radians(angles[near]))
        slope = tangent @ values[near] / (tangent @ tangent)
        print(f"{name}: depth {slope:.2f} (in use {used}), correlation {np.corrcoef(tangent, values[near])[0, 1]:.3f}")
    for low, high in ((0, 10), (10, 20), (20, 30), (30, 40), (40, 60)):
        chosen = (np.abs(angles) >= low) & (np.abs(angles) < high)
        towards = (ours * np.sign(angles))[chosen]
        print(f"mesh {low:2} to {high}: {chosen.sum():5} photographs, ours 5 / 50 / 95 %:", *np.percentile(towards, [5, 50, 95]).round(1))


def print_prints(photos, detector):
    print("\nprints tilted by up to 70 degrees to both sides, our yaw: median at 30 and 50; share of the prints that reach 25, 30, 35 at some tilt")
    for bend in BENDS:
        for distance in DISTANCES:
            towards = np.full((len(photos), len(TILTS)), np.nan)
            for i, photo in enumerate(photos):
                for j, tilt in enumerate(TILTS):
                    found = detector.detect(seen(photo, tilt, distance, bend))
                    if found and (angle := yaw(found[0])) is not None:
                        towards[i, j] = angle * np.sign(tilt)
            middle = [np.nanmedian(towards[:, [abs(tilt) == asked for tilt in TILTS]]) for asked in (30, 50)]
            reached = [np.mean((towards >= limit).any(axis=1)) for limit in (25, 30, 35)]
            print(
                f"radius {bend:4.0f} cm, {distance:5.0f} cm away:",
                *[f"{angle:5.1f}" for angle in middle],
                "  ",
                *[f"{share:4.0%}" for share in reached],
                flush=True,
            )


def main(tar):
    folder = Path(find_spec(PACKAGE[1]).submodule_search_locations[0]) / "data"
    mesh, detector = Interpreter((folder / "face_landmark.tflite").read_bytes()), Detector(find_detector())
    rows, photos = [], []
    with open_source(tar) as (names, read):
        for name in Random(0).sample(names, PHOTOS):  # noqa: S311 - a draw, no secret
            frame = cv2.copyMakeBorder(decode_image(read(name)), *[BORDER] * 4, cv2.BORDER_CONSTANT, value=GREY)
            found = detector.detect(frame)
            if not found or (angle := mesh_yaw(mesh, frame, found[0])) is None or (ours := yaw(found[0])) is None:
                continue
            rows.append((angle, ours, *coordinates(found[0])))
            if len(photos) < PRINTS and max(abs(angle), abs(ours)) < 8:
                photos.append(square_about(frame, found[0]))
    print_turns(rows)
    print_prints(photos, detector)


if __name__ == "__main__":
    main(sys.argv[1])
