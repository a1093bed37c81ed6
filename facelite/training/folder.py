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
from facelite.training.run import CURVES, FACTS, LOG, RECIPE, STATE, run_recipe, sized_network


def check_run(folder: str | Path, recipe: TrainingRecipe, /, *, resume: bool) -> None:
    """What can be refused before pictures are read. Raises InputError for a network that there is not, when ``folder`` holds a run and
    ``resume`` is False, or when it holds another recipe's run.
    """
    sized_network(recipe.network)
    path = Path(folder) / RECIPE
    if not path.exists():
        return
    if not resume:
        raise InputError(f"{folder}: expected an empty folder, got one with a run in it; add --resume or choose another --out")
    if run_recipe(folder) != recipe:
        raise InputError(f"{folder}: expected a run of this recipe, got another one's; choose another --out")


def claim(folder: Path, recipe: TrainingRecipe, facts: dict[str, Any], /, *, resume: bool) -> None:
    """Begin a run in ``folder``, or take up the one that is there. Raises InputError as ``check_run`` does, and for other data."""
    check_run(folder, recipe, resume=resume)
    for name in (RECIPE, FACTS, STATE, BEST, CURVES):
        for unfinished in folder.glob(f".{name}.*"):  # what a kill left of write_atomically
            unfinished.unlink()
    path = folder / FACTS
    if path.exists():
        _check_data(path, facts)
    else:
        write(folder / RECIPE, json.dumps(asdict(recipe), indent=1).encode())
        write(path, json.dumps(facts, indent=1).encode())


def _check_data(path: Path, facts: dict[str, Any]) -> None:
    try:
        old = json.loads(path.read_text())["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected the facts of a run, got {type(error).__name__}: {error}; remove it to go on") from None
    if old != facts["data"]:
        raise InputError(f"{path}: expected the run's data, got {facts['data']} in place of {old}; restore the data or choose another --out")


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
