"""The headers that stand on every answer, whatever became of the call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokenvault_contract import headers
from tokenvault_contract.versions import ApiVersion
from tokenvault_server.api.call import JSON, Call, Headers
from tokenvault_server.api.rate_limits import Rate

_REQUEST_ID = headers.REQUEST_ID.encode()
_API_VERSION = headers.API_VERSION.encode()
_DEPRECATED_AT = headers.DEPRECATED_AT.encode()
_RATE_LIMIT = headers.RATE_LIMIT.encode()
_RATE_REMAINING = headers.RATE_REMAINING.encode()
_RATE_RETRY = headers.RATE_RETRY.encode()
_RATE_TYPE = headers.RATE_TYPE.encode()
_IDEMPOTENCY_KEY = headers.IDEMPOTENCY_KEY.encode()
_REPLAYED: Final = (headers.IDEMPOTENCY_REPLAYED.encode(), b"true")
_NOT_REPLAYED: Final = (headers.IDEMPOTENCY_REPLAYED.encode(), b"false")


class CommonHeaders:
    """Makes them, as the operator has chosen."""

    def __init__(self, deprecated: Mapping[ApiVersion, bytes] | None = None, *, retry_after: bool = False) -> None:
        """Tell when versions end, as `versions.deprecations` gives it; send `retry-after` with 429 or leave it out."""
        self._deprecated = deprecated or {}
        self._retry_after = retry_after

    def of(self, call: Call, rate: Rate) -> Headers:
        """Give the headers of the answer to a call."""
        limit, remaining, retry, scope = rate
        found: Headers = [
            JSON,
            (_API_VERSION, call.version.encode()),
            (_REQUEST_ID, call.request_id.encode()),
            _REPLAYED if call.replayed else _NOT_REPLAYED,
            (_RATE_LIMIT, b"%d" % limit),
            (_RATE_REMAINING, b"%d" % remaining),
            (_RATE_RETRY, b"%d" % retry),
            (_RATE_TYPE, scope.encode()),
        ]
        if call.idempotency_key:
            found.append((_IDEMPOTENCY_KEY, call.idempotency_key.encode()))
        if retry and self._retry_after:
            # Off unless wanted: on seeing it, the official Python SDK sleeps and repeats the call by itself.
            found.append((b"retry-after", b"%d" % retry))
        if call.version in self._deprecated:
            found.append((_DEPRECATED_AT, self._deprecated[call.version]))
        return found
