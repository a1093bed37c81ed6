"""A folder on the loopback device, below a path, and what was asked of it."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HEADERS = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cache-Control": "no-store"}
"""A page may use threads, and sees a file that was changed."""

TYPES = {".js": "text/javascript", ".wasm": "application/wasm"}
"""Whatever the machine's own list says."""


class Site(ThreadingHTTPServer):
    """Gives the files of ``folder`` while it is entered; ``asked`` are the paths that were asked for, ``sent`` the requests with a body."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.asked: list[str] = []
        self.sent: list[str] = []

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Site:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self.server_close()


class Handler(SimpleHTTPRequestHandler):
    server: Site

    def guess_type(self, path: str) -> str:
        return TYPES.get(Path(path).suffix) or super().guess_type(path)

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        super().do_GET()

    def do_POST(self) -> None:
        self.server.sent.append(self.path)
        self.send_error(405)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *words: object) -> None:
        """Keeps standard error for what goes wrong."""
