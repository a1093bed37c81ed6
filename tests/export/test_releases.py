"""Every released network: its bundle is made without a rebuild, keeps the budget, and its card says what its thresholds say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facelite.bundle import CARD, open_bundle
from facelite.export.assemble import export_bundle
from facelite.face import Outcome
from facelite.gallery import Gallery
from facelite.networks.weights import read_weights
from facelite.runtime.verifier import Verifier

EXPORT = Path(__file__).parents[2] / "export"

BUDGET = {"nns1": (9_000_000, 220_000_000), "nns2": (4_300_000, 20_000_000)}
"""Parameters and multiply-adds at most: FaceNet's for NNS2 and its multiply-adds for NNS1, of whose 26M parameters we want 9."""

LARGEST = 20 * 2**20


@pytest.fixture(scope="module", params=sorted(path.parent.name for path in EXPORT.glob("*/int8.toml")))
def released(request, tmp_path_factory):
    """(name of the network, its report, the path of its bundle)."""
    out = tmp_path_factory.mktemp(request.param)
    report = export_bundle(EXPORT / request.param / "int8.toml", out)
    return request.param, report, out / report.bundle


def test_it_is_the_released_file_and_keeps_the_budget(released):
    name, report, _ = released
    parameters, multiply_adds = BUDGET[name]
    assert report.released
    assert report.parameters <= parameters and report.multiply_adds <= multiply_adds


@pytest.mark.parametrize("recipe", sorted(EXPORT.glob("*/int8*.toml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_released_file_makes_a_bundle_without_a_rebuild(recipe, tmp_path):
    report = export_bundle(recipe, tmp_path)
    assert report.released
    Verifier(open_bundle(tmp_path / report.bundle))


def test_it_opens_and_reproduces_its_golden_vectors(released):
    Verifier(open_bundle(released[2]))


def test_no_file_is_too_large_and_kernels_are_kept_in_half_precision(released):
    folder = EXPORT / released[0]
    assert all(path.stat().st_size <= LARGEST for path in folder.iterdir())
    with np.load(folder / "weights.npz") as file:
        assert {file[name].dtype for name in file.files if file[name].ndim > 1} == {np.dtype(np.float16)}
    assert read_weights(folder / "weights.npz")


def test_the_card_says_what_its_thresholds_say(released):
    _, report, path = released
    bundle = open_bundle(path)
    card = bundle.files[CARD].decode()
    fnmr = {one.fmr: one.fnmr for one in bundle.manifest.thresholds}
    vals = " / ".join(f"{100 * (1 - fnmr[fmr]):.1f}" for fmr in (1e-2, 1e-3, 1e-4))
    assert f"| held-out VAL at FMR 1e-2 / 1e-3 / 1e-4 | {vals} % |" in card
    tables = [bundle.manifest.thresholds, *(bundle.manifest.template_thresholds[f"fused {number}"] for number in (2, 3, 5, 8))]
    fused = " / ".join(f"{100 * (1 - one.fnmr):.1f}" for table in tables for one in table if one.fmr == 1e-3)
    assert f"| at FMR 1e-3 with 1 / 2 / 3 / 5 / 8 photographs enrolled | {fused} % |" in card
    assert f"{report.parameters:,} parameters, {report.multiply_adds:,} multiply-adds" in card
    assert f"{report.embedder_bytes:,}" in card


@pytest.mark.parametrize("server", ["nns1/int8", "nns1/int8-mirrored"])
@pytest.mark.parametrize("device", ["nns2/int8", "nns2/int8-mirrored", "nns2/int8-qat"])
def test_a_device_with_nns2_searches_the_gallery_of_a_server_with_nns1(device, server, tmp_path, astronaut, hopper):
    small, large = (Verifier(open_bundle(tmp_path / export_bundle(EXPORT / f"{name}.toml", tmp_path).bundle)) for name in (device, server))
    with Gallery(tmp_path / "people.db", space=large.manifest.space, create=True) as gallery:
        assert large.enrol("Eileen", [astronaut], gallery).added == 1
        found = small.identify(astronaut[:, ::-1], gallery)
        assert (found.outcome, found.subject) == (Outcome.ACCEPTED, "Eileen")
        assert found.threshold in small.manifest.template_thresholds[large.bundle.artefact]
        assert small.identify(hopper, gallery).outcome is Outcome.REJECTED
    fnmr, alone = (one.fnmr for one in (found.threshold, small.manifest.threshold(found.threshold.fmr)))
    assert fnmr < alone  # the better network's templates


def test_one_space_and_one_licence_for_all():
    licences = {(path.parent / "LICENSE-weights.md").read_text() for path in EXPORT.glob("*/int8.toml")}
    assert len(licences) == 1
    spaces = {line for path in EXPORT.glob("*/*.toml") for line in path.read_text().splitlines() if line.startswith("space = ")}
    assert spaces == {'space = "facelite-2026"'}
