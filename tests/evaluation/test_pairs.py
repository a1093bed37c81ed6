"""Lists of pairs in three forms: what is read, how pairs are dealt into folds, and what is refused with the line that is wrong."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation.pairs import FOLDS, read_pairs

GOOD = "2\t1\nAda\t1\t2\nAda\t1\tBob\t3\nBob\t1\t3\nBob\t1\tCy\t2\n"
HEADER = "image_a,image_b,same\n"
GENUINE, IMPOSTOR = "ada/1.jpg,ada/2.jpg,1\n", "ada/1.jpg,bob/1.jpg,0\n"
SPLITS = "1, 1, Ada_L/1, Ada_L/5, 1\n1, 2, Bob/0, Cy/2, 0\n2, 1, Di/0, Di/1, 1\n2, 2, Eve/0, Di/1, 0\n"


@pytest.fixture
def read(tmp_path):
    """A function that reads pairs from a text or bytes, written into a file of the given name."""

    def write_and_read(content, name="list.csv"):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_pairs(tmp_path / name)

    return write_and_read


def rows(pairs):
    """What is compared with what: (first, second, same, fold) of each pair, in order."""
    names = np.array(pairs.images)
    return list(zip(names[pairs.first].tolist(), names[pairs.second].tolist(), pairs.same.tolist(), pairs.fold.tolist(), strict=True))


def test_a_list_that_lies_beside_the_pictures_is_found_there(tmp_path, monkeypatch):
    (tmp_path / "lfw").mkdir()
    (tmp_path / "lfw/pairs.txt").write_text(GOOD)
    with tarfile.open(tmp_path / "lfw.tar", "w") as tar:
        tar.add(tmp_path / "lfw", ".")
    (tmp_path / "no.tar").write_text("text")
    monkeypatch.chdir(tmp_path)
    for data in ("lfw", "lfw.tar"):
        assert read_pairs("pairs.txt", data=data).same.tolist() == [True, False, True, False]
        with pytest.raises(InputError, match=r"other\.txt: expected a list of pairs, got No such file or directory; check --pairs"):
            read_pairs("other.txt", data=data)
    for data in (None, "no.tar", "none", "."):
        with pytest.raises(InputError, match=r"pairs\.txt: expected a list of pairs, got No such file"):
            read_pairs("pairs.txt", data=data)
    (tmp_path / "pairs.txt").write_text(GOOD.replace("Cy", "Di"))
    assert "Di/Di_0002.jpg" in read_pairs("pairs.txt", data="lfw").images  # the one that was named comes first


def test_reads_folds_and_names(read):
    pairs = read(GOOD, "pairs.txt")
    assert pairs.images == ["Ada/Ada_0001.jpg", "Ada/Ada_0002.jpg", "Bob/Bob_0001.jpg", "Bob/Bob_0003.jpg", "Cy/Cy_0002.jpg"]
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert [pairs.images[i] for i in pairs.second] == ["Ada/Ada_0002.jpg", "Bob/Bob_0003.jpg", "Bob/Bob_0003.jpg", "Cy/Cy_0002.jpg"]


@pytest.mark.parametrize("name", ["list.csv", "list.txt", "LIST.CSV"])
def test_a_csv_is_read_by_the_names_of_its_columns(read, name):
    pairs = read("fold,SAME,note,image_b,image_a\n7,1,x,ada/2.jpg,ada/1.jpg\n3,0,,bob/1.jpg,ada/1.jpg\n", name)
    assert rows(pairs) == [("ada/1.jpg", "ada/2.jpg", True, 1), ("ada/1.jpg", "bob/1.jpg", False, 0)]
    assert pairs.images == ["ada/1.jpg", "ada/2.jpg", "bob/1.jpg"]


def test_a_csv_may_come_from_any_program(read):
    plain = read(HEADER + GENUINE + IMPOSTOR)
    for variant in (
        "\ufeff" + HEADER + GENUINE + IMPOSTOR,
        (HEADER + GENUINE + IMPOSTOR).replace("\n", "\r\n").removesuffix("\r\n"),
        "\n" + HEADER + '"ada/1.jpg", "ada/2.jpg",YES\n\n,,\n ./ada//1.jpg , bob/1.jpg,False\n',
        HEADER + "ada/1.jpg,ada/2.jpg,true\nada/1.jpg,bob/1.jpg,no\n",
    ):
        assert rows(read(variant)) == rows(plain)
    assert read(HEADER + '"a,da/""1"".jpg",é/2.jpg,1\n' + IMPOSTOR).images[0] == 'a,da/"1".jpg'


def test_youtube_faces_splits_are_read_with_and_without_their_header(read):
    expected = [("Ada_L/1", "Ada_L/5", True, 0), ("Bob/0", "Cy/2", False, 0), ("Di/0", "Di/1", True, 1), ("Eve/0", "Di/1", False, 1)]
    header = "split number, pair number, first name, second name, is same\n"
    assert rows(read(SPLITS, "splits.txt")) == rows(read(header + SPLITS, "splits.txt")) == expected
    assert len(rows(read("split,same,image_a,image_b,note\n1,1,a/1,a/2,\n1,0,a/1,b/1,\n"))) == 2  # a CSV of one's own


def many_pairs(teams, seed=0):
    """Lines of a CSV: each team has three people, compared with themselves and with each other and with no other team."""
    lines = []
    for team in range(teams):
        for person in range(3):
            lines += [f"{team}-{person}/{i}.jpg,{team}-{person}/{i + 1}.jpg,1\n" for i in range(team % 4 + 1)]
            lines += [f"{team}-{person}/{i}.jpg,{team}-{(person + 1) % 3}/{i}.jpg,0\n" for i in range(team % 4 + 1)]
    return np.random.default_rng(seed).permutation(lines).tolist()


def people_of(pairs):
    """The people of each fold."""
    found = [set() for _ in range(FOLDS)]
    for first, second, _, fold in rows(pairs):
        found[fold] |= {first.split("/")[0], second.split("/")[0]}
    return found


def sizes(pairs):
    """Pairs of each fold of two people and of one (folds, 2)."""
    return np.array([[np.sum((pairs.fold == fold) & (pairs.same == same)) for same in (False, True)] for fold in range(FOLDS)])


def test_people_who_are_compared_share_a_fold_and_folds_are_even(read):
    pairs = read(HEADER + "".join(many_pairs(40)))
    people = people_of(pairs)
    assert sum(len(one) for one in people) == len(set.union(*people)) == 120  # nobody is in two folds
    np.testing.assert_array_equal(sizes(pairs), np.full((FOLDS, 2), 30))  # 40 teams of 3, 6, 9 and 12 pairs of each kind


def test_people_tied_all_together_are_dealt_by_pair(read):
    chain = "".join(f"{i}/1.jpg,{i + 1}/1.jpg,0\n{i}/1.jpg,{i}/2.jpg,1\n" for i in range(50))
    np.testing.assert_array_equal(sizes(read(HEADER + chain)), np.full((FOLDS, 2), 5))


def test_pictures_without_a_folder_are_dealt_by_pair(read):
    lines = [line.replace("/", "-") for line in many_pairs(40)]
    assert np.ptp(sizes(read(HEADER + "".join(lines))), axis=0).tolist() == [0, 0]
    one_loose = HEADER + "".join(many_pairs(40)) + "loose.jpg,0-0/1.jpg,0\n"
    assert sum(len(one) for one in people_of(read(one_loose))) > 121


def test_a_pair_that_is_listed_twice_counts_twice_in_one_fold(read):
    pairs = read(HEADER + "".join(f"{i}.jpg,{i + 1}.jpg,{i % 2}\n" for i in range(40)) + "1.jpg,0.jpg,0\n")
    assert len(pairs.same) == 41
    assert pairs.fold[40] == pairs.fold[0]


def test_few_pairs_make_few_folds(read):
    assert sorted(read(HEADER + GENUINE + IMPOSTOR + "cy/1.jpg,cy/2.jpg,1\n").fold.tolist()) == [0, 0, 1]


@pytest.mark.parametrize("change", [lambda line: line, lambda line: line.replace("/", "-")], ids=["by person", "by pair"])
def test_folds_depend_on_no_order(read, change):
    def told(lines):
        return {(*sorted(row[:2]), *row[2:]) for row in rows(read(HEADER + "".join(change(line) for line in lines)))}

    lines = many_pairs(33)
    turned = [",".join([*line.strip().split(",")[1::-1], line[-2:]]) for line in many_pairs(33, seed=1)]
    assert told(lines) == told(turned)
    assert lines != many_pairs(33, seed=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a first line '10 300' .* or image_a,image_b,same, got ''"),
        ("ten 300\n", "expected a first line"),
        ("2\t1\nAda\t1\t2\n", "expected 4 pairs, got 1"),
        (GOOD.replace("Ada\t1\t2", "Ada\t1"), ":2: expected 'name i j'"),
        (GOOD.replace("Bob\t3", "Bob\tthree"), ":3: expected 'name i j'"),
        ("\n" + GOOD.replace("Bob\t3", "Bob\tthree"), ":4: expected 'name i j'"),
        (GOOD.replace("Ada\t1\t2", "Ada\t1\t1"), ":2: expected two names, got 'Ada/Ada_0001.jpg' twice"),
        (GOOD.replace("Ada\t1\t2", "Ada\t1\tDi\t2"), "expected 2 pairs of each kind, got 1 of one person and 3 of two"),
        ("1, 1, Ada/1, Ada/5, 2\n", ":1: expected same to be 1 or 0, .* got '2'"),
        ("1, 1, Ada/1, Ada/5, 1\nx, 2, Bob/1, Cy/5, 0\n", ":2: expected fold to be a whole number, got 'x'"),
    ],
)
def test_refuses_what_is_no_pairs_file(read, text, message):
    with pytest.raises(InputError, match=rf"pairs\.txt.*{message}"):
        read(text, "pairs.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: expected a first line image_a,image_b,same .* got ''"),
        ("image_a,image_b\nada/1.jpg,ada/2.jpg\n", ":1: expected a first line image_a,image_b,same .* got 'image_a,image_b'"),
        (GENUINE, ":1: expected a first line image_a,image_b,same .* got 'ada/1.jpg,ada/2.jpg,1'"),
        ("image_a,image_b,same,same\n", ":1: expected a first line"),
        ("image_a,image_b,same,fold,fold\n", ":1: expected a first line"),
        (HEADER, "expected pairs of one person and pairs of two, got 0 and 0"),
        (HEADER + GENUINE, "expected pairs of one person and pairs of two, got 1 and 0; add"),
        (HEADER + IMPOSTOR, "expected pairs of one person and pairs of two, got 0 and 1; add"),
        (HEADER + GENUINE.replace("1\n", "maybe\n") + IMPOSTOR, ":2: expected same to be 1 or 0, true or false, yes or no, got 'maybe'"),
        (HEADER + GENUINE + "\n\nada/1.jpg,0\n", ":5: expected 3 values, got 2"),
        (HEADER + GENUINE + "ada/1.jpg,,0\n", ":3: expected image_b to be a path inside DATA with '/', got ''"),
        (HEADER + GENUINE + "/ada/1.jpg,bob/1.jpg,0\n", ":3: expected image_a to be a path .* got '/ada/1.jpg'"),
        (HEADER + GENUINE + "ada/1.jpg,../bob/1.jpg,0\n", ":3: expected image_b to be a path .* got '../bob/1.jpg'"),
        (HEADER + GENUINE + "ada/1.jpg,bob\\1.jpg,0\n", ":3: expected image_b to be a path"),
        (HEADER + GENUINE + IMPOSTOR + "ada/1.jpg,./ada/1.jpg,1\n", ":4: expected two names, got 'ada/1.jpg' twice"),
        (HEADER + GENUINE + IMPOSTOR + "bob/1.jpg,ada/1.jpg,1\n", ":4: expected these two to be two people as in line 3, got the same person"),
        (HEADER + GENUINE + '"ada/1.jpg,bob/1.jpg,0\n', ":3: expected values with commas between them and whole quotes, got unexpected end of data"),
        (HEADER.replace("\n", ",fold\n") + "ada/1.jpg,ada/2.jpg,1,\n", ":2: expected fold to be a whole number, got ''"),
        (HEADER.replace("\n", ",fold\n") + "ada/1.jpg,ada/2.jpg,1,1.5\n", ":2: expected fold to be a whole number, got '1.5'"),
        (HEADER.encode() + GENUINE.encode() + b"ada/1.jpg,b\xf6b/1.jpg,0\n", r":3: expected text in UTF-8, got the byte 0xf6"),
        (b"\xef\xbb\xbf" + HEADER.encode() + b"\xff", r":2: expected text in UTF-8, got the byte 0xff"),
        ((HEADER + GENUINE).encode("utf-16"), r":1: expected text in UTF-8, got the byte 0xff"),
    ],
)
def test_refuses_a_csv_with_the_line_that_is_wrong(read, text, message):
    with pytest.raises(InputError, match=rf"list\.csv:?.*{message}"):
        read(text)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_pairs(tmp_path / "pairs.txt")


def test_who_is_on_a_picture(read):
    """The folder says it, and pairs of one person; a folder with a pair of two people says nothing."""

    def people(*lines):
        pairs = read("image_a,image_b,same\n" + "\n".join(lines))
        return dict(zip(pairs.images, pairs.person.tolist(), strict=True))

    by_folder = people("ada/1.jpg,ada/2.jpg,1", "ada/1.jpg,bob/1.jpg,0", "bob/1.jpg,eve/1.jpg,0")
    assert len(set(by_folder.values())) == 3
    assert by_folder["ada/1.jpg"] == by_folder["ada/2.jpg"]
    tied = people("1.jpg,2.jpg,1", "2.jpg,3.jpg,1", "3.jpg,4.jpg,0", "4.jpg,5.jpg,1")
    assert tied["1.jpg"] == tied["3.jpg"] != tied["4.jpg"] == tied["5.jpg"]
    one_folder = people("all/1.jpg,all/2.jpg,1", "all/2.jpg,all/3.jpg,0", "all/3.jpg,all/4.jpg,0")
    assert one_folder["all/1.jpg"] == one_folder["all/2.jpg"]
    assert len(set(one_folder.values())) == 3
