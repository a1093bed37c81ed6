"""The process that is put at risk: python child.py BUNDLE FOLDER TARGET:FIRST:END..., of which each is the inputs of those numbers.

It writes one JSON object a line: a finding, or the count of a target. Which input it is at stands in FOLDER/at, for whoever finds it dead.
python child.py BUNDLE FOLDER --input TARGET NUMBER writes that input to standard output.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random

from target import REFUSED
from targets import TARGETS

ADDRESSES = 6 << 30
"""Bytes of address space that the process may have: a bomb shall not take down the machine."""

AT = struct.Struct("<16sQ")

MOST = 20
"""Findings of a target that are told."""


def main(bundle, folder, *jobs):
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, wherever it is
    place = Path(folder) / "at"
    place.write_bytes(bytes(AT.size))
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 0) as at:
        for job in jobs:
            name, first, end = job.split(":")
            hunt(name, range(int(first), int(end)), Path(bundle), Path(folder), at)


def hunt(name, numbers, bundle, folder, at):
    work = folder / name
    work.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as own:
        target = TARGETS[name](Path(own), bundle)
        done = refused = found = 0
        target.call(target.make(Random(0)))  # noqa: S311 - what is loaded at first use is not counted
        peak, began = memory(), time.process_time()
        for number in numbers:
            at[:] = AT.pack(name.encode(), number)
            data, done = made(target, name, number), done + 1
            signal.setitimer(signal.ITIMER_REAL, target.seconds)
            try:
                with warnings.catch_warnings(action="error"):
                    refused += target.call(data) is REFUSED
            except BaseException:  # noqa: BLE001 - this is what is hunted
                found += 1
                say(target=name, number=number, what=traceback.format_exc())
            signal.setitimer(signal.ITIMER_REAL, 0)
            if (now := memory()) > peak + target.megabytes:
                found += 1
                say(target=name, number=number, what=f"{now - peak} MB of memory more than before")
                peak = now
            if found == MOST:
                break
        say(target=name, done=done, refused=refused, seconds=time.process_time() - began)


def made(target, name, number):
    return target.make(Random(f"{name} {number}"))  # noqa: S311 - the same each time


def memory():
    """The most that this process has had in memory, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def say(**what):
    print(json.dumps(what), file=OUT, flush=True)


if __name__ == "__main__":
    OUT = os.fdopen(os.dup(1), "w")
    bundle, folder, *jobs = sys.argv[1:]
    if jobs[0] == "--input":
        with tempfile.TemporaryDirectory() as own:
            os.write(1, made(TARGETS[jobs[1]](Path(own), Path(bundle)), *jobs[1:3]))
    else:
        os.dup2(2, 1)  # what else prints
        main(bundle, folder, *jobs)
