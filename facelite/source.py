"""Where pictures come from: a folder with one folder per person, or a tar of such a folder, read in place."""

from __future__ import annotations

import os
import tarfile
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from facelite.errors import InputError
from facelite.image import SUFFIXES, find_images

Read = Callable[[str], bytes]

MOST_HEADER = 1 << 20
"""Bytes of a long name or of PAX's records, at most: tarfile takes them into memory whole."""


@contextmanager
def open_source(path: str | Path, /, *, suffixes: Collection[str] = SUFFIXES) -> Iterator[tuple[list[str], Read]]:
    """Names ``person/picture.jpg`` in ``path``, sorted, and a function that reads one; it may be called from threads.

    Raises InputError when there is no such folder or tar, or no picture in it.
    """
    path = Path(path)
    if path.is_dir():
        names = [found.relative_to(path).as_posix() for found in find_images(path, suffixes=suffixes)]
        _check(path, names)
        yield names, lambda name: (path / name).read_bytes()
    elif path.is_file():
        with path.open("rb") as file:
            places = _index(path, file, suffixes)
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


def check_people(path: str | Path, names: Sequence[str], /) -> None:
    """Raises InputError for a picture of ``names`` in ``path`` that lies in no folder or deeper: nobody can tell which name is the person's."""
    if name := next((name for name in names if name.count("/") != 1), ""):
        where = "deeper; name the folder that holds the people's, or move it up" if "/" in name else "in none; sort it in"
        raise InputError(f"{path}: expected one folder per person (person/picture.jpg), got the picture {name} {where}")


def people_in(folder: str | Path, /) -> dict[str, list[Path]]:
    """The pictures of each person, by the name of the person's folder in ``folder``. Raises InputError."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with one folder per person, found no folder; check --folder")
    with open_source(folder) as (names, _):
        check_people(folder, names)
    people: dict[str, list[Path]] = {}
    for name in names:
        people.setdefault(name.split("/")[0], []).append(folder / name)
    return people


def read_beside(path: str | Path, name: str, /) -> bytes | None:
    """The file ``name`` that lies beside the people in the folder or tar ``path``, such as a list of pairs; None where there is none."""
    path = Path(path)
    if path.is_dir():
        return (path / name).read_bytes() if (path / name).is_file() else None
    try:
        with path.open("rb") as file:
            found = next((member for found, member in _members(path, file) if found == name), None)
            return os.pread(file.fileno(), found.size, found.offset_data) if found else None
    except (OSError, InputError):
        return None


def _index(path: Path, file: BinaryIO, suffixes: Collection[str]) -> dict[str, tuple[int, int]]:
    """Offset and size of each picture in a tar; hidden names and those that lead out of it are left out."""
    return {
        name: (member.offset_data, member.size)
        for name, member in _members(path, file)
        if PurePosixPath(name).suffix.lower() in suffixes and not any(part.startswith((".", "/")) for part in PurePosixPath(name).parts)
    }


def _members(path: Path, file: BinaryIO) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """Name and header of each regular file in a tar. Raises InputError for one that is damaged."""
    size = os.fstat(file.fileno()).st_size
    try:
        with tarfile.open(fileobj=file, mode="r:", tarinfo=_Member) as tar:
            for member in tar:
                beyond = member.isreg() and member.size > size - member.offset_data
                if member.size < 0 or beyond:  # as PAX's records may say: tarfile then reads in circles
                    raise tarfile.ReadError(f"{member.name[:80]!r} of {member.size:,} bytes at {member.offset_data:,} of {size:,}")
                if member.issparse():
                    raise tarfile.ReadError(f"the sparse file {member.name[:80]!r}")
                if member.isreg():
                    yield member.name.removeprefix("./"), member
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:  # tarfile lets those of numbers and places through
        raise _refusal(path, str(error)) from None


class _Member(tarfile.TarInfo):
    """A header that does not make tarfile read backwards, nor more than MOST_HEADER into memory."""

    def _proc_member(self, archive: tarfile.TarFile) -> Self:  # open to subclasses, says tarfile; mended ones go around frombuf
        if self.size < 0 or (self.type in _LONG and self.size > MOST_HEADER):
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]  # typeshed leaves it out


_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


def _refusal(path: Path, got: str) -> InputError:
    return InputError(f"{path}: expected a folder or a whole, uncompressed tar of pictures, one folder per person, got {got}; check the path")


def _check(path: Path, names: list[str]) -> None:
    if not names:
        raise InputError(f"{path}: expected pictures in it, one folder per person (person/picture.jpg; PNG, WebP, BMP), found none; check the path")
