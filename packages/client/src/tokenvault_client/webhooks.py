"""Webhook events: verify a delivery, then read its event.

    event = webhooks.verify(request.body, request.headers, secrets=[client_secret])

Pass the body as the bytes that arrived. A framework that parses JSON and serialises it again turns 170.00 into 170,
which invalidates the signature. An event is delivered at least once, so expect to receive it twice.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from tokenvault_client.errors import UsageError, WebhookError
from tokenvault_client.results import TokenDetails
from tokenvault_contract import headers as names
from tokenvault_contract.signatures import webhook_signature

INSTRUMENT_ACTIVE: Final = "INSTRUMENT_ACTIVE_WEBHOOK"
INSTRUMENT_FAILED: Final = "INSTRUMENT_FAILED_WEBHOOK"
TOLERANCE_SECONDS: Final = 300

_MAX_DIGITS: Final = 16


class InstrumentMeta(msgspec.Struct, frozen=True):
    """The details by which a customer recognises a saved card, with the field names of webhook events."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    sub_type: str | None = None
    card_par: str | None = None
    card_token_details: TokenDetails | None = None


class Instrument(msgspec.Struct, frozen=True):
    """A saved card as webhook events describe it: with `added_at` where the API has `created_at`."""

    instrument_id: str
    customer_id: str | None = None
    afa_reference: str | int | None = None
    instrument_type: str | None = None
    instrument_uid: str | None = None
    instrument_display: str | None = None
    instrument_status: str | None = None
    added_at: str | None = None
    instrument_meta: InstrumentMeta | None = None


class ErrorDetails(msgspec.Struct, frozen=True):
    """The reason why a card could not be saved."""

    error_code: str | None = None
    error_description: str | None = None
    error_source: str | None = None


class Data(msgspec.Struct, frozen=True):
    """The card that an event is about. Both fields are None for events of other products."""

    instrument: Instrument | None = None
    error_details: ErrorDetails | None = None


class Event(msgspec.Struct, frozen=True):
    """One authentic and recent event."""

    type: str
    """`INSTRUMENT_ACTIVE`, `INSTRUMENT_FAILED`, or a type that this version does not know."""
    data: Data
    event_time: str | None = None

    @property
    def instrument(self) -> Instrument | None:
        """The card that the event is about."""
        return self.data.instrument


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Iterable[str],
    tolerance: float = TOLERANCE_SECONDS,
    *,
    now: float | None = None,
) -> Event:
    """Verify the signature and the age of a delivery, and return its event.

    Args:
        body: The bytes that arrived.
        headers: The headers of the request, with names in any case.
        secrets: The client secrets, or partner API keys, that may sign. Pass two while you rotate a secret. All are
            compared in constant time.
        tolerance: The seconds by which a delivery may be old, or ahead of this clock.
        now: The time to compare with, in unix seconds. The default is the system's clock.

    Raises:
        WebhookError: The delivery is not signed with any of the secrets, is too old, or cannot be decoded. Respond with
            a 4xx status.
        UsageError: There is no secret, or the body is text.
    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise UsageError("pass the bytes that arrived: text may differ from what was signed")
    lowered = {name.lower(): value for name, value in headers.items()}
    timestamp = lowered.get(names.WEBHOOK_TIMESTAMP, "")
    sent_at = _seconds(timestamp)
    _check_signature(bytes(body), timestamp, lowered.get(names.WEBHOOK_SIGNATURE, ""), _as_list(secrets))
    if abs((time.time() if now is None else now) - sent_at) > tolerance:
        raise WebhookError(f"sent more than {tolerance:g} seconds ago, or ahead of this clock")
    try:
        return _EVENT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookError("the body is signed, but is not an event") from None


def sign_for_test(body: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    """Return the headers of a delivery of `body` at a time in unix seconds, for your tests."""
    timestamp = str(int((time.time() if at is None else at) * 1000))
    return {
        "content-type": "application/json",
        names.WEBHOOK_SIGNATURE: webhook_signature(secret, timestamp, body),
        names.WEBHOOK_TIMESTAMP: timestamp,
        names.WEBHOOK_VERSION: "2025-01-01",
        names.WEBHOOK_ATTEMPT: "1",
    }


_EVENT: Final = msgspec.json.Decoder(Event)


def _as_list(secrets: str | Iterable[str]) -> list[str]:
    several = [secrets] if isinstance(secrets, str) else list(secrets)
    if not several or not all(several):
        raise UsageError("pass at least one secret, and no empty one")
    return several


def _check_signature(body: bytes, timestamp: str, signature: str, secrets: list[str]) -> None:
    """Compare with every secret, also after a match, so that the duration reveals nothing."""
    received = signature.encode(errors="replace")
    matches = [hmac.compare_digest(webhook_signature(secret, timestamp, body).encode(), received) for secret in secrets]
    if not any(matches):
        raise WebhookError("not signed with any of the secrets")


def _seconds(timestamp: str) -> float:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS):
        raise WebhookError("the timestamp is not a number of milliseconds")
    return int(timestamp) / 1000
