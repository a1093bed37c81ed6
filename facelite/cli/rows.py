"""What became of each picture or person of a command: for --json, for a reader, and for the exit status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facelite.cli.output import ACCEPTED, REJECTED, UNDECIDED, USAGE, show, warn
from facelite.errors import InputError
from facelite.face import Decision
from facelite.runtime.look import Look
from facelite.runtime.verifier import Enrolment

_FROM_BEST = (ACCEPTED, REJECTED, UNDECIDED, USAGE)
"""How the statuses of several pictures make one: the last of them in this order."""


@dataclass(frozen=True, slots=True)
class Row:
    """``values`` for --json, ``line`` for a reader, a status, and a warning for standard error."""

    values: dict[str, Any]
    line: str
    status: int = ACCEPTED
    warning: str = ""

    @property
    def answers(self) -> bool:
        return self.status in (ACCEPTED, REJECTED)


def rows_of(names: Iterable[str], make: Callable[[str], Row], /) -> dict[str, Row]:
    """The row that ``make`` makes of each name; one that cannot be read does not stop the others."""
    rows = {}
    for name in names:
        try:
            rows[name] = make(name)
        except InputError as error:
            rows[name] = Row({"outcome": "unreadable", "detail": str(error)}, str(error), USAGE)
    return rows


def show_rows(values: dict[str, Any], name: str, rows: dict[str, Row], as_json: bool) -> int:
    """``rows`` under ``name`` in one JSON object, or answers line by line; what is no answer goes to standard error. The worst status."""
    lines = [f"{key}: {row.line}" for key, row in rows.items() if row.answers]
    show({**values, name: {key: row.values for key, row in rows.items()}}, as_json, lines)
    for key, row in rows.items():
        if not row.answers:
            warn(row.line if row.line.startswith(f"{key}: ") else f"{key}: {row.line}")
        elif row.warning:
            warn(f"{key}: {row.warning}")
    return max((row.status for row in rows.values()), key=_FROM_BEST.index)


def decision_row(decision: Decision, /) -> Row:
    """A decision of verify or identify."""
    threshold = decision.threshold
    values = {
        "verified": decision.accepted,
        "outcome": decision.outcome.value,
        "subject": decision.subject,
        "distance": decision.distance,
        "threshold": asdict(threshold),
        "templates": decision.templates,
        "comparisons": decision.comparisons,
        "fpir": decision.fpir,
        "detail": decision.detail,
    }
    if decision.distance is None:
        return Row(values, f"{decision.outcome.value}: {decision.detail}", UNDECIDED)
    who = f" as {decision.subject}" if decision.subject and decision.accepted else ""
    line = f"{decision.outcome.value}{who}: distance {decision.distance:.3f}, threshold {threshold.distance:.3f}"
    rates = f"{threshold.fmr:g}, at most {threshold.fmr_upper:.2g}"
    if decision.fpir is not None:
        rates = f"{decision.fpir:g} asked for over {decision.comparisons} comparison(s) with {decision.templates} template(s), for each {rates}"
    return Row(values, f"{line} (false matches: {rates})", ACCEPTED if decision.accepted else REJECTED)


def look_row(look: Look, /) -> Row:
    """An embedding, or why there is none."""
    vector = look.embedding.vector.astype(float).round(6).tolist() if look.embedding else None
    values = {
        "outcome": look.outcome.value if look.outcome else "embedded",
        "detail": look.detail,
        "embedding": vector,
        "box": look.face.box.astype(float).round(1).tolist() if look.face else None,
        "size": look.size,
        "quality": asdict(look.quality) if look.quality else None,
    }
    if vector is None:
        return Row(values, f"{values['outcome']}: {look.detail}", UNDECIDED)
    return Row(values, " ".join(f"{value:.6f}" for value in vector))


def enrolment_row(files: Sequence[Path], enrolment: Enrolment, /, *, templates: int, advice: str = "", warning: str = "") -> Row:
    """One person enrolled from ``files``, or why not; ``templates`` is how many the person has now, ``advice`` what more of them would bring."""
    added, known = enrolment.added, len(files) - enrolment.added
    problems = [f"{file}: {look.outcome.value}: {look.detail}" for file, look in zip(files, enrolment.looks, strict=True) if look.outcome]
    problems += [f"{files[place]}: doubtful: {doubt}" for place, doubt in sorted(enrolment.doubts.items())]
    values = {"enrolled": added, "already_enrolled": 0 if problems else known, "templates": templates, "warning": warning, "problems": problems}
    if problems:
        return Row(values, "; ".join(problems), UNDECIDED)
    done = [f"enrolled from {added} picture(s)"] if added else []
    done += [f"{known} picture(s) already enrolled"] if known else []
    return Row(values, ", ".join([*done, f"now {templates} template(s)"]) + advice, warning=warning)
