"""Who is held out: the same people in every run, recipe and set, by a hash of the person's name alone."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

HELD_OUT_SHARE = 10
"""One person in ten is held out."""


HELD_OUT_PICTURES = 16
"""Pictures of a held-out person that count. Pairs grow with the square: a few people with hundreds of pictures would decide every rate."""


def name_hash(name: str, /) -> int:
    """A number of 32 bits, of the name's composed form (NFC): a Mac's files, and archives made there, have accents apart from their letters."""
    return int.from_bytes(hashlib.sha256(unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")).digest()[:4], "big")


def is_held_out(person: str, /) -> bool:
    """Whether the person of this name (a folder's name) is kept for judging and calibration."""
    return name_hash(person) % HELD_OUT_SHARE == 0


def counted(names: Sequence[str], people: Sequence[str], /) -> list[int]:
    """The indices, in order, of at most HELD_OUT_PICTURES pictures of each person, chosen by a hash of "person/picture".

    ``names`` end in person/picture and a suffix.
    """
    rank: Counter[str] = Counter()
    chosen = []
    for i in sorted(range(len(names)), key=lambda i: name_hash("/".join(names[i].rpartition(".")[0].split("/")[-2:]))):
        if rank[people[i]] < HELD_OUT_PICTURES:
            chosen.append(i)
        rank[people[i]] += 1
    return sorted(chosen)


@dataclass(frozen=True, slots=True)
class Set:
    """One folder of pictures, one folder per person in it.

    ``numbering``: sets of the same numbering name the same person alike, so that two names are two people; "" is a
    numbering of its own. ``labelled = false``: nobody knows who is on the pictures.
    """

    folder: str
    numbering: str = ""
    labelled: bool = True
