"""Pictures -> clusters, one for each person as far as distances tell, and how well clusters agree with known people.

Clusters are joined while the mean distance between the faces of one and those of the other (average linkage) is at most a cut.
SciPy does it: libraries hardly differ, and it is here already where scikit-learn is. Time and peak memory of the process for 10,000 vectors
of 128 numbers on a server's core, least of three:

    scipy 1.17.1           5.9 s   845 MiB   scipy.cluster.hierarchy.linkage and fcluster
    fastcluster 1.3.0      4.8 s   844 MiB   fastcluster.linkage(pdist(x), preserve_input=False)
    scikit-learn 1.9.1     5.8 s   910 MiB   AgglomerativeClustering
    cluster_vectors        6.2 s   867 MiB

That is 8 n^2 bytes: all pairs twice, in float64. 20,000 vectors took 45 s and 3,148 MiB with SciPy; more are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facelite.bundle import Manifest
from facelite.errors import InputError
from facelite.evaluation.embed import CropEmbedder, embed_pictures, missing_reason
from facelite.face import Floats

Integers = NDArray[np.int64]

MOST_PICTURES = 20_000
"""More are refused before the first is read: 8 n^2 bytes are 3.2 GB here."""

DEFAULT_FMR = 1e-2
"""Clusters are cut at the bundle's threshold at this rate, unless another distance is asked for.

B-cubed F at thresholds of the first released int8 bundle, and at the best of 0.80, 0.85 to 1.70, on crops of held-out people: those of
celeba_crops, celeba_wild and celeba_small that ``training.dataset.load`` gives, 2,427 pictures of 638 people, 242 of them with one picture
and 91 with eight or more. Mean of 20 draws where not all people are taken.

    people                    10     50    200    638    with eight or more:  10     30     91
    FMR 1e-3 (0.967)        .814   .800   .781   .756                        .746   .762   .751
    FMR 3e-3 (1.067)        .870   .845   .809   .764                        .815   .829   .811
    FMR 1e-2 (1.198)        .934   .878   .812   .734                        .895   .892   .837
    best of the grid        .948   .877   .815   .766                        .921   .897   .838
    its distance            1.40   1.20   1.15   1.05                        1.35   1.25   1.15

The mean over the pairs of two clusters strays less than one pair, so the best cut lies beyond the threshold of verification; the more
people, the nearer it comes. From the photographs of all 638, ``facelite cluster PEOPLE --labelled`` reports an F of .736.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """``cluster`` (n,) numbers the clusters of the pictures ``names`` from 1, largest first; 0 where ``reasons`` says why there is no face."""

    names: list[str]
    cluster: Integers
    reasons: list[str]

    @property
    def sizes(self) -> Integers:
        """Faces in each cluster, from the first."""
        return np.bincount(self.cluster)[1:]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Shares in [0, 1]; ``f`` is the harmonic mean of the two."""

    precision: float
    recall: float
    f: float


def cluster_pictures(
    names: Sequence[str],
    read: Callable[[str], bytes],
    /,
    *,
    detector: bytes,
    embedder: Callable[[], CropEmbedder],
    distance: float,
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Clustering:
    """The pictures ``names`` by the person in their centre, cut at ``distance``. Raises InputError for more than MOST_PICTURES."""
    import scipy.cluster.hierarchy  # noqa: F401 - where it is missing, that is said before the pictures, which take long

    if len(names) > MOST_PICTURES:
        raise InputError(
            f"expected at most {MOST_PICTURES:,} pictures ({8e-9 * MOST_PICTURES**2:.1f} GB of distances), got {len(names):,}; cluster a part of them"
        )
    embedded = embed_pictures(names, read, detector=detector, embedders=[embedder], cache=cache, progress=progress)[0]
    cluster = np.zeros(len(names), np.int64)
    cluster[embedded.found] = cluster_vectors(embedded.vectors[embedded.found], distance=distance)
    return Clustering(list(names), cluster, ["" if found else missing_reason(read(name)) for name, found in zip(names, embedded.found, strict=True)])


def default_distance(manifest: Manifest, /) -> float:
    """The threshold of the bundle at the measured FMR nearest to DEFAULT_FMR. Raises InputError where its thresholds are no squared L2."""
    if manifest.decide != "squared-l2":
        raise InputError("expected a bundle that decides by squared L2, as clusters do, got one that decides by its Siamese head; name --distance")
    return min(manifest.thresholds, key=lambda threshold: abs(math.log(threshold.fmr / DEFAULT_FMR))).distance


def cluster_vectors(vectors: Floats, /, *, distance: float) -> Integers:
    """Cluster (n,) of each of the unit ``vectors`` (n, d): from 1, largest first, and of equal ones first the one with the first vector.

    Average linkage (Sokal & Michener 1958) on squared L2, cut at ``distance``, which lies in [0, 4]. The order of the vectors decides numbers alone.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if not 0 <= distance <= 4:
        raise ValueError(f"expected a distance in [0, 4], got {distance}")
    if len(vectors) > MOST_PICTURES:
        raise ValueError(f"expected at most {MOST_PICTURES:,} vectors, got {len(vectors):,}")
    if len(vectors) < 2:
        return np.ones(len(vectors), np.int64)
    order = np.lexsort(vectors.T)  # equal distances and rounding would let the pictures' order decide
    found = np.empty(len(vectors), np.int64)
    found[order] = fcluster(linkage(vectors[order], "average", "sqeuclidean"), distance, "distance")
    _, first, index, sizes = np.unique(found, return_index=True, return_inverse=True, return_counts=True)
    rank = np.argsort(np.lexsort((first, -sizes)))
    return rank[index] + 1


def people_of(names: Sequence[str], /) -> list[str]:
    """The person on each picture: the folder that it lies in. Raises InputError for a picture in none."""
    if loose := [name for name in names if "/" not in name]:
        raise InputError(
            f"expected one folder per person (person/picture.jpg), got the picture {loose[0]} in none; sort it in, or leave out --labelled"
        )
    return [PurePosixPath(name).parent.name for name in names]


def pairwise(clusters: NDArray[Any], people: NDArray[Any], /) -> Agreement:
    """Of the pairs of pictures in one cluster, the share that shows one person; of the pairs of one person, the share in one cluster.

    A share of no pairs is 1.
    """
    cluster, person, both = ((shared - 1).sum() for shared in _shared(clusters, people))
    return _agreement(float(both / cluster) if cluster else 1.0, float(both / person) if person else 1.0)


def b_cubed(clusters: NDArray[Any], people: NDArray[Any], /) -> Agreement:
    """The mean over pictures of the share of its cluster that shows its person, and of its person's pictures in its cluster, itself among them.

    Source: Amigo, Gonzalo, Artiles, Verdejo, "A comparison of extrinsic clustering evaluation metrics", Information Retrieval 2009.
    """
    cluster, person, both = _shared(clusters, people)
    return _agreement(float((both / cluster).mean()), float((both / person).mean()))


def _shared(clusters: NDArray[Any], people: NDArray[Any]) -> tuple[Integers, Integers, Integers]:
    """How many pictures share the cluster of each (n,), its person, and both; it counts itself."""
    if not len(clusters) or len(clusters) != len(people):
        raise ValueError(f"expected a cluster and a person for each picture, got {len(clusters)} and {len(people)}")
    cluster, person = (np.unique(labels, return_inverse=True)[1] for labels in (clusters, people))
    each = (cluster, person, cluster * len(people) + person)
    counted = (np.unique(labels, return_inverse=True, return_counts=True) for labels in each)
    first, second, third = (sizes[index] for _, index, sizes in counted)
    return first, second, third


def _agreement(precision: float, recall: float) -> Agreement:
    return Agreement(precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0)
