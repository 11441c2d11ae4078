"""Webhook events: verify a delivery, then read its event.

    event = webhooks.verify(request.body, request.headers, secrets=[client_secret])

Pass the body as the bytes that arrived. A framework that parses JSON and serialises it again turns 170.00 into 170,
which invalidates the signature. An event is delivered at least once, so expect to receive it twice.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tokenvault_client import _arguments as arguments
from tokenvault_client._decoding import numbers_as_text
from tokenvault_client._secrets import hides_locals
from tokenvault_client.errors import UsageError, WebhookError
from tokenvault_client.results import Result, TokenDetails
from tokenvault_contract import headers as names
from tokenvault_contract.signatures import webhook_signature

INSTRUMENT_ACTIVE: Final = "INSTRUMENT_ACTIVE_WEBHOOK"
INSTRUMENT_FAILED: Final = "INSTRUMENT_FAILED_WEBHOOK"
TOLERANCE_SECONDS: Final = 300

_MAX_DIGITS: Final = 16
_LATEST_SECONDS: Final = 10.0 ** (_MAX_DIGITS - 4)
_SIGNED_BY: Final = (names.WEBHOOK_TIMESTAMP, names.WEBHOOK_SIGNATURE)


class InstrumentMeta(Result, frozen=True):
    """The details by which a customer recognises a saved card, with the field names of webhook events."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    sub_type: str | None = None
    card_par: str | None = None
    card_token_details: TokenDetails | None = None


class Instrument(Result, frozen=True):
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


class ErrorDetails(Result, frozen=True):
    """The reason why a card could not be saved."""

    error_code: str | None = None
    error_description: str | None = None
    error_source: str | None = None


class Data(Result, frozen=True):
    """The card that an event is about. Both fields are None for events of other products."""

    instrument: Instrument | None = None
    error_details: ErrorDetails | None = None


class Event(Result, frozen=True):
    """One authentic and recent event."""

    type: str
    """`INSTRUMENT_ACTIVE`, `INSTRUMENT_FAILED`, or a type that this version does not know; empty if there is none."""
    data: Data | None
    """The content, or None if it has another form than documented. `raw` contains it in any case."""
    event_time: str | None = None
    raw: bytes = b""
    """The body of the delivery, as it arrived."""

    @property
    def instrument(self) -> Instrument | None:
        """The card that the event is about, if there is one."""
        return self.data.instrument if self.data else None


@hides_locals
def verify(
    body: bytes,
    headers: Mapping[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]],
    secrets: str | Iterable[str],
    tolerance: float = TOLERANCE_SECONDS,
    *,
    now: float | None = None,
) -> Event:
    """Verify the signature and the age of a delivery, and return its event.

    Args:
        body: The bytes that arrived.
        headers: The headers of the request, with names in any case: a mapping, or pairs as ASGI has them.
        secrets: The client secrets, or partner API keys, that may sign. Pass two while you rotate a secret. All are
            compared in constant time.
        tolerance: The seconds by which a delivery may be old, or ahead of this clock.
        now: The time to compare with, in unix seconds. The default is the system's clock.

    Raises:
        WebhookError: The delivery is not signed with any of the secrets, or is too old. Respond with a 4xx status. A
            delivery that is signed and recent always has an event, whatever its body contains.
        UsageError: An argument is invalid: there is no secret, the body is text, or the headers are a WSGI environ.
    """
    _check_body(body)
    arguments.number("tolerance", tolerance)
    if now is not None:
        arguments.number("now", now, maximum=_LATEST_SECONDS)
    several = _as_list(secrets)
    timestamp, signature = _signed_headers(headers)
    sent_at = _seconds(timestamp)
    _check_signature(bytes(body), timestamp, signature, several)
    if abs((time.time() if now is None else now) - sent_at) > tolerance:
        raise WebhookError(f"sent more than {tolerance:g} seconds ago, or ahead of this clock")
    return _event(bytes(body))


@hides_locals
def sign_for_test(body: bytes, secret: str, *, at: float | None = None) -> dict[str, str]:
    """Return the headers of a delivery of `body` at a time in unix seconds, for your tests."""
    _check_body(body)
    (secret,) = _as_list(arguments.text("secret", secret))
    at = time.time() if at is None else arguments.number("at", at, maximum=_LATEST_SECONDS)
    timestamp = str(int(at * 1000))
    return {
        "content-type": "application/json",
        names.WEBHOOK_SIGNATURE: webhook_signature(secret, timestamp, body),
        names.WEBHOOK_TIMESTAMP: timestamp,
        names.WEBHOOK_VERSION: "2025-01-01",
        names.WEBHOOK_ATTEMPT: "1",
    }


class _Body(msgspec.Struct):
    """A body in the documented form."""

    type: str
    data: Data
    event_time: str | None = None


_BODY: Final = msgspec.json.Decoder(_Body)


def _event(body: bytes) -> Event:
    """Return the event of a signed body: typed where it has the documented form, and raw in any case."""
    try:
        typed = _BODY.decode(body)
        return Event(typed.type, typed.data, typed.event_time, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = _fields(body)
    type_, event_time = fields.get("type"), fields.get("event_time")
    return Event(
        type_ if isinstance(type_, str) else "",
        _data(fields.get("data")),
        event_time if isinstance(event_time, str) else None,
        body,
    )


def _fields(body: bytes) -> dict[str, Any]:
    """Return the fields of a body, or none. The decoder of Python accepts more than msgspec, such as NaN."""
    import json

    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _data(decoded: object) -> Data | None:
    try:
        return msgspec.convert(numbers_as_text(decoded), Data)
    except (msgspec.ValidationError, RecursionError):
        return None


def _as_list(secrets: object) -> list[str]:
    if isinstance(secrets, bytes | bytearray) or not isinstance(secrets, str | Iterable):
        raise UsageError("secrets must be a string or several strings")
    several = [secrets] if isinstance(secrets, str) else list(secrets)
    if not several or not all(several):
        raise UsageError("secrets must have at least one secret, and no empty one")
    return [arguments.text("secrets", each) for each in several]


def _check_body(body: object) -> None:
    if not isinstance(body, bytes | bytearray | memoryview):
        raise UsageError("body must be the bytes that arrived: text may differ from what was signed")


def _signed_headers(headers: Any) -> tuple[str, str]:  # noqa: ANN401  # an unchecked argument
    """Return the timestamp and the signature of a delivery.

    Raises:
        UsageError: These are not headers.
        WebhookError: One of the two is absent.
    """
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers
        found = {_header_text(name).lower(): value for name, value in pairs}
    except (TypeError, ValueError):
        raise UsageError("headers must be a mapping, or pairs of a name and a value") from None
    for name in _SIGNED_BY:
        if name in found:
            if not isinstance(found[name], str | bytes):
                raise UsageError(f"the header {name} must be a string")
        elif f"HTTP_{name.upper().replace('-', '_')}".lower() in found:
            raise UsageError(f"headers must contain {name}: this is a WSGI environ, so pass the headers of the request")
        else:
            raise WebhookError(f"the delivery has no header {name}")
    timestamp, signature = (_header_text(found[name]) for name in _SIGNED_BY)
    return timestamp, signature


def _header_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str.__str__(value)


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
