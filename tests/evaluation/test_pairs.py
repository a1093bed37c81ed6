"""LFW's pairs.txt: what is read, and what is refused with the line that is wrong."""

from __future__ import annotations

import pytest

from facelite.errors import InputError
from facelite.evaluation.pairs import read_pairs

GOOD = "2\t1\nAda\t1\t2\nAda\t1\tBob\t3\nBob\t1\t3\nBob\t1\tCy\t2\n"


def test_reads_folds_and_names(tmp_path):
    (tmp_path / "pairs.txt").write_text(GOOD)
    pairs = read_pairs(tmp_path / "pairs.txt")
    assert pairs.images == ["Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Bob/Bob_0001.jpg", "Bob/Bob_0003.jpg", "Cy/Cy_0002.jpg"]
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert [pairs.images[i] for i in pairs.second] == ["Ada/Ada_0002.jpg", "Bob/Bob_0003.jpg", "Bob/Bob_0003.jpg", "Cy/Cy_0002.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a first line"),
        ("ten 300\n", "expected a first line"),
        ("2\t1\nAda\t1\t2\n", "expected 4 pairs, got 1"),
        (GOOD.replace("Ada\t1\t2", "Ada\t1"), ":2: expected 'name i j'"),
        (GOOD.replace("Bob\t3", "Bob\tthree"), ":3: expected 'name i j'"),
    ],
)
def test_refuses_what_is_no_pairs_file(tmp_path, text, message):
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_pairs(tmp_path / "pairs.txt")


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_pairs(tmp_path / "pairs.txt")
