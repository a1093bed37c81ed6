"""The files that a recipe releases: its embedder, its head, and by their sha256 what was measured: thresholds, the least clarity, and parity."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facelite.atomic import write_atomically
from facelite.bundle import FUSED, fused_kind
from facelite.distance import SQUARED_L2, Distance, Siamese, pack_head
from facelite.errors import InputError, RecipeError
from facelite.export.parity import Parity
from facelite.export.recipe import Recipe
from facelite.face import Threshold
from facelite.recipe import parse


def read_named(path: Path, /) -> bytes:
    """A file that a recipe names. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected the file that the recipe names, got {error.strerror or error}; correct the recipe") from None


Thresholds = tuple[Threshold, ...]


def known_thresholds(
    recipe: Recipe, folder: Path, model: bytes, distance: Distance = SQUARED_L2, /
) -> tuple[Thresholds, dict[str, Thresholds]] | None:
    """The thresholds that were measured on exactly this embedder and distance, its own, for each of the recipe's ``templates`` by their sha256, and
    for those fused templates that were measured.

    None where one is missing. Raises InputError.
    """
    path = folder / recipe.thresholds
    if not recipe.thresholds or not path.exists():
        return None
    table, artefact = _read_table(path), _sha256(model)
    foreign = [_sha256(read_named(folder / name)) for name in recipe.templates]
    kinds = ["", *foreign, *(kind for number in FUSED if _key(artefact, kind := fused_kind(number), distance) in table)]
    keys = [_key(artefact, one, distance) for one in kinds]
    if not all(key in table for key in keys):
        return None
    try:
        own, *crossed = (tuple(sorted((parse(row, Threshold) for row in table[key]), key=lambda threshold: -threshold.fmr)) for key in keys)
    except (RecipeError, TypeError) as error:
        raise InputError(f"{path}: expected thresholds, got others: {error}; take the released file") from None
    return own, dict(zip(kinds[1:], crossed, strict=True))


def known_clarity(recipe: Recipe, folder: Path, model: bytes, distance: Distance = SQUARED_L2, /) -> float:
    """The least clarity that was measured for this embedder and distance; 0, which is no limit, where none was. Raises InputError."""
    path = folder / recipe.thresholds
    found = _read_table(path).get(_key(_sha256(model), "clarity", distance), 0.0) if recipe.thresholds and path.exists() else 0.0
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found < math.inf:
        raise InputError(f"{path}: expected a clarity of 0 or more, got {found!r}; take the released file")
    return float(found)


def known_parity(recipe: Recipe, folder: Path, model: bytes, distance: Distance = SQUARED_L2, /) -> Parity | None:
    """What this embedder was measured to lose against float32 at the recipe's fmr; None where that was not measured. Raises InputError."""
    path = folder / recipe.thresholds
    row = _read_table(path).get(_key(_sha256(model), "parity", distance)) if recipe.thresholds and path.exists() else None
    try:
        parity = None if row is None else parse(row, Parity)
    except (RecipeError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected a parity, got another value: {error}; take the released file") from None
    return parity if parity and parity.fmr == recipe.fmr else None


def write_release(
    recipe: Recipe,
    folder: Path,
    model: bytes,
    thresholds: Thresholds,
    template_thresholds: Mapping[str, Thresholds],
    distance: Distance,
    /,
    *,
    clarity: float,
    parity: Parity | None = None,
) -> None:
    """Keep the embedder, its thresholds, its least clarity, its parity and the head that decides, if any, beside the recipe, in place of the
    embedder that was there and of what was measured with it; what was measured with others stays.
    """
    path, artefact = folder / recipe.thresholds, _sha256(model)
    if recipe.thresholds:  # first: thresholds without their embedder do no harm
        table = _read_table(path) if path.exists() else {}
        for number in FUSED:  # as many as are measured now, not as were before
            table.pop(_key(artefact, fused_kind(number), distance), None)
        for templates, measured in {"": thresholds, **template_thresholds}.items():
            table[_key(artefact, templates, distance)] = [asdict(threshold) for threshold in measured]
        table[_key(artefact, "clarity", distance)] = clarity
        if parity:
            table[_key(artefact, "parity", distance)] = asdict(parity)
        write_atomically(path, json.dumps(table, indent=1, sort_keys=True).encode())
    if recipe.head and isinstance(distance, Siamese):
        write_atomically(folder / recipe.head, pack_head(distance))
    if recipe.released:
        released = folder / recipe.released
        before = _sha256(released.read_bytes()) if released.exists() else artefact
        write_atomically(released, model)
        if recipe.thresholds and before != artefact:
            left = {key: value for key, value in table.items() if key.split()[0] != before}
            write_atomically(path, json.dumps(left, indent=1, sort_keys=True).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key(artefact: str, templates: str, distance: Distance) -> str:
    """Thresholds belong to the embedder of the probe, to that of the templates where it is another one, and to the head where one decides."""
    head = f"{distance.name}:{_sha256(pack_head(distance))}" if isinstance(distance, Siamese) else ""
    return " ".join(filter(None, (artefact, templates, head)))


def _read_table(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(read_named(path))
    except ValueError as error:
        raise InputError(f"{path}: expected thresholds by sha256, got no JSON: {error}; take the released file") from None
    if not isinstance(table, dict):
        raise InputError(f"{path}: expected thresholds by sha256, got a {type(table).__name__}; take the released file")
    return table
