"""A raw ASGI handler without features: it checks the key, reads one row, and writes JSON with six headers."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from bench.support import plain

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_reader = plain.Reader()
_encode = msgspec.json.Encoder().encode


async def app(scope: Message, _receive: Receive, send: Send) -> None:
    """Answer one request."""
    client_id = secret = b""
    for name, value in scope["headers"]:
        if name == b"x-client-id":
            client_id = value
        elif name == b"x-client-secret":
            secret = value
    merchant_id = _reader.merchant(client_id, secret)
    if merchant_id is None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    segments = scope["path"].split("/")
    body = _encode(plain.entity(_reader.read(merchant_id, segments[3], segments[5])))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-api-version", b"2026-01-01"),
        (b"x-request-id", b"req_" + secrets.token_hex(12).encode()),
        (b"x-ratelimit-limit", b"200"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
