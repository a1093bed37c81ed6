"""Cases of the detector's stages: view, decode, faces, detect, upright."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facelite.bundle import DETECTOR, Bundle
from facelite.export.conformance.case import PIXELS, ROUNDED, Scene, Table, make_case, numbers, whole
from facelite.export.synthetic import draw_face
from facelite.face import Detection, Floats, Pixels
from facelite.runtime.detector import Detector, anchors, decode
from facelite.runtime.interpreter import Interpreter

OF_FACE = 0.02
"""Tolerance of boxes and keypoints in a frame, as a share of the smallest face's size: noise of two grey levels moves them by as much."""

SCORE = {"largest": 0.02}
"""Tolerance of scores of faces in a frame, whose pixels another resampler may change by PIXELS."""

HALF = 0.5
"""Score from which a look is asked for faces, as ``Detector.detect`` asks."""

LOOKS = (
    ("the whole frame, enlarged", "one face", (0, 0, 100), 0),
    ("a wide frame with a border above and below", "two faces", (0, -34.5, 240), 0),
    ("over the frame's border, turned to the left", "over the border, odd sides", (-35.75, 45.5, 128.5), 1),
    ("a large frame, shrunk, turned twice", "tiny in a large frame", (0, -80, 640), 2),
    ("a face on its side, turned upright", "a quarter turn to the right", (10.25, 0.5, 85), 1),
)
"""Name, frame, view (x, y, side), quarter turns."""


def detection_stages(bundle: Bundle, /) -> dict[str, list[Table]]:
    """The cases of each stage of ``bundle``'s detector."""
    detector, frames = _Watched(bundle.files[DETECTOR]), draw_frames()
    looks = [(name, frames[frame], view, turns) for name, frame, view, turns in LOOKS]
    return {
        "view": [_view(detector, *look) for look in looks],
        "decode": [_decode(*case) for case in (_outputs(detector, *looks[1]), *_made_up())],
        "faces": [_faces(detector, *look) for look in looks],
        "detect": [_detect(detector, name, frame) for name, frame in frames.items() if name not in TURNED],
        "upright": [_upright(detector, name, frames[name]) for name in ("one face", "fills the frame", *TURNED)],
    }


TURNED = ("a quarter turn to the left", "on its head", "a quarter turn to the right")
"""Frames of which only ``upright`` has cases: at a face that lies, the first find shakes with every rounding."""


def draw_frames() -> dict[str, Scene]:
    """Frames that take every way through the detector."""
    face, close = draw_face(0, side=100), draw_face(0, side=300)[100:225, 90:210]
    return {
        "one face": whole(face),
        "no face": Scene(97, 143),
        "two faces": Scene(171, 240, ((0, 60, draw_face(3, side=110)), (140, 15, draw_face(4, side=70)))),
        "one half as large as the other": Scene(360, 640, ((40, 90, draw_face(3, side=230)), (470, 110, draw_face(4, side=125)))),
        "over the border, odd sides": Scene(131, 163, ((0, 41, draw_face(4, side=110)[:90, 25:]),)),
        "in the corner": Scene(121, 163, ((103, 61, draw_face(4, side=60)),)),
        "a face in two tiles": Scene(161, 261, ((150, 50, draw_face(1, side=40)),)),
        "tiny in a large frame": Scene(480, 640, ((500, 60, draw_face(1, side=64)),)),
        "near and far": Scene(151, 227, ((8, 20, draw_face(1, side=42)), (160, 40, draw_face(2, side=34)), (70, 50, draw_face(3, side=70)))),
        "little around the face": whole(draw_face(1, side=100)[20:96, 11:87]),
        "fills the frame": whole(close),
        **{name: whole(np.rot90(face, turns)) for turns, name in enumerate(TURNED, start=1)},
    }


class _Kept(Interpreter):
    """Keeps what went into the model last, and what came out."""

    def run(self, values: Floats, /) -> Sequence[Floats]:
        self.values, self.outputs = values, super().run(values)
        return self.outputs


class _Watched(Detector):
    """A detector that keeps the view and the turns of each of its looks, and the model's part in the last one."""

    def __init__(self, model: bytes, /) -> None:
        super().__init__(model)
        self._interpreter = self.kept = _Kept(model)
        self._looks: list[tuple[Floats, int]] = []

    def look(self, frame: Pixels, view: Sequence[float], turns: int, /) -> list[Detection]:
        return self._look([frame], np.array(view, np.float32), HALF, turns=turns)

    def _look(self, halves: list[Pixels], view: Floats, min_score: float, *, turns: int = 0) -> list[Detection]:
        self._looks.append((view, turns))
        return super()._look(halves, view, min_score, turns=turns)

    def taken(self) -> Table:
        """The looks since this was asked last."""
        looks, self._looks = self._looks, []
        return {"views": [numbers(view, 3) for view, _ in looks], "turns": [turns for _, turns in looks]}


def _view(detector: _Watched, name: str, frame: Scene, view: Sequence[float], turns: int) -> Table:
    detector.look(frame.draw(), view, turns)
    pixels = np.rint((detector.kept.values[0] + 1) * 127.5).astype(np.uint8)
    return make_case(name, {"frame": frame, "view": view, "turns": turns}, {"pixels": pixels}, pixels=PIXELS)


def _outputs(detector: _Watched, name: str, frame: Scene, view: Sequence[float], turns: int) -> tuple[str, Floats, Floats, float]:
    detector.look(frame.draw(), view, turns)
    return name, detector.kept.outputs[0][0], detector.kept.outputs[1][0], HALF


def _made_up() -> list[tuple[str, Floats, Floats, float]]:
    rng, never = np.random.default_rng(0), np.full((896, 1), -1000, np.float32)
    some, logits, regressors = np.arange(0, 896, 37), never.copy(), np.zeros((896, 16), np.float32)
    logits[some, 0], regressors[some] = rng.uniform(-4, 4, len(some)), rng.uniform(1, 60, (len(some), 16))
    edges, boxes = never.copy(), np.full((896, 16), 8, np.float32)
    edges[[0, 1, 2, 511, 512, 517, 518, 895], 0] = 0, -0.01, 1000, 80, 90, -1000, 0.01, 3
    boxes[518, 3], boxes[895, 2] = 0, -8
    return [("every 37th anchor", logits, regressors, 0.25), ("scores about 1/2, huge logits, boxes without a size", edges, boxes, HALF)]


def _decode(name: str, logits: Floats, regressors: Floats, min_score: float) -> Table:
    boxes, keypoints, scores = decode(regressors, logits, anchors(), min_score=min_score)
    expected = {"boxes": numbers(boxes), "keypoints": numbers(keypoints), "scores": numbers(scores)}
    given = {"logits": logits, "regressors": regressors, "min_score": min_score}
    return make_case(name, given, expected, boxes=ROUNDED, keypoints=ROUNDED, scores=ROUNDED)


def _faces(detector: _Watched, name: str, frame: Scene, view: Sequence[float], turns: int) -> Table:
    found = detector.look(frame.draw(), view, turns)
    logits, regressors = (output[0] for output in detector.kept.outputs)
    given = {"logits": logits, "regressors": regressors, "min_score": HALF, "view": view, "turns": turns}
    near = {"largest": 0.01}  # pixels of the frame
    return make_case(name, given, _table(found), boxes=near, keypoints=near, scores=ROUNDED)


def _detect(detector: _Watched, name: str, frame: Scene) -> Table:
    detector.taken()
    found = detector.detect(frame.draw())
    return make_case(name, {"frame": frame}, {**_table(found), **detector.taken()}, **_near(found))


def _upright(detector: _Watched, name: str, frame: Scene) -> Table:
    (given,) = (Detection(numbers(face.box, 3), numbers(face.keypoints, 3), round(face.score, 4)) for face in detector.detect(frame.draw()))
    detector.taken()
    found = [detector.upright(frame.draw(), given)]
    return make_case(name, {"frame": frame, **_table([given])}, {**_table(found), **detector.taken()}, **_near(found))


def _table(found: Sequence[Detection]) -> Table:
    return {
        "boxes": [numbers(face.box, 3) for face in found],
        "keypoints": [numbers(face.keypoints, 3) for face in found],
        "scores": [round(face.score, 6) for face in found],
    }


def _near(found: Sequence[Detection]) -> dict[str, dict[str, float]]:
    """A view is cut around a box, twice as large."""
    pixels = round(OF_FACE * min((face.size for face in found), default=1.0), 3)
    return {"boxes": {"largest": pixels}, "keypoints": {"largest": pixels}, "scores": SCORE, "views": {"largest": 3 * pixels}}
