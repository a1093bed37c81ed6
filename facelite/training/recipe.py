"""What a training run is made from: one TOML file, read into these frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from facelite.split import Set
from facelite.training.augment import Augmentation

LEAST_BATCH = 32
"""Pictures a step, however small the set: two people of six pictures, and others to tell them from."""

LEAST_STEPS = 1000
"""Steps of a default run, however small the set: twice as many as the averaged weights remember, 1 / (1 - 0.998)."""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Which table, and where its sizes differ from the table's own (0: as in the table)."""

    name: str
    height: int = 0
    width: int = 0
    embedding: int = 0

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.embedding) < 0:
            raise ValueError(f"expected sizes >= 0, got {self}")


@dataclass(frozen=True, slots=True)
class Teacher:
    """``file``: an .npz with ``names`` (n,) "set/person/picture" and ``embeddings`` (n, d).

    A training picture is left out when its teacher embedding lies within ``leak`` (squared distance) of the mean of a
    held-out person of another numbering: it probably shows that person.
    """

    file: str
    leak: float = 0.9


@dataclass(frozen=True, slots=True)
class Loss:
    """Weights of the terms, and the triplets' margin. 0 switches a term off."""

    triplet: float = 1.0
    margin: float = 0.2
    embedding: float = 0.0
    pairwise: float = 0.0

    def __post_init__(self) -> None:
        terms = (self.triplet, self.embedding, self.pairwise)
        if not (min(terms) >= 0 and max(terms) > 0 and self.margin > 0):
            raise ValueError(f"expected weights >= 0, one of them and the margin > 0, got {self}")


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: AdamW, a linear warm-up and a cosine to zero.

    ``batch`` pictures a step: about ``labelled`` of them as people with up to ``pictures`` each, the rest drawn from all.
    An epoch is as many pictures as there are in the training part. ``average``: decay per step of the averaged weights, which are what is
    judged and released. ``judge``: epochs between two looks at the held-out people.
    """

    epochs: float = 20.0
    batch: int = 256
    labelled: int = 96
    pictures: int = 6
    rate: float = 3e-3
    warmup: float = 0.5
    decay: float = 0.05
    average: float = 0.998
    judge: float = 1.0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "mixed_bfloat16"
    seed: int = 1

    def __post_init__(self) -> None:
        if not (0 < self.labelled <= self.batch and self.pictures >= 2 and self.epochs > 0 and self.judge > 0):
            raise ValueError(f"expected 0 < labelled <= batch, pictures >= 2, epochs and judge > 0, got {self}")
        if not (self.rate > 0 and self.warmup >= 0 and self.decay >= 0 and 0 <= self.average < 1):
            raise ValueError(f"expected rate > 0, warmup and decay >= 0, 0 <= average < 1, got {self}")

    def steps_an_epoch(self, pictures: int, /) -> int:
        return max(1, pictures // self.batch)

    def steps(self, pictures: int, /) -> int:
        """Of the whole run, on a training part of so many ``pictures``."""
        return max(1, round(self.epochs * self.steps_an_epoch(pictures)))


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """A whole run. Paths are relative to the data folder given beside the recipe."""

    network: NetworkChoice
    data: tuple[Set, ...]
    space: str
    teacher: Teacher | None = None
    loss: Loss = field(default_factory=Loss)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        folders = [one.folder for one in self.data]
        if not folders or len(set(folders)) < len(folders):
            raise ValueError(f"expected one or more [[data]] sets, each folder once, got {folders}")
        if self.teacher is None and (self.loss.embedding or self.loss.pairwise):
            raise ValueError("expected a [teacher] for loss.embedding and loss.pairwise, got none")


def default_recipe(network: str, space: str, /, *, pictures: int | None = None, epochs: float | None = None) -> TrainingRecipe:
    """What trains ``network`` on one folder of people, by triplets alone, into a ``space`` of its own.

    A training part of few ``pictures`` gets smaller batches, of a quarter of it but LEAST_BATCH at least, and a longer schedule: 20 epochs,
    the warm-up and the epochs between two judgements are all stretched until there are LEAST_STEPS steps, unless ``epochs`` says how long.
    """
    schedule = Schedule()
    if pictures is not None:
        schedule = _with_smaller_batch(schedule, pictures)
    if epochs is not None:
        schedule = replace(schedule, epochs=epochs)
    elif pictures is not None:
        schedule = _stretched(schedule, pictures)
    return TrainingRecipe(NetworkChoice(network), (Set("."),), space, schedule=schedule)


def _with_smaller_batch(schedule: Schedule, pictures: int) -> Schedule:
    """The same share of the batch remains labelled, in whole people."""
    batch = min(schedule.batch, max(LEAST_BATCH, pictures // 4))
    people = batch * schedule.labelled // schedule.batch // schedule.pictures
    return replace(schedule, batch=batch, labelled=people * schedule.pictures)


def _stretched(schedule: Schedule, pictures: int) -> Schedule:
    longer = max(1.0, LEAST_STEPS / schedule.steps(pictures))
    return replace(schedule, epochs=schedule.epochs * longer, warmup=schedule.warmup * longer, judge=schedule.judge * longer)
