"""The journal of an alignment, ``align.csv``: a line a picture with what became of it, and the sha256 of the bytes that this holds for.

Before a crop is written its picture is noted as BEGUN, so that no crop lies there that the journal does not know. A run that is killed costs the
results that it had not yet added; what a kill has cut short is no line.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facelite.atomic import write_atomically

JOURNAL = "align.csv"

KEPT = "kept"

BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Entry:
    """``result``: KEPT, BEGUN, or a reason and perhaps ": " with more of it. ``sha256`` of the picture; "" for a result that is not of its bytes."""

    result: str
    sha256: str = ""

    @property
    def kept(self) -> bool:
        return self.result == KEPT

    @property
    def may_have_crop(self) -> bool:
        return self.result in (KEPT, BEGUN)

    @property
    def reason(self) -> str:
        """The result without its details, to count by."""
        return self.result.partition(":")[0]


Journal = dict[str, Entry]
"""What became of each picture, by its name in the source."""


def read_journal(out: Path, /) -> Journal:
    """The journal of the crops in ``out``; a name that leads out of that folder is none of ours."""
    path = out / JOURNAL
    stored = path.read_bytes() if path.exists() else b""
    text = stored[: stored.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if len(row) in (2, 3)]  # an older journal has no sha256
    return {name: Entry(*rest) for name, *rest in rows if not {"..", "/"} & set(PurePosixPath(name).parts)}


def write_journal(out: Path, journal: Journal, /) -> None:
    """Replace the journal whole."""
    write_atomically(out / JOURNAL, _lines(journal))


def append_journal(out: Path, journal: Journal, /) -> None:
    """Add lines to the journal; the last one of a name counts."""
    with (out / JOURNAL).open("ab") as file:
        file.write(_lines(journal))
        file.flush()
        os.fsync(file.fileno())


def _lines(journal: Journal) -> bytes:
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows((name, entry.result, entry.sha256) for name, entry in journal.items())
    return lines.getvalue().encode("utf-8", "surrogateescape")
