"""A receiver of notifications in a thread, for tests whose vault is a process of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Notified:
    """One notification; names of headers in lower case."""

    headers: dict[str, str]
    body: bytes
    path: str = ""


class Listener(ThreadingHTTPServer):
    """Remembers what it hears and answers each with its status."""

    daemon_threads = True
    request_queue_size = 1000

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.heard: queue.Queue[Notified] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def next(self) -> Notified:
        """Gives what was heard next, or fails when nothing comes."""
        return self.heard.get(timeout=SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a vault that is killed hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.put(Notified(headers, body, self.path))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def listening() -> Iterator[Listener]:
    """Gives a listener until the block ends."""
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()
