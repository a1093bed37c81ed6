"""Beside gpiozero's mock pins: each change of one is written to PIN_LOG as "TIME PIN STATE", and none is released while the file PIN_STUCK is there.

MDWE=1: no memory is made executable that was not at its mapping, as a systemd unit with MemoryDenyWriteExecute has it.
"""

import ctypes
import os
import time
from pathlib import Path

PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1

if os.environ.get("MDWE"):
    assert ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0

if log := os.environ.get("PIN_LOG"):
    from gpiozero.pins.mock import MockPin

    change = MockPin._change_state

    def told(pin, value):
        if not value and os.path.exists(os.environ.get("PIN_STUCK", "")):  # noqa: PTH110 - as little as can be, in every process
            return False
        changed = change(pin, value)
        if changed:
            with Path(log).open("a") as file:
                file.write(f"{time.monotonic()} {pin.info.name} {int(value)}\n")
        return changed

    MockPin._change_state = told
