"""A transport that leaves no connection open after a call."""

from __future__ import annotations

from tokenvault_client.transports import AsyncHttp1Transport, Request, Response


class ClosingTransport:
    """Closes its connections after each call.

    A fixture cannot know when the event loop of a test ends, or who runs it: pytest-asyncio, anyio or the test itself.
    A connection that is left in a closed loop would be reported as a leak.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
        self._transport = AsyncHttp1Transport()

    async def send(self, request: Request, seconds: float) -> Response:
        """Return the response to a request."""
        try:
            return await self._transport.send(request, seconds)
        finally:
            await self._transport.close()

    async def close(self) -> None:
        """Do nothing: all connections are closed."""
