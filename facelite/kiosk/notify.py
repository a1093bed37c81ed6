"""What systemd is told: that the service is ready, that it is alive, how it is. Nothing where no systemd asks."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send lines such as READY=1, WATCHDOG=1, STATUS=... to the socket that NOTIFY_SOCKET names: sd_notify(3)."""
    if not (address := os.environ.get("NOTIFY_SOCKET")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto("\n".join(lines).encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
