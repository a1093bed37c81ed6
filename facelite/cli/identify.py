"""The command identify: whom of a gallery pictures and videos show, and where in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import cv2

from facelite.atomic import write_atomically
from facelite.bundle import find_bundle
from facelite.cli.output import ACCEPTED, REJECTED, UNDECIDED, bundle_option, face_option, gallery_option, json_option, keyring_option, threads_option
from facelite.cli.rows import Row, decision_row, rows_of, show_rows
from facelite.errors import InputError
from facelite.face import Decision, Outcome, Pixels
from facelite.frames import frame_files, is_video_file, timed_frames
from facelite.gallery import Gallery, Keyring
from facelite.image import read_image
from facelite.runtime.annotate import Label, annotate
from facelite.runtime.choice import Rule
from facelite.runtime.look import Look
from facelite.runtime.verifier import Verifier, open_verifier
from facelite.runtime.watch import Sight, Watch

Decide = Callable[[Look], Decision]
Draw = Callable[[Pixels, Sequence[Label]], None]


@click.command()
@click.argument("pictures", nargs=-1, required=True, type=click.Path())
@gallery_option
@click.option(
    "--fmr",
    "fpir",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
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

    In a video each person is followed and answered once, by two frames of three. Of a picture of several people only --annotate answers for each.
    The exit status is the worst of all: unreadable (2), could not decide (3), rejected (1), accepted (0).
    """
    verifier = open_verifier(find_bundle(bundle), threads=threads)
    with Gallery(gallery, space=verifier.manifest.space, keyring=Keyring(keyring)) as opened:

        def row(picture: str) -> Row:
            path = Path(picture)
            if is_video_file(path) or frame_files(path):
                return _video(path, verifier, lambda look: verifier.identify(look, opened, fpir=fpir), Path(out) if out else None)
            if out:
                return _group(path, verifier, lambda look: verifier.identify(look, opened, fpir=fpir), Path(out))
            return decision_row(verifier.identify(picture, opened, fpir=fpir, rule=rule))

        rows = rows_of(pictures, row)
    context.exit(show_rows({"decide": verifier.manifest.decide}, "pictures", rows, as_json))


def _group(path: Path, verifier: Verifier, decide: Decide, out: Path) -> Row:
    """A picture of any number of people, each face a search of its own."""
    target, image = _target(path, out, path.name), read_image(path)
    looks = verifier.look_all(image)
    decisions = [decide(look) for look in looks]
    labels = [_label(look, decision) for look, decision in zip(looks, decisions, strict=True)]
    _write_picture(target, annotate(image, labels))
    faces = [{**decision_row(decision).values, "box": _box(look), "detail": decision.detail} for look, decision in zip(looks, decisions, strict=True)]
    said = [_said(decision) for decision in decisions] or ["no face"]
    status = _best(decisions)
    return Row({"outcome": _outcome(decisions), "faces": faces, "annotated": str(target)}, f"{'; '.join(said)}: {target}", status)


def _video(path: Path, verifier: Verifier, decide: Decide, out: Path | None) -> Row:
    """A video, in which each person is followed and answered once."""
    target = _target(path, out, f"{path.stem if path.is_file() else path.name}.mp4") if out else None
    watch, people = Watch(verifier, decide), dict[int, Sight]()
    with _writing(target) as draw:
        for frame, at in timed_frames(path):
            sights = watch.update(frame, at)
            people |= {sight.track.number: sight for sight in sights}
            draw(frame, [_label(sight.look, sight.answer or sight.decision) for sight in sights])
    answers = [sight.answer or sight.decision for sight in people.values()]
    found = [
        {**decision_row(answer).values, "track": number, "began": round(sight.track.began, 3), "ended": round(sight.track.seen, 3)}
        for (number, sight), answer in zip(people.items(), answers, strict=True)
    ]
    said = [
        f"{_said(answer)} ({sight.track.began:.1f} to {sight.track.seen:.1f} s)" for sight, answer in zip(people.values(), answers, strict=True)
    ] or ["no face"]
    values = {"outcome": _outcome(answers), "people": found, "annotated": str(target) if target else None}
    return Row(values, "; ".join(said) + (f": {target}" if target else ""), _best(answers))


def _said(decision: Decision) -> str:
    if decision.distance is None:
        return decision.outcome.value
    who = f" as {decision.subject}" if decision.accepted else ""
    return f"{decision.outcome.value}{who}, distance {decision.distance:.3f}, threshold {decision.threshold.distance:.3f}"


def _label(look: Look, decision: Decision) -> Label:
    if look.face is None:
        raise ValueError("expected a look at a face, got one without")
    text = f"{decision.subject} {decision.distance:.2f}" if decision.accepted else decision.outcome.value
    return Label(look.face, text, decision.outcome.value)


def _box(look: Look) -> list[float]:
    return look.face.box.astype(float).round(1).tolist() if look.face else []


def _outcome(decisions: Sequence[Decision]) -> str:
    """That of the best of them."""
    for outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
        if any(decision.outcome is outcome for decision in decisions):
            return outcome.value
    return decisions[0].outcome.value if decisions else Outcome.NO_FACE.value


def _best(decisions: Sequence[Decision]) -> int:
    return {Outcome.ACCEPTED.value: ACCEPTED, Outcome.REJECTED.value: REJECTED}.get(_outcome(decisions), UNDECIDED)


def _target(path: Path, out: Path, name: str) -> Path:
    if (out / name).resolve() == path.resolve():
        raise InputError(f"{path}: expected --annotate to name another folder than the picture's, got the same; name another")
    out.mkdir(parents=True, exist_ok=True)
    return out / name


def _write_picture(target: Path, pixels: Pixels) -> None:
    write_atomically(target, cv2.imencode(target.suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes())


@contextmanager
def _writing(target: Path | None) -> Iterator[Draw]:
    """A function of a frame and its labels that adds a frame to the video ``target``, which is there when all are."""
    if target is None:
        yield lambda frame, labels: None
        return
    part, writer = target.with_suffix(".part.mp4"), None

    def draw(frame: Pixels, labels: Sequence[Label]) -> None:
        nonlocal writer
        if writer is None:
            writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), 10, (frame.shape[1], frame.shape[0]))
        writer.write(cv2.cvtColor(annotate(frame, labels), cv2.COLOR_RGB2BGR))

    try:
        yield draw
        if writer:
            writer.release()
            os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


COMMANDS: tuple[click.Command, ...] = (identify,)
"""What the program offers of this module."""
