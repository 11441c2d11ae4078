"""The protocol between the vault and a token service provider: requests, answers and errors.

The built-in issuer (`tsp.local`) implements it, and adapters to card networks can. `routing.py` chooses the provider of
a card. `guarded.py` wraps every provider and turns its unexpected errors into the errors named here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import NetworkToken, Par, TokenReference, TokenRequestorId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.tsp.events import InboxEvent, Suspender, TokenStatus


class TransactionKind(StrEnum):
    """The party that starts the payment that a cryptogram is for."""

    CIT = "CIT"
    """The cardholder, present at the merchant's page."""
    MIT = "MIT"
    """The merchant, under a mandate."""


class LifecycleAction(StrEnum):
    """A change of an existing token that the vault requests."""

    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do and what it requires."""

    networks: frozenset[Network]
    """The networks whose cards it tokenises."""
    suspends: bool
    """It suspends and resumes tokens on request."""
    binds_amounts: bool
    """A cryptogram can be bound to an amount."""
    merchant_initiated_without_cryptogram: bool
    """Payments that the merchant initiates need no cryptogram."""
    evidence_required: bool
    """It tokenises no card without evidence of consent and of the second factor."""


@dataclass(frozen=True, slots=True)
class CardDetails:
    """A card on its way to the provider. Its repr shows nothing. It has no field for a CVV (PCI DSS 3.3.1)."""

    pan: Pan
    expiry: Expiry
    holder_name: Secret[str] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence that the cardholder agreed and was authenticated (RBI, CoFT circulars).

    `afa_reference` names the payment with a second factor that proved the card. `consent_given_at` is in microseconds.
    """

    afa_reference: str
    consent_given_at: int
    consent_text_version: str

    @property
    def is_complete(self) -> bool:
        """Whether consent and the second factor are both documented."""
        return bool(self.afa_reference and self.consent_given_at and self.consent_text_version)


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """A card to be tokenised, for one customer of one merchant.

    A token that was created for this request can be found later by `enrolment_id`; each id is used once.
    """

    card: CardDetails
    merchant_id: MerchantId
    customer_id: CustomerId
    evidence: Evidence
    enrolment_id: str = ""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Names a token in calls after its creation: some providers need the merchant in each of them."""

    merchant_id: MerchantId
    reference: TokenReference = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A new token, or the existing one for this card, merchant and customer.

    `at` is the time of the newest change that the grant includes, by the provider's clock: events before it are part of
    the grant. `par` and `country` are None where the network does not provide them.
    """

    token_reference: TokenReference = field(repr=False)
    token_pan: NetworkToken
    token_expiry: Expiry
    par: Par | None = field(repr=False)
    trid: TokenRequestorId
    network: Network
    last4: str
    issuer: str
    country: str | None
    card_type: str
    card_sub_type: str
    at: int
    status: TokenStatus = TokenStatus.ACTIVE


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount in minor units (paise) with its numeric currency code (ISO 4217: 356 is the rupee).

    Raises:
        ValueError: the amount has more than twelve digits, or the currency is not three digits.
    """

    minor_units: int
    currency: str

    def __post_init__(self) -> None:
        """Refuse an amount that does not fit into a cryptogram."""
        if not 0 <= self.minor_units < 10**12 or not (
            len(self.currency) == 3 and self.currency.isascii() and self.currency.isdigit()
        ):
            raise ValueError("an amount has at most twelve digits of minor units and a currency of three digits")


@dataclass(frozen=True, slots=True)
class CryptogramContext:
    """The payment that a cryptogram is for. With an amount, the cryptogram verifies for that amount only."""

    kind: TransactionKind = TransactionKind.CIT
    amount: Amount | None = None


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """A single-use cryptogram with its token. `value` is opaque text: its length differs between networks.

    `atc`, `key_index` and `eci` are None where the provider does not return them. `counter` is the cryptogram's
    position among all of its token: every cryptogram has a greater one than those before it. It is None where the
    provider does not promise that.
    """

    value: Secret[str]
    token_pan: NetworkToken
    token_expiry: Expiry
    trid: TokenRequestorId
    expires_at: int
    atc: int | None = None
    key_index: int | None = None
    eci: str | None = None
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class LifecycleResult:
    """A token's status after a lifecycle call, its time by the provider's clock, and the party that suspended it."""

    status: TokenStatus
    at: int
    suspended_by: Suspender | None = None


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as its provider sees it now. `at` is the time of its newest change, by the provider's clock.

    `token_pan` is None where the provider returns the number only with a cryptogram.
    """

    token_reference: TokenReference = field(repr=False)
    status: TokenStatus
    token_expiry: Expiry
    trid: TokenRequestorId
    network: Network
    last4: str
    at: int
    token_pan: NetworkToken | None = None
    suspended_by: Suspender | None = None


class TokenServiceProvider(Protocol):
    """Exchanges cards for network tokens and creates cryptograms for them.

    Every verb but `close` raises TokenServiceUnavailableError when the provider cannot answer.
    """

    @property
    def tsp_id(self) -> str:
        """The name stored with each saved card: only the provider that created a token can use it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the provider can do and requires; constant while it is open."""
        ...

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        """Return the token for a card, merchant and customer; the same token as long as it exists.

        Raises:
            CardNotSupportedError: the provider does not serve the card's range.
            InvalidFieldError: `card_number` fails its check digit, or `card_expiry` is past.
            TokenServiceUnavailableError: the provider cannot answer; a token may have been created.
        """
        ...

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        """Return a new cryptogram; no two calls receive the same one.

        Raises:
            InstrumentInactiveError: the token is inactive, suspended, expired or deleted.
            UnusableAnswerError: the provider does not know the token.
        """
        ...

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        """Suspend, resume or delete a token and return its status afterwards.

        Repeating an action, and deleting an unknown token, changes nothing. After RESUME a token stays suspended where
        its issuer suspended it too.

        Raises:
            InstrumentInactiveError: the token is deleted or expired and cannot be suspended or resumed.
        """
        ...

    async def get(self, key: TokenKey) -> TokenView:
        """Return the present state of a token.

        Raises:
            UnusableAnswerError: the provider does not know the token.
        """
        ...

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        """Return the token that was created for an enrolment, or None; afterwards none may be created for it.

        A token that existed before the enrolment was not created for it. After None, a call to `provision` that has
        not ended must fail, because nobody would ever use or delete its token.
        """
        ...

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        """Return up to `limit` events of the inbox whose ids sort after `after`, in that order."""
        ...

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        """Remove events from the inbox. Unknown ids change nothing."""
        ...

    async def health(self) -> None:
        """Return if the provider could answer calls now."""
        ...

    async def sweep(self) -> None:
        """Delete what the provider keeps for a limited time; called every hour."""
        ...

    async def close(self) -> None:
        """Release everything that the provider holds open, such as its database."""
        ...
