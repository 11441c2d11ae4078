"""The bodies of notifications, as Cashfree's page on Token Vault webhooks prints them, and what goes around them.

They are not the API's entities: a saved card has `added_at` in Indian time where the API has `created_at`, its
`sub_type` and `card_par` stand at another place, and a card's type is written short. Cashfree publishes two types, both
about saving. Three further types are our own: a token that its provider or its issuer suspends, changes or ends.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

INSTRUMENT_ACTIVE: Final = "INSTRUMENT_ACTIVE_WEBHOOK"
INSTRUMENT_FAILED: Final = "INSTRUMENT_FAILED_WEBHOOK"
INSTRUMENT_INACTIVE: Final = "INSTRUMENT_INACTIVE_WEBHOOK"
INSTRUMENT_UPDATED: Final = "INSTRUMENT_UPDATED_WEBHOOK"
INSTRUMENT_DELETED: Final = "INSTRUMENT_DELETED_WEBHOOK"
PUBLISHED: Final = (INSTRUMENT_ACTIVE, INSTRUMENT_FAILED)
"""The types that Cashfree publishes."""
OWN: Final = (INSTRUMENT_INACTIVE, INSTRUMENT_UPDATED, INSTRUMENT_DELETED)
"""Our own types, in the same shape: what a provider does to a saved card. Cashfree sends nothing for these."""
EVENT_TYPES: Final = PUBLISHED + OWN

VERSION: Final = "2025-01-01"
"""What `x-webhook-version` says; since this one there is `x-idempotency-key`."""


class NotifiedMeta(msgspec.Struct, frozen=True):
    """What a customer recognises a card by. Of a card that could not be saved, nothing of it is known."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    sub_type: str | None = None
    card_par: str | None = None
    card_token_details: None = None


class NotifiedInstrument(msgspec.Struct, frozen=True):
    """A saved card, or one that could not be saved."""

    instrument_id: str
    customer_id: str
    afa_reference: str
    instrument_type: str
    instrument_uid: str | None
    instrument_display: str
    instrument_status: Literal["ACTIVE", "INACTIVE", "FAILED"]
    added_at: str
    instrument_meta: NotifiedMeta


class ErrorDetails(msgspec.Struct, frozen=True):
    """Why a card could not be saved."""

    error_code: str
    error_description: str
    error_source: str


class NotificationData(msgspec.Struct, frozen=True):
    """What a notification is about."""

    instrument: NotifiedInstrument
    error_details: ErrorDetails | UnsetType = UNSET


class Notification(msgspec.Struct, frozen=True):
    """One notification."""

    data: NotificationData
    event_time: str
    type: str


def idempotency_key(body: bytes) -> str:
    """Gives what `x-idempotency-key` says of a body: the same for every attempt, so that repeats can be told."""
    return b64encode(hashlib.sha256(body).digest()).decode()
