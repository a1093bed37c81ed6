"""The bundle: equal bytes for equal contents, refused after any damage, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facelite import bundle as module
from facelite.bundle import (
    DETECTOR,
    EMBEDDER,
    FORMAT,
    FORMATS,
    GOLDEN,
    HEAD,
    MANIFEST,
    Manifest,
    find_bundle,
    load_bundle,
    open_bundle,
    pack_bundle,
    save_bundle,
)
from facelite.distance import SQUARED_L2, pack_head, scaled
from facelite.errors import BundleError, UnsupportedRate
from facelite.export.assemble import export_bundle
from facelite.face import Threshold
from facelite.preprocess import Preprocessing

RELEASED = Path(__file__).parent.parent / "export/nns2"
RATES = (1e-2, 1e-3, 1e-4)
FILES = {EMBEDDER: b"embedder", DETECTOR: b"detector", GOLDEN: b"[]", "model-card.md": "Größe".encode()}


def manifest(**changes):
    thresholds = tuple(Threshold(1.2 - i / 10, fmr, 1.2 * fmr, 0.1 * i, 100, 10_000, 5_000) for i, fmr in enumerate(RATES))
    whole = Manifest("tiny", "nns2", "int8", "space", 8, Preprocessing(112, 96), thresholds, 1e-3, 5, 7, "nobody", {"code": "Apache-2.0"}, {})
    return replace(whole, **changes)


@pytest.fixture(scope="module")
def data():
    return pack_bundle(manifest(), FILES)


def repacked(data, change):
    """The bundle's bytes after ``change`` of its table of the manifest; everything else is right."""
    files = dict(unzipped(data))
    table = json.loads(files[MANIFEST])
    table = change(table) or table
    return module._zip({**files, MANIFEST: json.dumps(table).encode()})


def unzipped(data):
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# bytes


def test_equal_contents_are_equal_bytes_whatever_the_order(data):
    assert pack_bundle(manifest(), dict(reversed(FILES.items()))) == data


def test_any_zip_reader_finds_the_files_sorted_stored_and_timeless(data):
    with zipfile.ZipFile(BytesIO(data)) as archive:
        infos = archive.infolist()
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in infos if info.filename != MANIFEST} == FILES
    assert [info.filename for info in infos] == sorted([*FILES, MANIFEST])
    assert all(info.compress_type == zipfile.ZIP_STORED and info.date_time == (1980, 1, 1, 0, 0, 0) for info in infos)


def test_what_is_packed_is_loaded(data):
    bundle = load_bundle(data)
    assert bundle.files == FILES
    assert bundle.manifest == manifest(files={name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()})
    assert bundle.digest == hashlib.sha256(data).hexdigest()
    assert bundle.artefact == hashlib.sha256(FILES[EMBEDDER]).hexdigest()


def test_the_released_recipe_gives_the_same_bundle_twice(bundle_file, tmp_path):
    export_bundle(RELEASED / "int8.toml", tmp_path)
    assert (tmp_path / bundle_file.name).read_bytes() == bundle_file.read_bytes()


# damage


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_single_changed_byte_is_noticed(data, flip):
    for at in range(len(data)):
        with pytest.raises(BundleError):
            load_bundle(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])


def test_every_cut_and_every_addition_is_noticed(data):
    for at in range(len(data)):
        with pytest.raises(BundleError):
            load_bundle(data[:at])
    for other in (data + b"\0", b"\0" + data, data + data):
        with pytest.raises(BundleError):
            load_bundle(other)


def test_a_swapped_file_is_named_with_both_hashes(data):
    files = unzipped(data) | {EMBEDDER: b"another"}
    with pytest.raises(BundleError, match=f"expected {EMBEDDER} with sha256 {hashlib.sha256(b'embedder').hexdigest()}, got .* export"):
        load_bundle(module._zip(files))


@pytest.mark.parametrize("name", sorted([*FILES, MANIFEST]))
def test_a_missing_file_is_named(data, name):
    files = unzipped(data)
    del files[name]
    with pytest.raises(BundleError, match=name):
        load_bundle(module._zip(files))


def test_a_file_that_the_manifest_does_not_list_is_refused(data):
    with pytest.raises(BundleError, match="of a listed file"):
        load_bundle(module._zip(unzipped(data) | {"more.txt": b""}))


@pytest.mark.parametrize("missing", [EMBEDDER, DETECTOR, GOLDEN])
def test_a_bundle_without_its_parts_is_never_packed(missing):
    with pytest.raises(BundleError, match=missing):
        pack_bundle(manifest(), {name: content for name, content in FILES.items() if name != missing})


def test_a_compressed_or_doubled_archive_is_refused(data):
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        buffer = BytesIO()
        with zipfile.ZipFile(buffer, "w", kind) as archive:
            for name, content in unzipped(data).items():
                archive.writestr(name, content)
            if kind == zipfile.ZIP_STORED:
                with pytest.warns(UserWarning, match="Duplicate"):
                    archive.writestr(GOLDEN, b"[1]")
        with pytest.raises(BundleError):
            load_bundle(buffer.getvalue())


def test_another_major_is_refused_and_a_newer_minor_with_a_new_key_is_read(data):
    def newer(major, minor):
        return repacked(data, lambda table: table | {"format": [major, minor], "surprise": {"new": [1, None]}})

    assert load_bundle(newer(FORMAT[0], FORMAT[1] + 7)).manifest.format == (FORMAT[0], FORMAT[1] + 7)
    with pytest.raises(BundleError, match=f"format {FORMAT[0]}, got {FORMAT[0] + 1}; use the facelite"):
        load_bundle(newer(FORMAT[0] + 1, 0))


@pytest.fixture(scope="module")
def with_head():
    """A bundle that decides by a head of as many numbers as its embeddings have."""
    return pack_bundle(manifest(decide="siamese"), FILES | {HEAD: pack_head(scaled(np.arange(8.0), form="chi-square"))})


def test_a_head_decides_where_the_manifest_says_so(data, with_head):
    assert load_bundle(data).distance is SQUARED_L2
    bundle = load_bundle(with_head)
    assert (bundle.manifest.decide, bundle.manifest.format) == ("siamese", FORMATS["siamese"])
    np.testing.assert_array_equal(bundle.distance.weights, scaled(np.arange(8.0), form="chi-square").weights)
    assert bundle.distance.form == "chi-square"
    beside = load_bundle(pack_bundle(manifest(), FILES | {HEAD: b"whatever"}))
    assert beside.distance is SQUARED_L2  # what decides is the manifest's to say


def test_readers_that_know_no_head_refuse_what_decides_by_one(data, with_head):
    """They pass over a key that they do not know, but not over another major; and no manifest says the one without the other."""
    assert "decide" not in json.loads(unzipped(data)[MANIFEST])
    assert json.loads(unzipped(with_head)[MANIFEST])["format"][0] > FORMAT[0]
    with pytest.raises(BundleError, match="expected a bundle of format 2, got 1; use the facelite"):
        load_bundle(repacked(with_head, lambda table: table | {"format": [1, 1]}))
    for decide in ({}, {"decide": "squared-l2"}):
        with pytest.raises(BundleError, match="expected a bundle of format 1, got 2; use the facelite"):
            load_bundle(repacked(with_head, lambda table, decide=decide: {key: table[key] for key in table if key != "decide"} | decide))


@pytest.mark.parametrize(("head", "match"), [
    (None, "expected the Siamese head that decides, got"),
    (b"{}", "expected the Siamese head that decides, got no weights and form: 'weights'; export the bundle again"),
    (b"text", "expected the Siamese head that decides, got"),
    (pack_head(scaled(np.ones(9), form="absolute")), "expected a head of 8 numbers, got one of 9; export the bundle again"),
])  # fmt: skip
def test_a_bundle_that_decides_by_what_is_no_head_is_refused(head, match):
    with pytest.raises(BundleError, match=f"{HEAD}: {match}"):
        pack_bundle(manifest(decide="siamese"), FILES | ({HEAD: head} if head else {}))


def test_a_manifest_of_format_1_0_is_read(data):
    old = load_bundle(repacked(data, lambda table: {key: value for key, value in table.items() if key != "template_thresholds"} | {"format": [1, 0]}))
    assert old.manifest == replace(load_bundle(data).manifest, format=(1, 0))
    assert old.manifest.template_thresholds == {}


def test_a_reader_of_format_1_0_finds_no_unknown_key_below_the_top(data):
    """It passes over new keys at the top level alone; where the colours are others than it knows, it shall refuse."""
    table = json.loads(unzipped(data)[MANIFEST])
    assert set(table["preprocessing"]) == {"height", "width", "mean", "std"}
    assert set(table["thresholds"][0]) == {"distance", "fmr", "fmr_upper", "fnmr", "genuine_pairs", "impostor_pairs", "people_pairs"}
    bgr = pack_bundle(manifest(preprocessing=Preprocessing(112, 96, colours="BGR")), FILES)
    assert json.loads(unzipped(bgr)[MANIFEST])["preprocessing"]["colours"] == "BGR"
    assert load_bundle(bgr).manifest.preprocessing.colours == "BGR"


def test_thresholds_for_other_templates_are_packed_and_loaded():
    tables = {"0" * 64: manifest().thresholds[:2], "1" * 64: manifest().thresholds[1:]}
    assert load_bundle(pack_bundle(manifest(template_thresholds=tables), FILES)).manifest.template_thresholds == tables


@pytest.mark.parametrize("change", [
    lambda table: table | {"template_thresholds": {"0" * 64: []}},
    lambda table: table | {"template_thresholds": {"0" * 64: table["thresholds"][:1]}},  # none for the default FMR
    lambda table: table | {"template_thresholds": {"0" * 64: table["thresholds"][::-1]}},
    lambda table: table | {"template_thresholds": [table["thresholds"]]},
    lambda table: table | {"preprocessing": table["preprocessing"] | {"colours": "GRB"}},
    lambda table: table | {"thresholds": []},
    lambda table: table | {"fmr": 0.5},
    lambda table: table | {"thresholds": table["thresholds"][::-1]},
    lambda table: table | {"thresholds": [table["thresholds"][0] | {"distance": 10**400}]},
    lambda table: table | {"thresholds": [*table["thresholds"][:2], table["thresholds"][2] | {"distance": -5.0}]},
    lambda table: table | {"preprocessing": {"height": 112, "width": 96, "std": 0.0}},
    lambda table: table | {"embedding": "128"},
    lambda table: table | {"decide": "cosine"},
    lambda table: table | {"decide": ["siamese"]},
    lambda table: table | {"name": "\ud800"},
    lambda table: table | {"licences": {"\udcff": "Apache-2.0"}},
    lambda table: {key: value for key, value in table.items() if key != "space"},
    lambda table: [1, 0],
    lambda table: "manifest",
])  # fmt: skip
def test_an_impossible_manifest_is_refused(data, change):
    with pytest.raises(BundleError):
        load_bundle(repacked(data, change))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(sorted(json.loads(unzipped(pack_bundle(manifest(), FILES))[MANIFEST]))), value=JSON)
def test_no_value_in_a_manifest_crashes_the_reader(key, value):
    changed = repacked(pack_bundle(manifest(), FILES), lambda table: table | {key: value})
    with suppress(BundleError):
        load_bundle(changed)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_edit_of_the_bytes_crashes_the_reader(drawn):
    data = pack_bundle(manifest(), FILES)
    at = drawn.draw(st.integers(0, len(data)))
    changed = data[:at] + drawn.draw(st.binary(max_size=40)) + data[drawn.draw(st.integers(at, len(data))) :]
    if changed != data:
        with pytest.raises(BundleError):
            load_bundle(changed)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_crash_the_reader(data):
    with pytest.raises(BundleError):
        load_bundle(b"PK\3\4" + data)
    with pytest.raises(BundleError):
        load_bundle(data)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"format": ' + b"[" * 100_000, b"\xff\xfe", b'{"format": [1e999]}'])
def test_no_json_crashes_the_reader(data, text):
    with pytest.raises(BundleError, match=MANIFEST):
        load_bundle(module._zip({**unzipped(data), MANIFEST: text}))


# files


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("text")])
def test_open_names_the_path_and_a_remedy(tmp_path, make):
    path = tmp_path / "x.facelite"
    make(path)
    with pytest.raises(BundleError, match=rf"^{path}: expected .*, got .*; \w+"):
        open_bundle(path)


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "x.facelite").open("wb") as file:
        file.truncate(module.MAX_BYTES + 1)  # a hole: no space is used
    with pytest.raises(BundleError, match="at most 256 MB"):
        open_bundle(tmp_path / "x.facelite")


def fail(*_, **__):
    raise OSError("no space left")


@pytest.mark.parametrize("step", ["replace", "fsync", "open"])
def test_a_failure_while_saving_leaves_the_old_bundle_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "x.facelite"
    save_bundle(path, manifest(), FILES)
    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="no space"):
            save_bundle(path, manifest(name="other"), FILES)
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.facelite"]
    assert path.read_bytes() == old
    save_bundle(path, manifest(name="other"), FILES)
    assert open_bundle(path).manifest.name == "other"


def test_which_bundle_is_meant(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "__file__", str(tmp_path / "bundle.py"))
    monkeypatch.delenv("FACELITE_BUNDLE", raising=False)
    with pytest.raises(BundleError, match="--bundle B or FACELITE_BUNDLE"):
        find_bundle()
    (tmp_path / "default.facelite").touch()
    assert find_bundle() == tmp_path / "default.facelite"
    monkeypatch.setenv("FACELITE_BUNDLE", "b.facelite")
    assert str(find_bundle()) == "b.facelite"
    assert str(find_bundle("a.facelite")) == "a.facelite"


# thresholds


def test_a_measured_rate_is_found_and_another_is_refused():
    assert manifest().threshold().fmr == 1e-3
    assert manifest().threshold(0.01).distance == 1.2
    with pytest.raises(UnsupportedRate, match=r"0\.01, 0\.001, 0\.0001, which were measured, got 0\.5; choose"):
        manifest().threshold(0.5)


def test_one_to_many_takes_the_largest_rate_that_keeps_the_promise():
    for templates in range(1, 101):
        chosen = manifest().threshold_for_gallery(templates, 0.01).fmr
        promise = [fmr for fmr in RATES if 1 - (1 - fmr) ** templates <= 0.01 * (1 + 1e-6)]
        if chosen == RATES[0]:
            assert templates == 1
        assert chosen == max(promise)


@pytest.mark.parametrize("templates", [1, 7, 150, 3_000, 20_000])
def test_the_rate_that_a_refusal_recommends_is_accepted(templates):
    with pytest.raises(UnsupportedRate, match="ask for --fmr") as caught:
        manifest().threshold_for_gallery(templates, 1e-9)
    words = str(caught.value).split()
    recommended = float(words[words.index("--fmr") + 1])
    assert manifest().threshold_for_gallery(templates, recommended).fmr == RATES[-1]


OTHER, THIRD = "0" * 64, "1" * 64


def shifted(by, *rates):
    return tuple(replace(threshold, distance=threshold.distance + by) for threshold in manifest().thresholds if threshold.fmr in rates)


def test_the_threshold_is_that_of_the_templates_embedder_and_the_strictest_of_several():
    chosen = manifest(template_thresholds={OTHER: shifted(-0.2, *RATES), THIRD: shifted(0.3, 1e-2, 1e-3)})
    own = chosen.threshold_for_gallery(5, 0.01)
    other, third = (chosen.threshold_for_gallery(5, 0.01, kinds=[artefact]) for artefact in (OTHER, THIRD))
    assert chosen.threshold_for_gallery(5, 0.01, kinds=["own"]) == own
    assert other.distance == own.distance - 0.2
    assert third.distance == own.distance + 0.3
    for artefacts, strictest in (({"own", OTHER}, other), ({OTHER, THIRD}, other), (("own", THIRD), own), ([THIRD, OTHER, "own"], other)):
        assert chosen.threshold_for_gallery(5, 0.01, kinds=artefacts) == strictest
    assert chosen.threshold(1e-3) == manifest().threshold(1e-3)  # 1:1 of two pictures knows no templates


def test_a_rate_that_was_not_measured_for_one_of_the_embedders_is_refused():
    chosen = manifest(template_thresholds={OTHER: shifted(-0.2, *RATES), THIRD: shifted(0.3, 1e-2, 1e-3)})
    assert chosen.threshold_for_gallery(50, 0.01, kinds=[OTHER]).fmr == 1e-4
    for artefacts in ([THIRD], [THIRD, OTHER]):
        with pytest.raises(UnsupportedRate, match=r"got 0\.001 as the smallest that was measured; ask for --fmr 0\.049 or more"):
            chosen.threshold_for_gallery(50, 0.01, kinds=artefacts)


def test_a_gallery_for_which_no_rate_below_one_would_do_can_only_shrink():
    with pytest.raises(UnsupportedRate, match=r"; enrol fewer$"):
        manifest().threshold_for_gallery(10**6, 0.5)


@pytest.mark.parametrize("fpir", [0.0, 1.0, 2.0, -0.1, float("nan")])
def test_a_rate_that_is_none_is_refused(fpir):
    with pytest.raises(ValueError, match="expected an FPIR above 0 and below 1"):
        manifest().threshold_for_gallery(3, fpir)


def test_kinds_of_fused_templates_are_no_embedders():
    assert manifest(template_thresholds={"fused 2": manifest().thresholds, OTHER: manifest().thresholds}).makers == {OTHER}
