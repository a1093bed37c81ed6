"""Time and memory from process start to the first decision, beside `import tensorflow` alone.

    python tests/benchmarks/cold_start.py BUNDLE [--runs 7]

The commands take turns; medians are printed, and ratios within the run. Pictures are drawn, so nothing has to be fetched.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DRAW = (
    "import sys, cv2; from facelite.export.synthetic import draw_face; "
    "[cv2.imwrite(p, draw_face(i, side=250)[..., ::-1]) for i, p in enumerate(sys.argv[1:])]"
)
"""Drawn in a process of its own: Linux counts the memory of the parent, up to the exec, into the child's peak."""


def measure(command: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of one run of ``command``."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"expected exit status 0 or 1, got {process.returncode} from {' '.join(command)}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = [str(Path(folder) / f"{seed}.png") for seed in range(2)]
        subprocess.run([sys.executable, "-c", DRAW, *pictures], check=True)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import facelite.runtime.verifier": [sys.executable, "-c", "import facelite.runtime.verifier"],
            "facelite verify A B": [sys.executable, "-m", "facelite", "verify", *pictures, "--bundle", arguments.bundle],
            "import tensorflow": [sys.executable, "-c", "import tensorflow"],
        }
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(arguments.runs + 1):
            for name, command in commands.items():
                runs[name].append(measure(command))
    base = statistics.median(seconds for seconds, _ in runs["facelite verify A B"][1:])
    print(f"{'process':34} {'seconds':>8} {'MB':>6} {'time / verify':>14}    medians of {arguments.runs}, after one warm-up")
    for name, results in runs.items():
        seconds = statistics.median(one for one, _ in results[1:])
        memory = statistics.median(one for _, one in results[1:])
        print(f"{name:34} {seconds:8.3f} {memory:6.0f} {seconds / base:14.2f}")


if __name__ == "__main__":
    main()
