"""The headers of every answer, whatever became of the call."""

from __future__ import annotations

from typing import Final

from tokenvault_contract import headers
from tokenvault_server.api.call import JSON, Reply, Request
from tokenvault_server.api.rate_limits import Rate
from tokenvault_server.api.shape import Headers

_REQUEST_ID = headers.REQUEST_ID.encode()
_RATE_LIMIT = headers.RATE_LIMIT.encode()
_RATE_REMAINING = headers.RATE_REMAINING.encode()
_RATE_RETRY = headers.RATE_RETRY.encode()
_RATE_TYPE = headers.RATE_TYPE.encode()
_IDEMPOTENCY_KEY = headers.IDEMPOTENCY_KEY.encode()
_REPLAYED: Final = (headers.IDEMPOTENCY_REPLAYED.encode(), b"true")
_NOT_REPLAYED: Final = (headers.IDEMPOTENCY_REPLAYED.encode(), b"false")


class CommonHeaders:
    """Makes the common headers as the operator configured them."""

    def __init__(self, *, retry_after: bool = False) -> None:
        """Send `retry-after` with 429, or leave it out."""
        self._retry_after = retry_after

    def of(self, request: Request, reply: Reply, rate: Rate) -> Headers:
        """Return the common headers of the reply to a request."""
        limit, remaining, retry, scope = rate
        common: Headers = [
            JSON,
            *request.shape.headers,
            (_REQUEST_ID, request.request_id.encode()),
            _REPLAYED if reply.replayed else _NOT_REPLAYED,
            (_RATE_LIMIT, b"%d" % limit),
            (_RATE_REMAINING, b"%d" % remaining),
            (_RATE_RETRY, b"%d" % retry),
            (_RATE_TYPE, scope.encode()),
        ]
        if request.idempotency_key:
            common.append((_IDEMPOTENCY_KEY, request.idempotency_key.encode()))
        if retry and self._retry_after:
            # Off by default: when the official Python SDK sees it, it sleeps and repeats the call by itself.
            common.append((b"retry-after", b"%d" % retry))
        return common
