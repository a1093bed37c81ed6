"""Cases of the stages from a detected face to its embedding: choose, matrix, crop, quality, input, embedding, unit."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facelite.export.conformance.case import PIXELS, ROUNDED, Scene, Table, make_case, numbers, whole
from facelite.export.goldens import choose_goldens
from facelite.export.synthetic import draw_face
from facelite.face import Detection, Embedding, FaceCrop, Floats, Pixels
from facelite.preprocess import TEMPLATE_112, Preprocessing, sample, similarity, template, to_input
from facelite.quality import Limits, judge_quality, measure_quality
from facelite.runtime.choice import Rule, choose
from facelite.runtime.golden import DISTANCE_TOLERANCE
from facelite.runtime.verifier import Verifier

FLOAT_TOLERANCE = 1e-3
"""Squared distance that float kernels may leave between embeddings; integer ones may leave DISTANCE_TOLERANCE."""


def face_stages(verifier: Verifier, /) -> dict[str, list[Table]]:
    """The cases of each stage; of ``verifier``'s bundle only the embeddings are."""
    return {
        "choose": [_choose(*case) for case in CHOICES],
        "matrix": [_matrix(*case) for case in _landmarks()],
        "crop": [_crop(*case) for case in _seen()],
        "quality": [_quality(*case) for case in _judged()],
        "input": [_input("RGB", 127.5, 128.0), _input("BGR", 103.0, 57.5)],
        "embedding": _embeddings(verifier),
        "unit": [_unit(*case) for case in UNITS],
    }


CHOICES: tuple[tuple[Rule, int, int, int], ...] = (
    ("only", 1, 150, 240),
    ("only", 3, 150, 240),
    ("centre", 3, 150, 240),
    ("centre", 3, 90, 80),
    ("largest", 3, 150, 240),
)
"""Rule, how many of BOXES, height and width of the frame."""

BOXES = ((20, 20, 50, 50), (70, 40, 70, 60), (118, 72, 30, 80))


def _choose(rule: Rule, count: int, height: int, width: int) -> Table:
    faces = [Detection(np.array(box, np.float32), np.zeros((6, 2), np.float32), 0.9) for box in BOXES[:count]]
    chosen = choose(faces, (height, width, 3), rule=rule)
    given = {"boxes": list(BOXES[:count]), "rule": rule, "height": height, "width": width}
    return make_case(f"{rule} of {count}, {width} x {height}", given, {"face": next((i for i, face in enumerate(faces) if face is chosen), None)})


def _turned(scale: float, degrees: float) -> Floats:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([(c, -s), (s, c)])


def _landmarks() -> list[tuple[str, Floats, int, int]]:
    """Name, landmarks (4, 2), height and width of the crop. No face has the template's form."""
    form = TEMPLATE_112 - TEMPLATE_112.mean(0) + np.array([(1, 2), (-2, 1), (3, -2), (-1, 1)])
    sides = form * (0.35, 1)
    return [
        ("upright, 112 x 96", form @ _turned(1.6, 4).T + (140, 120), 112, 96),
        ("square", form @ _turned(1.6, 4).T + (140, 120), 160, 160),
        ("wider than high", form @ _turned(0.7, -8).T + (33, 21), 96, 128),
        ("tiny", form @ _turned(0.15, 10).T + (600, 40), 112, 96),
        ("huge, over the border", form @ _turned(14, -20).T + (900, 700), 112, 96),
        ("turned by 60 degrees", form @ _turned(1.1, 60).T + (90, 80), 112, 96),
        ("on its head", form @ _turned(2, 178).T + (300, 250), 112, 96),
        ("from the side", sides @ _turned(1.5, 0).T + (80, 90), 112, 96),
        ("one point four times", np.full((4, 2), 70.5), 112, 96),
    ]


def _matrix(name: str, landmarks: Floats, height: int, width: int) -> Table:
    rounded = numbers(landmarks, 2)
    given = {"landmarks": rounded, "height": height, "width": width}
    points = template(height, width)
    try:
        matrix = similarity(np.array(rounded, np.float32), points)
    except ValueError:
        return make_case(name, given, None)
    aligned = np.array(rounded) @ matrix[:, :2].T + matrix[:, 2]
    expected = {"template": numbers(points), "matrix": numbers(matrix, 9), "aligned": numbers(aligned)}
    return make_case(name, given, expected, template=ROUNDED, aligned={"largest": 1e-3}, matrix={"largest": 0.01})


def _seen() -> list[tuple[str, Scene, Floats, tuple[float, float], int, int]]:
    """Name, frame, turn and scale, the point of the frame that comes to lie in the middle, height and width of the crop."""
    grain = np.random.default_rng(0).integers(-40, 41, (97, 89, 3))
    grainy = whole(np.clip(draw_face(0, side=100)[:97, :89] + grain, 0, 255).astype(np.uint8))
    large = Scene(480, 640, ((411, 203, grainy.draw()), (503, 290, draw_face(5, side=64))))
    thin = whole(np.ascontiguousarray(grainy.draw()[:3]))
    return [
        ("as it is", grainy, _turned(1, 0), (44, 48), 40, 36),
        ("half a pixel on", grainy, _turned(1, 0), (44.5, 48.25), 41, 37),
        ("enlarged", grainy, _turned(2.7, 12), (41.3, 52.6), 48, 40),
        ("turned", grainy, _turned(0.9, -33), (44, 48), 48, 40),
        ("on its head", grainy, _turned(1.1, 180), (40, 50), 40, 40),
        ("smaller by less than two", grainy, _turned(0.51, 5), (44, 48), 40, 36),
        ("smaller by a little more than two", grainy, _turned(0.49, 5), (44, 48), 40, 36),
        ("halved twice", grainy, _turned(0.2, 40), (44, 48), 32, 32),
        ("halved until a line is left", thin, _turned(0.1, 0), (44, 1), 32, 32),
        ("over the border", grainy, _turned(1.3, 15), (4, 92), 48, 40),
        ("out of a large frame", large, _turned(0.8, -7), (460, 250), 64, 48),
        ("a large frame, shrunk", large, _turned(0.09, 3), (330, 240), 48, 64),
        ("outside", grainy, _turned(1, 0), (-300, 40), 32, 32),
        ("without a scale", grainy, _turned(0, 0), (44, 48), 32, 32),
    ]


def _crop(name: str, frame: Scene, turn: Floats, middle: tuple[float, float], height: int, width: int) -> Table:
    shift = np.array([(width - 1) / 2, (height - 1) / 2]) - turn @ middle
    matrix = numbers(np.hstack([turn, shift[:, None]]), 9)
    given = {"frame": frame, "matrix": matrix, "height": height, "width": width}
    return make_case(name, given, {"pixels": sample(frame.draw(), np.array(matrix), height, width)}, pixels=PIXELS)


BOX = (10.0, 20.0, 80.0, 40.0)
"""A box well inside the frame of 200 x 100 pixels of the quality's cases."""

LANDMARKS = 0.6 * TEMPLATE_112 + np.array([60, 15], np.float32)
"""Of a crop that lies inside that frame, from 60 to 127 and from 15 to 82."""

OVER = (-8.4, 15)
"""Where a crop begins whose first four columns, of 32, lie outside the frame."""

SIDEWAYS = np.array([(6, 0), (-6, 0), (14, 2), (8, 0)], np.float32)
"""What a face that looks past the camera adds to the template's landmarks."""


def _judged() -> list[tuple[str, Pixels, Table]]:
    """Name, crop, and what differs from a good face: on both sides of each limit."""
    face = draw_face(0, side=64)
    chequer = np.indices((32, 32)).sum(0)[:, :, None] % 2 * np.ones(3)
    dots = np.zeros((32, 32, 3))
    dots[4::8, 4::8] = 1  # Laplacian -4, and 1 at four neighbours: standard deviation sqrt(20 / 64) of a dot's height
    slight, aside = (numbers(LANDMARKS + 0.6 * share * SIDEWAYS) for share in (1.1, 1.3))
    over, right, outside = ({"landmarks": numbers(LANDMARKS - [60, 15] + place)} for place in (OVER, (141.4, 15), (-300, 15)))
    shown, corner = np.arange(32)[None, :, None] >= 4, {"landmarks": numbers((TEMPLATE_112 - 55.5) @ _turned(0.6, 35).T + [186, 84])}
    inside = _inside(np.array(corner["landmarks"], np.float32), 32, 1)[..., None]
    cases: list[tuple[str, NDArray[Any], Table]] = [
        ("a good face", face, {}),
        ("as large as need be", face, {"box": (10, 20, 24, 12)}),
        ("a little too small", face, {"box": (10, 20, 23.9, 12)}),
        ("small and dark", face // 16, {"box": (10, 20, 20, 10)}),
        ("its height counts", face, {"box": (10, 20, 12, 24)}),
        ("three quarters inside", face, {"box": (-20.5, 20, 80, 40)}),
        ("a little less at the left", face, {"box": (-20.6, 20, 80, 40)}),
        ("below the border", face, {"box": (10, 70, 80, 40)}),
        ("both sides over a corner", face, {"box": (-11, -6, 80, 40)}),
        ("luma 20", 10 + 20 * chequer, {}),
        ("luma 19.5", 9 + 21 * chequer, {}),
        ("blue, luma 14", chequer * (0, 0, 250), {}),
        ("red, luma 37", chequer * (250, 0, 0), {}),
        ("luma 200", 190 + 20 * chequer, {}),
        ("luma 200.5", 190 + 21 * chequer, {}),
        ("sharpness 3.35", 120 + 6 * dots, {}),
        ("sharpness 2.8", 120 + 5 * dots, {}),
        ("dark and blurred", 0 * dots, {}),
        ("sharpness 3.29 at the border", (120 + 6 * dots) * shown, over),
        ("sharpness 2.74, black outside", (120 + 5 * dots) * shown, over),
        ("sharpness 3.29 at the right", (120 + 6 * dots) * shown[:, ::-1], right),
        ("sharpness 2.74, black at the right", (120 + 5 * dots) * shown[:, ::-1], right),
        ("turned, over a corner", 120 + 5 * dots * inside - 120 * ~inside, corner),
        ("luma 20.5 at the border", (10 + 21 * chequer) * shown, over),
        ("luma 200.5, black outside", (190 + 21 * chequer) * shown, over),
        ("nothing of the frame", face, outside),
        ("turned a little", face, {"landmarks": slight}),
        ("turned away", face, {"landmarks": aside}),
        ("turned away and blurred", 120 + 5 * dots, {"landmarks": aside}),
        ("as clear as need be", face, {"length": 6.5}),
        ("unclear", face, {"length": 6.49}),
        ("other limits", face, {"box": (10, 20, 24, 12), "limits": asdict(Limits(size=30))}),
    ]
    return [(name, np.asarray(pixels).astype(np.uint8), changes) for name, pixels, changes in cases]


def _inside(landmarks: Floats, side: int, edge: int) -> NDArray[np.bool_]:
    """The pixels of a crop that lie ``edge`` of them inside the frame of 200 x 100, by brute force: each is taken back to the frame."""
    matrix = similarity(landmarks, template(side, side))
    points = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1) - matrix[:, 2]
    back = points @ np.linalg.inv(matrix[:, :2]).T
    margin = edge / np.hypot(*matrix[0, :2])
    found: NDArray[np.bool_] = ((back >= margin) & (back <= np.array([199, 99]) - margin)).all(-1)
    return found


def _quality(name: str, pixels: Pixels, changes: Table) -> Table:
    good = {"box": BOX, "landmarks": numbers(LANDMARKS), "length": 8.0, "limits": asdict(Limits(clarity=6.5))}
    given = {"width": 200, "height": 100, **good, **changes, "pixels": pixels}
    keypoints = np.zeros((6, 2), np.float32)
    keypoints[:4] = given["landmarks"]
    points = template(*pixels.shape[:2])
    quality = measure_quality(Detection(np.array(given["box"], np.float32), keypoints, 0.9), FaceCrop(pixels, points), (200, 100))
    poor = judge_quality(replace(quality, clarity=given["length"]), Limits(**given["limits"]))
    return make_case(name, given, {"outcome": poor[0].value if poor else None})


def _input(colours: Literal["RGB", "BGR"], mean: float, std: float) -> Table:
    levels = np.arange(32 * 32).reshape(32, 32)
    pixels = np.stack([levels, levels // 4, 255 - levels // 2], -1).astype(np.uint8)  # each level in each colour, no pixel grey
    values = to_input(pixels, Preprocessing(32, 32, mean, std, colours))
    given = {"pixels": pixels, "mean": mean, "std": std, "colours": colours}
    return make_case(f"{colours}, ({mean:g}, {std:g})", given, {"tensor": values}, tensor=ROUNDED)


def _embeddings(verifier: Verifier) -> list[Table]:
    """Of crops whose embedding swapped colours or wrong scaling move by three tolerances or more, and of noise."""
    embedder = verifier.embedder
    goldens = choose_goldens(verifier.detector, embedder)
    size = embedder.preprocessing
    crops = [(f"drawn face {number}", golden.crop) for number, golden in enumerate(goldens)]
    crops.append(("noise", np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)))
    tolerance = {"squared_l2": DISTANCE_TOLERANCE if verifier.manifest.precision.startswith("int8") else FLOAT_TOLERANCE}
    points = template(size.height, size.width)
    return [
        make_case(name, {"pixels": pixels}, {"vector": numbers(embedder.embed(FaceCrop(pixels, points)).vector)}, vector=tolerance)
        for name, pixels in crops
    ]


UNITS = (
    ("of length 5", (0, 3, 0, -4, 0, 0, 0, 0)),
    ("short", (1e-4, 2e-4, -3e-4, 0, 0, 1e-4, 0, 5e-5)),
    ("long", (1e4, -2e5, 3e4, 7, 0, 1e5, -1e5, 1)),
    ("too short for a direction", (5e-7, 0, 0, 0, 0, 0, 0, 0)),
    ("zero", (0, 0, 0, 0, 0, 0, 0, 0)),
)


def _unit(name: str, values: tuple[float, ...]) -> Table:
    try:
        vector = Embedding(np.array(values, np.float32), "any").vector
    except ValueError:
        return make_case(name, {"values": values}, None)
    return make_case(name, {"values": values}, {"vector": numbers(vector)}, vector=ROUNDED)
