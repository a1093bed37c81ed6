"""Values that no writer would choose, where the readers of text expect others: each is refused by name, or read for what it is."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facelite import bundle as module
from facelite.bundle import GOLDEN, HEAD, load_bundle, pack_bundle
from facelite.distance import pack_head, scaled, unpack_head
from facelite.errors import BundleError, InputError, RecipeError, SelfTestError
from facelite.evaluation.pairs import read_pairs
from facelite.evaluation.slices import find_groups, utkface_groups
from facelite.export.recipe import Recipe
from facelite.recipe import read_recipe
from facelite.runtime.golden import unpack_golden
from facelite.runtime.liveness.model import ModelUse
from facelite.training.recipe import TrainingRecipe

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

NUMBERS = st.integers() | st.integers(-3, 300) | st.floats() | st.sampled_from([10**400, -0.0, 1e-320, 1.7e308, 2**63, math.nan, math.inf])
TEXTS = st.text(max_size=6) | st.sampled_from(["", "\0", "nns2", "int8", "nan", "9" * 5000, "a/b.jpg", "..", "/"])
PLAIN = st.none() | st.booleans() | NUMBERS | TEXTS | st.sampled_from(["\ud800", "\udcff"])
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6)


@quick
@given(form=JSON, weights=JSON, more=st.dictionaries(TEXTS, JSON, max_size=1))
def test_a_head_is_one_or_no_head(form, weights, more):
    try:
        head = unpack_head(json.dumps({"form": form, "weights": weights, **more}).encode())
    except ValueError:
        return
    assert head.form == form
    assert np.isfinite(head.weights).all()


@quick
@given(data=st.data())
def test_golden_vectors_are_some_or_none(bundle, data):
    table = json.loads(bundle.files["golden.json"])
    for key in data.draw(st.lists(st.sampled_from(sorted(table[0])), min_size=1, max_size=2)):
        table[data.draw(st.integers(0, 2))][key] = data.draw(JSON)
    if data.draw(st.integers(0, 3)) == 0:
        table = data.draw(JSON)
    try:
        goldens = unpack_golden(json.dumps(table).encode())
    except SelfTestError as error:
        assert str(error).startswith("expected golden vectors, got ")
    else:
        assert all(golden.unit >= 1 for golden in goldens)


@pytest.fixture(scope="module")
def with_head(bundle):
    """The files of a small bundle that decides by a head."""
    files = {"embedder.tflite": b"embedder", "detector.tflite": b"detector", GOLDEN: b"[]", HEAD: pack_head(scaled(np.arange(8.0), form="absolute"))}
    return module._unzip(pack_bundle(replace(bundle.manifest, embedding=8, decide="siamese"), files))


@quick
@given(data=st.data())
def test_a_manifest_is_one_or_none(with_head, data):
    table = json.loads(with_head[module.MANIFEST])
    at, keys = table, []
    while isinstance(at, (dict, list)) and at and (not keys or data.draw(st.booleans())):
        keys.append((at, data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))))
        at = at[keys[-1][1]]
    parent, key = keys[-1]
    parent[key] = data.draw(JSON)
    try:
        manifest = load_bundle(module._zip({**with_head, module.MANIFEST: json.dumps(table).encode()})).manifest
    except BundleError:
        return
    for text in (manifest.name, manifest.training_data, *manifest.licences, *manifest.licences.values()):
        text.encode()  # so that it can be shown


FIELDS = {kind: sorted(kind.__dataclass_fields__) for kind in (Recipe, TrainingRecipe, ModelUse)}


def toml(value):
    """``value`` as TOML says it, or as nothing that TOML knows."""
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else f"{value:.400f}" if isinstance(value, float) and math.isfinite(value) else str(value)


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_a_recipe_is_one_or_none(tmp_path, kind):
    @quick
    @given(st.dictionaries(st.sampled_from(FIELDS[kind]), JSON, max_size=8))
    def check(table):
        path = tmp_path / "recipe.toml"
        path.write_text("\n".join(f"{key} = {toml(value)}" for key, value in table.items()), encoding="utf-8", errors="surrogatepass")
        try:
            recipe = read_recipe(path, kind)
        except RecipeError as error:
            assert str(error).startswith(f"{path}: expected ")
        else:
            assert isinstance(recipe, kind)

    check()


CELLS = TEXTS | st.sampled_from(["1", "0", "true", "ada/1.jpg", "ada/2.jpg", "bob/1.jpg", "3", "²", "٣", " 1 "])


def written(path, rows):
    content = io.StringIO(newline="")
    csv.writer(content).writerows(rows)
    path.write_bytes(content.getvalue().encode())
    return path


@pytest.mark.parametrize("header", [["image_a", "image_b", "same", "fold"], ["same", "image_b", "image_a"], ["4"], ["1", "2"]], ids=" ".join)
def test_a_list_of_pairs_is_one_or_none(tmp_path, header):
    @quick
    @given(st.lists(st.lists(CELLS, min_size=len(header), max_size=max(len(header), 4)), max_size=5))
    def check(rows):
        path = tmp_path / "pairs.csv"
        if len(header) < 3:
            path = tmp_path / "pairs.txt"
            path.write_bytes("\n".join("\t".join(row) for row in [header, *rows]).encode())
        else:
            written(path, [header, *rows])
        try:
            pairs = read_pairs(path)
        except InputError as error:
            assert str(error).startswith(f"{path}:")
        else:
            assert len(pairs.same) <= len(rows)

    check()


@quick
@given(st.lists(st.lists(CELLS, min_size=2, max_size=3), max_size=5), st.lists(TEXTS, min_size=5, max_size=5))
def test_groups_are_some_or_none(tmp_path, rows, names):
    path = written(tmp_path / "groups.csv", rows)
    try:
        groups = find_groups(str(path), ["ada/1.jpg", "bob/1.jpg"])
    except InputError as error:
        assert str(error).startswith(f"{path}:")
    else:
        assert all(len(labels) == 2 for labels in groups.values())
    assert set(utkface_groups(["_".join(names), "9" * 5000 + "_1_2_3.jpg", "1_0_2_20170109.jpg"])["sex"]) >= {"", "male"}
