"""A server that does what the customer's id says: statuses, odd bodies, and an echo of what it heard."""

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
"""What a 200 may hold."""

SILENT_SECONDS = 2.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        what = self.path.split("/")[3]
        if what.startswith("status-"):
            self._send(int(what[7:]), _refusal(int(what[7:])))
        elif what == "hangs-up":
            self.close_connection = True
        elif what == "silent":
            time.sleep(SILENT_SECONDS)
        elif what == "moved":
            self._send(302, b"", {"location": self.path.replace("/moved/", "/echo/")})
        elif what == "shouts":
            self._send(200, b"{}", {"X-Shout": "1"})
        elif what in BODIES:
            self._send(200, BODIES[what])
        else:
            self._send(200, self._echo())

    def _echo(self) -> bytes:
        """Gives an entity, or a list of one, with what was heard as the name of the bank."""
        heard = {
            "method": self.command,
            "target": self.path,
            "headers": sorted([name.lower(), value] for name, value in self.headers.items()),
        }
        entity = ENTITY | {"instrument_meta": {"card_bank_name": json.dumps(heard)}}
        return json.dumps([entity] if "?" in self.path else entity).encode()

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)  # no name and no date of this server: every header is one that we chose
        for name, value in {"content-type": "application/json", "x-request-id": "r1", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_DELETE = _answer  # noqa: N815  # the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


def _refusal(status: int) -> bytes:
    return json.dumps({"message": f"told {status}", "code": f"code_{status}", "type": "some_error"}).encode()


@contextmanager
def scripted() -> Iterator[str]:
    """Runs the server and gives its address, until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/pg"
        finally:
            server.shutdown()
            thread.join()
