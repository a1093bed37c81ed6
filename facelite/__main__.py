"""``python -m facelite``, and the program ``facelite``."""

from __future__ import annotations

import sys
from typing import NoReturn


def run() -> None:
    """The entry point of the process. A package that is missing or broken must not end with 1, which says "rejected", nor a ^C meanwhile."""
    try:
        from facelite.cli.main import run as start
    except KeyboardInterrupt:
        _end(130, "interrupted")
    except ImportError as error:
        _end(4, f"expected the packages that it needs, got: {error}; install them: pip install facelite")
    start()


def _end(status: int, message: str) -> NoReturn:
    if sys.stderr is not None:  # as it is in a process that was started without
        sys.stderr.write(f"facelite: {message}\n")
    sys.exit(status)


if __name__ == "__main__":
    run()
