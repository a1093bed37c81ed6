"""A judgement -> a folder: report.html, one page that needs nothing else, and beside it each figure as SVG and PNG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facelite.atomic import write_atomically
from facelite.evaluation.crop import Cropper
from facelite.evaluation.judge import Judgement, Material, Model
from facelite.evaluation.report.about import glossary, provenance
from facelite.evaluation.report.conditions import discarded, groups, sweeps
from facelite.evaluation.report.gallery import identification
from facelite.evaluation.report.page import Plate, make_page
from facelite.evaluation.report.pairs import hardest
from facelite.evaluation.report.people import people_map
from facelite.evaluation.report.rates import crossed, curves, distances, headline, measures, rates_table
from facelite.evaluation.report.words import short_names

__all__ = ["write_report"]

FIGURE = re.compile(r"roc|det|distances-\d|sweep-\w+|groups-fn?mr|cmc|threshold|quality|fnir-at-\S+|people")
"""The names of all figures that a report may have."""


def write_report(judgement: Judgement, folder: str | Path, /, *, models: Sequence[Model], material: Material, faces: Cropper | None = None) -> None:
    """Write the report of ``judgement`` of ``models`` on ``material``; the same input gives the same bytes.

    ``faces`` cuts the faces of the hardest pairs, which are shown by name and picture; without it nobody is shown or named.
    Raises ModuleNotFoundError without matplotlib; without scikit-learn the map of people is left out.
    """
    names = short_names(judgement.models)
    wanted = [
        rates_table(judgement, names),
        distances(judgement, names),
        curves(judgement, names),
        crossed(judgement, names),
        measures(judgement),
        sweeps(judgement, names),
        discarded(judgement, names[0]),
        groups(judgement, names[0]),
        identification(judgement, names[0]),
        people_map(judgement.judged[0].embedded, material.person, names[0]),
        hardest(judgement.judged[0].embedded, material, models[0], names[0], faces),
        glossary(judgement),
        provenance(judgement, models, material.source),
    ]
    sections = [section for section in wanted if section]
    plates = [part for section in sections for part in section.parts if isinstance(part, Plate)]
    title = " and ".join(names)
    page = make_page(title, heading=f"How well people are told apart by {title}", lead=headline(judgement, names, material), sections=sections)
    _remove_others(Path(folder), {plate.name for plate in plates})
    for plate in plates:
        write_atomically(Path(folder) / f"{plate.name}.svg", plate.drawing.svg)
        write_atomically(Path(folder) / f"{plate.name}.png", plate.drawing.png)
    write_atomically(Path(folder) / "report.html", page.encode("utf-8", "replace"))  # a file's name need not be text


def _remove_others(folder: Path, names: set[str]) -> None:
    """Figures of an earlier report in the same folder, which this one does not have."""
    if (folder / "report.html").is_file():
        for figure in folder.iterdir():
            if figure.suffix in (".svg", ".png") and figure.stem not in names and FIGURE.fullmatch(figure.stem):
                figure.unlink()
