"""APCER, BPCER and their limits against plain loops; which files are presentations, of whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import beta

from facelite.errors import InputError
from facelite.evaluation.pad import WANTED, Group, draw_rates, pad_rates
from facelite.evaluation.presentations import Presentation, Response, find_presentations, respond

SPECIES = (None, "print", "screen", "mask")


def response(species, subject, value):
    return Response(Presentation(f"{species}/{subject}/x.png", species, str(subject), Path("x.png")), value, 1, int(value is not None))


def drawn(seed, *, each=40, subjects=40):
    """Responses of all species, a tenth without a value, values on a coarse grid so that some are equal."""
    draw = np.random.default_rng(seed)

    def value(species):
        return None if draw.random() < 0.1 else round(float(np.clip(draw.normal(0.3 + 0.4 * (species is None), 0.2), 0, 1)), 2)

    return [response(species, i % subjects, value(species)) for more, species in enumerate(SPECIES) for i in range(each + 7 * more)]


def plain(responses, species, wrong):
    """(errors, answered) by a loop."""
    errors = answered = 0
    for one in responses:
        if one.presentation.species == species and one.value is not None:
            answered += 1
            errors += wrong(one.value)
    return errors, answered


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [0.0, 0.31, 0.5, 1.0])
def test_the_rates_are_those_of_a_plain_loop_and_their_intervals_exact_for_independent_subjects(seed, limit):
    responses = [replace(one, presentation=replace(one.presentation, subject=str(i))) for i, one in enumerate(drawn(seed))]
    rates = pad_rates(responses)
    assert list(rates.attacks) == list(SPECIES[1:])
    rows = [(rates.attacks[name].accepted(limit), *plain(responses, name, lambda value: value >= limit)) for name in SPECIES[1:]]
    rows.append((rates.bona_fide.rejected(limit), *plain(responses, None, lambda value: value < limit)))
    for name, group in ((None, rates.bona_fide), *rates.attacks.items()):
        all_of_it = [one for one in responses if one.presentation.species == name]
        rows.append((group.non_response, sum(one.value is None for one in all_of_it), len(all_of_it)))
    for rate, errors, trials in rows:
        assert rate.value == errors / trials
        low = beta.ppf(0.025, errors, trials - errors + 1) if errors else 0
        high = beta.ppf(0.975, errors + 1, trials - errors) if errors < trials else 1
        assert (rate.low, rate.high) == pytest.approx((low, high), abs=1e-9)
    worst = rates.worst(limit)
    assert rates.attacks[worst].accepted(limit).value == max(rates.attacks[name].accepted(limit).value for name in SPECIES[1:])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wanted", [*WANTED, 0.0])
def test_the_limit_for_an_apcer_is_the_smallest_that_keeps_every_species_at_it(seed, wanted):
    responses = drawn(seed)
    point = pad_rates(responses).at_apcer(wanted)
    for limit in np.arange(-1, 102) / 100:
        shares = [np.divide(*plain(responses, name, lambda value, limit=limit: value >= limit)) for name in SPECIES[1:]]
        if max(shares) <= wanted:
            break
    assert point.limit > limit - 0.01
    assert point.apcer.value == max(shares) == pad_rates(responses).attacks[point.worst].accepted(limit).value
    assert point.bpcer.value == np.divide(*plain(responses, None, lambda value: value < limit))


def test_several_presentations_of_a_subject_say_less_than_as_many_subjects():
    values = np.repeat([0.9, 0.1, 0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9, 0.9], 10)
    alone, shared = Group(values, np.arange(100)).accepted(0.5), Group(values, np.repeat(np.arange(10), 10)).accepted(0.5)
    assert alone.value == shared.value == 0.7
    assert shared.high - shared.low > 2 * (alone.high - alone.low)
    one_each = Group(np.full(100, 0.9), np.repeat(np.arange(10), 10)).rejected(0.5)
    assert (one_each.value, one_each.low) == (0, 0)
    assert one_each.high == pytest.approx(0.3)  # the rule of three, for ten subjects
    assert Group(np.full(10, 0.9), np.zeros(10, int)).rejected(0.5).high == 1  # one subject says nothing of others


def test_what_had_no_response_is_not_judged():
    rates = pad_rates([response(None, 0, 0.9), response("print", 0, None), response("screen", 0, 0.2), response("screen", 1, None)])
    assert np.isnan(rates.attacks["print"].accepted(0.5).value)
    assert rates.attacks["print"].non_response.value == 1
    assert rates.worst(0.5) == "screen"
    assert rates.attacks["screen"].accepted(0.1).value == 1
    silent = pad_rates([response(None, 0, None), response("print", 0, None)])
    assert (silent.worst(0.5), silent.at_apcer(0.1)) == (None, None)
    assert draw_rates(rates, limit=0.5, label="probability").svg == draw_rates(rates, limit=0.5, label="probability").svg
    assert draw_rates(silent, limit=0.5, label="probability").png


@pytest.mark.parametrize("wanted", WANTED)
def test_an_apcer_of_just_the_wanted_rate_will_do(wanted):
    number = round(1 / wanted)
    point = pad_rates([response(None, 0, 0.9), *(response("print", i, 0.8 if i else 0.95) for i in range(number))]).at_apcer(wanted)
    assert (point.limit, point.apcer.value, point.bpcer.value) == (0.9, wanted, 0)


def test_where_no_value_separates_the_limit_lies_above_all():
    point = pad_rates([response(None, 0, 0.9), response("print", 0, 0.9)]).at_apcer(0.01)
    assert (point.limit > 0.9, point.apcer.value, point.bpcer.value) == (True, 0, 1)


# files


def put(path, grey=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((40, 40, 3), grey, np.uint8))


def video(path, count, rate=24):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, (64, 64))
    for _ in range(count):
        writer.write(np.full((64, 64, 3), 90, np.uint8))
    writer.release()


@pytest.fixture
def folder(tmp_path):
    for name in ("bona_fide/ada/1.png", "bona_fide/ada/2.jpg", "bona_fide/bob/walk/2.png", "bona_fide/bob/walk/10.png", "bona_fide/loose.png"):
        put(tmp_path / name)
    video(tmp_path / "attack/screen/ada/replay.avi", 6, rate=3)
    video(tmp_path / "attack/screen/loose.avi", 2)
    put(tmp_path / "attack/print/ada/1.png")
    (tmp_path / "attack/print/ada/notes.txt").touch()
    (tmp_path / "bona_fide/.hidden").mkdir()
    return tmp_path


def test_the_layout_gives_species_and_subjects(folder):
    found = {one.name: (one.species, one.subject) for one in find_presentations(folder)}
    assert found == {
        "bona_fide/ada/1.png": (None, "ada"),
        "bona_fide/ada/2.jpg": (None, "ada"),
        "bona_fide/bob/walk": (None, "bob"),
        "bona_fide/loose.png": (None, "bona_fide/loose.png"),
        "attack/print/ada/1.png": ("print", "ada"),
        "attack/screen/ada/replay.avi": ("screen", "ada"),
        "attack/screen/loose.avi": ("screen", "attack/screen/loose.avi"),
    }


def test_a_folder_that_is_none_is_refused(folder):
    with pytest.raises(InputError, match=r"expected videos, got the picture bona_fide/ada/1.png; give video files, or folders of frames inside"):
        find_presentations(folder, videos_only=True)
    (folder / "attack/mask").mkdir()
    with pytest.raises(InputError, match="expected pictures or videos in attack/mask/, found none"):
        find_presentations(folder)
    (folder / "attack/mask/ada/deep/deeper").mkdir(parents=True)
    with pytest.raises(InputError, match="deep: expected the frames of a video, found no picture"):
        find_presentations(folder)
    put(folder / "attack/loose.png")
    with pytest.raises(InputError, match=r"one folder for each species in attack/, got loose.png in none"):
        find_presentations(folder)
    for missing in ("bona_fide", "attack"):
        (folder / missing).rename(folder / "gone")
        with pytest.raises(InputError, match=f"expected the folder {missing}/ with .*, found none; see docs/liveness.md"):
            find_presentations(folder)
        (folder / "gone").rename(folder / missing)


@dataclass(frozen=True)
class Counted:
    """A liveness test that notes when it was fed; it ends after ``most`` frames, and its value is their number."""

    times: tuple[float, ...] = ()
    most: int = 100
    bonus: int = 0

    @property
    def value(self):
        return len(self.times) + self.bonus if self.times else None

    @property
    def finding(self):
        return "done" if len(self.times) >= self.most else None

    def after(self, sight, at, /):
        assert sight.face is None
        LOG.append(at)
        return self if self.finding else replace(self, times=(*self.times, at))


LOG = []


@pytest.mark.parametrize(("name", "times"), [
    ("attack/screen/ada/replay.avi", [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]),
    ("bona_fide/bob/walk", [0, 1 / 5]),
    ("bona_fide/ada/1.png", [0]),
])  # fmt: skip
def test_each_frame_is_fed_at_its_time(folder, detector_file, name, times):
    LOG.clear()
    chosen = [one for one in find_presentations(folder) if one.name == name]
    found = respond(chosen, lambda: [Counted()], detector=detector_file, frames_per_second=5)
    assert pytest.approx(times) == LOG
    assert (found[0].frames, found[0].faces, found[0].value) == (len(times), 0, len(times))


def test_of_several_tests_the_greatest_value_counts_and_no_frame_is_read_in_vain(folder, detector_file):
    chosen = [one for one in find_presentations(folder) if one.name.endswith("replay.avi")]
    found = respond(chosen, lambda: [Counted(most=2), Counted(most=3, bonus=4)], detector=detector_file)[0]
    assert (found.frames, found.value) == (3, 7)


def test_what_cannot_be_read_has_no_value_and_order_and_progress_are_kept(folder, detector_file):
    (folder / "bona_fide/ada/0.png").write_bytes(b"not a picture")
    (folder / "attack/screen/ada/broken.mp4").write_bytes(b"not a video" * 50)
    presentations, seen = find_presentations(folder), []
    found = respond(presentations, lambda: [Counted()], detector=detector_file, workers=2, progress=lambda *now: seen.append(now))
    assert [one.presentation for one in found] == presentations
    assert {one.presentation.name for one in found if one.value is None} == {"bona_fide/ada/0.png", "attack/screen/ada/broken.mp4"}
    assert seen == [(i + 1, len(found)) for i in range(len(found))]
