"""A judgement -> a folder: report.html, one page that needs nothing else, and beside it each figure as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facelite.atomic import write_atomically
from facelite.evaluation.crop import Cropper
from facelite.evaluation.judge import Judgement, Material, Model
from facelite.evaluation.report.about import glossary, provenance
from facelite.evaluation.report.conditions import groups, sweeps
from facelite.evaluation.report.gallery import identification
from facelite.evaluation.report.page import Plate, make_page
from facelite.evaluation.report.pairs import hardest
from facelite.evaluation.report.people import people_map
from facelite.evaluation.report.rates import curves, distances, headline, measures, rates_table
from facelite.evaluation.report.words import short_names

__all__ = ["write_report"]


def write_report(judgement: Judgement, folder: str | Path, /, *, models: Sequence[Model], material: Material, faces: Cropper | None = None) -> None:
    """Write the report of ``judgement`` of ``models`` on ``material``; the same input gives the same bytes.

    ``faces`` cuts the faces of the hardest pairs, which are shown by name and picture; without it nobody is shown or named.
    Raises ModuleNotFoundError without matplotlib; without scikit-learn the map of people is left out.
    """
    names = short_names(judgement.models)
    wanted = [
        rates_table(judgement, names, models, material),
        distances(judgement, names, models),
        curves(judgement, names, material),
        measures(judgement),
        sweeps(judgement, names),
        groups(judgement, names[0]),
        identification(judgement, names[0]),
        people_map(judgement.judged[0].embedded, material.person, names[0]),
        hardest(judgement.judged[0].embedded, material, models[0], names[0], faces),
        glossary(),
        provenance(judgement, models),
    ]
    sections = [section for section in wanted if section]
    page = make_page(" and ".join(names), headline(judgement, names, material), sections)
    for plate in (part for section in sections for part in section.parts if isinstance(part, Plate)):
        write_atomically(Path(folder) / f"{plate.name}.svg", plate.drawing.svg)
        write_atomically(Path(folder) / f"{plate.name}.png", plate.drawing.png)
    write_atomically(Path(folder) / "report.html", page.encode("utf-8", "replace"))  # a file's name need not be text
