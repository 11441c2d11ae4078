"""Transports as a user would write them: no socket, every request kept."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.client.recorder import BODY
from tokenvault_client.transports import Request, Response


@dataclass
class OwnTransport:
    """Answers everything with one card, or raises what it is told to raise."""

    raises: Exception | None = None
    sent: list[tuple[Request, float]] = field(default_factory=list)
    is_closed: bool = False

    def send(self, request: Request, seconds: float) -> Response:
        self.sent.append((request, seconds))
        if self.raises:
            raise self.raises
        return Response(200, {}, BODY)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class OwnAsyncTransport:
    """The same for tasks."""

    own: OwnTransport = field(default_factory=OwnTransport)

    async def send(self, request: Request, seconds: float) -> Response:
        return self.own.send(request, seconds)

    async def close(self) -> None:
        self.own.close()
