"""Measuring: that what is timed is what decides, that times are per picture, and how processes take turns and are summed up."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from facelite.bundle import DETECTOR, EMBEDDER, save_bundle
from facelite.errors import FaceliteError, InputError, SelfTestError
from facelite.evaluation.benchmark import door as doors
from facelite.evaluation.benchmark import rounds
from facelite.evaluation.benchmark.artefact import Artefact, bundle_artefact
from facelite.evaluation.benchmark.door import DECISION, FEWEST, STAGES, measure, open_door
from facelite.evaluation.benchmark.pictures import MOST, choose_pictures, find_pictures, golden_pictures
from facelite.evaluation.benchmark.rounds import ColdStart, run_rounds
from facelite.image import decode_image
from facelite.preprocess import Preprocessing
from facelite.runtime.verifier import open_verifier


@pytest.fixture(scope="module")
def bare(bundle, tmp_path_factory):
    """The released embedder as a bare file."""
    path = tmp_path_factory.mktemp("bare") / "embedder.tflite"
    path.write_bytes(bundle.files[EMBEDDER])
    return path


# the door


def test_what_is_timed_gives_what_the_verifier_gives(bundle_file, bundle, bare):
    pictures = [decode_image(data) for data in golden_pictures(bundle)]
    verifier = open_verifier(bundle_file)
    expected = np.stack([verifier.look(picture, rule="centre").embedding.vector for picture in pictures])
    door = open_door(bundle_file, threads=1)
    alone = open_door(bare, threads=1, preprocessing=bundle.manifest.preprocessing, detector=bundle.files[DETECTOR])
    np.testing.assert_array_equal(door.vectors(pictures), expected)
    np.testing.assert_array_equal(alone.vectors(pictures), expected)
    assert door.threshold == bundle.manifest.threshold().distance
    accepted = [verifier.verify(picture, pictures[0], rule="centre").accepted for picture in pictures]
    assert door.decide(pictures, expected[0]) == accepted


def test_a_picture_without_a_face_is_no_picture_to_time(bundle_file, bundle, bare):
    blank = np.full((200, 200, 3), 120, np.uint8)
    for door in (
        open_door(bundle_file, threads=1),
        open_door(bare, threads=1, preprocessing=bundle.manifest.preprocessing, detector=bundle.files[DETECTOR]),
    ):
        with pytest.raises(InputError, match="no face: expected a face"):
            door.vectors([blank])
    with pytest.raises(ValueError, match="expected a detector"):
        open_door(bare, threads=1, preprocessing=bundle.manifest.preprocessing).vectors([blank])


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_times_are_per_picture_whatever_the_batch(bundle, bare, monkeypatch, batch):
    """By a clock that goes on by one second whenever it is read: each stage takes one second a pass."""
    door = open_door(bare, threads=1, preprocessing=bundle.manifest.preprocessing, detector=bundle.files[DETECTOR])
    sizes = []
    counting = replace(door, batch=batch, vectors=lambda pictures: sizes.append(len(pictures)) or door.vectors(pictures))
    monkeypatch.setattr(doors.time, "perf_counter", lambda ticks=itertools.count(): float(next(ticks)))
    assert measure(counting, golden_pictures(bundle), seconds=1) == {name: [1 / batch] * FEWEST for name in (*STAGES, DECISION)}
    assert set(sizes[1:]) == {batch}


def test_without_a_detector_embedding_alone_is_timed(bundle, bare):
    samples = measure(open_door(bare, threads=1, preprocessing=bundle.manifest.preprocessing), [], seconds=0)
    assert list(samples) == ["embed"]
    assert len(samples["embed"]) == FEWEST
    assert min(samples["embed"]) > 0


# pictures


def test_of_many_pictures_some_are_taken_from_all_over(tmp_path):
    names = [f"{i:03d}.jpg" for i in range(3 * MOST + 1)]
    for name in names:
        (tmp_path / name).touch()
    found = [path.name for path in find_pictures(str(tmp_path))]
    assert found == names[::4]
    assert find_pictures(str(tmp_path / "000.jpg")) == [tmp_path / "000.jpg"]


def test_pictures_are_the_first_bundle_s_unless_some_are_named(bundle_file, bundle, bare):
    ours = bundle_artefact(str(bundle_file))
    theirs = Artefact(str(bare), None, bundle.manifest.preprocessing, bundle.files[DETECTOR])
    assert choose_pictures([theirs, ours], None) == golden_pictures(bundle)
    with pytest.raises(InputError, match="got neither; name them: --pictures DIR"):
        choose_pictures([theirs], None)
    embed_only = replace(theirs, detector=None)
    assert choose_pictures([embed_only], None) == []
    with pytest.raises(InputError, match="leave out --pictures"):
        choose_pictures([embed_only], "x")


# rounds


COLD = ColdStart(2.0, 0.5, 0.5, 0.5, 0.5)


def answers(monkeypatch, answer):
    """Puts answer(model, request) in the place of a process, and lists the requests."""
    asked = []

    def run(name, request):
        asked.append(request)
        return answer(name, request)

    monkeypatch.setattr(rounds, "_run", run)
    return asked


def artefacts(*names):
    return [Artefact(name, None, Preprocessing(112, 96), None) for name in names]


def test_processes_take_turns_from_either_end(monkeypatch):
    asked = answers(monkeypatch, lambda name, request: rounds._Run(COLD, {"embed": [1.0]}, 1.0))
    done = []
    run_rounds(artefacts("a", "b"), [], threads=[1, 2], seconds=6, rounds=3, progress=lambda *now: done.append(now))
    forth = [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
    assert [(one["model"], one["threads"]) for one in asked] == forth + forth[::-1] + forth
    assert {one["seconds"] for one in asked} == {1.0}
    assert done == [(i, 12) for i in range(1, 13)]


def test_figures_are_pooled_and_ratios_are_within_a_round(monkeypatch):
    """The machine is ten times as slow in the second round and b takes twice as long as a, but for one round."""
    slow = iter((1, 2, 2 * 10, 10, 1, 3))
    peaks = iter((5.0, 7.0, 8.0, 4.0, 5.0, 5.0))

    def answer(name, request):
        factor = next(slow)
        cold = ColdStart(2.0 * factor, 0.5, 0.5, 0.5, 0.5)
        return rounds._Run(cold, {"decode": [0.25 * factor] * 3, "embed": [0.1 * factor] * 3, DECISION: [0.75 * factor] * 3}, next(peaks))

    answers(monkeypatch, answer)
    (a,), (b,) = run_rounds(artefacts("a", "b"), [], threads=[1], seconds=1, rounds=3)
    assert (a.peak, b.peak) == (5.0, 8.0)
    assert a.ratios == {"cold": 1.0, DECISION: 1.0, "embed": 1.0}
    assert b.ratios == pytest.approx({"cold": 2.0, DECISION: 2.0, "embed": 2.0})
    assert (a.cold.total, b.cold.total) == (2.0, 6.0)
    assert a.images_per_second == pytest.approx(3 * 3 / (3 * (1 + 10 + 1)))
    milliseconds = 750.0 * np.repeat([1, 10, 1], 3)
    whole = a.decision
    assert (whole.least, whole.count) == (750.0, 9)
    assert (whole.p50, whole.p95, whole.p99) == pytest.approx(tuple(np.percentile(milliseconds, (50, 95, 99))))
    assert whole.mean == pytest.approx(milliseconds.mean())


def test_what_only_one_has_has_no_ratio(monkeypatch):
    answers(
        monkeypatch, lambda name, request: rounds._Run(COLD, {"embed": [1.0], **({DECISION: [2.0], "decode": [1.0]} if name == "a" else {})}, 1.0)
    )
    (a,), (b,) = run_rounds(artefacts("a", "b"), [], threads=[1], seconds=1, rounds=2)
    assert a.ratios == {"cold": 1.0, DECISION: 1.0, "embed": 1.0}
    assert b.ratios == {"cold": 1.0, DECISION: None, "embed": 1.0}
    assert (b.decision, list(b.stages), b.images_per_second) == (None, ["embed"], 1.0)


def test_a_process_that_dies_is_told_with_its_last_words(monkeypatch):
    monkeypatch.setattr(rounds, "WORKER", "no.such.module")
    with pytest.raises(FaceliteError, match=r"x: expected figures from the process that measures it, got exit status 1 and: .*No module named 'no'"):
        run_rounds(artefacts("x"), [], threads=[1], seconds=1, rounds=1)


# the process


def test_a_bundle_and_a_bare_embedder_are_measured_in_processes_of_their_own(bundle_file, bundle, bare):
    ours = bundle_artefact(str(bundle_file))
    theirs = Artefact(str(bare), None, bundle.manifest.preprocessing, bundle.files[DETECTOR])
    alone = replace(theirs, detector=None)
    found = run_rounds([ours, theirs, alone], golden_pictures(bundle), threads=[1], seconds=0.01, rounds=1)
    for (one,), stages in zip(found, (STAGES, STAGES, ("embed",)), strict=True):
        assert tuple(one.stages) == stages
        assert one.cold.total == pytest.approx(one.cold.python + one.cold.imports + one.cold.load + one.cold.decide)
        assert min(one.cold.python, one.cold.imports, one.cold.load, one.cold.decide) > 0
        assert 20 < one.peak < 300
        assert all(spread.least <= spread.p50 <= spread.p95 <= spread.p99 for spread in one.stages.values())


def test_an_error_in_the_process_keeps_its_kind(bundle, tmp_path):
    constant = tmp_path / "constant.facelite"
    golden = json.loads(bundle.files["golden.json"])
    for one in golden:
        one["embedding"] = one["embedding"][::-1]
    save_bundle(constant, bundle.manifest, {**bundle.files, "golden.json": json.dumps(golden).encode()})
    with pytest.raises(SelfTestError, match=f"{constant}: the embedder fails its self-test"):
        run_rounds([bundle_artefact(str(constant))], golden_pictures(bundle), threads=[1], seconds=0.01, rounds=1)


WITHOUT_KERAS = """
import sys
for name in ("tensorflow", "keras", "tf_keras", "tensorflow_model_optimization", "jax", "matplotlib", "PIL"):
    sys.modules[name] = None
from facelite.evaluation.benchmark.worker import main
main()
"""


def test_the_process_needs_the_device_half_alone(bundle_file, bundle, tmp_path):
    (tmp_path / "a.jpg").write_bytes(golden_pictures(bundle)[0])
    request = {"model": str(bundle_file), "preprocessing": None, "detector": None, "pictures": [str(tmp_path / "a.jpg")], "threads": 1, "seconds": 0}
    result = subprocess.run([sys.executable, "-c", WITHOUT_KERAS], input=json.dumps(request), capture_output=True, text=True, check=True)
    first, second = map(json.loads, result.stdout.splitlines())
    assert set(first) == {"import", "load", "decide"}
    assert {name: len(values) for name, values in second["samples"].items()} == dict.fromkeys((*STAGES, DECISION), FEWEST)


PEAK = "from facelite.evaluation.benchmark.worker import peak_megabytes; x = b'x' * int(100e6); del x; print(peak_megabytes())"


def test_the_peak_is_the_process_s_own_and_does_not_fall():
    large = np.ones(300 << 20, np.uint8)  # of this process, and none of the other's
    peak = float(subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True).stdout)
    assert 95 < peak < large.nbytes / 2**20
