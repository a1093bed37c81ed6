"""The report: every number as it was judged, nothing but text out of names, nothing fetched, nobody shown unasked, the same bytes each time."""

from __future__ import annotations

import base64
import re
import sys
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from facelite.calibration import STEPS, Interval, compare_all, intervals, rates
from facelite.evaluation.crop import CentreCrop
from facelite.evaluation.embed import Embedded
from facelite.evaluation.judge import Judgement, Material
from facelite.evaluation.people import People
from facelite.evaluation.report import pairs as pairs_module
from facelite.evaluation.report import write_report
from facelite.evaluation.report.pairs import hardest_pairs
from facelite.evaluation.report.people import people_map
from facelite.evaluation.report.rates import BINS, _curve, _density, headline
from facelite.evaluation.report.words import percent, percents, short_names
from facelite.evaluation.verification import verify_all
from facelite.image import decode_image
from facelite.plots import Axis, Dot, Line, draw_dots, draw_lines
from facelite.preprocess import Preprocessing

HOSTILE = '<script>alert("1")</script>&$_'

SECTIONS = {
    "Rates": "both",
    "Distances": "both",
    "Errors at every threshold": "both",
    "Ways to measure a distance": "listed",
    "Worse pictures": "full",
    "Refusing poor pictures": "full",
    "Groups of people": "full",
    "Finding one among many": "full",
    "Map of people": "both",
    "Hardest pairs": "both",
    "How to read this": "both",
    "How it was made": "both",
}

FIGURES = {
    "full": "distances-1 distances-2 roc det sweep-jpeg sweep-pixels sweep-jitter quality groups-fmr groups-fnmr cmc threshold fnir-at-1e-1 people",
    "listed": "distances-1 roc det people",
}


class Page(HTMLParser):
    """A page as a browser reads it: its tags with their attributes, its text, its tables as rows of cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.tables, self.pieces, self.styles = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open
        self.text = " ".join("".join(self.pieces).split())
        self.tables = [[[" ".join(cell.split()) for cell in row] for row in table] for table in self.tables]

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self.handle_data(" ")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.styles if "style" in self.open else self.pieces).append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data

    def attributes(self, name):
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def table(self, *header):
        """The rows under the header that begins so, by their first cell."""
        (found,) = (table for table in self.tables if tuple(table[0][: len(header)]) == header)
        return {row[0]: row[1:] for row in found[1:]}


@pytest.fixture(scope="module", params=["full", "listed"])
def written(request, tmp_path_factory):
    """(which, folder, page) of a report without faces."""
    judgement, models, material = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("report")
    write_report(judgement, folder, models=models, material=material)
    return request.param, folder, Page((folder / "report.html").read_text())


@pytest.fixture(scope="module")
def with_faces(full, tmp_path_factory):
    """(judgement, folder, page, material) of a report that shows the hardest pairs."""
    judgement, models, material = full
    folder = tmp_path_factory.mktemp("faces")
    write_report(judgement, folder, models=models, material=material, faces=CentreCrop())
    return judgement, folder, Page((folder / "report.html").read_text()), material


def test_the_page_needs_nothing_else(written):
    _, _, page = written
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base", "form"}
    assert all(source.startswith(("data:image/svg+xml;base64,", "data:image/jpeg;base64,")) for source in page.attributes("src"))
    assert all(target.startswith("#s") for target in page.attributes("href"))
    assert set(page.attributes("href")) == {f"#{name}" for name in page.attributes("id") if re.fullmatch(r"s\d+", name)}
    assert not any(name.startswith("on") or name in ("style", "srcset", "background") for _, attributes in page.tags for name in attributes)
    assert not re.search(r"url\(|@import|http", "".join(page.styles))
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page.attributes("content")


def test_what_was_not_judged_has_no_section(written):
    which, folder, _ = written
    titles = re.findall(r"<h2>(.*?)</h2>", (folder / "report.html").read_text())
    assert titles == [title for title, where in SECTIONS.items() if where in ("both", which)]


def test_every_figure_lies_beside_the_page_as_svg_and_png_and_is_on_it_with_words(written):
    which, folder, page = written
    figures = FIGURES[which].split()
    assert {path.name for path in folder.iterdir()} == {"report.html"} | {f"{name}.{kind}" for name in figures for kind in ("svg", "png")}
    inside = [base64.b64decode(source.partition(",")[2]) for source in page.attributes("src")]
    assert inside == [(folder / f"{name}.svg").read_bytes() for name in figures]
    for name in figures:
        assert ElementTree.parse(folder / f"{name}.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file
        pixels = cv2.imread(str(folder / f"{name}.png"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    assert all(len(words) > 40 for words in page.attributes("alt"))


def test_names_are_text_and_nothing_else(with_faces):
    _, folder, page, _ = with_faces
    assert b"<script" not in (folder / "report.html").read_bytes().lower()
    assert f"build/a {HOSTILE}" in page.text  # the model
    assert f"sex {HOSTILE}: m {HOSTILE}" in page.text  # a group
    assert re.search(rf"\d\d {re.escape(HOSTILE)}/\d\?\.png", page.text)  # a picture whose name is no text
    assert any(HOSTILE in words for words in page.attributes("alt"))


def test_the_rates_are_those_of_the_judgement(with_faces):
    judgement, _, page, _ = with_faces
    one, other = (judged.verification for judged in judgement.judged)
    rows = page.table("Rate", f"a {HOSTILE}".rpartition("/")[2], "b", "Difference")
    assert list(rows) == ["accuracy", "EER", "AUC", "VAL at FMR 1e-1", "VAL at FMR 1e-2"]  # 2,016 pairs of people support no 1e-3
    for fmr in ("1e-1", "1e-2"):
        cells = rows[f"VAL at FMR {fmr}"]
        for cell, found in zip(cells, (one, other), strict=False):
            low, high = found.val_interval_at_fmr[fmr]
            assert cell == f"{100 * found.val_at_fmr[fmr]:.2f} % {100 * low:.2f} to {100 * high:.2f} %"
        change = judgement.differences[fmr]
        assert cells[2] == f"{100 * change.value:+.2f} points {100 * change.low:+.2f} to {100 * change.high:+.2f}"
    assert f"{one.images:,} images of {one.people:,} people: {one.genuine_pairs:,} genuine and {one.impostor_pairs:,} impostor pairs" in page.text
    assert f"In {one.failed_to_detect} images no face was found" in page.text
    assert f"At an FMR of 1e-2 (1.00 % of the impostor pairs accepted) it accepts {100 * one.val_at_fmr['1e-2']:.2f} %" in page.text
    assert f"The 2,016 pairs of distinct people support an FMR of {300 / 2016:.2g} % or more" in page.text
    (shipped,) = page.table("Model", "Distance").values()  # only the first model has a threshold
    assert shipped[:2] == ["0.900", "1.00 %"]
    assert shipped[2].startswith(percent(rates(judgement.judged[0].comparisons).fmr_at(0.9)).replace("\xa0", " "))


def test_groups_and_galleries_are_those_of_the_judgement(with_faces):
    judgement, _, page, _ = with_faces
    groups = page.table("Group", "Images")
    assert [row[0] for row in groups.values()] == [f"{one.images:,}" for one in judgement.slices.slices]
    assert groups["age: old"][-1] == "too few for FMR 1.00 %; too few people for FNMR"  # six pairs of people, four people
    assert groups["age: young"][-1] == ""
    first = next(iter(judgement.identification.enrolments.values()))
    rows = [row for table in page.tables for row in table if table[0][0] == "Enrolled each"]
    assert [row[1] for row in rows[1 : 1 + len(first)]] == [f"{one.people:,}" for one in first]
    assert rows[1][3].startswith(f"{100 * first[0].rank_1.value:.2f} % ")


def test_a_sweep_that_supports_no_val_is_drawn_by_accuracy_and_without_the_paper(with_faces):
    _, _, page, _ = with_faces
    described = {attributes["alt"].partition(",")[0]: attributes["alt"] for _, attributes in page.tags if "alt" in attributes}
    assert "Encoded as JPEG, VAL at FMR 1e-2." in described["Encoded as JPEG"]
    assert "Keypoints moved, accuracy." in described["Keypoints moved"]
    assert page.text.count("table 4: network NN1") == 2  # JPEG and pixels; nobody published jitter


def test_the_same_input_gives_the_same_bytes(full, with_faces, tmp_path):
    judgement, models, material = full
    write_report(replace(judgement, seconds=99.0), tmp_path, models=models, material=material, faces=CentreCrop())
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files == {path.name: path.read_bytes() for path in with_faces[1].iterdir()}


def test_nobody_is_shown_or_named_unasked(written):
    _, _, page = written
    assert "add --show-faces" in page.text
    assert not any(source.startswith("data:image/jpeg") for source in page.attributes("src"))
    assert not re.search(r"\d\d <script>", page.text)


def test_asked_for_the_hardest_pairs_are_shown_as_the_model_sees_them(with_faces):
    judgement, _, page, material = with_faces
    genuine, impostor = hardest_pairs(judgement.judged[0].embedded, material)
    crops = [base64.b64decode(source.partition(",")[2]) for source in page.attributes("src") if source.startswith("data:image/jpeg")]
    places = [place for pair in genuine + impostor for place in pair.places]
    assert len(crops) == len(places) == 40
    for crop, place in zip(crops, places, strict=True):
        (expected,) = CentreCrop()(decode_image(material.read(material.names[place])), None, [Preprocessing(64, 56)])
        assert np.abs(decode_image(crop).astype(float) - expected.pixels).mean() < 8  # JPEG
    assert f"distance {genuine[0].distance:.3f}" in page.text


def plain_hardest(embedded, pairs, count):
    """By a loop over (first, second, same)."""
    known = [(float(np.sum((embedded.vectors[a] - embedded.vectors[b]) ** 2)), a, b, same) for a, b, same in pairs if embedded.found[[a, b]].all()]
    genuine = sorted((-d, a, b) for d, a, b, same in known if same)[:count]
    impostor = sorted((d, a, b) for d, a, b, same in known if not same)[:count]
    return [(a, b) for _, a, b in genuine], [(a, b) for _, a, b in impostor]


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("count", [1, 10, 100_000])
def test_hardest_pairs_of_all_are_those_of_a_plain_loop(monkeypatch, rows, count):
    monkeypatch.setattr(pairs_module, "ROWS", rows)
    rng = np.random.default_rng(0)
    vectors, person = rng.normal(size=(40, 8)), rng.integers(0, 9, 40)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    vectors[[3, 17]] = 0
    embedded = Embedded([str(i) for i in range(40)], vectors, vectors.any(axis=1))
    found = hardest_pairs(embedded, Material("", embedded.names, person, verify=None), count=count)
    expected = plain_hardest(embedded, [(a, b, person[a] == person[b]) for b in range(40) for a in range(b)], count)
    assert tuple([pair.places for pair in pairs] for pairs in found) == expected
    assert len(found[0]) + len(found[1]) == (2 * count if count <= 10 else 38 * 37 // 2)


def test_hardest_pairs_of_a_list_are_among_the_list(listed):
    judgement, _, material = listed
    embedded, pairs = judgement.judged[0].embedded, material.pairs
    found = hardest_pairs(embedded, material, count=5)
    expected = plain_hardest(embedded, zip(pairs.first.tolist(), pairs.second.tolist(), pairs.same.tolist(), strict=True), 5)
    assert tuple([pair.places for pair in pairs] for pairs in found) == expected


def test_a_histogram_is_a_density_of_what_could_be_compared():
    rng = np.random.default_rng(0)
    distances = np.append(rng.uniform(0, 4, 500), 0)  # 0 itself belongs to the first bin
    counts = np.bincount(np.append(np.ceil(distances * STEPS), [4 * STEPS + 1] * 9).astype(int), minlength=4 * STEPS + 2)
    edges = np.linspace(0, 4, BINS + 1)
    expected = [np.mean((distances > low) & (distances <= high)) * BINS / 4 for low, high in pairwise(edges)]
    expected[0] += BINS / 4 / 501
    np.testing.assert_allclose(_density(counts), expected)


def test_a_curve_runs_through_the_rates_at_their_thresholds():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    measured = rates(compare_all(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.arange(60) // 3))
    fmr, val = _curve(measured, 60 * 57 // 2)
    assert (np.diff(fmr) > 0).all()
    assert fmr[-1] == 1
    for x, y in zip(fmr, val, strict=True):
        assert measured.val_at(x) == y


def test_without_matplotlib_nothing_is_written(full, tmp_path, monkeypatch):
    judgement, models, material = full
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError) as error:
        write_report(judgement, tmp_path / "report", models=models, material=material)
    assert error.value.name == "matplotlib"
    assert not (tmp_path / "report").exists()


def test_without_scikit_learn_the_map_is_left_out_and_says_so(full, monkeypatch):
    judgement, _, material = full
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    section = people_map(judgement.judged[0].embedded, material.person, "model")
    assert "pip install scikit-learn" in section.parts[0]


def test_the_map_takes_the_people_with_most_pictures_and_needs_two_with_enough(full):
    judgement, _, material = full
    section = people_map(judgement.judged[0].embedded, material.person, "model")
    assert "72 pictures of the 12 people" in section.parts[0].alt
    alone = np.arange(len(material.person))
    assert people_map(judgement.judged[0].embedded, alone, "model") is None
    assert people_map(judgement.judged[0].embedded, np.where(alone < 6, 0, alone), "model") is None


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.001, 0.02, "more than chance explains"), (-0.02, -0.001, "more than chance explains"), (-0.01, 0.02, "no difference that these people")],
)
def test_a_difference_is_claimed_only_where_its_interval_leaves_out_none(low, high, words, full):
    judgement, _, material = full
    judgement = replace(judgement, differences={"eer": Interval(0, -1, 1), "1e-2": Interval(0.005, low, high)})
    assert f"b less a: VAL at FMR 1e-2: +0.50 points (95 % interval {100 * low:+.2f} to {100 * high:+.2f}), {words}" in " ".join(
        headline(judgement, ["a", "b"], material)
    )


@pytest.mark.parametrize("label", ["W" * 200, "$$ \\alpha $", "_hidden", "中文" * 20, "two\nlines", ""])
def test_any_label_can_be_drawn(label):
    line = Line(label, [1, 2, 3], [0.1, np.nan, 0.3], ends=([0.0, np.nan, 0.2], [0.2, np.nan, 0.4]))
    for drawing in (draw_lines([line], x=Axis("x", log=True), y=Axis("y")), draw_dots([Dot(label, 0.1, 0, 1)], x=Axis("x"), mark=(0.2, label))):
        pixels = cv2.imdecode(np.frombuffer(drawing.png, np.uint8), cv2.IMREAD_COLOR)
        blue = np.abs(pixels[:, :, ::-1].astype(int) - (0x00, 0x72, 0xB2)).sum(axis=2) < 30
        assert blue.sum() > 100


FEW = {"two people": [0, 0, 1], "constant": [0, 0, 1, 1], "far": [0, 0, 1, 1]}


@pytest.mark.parametrize("kind", FEW)
def test_few_pictures_and_broken_embedders_make_a_page_too(kind, models, tmp_path, monkeypatch):
    monkeypatch.setattr("facelite.evaluation.verification.intervals", partial(intervals, draws=10))
    person = np.array(FEW[kind])
    names = [f"{who}/{i}.png" for i, who in enumerate(person)]
    vectors = {"two people": np.eye(3), "constant": np.ones((4, 3)) / 3**0.5, "far": np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])}[kind]
    embedded = Embedded(names, vectors.astype(np.float32), np.ones(len(names), bool))
    judged = verify_all(People(names, ["set"] * len(names), [str(one) for one in person], None), embedded)
    judgement = Judgement([models[1].name], [judged], [None], "crop", 0.0)
    write_report(judgement, tmp_path, models=models[1:], material=Material("", names, person, verify=None))
    assert "support an FMR of" in Page((tmp_path / "report.html").read_text()).text


def test_videos_have_hardest_pairs_by_name_without_crops(listed, tmp_path):
    judgement, models, material = listed
    write_report(judgement, tmp_path, models=models, material=replace(material, read=None), faces=CentreCrop())
    page = Page((tmp_path / "report.html").read_bytes().decode())
    assert "384 videos of " in page.text
    assert not any(source.startswith("data:image/jpeg") for source in page.attributes("src"))
    assert page.text.count("distance ") >= 20


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.59504, "59.50 %"), (1, "100.00 %"), (0.01, "1.00 %"), (0.00069, "0.069 %"), (0, "0.00 %"), (None, "unknown"), (np.nan, "unknown")],
)
def test_rates_in_percent(rate, text):
    assert percent(rate) == text.replace(" ", "\N{NO-BREAK SPACE}")


def test_intervals_in_percent():
    assert percents((0.5, 0.66666)) == "50.00 to 66.67\N{NO-BREAK SPACE}%"
    assert percents(None) == percents((np.nan, 1.0)) == "unknown"


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (["build/a.facelite", "build/b.tflite"], ["a", "b.tflite"]),
        (["one/a.facelite", "two/a.facelite"], ["one/a.facelite", "two/a.facelite"]),
        (["runs/nns2.1/"], ["nns2.1"]),
        (["."], ["."]),
    ],
)
def test_models_are_called_by_their_last_part_where_it_tells_them_apart(models, names):
    assert short_names(models) == names


def test_a_second_report_in_the_same_folder_leaves_no_figure_of_the_first(full, listed, tmp_path):
    (tmp_path / "mine.png").write_bytes(b"my own")
    for judgement, models, material in (full, listed):
        write_report(judgement, tmp_path, models=models, material=material)
    names = {path.stem for path in tmp_path.glob("*.png")}
    assert "mine" in names and "roc" in names
    assert not {name for name in names if name.startswith(("sweep-", "groups-", "fnir-at-"))}
