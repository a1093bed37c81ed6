"""What an export is made from: one TOML file, read into these frozen values. Paths are relative to that file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facelite.distance import Decide
from facelite.export.keras_model import SUFFIXES
from facelite.preprocess import parse_preprocessing
from facelite.quantize.distil import Schedule
from facelite.quantize.smaller import Smaller
from facelite.split import Set

Precision = Literal["float32", "float16", "dynamic", "int8", "int8-qat"]
"""dynamic: weights int8, activations float, quantised as they come. int8: both, after training. int8-qat: both, trained with it."""

Io = Literal["float32", "int8"]
"""Numbers that go into the embedder and come out of it."""

INTEGER = ("int8", "int8-qat")
"""Precisions whose ranges of activations come from representative images."""

MIN_REPRESENTATIVE = 50
"""Fewest representative images: ranges from fewer would cut off what the device sees."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A bundle to be.

    ``weights``: an .npz as a training run leaves it, or the run, and ``network`` its network; or a Keras model of one's own (.keras, .h5), which
    is its network itself and takes what ``preprocess`` (colours, mean, std) makes of a crop. ``io``: int8 for accelerators that take and give
    nothing else; LiteRT.js and MediaPipe's Task Library refuse it. ``released``: our own conversion, used unless a rebuild is asked for.
    ``thresholds``: measured thresholds keyed by the sha256 of the embedder, used when the embedder is listed there.
    ``faces``: sets of pictures under the folder given as --faces; their held-out people give the thresholds, others the
    representative images. ``fmr`` is the default false match rate, ``fmrs`` are all that get a threshold; none: those that the people support.
    ``templates``: embedders (.tflite) of the same space whose templates the bundle accepts too, with thresholds of their own.
    ``card`` and ``licence`` (of the weights) are files that the bundle carries.
    ``decide``: "siamese" by the head that was trained with the weights, where these are a run of loss.siamese; ``head`` is the file that a release
    keeps it in, beside its weights.
    ``mirrored``: an embedding is the mean of a crop's and of its mirror image's, at twice the multiply-adds.
    ``smaller``: whether weights are pruned and clustered before. ``tuning``: how that and int8-qat are trained, from crops of people who are not
    held out.
    The budget: ``min_cosine``, the least cosine of an embedding to the float one, ``max_loss``, how much VAL at ``fmr`` may be below the
    float network's (0.02: two points), and ``max_loss_high``, the same for the upper end of that loss's 95 % interval.
    ``height``, ``width``, ``embedding``: 0 is the network's own.
    """

    name: str
    precision: Precision
    space: str
    weights: str
    training_data: str
    licences: dict[str, str]
    network: str = ""
    preprocess: str = "rgb:127.5,128"
    io: Io = "float32"
    released: str = ""
    thresholds: str = ""
    templates: tuple[str, ...] = ()
    card: str = ""
    licence: str = ""
    decide: Decide = "squared-l2"
    head: str = ""
    faces: tuple[Set, ...] = (Set("."),)
    representative: int = 400
    fmr: float = 1e-3
    fmrs: tuple[float, ...] = ()
    min_cosine: float = 0.97
    max_loss: float = 0.02
    max_loss_high: float = 1.0
    mirrored: bool = False
    smaller: Smaller = field(default_factory=Smaller)
    tuning: Schedule = field(default_factory=Schedule)
    height: int = 0
    width: int = 0
    embedding: int = 0

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or not self.name.isprintable():
            raise ValueError(f"expected a name that can be a file's, got {self.name!r}")
        if not all(0 < fmr < 1 for fmr in (self.fmr, *self.fmrs)):
            raise ValueError(f"expected fmr and fmrs between 0 and 1, got {[self.fmr, *self.fmrs]}")
        if self.io == "int8" and self.precision not in INTEGER:
            raise ValueError(f'expected io = "int8" with a precision out of {", ".join(INTEGER)}, got it with {self.precision}')
        if self.is_keras:
            others = {
                "network": self.network,
                "embedding": self.embedding,
                "templates": self.templates,
                "decide": self.decide != "squared-l2",
                "mirrored": self.mirrored,
                "smaller": self.smaller,
                "precision int8-qat": self.precision == "int8-qat",
            }
            if given := [key for key, value in others.items() if value]:
                *most, last = others
                raise ValueError(f"expected neither {', '.join(most)} nor {last} with a Keras model ({self.weights}), got {', '.join(given)}")
        elif not self.network:
            raise ValueError("expected network, the one that was trained, got none")
        elif self.preprocess != Recipe.__dataclass_fields__["preprocess"].default:
            raise ValueError("expected preprocess with a Keras model only, got it with a network of facelite's, which knows its own")
        parse_preprocessing(self.preprocess, 112, 112)
        if self.head and self.decide != "siamese":
            raise ValueError(f'expected head with decide = "siamese" only, got it with {self.decide!r}')
        if self.decide == "siamese" and self.released and not self.head:
            raise ValueError("expected head, the file that a release keeps its Siamese head in, got none")
        if not -1 <= self.min_cosine <= 1 or not 0 <= self.max_loss <= self.max_loss_high <= 1:
            found = f"{self.min_cosine:g}, {self.max_loss:g} and {self.max_loss_high:g}"
            raise ValueError(f"expected min_cosine from -1 to 1 and 0 <= max_loss <= max_loss_high <= 1, got {found}")
        if self.representative < MIN_REPRESENTATIVE:
            raise ValueError(f"expected representative >= {MIN_REPRESENTATIVE}, got {self.representative}")
        if self.is_tuned and self.tuning.pictures < MIN_REPRESENTATIVE:
            raise ValueError(f"expected tuning.pictures >= {MIN_REPRESENTATIVE}, got {self.tuning.pictures}")
        if any(side and side < 32 for side in (self.height, self.width)) or self.embedding < 0:
            raise ValueError(
                f"expected a height and a width of 32 or more and a positive embedding, got {self.height}, {self.width}, {self.embedding}"
            )

    @property
    def is_keras(self) -> bool:
        """Whether ``weights`` names a Keras model."""
        return self.weights.endswith(SUFFIXES)

    @property
    def is_tuned(self) -> bool:
        """Whether the conversion trains: pruned, clustered or int8-qat."""
        return bool(self.smaller) or self.precision == "int8-qat"

    @property
    def needs_faces(self) -> bool:
        """Whether the conversion itself looks at pictures, for its ranges or to train."""
        return self.precision in INTEGER or self.is_tuned
