"""The command cluster: pictures -> a table of clusters, and sheets that show their faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from facelite.atomic import write_atomically
from facelite.cli.output import bar, bundle_option, json_option, no_cache_option, show
from facelite.cli.results import check_out, clear_sheets, face_cutter, sheet, table
from facelite.errors import InputError

if TYPE_CHECKING:
    from facelite.evaluation.clustering import Clustering
    from facelite.face import Pixels

TABLE = "clusters.csv"
SHEETS = ("cluster-[0-9][0-9][0-9][0-9].jpg", "singletons.jpg")
"""What is written into OUT: the table, and what matches these patterns."""

MOST_SHEETS = 100
MOST_FACES = 100
"""Clusters that get a sheet, and faces on one: each face shown is looked for in its picture again, which takes as long as embedding it."""


def _in_range(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:  # noqa: ARG001 - click's order
    if value is None or 0 <= value <= 4:
        return value
    raise click.BadParameter(f"expected a distance from 0 to 4, got {value:g}")  # a range of click's lets nan pass


@click.command()
@click.argument("source", metavar="DIR", type=click.Path())
@bundle_option
@click.option(
    "--distance", type=float, callback=_in_range, help="Mean squared L2 up to which faces are one person's; default: threshold at FMR 1e-2."
)
@click.option("--out", type=click.Path(file_okay=False), default="clusters", show_default=True, help="Folder of the results; an earlier run's go.")
@no_cache_option
@click.option("--labelled", is_flag=True, help="Each picture lies in its person's folder: say how well clusters and people agree.")
@json_option
def cluster(source: str, bundle: str | None, distance: float | None, out: str, labelled: bool, no_cache: bool, as_json: bool) -> None:
    """Sort the pictures in DIR (a folder, however deep, or an uncompressed tar) by the person they show, without knowing anybody.

    The face nearest to the centre of each picture counts. OUT/clusters.csv names the cluster of every picture, 1 being the largest, or the
    reason why it is in none. OUT/cluster-0001.jpg and so on show the 100 largest clusters, OUT/singletons.jpg the faces that are like no
    other: 100 faces at most, in the order of the table. DIR is never changed. 20,000 pictures are the most; their distances take 3.2 GB.

    With --labelled, precision is lost where a cluster mixes people, recall where a person is in several clusters; folders mean nothing else.
    """
    from facelite.bundle import DETECTOR, find_bundle
    from facelite.evaluation.cache import default_folder
    from facelite.evaluation.clustering import cluster_pictures, default_distance, people_of
    from facelite.evaluation.crop import DetectedFace
    from facelite.runtime.embedder import Embedder
    from facelite.runtime.verifier import open_verifier
    from facelite.source import open_source

    opened = open_verifier(find_bundle(bundle)).bundle  # self-tested
    distance = default_distance(opened.manifest) if distance is None else distance
    with open_source(source) as (names, read):
        check_out(Path(out), [source], table=TABLE)
        people = people_of(names) if labelled else []
        with bar("embedding") as progress:
            found = cluster_pictures(
                names,
                read,
                detector=opened.files[DETECTOR],
                embedder=lambda: Embedder.of(opened),
                distance=distance,
                cache=None if no_cache else default_folder(),
                progress=progress,
            )
        values = {**_counts(found), "distance": distance, **(_agreement(found, people) if labelled else {})}
        with bar("drawing") as progress:
            cut = face_cutter(opened.files[DETECTOR])
            sheets = _write(Path(out), found, lambda name: cut(read(name), DetectedFace()), progress)
    show({**values, "out": out, "sheets": sheets}, as_json)


def _counts(found: Clustering) -> dict[str, int]:
    sizes = found.sizes
    return {
        "pictures": len(found.names),
        "failed_to_detect": len(found.names) - int(sizes.sum()),
        "faces": int(sizes.sum()),
        "clusters": int((sizes > 1).sum()),
        "singletons": int((sizes == 1).sum()),
        "largest": int(sizes.max(initial=0)),
    }


def _agreement(found: Clustering, people: Sequence[str]) -> dict[str, Any]:
    """How clusters agree with ``people``, of the pictures in which a face was found."""
    from facelite.evaluation.clustering import b_cubed, pairwise

    faces = np.flatnonzero(found.cluster)
    if not len(faces):
        raise InputError("expected a face in one picture at least, to compare clusters with people, found none; leave out --labelled")
    cluster, person = found.cluster[faces], np.array(people)[faces]
    return {"people": len(set(person)), "pairwise": asdict(pairwise(cluster, person)), "b_cubed": asdict(b_cubed(cluster, person))}


def _write(out: Path, found: Clustering, cut: Callable[[str], Pixels], progress: Callable[[int, int], None]) -> int:
    """The table, then the sheets; how many of these. A kill leaves sheets out, but never half of one, nor one of an earlier run."""
    clear_sheets(out, SHEETS)
    write_atomically(out / TABLE, _table(found))
    groups = _groups(found)
    with ThreadPoolExecutor() as pool:
        for done, (name, pictures) in enumerate(groups.items(), start=1):
            write_atomically(out / name, sheet(list(pool.map(cut, pictures))))
            progress(done, len(groups))
    return len(groups)


def _table(found: Clustering) -> bytes:
    """CSV, by cluster and then in the order of the pictures; those without a face are last."""
    order = np.argsort(np.where(found.cluster, found.cluster, len(found.names) + 1), kind="stable")
    return table(("picture", "cluster", "reason"), ((found.names[i], found.cluster[i] or "", found.reasons[i]) for i in order))


def _groups(found: Clustering) -> dict[str, list[str]]:
    """The pictures on each sheet, by the sheet's file name."""
    several = int((found.sizes > 1).sum())  # these come first
    chosen = {f"cluster-{i:04d}.jpg": found.cluster == i for i in range(1, min(several, MOST_SHEETS) + 1)}
    alone = found.cluster > several
    sheets = chosen | ({"singletons.jpg": alone} if alone.any() else {})
    return {name: [found.names[i] for i in np.flatnonzero(shown)[:MOST_FACES]] for name, shown in sheets.items()}


COMMANDS: tuple[click.Command, ...] = (cluster,)
