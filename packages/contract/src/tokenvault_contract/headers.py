"""The headers of the Token Vault API, in the spelling that the published SDKs send and read."""

from __future__ import annotations

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
