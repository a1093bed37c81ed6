"""Where pictures come from: a folder with one folder per person, or a tar of such a folder, read in place."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from facelite.errors import InputError
from facelite.image import SUFFIXES, find_images

Read = Callable[[str], bytes]


@contextmanager
def open_source(path: str | Path, /) -> Iterator[tuple[list[str], Read]]:
    """Names ``person/picture.jpg`` in ``path``, sorted, and a function that reads one; it may be called from threads.

    Raises InputError when there is no such folder or tar, or no picture in it.
    """
    path = Path(path)
    if path.is_dir():
        names = [found.relative_to(path).as_posix() for found in find_images(path)]
        _check(path, names)
        yield names, lambda name: (path / name).read_bytes()
    elif path.is_file():
        with path.open("rb") as file:
            places = _index(path, file)
            _check(path, list(places))
            lock = threading.Lock()

            def read(name: str) -> bytes:
                offset, size = places[name]
                with lock:
                    file.seek(offset)
                    return file.read(size)

            yield sorted(places), read
    else:
        raise _refusal(path, "neither")


def read_beside(path: str | Path, name: str, /) -> bytes | None:
    """The file ``name`` that lies beside the people in the folder or tar ``path``, such as a list of pairs; None where there is none."""
    path = Path(path)
    if path.is_dir():
        return (path / name).read_bytes() if (path / name).is_file() else None
    try:
        with tarfile.open(path, "r:") as tar:
            member = next((one for one in tar if one.isreg() and one.name.removeprefix("./") == name), None)
            file = tar.extractfile(member) if member else None
            return file.read() if file else None
    except (OSError, tarfile.TarError):
        return None


def _index(path: Path, file: BinaryIO) -> dict[str, tuple[int, int]]:
    """Offset and size of each picture in a tar; hidden names and those that lead out of it are left out."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            members = [(member.name.removeprefix("./"), member) for member in tar if member.isreg()]
    except tarfile.TarError as error:
        raise _refusal(path, str(error)) from None
    return {
        name: (member.offset_data, member.size)
        for name, member in members
        if PurePosixPath(name).suffix.lower() in SUFFIXES and not any(part.startswith((".", "/")) for part in PurePosixPath(name).parts)
    }


def _refusal(path: Path, got: str) -> InputError:
    return InputError(f"{path}: expected a folder or a whole, uncompressed tar of pictures, one folder per person, got {got}; check the path")


def _check(path: Path, names: list[str]) -> None:
    if not names:
        raise InputError(f"{path}: expected pictures in it, one folder per person (person/picture.jpg), found none; check the path")
