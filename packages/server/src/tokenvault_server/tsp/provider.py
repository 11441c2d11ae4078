"""What a token service provider is asked and what it answers: the seam between the vault and whoever has card numbers.

The built-in issuer (`tsp.local`) stands behind it and, for networks, adapters that speak to them. What they raise
beside the errors named here, `guarded.py` turns into one of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import NetworkToken, Par, TokenReference, TokenRequestorId
from tokenvault_server.domain.secret import Secret


class TransactionKind(StrEnum):
    """Who starts the payment that a cryptogram is for."""

    CIT = "CIT"
    """The cardholder, present at the merchant's page."""
    MIT = "MIT"
    """The merchant, under a mandate."""


class LifecycleAction(StrEnum):
    """What may be done to a token after it was made."""

    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    DELETE = "DELETE"


class TokenStatus(StrEnum):
    """Where a token is in its life, as its provider sees it."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class CardDetails:
    """A card on its way to the provider. Nothing of it shows, and it has no field for a CVV (PCI DSS 3.3.1)."""

    pan: Pan
    expiry: Expiry
    holder_name: Secret[str] | None = None


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """A card to be tokenised, for whom, and the evidence that its holder agreed (RBI, CoFT circulars).

    The card is proven by `afa_reference`, the payment with a second factor; `consent_given_at` is in microseconds.
    Under `enrolment_id` what was made can be found later, by whoever never heard the answer; each is used once.
    """

    card: CardDetails
    merchant_id: MerchantId
    customer_id: CustomerId
    afa_reference: str
    consent_given_at: int
    consent_text_version: str
    enrolment_id: str = ""


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token that was made, or that already stood for this card, merchant and customer."""

    token_reference: TokenReference = field(repr=False)
    token_pan: NetworkToken
    token_expiry: Expiry
    par: Par = field(repr=False)
    trid: TokenRequestorId
    network: Network
    last4: str
    issuer: str
    country: str
    card_type: str
    card_sub_type: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum in minor units (paise) and its currency by number (ISO 4217: 356 is the rupee).

    Raises ValueError where either does not fit a cryptogram: twelve digits, and three.
    """

    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse what has no place in a cryptogram."""
        if not 0 <= self.minor_units < 10**12 or not (
            len(self.currency) == 3 and self.currency.isascii() and self.currency.isdigit()
        ):
            raise ValueError("an amount has at most twelve digits of minor units and a currency of three digits")


@dataclass(frozen=True, slots=True)
class CryptogramContext:
    """What a cryptogram is wanted for. With an amount it verifies for that amount alone."""

    kind: TransactionKind = TransactionKind.CIT
    amount: Amount | None = None


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """A single-use cryptogram together with the token it belongs to. Opaque text: networks differ in its length."""

    value: Secret[str]
    token_pan: NetworkToken
    token_expiry: Expiry
    trid: TokenRequestorId
    atc: int
    key_index: int
    expires_at: int
    eci: str


@dataclass(frozen=True, slots=True)
class TokenView:
    """What a provider tells about a token without opening it."""

    token_reference: TokenReference = field(repr=False)
    status: TokenStatus
    token_expiry: Expiry
    trid: TokenRequestorId
    network: Network
    last4: str


class TokenServiceProvider(Protocol):
    """Whoever turns cards into network tokens and makes cryptograms for them."""

    @property
    def tsp_id(self) -> str:
        """The name that is kept beside every saved card, because a token is only ever taken back to its maker."""
        ...

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        """Give the token for a card, merchant and customer; the same one while it lives.

        Raises:
            CardNotSupportedError: the provider does not serve the card's range.
            InvalidFieldError: `card_number` fails its check digit, or `card_expiry` is past.
            TokenServiceUnavailableError: the provider cannot answer; whether a token was made is not known.
        """
        ...

    async def cryptogram(self, token_reference: TokenReference, context: CryptogramContext) -> Cryptogram:
        """Give a new cryptogram; no two calls are ever given the same counter value.

        Raises:
            InstrumentInactiveError: the token is suspended, expired or deleted.
            UnusableAnswerError: the provider does not know the token.
            TokenServiceUnavailableError: the provider cannot answer.
        """
        ...

    async def lifecycle(self, token_reference: TokenReference, action: LifecycleAction, reason: str) -> None:
        """Suspend, resume or delete a token. Repeating an action, and deleting an unknown token, changes nothing.

        Raises:
            InstrumentInactiveError: the token is deleted or expired and cannot be suspended or resumed.
            TokenServiceUnavailableError: the provider cannot answer.
        """
        ...

    async def get(self, token_reference: TokenReference) -> TokenView:
        """Give a token's status and what may be told of it.

        Raises:
            UnusableAnswerError: the provider does not know the token.
            TokenServiceUnavailableError: the provider cannot answer.
        """
        ...

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        """Give the token that was made for an enrolment, or None; from then on none is made for it any more.

        A token that already stood for the card when the enrolment came was not made for it. After None, a call to
        `provision` that is still on its way must fail: what it would make, nobody would ever ask for.

        Raises:
            TokenServiceUnavailableError: the provider cannot answer.
        """
        ...

    async def close(self) -> None:
        """Let go of whatever the provider holds open."""
        ...
