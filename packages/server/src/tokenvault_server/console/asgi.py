"""The admin listener's ASGI application. Most emulators get no request, so the pages are imported with the first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tokenvault_server.console.status import Status

Message = MutableMapping[str, Any]
App = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class AdminApp:
    """An ASGI application that is built with the first request."""

    def __init__(self, status: Status) -> None:
        """Show `status`."""
        self._status = status
        self._app: App | None = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass the request on to the pages."""
        if self._app is None:
            from tokenvault_server.console.pages import build

            self._app = build(self._status)
        await self._app(scope, receive, send)
