"""gpiozero, the pins of a Pi (extra ``kiosk``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from facelite.errors import FaceliteError


@contextmanager
def gpio() -> Iterator[Any]:
    """The library, to open devices with. Raises FaceliteError where it is not installed, or a device cannot be opened."""
    try:
        library = import_module("gpiozero")
    except ModuleNotFoundError as error:
        raise FaceliteError(f"expected the package {error.name}, found none; install it: pip install 'facelite[kiosk]'") from None
    try:
        yield library
    except Exception as error:  # noqa: BLE001 - of a driver, which may raise anything
        raise FaceliteError(
            f"expected GPIO pins that can be used, got {type(error).__name__}: {error}; "
            "sudo apt install python3-lgpio, and let the user be of the group gpio"
        ) from None
