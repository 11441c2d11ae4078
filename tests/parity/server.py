"""A server whose response depends on the customer's id: a status, an unusual body, or an echo of the request."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ENTITY = {"customer_id": "c", "instrument_id": "i1", "instrument_status": "ACTIVE", "afa_reference": "740324562"}

BODIES: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "web-page": b"<html>hello</html>",
    "half": b'{"instrument_id": "i',
    "list": b"[]",
    "number-as-reference": json.dumps(ENTITY | {"afa_reference": 740324562}).encode(),
    "list-as-reference": json.dumps(ENTITY | {"afa_reference": ["740324562"]}).encode(),
    "new-status": json.dumps(ENTITY | {"instrument_status": "SUSPENDED"}).encode(),
    "new-field": json.dumps(ENTITY | {"instrument_colour": "blue"}).encode(),
    "no-fields": b"{}",
}
"""The bodies of responses with status 200."""

SILENT_SECONDS = 2.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _respond(self) -> None:
        instruction = self.path.split("/")[3]
        if instruction.startswith("status-"):
            self._send(int(instruction[7:]), _error_body(int(instruction[7:])))
        elif instruction == "closes":
            self.close_connection = True
        elif instruction == "silent":
            time.sleep(SILENT_SECONDS)
        elif instruction == "moved":
            self._send(302, b"", {"location": self.path.replace("/moved/", "/echo/")})
        elif instruction == "mixed-case-header":
            self._send(200, b"{}", {"X-Mixed-Case": "1"})
        elif instruction in BODIES:
            self._send(200, BODIES[instruction])
        else:
            self._send(200, self._echo())

    def _echo(self) -> bytes:
        """Return an entity, or a list with one, whose bank name is the received request as JSON."""
        request = {
            "method": self.command,
            "target": self.path,
            "headers": sorted([name.lower(), value] for name, value in self.headers.items()),
        }
        entity = ENTITY | {"instrument_meta": {"card_bank_name": json.dumps(request)}}
        return json.dumps([entity] if "?" in self.path else entity).encode()

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)  # no headers `server` and `date`, which vary
        for name, value in {"content-type": "application/json", "x-request-id": "r1", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = _respond  # noqa: N815  # the names that http.server expects

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


def _error_body(status: int) -> bytes:
    return json.dumps({"message": f"status {status}", "code": f"code_{status}", "type": "some_error"}).encode()


@contextmanager
def scripted_server() -> Iterator[str]:
    """Run the server until the block ends, and return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/pg"
        finally:
            server.shutdown()
            thread.join()
