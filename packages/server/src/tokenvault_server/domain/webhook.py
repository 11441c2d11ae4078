"""Whom a merchant wants told of its saved cards, and what became of telling them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId, PartnerId


class Endpoint(NamedTuple):
    """A URL that notifications of one merchant are posted to."""

    merchant_id: MerchantId
    endpoint_id: str
    partner_id: PartnerId | None
    """Whose key signs; without one, the merchant's secret does."""
    url: str
    created_at: int
    failure_count: int = 0
    """How many rounds of attempts in a row reached nobody or took long."""


class Event(NamedTuple):
    """One thing that happened, with the sealed body that every endpoint is sent."""

    merchant_id: MerchantId
    event_id: str
    instrument_id: InstrumentId
    event_type: str
    sealed: bytes
    created_at: int
    forget_at: int
    """When its body may be dropped, once nobody waits for it."""


class DeliveryState(StrEnum):
    """What became of telling an endpoint of an event."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Every attempt failed; an operator may have it sent again."""


class Delivery(NamedTuple):
    """An event on its way to an endpoint. Numbers of one endpoint grow in the order in which things became true."""

    number: int
    event_id: str
    attempt_count: int
    sealed: bytes


class DeliveryReport(NamedTuple):
    """A delivery as operators see it."""

    event_id: str
    event_type: str
    instrument_id: InstrumentId
    endpoint_id: str
    number: int
    state: DeliveryState
    attempt_count: int
    outcome: str
    """How the last attempt ended, in a word."""
    answered: int | None
    """The status of the last answer."""
    created_at: int
    due_at: int
    settled_at: int | None


class Failure(NamedTuple):
    """A card that could not be saved, as far as it may be told."""

    customer_id: CustomerId
    afa_reference: str
    last4: str
    code: str
    description: str
    source: str
