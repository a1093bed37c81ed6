"""Open one of the pages here in headless Chromium and keep what it posts: needs Python and Chromium, nothing else.

    python drive.py PAGE CASES MODULES OUT [--isolated]

serves this folder, CASES (made by cases.py) and MODULES (a node_modules) on the loopback device, and writes OUT/NAME.default in the layout of
cases.py and OUT/answer.json: {"fetched": [paths], "refused": {NAME: the runtime's message}}. ``--isolated`` sends the headers that a page
needs for threads. Exits with 1 and says why where the page does not come to its end.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGES = Path(__file__).parent

PATIENCE = 240
"""Seconds for Chromium to start and for a page to ask all cases; on two busy cores that took 64."""

ALONE = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
"""No window, and no request of its own."""

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
"""What a page must be served with to have SharedArrayBuffer, and so threads."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", help="file name, with its query")
    parser.add_argument("cases", type=Path)
    parser.add_argument("modules", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--isolated", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as site:
        for file in PAGES.iterdir():
            (Path(site) / file.name).symlink_to(file)
        (Path(site) / "cases").symlink_to(arguments.cases.resolve())
        (Path(site) / "node_modules").symlink_to(arguments.modules.resolve())
        server = Server(site, arguments.out, ISOLATED if arguments.isolated else {})
        with server, open_in_chromium(f"http://127.0.0.1:{server.server_port}/{arguments.page}") as chromium:
            trouble = server.trouble(chromium)
    (arguments.out / "answer.json").write_text(json.dumps({"fetched": sorted(server.fetched), "refused": server.refused}, indent=1))
    if trouble:
        sys.exit(f"{arguments.page}: {trouble}")


class Server(ThreadingHTTPServer):
    """Gives the files of a folder and takes answers, while it is entered."""

    def __init__(self, site: str, out: Path, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=site))
        self.out, self.headers = out, headers
        self.fetched: set[str] = set()
        self.refused: dict[str, str] = {}
        self.broken = ""
        self.done = threading.Event()

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()

    def trouble(self, chromium: subprocess.Popen[bytes]) -> str:
        """Waits for the page's end. Why it did not come; empty where it came."""
        for _ in range(PATIENCE):
            if self.done.wait(1):
                return self.broken
            if chromium.poll() is not None:
                return f"Chromium ended with status {chromium.returncode}"
        return f"it was not done in {PATIENCE} seconds"


class Handler(SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.fetched.add(self.path)
        super().do_GET()

    def end_headers(self) -> None:
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind, _, name = self.path.lstrip("/").partition("/")
        if kind == "answers":
            (self.server.out / f"{Path(name).name}.default").write_bytes(body)
        elif kind == "refusals":
            self.server.refused[name] = body.decode()
        else:  # "done", or "broken" with the reason
            self.server.broken = body.decode()
            self.server.done.set()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Keeps standard error for what goes wrong."""


@contextmanager
def open_in_chromium(address: str) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        sys.exit("expected Chromium, found none; install it: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([program, *ALONE, f"--user-data-dir={profile}", address], stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
