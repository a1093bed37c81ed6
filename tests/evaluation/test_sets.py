"""Sets of drawn faces: photographs, a tar and the crops aligned from them give the same embeddings; what fails has its reason."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation import sets as module
from facelite.evaluation.judge import Model
from facelite.evaluation.sets import ROUNDING, StoredCrop, copy_limit, embed_sets, open_sets
from facelite.export.synthetic import draw_face
from facelite.image import decode_image, read_image
from facelite.preprocess import Preprocessing, align
from facelite.training.align import align_pictures
from facelite.training.geometry import CropGeometry


class Thumbnail:
    """An embedder that needs no model: the crop in 4 x 4 pixels, less their mean."""

    preprocessing = Preprocessing(64, 64)
    artefact = "thumbnail"

    def vectors(self, crops):
        rows = np.stack([crop.pixels.reshape(4, 16, 4, 16, 3).mean((1, 3)).ravel() for crop in crops]).astype(np.float32)
        return rows - rows.mean(1, keepdims=True)


@pytest.fixture
def model(detector_file):
    return Model("thumbnail", Thumbnail, detector_file)


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def encoded(pixels):
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.fixture
def photos(tmp_path):
    for person in range(3):
        for number in range(2):
            write(tmp_path / f"photos/p{person}/{number}.png", encoded(draw_face(10 * person + number)))
    write(tmp_path / "photos/p1/none.png", encoded(np.full((80, 80, 3), 90, np.uint8)))
    write(tmp_path / "photos/p2/text.jpg", b"not a picture")
    return tmp_path / "photos"


@pytest.fixture
def tar(photos, tmp_path):
    with tarfile.open(tmp_path / "photos.tar", "w") as file:
        file.add(photos, arcname=".")
    return tmp_path / "photos.tar"


def test_a_folder_and_a_tar_are_two_sets_of_the_same_pictures(photos, tar, model):
    seen = []
    with open_sets([str(photos), str(tar)]) as sets:
        labelled = embed_sets(sets, model, progress=lambda done, total: seen.append((done, total)))
    half = len(labelled.names) // 2
    assert labelled.names == [f"{folder}/{path.relative_to(photos).as_posix()}" for folder in (photos, tar) for path in sorted(photos.glob("*/*"))]
    np.testing.assert_array_equal(labelled.vectors[:half], labelled.vectors[half:])
    assert labelled.source.tolist() == [0] * half + [1] * half
    assert [labelled.people[i] for i in labelled.person] == [name.rpartition("/")[0] for name in labelled.names]
    assert labelled.numbering.tolist() == [0, 0, 0, 1, 1, 1]
    reasons = {labelled.names[i]: reason for i, reason in labelled.reasons.items()}
    assert reasons.pop(f"{photos}/p1/none.png") == reasons.pop(f"{tar}/p1/none.png") == "no face"
    assert set(reasons) == {f"{photos}/p2/text.jpg", f"{tar}/p2/text.jpg"}
    assert all(reason.startswith("unreadable: expected a JPEG, PNG, WebP or BMP picture") for reason in reasons.values())
    assert (~labelled.found).nonzero()[0].tolist() == sorted(labelled.reasons)
    assert [total for _, total in seen] == [2 * half] * len(seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == 2 * half


def test_with_one_numbering_a_name_is_one_person(photos, tar, model):
    with open_sets([str(photos), str(tar)]) as sets:
        labelled = embed_sets(sets, model, one_numbering=True)
    assert labelled.people == [f"{photos}/p{i}" for i in range(3)]
    assert labelled.numbering.tolist() == [0, 0, 0]
    half = len(labelled.names) // 2
    assert labelled.person[:half].tolist() == labelled.person[half:].tolist()


def test_crops_are_embedded_where_their_geometry_says(photos, model, detector_file, tmp_path):
    geometry = CropGeometry(96, 20)
    align_pictures(photos, tmp_path / "crops", detector=detector_file, geometry=geometry)
    with open_sets([str(tmp_path / "crops"), str(photos)]) as sets:
        labelled = embed_sets(sets, model)
    crops = [i for i in range(len(labelled.names)) if labelled.source[i] == 0]
    assert len(crops) == 6
    for i in crops:
        crop = Thumbnail().vectors([align(read_image(labelled.names[i]), geometry.landmarks, 64, 64)])[0]
        np.testing.assert_allclose(labelled.vectors[i], crop / np.linalg.norm(crop), atol=1e-6)
        photo = labelled.names.index(labelled.names[i].replace("/crops/", "/photos/").replace(".jpg", ".png"))
        assert labelled.vectors[i] @ labelled.vectors[photo] > 0.98  # cut once more, and JPEG


def test_no_face_is_looked_for_in_a_crop(model, tmp_path):
    """A crop without a face has an embedding; one of another size has none."""
    for name, side in (("plain", 160), ("other", 150)):
        pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
        write(tmp_path / f"crops/p/{name}.png", encoded(pixels))
    write(tmp_path / "crops/p/text.jpg", b"not a picture")
    write(tmp_path / "crops/align.json", json.dumps({"face": 128, "margin": 16}).encode())
    with open_sets([str(tmp_path / "crops")]) as sets:
        assert sets[0].crop == StoredCrop(CropGeometry(128, 16))
        labelled = embed_sets(sets, model)
    assert labelled.found.tolist() == [False, True, False]
    assert labelled.reasons[0] == "unreadable: expected an aligned crop of 160 x 160 pixels, got another size; align again"
    assert labelled.reasons[2].startswith("unreadable: expected a JPEG")


def test_a_file_that_cannot_be_read_does_not_stop_the_others(photos, model):
    with open_sets([str(photos)]) as sets:

        def read(name):
            if name == "p0/1.png":
                raise PermissionError(13, "Permission denied")
            return sets[0].read(name)

        labelled = embed_sets([replace(sets[0], read=read)], model)
    assert labelled.reasons[1] == "unreadable: expected to read it, got Permission denied; check the file and its rights"
    assert labelled.found.sum() == 5


def test_a_set_without_faces_stands_beside_one_with(photos, model, tmp_path):
    write(tmp_path / "blank/p/none.png", encoded(np.full((80, 80, 3), 90, np.uint8)))
    with open_sets([str(tmp_path / "blank"), str(photos)]) as sets:
        labelled = embed_sets(sets, model)
    assert labelled.vectors.shape == (9, 48)
    assert not labelled.found[0]
    assert labelled.found.sum() == 6


def test_the_distance_of_copies_is_that_of_a_plain_loop(photos, tar, model, detector, monkeypatch):
    monkeypatch.setattr(module, "COPIES", 5)
    with open_sets([str(photos), str(tar)]) as sets:
        labelled = embed_sets(sets, model)
        limit = copy_limit(sets, labelled, model)
    names = [labelled.names[i] for i in np.flatnonzero(labelled.found)]
    chosen = [names[i] for i in (0, 2, 5, 8, 11)]
    distances = []
    for name in chosen:
        image = read_image(name.replace(".tar", ""))
        height, width = image.shape[:2]
        moved = cv2.warpAffine(image, np.float32([(1, 0, 0.01 * width), (0, 1, 0.01 * height)]), (width, height), borderMode=cv2.BORDER_REPLICATE)
        again = decode_image(cv2.imencode(".jpg", cv2.cvtColor(moved, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 50])[1].tobytes())
        vector = Thumbnail().vectors([align(again, detector.detect(again)[0].landmarks, 64, 64)])[0]
        distances.append(2 - 2 * vector / np.linalg.norm(vector) @ labelled.vectors[labelled.names.index(name)])
    assert limit.distance == pytest.approx(np.quantile(distances, 0.95), abs=1e-5)
    assert limit.distance > 10 * ROUNDING
    assert limit.source == "95% of copies, shifted by 1% and saved at JPEG quality 50"


def test_without_a_face_there_is_no_copy(model, tmp_path):
    write(tmp_path / "blank/p/none.png", encoded(np.full((80, 80, 3), 90, np.uint8)))
    with open_sets([str(tmp_path / "blank")]) as sets:
        assert copy_limit(sets, embed_sets(sets, model), model).distance == ROUNDING


def test_what_is_no_set_is_said(photos, tar, monkeypatch, tmp_path):
    def refused(match, *folders):
        with pytest.raises(InputError, match=match), open_sets([str(folder) for folder in folders]):
            pass

    refused("expected a folder or a whole, uncompressed tar of pictures", tmp_path / "none")
    refused(r"photos: expected each set once, got it twice; leave it out", photos, tar, photos.parent / "photos/../photos")
    write(photos / "loose.png", b"")
    refused(r"photos: expected one folder per person .* got the picture loose.png in none; sort it in", photos)
    write(photos / "align.json", b"{")
    (photos / "loose.png").unlink()
    write(tmp_path / "deep/class/ada/1.png", b"")
    refused("got the picture class/ada/1.png deeper; name the folder that holds the people's", tmp_path / "deep")
    refused("expected the geometry of aligned crops, got", photos)
