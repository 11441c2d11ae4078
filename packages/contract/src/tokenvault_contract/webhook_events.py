"""The bodies of webhook events, as Cashfree's page on Token Vault webhooks shows them.

They differ from the entities of the API. A saved card has `added_at`, in Indian time, where the API has `created_at`.
The fields `sub_type` and `card_par` stand in another place, and the type of a card is abbreviated. Cashfree
publishes two types of event, both about saving a card. Three further types are our own: they report that a provider
suspended, changed or ended the token of a saved card. Deleting a card through the API causes no event.
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
"""Our own types, in the same shape: what a provider does to the token of a saved card. Cashfree sends none of them."""
EVENT_TYPES: Final = PUBLISHED + OWN

VERSION: Final = "2025-01-01"
"""The value of `x-webhook-version`. This version introduced `x-idempotency-key`."""


class WebhookInstrumentMeta(msgspec.Struct, frozen=True):
    """The details by which a customer recognises a card. All are None for a card that could not be saved."""

    card_network: str | None = None
    card_bank_name: str | None = None
    card_country: str | None = None
    card_type: str | None = None
    sub_type: str | None = None
    card_par: str | None = None
    card_token_details: None = None


class WebhookInstrument(msgspec.Struct, frozen=True):
    """A card that was saved, or that could not be saved."""

    instrument_id: str
    customer_id: str
    afa_reference: str
    instrument_type: str
    instrument_uid: str | None
    instrument_display: str
    instrument_status: Literal["ACTIVE", "INACTIVE", "FAILED"]
    added_at: str
    instrument_meta: WebhookInstrumentMeta


class ErrorDetails(msgspec.Struct, frozen=True):
    """The reason why a card could not be saved."""

    error_code: str
    error_description: str
    error_source: str


class WebhookEventData(msgspec.Struct, frozen=True):
    """The card that an event is about, and the error if saving it failed."""

    instrument: WebhookInstrument
    error_details: ErrorDetails | UnsetType = UNSET


class WebhookEvent(msgspec.Struct, frozen=True):
    """One event: something that happened to a card."""

    data: WebhookEventData
    event_time: str
    type: str


def idempotency_key(body: bytes) -> str:
    """Return the `x-idempotency-key` of a body. It is the same for every attempt, so receivers can detect repeats."""
    return b64encode(hashlib.sha256(body).digest()).decode()
