"""An embedder and pictures -> rates, the whole way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facelite.errors import InputError
from facelite.evaluation.all_pairs import AllPairs, verify_all_pairs
from facelite.evaluation.embed import CropEmbedder, embed_pictures
from facelite.evaluation.pairs import read_pairs
from facelite.evaluation.people import open_people
from facelite.evaluation.verification import Verification, verify_pairs
from facelite.runtime.choice import Rule
from facelite.source import open_source

Progress = Callable[[int, int], None]


def judge_pairs(
    make: Callable[[], CropEmbedder],
    data: str | Path,
    pairs: str | Path,
    /,
    *,
    detector: bytes,
    rule: Rule = "centre",
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> Verification:
    """LFW's protocol over the list ``pairs`` of pictures in ``data``. Raises InputError where a listed picture is missing."""
    listed = read_pairs(pairs)
    with open_source(data) as (names, read):
        missing = sorted(set(listed.images) - set(names))
        if missing:
            raise InputError(
                f"{data}: expected {len(listed.images)} listed pictures, got all but {len(missing)}, the first of them {missing[0]}; check DATA"
            )
        embedded = embed_pictures(listed.images, read, detector=detector, embedders=[make], rule=rule, workers=workers, progress=progress)[0]
    return verify_pairs(listed, embedded)


def judge_all_pairs(
    make: Callable[[], CropEmbedder],
    data: str | Path,
    /,
    *,
    detector: bytes,
    held_out: bool = False,
    rule: Rule = "centre",
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> AllPairs:
    """All pairs of the pictures in ``data``, one folder per person; with ``held_out`` only of people kept out of every training.

    Raises InputError where they give no genuine or no impostor pair.
    """
    with open_people(data) as people:
        chosen = people(True if held_out else None)
        embedded = embed_pictures(chosen.names, chosen.read, detector=detector, embedders=[make], rule=rule, workers=workers, progress=progress)[0]
    pairs = chosen.pairs(embedded) if embedded.found.any() else None
    if pairs is None or not len(pairs.genuine) or not len(pairs.impostor):
        raise InputError(f"{data}: expected faces of two people or more, one of them in two pictures or more, found too few; give more pictures")
    return verify_all_pairs(pairs, images=len(chosen.names), failed_to_detect=int((~embedded.found).sum()))
