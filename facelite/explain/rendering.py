"""A set of aligned crops in another camera's look: one more set to train on, of the same people, each picture as near to itself as is wished.

What a picture loses on the way is measured by an embedder; where that is more than is allowed, the rendering is blended with the picture itself.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import local

import cv2
import numpy as np

from facelite.atomic import write_atomically
from facelite.distance import SQUARED_L2, Distance
from facelite.errors import InputError
from facelite.explain.look import Render, pictures_of
from facelite.face import FaceCrop, Floats, Pixels
from facelite.preprocess import template
from facelite.training.align import write_crop
from facelite.training.augment import view, view_matrix
from facelite.training.geometry import CropGeometry, claim_geometry, read_crop, read_geometry
from facelite.training.judging import unit_rows
from facelite.training.teach import CropEmbedder

NOTE, JOURNAL, SHEET = "look.json", "look.csv", "look.png"
"""Beside the people in the folder: by what the pictures were made, what became of each, and a sheet of some of them."""

SHARES = (1.0, 0.75, 0.5, 0.25)
"""How much of a picture is its rendering, from all of it downwards until it is near enough to itself."""

TOGETHER = 16
"""Pictures between two writes of the journal: what a kill can cost."""

SHOWN = 12
"""Pictures on the sheet."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """How many pictures there are now, how many of these are only in part rendered, and how many were left out, as too far from themselves even so;
    the median and the 95 % quantile of the distances of those there are to themselves, NaN without any.
    """

    pictures: int
    weakened: int
    left_out: int
    median: float
    quantile: float


def claim_look(source: str | Path, out: str | Path, made_by: dict[str, object], /) -> None:
    """Make ``out`` the folder of the crops in ``source`` rendered by what ``made_by`` says. Raises InputError where it holds something else."""
    source, out = Path(source).resolve(), Path(out)
    if source in (out.resolve(), *out.resolve().parents) or out.resolve() in source.parents:
        raise InputError(f"{out}: expected a folder apart from the crops, got one that overlaps {source}; choose another folder")
    names = hashlib.sha256("\n".join(pictures_of(source)).encode("utf-8", "surrogateescape")).hexdigest()
    note = json.dumps({"of": source.name, "names_sha256": names, **made_by})
    if (out / NOTE).exists():
        if (before := (out / NOTE).read_text()) != note:
            raise InputError(f"{out}: expected pictures made by {note}, got such by {before}; name another folder")
    elif out.exists() and (not out.is_dir() or any(not path.name.startswith(".") for path in out.iterdir())):
        raise InputError(f"{out}: expected a new folder or one of rendered pictures, got one with other files in it; name another folder")
    write_atomically(out / NOTE, note.encode())
    claim_geometry(out, read_geometry(source))


def render_set(
    source: str | Path,
    out: str | Path,
    render: Render,
    /,
    *,
    embedder: Callable[[], CropEmbedder],
    farthest: float,
    distance: Distance = SQUARED_L2,
    seed: int = 1,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Rendered:
    """Write the crops in ``source``, rendered, under the same names into ``out``, see ``claim_look``; none of people who are held out.

    None lies farther than ``farthest`` from itself, by ``embedder`` and ``distance``, before it is stored as JPEG. An interrupted run goes on where
    it stopped. ``embedder`` is called once a thread, ``render`` by all of them. Raises InputError for a crop of another size.
    """
    source, out, names, geometry = Path(source), Path(out), pictures_of(source), read_geometry(source)
    own, done = local(), {name: entry for name, entry in _read_journal(out).items() if not entry[1] or (out / name).exists()}
    write_atomically(out / JOURNAL, _lines(done))  # without what a kill has cut short

    def one(name: str) -> tuple[float, float]:
        if not hasattr(own, "embedder"):
            own.embedder = embedder()
        crop = read_crop(source / name, geometry)
        rng = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big")])
        kept, apart, share = _near(crop, render(crop, rng), own.embedder, distance, geometry, farthest)
        if share:
            write_crop(out / name, kept)
        return apart, share

    waiting = [name for name in names if name not in done]
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(waiting), TOGETHER):
            progress(len(names) - len(waiting) + start, len(names))
            some = waiting[start : start + TOGETHER]
            new = dict(zip(some, pool.map(one, some), strict=True))
            done |= new
            with (out / JOURNAL).open("ab") as file:
                file.write(_lines(new))
    progress(len(names), len(names))
    apart, shares = np.array([done[name] for name in names]).T
    median, quantile = (float(value) for value in np.quantile(apart[shares > 0], (0.5, 0.95))) if shares.any() else (np.nan, np.nan)
    return Rendered(int((shares > 0).sum()), int(((shares > 0) & (shares < 1)).sum()), int((shares == 0).sum()), median, quantile)


def _near(
    crop: Pixels, rendered: Pixels, embedder: CropEmbedder, distance: Distance, geometry: CropGeometry, farthest: float
) -> tuple[Pixels, float, float]:
    """The blend of both with the largest of SHARES that is near enough, its distance and its share: 0 where none is."""
    size = embedder.preprocessing
    matrix, points = view_matrix(geometry, size.height, size.width), template(size.height, size.width)

    def embed(pixels: Pixels) -> Floats:
        vector: Floats = unit_rows(embedder.vectors([FaceCrop(view(pixels, matrix, size.height, size.width), points)]))[0]
        return vector

    itself, apart = embed(crop), np.inf
    for share in SHARES:
        blend: Pixels = np.rint((1 - share) * crop + share * rendered.astype(np.float64)).astype(np.uint8)
        if (apart := round(float(distance.pairs(embed(blend), itself)), 4)) <= farthest:  # as the journal has it
            return blend, apart, share
    return crop, apart, 0.0


def draw_sheet(source: str | Path, out: str | Path, seen: Sequence[Pixels], /) -> None:
    """OUT/look.png: faces that the camera has seen, above pictures of the set, above those as rendered. There is to be one or more."""
    names, geometry = [name for name in pictures_of(source) if (Path(out) / name).exists()], read_geometry(source)
    some = [names[i] for i in np.linspace(0, len(names) - 1, min(len(names), SHOWN)).astype(int)]
    faces = [seen[i] for i in np.linspace(0, len(seen) - 1, len(some)).astype(int)]
    rows = [faces, *([read_crop(Path(folder) / name, geometry) for name in some] for folder in (source, out))]
    sheet = np.vstack([np.hstack(row) for row in rows])
    write_atomically(Path(out) / SHEET, cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes())


def _read_journal(out: Path) -> dict[str, tuple[float, float]]:
    """Distance and share of each picture; what a kill or an editor has cut short is no line."""
    path = out / JOURNAL
    stored = path.read_bytes() if path.exists() else b""
    text = stored[: stored.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
    known = {}
    for row in csv.reader(io.StringIO(text, newline="")):
        with suppress(ValueError):
            name, apart, share = row
            known[name] = float(apart), float(share)
    return known


def _lines(journal: dict[str, tuple[float, float]]) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows((name, *entry) for name, entry in journal.items())
    return lines.getvalue().encode("utf-8", "surrogateescape")
