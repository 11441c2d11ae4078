"""A server that lets everybody in, gives everybody the same card, and remembers requests as it parsed them."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

BODY = json.dumps(
    {
        "instrument_id": "i1",
        "token_requestor_id": "t",
        "card_number": "n",
        "card_expiry_mm": "06",
        "card_expiry_yy": "2031",
        "cryptogram": "c",
    }
).encode()


class Heard(NamedTuple):
    """One request as the server parsed it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


class Recorder(ThreadingHTTPServer):
    """Answers until its block ends, with a status; with None it hears a request and hangs up."""

    daemon_threads = True
    request_queue_size = 2000

    def __init__(self, *, answer: int | None = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.headers = headers or {}
        self.heard: list[Heard] = []
        self.scheme = "http"

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/pg"

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: callers that hang up are what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head waited 40 ms for its body
    server: Recorder

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        self.server.heard.append(Heard(self.command, self.path, headers, body))
        if self.server.answer is None:
            self.close_connection = True
            return
        content = b"[]" if "?" in self.path else BODY
        self.send_response(self.server.answer)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the names that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@contextmanager
def recording(
    *, answer: int | None = 200, headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Recorder]:
    """Runs such a server until the block ends."""
    with Recorder(answer=answer, headers=headers) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            server.scheme = "https"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
