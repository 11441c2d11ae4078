"""The headers of the Token Vault API, in the spelling that the published SDKs send and read."""

from __future__ import annotations

import re
from typing import Final

CLIENT_ID: Final = "x-client-id"
CLIENT_SECRET: Final = "x-client-secret"
CLIENT_SIGNATURE: Final = "x-client-signature"
PARTNER_API_KEY: Final = "x-partner-apikey"
PARTNER_MERCHANT_ID: Final = "x-partner-merchantid"

API_VERSION: Final = "x-api-version"
REQUEST_ID: Final = "x-request-id"
IDEMPOTENCY_KEY: Final = "x-idempotency-key"
IDEMPOTENCY_REPLAYED: Final = "x-idempotency-replayed"
DEPRECATED_AT: Final = "x-deprecated-at"

RATE_LIMIT: Final = "x-ratelimit-limit"
RATE_REMAINING: Final = "x-ratelimit-remaining"
RATE_RETRY: Final = "x-ratelimit-retry"
RATE_TYPE: Final = "x-ratelimit-type"

WEBHOOK_SIGNATURE: Final = "x-webhook-signature"
WEBHOOK_TIMESTAMP: Final = "x-webhook-timestamp"
"""Milliseconds since 1970."""
WEBHOOK_VERSION: Final = "x-webhook-version"
WEBHOOK_ATTEMPT: Final = "x-webhook-attempt"

REQUEST_HEADERS: Final = (API_VERSION, REQUEST_ID, IDEMPOTENCY_KEY)
"""The headers that a caller may send in addition to its credentials."""

RESPONSE_HEADERS: Final = (
    API_VERSION,
    RATE_LIMIT,
    RATE_REMAINING,
    RATE_RETRY,
    RATE_TYPE,
    REQUEST_ID,
    IDEMPOTENCY_KEY,
    IDEMPOTENCY_REPLAYED,
)
"""The headers that the published document declares for every response of every status, in its order."""

CREDENTIALS: Final = (CLIENT_ID, CLIENT_SECRET, CLIENT_SIGNATURE, PARTNER_API_KEY, PARTNER_MERCHANT_ID)
"""The headers that authenticate a call."""

FREE: Final = frozenset(
    {
        # Tracing: W3C, Zipkin, Jaeger and vendors.
        *("traceparent", "tracestate", "baggage", "b3", "uber-trace-id", "sentry-trace", "newrelic"),
        *("elastic-apm-traceparent", "request-context", "correlation-id"),
        # Authentication at a gateway in front of the API.
        *("authorization", "cookie", "apikey", "api-key", "ocp-apim-subscription-key"),
        *("cf-access-client-id", "cf-access-client-secret"),
        *("accept-language", "cache-control"),
    }
)
"""Headers outside the `x-` names that may be added to a call: they change neither its meaning nor its framing."""

FRAMING: Final = frozenset(
    {
        # RFC 9110 and 9112: where the message ends, where it goes, and what a hop does with it.
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te"),
        *("trailer", "upgrade", "expect", "http2-settings", "max-forwards", "via", "forwarded"),
        *("proxy-authorization", "proxy-authenticate", "content-encoding", "content-type", "content-range", "range"),
        *("accept", "accept-encoding", "user-agent", "if-match", "if-none-match", "if-modified-since"),
        *("if-unmodified-since", "if-range"),
    }
)
"""Headers that frame the message, or that change which answer the client receives."""

_RESERVED: Final = (
    *("x-client-", "x-partner-", "x-api-", "x-idempotency-", "x-ratelimit-", "x-webhook-", "x-deprecated-"),
    *("x-forwarded", "x-real-ip", "x-original-", "x-rewrite-", "x-http-method", "x-method", "x-host", "x-accel-"),
    *("x-cluster-client-ip", "x-envoy-", "x-proxyuser-ip", "x-true-client-ip", "x-client-ip", "x-sendfile"),
)
"""The beginnings of `x-` names that belong to the contract, or by which proxies and frameworks change a request."""
_TOKEN: Final = re.compile(r"[a-z0-9!#$%&'*+.^`|~-]+")


def canonical_name(name: str) -> str:
    """Return a name as servers compare it: in lower case, and with `_` as `-` (CGI and WSGI cannot tell them apart)."""
    return name.lower().replace("_", "-")


def is_reserved(name: str) -> bool:
    """Return whether a header frames the message, belongs to the contract, or could change the meaning of a request."""
    canonical = canonical_name(name)
    return canonical in FRAMING or canonical == REQUEST_ID or canonical.startswith((*_RESERVED, ":"))


def is_free(name: str) -> bool:
    """Return whether a caller may add a header of this name to any call: an allow-list."""
    if is_reserved(name) or not _TOKEN.fullmatch(name.lower()):
        return False
    return name.lower().startswith("x-") or name.lower() in FREE


def is_token(name: str) -> bool:
    """Return whether a name is a token (RFC 9110, 5.6.2), as every name of a header must be."""
    return _TOKEN.fullmatch(canonical_name(name)) is not None
