"""The control plane on the admin listener, below a path that holds a secret token.

A page in the developer's browser can send requests to this machine, too. It does not know the token. If it did: `host`
is checked by the listener, a request from a page names its `origin` and is refused, and only JSON is taken, which
browsers do not send across origins without asking first (CORS, Fetch standard 4.9).
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tokenvault_server.domain.tracebacks import described
from tokenvault_server.emulator.control.dispatch import MAX_BODY, Answer, answer, problem
from tokenvault_server.emulator.control.openapi import document
from tokenvault_server.emulator.control.plane import ControlPlane
from tokenvault_server.emulator.errors import ControlError

logger = logging.getLogger(__name__)

_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
_DOCUMENT: Final = "/openapi.json"
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class ControlApp:
    """Answers requests whose token was checked before."""

    def __init__(self, plane: ControlPlane) -> None:
        """Steer one emulator."""
        self._plane = plane

    async def __call__(self, request: Request, path: str) -> Response:
        """Answer one request to a path below the token."""
        try:
            given = await self._answer(request, path)
        except Exception as error:  # noqa: BLE001  # its frames may hold keys, and must not reach the framework
            logger.error("the control plane failed", extra=described(error))  # noqa: TRY400
            given = Answer(500, b'{"code":"internal_error","message":"see the log of the emulator"}')
        return Response(given.body, given.status, _HEADERS, media_type="application/json")

    async def _answer(self, request: Request, path: str) -> Answer:
        if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
            return Answer(403, b'{"code":"origin_refused","message":"web pages cannot steer the emulator"}')
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if request.method in _WITH_BODY and content_type != "application/json":
            return Answer(415, b'{"code":"content_type_invalid","message":"send content-type: application/json"}')
        if path == _DOCUMENT:
            return Answer(200, document(str(request.url).removesuffix(_DOCUMENT)))
        body = await _body(request)
        if body is None:
            return problem(ControlError.invalid("request", "is too large", [f"{MAX_BODY} bytes"]))
        return await answer(self._plane, request.method, path, request.url.query, body)


async def _body(request: Request) -> bytes | None:
    """Return the body, or None when it is too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            return None
    return bytes(body)
