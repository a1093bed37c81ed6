"""The command identify: whom of a gallery pictures and videos show, and where in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import cv2
import numpy as np

from facelite.atomic import write_atomically
from facelite.bundle import find_bundle
from facelite.cli.output import (
    ACCEPTED,
    RATE,
    REJECTED,
    UNDECIDED,
    bundle_option,
    face_option,
    gallery_option,
    json_option,
    keyring_option,
    threads_option,
)
from facelite.cli.rows import Row, decision_row, rows_of, show_rows
from facelite.errors import InputError
from facelite.face import Decision, Outcome, Pixels
from facelite.frames import frame_files, frame_rate, is_video_file, timed_frames
from facelite.gallery import Gallery, Keyring
from facelite.image import SUFFIXES, read_image
from facelite.runtime.annotate import Label, annotate, drawable
from facelite.runtime.choice import Rule
from facelite.runtime.look import Look
from facelite.runtime.verifier import Verifier, open_verifier
from facelite.runtime.watch import Watch

Decide = Callable[[Look], Decision]
Draw = Callable[[Pixels, Sequence[Label]], None]


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=click.Path())
@gallery_option
@click.option(
    "--fmr",
    "fpir",
    type=RATE,
    default=0.01,
    show_default=True,
    help="How often a stranger may be taken for somebody of the whole gallery.",
)
@click.option(
    "--annotate",
    "out",
    type=click.Path(file_okay=False),
    help="Look at every face, and write pictures and videos with frames and names to this folder.",
)
@keyring_option
@bundle_option
@face_option
@threads_option
@json_option
@click.pass_context
def identify(
    context: click.Context,
    pictures: tuple[str, ...],
    gallery: str,
    fpir: float,
    out: str | None,
    keyring: str | None,
    bundle: str | None,
    rule: Rule,
    threads: int,
    as_json: bool,
) -> None:
    """Say whom of the gallery each of PICTURES shows; a video file or a folder of frames is a video.

    In a video each person is followed and answered once, by two frames of three. There, and with --annotate, every face counts and not --face alone;
    such a picture is accepted where one of its people is. A name in letters that cannot be drawn is drawn as a number, which is told with the name
    after the file. The exit status is the worst of all PICTURES: unreadable (2), could not decide (3), rejected (1), accepted (0).
    """
    verifier = open_verifier(find_bundle(bundle), threads=threads)
    targets = _targets(pictures, Path(out)) if out else {}
    with Gallery(gallery, space=verifier.manifest.space, keyring=Keyring(keyring)) as opened:
        verifier.threshold_for_gallery(opened, fpir=fpir)  # a rate that was not measured is refused, whatever the pictures show

        def row(picture: str) -> Row:
            def decide(look: Look) -> Decision:
                return verifier.identify(look, opened, fpir=fpir)

            if _is_video(picture):
                return _video(Path(picture), verifier, decide, targets.get(picture))
            if picture in targets:
                return _group(picture, verifier, decide, targets[picture])
            return decision_row(verifier.identify(picture, opened, fpir=fpir, rule=rule))

        rows = rows_of(pictures, row)
    context.exit(show_rows({"decide": verifier.manifest.decide}, "pictures", rows, as_json))


def _is_video(picture: str) -> bool:
    return bool(picture) and (is_video_file(Path(picture)) or bool(frame_files(Path(picture))))


def _targets(pictures: Sequence[str], out: Path) -> dict[str, Path]:
    """Where each picture and video is written to, with frames and names: each to a file of its own that is not there yet."""
    targets = {picture: out / _name(picture) for picture in pictures if picture}
    for picture, target in targets.items():
        if target.exists():
            raise InputError(
                f"{target}: expected a name that no file has, to write {picture} to, got one that exists; name another folder: --annotate"
            )
        if twin := next((other for other, its in targets.items() if its == target and other != picture), None):
            raise InputError(f"{picture}: expected pictures of different names with --annotate, got {twin} as well; write them one by one")
    return targets


def _name(picture: str) -> str:
    path = Path(picture)
    if _is_video(picture):
        return f"{path.stem if path.is_file() else path.resolve().name}.mp4"
    return path.name if path.suffix.lower() in SUFFIXES else f"{path.name}.png"


def _group(picture: str, verifier: Verifier, decide: Decide, target: Path) -> Row:
    """A picture of any number of people, each face a search of its own."""
    image = read_image(picture)
    looks = verifier.look_all(image)
    decisions, numbers = [decide(look) for look in looks], dict[str, int]()
    _write_picture(target, annotate(image, [_label(look, decision, numbers) for look, decision in zip(looks, decisions, strict=True)]))
    faces = [{**decision_row(decision).values, "box": _box(look)} for look, decision in zip(looks, decisions, strict=True)]
    said = [_said(decision) for decision in decisions] or [Outcome.NO_FACE.value]
    values = {"outcome": _outcome(decisions), "faces": faces, "annotated": str(target), "numbers": _names(numbers)}
    return Row(values, f"{'; '.join(said)}: {_written(target, numbers)}", _status(decisions))


def _video(path: Path, verifier: Verifier, decide: Decide, target: Path | None) -> Row:
    """A video, in which each person is followed and answered once."""
    watch, people, numbers, frames = Watch(verifier, decide), dict[int, tuple[Decision, float, float]](), dict[str, int](), 0
    with _writing(target, frame_rate(path)) as draw:
        for frame, at in timed_frames(path):
            present = watch.update(frame, at)
            people |= {one.track.number: (one.closing, one.track.began, one.track.seen) for one in present}
            if target:
                draw(frame, [_label(one.look, one.closing if one.answer else one.decision, numbers) for one in present])
            frames += 1
    if not frames:
        raise InputError(f"{path}: expected a video, got no frame that can be decoded; convert it")
    answers = [answer for answer, _, _ in people.values()]
    found = [
        {**decision_row(answer).values, "track": number, "began": round(began, 3), "ended": round(ended, 3)}
        for number, (answer, began, ended) in people.items()
    ]
    said = [f"{_said(answer)} ({began:.1f} to {ended:.1f} s)" for answer, began, ended in people.values()] or [Outcome.NO_FACE.value]
    values = {"outcome": _outcome(answers), "people": found, "annotated": str(target) if target else None, "numbers": _names(numbers)}
    return Row(values, "; ".join(said) + (f": {_written(target, numbers)}" if target else ""), _status(answers))


def _said(decision: Decision) -> str:
    if decision.distance is None:
        return decision.outcome.value
    who = f" as {decision.subject}" if decision.accepted else ""
    return f"{decision.outcome.value}{who}, distance {decision.distance:.3f}, threshold {decision.threshold.distance:.3f}"


def _label(look: Look, decision: Decision, numbers: dict[str, int]) -> Label:
    """What is drawn at a face; a name that is not drawable is put among the ``numbers``, by which it is drawn."""
    if look.face is None:
        raise ValueError("expected a look at a face, got one without")
    if not decision.accepted or decision.subject is None:
        return Label(look.face, decision.outcome.value, decision.outcome.value)
    name = decision.subject if drawable(decision.subject) else numbers.setdefault(decision.subject, len(numbers) + 1)
    return Label(look.face, f"{name} {decision.distance:.2f}", decision.outcome.value)


def _names(numbers: dict[str, int]) -> dict[str, str]:
    return {str(number): name for name, number in numbers.items()}


def _written(target: Path, numbers: dict[str, int]) -> str:
    """Where a picture is, and who is a number in it."""
    names = ", ".join(f"{number}: {name}" for name, number in numbers.items())
    return f"{target} ({names})" if names else str(target)


def _box(look: Look) -> list[float]:
    return look.face.box.astype(float).round(1).tolist() if look.face else []


def _outcome(decisions: Sequence[Decision]) -> str:
    """That of the best of them."""
    for outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
        if any(decision.outcome is outcome for decision in decisions):
            return outcome.value
    return decisions[0].outcome.value if decisions else Outcome.NO_FACE.value


def _status(decisions: Sequence[Decision]) -> int:
    return {Outcome.ACCEPTED.value: ACCEPTED, Outcome.REJECTED.value: REJECTED}.get(_outcome(decisions), UNDECIDED)


def _write_picture(target: Path, pixels: Pixels) -> None:
    written, encoded = False, np.zeros(0, np.uint8)
    with suppress(cv2.error):  # by which OpenCV 4 says what 5 answers with False
        written, encoded = cv2.imencode(target.suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    if not written:  # WebP has room for sides of 16,383 pixels, JPEG of 65,500
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise InputError(f"{target}: expected a picture that fits into its kind of file, got {size}; name it .png")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, encoded.tobytes())


@contextmanager
def _writing(target: Path | None, rate: float) -> Iterator[Draw]:
    """A function of a frame and its labels that adds a frame to the video ``target``, which is there when all are.

    Frames of another size than the first one's are brought to it. Raises OSError where they cannot be written: on a full disk OpenCV says nothing.
    """
    if target is None:
        yield lambda frame, labels: None
        return
    part, writer, size = target.with_name(f".{target.stem}.{os.getpid()}.mp4"), None, (0, 0)
    frames = 0

    def draw(frame: Pixels, labels: Sequence[Label]) -> None:
        nonlocal writer, size, frames
        if writer is None:
            part.parent.mkdir(parents=True, exist_ok=True)
            size = (frame.shape[1], frame.shape[0])
            writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
            if not writer.isOpened():
                raise OSError(None, "a video that cannot be written", str(part))
        writer.write(cv2.cvtColor(cv2.resize(annotate(frame, labels), size), cv2.COLOR_RGB2BGR))
        frames += 1

    try:
        yield draw
        if writer:
            writer.release()
            if cv2.VideoCapture(str(part)).get(cv2.CAP_PROP_FRAME_COUNT) != frames:
                raise OSError(None, "a video that has lost frames", str(target))
            os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


COMMANDS: tuple[click.Command, ...] = (identify,)
"""What the program offers of this module."""
