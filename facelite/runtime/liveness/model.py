"""A liveness model of the user's: a TFLite file that takes one picture of a face, and a TOML file beside it that says how it is used.

facelite ships no such model. The defaults are those of MiniFASNet (Silent-Face-Anti-Spoofing, Minivision, Apache-2.0) but for its colours: 2.7 times
the face's box, moved into the picture where it stands out, pixels from 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from facelite.errors import BundleError, InputError
from facelite.face import Detection, Floats, Pixels
from facelite.preprocess import Preprocessing, sample, to_input
from facelite.recipe import read_recipe
from facelite.runtime.interpreter import Interpreter
from facelite.runtime.liveness.protocol import Finding, Sight, Verdict

SLACK = 0.02
"""How far probabilities may miss [0, 1] and their sum 1: steps of an int8 output are 1/256 each."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """How a liveness model is fed and read.

    ``live`` is the place of the output that means live, from 0. A model with one score is read as one with two, (1 - score, score): 1 says that a
    large score means live, 0 that a small one does. From the probability ``limit`` on, the mean of ``frames`` frames is live; they must come
    within ``seconds``. ``crop``: side of the picture in sides of the face's box. The model takes (pixel - mean) / std.
    """

    live: int
    limit: float
    crop: float = 2.7
    colours: Literal["RGB", "BGR"] = "RGB"
    mean: float = 0.0
    std: float = 1.0
    scores: Literal["probabilities", "logits"] = "probabilities"
    frames: int = 5
    seconds: float = 10.0

    def __post_init__(self) -> None:
        Preprocessing(32, 32, self.mean, self.std)  # which refuses what no input can have
        if not (self.live >= 0 and 0 <= self.limit <= 1 and 0.01 <= self.crop <= 100 and self.frames >= 1 and self.seconds > 0):
            raise ValueError(f"expected live >= 0, limit from 0 to 1, crop from 0.01 to 100, frames >= 1 and seconds > 0, got {self}")


class LivenessModel:
    """A TFLite model ready to judge faces as ``use`` says. Raises BundleError for one that cannot be used so.

    It is run once on a grey picture before the constructor returns.
    """

    def __init__(self, model: bytes, use: ModelUse, /, *, threads: int = 1) -> None:
        self.use, self._interpreter = use, Interpreter(model, threads=threads)
        shape, outputs = self._interpreter.input_shape, self._interpreter.output_shapes
        if len(shape) != 4 or shape[0] != 1 or shape[3] != 3 or min(shape[1:3]) < 32:
            raise BundleError(f"expected an input of (1, height, width, 3) with sides of 32 or more, got {shape}; convert the model to that layout")
        if len(outputs) != 1 or not outputs[0] or int(np.prod(outputs[0])) != outputs[0][-1]:
            raise BundleError(f"expected one output of one or more scores (1, n), got {', '.join(map(str, outputs))}; cut the others off")
        if use.live >= (places := max(outputs[0][-1], 2)):
            raise BundleError(f"expected live to be a place from 0 to {places - 1} for {outputs[0][-1]} score(s), got {use.live}; correct it")
        self._preprocessing = Preprocessing(shape[1], shape[2], use.mean, use.std, use.colours)
        self._read(self._interpreter.run(to_input(np.full(shape[1:], 128, np.uint8), self._preprocessing))[0])

    def score(self, frame: Pixels, face: Detection, /) -> float:
        """The probability that ``face`` of ``frame`` is live. Raises BundleError where the model gives no probability."""
        picture = cut_around(frame, face, share=self.use.crop, height=self._preprocessing.height, width=self._preprocessing.width)
        return self._read(self._interpreter.run(to_input(picture, self._preprocessing))[0])

    def _read(self, output: Floats) -> float:
        values = output.ravel().astype(np.float64)
        if self.use.scores == "logits":
            values = _softmax(values if len(values) > 1 else np.array([0.0, values[0]]))
        elif len(values) == 1:
            values = np.array([1 - values[0], values[0]])
        if not (values.min() >= -SLACK and abs(values.sum() - 1) <= SLACK):  # false for NaN, too
            raise BundleError(
                f'expected probabilities from 0 to 1 with the sum 1, got {output.ravel()}; say scores = "logits", or check mean, std and colours'
            )
        return float(np.clip(values[self.use.live], 0, 1))


def open_liveness_model(path: str | Path, /, *, threads: int = 1) -> LivenessModel:
    """The model in the file ``path``, used as the file beside it says: model.toml for model.tflite. Raises InputError, BundleError with the path."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected a liveness model, got {error.strerror}; check the path") from None
    if not (beside := path.with_suffix(".toml")).exists():
        raise InputError(f"{beside}: expected a file that says how {path.name} is used, got none; write one with live and limit at least")
    try:
        return LivenessModel(data, read_recipe(beside, ModelUse), threads=threads)
    except BundleError as error:
        raise BundleError(f"{path}: {error}") from None


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """A liveness test by a ``model`` that ``began`` at a time, with the ``scores`` so far: see ``Liveness``."""

    model: LivenessModel
    began: float
    scores: tuple[float, ...] = ()
    finding: Finding | None = None

    @property
    def value(self) -> float | None:
        """The mean score so far."""
        return float(np.mean(self.scores)) if self.scores else None

    @property
    def limit(self) -> float:
        return self.model.use.limit

    @property
    def prompt(self) -> str:
        return self.finding.detail if self.finding else "look at the camera"

    def after(self, sight: Sight, at: float, /) -> Self:
        """The test with one frame more. It is decided by the mean score of enough frames, and undecided by a frame that comes too late.

        Raises BundleError where the model gives no probability.
        """
        use = self.model.use
        if self.finding:
            return self
        if at - self.began > use.seconds:
            detail = f"expected {use.frames} frames with a face within {use.seconds:g} s, got {len(self.scores)}; try again"
            return replace(self, finding=Finding(Verdict.UNDECIDED, self.value, use.limit, detail))
        if sight.face is None:
            return self
        grown = replace(self, scores=(*self.scores, self.model.score(sight.frame, sight.face)))
        return replace(grown, finding=grown._judged()) if len(grown.scores) >= use.frames else grown

    def _judged(self) -> Finding:
        value = float(np.mean(self.scores))
        verdict = Verdict.LIVE if value >= self.limit else Verdict.NOT_LIVE
        return Finding(verdict, value, self.limit, f"the model's probability of a live face is {value:.2f}, the limit {self.limit:g}")


def cut_around(frame: Pixels, face: Detection, /, *, share: float, height: int, width: int) -> Pixels:
    """The part of ``frame`` about the face, ``share`` times as high as its box, in ``height`` x ``width`` pixels.

    Where it stands out of the frame it is moved in, and where it is larger than that made smaller: so MiniFASNet was trained.
    """
    sides = share * face.size * np.array([width / height, 1.0])
    size = np.array(frame.shape[1::-1], np.float64)
    sides *= min(1.0, *(size / sides))
    low = np.clip(face.box[:2] + face.box[2:] / 2 - sides / 2, -0.5, size - 0.5 - sides)  # the first pixel's left edge lies at -1/2
    scale = height / sides[1]
    return sample(frame, np.array([(scale, 0, scale * -low[0] - 0.5), (0, scale, scale * -low[1] - 0.5)]), height, width)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares
