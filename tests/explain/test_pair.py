"""What explains a distance: a planted patch is found, by covering and by gradients, and the numbers are what they say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli.main import main
from facelite.distance import SQUARED_L2
from facelite.errors import InputError, RecipeError
from facelite.explain.float_network import FloatNetwork, open_float_network
from facelite.explain.gradient import Gradients
from facelite.explain.occlusion import occlude
from facelite.explain.pair import explain_pair
from facelite.explain.regions import REGIONS, regions
from facelite.face import FaceCrop
from facelite.networks import NETWORKS, build, get_weights
from facelite.networks.weights import pack_weights
from facelite.preprocess import template
from facelite.runtime.verifier import Verifier

RECIPE = Path(__file__).parents[2] / "export/nns2/int8.toml"


@pytest.fixture(scope="module")
def verifier(bundle):
    return Verifier(bundle)


@pytest.fixture(scope="module")
def crop(verifier, astronaut):
    return verifier.look(astronaut).crop


@pytest.fixture(scope="module")
def gradients():
    return Gradients(open_float_network(RECIPE))


@pytest.fixture(scope="module")
def planted(crop):
    """The face with a chequered patch on a cheek, and where the patch is."""
    pixels, place = crop.pixels.copy(), (slice(66, 82), slice(16, 32))
    pixels[place] = (255 * (np.indices((16, 16)).sum(axis=0) // 4 % 2))[..., None]
    return FaceCrop(pixels, crop.landmarks), place


def files(folder, **pictures):
    for name, pixels in pictures.items():
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    return [folder / f"{name}.png" for name in pictures]


@pytest.mark.parametrize("size", [(112, 96), (112, 112), (160, 160), (64, 56)])
def test_every_pixel_belongs_to_one_part_and_landmarks_to_theirs(size):
    masks = regions(*size)
    assert tuple(masks) == REGIONS
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks.values()), np.ones(size, int))
    for point, part in zip(template(*size), ("eye at the left", "eye at the right", "nose", "mouth"), strict=True):
        x, y = point.round().astype(int)
        assert masks[part][y, x], part


def test_a_planted_patch_is_what_tells_two_pictures_of_one_face_apart(verifier, crop, planted):
    other, place = planted
    found = occlude(other, crop, verifier.embedder.vectors, distance=SQUARED_L2, fill=127.5)
    inside = np.zeros(found.change.shape, bool)
    inside[place] = True
    assert found.distance > 0.02
    lowest = np.unravel_index(found.change.argmin(), found.change.shape)
    assert inside[lowest]
    assert found.change[inside].mean() < 0 < found.change[~inside].mean()
    assert min(found.regions, key=found.regions.get) == "cheek at the left"


def test_by_the_gradients_too_the_patch_tells_apart_what_the_cheek_made_alike(gradients, crop, planted):
    other, place = planted
    told, same = (gradients.change(one, crop)[0] for one in (other, crop))
    assert told[place].sum() < 0 < same[place].sum()


def test_gradients_sum_up_to_the_difference_of_the_distances(gradients, verifier, crop, hopper):
    other = verifier.look(hopper).crop
    change, missed = gradients.change(crop, other)
    grey = FaceCrop(np.full_like(crop.pixels, 127), crop.landmarks)  # half a level from the mean
    ends = [float(((gradients.unit(one) - gradients.unit(other)) ** 2).sum()) for one in (grey, crop)]
    assert missed < 0.03
    assert abs(change.sum() - (ends[0] - ends[1])) < 0.06


def test_gradients_of_a_mirrored_recipe_are_of_both_sides(gradients, crop, planted):
    both = Gradients(open_float_network(RECIPE.with_name("int8-mirrored.toml")))
    flipped = FaceCrop(crop.pixels[:, ::-1], crop.landmarks)
    one, other = gradients.unit(crop), gradients.unit(flipped)
    np.testing.assert_allclose(both.unit(crop), both.unit(flipped), atol=1e-6)
    assert both.unit(crop) @ one > one @ other < both.unit(crop) @ other
    change, missed = both.change(planted[0], crop)
    np.testing.assert_allclose(both.change(FaceCrop(planted[0].pixels[:, ::-1], crop.landmarks), crop)[0], change[:, ::-1], atol=1e-5)
    assert missed < 0.03


def test_covering_nothing_but_grey_changes_nothing(verifier, crop):
    grey = FaceCrop(np.full_like(crop.pixels, 128), crop.landmarks)
    found = occlude(grey, crop, verifier.embedder.vectors, distance=SQUARED_L2, fill=128)
    assert not found.change.any()
    assert not any(found.regions.values())


def test_the_sheet_is_the_same_for_the_same_pictures(tmp_path, verifier, astronaut, hopper):
    a, b = files(tmp_path, a=astronaut, b=hopper)
    stages = []
    decision, first, second = explain_pair(verifier, a, b, tmp_path / "one", progress=lambda *told: stages.append(told))
    explain_pair(verifier, a, b, tmp_path / "two")
    assert (tmp_path / "one/explain.png").read_bytes() == (tmp_path / "two/explain.png").read_bytes()
    assert cv2.imread(str(tmp_path / "one/explain.png")).std() > 20
    assert decision.distance == verifier.verify(a, b).distance
    assert set(first.covered) == set(second.covered) == set(REGIONS)
    assert {stage for stage, done, total in stages if done == total} == {"first face", "second face"}


def test_what_cannot_be_compared_or_differentiated_is_refused(tmp_path, verifier, astronaut):
    a, b = files(tmp_path, a=astronaut, b=np.zeros_like(astronaut))
    with pytest.raises(InputError, match="expected two faces that can be compared, got no face: second picture"):
        explain_pair(verifier, a, b, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    recipe = tmp_path / "keras.toml"
    plain = (RECIPE.parent / "float32.toml").read_text()
    recipe.write_text(plain.replace('weights = "weights.npz"', 'weights = "mine.keras"').replace('network = "nns2"\n', ""))
    with pytest.raises(RecipeError, match="expected a network of facelite's that decides by squared L2"):
        open_float_network(recipe)


def test_gradients_of_another_network_are_refused(tmp_path, verifier, astronaut, hopper, gradients):
    a, b = files(tmp_path, a=astronaut, b=hopper)
    with pytest.raises(InputError, match="expected the float network that the bundle was made from, got 112 x 112 pixels in place of 112 x 96; name"):
        explain_pair(verifier, a, b, tmp_path / "out", gradients=Gradients(open_float_network(RECIPE.parents[1] / "nns1/int8.toml")))
    network = NETWORKS["nns2"]
    other = build(network, keras=keras)
    (tmp_path / "other.npz").write_bytes(pack_weights(get_weights(other)))
    with pytest.raises(InputError, match=r"got an embedding at a cosine of .* to the bundle's; name the bundle's own recipe or run: --weights"):
        explain_pair(verifier, a, b, tmp_path / "out", gradients=Gradients(FloatNetwork(network, tmp_path / "other.npz")))
    smaller = replace(network, embedding=64)
    (tmp_path / "smaller.npz").write_bytes(pack_weights(get_weights(build(smaller, keras=keras))))
    with pytest.raises(InputError, match="got 64 numbers in place of 128"):
        explain_pair(verifier, a, b, tmp_path / "out", gradients=Gradients(FloatNetwork(smaller, tmp_path / "smaller.npz")))
    assert not (tmp_path / "out").exists()
    explain_pair(verifier, a, b, tmp_path / "out", gradients=gradients)


def test_weights_of_another_network_than_the_recipe_s_are_refused(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text((RECIPE.parent / "float32.toml").read_text().replace('"weights.npz"', f'"{RECIPE.parents[1] / "nns1/weights.npz"}"'))
    with pytest.raises(InputError, match=r"weights\.npz: expected weights of the network nns2, got others: .*; correct the recipe"):
        open_float_network(recipe)


def test_the_command_says_each_part(tmp_path, bundle_file, astronaut, hopper):
    a, b = files(tmp_path, a=astronaut, b=hopper)
    arguments = ["explain", str(a), str(b), "--bundle", str(bundle_file), "--out", str(tmp_path / "out")]
    said = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert (said["outcome"], said["first"]["gradients"]) == ("rejected", None)
    assert set(said["second"]["covered"]) == set(REGIONS)
    result = CliRunner().invoke(main, [*arguments, "--weights", str(RECIPE)])
    assert result.exit_code == 0, result.output
    assert result.stdout.count("mouth") == 2
    assert str(tmp_path / "out/explain.png") in result.stdout
