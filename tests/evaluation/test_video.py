"""Videos of two real faces that move: mean embeddings against plain double loops, in folders and in files, whole and cut short."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facelite.errors import InputError
from facelite.evaluation.embed import TOGETHER, Embedded
from facelite.evaluation.pairs import PairList
from facelite.evaluation.verification import measured
from facelite.evaluation.video import FRAMES, embed_videos, find_videos, is_video
from facelite.face import FaceCrop
from facelite.frames import read_frames
from facelite.preprocess import Preprocessing, align
from facelite.runtime.choice import choose

SIDE = 256
GREY = np.full((SIDE, SIDE, 3), 90, np.uint8)


class MeanColour:
    """An embedder that needs no model: the mean colour of four quarters of the crop."""

    preprocessing = Preprocessing(64, 64)
    artefact = "mean colour"

    def vectors(self, crops):
        return np.stack([crop.pixels.reshape(2, 32, 2, 32, 3).mean((1, 3)).ravel() - 128 for crop in crops]).astype(np.float32)


def moving(portrait, count):
    """Frames (SIDE, SIDE, 3) in which the portrait's face grows from 60 pixels on and moves right and down."""
    middle, size = ((224, 124), 101) if portrait.shape[0] == 512 else ((262, 238), 203)
    frames = []
    for i in range(count):
        scale = (60 + 3 * i) / size
        matrix = np.array([[scale, 0, 108 + 3 * i - scale * middle[0]], [0, scale, 118 + 2 * i - scale * middle[1]]])
        frames.append(cv2.warpAffine(portrait, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA))
    return frames


def write_folder(folder, frames, first=1):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, first):
        cv2.imwrite(str(folder / f"{folder.name}.{number}.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))


def write_file(path, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 24, (SIDE, SIDE))
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()


def unit_vectors(frames, detector, count=FRAMES):
    """The plain way: one frame after the other, until ``count`` showed a face."""
    found = []
    for frame in frames:
        faces = detector.detect(frame)
        if faces and len(found) < count:
            vector = MeanColour().vectors([align(frame, choose(faces, frame.shape, rule="centre").landmarks, 64, 64)])[0]
            found.append(vector / np.linalg.norm(vector))
    return found


def mean_distance(one, other):
    return sum(np.sum((a - b) ** 2) for a in one for b in other) / (len(one) * len(other))


def distances(means, first, second):
    """What verification makes of the means of videos."""
    listed = PairList([], first, second, np.zeros(len(first), bool), np.zeros(len(first), int), np.arange(len(means)))
    return measured(listed, Embedded([], means, np.ones(len(means), bool)))


def embed(names, root, detector_file, **options):
    return embed_videos(names, root, detector=detector_file, embedders=[MeanColour], **options)[0]


def test_the_means_give_the_mean_over_all_pairs_of_unit_vectors():
    rng = np.random.default_rng(0)
    videos = [rng.normal(0.3, 1, size=(count, 8)) for count in (1, 4, 7)]
    videos = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in videos]
    means = np.array([vectors.mean(0) for vectors in videos])
    pairs = np.array([(i, j) for i in range(3) for j in range(3)])
    expected = [mean_distance(videos[i], videos[j]) for i, j in pairs]
    np.testing.assert_allclose(distances(means, *pairs.T), expected, atol=1e-6)
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    assert np.abs(distances(unit, *pairs.T) - expected).max() > 0.1


def test_folders_of_frames_against_a_plain_double_loop(tmp_path, detector_file, detector, astronaut, hopper):
    frames = {"collins/0": [GREY, *moving(astronaut, 9), GREY, *moving(astronaut, 3)], "hopper/1": moving(hopper, 11)}
    for name, pictures in frames.items():
        write_folder(tmp_path / name, pictures)
    embedded = embed(list(frames), tmp_path, detector_file)
    plain = [unit_vectors(pictures, detector) for pictures in frames.values()]
    assert embedded.names == list(frames)
    assert embedded.frames.tolist() == [len(vectors) for vectors in plain] == [12, 11]
    assert embedded.found.tolist() == [True, True]
    assert embedded.means.dtype == np.float32
    assert (np.linalg.norm(embedded.means, axis=1) < 0.9999).all()
    np.testing.assert_allclose(embedded.means, [np.mean(vectors, axis=0) for vectors in plain], atol=1e-6)
    pairs = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    expected = [mean_distance(plain[i], plain[j]) for i, j in pairs]
    np.testing.assert_allclose(distances(embedded.means, *pairs.T), expected, atol=1e-6)
    assert expected[1] > 2 * max(expected[0], expected[3])


def test_the_first_frames_with_a_face_are_the_first_by_number(tmp_path, detector_file, detector, astronaut):
    frames = [GREY, *moving(astronaut, 11)]
    write_folder(tmp_path / "0", frames, first=1)  # 0.1.png, 0.10.png, 0.11.png, 0.12.png, 0.2.png as text is sorted
    embedded = embed(["0"], tmp_path, detector_file, frames=5)
    assert embedded.frames.tolist() == [5]
    np.testing.assert_allclose(embedded.means[0], np.mean(unit_vectors(frames, detector, 5), axis=0), atol=1e-6)
    texts = sorted((tmp_path / "0").iterdir())
    wrong = unit_vectors([frames[int(path.name.split(".")[1]) - 1] for path in texts], detector, 5)
    assert np.abs(embedded.means[0] - np.mean(wrong, axis=0)).max() > 1e-3


def test_numbers_order_frames_whatever_stands_around_them(tmp_path):
    names = ["7.8.png", "7.9.png", "7.10.png", "7.100.png", "10.1.png", "a2.png", "a010.png"]
    for shade, name in enumerate(names):
        cv2.imwrite(str(tmp_path / name), np.full((40, 40, 3), shade, np.uint8))
    cv2.imwrite(str(tmp_path / ".8.png"), GREY)  # hidden
    (tmp_path / "7.8.txt").write_bytes(b"no picture")
    assert [int(frame[0, 0, 0]) for frame in read_frames(tmp_path)] == list(range(len(names)))


def test_a_file_against_a_plain_double_loop(tmp_path, detector_file, detector, astronaut, hopper):
    write_file(tmp_path / "collins/0.avi", [*moving(astronaut, 6), GREY, *moving(astronaut, 4)])
    write_folder(tmp_path / "collins/1", moving(astronaut, 10))
    write_file(tmp_path / "hopper/0.AVI", moving(hopper, 10))
    names = ["collins/0.avi", "collins/1", "hopper/0.AVI"]
    embedded = embed(names, tmp_path, detector_file, frames=8)
    plain = [unit_vectors(read_frames(tmp_path / name), detector, 8) for name in names]
    assert embedded.frames.tolist() == [8, 8, 8]
    pairs = np.array([(0, 1), (0, 2), (1, 2)])
    expected = [mean_distance(plain[i], plain[j]) for i, j in pairs]
    np.testing.assert_allclose(distances(embedded.means, *pairs.T), expected, atol=1e-6)
    assert 2 * expected[0] < min(expected[1:])


def test_a_file_has_all_its_frames_in_order_and_in_rgb(tmp_path, astronaut):
    frames = moving(astronaut, 7)
    write_file(tmp_path / "0.avi", frames)
    for read, frame in zip(read_frames(tmp_path / "0.avi"), frames, strict=True):
        assert np.abs(read.astype(int) - frame).mean() < 4  # JPEG's loss; the next frame and swapped colours are farther away
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 8
    assert np.abs(frames[0].astype(int) - frames[0][..., ::-1]).mean() > 8


def test_videos_without_a_face_and_files_that_are_no_video_are_not_found(tmp_path, detector_file, astronaut):
    write_folder(tmp_path / "grey", [GREY] * 3)
    write_file(tmp_path / "grey.avi", [GREY] * 3)
    (tmp_path / "text.mp4").write_bytes(b"not a video" * 50)
    (tmp_path / "empty.mkv").touch()
    write_folder(tmp_path / "face", [GREY, *moving(astronaut, 2)])
    (tmp_path / "face/face.4.png").write_bytes(b"not a picture")
    names = ["grey", "grey.avi", "text.mp4", "empty.mkv", "face"]
    embedded = embed(names, tmp_path, detector_file)
    assert embedded.found.tolist() == [False] * 4 + [True]
    assert embedded.frames.tolist() == [0, 0, 0, 0, 2]
    assert embedded.means.shape == (5, 12)
    assert not embedded.means[:4].any()
    assert embed(names[:2], tmp_path, detector_file).found.tolist() == [False, False]


def test_a_truncated_file_counts_with_the_frames_that_are_left(tmp_path, detector_file, astronaut):
    write_file(tmp_path / "0.avi", moving(astronaut, 10))
    data = (tmp_path / "0.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    embedded = embed(["0.avi", "cut.avi"], tmp_path, detector_file)
    assert embedded.frames[0] == 10
    assert 3 <= embedded.frames[1] <= 7


def test_no_frame_is_read_behind_the_last_that_counts_and_few_crops_are_held(tmp_path, detector_file):
    shades = [0, 9, 0, *range(10, 30), 0, 30, 31, 32]  # 0 stands for a frame without a face
    write_folder(tmp_path / "0", [np.full((40, 40, 3), shade, np.uint8) for shade in shades])
    looked, held = [], []

    def crop(image, detector, sizes, /):
        looked.append(int(image[0, 0, 0]))
        return [FaceCrop(np.full((64, 64, 3), looked[-1], np.uint8), np.zeros((4, 2))) for _ in sizes] if looked[-1] else None

    class Watched(MeanColour):
        def vectors(self, crops):
            held.append(len(crops))
            return super().vectors(crops)

    for count, last in ((20, 28), (21, 29), (22, 30), (1, 9)):
        looked.clear()
        held.clear()
        embedded = embed_videos(["0"], tmp_path, detector=detector_file, embedders=[Watched], crop=crop, frames=count)[0]
        assert embedded.frames.tolist() == [count]
        assert looked == shades[: shades.index(last) + 1]
        assert max(held) <= TOGETHER
        assert sum(held) == count


def test_an_embedding_of_no_length_is_no_face(tmp_path, detector_file):
    write_folder(tmp_path / "0", [np.full((40, 40, 3), shade, np.uint8) for shade in (128, 200)])

    def crop(image, detector, sizes, /):
        return [FaceCrop(np.resize(image, (64, 64, 3)), np.zeros((4, 2)))]

    embedded = embed(["0"], tmp_path, detector_file, crop=crop)  # 128 is MeanColour's zero
    assert embedded.frames.tolist() == [1]
    assert np.linalg.norm(embedded.means[0]) == pytest.approx(1)


def test_threads_and_embedders_change_nothing_and_progress_is_told(tmp_path, detector_file, astronaut, hopper):
    class Other(MeanColour):
        preprocessing = Preprocessing(96, 64)

        def vectors(self, crops):
            return super().vectors([FaceCrop(crop.pixels[16:80], crop.landmarks) for crop in crops])[:, :6]

    made = []

    def make():
        made.append(MeanColour())
        return made[-1]

    names = [f"{i}" for i in range(5)]
    for i, name in enumerate(names):
        write_folder(tmp_path / name, moving(hopper if i % 2 else astronaut, 2 + i))
    seen = []
    many = embed_videos(
        names,
        tmp_path,
        detector=detector_file,
        embedders=[make, Other],
        workers=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert 1 <= len(made) <= 3
    alone = embed(names, tmp_path, detector_file, workers=1)
    np.testing.assert_array_equal(many[0].means, alone.means)
    assert [one.frames.tolist() for one in many] == [[2, 3, 4, 5, 6]] * 2
    assert many[1].means.shape == (5, 6)
    assert seen == [(i + 1, 5) for i in range(5)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ada/0", True), ("ada/clip.mp4", True), ("ada/clip.WebM", True), ("J.R._Smith/2", True), ("ada/1.jpg", False), ("ada/1.PNG", False)],
)
def test_a_name_says_whether_it_means_a_video(name, expected):
    assert is_video(name) == expected


def test_what_is_no_video_is_said(tmp_path, detector_file):
    write_folder(tmp_path / "ada/0", [GREY])
    write_file(tmp_path / "ada/1.avi", [GREY])
    (tmp_path / "empty").mkdir()
    (tmp_path / "videos.tar").touch()
    assert find_videos(["ada/1.avi", "ada/0"], tmp_path) == [tmp_path / "ada/1.avi", tmp_path / "ada/0"]
    for wrong in ("ada", "empty", "ada/2", "ada/2.avi", "ada/0/0.1.png"):
        with pytest.raises(InputError, match=rf"expected 2 listed videos, .* got all but 1, the first of them {wrong}; check DATA"):
            embed(["ada/0", wrong], tmp_path, detector_file)
    with pytest.raises(InputError, match=r"videos.tar: expected a folder of videos, which are not read from a tar, got a file"):
        find_videos(["ada/0"], tmp_path / "videos.tar")
    with pytest.raises(InputError, match="got nothing"):
        find_videos(["ada/0"], tmp_path / "nowhere")
    with pytest.raises(ValueError, match="expected one frame or more a video, got 0"):
        embed(["ada/0"], tmp_path, detector_file, frames=0)
