"""The port without a browser, in Node: arithmetic, checks, types, the server of its folder."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent

ARITHMETIC = ("view", "decode", "faces", "choose", "matrix", "crop", "quality", "input",
              "unit", "distance", "fuse", "threshold", "gallery", "enrolment", "decision")  # fmt: skip
"""The stages that need no model."""


def test_the_stages_without_models(run, packed, vectors, judge, tell, tmp_path):
    ended = run("node", HERE / "arithmetic.mjs", packed, vectors, tmp_path)
    assert ended.returncode == 0, ended.stderr
    tell(f"Node, {ended.stdout.strip()}")
    assert judge(tmp_path, ARITHMETIC) == []


def test_the_units(run, packed, galleries):
    ended = run("node", "--test", HERE / "units.test.mjs", PACKED=str(packed), GALLERIES=str(galleries))
    assert ended.returncode == 0, ended.stdout


def test_the_types_are_those_of_the_sources(run, source, packed, tmp_path):
    ended = run(packed / "node_modules/typescript/bin/tsc", "--outDir", tmp_path, cwd=packed)
    assert ended.returncode == 0, ended.stdout
    made, kept = ({file.name: file.read_text() for file in folder.iterdir()} for folder in (tmp_path, source / "types"))
    version = json.loads((HERE / "package.json").read_text())["dependencies"]["typescript"]
    assert made == kept, f"make them anew: cd devices/web && npx -p typescript@{version} tsc"


def test_the_sources_are_formatted(run, source, modules):
    files = [*source.glob("src/*.js"), *source.glob("demo/*.js"), source / "serve.js", *HERE.glob("*.*js")]
    ended = run(modules / ".bin/prettier", "--no-config", "--print-width", 120, "--check", *files)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("compiler", ["typescript", "typescript-5.7"])
@pytest.mark.parametrize("resolution", ["bundler", "node16", "nodenext"])
def test_programs_in_typescript(run, app, modules, programs, compiler, resolution):
    """user.ts, and the one in README.md, with the oldest compiler that README.md names, too."""
    shutil.copy(HERE / "user.ts", app)
    (app / "readme.ts").write_text("".join(programs("ts")))
    options = ["--strict", "--noEmit", "--lib", "es2023,dom", "--target", "es2022", "--moduleResolution", resolution]
    module = "es2022" if resolution == "bundler" else resolution
    ended = run(modules / compiler / "bin/tsc", *options, "--module", module, "user.ts", "readme.ts", cwd=app)
    assert ended.returncode == 0, ended.stdout


WASM = "node_modules/@litertjs/core/wasm/litert_wasm_internal.wasm"

SERVED = {
    "/": (302, None, None),
    "/demo/": (200, "text/html; charset=utf-8", "demo/index.html"),
    "/demo/icon.svg": (200, "image/svg+xml", "demo/icon.svg"),
    "/src/index.js": (200, "text/javascript", "src/index.js"),
    "/assets/embedder.tflite": (200, "application/octet-stream", "assets/embedder.tflite"),
    f"/{WASM}": (200, "application/wasm", WASM),
    **dict.fromkeys(("/demo", "/none", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2f..%2f..%2fetc/passwd", "/%zz", "//"), (404, None, None)),
}
"""What `npm start` says to a path: status, type, and the file that it gives."""


def test_the_server_of_the_folder(run, packed):
    run("node", "--version")
    with subprocess.Popen(["node", packed / "serve.js"], env=os.environ | {"PORT": "0"}, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = urlsplit(server.stdout.readline().strip())
            assert address.path == "/demo/"
            said = {path: fetch(address.port, path) for path in SERVED}
        finally:
            server.terminate()
    assert said == {path: (status, kind, (packed / file).read_bytes() if file else b"") for path, (status, kind, file) in SERVED.items()}


def test_a_taken_port_is_said_in_one_line(run, packed):
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("node", packed / "serve.js", PORT=str(port))
    assert ended.returncode == 1 and ended.stdout == ""
    assert re.fullmatch(rf".*EADDRINUSE.*:{port}; choose another port: PORT=1234 npm start\n", ended.stderr)


def test_npm_packs_and_installs_all_of_it(run, packed, source, tmp_path):
    """As README.md says, in a project elsewhere, and again after a new pack: LiteRT.js, and what pack.json lists, but for what makes the types."""
    pack, install = re.search(r"^    (npm pack path/to/this/folder) && (npm install .+)$", (source / "README.md").read_text(), re.MULTILINE).groups()
    installed = tmp_path / "project/node_modules/@facelite/web"
    folder = shutil.copytree(packed, tmp_path / "pack", ignore=shutil.ignore_patterns("node_modules"))
    (tmp_path / "project").mkdir()
    (tmp_path / "project/package.json").write_text("{}")
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    for words in (b"", b"\n// another pack\n"):
        (folder / "src/index.js").write_bytes((packed / "src/index.js").read_bytes() + words)
        ended = run(*pack.replace("path/to/this/folder", str(folder)).split(), cwd=tmp_path / "project")
        assert ended.returncode == 0, ended.stderr
        ended = run(*install.split(), *quiet, cwd=tmp_path / "project")
        if "ENOTFOUND" in ended.stderr or "ECONNREFUSED" in ended.stderr:
            pytest.skip(f"{install}: {ended.stderr}")
        assert ended.returncode == 0, ended.stderr
        listed = {"pack.json", *json.loads((folder / "pack.json").read_text())["files"]} - {"tsconfig.json"}
        assert {file.relative_to(installed).as_posix() for file in installed.rglob("*") if file.is_file()} == listed
        assert (installed / "src/index.js").read_bytes() == (folder / "src/index.js").read_bytes()
        assert (tmp_path / "project/node_modules/@litertjs/core/wasm").is_dir()


def fetch(port, path):
    """Status, type and content of a path as it is written."""
    connection = http.client.HTTPConnection("localhost", port)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()
