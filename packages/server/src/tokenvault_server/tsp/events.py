"""Token events: changes of a token that its provider reports without being asked.

A provider keeps its events in a durable inbox until the vault acknowledges them. `vault/token_events.py` reads the
inbox and applies each event to the saved cards of the token.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.network_token import NetworkToken, TokenReference


class TokenStatus(StrEnum):
    """The status of a token at its provider."""

    INACTIVE = "INACTIVE"
    """Created, but not usable until the provider activates it."""
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"


class Suspender(StrEnum):
    """The party that suspended a token. A token suspended by both stays suspended until both resume it."""

    ISSUER = "issuer"
    REQUESTOR = "requestor"
    """The token requestor: the vault, on behalf of its operator or merchant."""


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A change of one token. A field that is None did not change.

    `at` is the time of the change by the provider's clock, in microseconds; two events of one token never have the
    same time. A new number comes with its expiry and a new expiry with its number. `last4` are the last four digits
    of the card after the issuer replaced it. `reason` is a short text for the audit trail.
    """

    merchant_id: MerchantId
    reference: TokenReference = field(repr=False)
    at: int
    status: TokenStatus | None = None
    suspended_by: Suspender | None = None
    token_pan: NetworkToken | None = None
    token_expiry: Expiry | None = None
    last4: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InboxEvent:
    """An event in a provider's inbox. Ids sort in the order in which the inbox is read, and are never reused."""

    event_id: str
    event: TokenEvent
