"""Transports as a user would write them. They record the requests and use no socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.client.recording_server import BODY
from tokenvault_client.transports import Request, Response


@dataclass
class RecordingTransport:
    """Returns one card for every request, or raises an exception."""

    raises: Exception | None = None
    sent: list[tuple[Request, float]] = field(default_factory=list)
    is_closed: bool = False

    def send(self, request: Request, seconds: float) -> Response:
        self.sent.append((request, seconds))
        if self.raises:
            raise self.raises
        return Response(200, {}, b"[]" if "?" in request.url else BODY)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class AsyncRecordingTransport:
    """The same, for tasks."""

    inner: RecordingTransport = field(default_factory=RecordingTransport)

    async def send(self, request: Request, seconds: float) -> Response:
        return self.inner.send(request, seconds)

    async def close(self) -> None:
        self.inner.close()
