"""Webhook endpoints, events and deliveries."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId, PartnerId


class Endpoint(NamedTuple):
    """A URL that events of one merchant are posted to."""

    merchant_id: MerchantId
    endpoint_id: str
    partner_id: PartnerId | None
    """The partner whose key signs; without one, the merchant's secret signs."""
    url: str
    created_at: int
    failure_count: int = 0
    """How many groups of attempts in a row failed completely or were slow."""


class Event(NamedTuple):
    """Something that happened to a saved card, with the sealed body that every endpoint gets."""

    merchant_id: MerchantId
    event_id: str
    instrument_id: InstrumentId
    event_type: str
    sealed: bytes
    created_at: int
    forget_at: int
    """When it may be deleted, once none of its deliveries is pending."""


class DeliveryState(StrEnum):
    """The state of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Every attempt failed. An operator can send the event again."""


class Delivery(NamedTuple):
    """One event for one endpoint. The numbers of an endpoint grow in the order in which their transactions commit."""

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
    """The outcome of the last attempt."""
    answered: int | None
    """The HTTP status of the last response."""
    created_at: int
    due_at: int
    settled_at: int | None


class QueueLength(NamedTuple):
    """How many deliveries an endpoint has."""

    pending: int = 0
    dead: int = 0


class Failure(NamedTuple):
    """A card that could not be saved: the facts that a merchant may know."""

    customer_id: CustomerId
    afa_reference: str
    last4: str
    code: str
    description: str
    source: str
