"""What goes around a notification: its signature, when it was sent, which attempt it is."""

from __future__ import annotations

from tokenvault_contract import headers as names
from tokenvault_contract.signatures import webhook_signature
from tokenvault_contract.webhook_events import VERSION, idempotency_key
from tokenvault_server.domain.secret import Secret


def of_attempt(body: bytes, secret: Secret[str], attempt: int, now: int) -> dict[str, str]:
    """Give the headers of one attempt. The time is that of the attempt, or receivers would find a late one stale."""
    timestamp = str(now // 1000)
    return {
        "content-type": "application/json",
        names.WEBHOOK_SIGNATURE: webhook_signature(secret.reveal(), timestamp, body),
        names.WEBHOOK_TIMESTAMP: timestamp,
        names.WEBHOOK_VERSION: VERSION,
        names.WEBHOOK_ATTEMPT: str(attempt),
        names.IDEMPOTENCY_KEY: idempotency_key(body),
    }
