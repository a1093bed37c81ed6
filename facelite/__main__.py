"""``python -m facelite``, and the program ``facelite``."""

from __future__ import annotations

import sys


def run() -> None:
    """The entry point of the process. A package that is missing or broken must not end with 1, which says "rejected"."""
    try:
        from facelite.cli.main import run as start
    except ImportError as error:
        sys.stderr.write(f"facelite: expected the packages that it needs, got: {error}; install them: pip install facelite\n")
        sys.exit(4)
    start()


if __name__ == "__main__":
    run()
