"""A map of the people with most pictures: t-SNE (van der Maaten and Hinton, JMLR 2008), which keeps neighbours together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facelite.evaluation.embed import Embedded
from facelite.evaluation.report.page import Plate, Section, paragraph
from facelite.plots import draw_map

PEOPLE, EACH = 12, 33
"""People and pictures of each on the map: about 400 points, which can still be told apart."""

FEWEST = 5
"""Pictures that a person needs to be on the map: of fewer there is no group to see."""


def people_map(embedded: Embedded, person: NDArray[np.int64], name: str, /) -> Section | None:
    """The people as numbers, none by name; None where fewer than two have so many pictures."""
    kept = _most_pictured(np.where(embedded.found, person, -1))
    if len(kept) < 2:
        return None
    try:
        from sklearn.manifold import TSNE  # type: ignore[import-untyped]
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        return Section("Map of people", [paragraph("The map is left out: it takes the package scikit-learn. To have it: pip install scikit-learn")])
    rows, groups = np.concatenate(kept), np.repeat(np.arange(len(kept)) + 1, [len(one) for one in kept])
    with threadpool_limits(1):  # for so few points more threads are slower, and sums must not depend on their number
        places = TSNE(perplexity=min(30.0, len(rows) / 4), init="pca", random_state=0).fit_transform(embedded.vectors[rows])
    caption = f"By {name}. Each number is a picture of that person. Near means alike; how far apart groups lie and how wide they are means nothing."
    alt = f"t-SNE of {len(rows)} pictures of the {len(kept)} people with most pictures, as numbers. {caption}"
    return Section("Map of people", [Plate("people", draw_map(places, groups), caption, alt)])


def _most_pictured(person: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows of each person chosen, whoever has most pictures first, evenly over those there are; -1 is nobody."""
    numbers, counts = np.unique(person[person >= 0], return_counts=True)
    most = numbers[np.argsort(-counts, kind="stable")][:PEOPLE]
    rows = [np.flatnonzero(person == number) for number in most]
    return [one[np.linspace(0, len(one) - 1, min(len(one), EACH)).astype(int)] for one in rows if len(one) >= FEWEST]
