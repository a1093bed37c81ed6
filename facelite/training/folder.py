"""The run folder from inside: which files a run writes, and what a resumed run makes of what a kill has left.

``state.npz`` is the truth. It holds the best weights too, so ``best.npz`` and ``log.csv``, which may be newer than the state that a
resumed run goes on from, are brought back to it. Every file but the log is replaced whole; the log is cut at its last whole line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from facelite.atomic import write_atomically
from facelite.errors import FaceliteError, InputError
from facelite.networks.weights import BEST
from facelite.plots import plot_log
from facelite.training.recipe import TrainingRecipe
from facelite.training.run import CURVES, FACTS, HEAD, LOG, RECIPE, STATE, run_recipe, sized_network

NEWER = ("pixels_sha256", "targets_sha256")
"""Facts that the runs of older releases lack."""


def check_run(folder: str | Path, recipe: TrainingRecipe, /, *, resume: bool) -> None:
    """What can be refused before pictures are read. Raises InputError for a network that there is not; without ``resume`` when ``folder``
    holds a run or other files; with it when it holds no run or another recipe's.
    """
    sized_network(recipe.network)
    folder = Path(folder)
    begun = (folder / RECIPE).exists()
    if resume and not begun:
        raise InputError(f"{folder}: expected a run to go on with, got none; correct --out, or begin one without --resume")
    if resume:
        _check_recipe(folder, recipe)
    elif begun:
        raise InputError(f"{folder}: expected an empty folder, got one with a run in it; add --resume or choose another --out")
    elif folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise InputError(f"{folder}: expected an empty folder, got one with other files in it; choose another --out")


def claim(folder: Path, recipe: TrainingRecipe, facts: dict[str, Any], /, *, resume: bool) -> None:
    """Begin a run in ``folder``, or take up the one that is there. Raises InputError as ``check_run`` does, and for other data."""
    check_run(folder, recipe, resume=resume)
    for name in (RECIPE, FACTS, STATE, BEST, HEAD, CURVES):
        for unfinished in folder.glob(f".{name}.*"):  # what a kill left of write_atomically
            unfinished.unlink()
    if (folder / FACTS).exists():
        _check_data(folder, facts)
    else:
        write(folder / RECIPE, json.dumps(asdict(recipe), indent=1).encode())
        write(folder / FACTS, json.dumps(facts, indent=1).encode())


def _check_recipe(folder: Path, recipe: TrainingRecipe) -> None:
    if differences := _differences(asdict(run_recipe(folder)), asdict(recipe)):
        raise InputError(
            f"{folder}: expected the run's own recipe, by which its rate falls to zero at its last step, got {differences}; "
            f"leave out what differs, or begin a new run: --init {folder} and another --out"
        )


def _check_data(folder: Path, facts: dict[str, Any]) -> None:
    """The same pictures, and the weights that the run began with, unless there is a state: that holds what has become of them."""
    path = folder / FACTS
    try:
        before = json.loads(path.read_text())
        old, decoder = dict(before["data"]), before.get("versions", {}).get("opencv")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the facts of a run, got {type(error).__name__}: {error}; remove it to go on") from None
    new = {key: value for key, value in facts["data"].items() if key in old or key not in NEWER}
    if decoder != facts.get("versions", {}).get("opencv") and "pixels_sha256" in old:  # which may decode a pixel otherwise
        new["pixels_sha256"] = old["pixels_sha256"]
    if not new.get("init_sha256") and (folder / STATE).exists():
        new["init_sha256"] = old.get("init_sha256", "")
    if differences := _differences(old, new):
        raise InputError(f"{path}: expected the run's data and --init, got {differences}; restore them or choose another --out")


def _differences(old: Any, new: Any) -> str:
    """Each key in which two tables differ, with both values."""
    before, now = _leaves(old), _leaves(new)

    def value(leaves: dict[str, Any], key: str) -> str:
        return repr(leaves[key]) if key in leaves else "nothing"

    differing = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return ", ".join(f"{key} = {value(now, key)} in place of {value(before, key)}" for key in differing)


def _leaves(value: Any, where: str = "") -> dict[str, Any]:
    """The plain values of a nested table by their dotted keys, as ``schedule.epochs``; None is no value."""
    if not isinstance(value, (dict, list, tuple)):
        return {} if value is None else {where: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {key: leaf for name, one in items for key, leaf in _leaves(one, f"{where}.{name}" if where else str(name)).items()}


def write(path: Path, data: bytes, /) -> None:
    """Replace the file of a run whole. Raises FaceliteError where that cannot be done; the old one then stays."""
    _or_refuse(path, lambda: write_atomically(path, data))


def write_arrays(path: Path, arrays: dict[str, np.ndarray], /) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write(path, buffer.getvalue())


def read_state(folder: Path, /) -> dict[str, np.ndarray] | None:
    """The arrays of the run's last state, or None before the first. Raises InputError for a damaged file."""
    path = folder / STATE
    if not path.exists():
        return None
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            return {name: file[name] for name in file.files}
    except (OSError, EOFError, ValueError, TypeError, BadZipFile) as error:
        raise damaged(folder, error) from None


def damaged(folder: Path, error: Exception, /) -> InputError:
    """What to say of a state that cannot be taken up."""
    what = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{folder / STATE}: expected the state of this run, got {what}; restore it, or begin anew in another folder")


def append_log(folder: Path, row: dict[str, float], /) -> None:
    """Add a line to the log, and the header to a new one."""
    path = folder / LOG
    line = io.StringIO()
    writer = csv.DictWriter(line, list(row))
    if not path.exists():
        writer.writeheader()
    writer.writerow(row)

    def append() -> None:
        with path.open("a", newline="") as file:
            file.write(line.getvalue())

    _or_refuse(path, append)


def cut_log(folder: Path, step: int, columns: list[str], /) -> None:
    """Drop what a killed run wrote after ``step``, and half a line; an older log gets the ``columns`` of today."""
    path = folder / LOG
    if not path.exists():
        return
    whole = path.read_text().rpartition("\n")[0]
    rows = [row for row in csv.DictReader(io.StringIO(whole)) if (row.get("step") or "").isdigit() and int(row["step"]) <= step]
    if not rows:
        path.unlink()
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="nan", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write(path, text.getvalue().encode())


def draw_log(folder: Path, /) -> None:
    """Draw the log's curves, where matplotlib is installed."""
    _or_refuse(folder / CURVES, lambda: plot_log(folder / LOG, folder / CURVES))


def _or_refuse(path: Path, action: Callable[[], None]) -> None:
    try:
        action()
    except OSError as error:
        raise FaceliteError(
            f"{path}: expected to write the run's files, got {error.strerror or error}; free some space or correct the rights, then --resume"
        ) from None
