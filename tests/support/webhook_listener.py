"""A webhook endpoint in a thread, for tests whose vault is a process of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = 60


@dataclass(frozen=True, slots=True)
class ReceivedAttempt:
    """One attempt as it arrived; header names in lower case."""

    headers: dict[str, str]
    body: bytes
    path: str = ""


class Listener(ThreadingHTTPServer):
    """Keeps every attempt and answers it with `status`."""

    daemon_threads = True
    request_queue_size = 1000

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.attempts: queue.Queue[ReceivedAttempt] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def next(self) -> ReceivedAttempt:
        """Return the next attempt, or fail when none arrives."""
        return self.attempts.get(timeout=SECONDS)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a vault that is killed closes its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.attempts.put(ReceivedAttempt(headers, body, self.path))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def listening() -> Iterator[Listener]:
    """Run a listener until the block ends."""
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()
