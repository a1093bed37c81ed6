"""The command pad-eval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facelite.atomic import write_atomically
from facelite.cli.output import Number, bar, detector_option, json_option, percent, show, workers_option

if TYPE_CHECKING:
    from facelite.calibration import Interval
    from facelite.evaluation.pad import Group, PadRates
    from facelite.evaluation.presentations import Response
    from facelite.runtime.liveness import Liveness

TABLE, PLOT = "presentations.csv", "pad"


@click.command("pad-eval")
@click.argument("data", metavar="DIR", type=click.Path())
@click.option("--liveness", "model", type=click.Path(dir_okay=False), help="A TFLite model, with the .toml beside it that says how it is used.")
@click.option("--challenge", type=click.Choice(["turn"]), help="The head turn; each video is judged by the side that suits it better.")
@click.option("--limit", type=Number(), help="The value from which on somebody is live.  [default: the model's, or the challenge's]")
@click.option("--fps", type=Number(0, min_open=True), default=15, show_default=True, help="Frames a second of folders of frames.")
@click.option("--report", type=click.Path(file_okay=False), help="Write a table of the presentations and a plot into this folder.")
@workers_option
@detector_option
@json_option
def pad_eval(
    data: str,
    model: str | None,
    challenge: str | None,
    limit: float | None,
    fps: float,
    report: str | None,
    workers: int | None,
    detector: str | None,
    as_json: bool,
) -> None:
    """Measure how often a liveness test accepts the attacks and rejects the people in DIR.

    DIR holds bona_fide/ and attack/SPECIES/ with pictures, video files or folders of frames, best in one folder for each subject. APCER of each
    species, BPCER and non-responses come with 95 % intervals; the worst species is what counts (ISO/IEC 30107-3). See docs/liveness.md.
    """
    from facelite.evaluation.pad import pad_rates
    from facelite.evaluation.presentations import find_presentations, respond
    from facelite.runtime.detector import find_detector

    if (model is None) == (challenge is None):
        raise click.UsageError(f"expected --liveness MODEL or --challenge turn, got {'both' if model else 'neither'}")
    presentations = find_presentations(data, videos_only=challenge is not None)
    start, usual = _challenge() if model is None else _model(model)
    used = usual if limit is None else limit
    with bar("pad-eval") as progress:
        responses = respond(presentations, start, detector=find_detector(detector), frames_per_second=fps, workers=workers, progress=progress)
    rates = pad_rates(responses)
    if report:
        _write(Path(report), responses, rates, used, "degrees" if challenge else "probability")
    values = {"liveness": model or challenge, "limit": used, **_values(rates, used), "report": report}
    show(values, as_json, list(_lines(rates, used)) + ([f"wrote {Path(report) / TABLE} and {PLOT}.svg beside it"] if report else []))


def _model(path: str) -> tuple[Callable[[], Sequence[Liveness]], float]:
    """A maker of tests by the model, and its limit."""
    from facelite.runtime.liveness import ModelCheck, open_liveness_model

    opened = open_liveness_model(path)
    return lambda: [ModelCheck(opened, 0.0)], opened.use.limit


def _challenge() -> tuple[Callable[[], Sequence[Liveness]], float]:
    """A maker of challenges to both sides, which are never met before the video ends, and the usual limit."""
    from facelite.runtime.liveness import TurnChallenge, TurnRule

    rule = TurnRule(turned=90)
    return lambda: [TurnChallenge("left", 0.0, rule), TurnChallenge("right", 0.0, rule)], TurnRule().turned


def _values(rates: PadRates, limit: float) -> dict[str, Any]:
    """The rates for --json."""
    from facelite.evaluation.pad import WANTED

    worst = rates.worst(limit)
    points = [point for wanted in WANTED if (point := rates.at_apcer(wanted))]
    return {
        "worst_species": worst,
        "apcer": asdict(rates.attacks[worst].accepted(limit)) if worst else None,
        "bpcer": asdict(rates.bona_fide.rejected(limit)),
        "bona_fide": {**_counts(rates.bona_fide), "bpnrr": asdict(rates.bona_fide.non_response)},
        "species": {
            name: {**_counts(group), "apcer": asdict(group.accepted(limit)), "apnrr": asdict(group.non_response)}
            for name, group in rates.attacks.items()
        },
        "limits": {f"bpcer{1 / point.wanted:.0f}": asdict(point) for point in points},
    }


def _counts(group: Group) -> dict[str, int]:
    return {"presentations": len(group.values), "subjects": group.people}


def _lines(rates: PadRates, limit: float) -> Iterator[str]:
    """The rates for a reader."""
    from facelite.evaluation.pad import WANTED

    yield f"at the limit {limit:g}, with 95 % intervals:"
    people = rates.bona_fide
    yield f"bona fide: BPCER {_told(people.rejected(limit))}, no response {_told(people.non_response)}; {_seen(people)}"
    for name, group in rates.attacks.items():
        yield f"{name}: APCER {_told(group.accepted(limit))}, no response {_told(group.non_response)}; {_seen(group)}"
    worst = rates.worst(limit)
    yield f"worst species: {worst}, APCER {_told(rates.attacks[worst].accepted(limit))}" if worst else "no attack had a response"
    for point in filter(None, map(rates.at_apcer, WANTED)):
        yield (
            f"BPCER{1 / point.wanted:.0f}: {_told(point.bpcer)} at the limit {point.limit:.4g}, where APCER is {_told(point.apcer)} for {point.worst}"
        )


def _told(rate: Interval) -> str:
    return f"{percent(rate.value)} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _seen(group: Group) -> str:
    return f"{len(group.values):,} presentations of {group.people:,} subjects"


def _write(out: Path, responses: Sequence[Response], rates: PadRates, limit: float, label: str) -> None:
    from facelite.cli.results import table
    from facelite.evaluation.pad import draw_rates

    rows = (
        (one.presentation.name, one.presentation.species or "bona fide", one.presentation.subject, one.frames, one.faces, one.value)
        for one in responses
    )
    write_atomically(out / TABLE, table(("presentation", "species", "subject", "frames", "faces", "value"), rows))
    drawing = draw_rates(rates, limit=limit, label=label)
    write_atomically(out / f"{PLOT}.svg", drawing.svg)
    write_atomically(out / f"{PLOT}.png", drawing.png)


COMMANDS: tuple[click.Command, ...] = (pad_eval,)
