"""Clusters against SciPy and a plain loop, whatever the order of the pictures; agreement against definitions written out, and scikit-learn."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import combinations

import cv2
import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.metrics.cluster import pair_confusion_matrix

from facelite.errors import InputError
from facelite.evaluation import clustering as module
from facelite.evaluation.clustering import Agreement, b_cubed, cluster_pictures, cluster_vectors, default_distance, pairwise, people_of
from facelite.export.synthetic import draw_face
from facelite.preprocess import Preprocessing


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def faces(seed, people=12, pictures=5, spread=0.7, size=16):
    """Unit vectors around one centre for each person, near enough to be confused now and then."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(unit(rng.standard_normal((people, size))), pictures, axis=0)
    return unit(centres + spread * unit(rng.standard_normal(centres.shape)))


def parts(clusters):
    """The partition, whatever its numbers."""
    return {frozenset(np.flatnonzero(clusters == one).tolist()) for one in np.unique(clusters)}


def plain_clusters(vectors, distance):
    """Average linkage by its definition: join the two nearest clusters while their mean distance is at most ``distance``."""
    clusters = [[i] for i in range(len(vectors))]

    def between(a, b):
        return np.mean([np.sum((vectors[i].astype(float) - vectors[j]) ** 2) for i in a for j in b])

    while len(clusters) > 1:
        a, b = min(combinations(clusters, 2), key=lambda two: between(*two))
        if between(a, b) > distance:
            break
        clusters = [one for one in clusters if one is not a and one is not b] + [a + b]
    return {frozenset(one) for one in clusters}


# clusters


@pytest.mark.parametrize("distance", [0.3, 0.6, 0.9, 1.2, 1.6])
def test_clusters_are_those_of_the_definition(distance):
    vectors = faces(0, people=6, pictures=4)
    assert parts(cluster_vectors(vectors, distance=distance)) == plain_clusters(vectors, distance)


@pytest.mark.parametrize("seed", range(5))
def test_clusters_are_those_of_scipy_on_all_distances(seed):
    vectors = faces(seed)
    for distance in (0.2, 0.7, 1.0, 1.3, 1.9):
        expected = fcluster(linkage(pdist(vectors) ** 2, "average"), distance, "distance")
        assert parts(cluster_vectors(vectors, distance=distance)) == parts(expected)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_pictures_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.choice(np.float32([-0.25, 0.25]), size=(60, 16))  # distances in quarters, many of them equal: the order would decide
    vectors = np.concatenate([vectors, vectors[:7]])
    for distance in (0.5, 1.0, 1.4):
        clusters = cluster_vectors(vectors, distance=distance)
        for _ in range(5):
            order = rng.permutation(len(vectors))
            moved = np.empty_like(clusters)
            moved[order] = cluster_vectors(vectors[order], distance=distance)
            assert parts(moved) == parts(clusters)
            assert np.bincount(moved).tolist() == np.bincount(clusters).tolist()


def test_clusters_are_numbered_by_size_then_by_their_first_picture():
    a, b, c, d = np.eye(4, dtype=np.float32)
    assert cluster_vectors(np.stack([a, b, c, b, d, c, b]), distance=0.1).tolist() == [3, 1, 2, 1, 4, 2, 1]


def test_the_cut_itself_joins():
    vectors = np.eye(2, dtype=np.float32)  # at a distance of exactly 2
    assert cluster_vectors(vectors, distance=2.0).tolist() == [1, 1]
    assert cluster_vectors(vectors, distance=np.nextafter(2.0, 0)).tolist() == [1, 2]


def test_few_vectors():
    assert cluster_vectors(np.zeros((0, 1), np.float32), distance=1.0).tolist() == []
    assert cluster_vectors(np.eye(1, 8, dtype=np.float32), distance=1.0).tolist() == [1]


@pytest.mark.parametrize("distance", [-0.1, 4.1, np.nan])
def test_a_distance_that_cannot_be_is_misuse(distance):
    with pytest.raises(ValueError, match=r"expected a distance in \[0, 4\], got"):
        cluster_vectors(faces(0), distance=distance)


def test_memory_is_what_the_docstring_says():
    vectors = faces(0, people=300, pictures=5)
    cluster_vectors(vectors[:10], distance=1.0)  # what an import takes is not counted
    tracemalloc.start()
    cluster_vectors(vectors, distance=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 4 * len(vectors) ** 2 < peak < 1.1 * 8 * len(vectors) ** 2


def test_more_than_fits_is_refused(monkeypatch, detector_file):
    monkeypatch.setattr(module, "MOST_PICTURES", 10)
    with pytest.raises(ValueError, match="expected at most 10 vectors, got 60"):
        cluster_vectors(faces(0), distance=1.0)
    read = []
    with pytest.raises(InputError, match=r"expected at most 10 pictures .*, got 11; cluster a part of them"):
        cluster_pictures([f"{i}.png" for i in range(11)], read.append, detector=detector_file, embedder=Quarters, distance=1.0)
    assert not read


# pictures


class Quarters:
    """An embedder that needs no model: the mean colour of four quarters of the crop."""

    preprocessing = Preprocessing(64, 64)
    artefact = "quarters"

    def vectors(self, crops):
        return np.stack([crop.pixels.reshape(2, 32, 2, 32, 3).mean((1, 3)).ravel() - 128 for crop in crops]).astype(np.float32)


def encoded(pixels):
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def test_pictures_get_a_cluster_or_a_reason(detector_file):
    pictures = {"a.png": encoded(draw_face(1)), "b.png": encoded(draw_face(1)), "c.png": b"not a picture", "d.png": encoded(draw_face(2)[:40, :40])}
    seen = []
    found = cluster_pictures(
        list(pictures),
        pictures.__getitem__,
        detector=detector_file,
        embedder=Quarters,
        distance=0.001,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert found.names == list(pictures)
    assert found.cluster.tolist() == [1, 1, 0, 0]
    assert found.sizes.tolist() == [2]
    assert found.reasons[:2] == ["", ""]
    assert found.reasons[2].startswith("unreadable: expected a JPEG, PNG, WebP or BMP picture")
    assert found.reasons[3] == "no face"
    assert seen[-1] == (4, 4)


def test_the_default_distance_is_the_threshold_nearest_to_one_in_a_hundred(bundle):
    some = bundle.manifest.thresholds[0]

    def default(*rates):
        thresholds = tuple(replace(some, fmr=rate, distance=1 + rate) for rate in rates)
        return default_distance(replace(bundle.manifest, thresholds=thresholds, template_thresholds={}, fmr=rates[0]))

    assert default(1e-1, 1e-2, 1e-3) == 1 + 1e-2
    assert default(1e-1, 2e-2, 1e-3) == 1 + 2e-2
    assert default(1e-1) == 1 + 1e-1
    assert default(1e-3, 1e-4) == 1 + 1e-3


def test_a_person_is_the_folder_of_the_picture():
    assert people_of(["ada/1.jpg", "trip/ada/2.jpg", "bob/1.jpg"]) == ["ada", "ada", "bob"]
    with pytest.raises(InputError, match=r"expected one folder per person .* got the picture loose.jpg in none; sort it in"):
        people_of(["ada/1.jpg", "loose.jpg"])


# agreement


def plain_pairwise(clusters, people):
    pairs = [(clusters[i] == clusters[j], people[i] == people[j]) for i, j in combinations(range(len(people)), 2)]
    return [np.mean([both[1 - given] for both in pairs if both[given]]) for given in (0, 1)]


def plain_b_cubed(clusters, people):
    """Amigo et al. 2009: the mean over pictures of the mean over what shares its cluster (its person)."""
    everybody = range(len(people))
    precision = np.mean([np.mean([people[i] == people[j] for j in everybody if clusters[i] == clusters[j]]) for i in everybody])
    return precision, np.mean([np.mean([clusters[i] == clusters[j] for j in everybody if people[i] == people[j]]) for i in everybody])


def values(agreement):
    return [agreement.precision, agreement.recall, agreement.f]


def harmonic(precision, recall):
    return [precision, recall, 2 / (1 / precision + 1 / recall)]


@pytest.mark.parametrize("seed", range(10))
def test_agreement_is_that_of_the_definitions(seed):
    rng = np.random.default_rng(seed)
    clusters, people = rng.integers(5, size=40), np.array([f"p{i}" for i in rng.integers(1, 9, size=40)])
    clusters = np.where(rng.random(40) < 0.5, [int(person[1]) for person in people], clusters)
    assert values(b_cubed(clusters, people)) == pytest.approx(harmonic(*plain_b_cubed(clusters, people)))
    assert values(pairwise(clusters, people)) == pytest.approx(harmonic(*plain_pairwise(clusters, people)))
    (_, joined), (parted, both) = pair_confusion_matrix(people, clusters)
    assert values(pairwise(clusters, people)) == pytest.approx(harmonic(both / (both + joined), both / (both + parted)))


def test_a_case_made_by_hand():
    clusters, people = np.array([1, 1, 1, 2, 2]), np.array(["a", "a", "b", "b", "b"])
    # four pairs are in one cluster, two of them of one person; four pairs are of one person, two of them in one cluster
    assert values(pairwise(clusters, people)) == pytest.approx([2 / 4, 2 / 4, 2 / 4])
    share = (2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5
    assert values(b_cubed(clusters, people)) == pytest.approx([share, share, share])


def test_the_ends():
    people = np.array([1, 1, 2, 2, 3])
    alone, together = np.arange(5), np.zeros(5, int)
    assert pairwise(people + 7, people) == b_cubed(people + 7, people) == Agreement(1, 1, 1)
    assert pairwise(alone, people) == Agreement(1, 0, 0)  # nothing was joined, so nothing wrongly
    assert values(b_cubed(alone, people)) == pytest.approx(harmonic(1, 3 / 5))
    assert values(pairwise(together, people)) == pytest.approx(harmonic(2 / 10, 1))
    assert values(b_cubed(together, people)) == pytest.approx(harmonic((2 * 2 + 2 * 2 + 1) / 25, 1))
    assert pairwise(alone, alone) == b_cubed(alone, alone) == Agreement(1, 1, 1)


def test_names_of_clusters_and_people_do_not_matter():
    rng = np.random.default_rng(0)
    clusters, people = rng.integers(6, size=50), rng.integers(6, size=50)
    renamed = rng.permutation(6)[clusters] * 1000 - 5
    for agreement in (pairwise, b_cubed):
        assert agreement(renamed, people) == agreement(clusters, people)


@pytest.mark.parametrize("clusters, people", [([], []), ([1], [1, 2])])
def test_agreement_needs_a_cluster_and_a_person_for_each_picture(clusters, people):
    for agreement in (pairwise, b_cubed):
        with pytest.raises(ValueError, match="expected a cluster and a person for each picture, got"):
            agreement(np.array(clusters), np.array(people))
