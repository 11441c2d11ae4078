"""A server that accepts any credentials, returns one card, and records the requests as it parsed them."""

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


class RecordedRequest(NamedTuple):
    """One request, as the server parsed it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes


class RecordingServer(ThreadingHTTPServer):
    """Responds with a status. With None, it reads a request and closes the connection."""

    daemon_threads = True
    request_queue_size = 2000

    def __init__(self, *, status: int | None = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.headers = headers or {}
        self.requests: list[RecordedRequest] = []
        self.scheme = "http"

    @property
    def base_url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/pg"

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: in some tests, clients close the connection."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise a response waits 40 ms between head and body
    server: RecordingServer

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        self.server.requests.append(RecordedRequest(self.command, self.path, headers, body))
        if self.server.status is None:
            self.close_connection = True
            return
        content = b"[]" if "?" in self.path else BODY
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _respond  # noqa: N815  # the names that http.server expects

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


@contextmanager
def recording_server(
    *, status: int | None = 200, headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[RecordingServer]:
    """Run a server until the block ends."""
    with RecordingServer(status=status, headers=headers) as server:
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
