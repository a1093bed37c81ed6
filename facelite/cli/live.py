"""The command test: a camera, or a video in its place, with a bar for the distance."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import click

from facelite.bundle import find_bundle
from facelite.cli.output import (
    ACCEPTED,
    REJECTED,
    UNDECIDED,
    Number,
    bundle_option,
    gallery_option,
    json_option,
    keyring_option,
    show,
    threads_option,
)
from facelite.errors import InputError
from facelite.face import Decision, Outcome, Pixels
from facelite.frames import open_frames
from facelite.gallery import Gallery, Keyring
from facelite.runtime.verifier import open_verifier
from facelite.runtime.watch import Presence, Watch

WIDTH = 32
"""Letters of the bar, which ends at twice the threshold."""


@click.command()
@click.argument("source", default="0")
@gallery_option
@click.option("--subject", help="Compare with this subject alone.")
@click.option("--seconds", type=Number(0, min_open=True), help="End after so long; else at the end of a video, or by Ctrl-C.")
@keyring_option
@bundle_option
@threads_option
@json_option
@click.pass_context
def test(
    context: click.Context,
    source: str,
    gallery: str,
    subject: str | None,
    seconds: float | None,
    keyring: str | None,
    bundle: str | None,
    threads: int,
    as_json: bool,
) -> None:
    """Show what SOURCE sees, frame by frame: who it is, how far away, and what to do about a poor picture.

    SOURCE is a camera (0, /dev/video0), a video file or a folder of frames. Each person is answered once, by two frames of three.
    Exit status: 0 somebody was accepted, 1 all were rejected, 3 nothing was decided.
    """
    verifier = open_verifier(find_bundle(bundle), threads=threads)
    with Gallery(gallery, space=verifier.manifest.space, keyring=Keyring(keyring), indexed=True) as opened:
        if subject:
            verifier.threshold_for_subject(subject, opened)  # nobody is watched for who is not enrolled
        else:
            verifier.threshold_for_gallery(opened)
        watch = Watch(verifier, lambda look: verifier.verify_subject(look, subject, opened) if subject else verifier.identify(look, opened))
        seen = _Seen()
        with suppress(KeyboardInterrupt):  # which is how one ends it
            seen.follow(watch, open_frames(source), seconds, lambda present, at: None if as_json else _draw(present, at))
    if not as_json and sys.stdout.isatty():
        click.echo()
    show(seen.values, as_json)
    answered = Counter(answer.outcome for answer in seen.answers.values())
    context.exit(ACCEPTED if answered[Outcome.ACCEPTED] else REJECTED if answered[Outcome.REJECTED] else UNDECIDED)


KEPT = 1000
"""People and times of frames that are kept of a camera that runs on, the latest."""


@dataclass(slots=True)
class _Seen:
    """What was seen so far: frames, the outcome of each face in each, the answers of the latest people, seconds of work for the latest frames."""

    frames: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    answers: dict[int, Decision] = field(default_factory=dict)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def follow(
        self, watch: Watch, frames: Iterable[tuple[Pixels, float]], seconds: float | None, draw: Callable[[Sequence[Presence], float], None]
    ) -> None:
        """Go through ``frames`` and times, for so many ``seconds`` of them; ``draw`` gets everybody in a frame, and the time since the first.

        Raises InputError where there is no frame.
        """
        first = None
        for frame, at in frames:
            first = at if first is None else first
            if seconds is not None and at - first > seconds:
                return
            began = time.perf_counter()
            present = watch.update(frame, at)
            self.times.append(time.perf_counter() - began)
            self.frames += 1
            self.outcomes.update([one.decision.outcome for one in present] or [Outcome.NO_FACE])
            self.answers |= {one.track.number: one.closing for one in present}
            while len(self.answers) > KEPT:
                del self.answers[next(iter(self.answers))]
            draw(present, at - first)
        if first is None:
            raise InputError("expected frames, got none that can be decoded; convert the video, or see to the camera")

    @property
    def values(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "outcomes": {outcome.value: count for outcome, count in self.outcomes.items()},
            "people": [{"outcome": one.outcome.value, "subject": one.subject, "distance": one.distance} for one in self.answers.values()],
            "milliseconds": 1000 * median(self.times) if self.times else None,
        }


def distance_bar(decision: Decision, /) -> str:
    """[#####=====|          ]: filled up to the distance, the threshold in the middle; empty where nothing was compared."""
    if decision.distance is None:
        return f"[{'':{WIDTH}}]"
    share = decision.distance / max(2 * decision.threshold.distance, 1e-9)
    bar = ("#" * min(round(share * WIDTH), WIDTH)).ljust(WIDTH)
    return f"[{bar[: WIDTH // 2]}|{bar[WIDTH // 2 :]}]"


def presence_line(one: Presence, /) -> str:
    """One person in one frame, for a reader."""
    decision = one.decision
    if decision.distance is None:
        return f"#{one.track.number} {distance_bar(decision)} {decision.outcome.value}: {decision.detail}"
    who = f" {decision.subject}" if decision.subject else ""
    answered = f"; attempt: {one.answer.outcome.value}" if one.answer else ""
    return f"#{one.track.number} {distance_bar(decision)} {decision.distance:.3f}{who} {decision.outcome.value}{answered}"


def _draw(present: Sequence[Presence], at: float) -> None:
    """On a terminal one line that is drawn anew; else a line for each frame with somebody in it."""
    line = f"{at:7.2f} s  {'   '.join(map(presence_line, present)) or Outcome.NO_FACE.value}"
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        click.echo(f"\r{line[: columns - 1]:{columns - 1}}", nl=False)
    elif present:
        click.echo(line)


COMMANDS: tuple[click.Command, ...] = (test,)
