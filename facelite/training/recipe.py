"""What a training run is made from: one TOML file, read into these frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from facelite.distance import PairForm
from facelite.networks import NETWORKS
from facelite.split import Set
from facelite.training.augment import Augmentation

LEAST_BATCH = 32
"""Pictures a step, however small the set: two people of six pictures, and others to tell them from."""

LEAST_STEPS = 1000
"""Steps of a default run, however small the set: twice as many as the averaged weights remember, 1 / (1 - 0.998)."""


FINE_STEPS, FINE_RATE, FINE_AVERAGE, FINE_JUDGEMENTS = 300, 1e-3, 0.99, 4
"""Of a run that begins with trained weights, by AdamW: least steps, rate, decay of the average, and how often it is judged. Few people are held
out of such a run, and of twenty judgements by them the best is often an early one that they liked by chance.

The released NNS2 on 320 pictures of 36 people by a camera that was new to it: VAL at FMR 1e-2 / 1e-3 on other pictures of the same people
38.8 / 15.6 -> 51.9 / 27.7 %, on 607 other people at that camera 35.1 / 10.2 -> 50.0 / 22.5 %. With 150 steps at 3e-4, triplets of weight 0.2 and
twenty judgements: 42.2 / 20.2 and 40.7 / 13.7 %. On pictures like those of its training it stayed as it was, each way; trained on to the end it
would have gained 3.9 points at 1e-3 on the same people and lost 4.2 on others.
"""

TAUGHT_TRIPLET = 0.05
"""Weight of the triplets of a run that has a teacher. They hold a network back that has yet to learn what the teacher knows.

VAL at FMR 1e-3 on held-out people: NNS2 after 3 epochs 38.9 % with triplets of weight 0.5, 46.7 % without; NNS1 after 22 epochs at 0.5 gained
3 points in 3 more at 0.05.
"""


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Which table, and where its sizes differ from the table's own (0: as in the table)."""

    name: str
    height: int = 0
    width: int = 0
    embedding: int = 0

    def __post_init__(self) -> None:
        if self.embedding < 0 or any(side and side < 32 for side in (self.height, self.width)):
            raise ValueError(f"expected sizes >= 0, and a height and a width of 32 or more or 0, got {self}")


@dataclass(frozen=True, slots=True)
class Teacher:
    """``file``: an .npz with ``names`` (n,) "set/person/picture" and ``embeddings`` (n, d). Without one a model
    teaches that is named with the run, else the weights that the run begins with: what they make of each crop, unvaried, is the target, so
    that the run does not forget what they know.

    A training picture is left out when its teacher embedding lies within ``leak`` (squared distance) of the mean of a
    held-out person of another numbering: it probably shows that person.
    """

    file: str = ""
    leak: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.leak <= 4:
            raise ValueError(f"expected a leak from 0 to 4, a squared distance, got {self.leak:g}")


Mining = Literal["semi-hard", "batch-hard", "batch-all"]
"""Which of a batch's triplets count: see ``losses.triplet_loss``."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Weights of the terms, and what each can be told. 0 switches a term off and then costs nothing.

    - ``triplet``: ``margin`` and ``mining``; ``positives`` is the share of each anchor's positives that is used, those that look most different.
    - ``contrastive``: ``contrastive_margin`` is an L2 distance, not squared. Beside ``softmax`` this is DeepID2's verification signal, and
      ``verification`` is that paper's other form of it, of learned scale.
    - ``softmax`` over the training part's people: ``scale`` multiplies their cosines; 0 is ``identities.least_scale`` for so many people.
    - ``centre``, beside other terms: each person's centre goes the share ``centre_rate`` of the way to the batch's pictures.
    - ``siamese``: logistic regression on two embeddings' differences, in the ``siamese_form``.
    - ``harmonic``: triplets of the network's embeddings and the teacher's, mined as those of ``triplet``.
    - ``embedding`` and ``pairwise``: distillation to the teacher's embeddings and to their cosines with each other.
    """

    triplet: float = 1.0
    margin: float = 0.2
    mining: Mining = "semi-hard"
    positives: float = 1.0
    contrastive: float = 0.0
    contrastive_margin: float = 1.2
    verification: float = 0.0
    softmax: float = 0.0
    scale: float = 0.0
    centre: float = 0.0
    centre_rate: float = 0.5
    siamese: float = 0.0
    siamese_form: PairForm = "absolute"
    harmonic: float = 0.0
    embedding: float = 0.0
    pairwise: float = 0.0

    @property
    def into_space(self) -> bool:
        """Whether a term compares embeddings with the teacher's, which needs as many numbers."""
        return self.harmonic > 0 or self.embedding > 0

    @property
    def learns_teacher(self) -> bool:
        """Whether a term needs a teacher."""
        return self.into_space or self.pairwise > 0

    def __post_init__(self) -> None:
        apart = (self.triplet, self.contrastive, self.verification, self.softmax, self.siamese, self.harmonic, self.embedding, self.pairwise)
        if not (min(*apart, self.centre) >= 0 and max(*apart, self.centre) > 0 and min(self.margin, self.contrastive_margin) > 0):
            raise ValueError(f"expected weights >= 0, one of them and the margins > 0, got {self}")
        if not max(apart) > 0:
            raise ValueError(f"expected another term beside centre, which alone draws all people to one point, got {self}")
        if not (0 < self.positives <= 1 and 0 < self.centre_rate <= 1 and self.scale >= 0):
            raise ValueError(f"expected 0 < positives <= 1, 0 < centre_rate <= 1 and scale >= 0, got {self}")


Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
"""What a step computes in. "auto": mixed_bfloat16 on a GPU and on a CPU that has instructions for it, else float32; a run keeps what it began in."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: the ``optimizer`` (see ``muon``), a linear warm-up and a cosine to zero.

    ``batch`` pictures a step: about ``labelled`` of them as people with up to ``pictures`` each, the rest drawn from all.
    An epoch is as many pictures as there are in the training part. ``average``: decay per step of the averaged weights, which are what is
    judged and released. ``judge``: epochs between two looks at the held-out people.

    ``chunk``: pictures that the network takes at a time, 0: the whole batch. It needs the memory of so many pictures, and about a third more
    work, one more look at each; the loss stays that of the whole batch, with its labelled x labelled x batch distances, but BatchNorm sees
    chunks: see ``trainer.Trainer``.
    """

    epochs: float = 20.0
    batch: int = 256
    labelled: int = 96
    pictures: int = 6
    optimizer: Literal["muon", "adamw"] = "muon"
    rate: float = 3e-3
    warmup: float = 0.5
    decay: float = 0.05
    average: float = 0.998
    judge: float = 1.0
    precision: Precision = "auto"
    seed: int = 1
    chunk: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.labelled <= self.batch and self.pictures >= 2 and self.epochs > 0 and self.judge > 0):
            raise ValueError(f"expected 0 < labelled <= batch, pictures >= 2, epochs and judge > 0, got {self}")
        if not (self.rate > 0 and self.warmup >= 0 and self.decay >= 0 and 0 <= self.average < 1):
            raise ValueError(f"expected rate > 0, warmup and decay >= 0, 0 <= average < 1, got {self}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"expected a seed from 0 to {2**32 - 1}, got {self.seed}")
        if self.chunk < 0 or (self.chunk and self.batch % self.chunk):
            raise ValueError(f"expected a chunk that divides the batch, or 0, got {self}")

    def steps_an_epoch(self, pictures: int, /) -> int:
        return max(1, pictures // self.batch)

    def steps(self, pictures: int, /) -> int:
        """Of the whole run, on a training part of so many ``pictures``."""
        return max(1, round(self.epochs * self.steps_an_epoch(pictures)))


@dataclass(frozen=True, slots=True)
class OfflineMining:
    """Hard pictures and people found by a look at the data, beside those that the loss finds in a batch.

    ``every``: steps between two looks, 0: none. A look embeds up to ``pictures`` pictures of labelled people and keeps for each the nearest
    picture of each of the ``people`` nearest others. In a batch up to ``follow`` of these come behind a person.
    """

    every: int = 0
    pictures: int = 5000
    people: int = 8
    follow: int = 3

    def __post_init__(self) -> None:
        if self.every < 0 or self.pictures < 4:
            raise ValueError(f"expected every >= 0, and pictures >= 4, which are two people with two each, got {self}")
        if min(self.people, self.follow) < 1:
            raise ValueError(f"expected people and follow >= 1, got {self}")


@dataclass(frozen=True, slots=True)
class TrainingSet(Set):
    """``of``: the set whose pictures these are in another look, with the same people and file names (``facelite style --augment``). They are taught
    what the pictures themselves are, and judge nothing.
    """

    of: str = ""

    def __post_init__(self) -> None:
        if self.of and (self.numbering or not self.labelled):
            raise ValueError(f"expected the numbering and the labels of the set {self.of!r}, got others for a look of it; leave them out")


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """A whole run. Paths are relative to the data folder given beside the recipe."""

    network: NetworkChoice
    data: tuple[TrainingSet, ...]
    space: str
    teacher: Teacher | None = None
    loss: Loss = field(default_factory=Loss)
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    mining: OfflineMining = field(default_factory=OfflineMining)

    def __post_init__(self) -> None:
        folders = [one.folder for one in self.data]
        if not folders or len(set(folders)) < len(folders):
            raise ValueError(f"expected one or more [[data]] sets, each folder once, got {folders}")
        if self.teacher is None and self.loss.learns_teacher:
            raise ValueError("expected a [teacher] for loss.harmonic, loss.embedding and loss.pairwise, got none")


def default_recipe(
    network: str, space: str, /, *, pictures: int | None = None, epochs: float | None = None, fine: bool = False, numbers: int = 0
) -> TrainingRecipe:
    """What trains ``network`` on one folder of people into a ``space`` of its own, by triplets.

    A training part of few ``pictures`` gets smaller batches, of a quarter of it but LEAST_BATCH at least, and a longer schedule: 20 epochs,
    the warm-up and the epochs between two judgements are all stretched until there are LEAST_STEPS steps, unless ``epochs`` says how long.
    A ``fine`` run begins with trained weights: it is shorter and slower, and without another teacher those teach beside the triplets. ``numbers``
    is the size of a teacher's embedding, 0 without one: it is learnt beside the triplets, by its cosines alone where the network's has another size.
    """
    schedule = Schedule()
    if pictures is not None:
        schedule = _with_smaller_batch(schedule, pictures)
    if epochs is not None:
        schedule = replace(schedule, epochs=epochs)
    elif pictures is not None:
        schedule = _stretched(schedule, pictures, FINE_STEPS if fine else LEAST_STEPS)
    loss, teacher = Loss(), Teacher() if fine or numbers else None
    if fine:
        loss = Loss(embedding=1.0, pairwise=10.0)
        schedule = replace(schedule, optimizer="adamw", rate=FINE_RATE, average=FINE_AVERAGE, judge=schedule.epochs / FINE_JUDGEMENTS)
    if numbers:
        fits = numbers == (NETWORKS[network].embedding if network in NETWORKS else 0)
        loss = Loss(triplet=TAUGHT_TRIPLET, embedding=float(fits), pairwise=10.0)
    return TrainingRecipe(NetworkChoice(network), (TrainingSet("."),), space, teacher, loss, schedule)


def _with_smaller_batch(schedule: Schedule, pictures: int) -> Schedule:
    """The same share of the batch remains labelled, in whole people."""
    batch = min(schedule.batch, max(LEAST_BATCH, pictures // 4))
    people = batch * schedule.labelled // schedule.batch // schedule.pictures
    return replace(schedule, batch=batch, labelled=people * schedule.pictures)


def _stretched(schedule: Schedule, pictures: int, least: int) -> Schedule:
    longer = max(1.0, least / schedule.steps(pictures))
    return replace(schedule, epochs=schedule.epochs * longer, warmup=schedule.warmup * longer, judge=schedule.judge * longer)
