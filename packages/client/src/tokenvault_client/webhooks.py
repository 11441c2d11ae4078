"""Notifications: verify first, then read.

    event = webhooks.verify(request.body, request.headers, secrets=[client_secret])

The body must be the bytes as they came: a framework that parses and writes JSON again turns 170.00 into 170, and no
signature survives that. Deliveries come at least once, so expect the same event twice.
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
from tokenvault_contract.signatures import of_webhook

INSTRUMENT_ACTIVE: Final = "INSTRUMENT_ACTIVE_WEBHOOK"
INSTRUMENT_FAILED: Final = "INSTRUMENT_FAILED_WEBHOOK"
TOLERANCE_SECONDS: Final = 300

_MAX_DIGITS: Final = 16


class InstrumentMeta(msgspec.Struct, frozen=True):
    """What a customer recognises a saved card by, in the words of notifications."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    sub_type: str | None = None
    card_par: str | None = None
    card_token_details: TokenDetails | None = None


class Instrument(msgspec.Struct, frozen=True):
    """A saved card as notifications tell of it: with `added_at` where the API has `created_at`."""

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
    """Why a card could not be saved."""

    error_code: str | None = None
    error_description: str | None = None
    error_source: str | None = None


class Data(msgspec.Struct, frozen=True):
    """What an event is about; nothing of it for events of other products."""

    instrument: Instrument | None = None
    error_details: ErrorDetails | None = None


class Event(msgspec.Struct, frozen=True):
    """One notification that is authentic and fresh."""

    type: str
    """`INSTRUMENT_ACTIVE`, `INSTRUMENT_FAILED`, or one that this version does not know."""
    data: Data
    event_time: str | None = None

    @property
    def instrument(self) -> Instrument | None:
        """The saved card that it tells of."""
        return self.data.instrument


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Iterable[str],
    tolerance: float = TOLERANCE_SECONDS,
    *,
    now: float | None = None,
) -> Event:
    """Gives the event that a notification tells of, once it is certain who sent it, and when.

    `secrets` are the client secrets, or partner API keys, that may sign: two while one takes the other's place. All are
    tried in constant time. `tolerance` is how many seconds a notification may be old, or ahead of this clock.

    Raises:
        WebhookError: It is not signed with any of the secrets, not fresh, or not readable. Answer with a 4xx.
        UsageError: There is no secret to try, or the body is text.
    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise UsageError("verify the bytes as they came: text may have been changed on its way")
    lowered = {name.lower(): value for name, value in headers.items()}
    timestamp = lowered.get(names.WEBHOOK_TIMESTAMP, "")
    sent_at = _seconds(timestamp)
    _check_signature(bytes(body), timestamp, lowered.get(names.WEBHOOK_SIGNATURE, ""), _several(secrets))
    if abs((time.time() if now is None else now) - sent_at) > tolerance:
        raise WebhookError(f"sent more than {tolerance:g} seconds ago, or ahead of this clock")
    try:
        return _EVENT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookError("the body is signed, and yet not an event") from None


def sign_for_test(body: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    """Gives the headers that `body` would come with if it were sent at a moment, in unix seconds; for your tests."""
    timestamp = str(int((time.time() if at is None else at) * 1000))
    return {
        "content-type": "application/json",
        names.WEBHOOK_SIGNATURE: of_webhook(secret, timestamp, body),
        names.WEBHOOK_TIMESTAMP: timestamp,
        names.WEBHOOK_VERSION: "2025-01-01",
        names.WEBHOOK_ATTEMPT: "1",
    }


_EVENT: Final = msgspec.json.Decoder(Event)


def _several(secrets: str | Iterable[str]) -> list[str]:
    found = [secrets] if isinstance(secrets, str) else list(secrets)
    if not found or not all(found):
        raise UsageError("give at least one secret, and no empty one")
    return found


def _check_signature(body: bytes, timestamp: str, signature: str, secrets: list[str]) -> None:
    """Compares with every secret, whichever fits, so that the time tells nothing."""
    sent = signature.encode(errors="replace")
    fits = [hmac.compare_digest(of_webhook(secret, timestamp, body).encode(), sent) for secret in secrets]
    if not any(fits):
        raise WebhookError("not signed with any of the secrets")


def _seconds(timestamp: str) -> float:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _MAX_DIGITS):
        raise WebhookError("the timestamp is not a number of milliseconds")
    return int(timestamp) / 1000
