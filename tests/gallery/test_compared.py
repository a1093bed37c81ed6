"""What probes are compared with stays what it would be if it were made anew, through any changes; and the index finds what the product finds."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

from facelite.distance import SQUARED_L2, scaled
from facelite.face import Embedding
from facelite.gallery import Gallery, Template, compared, index
from facelite.gallery.compared import Compared

SIZE = 32


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def people(count, seed=0):
    """Unit vectors about ``count`` centres, as embeddings lie about people."""
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(count, SIZE))[:, None] + 0.5 * rng.normal(size=(count, 4, SIZE)))


@pytest.fixture
def indexed(monkeypatch):
    """From now on 500 vectors are enough for an index, which looks through all cells: what it finds is then certain."""
    pytest.importorskip("faiss")
    monkeypatch.setattr(index, "FROM", 500)
    monkeypatch.setattr(index, "PROBED", 1.0)


def rows_of(found):
    return {name: [found.matrix[row].tolist() for row in rows] for name, rows in found.rows.items()}


def test_changes_leave_what_making_it_anew_gives():
    rng = np.random.default_rng(0)
    found = Compared(np.zeros((0, 0), np.float32), [], [])
    expected = {}
    for _ in range(600):
        name, number = f"person {rng.integers(40)}", int(rng.integers(4))
        vectors, sizes = unit(rng.normal(size=(number, SIZE))), rng.integers(1, 4, number).tolist()
        found.put(name, vectors, sizes)
        expected[name] = vectors.tolist(), sizes
        assert rows_of(found) == {name: vectors for name, (vectors, _) in expected.items() if vectors}
        assert found.sizes == Counter(size for _, sizes in expected.values() for size in sizes)
        assert all(found.subjects[row] == name for name, rows in found.rows.items() for row in rows)
        assert len(found.matrix) == len(found.subjects) == sum(map(len, found.rows.values()))


def test_where_everybody_has_gone_vectors_of_another_length_may_come():
    found = Compared(people(1)[0], ["Ada"] * 4, [1] * 4)
    found.put("Ada", np.zeros((0, 0), np.float32), [])
    found.put("Bob", np.ones((1, 3), np.float32), [2])
    assert (found.matrix.tolist(), found.subjects, found.sizes) == ([[1, 1, 1]], ["Bob"], {2: 1})


@pytest.mark.parametrize("fused", [1, 2, 3])
def test_a_gallery_that_was_asked_before_its_changes_answers_as_one_that_was_not(tmp_path, monkeypatch, fused):
    monkeypatch.setattr("facelite.gallery.MUCH", np.inf)  # however small the gallery is
    rng, vectors = np.random.default_rng(1), people(60)
    with Gallery(tmp_path / "g.db", space="s", create=True) as asked:
        for step in range(60):
            name = f"person {rng.integers(12)}"
            if step % 4 == 3 and name in asked.subjects:
                asked.remove(name)
            else:
                asked.enrol(name, [Embedding(one, "s") for one in vectors[step][: 1 + step % 4]], artefact=f"{step % 3}" * 64)
            probe = Embedding(people(1, step)[0, 0], "s")
            with Gallery(tmp_path / "g.db") as fresh:
                assert (asked.counts, asked.artefacts, asked.sizes(fused=fused)) == (fresh.counts, fresh.artefacts, fresh.sizes(fused=fused))
                assert [one.subject for one in asked.templates] == [one.subject for one in fresh.templates]
                for besides in (None, name):
                    if set(asked.subjects) - {besides}:
                        match = fresh.nearest(probe, fused=fused, besides=besides)
                        assert asked.nearest(probe, fused=fused, besides=besides).subject == match.subject
                        assert asked.nearest(probe, fused=fused, besides=besides).distance == pytest.approx(match.distance, abs=1e-6)


@pytest.mark.usefixtures("indexed")
def test_the_index_gives_exact_distances_and_stays_up_to_date():
    vectors = people(400)
    names = [f"person {i}" for i in range(400) for _ in range(4)]
    found, exact = (Compared(vectors.reshape(-1, SIZE).copy(), names, [1] * 1600) for _ in range(2))
    rng = np.random.default_rng(0)
    agree = 0
    for step in range(300):
        probe = unit(vectors[step % 400].mean(0) + 0.05 * rng.normal(size=SIZE))
        besides = names[int(rng.integers(1600))] if step % 3 else f"person {step % 400}"
        one = found.nearest(probe, besides=besides, distance=SQUARED_L2, indexed=True)
        other = exact.nearest(probe, besides=besides, distance=SQUARED_L2, indexed=False)
        assert one[0] != besides
        assert one[1] >= other[1] - 1e-6
        assert np.abs(np.sum((probe - exact.matrix[exact.rows[one[0]]]) ** 2, axis=1) - one[1]).min() < 1e-5
        agree += one[0] == other[0]
        changed = f"person {rng.integers(400)}"
        new = unit(rng.normal(size=(int(rng.integers(6)), SIZE)))
        for each in (found, exact):
            each.put(changed, new, [1] * len(new))
        if len(new):  # a newcomer is found at once
            assert found.nearest(new[-1], besides=None, distance=SQUARED_L2, indexed=True) == (changed, pytest.approx(0, abs=1e-5))
    assert agree >= 298  # two bits a number may hide one among a thousand


@pytest.mark.usefixtures("indexed")
def test_who_is_enrolled_again_and_again_is_found_among_the_vectors_that_have_gone(monkeypatch):
    monkeypatch.setattr("facelite.gallery.compared.CANDIDATES", 20)
    vectors, rng = people(200), np.random.default_rng(0)
    found = Compared(vectors.reshape(-1, SIZE).copy(), [f"person {i}" for i in range(200) for _ in range(4)], [1] * 800)
    near = unit(vectors[0].mean(0) + 0.01 * rng.normal(size=(1, SIZE)))
    for _ in range(100):
        found.put("person 0", near, [1])
        assert found.nearest(near[0], besides=None, distance=SQUARED_L2, indexed=True) == ("person 0", pytest.approx(0, abs=1e-5))
    assert found.nearest(near[0], besides="person 0", distance=SQUARED_L2, indexed=True)[0] != "person 0"


@pytest.mark.usefixtures("indexed")
def test_an_index_is_built_where_it_is_wanted_of_many_vectors_by_squared_l2(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(compared, "Index", lambda matrix: built.append(len(matrix)) or index.Index(matrix))
    vectors = people(501)[:, 0]
    probe = Embedding(vectors[7], "s")
    with Gallery(tmp_path / "g.db", space="s", create=True, indexed=True) as gallery:
        gallery.add([Template(f"person {i}", Embedding(vectors[i], "s"), "a" * 64, 0.0) for i in range(499)])
        assert (gallery.nearest(probe).subject, built) == ("person 7", [])
        gallery.enrol("person 499", [Embedding(vectors[499], "s")], artefact="a" * 64)
        assert gallery.nearest(probe, distance=scaled(np.ones(SIZE), form="absolute")).subject == "person 7"
        assert gallery.nearest(probe, subject="person 7").subject == "person 7"
        assert built == []
        assert gallery.nearest(probe).subject == "person 7"
        gallery.enrol("person 500", [Embedding(vectors[500], "s")], artefact="a" * 64)
        assert gallery.nearest(Embedding(vectors[500], "s")).subject == "person 500"
        assert built == [500]
        gallery.remove("person 7")
        assert gallery.nearest(probe).subject != "person 7"
        with Gallery(tmp_path / "g.db") as plain:
            assert plain.nearest(probe).distance == pytest.approx(gallery.nearest(probe).distance, abs=1e-6)
        assert built == [500]


def test_without_faiss_every_answer_is_by_the_product(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(index, "FROM", 1)
    assert not index.usable()
    with Gallery(tmp_path / "g.db", space="s", create=True, indexed=True) as gallery:
        gallery.enrol("Ada", [Embedding(people(1)[0, 0], "s")], artefact="a" * 64)
        assert gallery.nearest(Embedding(people(1)[0, 1], "s")).subject == "Ada"
