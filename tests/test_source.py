"""Tars that tarfile would follow for ever, or into more memory than there is; what is whole is read in place."""

from __future__ import annotations

import io
import tarfile

import pytest

from facelite.errors import InputError
from facelite.source import MOST_HEADER, open_source, read_beside


def tar(members, form=tarfile.PAX_FORMAT, **records):
    """A tar of (name, content or the target of a link), all with these records of PAX."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=form) as file:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.pax_headers = records
            if isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
            else:
                member.size = len(data)
            file.addfile(member, io.BytesIO(data) if member.size else None)
    return content.getvalue()


def header(kind, size):
    """A header of that kind and size, in base 256, and two empty blocks."""
    block = bytearray(tarfile.TarInfo("ada/1.jpg").tobuf(tarfile.GNU_FORMAT))
    block[124:136] = ((1 << 95) + size if size >= 0 else (1 << 96) + size).to_bytes(12, "big")
    block[156:157] = kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


WHOLE = [("./ada/1.jpg", b"one"), ("bob/2.png", b"two"), ("pairs.txt", b"pairs"), (".hidden/3.jpg", b"three")]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_whole_tar_is_read_in_place(tmp_path, form):
    path = tmp_path / "people.tar"
    path.write_bytes(tar(WHOLE, form))
    with open_source(path) as (names, read):
        assert names == ["ada/1.jpg", "bob/2.png"]
        assert [read(name) for name in names] == [b"one", b"two"]
    assert (read_beside(path, "pairs.txt"), read_beside(path, "none.txt")) == (b"pairs", None)


def test_long_names_and_links_are_no_hindrance(tmp_path):
    path = tmp_path / "people.tar"
    name = "ada/" + "x" * 200 + "ä.jpg"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path.write_bytes(tar([*WHOLE, (name, b"long"), ("ada/link.jpg", "1.jpg")], form))
        with open_source(path) as (names, read):
            assert names == ["ada/1.jpg", name, "bob/2.png"]
            assert read(name) == b"long"


ONE = [("ada/1.jpg", b"1\n0\n3\n")]


@pytest.mark.parametrize("data", [
    pytest.param(tar(ONE, size="-512"), id="backwards, by PAX"),
    pytest.param(tar(ONE, size="-10240"), id="far backwards, by PAX"),
    pytest.param(tar(ONE, size="99999999999"), id="beyond the end, by PAX"),
    pytest.param(tar(ONE, **{"GNU.sparse.map": "a,b", "GNU.sparse.size": "9"}), id="no number, by PAX"),
    pytest.param(tar(ONE, **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 60)}), id="sparse"),
    pytest.param(header(b"0", -512), id="backwards"),
    pytest.param(header(b"0", 1 << 40), id="beyond the end"),
    pytest.param(header(b"0", 1 << 80), id="beyond all files"),
    pytest.param(header(b"L", 9), id="the name of nothing"),
    *(pytest.param(header(kind, size), id=f"{kind} of {size}") for kind in (b"L", b"K", b"x", b"g", b"X") for size in (MOST_HEADER + 1, 1 << 60, -1)),
])  # fmt: skip
def test_a_damaged_tar_is_refused(tmp_path, data):
    """Where tarfile is mended against negative sizes by PAX, it ends there: no pictures are found."""
    path = tmp_path / "people.tar"
    path.write_bytes(data)
    with (
        pytest.raises(InputError, match=f"{path}: expected (a folder or a whole, uncompressed tar of pictures|pictures in it), .*; check the path"),
        open_source(path),
    ):
        pass
    assert read_beside(path, "pairs.txt") is None
