"""The bare handler with Starlette's router, request and response."""

from __future__ import annotations

import secrets

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.support import plain

_reader = plain.Reader()
_encode = msgspec.json.Encoder().encode


async def fetch(request: Request) -> Response:
    """Answer one request."""
    client_id, secret = request.headers["x-client-id"], request.headers["x-client-secret"]
    merchant_id = _reader.merchant(client_id.encode(), secret.encode())
    if merchant_id is None:
        return Response(status_code=401)
    row = _reader.read(merchant_id, request.path_params["customer_id"], request.path_params["instrument_id"])
    headers = {
        "cache-control": "no-store",
        "x-api-version": "2026-01-01",
        "x-request-id": "req_" + secrets.token_hex(12),
        "x-ratelimit-limit": "200",
    }
    return Response(_encode(plain.entity(row)), headers=headers, media_type="application/json")


app = Starlette(routes=[Route("/pg/customers/{customer_id}/instruments/{instrument_id}", fetch)])
