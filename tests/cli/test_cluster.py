"""facelite cluster on photographs of two people and their copies: the table, the sheets, the summary, and what it refuses."""

from __future__ import annotations

import csv
import shutil
import sys
import tarfile

import cv2
import numpy as np
import pytest

from facelite.atomic import write_atomically
from facelite.cli import cluster as module
from facelite.cli.results import GAP, SIDE
from facelite.image import decode_image, read_image
from facelite.preprocess import align
from facelite.runtime.look import find_face


@pytest.fixture(scope="session")
def album(tmp_path_factory, astronaut, hopper):
    """Two people's folders, each photograph as it is, mirrored, shifted and rescaled; Grace's lie deeper and one more often. Nobody writes here."""
    folder = tmp_path_factory.mktemp("album")
    for place, pixels in (("Eileen", astronaut), ("navy/Grace", hopper)):
        for name, copy in (
            ("plain.png", pixels),
            ("mirrored.png", pixels[:, ::-1]),
            ("shifted.png", pixels[12:, 12:]),
            ("small.png", cv2.resize(pixels, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)),
        ):
            (folder / place).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(folder / place / name), cv2.cvtColor(copy, cv2.COLOR_RGB2BGR))
    shutil.copy(folder / "navy/Grace/plain.png", folder / "navy/Grace/again.png")
    return folder


def table(out):
    with (out / "clusters.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["picture", "cluster", "reason"]
    return rows


def written(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cells(file, columns, rows):
    """The faces on a sheet, line by line."""
    sheet = decode_image(file.read_bytes())
    side, gap = SIDE, GAP
    assert sheet.shape == (rows * (side + gap) - gap, columns * (side + gap) - gap, 3)
    return [sheet[y : y + side, x : x + side] for y in range(0, sheet.shape[0], side + gap) for x in range(0, sheet.shape[1], side + gap)]


# what it makes


def test_two_people_are_two_clusters(facelite, bundle, album, detector, tmp_path):
    before = written(album)
    result = facelite("cluster", album, "--labelled", "--out", tmp_path / "new/out", "--json")
    assert (result.status, result.err) == (0, "")
    one = {"precision": 1.0, "recall": 1.0, "f": 1.0}
    assert result.json == {
        "pictures": 9, "failed_to_detect": 0, "faces": 9, "clusters": 2, "singletons": 0, "largest": 5,
        "distance": bundle.manifest.threshold(1e-2).distance, "people": 2, "pairwise": one, "b_cubed": one,
        "out": str(tmp_path / "new/out"), "sheets": 2,
    }  # fmt: skip
    grace = [f"navy/Grace/{name}.png" for name in ("again", "mirrored", "plain", "shifted", "small")]
    eileen = [f"Eileen/{name}.png" for name in ("mirrored", "plain", "shifted", "small")]
    assert table(tmp_path / "new/out") == [[name, "1", ""] for name in grace] + [[name, "2", ""] for name in eileen]
    assert set(written(tmp_path / "new/out")) == {"clusters.csv", "cluster-0001.jpg", "cluster-0002.jpg"}
    assert written(album) == before
    for number, names, columns in ((1, grace, 3), (2, eileen, 2)):
        shown = cells(tmp_path / f"new/out/cluster-000{number}.jpg", columns, 2)
        for name, cell in zip(names, shown, strict=False):
            image = read_image(album / name)
            expected = align(image, find_face(image, detector, rule="centre").face.landmarks, 112, 112).pixels
            assert np.abs(cell.astype(int) - expected).mean() < 6  # JPEG, its colours of half the size
        assert all((cell > 250).all() for cell in shown[len(names) :])


def test_a_reader_gets_the_same_numbers(facelite, album, tmp_path):
    values = facelite("cluster", album, "--out", tmp_path / "a", "--distance", "0.9", "--json").json
    assert values["distance"] == 0.9
    assert not {"people", "pairwise", "b_cubed"} & set(values)
    text = facelite("cluster", album, "--out", tmp_path / "a", "--distance", "0.9")
    assert (text.status, text.err) == (0, "")
    assert text.out.startswith("pictures: 9\nfailed to detect: 0\nfaces: 9\n")
    assert len(text.out.splitlines()) == len(values)
    judged = facelite("cluster", album, "--out", tmp_path / "a", "--labelled").out
    assert "b cubed: precision 1.0000, recall 1.0000, f 1.0000\n" in judged


def test_a_tar_of_the_folder_gives_the_same_files(facelite, album, tmp_path):
    with tarfile.open(tmp_path / "album.tar", "w") as tar:
        tar.add(album, arcname=".")
    before = (tmp_path / "album.tar").read_bytes()
    for source, out in ((album, "a"), (tmp_path / "album.tar", "b")):
        assert facelite("cluster", source, "--out", tmp_path / out).status == 0
    assert written(tmp_path / "a") == written(tmp_path / "b")
    assert (tmp_path / "album.tar").read_bytes() == before


def test_names_do_not_decide_who_is_together(facelite, album, tmp_path):
    names = sorted(path.relative_to(album).as_posix() for path in album.rglob("*.png"))
    order = np.random.default_rng(0).permutation(len(names))
    renamed = {f"{place:02d}.png": names[i] for place, i in enumerate(order)}
    for name, origin in renamed.items():
        (tmp_path / "flat").mkdir(exist_ok=True)
        shutil.copy(album / origin, tmp_path / "flat" / name)
    for distance in ("0.01", "0.1", "1"):
        assert facelite("cluster", album, "--distance", distance, "--out", tmp_path / "a").status == 0
        assert facelite("cluster", tmp_path / "flat", "--distance", distance, "--out", tmp_path / "b").status == 0
        parts = [{}, {}]
        for part, out in zip(parts, "ab", strict=True):
            for name, cluster, _ in table(tmp_path / out):
                part.setdefault(cluster, set()).add(renamed.get(name, name))
        assert sorted(map(sorted, parts[0].values())) == sorted(map(sorted, parts[1].values()))


def test_the_distance_decides(facelite, album, tmp_path):
    apart = facelite("cluster", album, "--distance", "0", "--labelled", "--out", tmp_path / "out", "--json").json
    assert (apart["clusters"], apart["singletons"], apart["largest"]) == (1, 7, 2)  # the picture that is there twice
    assert apart["pairwise"]["precision"] == apart["b_cubed"]["precision"] == 1
    assert apart["pairwise"]["recall"] == pytest.approx(1 / (10 + 6))
    assert set(written(tmp_path / "out")) == {"clusters.csv", "cluster-0001.jpg", "singletons.jpg"}
    assert all(cell.std() > 20 for cell in cells(tmp_path / "out/singletons.jpg", 3, 3)[:7])
    together = facelite("cluster", album, "--distance", "4", "--labelled", "--out", tmp_path / "out", "--json").json
    assert (together["clusters"], together["singletons"], together["largest"]) == (1, 0, 9)
    assert together["b_cubed"]["precision"] == pytest.approx((5 * 5 + 4 * 4) / 81)
    assert together["b_cubed"]["recall"] == 1


def test_pictures_without_a_face_have_a_reason(facelite, photos, tmp_path):
    result = facelite("cluster", photos, "--out", tmp_path / "out", "--json")
    assert (result.status, result.err) == (0, "")
    assert (result.json["pictures"], result.json["failed_to_detect"]) == (9, 4)
    rows = table(tmp_path / "out")
    assert len(rows) == 9
    assert all(row[1] and not row[2] for row in rows[:-4])
    reasons = {name: reason for name, cluster, reason in rows[-4:] if cluster == ""}
    assert reasons.pop("none.png") == "no face"
    assert sorted(reasons) == ["empty.png", "text.jpg", "truncated.jpg"]
    assert all(reason.startswith("unreadable: expected a") for reason in reasons.values())


def test_a_folder_without_faces(facelite, refused, photos, tmp_path):
    (tmp_path / "in/place").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        shutil.copy(photos / "none.png", tmp_path / "in/place" / name)
    refused(2, "cluster", tmp_path / "in", "--labelled", "--out", tmp_path / "out", match="expected a face in one picture at least, .*, found none")
    values = facelite("cluster", tmp_path / "in", "--out", tmp_path / "out", "--json").json
    assert [values[key] for key in ("pictures", "failed_to_detect", "faces", "clusters", "singletons", "largest", "sheets")] == [2, 2, 0, 0, 0, 0, 0]
    assert table(tmp_path / "out") == [["place/a.png", "", "no face"], ["place/b.png", "", "no face"]]
    assert set(written(tmp_path / "out")) == {"clusters.csv"}


def test_one_picture(facelite, photos, tmp_path):
    (tmp_path / "in/Grace").mkdir(parents=True)
    shutil.copy(photos / "hopper.jpg", tmp_path / "in/Grace")
    values = facelite("cluster", tmp_path / "in", "--out", tmp_path / "out", "--labelled", "--json").json
    assert [values[key] for key in ("faces", "clusters", "singletons", "largest", "sheets", "people")] == [1, 0, 1, 1, 1, 1]
    assert values["pairwise"] == values["b_cubed"] == {"precision": 1.0, "recall": 1.0, "f": 1.0}
    assert table(tmp_path / "out") == [["Grace/hopper.jpg", "1", ""]]
    (face,) = cells(tmp_path / "out/singletons.jpg", 1, 1)
    assert face.std() > 20


def test_a_name_that_is_no_text_stands_in_the_table_as_it_is(facelite, photos, tmp_path):
    (tmp_path / "in").mkdir()
    name = b"caf\xe9, \n.jpg"
    shutil.copy(photos / "hopper.jpg", tmp_path / "in" / name.decode(errors="surrogateescape"))
    assert facelite("cluster", tmp_path / "in", "--out", tmp_path / "out").status == 0
    assert b'"' + name + b'",1,' in (tmp_path / "out/clusters.csv").read_bytes()


def test_sheets_and_faces_on_them_are_limited(facelite, album, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "MOST_SHEETS", 1)
    monkeypatch.setattr(module, "MOST_FACES", 2)
    assert facelite("cluster", album, "--out", tmp_path / "out", "--json").json["sheets"] == 1
    assert set(written(tmp_path / "out")) == {"clusters.csv", "cluster-0001.jpg"}
    assert len(cells(tmp_path / "out/cluster-0001.jpg", 2, 1)) == 2
    assert len(table(tmp_path / "out")) == 9
    facelite("cluster", album, "--distance", "0", "--out", tmp_path / "out")
    assert len(cells(tmp_path / "out/singletons.jpg", 2, 1)) == 2


# where it writes


def test_an_earlier_run_leaves_nothing_behind(facelite, album, photos, tmp_path):
    assert facelite("cluster", album, "--distance", "0", "--out", tmp_path / "out").status == 0
    (tmp_path / "out/mine.txt").write_text("a remark")
    (tmp_path / "out/cluster-0001-best.jpg").write_text("another")
    (tmp_path / "one").mkdir()
    shutil.copy(photos / "none.png", tmp_path / "one")
    assert facelite("cluster", tmp_path / "one", "--out", tmp_path / "out").status == 0
    assert set(written(tmp_path / "out")) == {"clusters.csv", "mine.txt", "cluster-0001-best.jpg"}


def test_a_folder_of_something_else_is_left_alone(refused, album, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/cluster-0001.jpg").write_text("somebody's")
    refused(2, "cluster", album, "--out", tmp_path / "out", match=r"expected a new folder, .*, got cluster-0001.jpg in it; choose another: --out OUT")


@pytest.mark.parametrize("out", [".", "Eileen", "new/folder"])
def test_nothing_is_written_among_the_pictures(refused, album, tmp_path, out):
    copied = shutil.copytree(album, tmp_path / "album")
    refused(2, "cluster", copied, "--out", copied / out, match="expected a folder apart from the pictures, got one in .*album; choose another")


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_what_stops_it_leaves_whole_files_of_one_run(facelite, album, monkeypatch, tmp_path, whole):
    """A run at another distance over an earlier one ends after ``whole`` files; what is left is new, or is the earlier table."""
    assert facelite("cluster", album, "--distance", "0", "--out", tmp_path / "out").status == 0
    earlier = written(tmp_path / "out")
    assert facelite("cluster", album, "--out", tmp_path / "whole").status == 0
    expected = written(tmp_path / "whole")
    done = []

    def stop(path, data):
        if len(done) == whole:
            raise KeyboardInterrupt
        done.append(path.name)
        write_atomically(path, data)

    monkeypatch.setattr(module, "write_atomically", stop)
    assert facelite("cluster", album, "--out", tmp_path / "out").status == 130
    left = written(tmp_path / "out")
    assert len(left) == max(1, whole)
    assert left.items() <= (expected if whole else earlier).items()


# what it refuses


def test_what_is_no_source(refused, tmp_path):
    refused(2, "cluster", tmp_path / "none", "--out", tmp_path / "out", match="expected a folder or a whole, uncompressed tar of pictures")
    (tmp_path / "empty").mkdir()
    refused(2, "cluster", tmp_path / "empty", "--out", tmp_path / "out", match="expected pictures in it, .* found none")
    (tmp_path / "text.tar").write_text("no tar")
    refused(2, "cluster", tmp_path / "text.tar", "--out", tmp_path / "out", match="expected a folder or a whole, uncompressed tar of pictures")


def test_loose_pictures_are_nobody_s(refused, photos, tmp_path):
    refused(
        2,
        "cluster",
        photos,
        "--labelled",
        "--out",
        tmp_path / "out",
        match="expected one folder per person .* got the picture .* in none; sort it in",
    )


@pytest.mark.parametrize("distance", ["-0.1", "4.1", "nan", "inf", "near"])
def test_a_distance_that_cannot_be(refused, album, tmp_path, distance):
    refused(
        2, "cluster", album, "--distance", distance, "--out", tmp_path / "out", match="--distance.*(expected a distance from 0 to 4, got|valid float)"
    )


def test_no_bundle(refused, album, tmp_path):
    refused(4, "cluster", album, "--bundle", tmp_path / "none.facelite", "--out", tmp_path / "out", match="expected a bundle, got No such file")


class WithoutScipy:
    """A finder that finds as much of SciPy as there is where it is not installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "scipy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_scipy_the_message_says_what_to_install(refused, album, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [WithoutScipy, *sys.meta_path])
    monkeypatch.setattr("facelite.evaluation.clustering.embed_pictures", lambda *_, **__: pytest.fail("the pictures were embedded first"))
    refused(4, "cluster", album, "--out", tmp_path / "out", match="expected the package scipy, found none; install it: pip install 'facelite")


def test_too_many_pictures(refused, album, monkeypatch, tmp_path):
    monkeypatch.setattr("facelite.evaluation.clustering.MOST_PICTURES", 8)
    refused(2, "cluster", album, "--out", tmp_path / "out", match=r"expected at most 8 pictures .*, got 9; cluster a part of them")
