"""The real command line in this process, pictures to give it, and what every refusal has in common."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facelite.cli.main import main


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self):
        """The one object on standard output."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)


@pytest.fixture
def facelite(bundle_file, monkeypatch):
    """facelite("verify", a, b): a command with the released bundle in FACELITE_BUNDLE."""
    monkeypatch.setenv("FACELITE_BUNDLE", str(bundle_file))
    monkeypatch.delenv("FACELITE_DEBUG", raising=False)

    def run(*words):
        result = CliRunner().invoke(main, [str(word) for word in words])
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def refused(facelite, tmp_path):
    """refused(status, "verify", a, b, match="..."): one line on standard error, one object with --json, tmp_path as it was before."""

    def state():
        return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(tmp_path.rglob("*"))}

    def check(status, *words, match):
        before = state()
        for more in ((), ("--json",)):
            result = facelite(*words, *more)
            assert result.status == status, result
            lines = result.err.splitlines()
            assert len(lines) == 1, result.err
            assert result.err.startswith("facelite: ")
            assert re.search(match, result.err), result.err
            said = "expected" in result.err and re.search("got|found", result.err) and ";" in result.err
            assert said or result.err.endswith(" --help)\n"), result.err
            if more:
                assert isinstance(result.json, dict)
                assert "error" not in result.json or result.json == {"error": lines[0].removeprefix("facelite: "), "status": status}
            else:
                assert result.out == ""
            assert state() == before

    return check


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR))


@pytest.fixture(scope="session")
def photos(tmp_path_factory, astronaut, hopper):
    """Photographs with one face, with two, with none, and files that are no pictures. Nobody writes here."""
    folder = tmp_path_factory.mktemp("photos")
    write(folder / "astronaut.png", astronaut)
    write(folder / "flipped.jpg", astronaut[:, ::-1])
    write(folder / "hopper.jpg", hopper)
    write(folder / "two.png", np.hstack([astronaut[:, :400], astronaut[:, 100:]]))
    write(folder / "none.png", np.full((200, 200, 3), 120, np.uint8))
    write(folder / "dark.png", (astronaut * 0.1).astype(np.uint8))
    (folder / "text.jpg").write_text("not a picture")
    (folder / "truncated.jpg").write_bytes((folder / "flipped.jpg").read_bytes()[:5000])
    (folder / "empty.png").touch()
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory, astronaut, hopper):
    """One folder per person, as enrol --folder and evaluate take it, with LFW's names of files and a list of pairs."""
    folder = tmp_path_factory.mktemp("people")
    for name, pixels in (("Eileen", astronaut), ("Grace", hopper)):
        for number, picture in enumerate((pixels, pixels[:, ::-1], pixels[10:, 5:]), start=1):
            write(folder / name / f"{name}_{number:04d}.jpg", picture)
    pairs = ["Eileen\t1\t2", "Grace\t1\t2", "Eileen\t1\tGrace\t1", "Eileen\t2\tGrace\t2",
             "Eileen\t1\t3", "Grace\t2\t3", "Eileen\t3\tGrace\t3", "Grace\t1\tEileen\t3"]  # fmt: skip
    (folder / "pairs.txt").write_text("\n".join(["2\t2", *pairs]))
    return folder


@pytest.fixture
def gallery(facelite, photos, tmp_path):
    """A gallery in which Eileen Collins is enrolled."""
    path = tmp_path / "gallery.db"
    assert facelite("enrol", "--gallery", path, "Eileen", photos / "astronaut.png").status == 0
    return path
