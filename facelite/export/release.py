"""The files that a recipe releases: its embedder, and thresholds by the sha256 of the embedder they were measured on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facelite.atomic import write_atomically
from facelite.errors import InputError, RecipeError
from facelite.export.recipe import Recipe
from facelite.face import Threshold
from facelite.recipe import parse


def read_named(path: Path, /) -> bytes:
    """A file that a recipe names. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: expected the file that the recipe names, got {error.strerror or error}; correct the recipe") from None


def known_thresholds(recipe: Recipe, folder: Path, model: bytes, /) -> tuple[Threshold, ...] | None:
    """The thresholds that were measured on exactly this embedder, if any. Raises InputError."""
    path = folder / recipe.thresholds
    if not recipe.thresholds or not path.exists():
        return None
    rows = _read_table(path).get(hashlib.sha256(model).hexdigest())
    try:
        return None if rows is None else tuple(sorted((parse(row, Threshold) for row in rows), key=lambda threshold: -threshold.fmr))
    except (RecipeError, TypeError) as error:
        raise InputError(f"{path}: expected thresholds, got others: {error}; take the released file") from None


def write_release(recipe: Recipe, folder: Path, model: bytes, thresholds: tuple[Threshold, ...], /) -> None:
    """Keep the embedder and its thresholds beside the recipe; thresholds of other embedders stay."""
    if recipe.thresholds:  # first: thresholds without their embedder do no harm
        path = folder / recipe.thresholds
        table = _read_table(path) if path.exists() else {}
        table[hashlib.sha256(model).hexdigest()] = [asdict(threshold) for threshold in thresholds]
        write_atomically(path, json.dumps(table, indent=1, sort_keys=True).encode())
    if recipe.released:
        write_atomically(folder / recipe.released, model)


def _read_table(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(read_named(path))
    except ValueError as error:
        raise InputError(f"{path}: expected thresholds by sha256, got no JSON: {error}; take the released file") from None
    if not isinstance(table, dict):
        raise InputError(f"{path}: expected thresholds by sha256, got a {type(table).__name__}; take the released file")
    return table
