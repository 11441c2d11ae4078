"""The headers of an attempt: signature, time and attempt number."""

from __future__ import annotations

from tokenvault_contract import headers as names
from tokenvault_contract.signatures import webhook_signature
from tokenvault_contract.webhook_events import VERSION, idempotency_key
from tokenvault_server.domain.secret import Secret


def of_attempt(body: bytes, secret: Secret[str], attempt: int, now: int) -> dict[str, str]:
    """Return the headers of one attempt.

    The timestamp is the time of the attempt, not of the event: receivers refuse timestamps that are too old.
    """
    timestamp = str(now // 1000)
    return {
        "content-type": "application/json",
        names.WEBHOOK_SIGNATURE: webhook_signature(secret.reveal(), timestamp, body),
        names.WEBHOOK_TIMESTAMP: timestamp,
        names.WEBHOOK_VERSION: VERSION,
        names.WEBHOOK_ATTEMPT: str(attempt),
        names.IDEMPOTENCY_KEY: idempotency_key(body),
    }
