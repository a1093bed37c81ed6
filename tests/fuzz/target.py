"""What is done to every public entry point: damaged input, and a result of its kind or a FaceliteError of one line.

Whatever else comes is a defect: another exception, a warning, a process that dies, a hang, more memory than the bound.
"""

from __future__ import annotations

from pathlib import Path

from facelite.errors import FaceliteError

ROOT = Path(__file__).parent.parent.parent

REFUSED = object()
"""What a target gives where the library has refused."""


class Target:
    """``make(random)`` gives damaged bytes, ``call`` hands them to the library and gives REFUSED or what it has checked.

    ``megabytes``: how much more memory than before may have been in use. ``seconds``: how long one input may take on a busy machine.
    """

    megabytes, seconds = 400, 60

    def __init__(self, folder, bundle):
        self.folder, self.bundle_file = folder, bundle

    def call(self, data):
        try:
            return self.use(data)
        except FaceliteError as error:
            assert str(error).strip(), "an error without a word"
            return REFUSED

    def written(self, data, name="input"):
        path = self.folder / name
        path.write_bytes(data)
        return path
