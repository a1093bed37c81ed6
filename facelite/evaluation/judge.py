"""Embedders and pictures -> what they are worth: verification, and on wish differences, slices, sweeps and identification."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facelite.calibration import Interval, intervals
from facelite.distance import SQUARED_L2, Distance
from facelite.errors import InputError
from facelite.evaluation.crop import Cropper, DetectedFace, Road
from facelite.evaluation.embed import CropEmbedder, Embedded, embed_pictures, missing_reason
from facelite.evaluation.identification import Identification, check_people, identify_people
from facelite.evaluation.pairs import PairList, read_pairs
from facelite.evaluation.people import PREFIX, open_people
from facelite.evaluation.quality import Discards, discards, measure_pictures
from facelite.evaluation.slices import Slices, find_groups, slice_rates
from facelite.evaluation.sweeps import ROADS, Kind, Sweep, square_sides, sweep
from facelite.evaluation.verification import Cross, Judged, Measure, by_measure, difference, verify_all, verify_cross, verify_pairs
from facelite.evaluation.video import FRAMES, embed_videos, is_video
from facelite.face import Outcome, Threshold
from facelite.quality import LIMITS, Limits
from facelite.runtime.detector import Detector
from facelite.source import Read, open_source

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """An embedder to judge: a maker of it, the detector file it goes with, the threshold it is deployed with, if any, by which distance, and the
    limits of quality.
    """

    name: str
    make: Callable[[], CropEmbedder]
    detector: bytes
    threshold: Threshold | None = None
    distance: Distance = SQUARED_L2
    limits: Limits = LIMITS


@dataclass(frozen=True, slots=True)
class Wish:
    """What to find out beside verification. ``groups``: a CSV, or "utkface" for what UTKFace's file names say. ``cross``: the first model's
    probes against the second's templates. ``quality``: what the first model's limits of quality cost and gain.
    """

    sweeps: tuple[Kind, ...] = ()
    groups: str | None = None
    identify: bool = False
    cross: bool = False
    quality: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Pictures, or videos, to embed; ``person`` (n,) numbers who is on each; ``verify`` judges what an embedder made of them.

    ``source`` says where they come from. ``read`` gives the bytes of a picture; it is None for the ``videos`` in a folder, of each of which so
    many ``frames`` count. ``pairs`` lists what is compared; None means every picture with every other, where ``cross`` can judge one embedder's
    templates with another's probes.
    """

    source: str
    names: list[str]
    person: NDArray[np.int64]
    verify: Callable[[Embedded], Judged]
    measures: Callable[[Embedded], dict[Measure, dict[str, float]]] | None = None
    read: Read | None = None
    videos: Path | None = None
    frames: int = FRAMES
    pairs: PairList | None = None
    cross: Callable[[tuple[str, Judged], tuple[str, Judged]], Cross] | None = None


@dataclass(frozen=True, slots=True)
class Deployed:
    """The error rates here, with their 95 % intervals by people, at the threshold that a model is deployed with."""

    threshold: Threshold
    fmr: Interval
    fnmr: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """All that was found out. ``judged`` and ``deployed`` stand beside ``models``; ``differences`` are of the second model less the first.

    ``without_a_face`` says of each picture in which the first model has no face, why.
    """

    models: list[str]
    judged: list[Judged]
    deployed: list[Deployed | None]
    crop: str
    seconds: float
    without_a_face: dict[str, str] = field(default_factory=dict)
    measures: dict[Measure, dict[str, float]] | None = None
    differences: dict[str, Interval] = field(default_factory=dict)
    cross: Cross | None = None
    slices: Slices | None = None
    sweeps: list[Sweep] = field(default_factory=list)
    identification: Identification | None = None
    quality: Discards | None = None


def judge(
    models: Sequence[Model],
    material: Material,
    /,
    *,
    crop: Road | None = None,
    wish: Wish | None = None,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Judgement:
    """Judge one model, or two on the same crops, which the detector of the first one finds.

    Slices and limits of quality are taken at the threshold that the first model is deployed with, else at that of its accuracy. A threshold is
    deployed with aligned faces: on a fixed crop there is none. Raises InputError.
    """
    crop, wish, began = crop or DetectedFace(), wish or Wish(), time.monotonic()
    if material.read is None and (wish.sweeps or wish.identify):
        raise InputError("expected pictures for a sweep or identification, got videos; leave --sweep and --identify out")
    if material.read is None and (heads := [model.name for model in models if model.distance.name != "squared-l2"]):
        raise InputError(
            f"{heads[0]}: expected a model that decides by squared L2, whose mean over all pairs of frames is that of two means, "
            "got one that decides by its Siamese head; judge it on pictures"
        )
    if wish.quality and not (material.read and isinstance(crop, DetectedFace)):
        raise InputError("expected pictures whose faces are aligned for the limits of quality, got videos or a fixed crop; leave --quality out")
    if wish.cross and (material.cross is None or len(models) != 2):
        raise ValueError(f"expected two models and all pairs for a cross judgement, got {len(models)} and {material.source}")
    groups = find_groups(wish.groups, material.names) if wish.groups else None
    if wish.identify:
        check_people(material.person)
    thresholds = [model.threshold if isinstance(crop, DetectedFace) else None for model in models]

    def run(cropper: Cropper, stage: str) -> list[Embedded]:
        return _embed(models, material, cropper, cache, workers, lambda done, total: progress(stage, done, total))

    embedded = run(crop, "embedding")
    seconds = time.monotonic() - began
    judged = [material.verify(one) for one in embedded]
    first, found = embedded[0], embedded[0].found
    slices = identification = quality = None
    at = thresholds[0]
    distance, fmr = (at.distance, at.fmr) if at else (judged[0].verification.threshold, judged[0].verification.eer)
    if groups is not None:
        slices = slice_rates(first.vectors, material.person, groups, thresholds=[(distance, fmr)], distance=first.distance)[0]
    if wish.identify:
        progress("identification", 0, 1)
        identification = identify_people(first.vectors[found], material.person[found], distance=first.distance)
    if wish.quality and material.read and isinstance(crop, DetectedFace):
        qualities = measure_pictures(
            material.names,
            material.read,
            first,
            detector=models[0].detector,
            size=models[0].make().preprocessing,
            rule=crop.rule,
            workers=workers,
            progress=lambda done, total: progress("quality", done, total),
        )
        quality = discards(first, material.person, qualities, limits=models[0].limits, distance=distance)
    sweeps = []
    if wish.sweeps and (read := material.read):
        sweeps = sweep(
            lambda cropper: {model.name: material.verify(one).verification for model, one in zip(models, run(cropper, "sweep"), strict=True)},
            wish.sweeps,
            roads=ROADS | ({"aligned": crop} if isinstance(crop, DetectedFace) else {}),
            fmr=min((name for name in judged[0].verification.val_at_fmr if float(name) >= 1e-3), key=float, default="1e-3"),  # FaceNet's is 1e-3
            sides=lambda road: square_sides(material.names, read, detector=Detector(models[0].detector), road=road),
        )
    return Judgement(
        models=[model.name for model in models],
        judged=judged,
        crop=str(crop),
        seconds=seconds,
        without_a_face={name: _reason(material, name) for name in np.array(material.names)[~found].tolist()},
        deployed=[_deployed(one, threshold) if threshold else None for one, threshold in zip(judged, thresholds, strict=True)],
        measures=material.measures(first) if material.measures else None,
        differences=difference(judged[0], judged[1]) if len(judged) == 2 else {},
        cross=material.cross((models[1].name, judged[1]), (models[0].name, judged[0])) if wish.cross and material.cross else None,
        slices=slices,
        sweeps=sweeps,
        identification=identification,
        quality=quality,
    )


def _reason(material: Material, name: str) -> str:
    return missing_reason(material.read(name)) if material.read else Outcome.NO_FACE.value


def _deployed(judged: Judged, threshold: Threshold) -> Deployed:
    found = intervals(
        judged.comparisons,
        lambda drawn: [drawn.fmr_at(threshold.distance), drawn.fnmr_at(threshold.distance)],
        trials=[judged.comparisons.people_pairs, judged.comparisons.genuine_people],
    )
    return Deployed(threshold, *found)


@contextmanager
def listed_pairs(data: str | Path, pairs: str | Path, /, *, frames: int = FRAMES) -> Iterator[Material]:
    """The pictures, or videos, in ``data`` that the list ``pairs`` names. Raises InputError where one is missing."""
    listed, source = read_pairs(pairs, data=data), f"the pairs of {pairs} in {data}"
    if is_video(listed.images[0]):
        yield Material(
            source,
            listed.images,
            listed.person,
            partial(verify_pairs, listed),
            partial(by_measure, listed),
            videos=Path(data),
            frames=frames,
            pairs=listed,
        )
        return
    with open_source(data) as (names, read):
        missing = sorted(set(listed.images) - set(names))
        if missing:
            raise InputError(
                f"{data}: expected {len(listed.images):,} listed pictures, got {len(listed.images) - len(missing):,}; see to {missing[0]} first"
            )
        yield Material(source, listed.images, listed.person, partial(verify_pairs, listed), partial(by_measure, listed), read=read, pairs=listed)


@contextmanager
def everybody(data: str | Path, /, *, held_out: bool = False) -> Iterator[Material]:
    """All pictures in ``data``, one folder per person; with ``held_out`` only of people kept out of every training."""
    with open_people(data) as people:
        chosen = people(True if held_out else None)
        person = np.unique(chosen.person, return_inverse=True)[1]
        names = [name.removeprefix(PREFIX) for name in chosen.names]
        yield Material(
            f"all pairs in {data}",
            names,
            person,
            partial(verify_all, chosen),
            read=lambda name: chosen.read(PREFIX + name),
            cross=partial(verify_cross, chosen),
        )


def _embed(
    models: Sequence[Model], material: Material, crop: Cropper, cache: Path | None, workers: int | None, progress: Callable[[int, int], None]
) -> list[Embedded]:
    makers, detector = [model.make for model in models], models[0].detector
    if material.read is None:
        videos = embed_videos(
            material.names,
            material.videos or "",
            detector=detector,
            embedders=makers,
            crop=crop,
            frames=material.frames,
            workers=workers,
            progress=progress,
        )
        return [Embedded(one.names, one.means, one.found.astype(np.float32)) for one in videos]
    embedded = embed_pictures(
        material.names, material.read, detector=detector, embedders=makers, crop=crop, cache=cache, workers=workers, progress=progress
    )
    return [replace(one, distance=model.distance) for one, model in zip(embedded, models, strict=True)]
