"""A door for a long day: thousands of frames with people who come and go while somebody enrols and removes; nothing grows, nobody is confused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from facelite.gallery import Gallery
from facelite.runtime.tracker import TrackRule
from facelite.runtime.verifier import Verifier
from facelite.runtime.watch import Watch

VISIT, PAUSE = 12, 10
"""Frames, ten a second, for which somebody stands there, and for which nobody does."""

OTHER_PROCESS = """
import sys
from facelite.cli.main import main
main(sys.argv[1:])
"""


def resident():
    """Megabytes of this process that are in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def visits(people, number, rng):
    """(who, frame) of frames in which one person after another stands a little elsewhere each time, and of none between them."""
    for visit in range(number):
        who = visit % len(people)
        x, y = rng.integers(20, 250), rng.integers(10, 60)
        for step in range(VISIT + PAUSE):
            frame = rng.integers(100, 130, (240, 480, 3)).astype(np.uint8)
            if step < VISIT:
                frame[y : y + 160, x + step : x + step + 160] = people[who]
            yield visit, who if step < VISIT else None, frame


def change(*words, bundle):
    result = subprocess.run([sys.executable, "-c", OTHER_PROCESS, *words, "--bundle", str(bundle)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("number", [6, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_every_visit_has_one_answer_and_the_right_one_and_nothing_grows(bundle, bundle_file, astronaut, hopper, tmp_path, number):
    people = [cv2.resize(astronaut[:224, 100:324], (160, 160), interpolation=cv2.INTER_AREA), cv2.resize(hopper, (160, 160))]
    cv2.imwrite(str(tmp_path / "grace.png"), cv2.cvtColor(hopper, cv2.COLOR_RGB2BGR))
    verifier, path = Verifier(bundle), tmp_path / "g.db"
    with Gallery(path, space=bundle.manifest.space, create=True) as gallery:
        verifier.enrol("Eileen", [astronaut], gallery)
        watch = Watch(verifier, lambda look: verifier.identify(look, gallery), tracks=TrackRule(patience=0.5))
        enrolled, answers, memory = False, {}, []
        for at, (visit, who, frame) in enumerate(visits(people, number, np.random.default_rng(0))):
            if visit % 3 == 2 and who is None and visit not in answers.get("changed", ()):  # between two visits somebody enrols her or removes her
                answers.setdefault("changed", set()).add(visit)
                words = ("gallery", "remove", "Grace") if enrolled else ("enrol", "Grace", str(tmp_path / "grace.png"))
                change(*words, "--gallery", str(path), bundle=bundle_file)
                enrolled = not enrolled
            for sight in watch.update(frame, at / 10):
                if sight.answer:
                    wanted = "Eileen" if who == 0 else "Grace" if enrolled else None
                    assert (sight.answer.subject if sight.answer.accepted else None) == wanted
                    answers.setdefault(visit, set()).add(sight.track.number)
            if visit >= number // 2:
                memory.append((resident(), handles()))
    answered = {visit: tracks for visit, tracks in answers.items() if visit != "changed"}
    assert sorted(answered) == list(range(number)) and all(len(tracks) == 1 for tracks in answered.values())
    assert len(set.union(*answered.values())) == number
    assert memory[-1][0] - memory[0][0] < 4  # megabytes over the second half
    assert memory[-1][1] == memory[0][1]
