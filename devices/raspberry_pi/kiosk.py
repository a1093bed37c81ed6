#!/usr/bin/env python3
"""The kiosk as one file to be started: python kiosk.py [CONFIG] [OPTIONS]. It is facelite kiosk, with the config beside it where none is named."""

import sys
from pathlib import Path

from facelite.cli.main import run

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    named = any(not argument.startswith("-") for argument in sys.argv[1:2])
    sys.argv[1:1] = ["kiosk"] if named else ["kiosk", str(HERE / "kiosk.toml")]
    run()
