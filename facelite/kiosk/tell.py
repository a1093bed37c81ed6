"""Events told to others: a webhook, a command. Each has a thread and a short queue of its own, so that nothing waits for a network."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

from facelite.kiosk.config import CommandConfig, WebhookConfig
from facelite.kiosk.door import errors

WAITING = 100
"""Events that may wait; what comes then is dropped, and that is logged."""

log = logging.getLogger(__name__)


class Teller:
    """Gives each event to ``tell`` in a thread of its own; what that raises is logged, and ends nothing."""

    def __init__(self, name: str, tell: Callable[[dict[str, Any]], None], /) -> None:
        self._name, self._tell = name, tell
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, event: dict[str, Any], /) -> None:
        try:
            self._queue.put_nowait(event)
        except queue.Full:
            log.warning("%s: %d events wait already; one is dropped", self._name, WAITING)

    def close(self) -> None:
        """Wait a moment for what is left."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(timeout=3.0)

    def _work(self) -> None:
        while (event := self._queue.get()) is not None:
            try:
                self._tell(event)
            except Exception as error:  # noqa: BLE001 - of a network or of somebody's program
                log.warning("%s: %s: %s", self._name, type(error).__name__, error)


def post(config: WebhookConfig, /) -> Callable[[dict[str, Any]], None]:
    """What posts an event as JSON to the address; another answer than 2xx raises."""

    def tell(event: dict[str, Any]) -> None:
        request = urllib.request.Request(config.url, json.dumps(event).encode(), {"Content-Type": "application/json"})  # noqa: S310 - the config lets http and https alone
        with urllib.request.urlopen(request, timeout=config.seconds):  # noqa: S310
            pass

    return tell


def run(config: CommandConfig, /) -> Callable[[dict[str, Any]], None]:
    """What runs the program with an event as JSON on standard input; another end than 0 raises."""

    def tell(event: dict[str, Any]) -> None:
        subprocess.run(config.run, input=json.dumps(event).encode(), timeout=config.seconds, check=True, stdout=subprocess.DEVNULL, stderr=errors())

    return tell
