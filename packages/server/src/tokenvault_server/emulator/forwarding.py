"""Passes the webhooks of an emulator on to a URL: headers and body as they came, and the answer back.

The emulator sends to a port of this process. A receiver that answers 500 gets the event again, by the usual schedule.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from time import perf_counter
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

from tokenvault_contract import headers as names
from tokenvault_server.emulator.captured_webhooks import read_event
from tokenvault_server.emulator.steering import Steering
from tokenvault_server.errors import SettingsError, VaultError

_LOOPBACK: Final = "127.0.0.1"
_SECONDS: Final = 9.0
"""For one exchange: the vault itself waits 10 seconds."""
_OF_ONE_CONNECTION: Final = frozenset({"host", "connection", "content-length", "transfer-encoding", "expect"})
_BAD_GATEWAY: Final = 502


class Forwarded(NamedTuple):
    """One attempt, and what its receiver answered."""

    event: str
    attempt: str
    status: int | None
    """None if there was no answer."""
    seconds: float
    failure: str = ""
    """Why there was none."""


class Forwarder:
    """Passes webhooks on from `with` to its end."""

    def __init__(self, emulator: Steering, target: str, show: Callable[[Forwarded], None]) -> None:
        """Register with `emulator`, send to `target`, and report each attempt to `show`, from threads.

        Raises:
            SettingsError: `target` is no URL of an HTTP server.
        """
        parts = urlsplit(target)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError("this is no URL to forward to", hint="such as http://localhost:8000/webhooks")
        self._emulator = emulator
        self._target = target
        self._show = show
        self._server = _Server(self._forward)
        self._url = f"http://{_LOOPBACK}:{self._server.server_port}{self._server.path}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        try:
            self.register()
        except VaultError:
            self._server.server_close()
            raise
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def register(self) -> None:
        """Have the emulator send its webhooks here, also after it was reset.

        Raises:
            StoreError: the emulator does not answer.
        """
        if self._url not in self._emulator.webhooks.endpoints():
            self._emulator.webhooks.add_endpoint(self._url)

    def leave(self) -> None:
        """Have the emulator send nothing here any more."""
        self._emulator.webhooks.remove_endpoint(self._url)

    def _forward(self, headers: dict[str, str], body: bytes) -> int:
        """Pass one attempt on and return the status for the vault."""
        began = perf_counter()
        status, failure = None, ""
        try:
            status = _post(self._target, headers, body)
        except (OSError, http.client.HTTPException) as error:
            failure = getattr(error, "strerror", None) or type(error).__name__
        attempt = headers.get(names.WEBHOOK_ATTEMPT, "1")
        self._show(Forwarded(read_event(body).type, attempt, status, perf_counter() - began, failure))
        return status or _BAD_GATEWAY


def _post(target: str, headers: dict[str, str], body: bytes) -> int:
    parts = urlsplit(target)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    """Listens on a free port of loopback."""

    daemon_threads = True

    def __init__(self, forward: Callable[[dict[str, str], bytes], int]) -> None:
        super().__init__((_LOOPBACK, 0), _Handler)
        self.path = f"/{token_urlsafe(16)}"  # else a page in this machine's browser could have something forwarded
        self.forward = forward

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: an emulator that stops closes its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path != self.server.path:
            self.send_error(404)
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        self.send_response_only(self.server.forward(headers, body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""
