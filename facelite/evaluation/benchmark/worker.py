"""One process that measures one artefact: python -m facelite.evaluation.benchmark.worker < request.

The request is an object of JSON: ``model``, ``detector`` and ``pictures`` (files), ``preprocessing``, ``threads``, ``seconds``. Two lines of JSON
answer: the first, as soon as two of the pictures are decided, is where the time went until then; the second is the seconds of each pass, and the
peak of resident memory in megabytes. An error is a line of its own, with the name of its class.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelite.evaluation.benchmark.door import Door


def main() -> None:
    """Answers the request on standard input."""
    from facelite.errors import FaceliteError

    try:
        _answer(json.load(sys.stdin))
    except FaceliteError as error:
        _say({"error": str(error), "kind": type(error).__name__})


def _answer(request: dict[str, Any]) -> None:
    marks = [time.perf_counter()]
    import cv2

    from facelite.evaluation.benchmark.door import measure, open_door
    from facelite.preprocess import Preprocessing

    cv2.setNumThreads(request["threads"])
    marks.append(time.perf_counter())
    preprocessing = Preprocessing(**request["preprocessing"]) if request["preprocessing"] else None
    detector = Path(request["detector"]).read_bytes() if request["detector"] else None
    door = open_door(request["model"], threads=request["threads"], preprocessing=preprocessing, detector=detector)
    marks.append(time.perf_counter())
    _decide_first(door, request["pictures"])
    marks.append(time.perf_counter())
    _say({name: end - start for name, start, end in zip(("import", "load", "decide"), marks, marks[1:], strict=False)})
    data = [Path(picture).read_bytes() for picture in request["pictures"]]
    _say({"samples": measure(door, data, seconds=request["seconds"]), "peak": peak_megabytes()})


def _decide_first(door: Door, pictures: list[str]) -> None:
    """Whether the first and the last picture show one person; without a detector, one embedding."""
    from facelite.evaluation.benchmark.door import noise
    from facelite.image import read_image

    if door.detector is None:
        door.embedder.vectors(noise(door))
        return
    a, b = door.vectors([read_image(pictures[0]), read_image(pictures[-1])])
    _ = door.distance.pairs(a, b) <= door.threshold


def peak_megabytes() -> float:
    """The most that this process has had resident.

    Linux counts into ``ru_maxrss`` what the parent had up to the exec; VmHWM is of this process alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _say(values: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
