"""A second provider, unlike the built-in one wherever the protocol allows it.

It keeps everything in memory, and its references are plain numbers. It returns no PAR, country, counter, key index or
ECI. It activates tokens later, by an event, suspends nothing on request, and binds no amounts.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from tokenvault_server.domain.card import Expiry, luhn_valid, with_check_digit
from tokenvault_server.domain.clock import MINUTE, Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.network import Network, network_of
from tokenvault_server.domain.network_token import NetworkToken, TokenReference
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentInactiveError,
    InvalidFieldError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
)
from tokenvault_server.tsp.events import InboxEvent, Suspender, TokenEvent, TokenStatus
from tokenvault_server.tsp.provider import (
    Capabilities,
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenView,
)

TRID = "51234567890"


@dataclass
class Token:
    """One token of the second provider."""

    reference: TokenReference
    merchant_id: MerchantId
    card: tuple[str, str, str]
    network: Network
    last4: str
    number: NetworkToken
    expiry: Expiry
    at: int
    status: TokenStatus = TokenStatus.INACTIVE
    suspended_by: Suspender | None = None


@dataclass
class SecondTsp:
    """The provider, with the verbs of the protocol and the actions of its issuer."""

    clock: Clock
    tsp_id: str = "second"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(
            networks=frozenset({Network.VISA, Network.MASTERCARD}),
            suspends=False,
            binds_amounts=False,
            merchant_initiated_without_cryptogram=True,
            evidence_required=True,
        )
    )
    tokens: dict[TokenReference, Token] = field(default_factory=dict)
    enrolments: dict[str, TokenReference | None] = field(default_factory=dict)
    inbox: dict[str, TokenEvent] = field(default_factory=dict)
    is_closed: bool = False

    def __post_init__(self) -> None:
        self._references = count(1)
        self._event_ids = count(1)

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        pan = request.card.pan.reveal()
        network = network_of(pan)
        if not luhn_valid(pan):
            raise InvalidFieldError("card_number")
        if request.card.expiry.ends_at() <= self.clock.now():
            raise InvalidFieldError("card_expiry", "is in the past")
        if network is None or network not in self.capabilities.networks:
            raise CardNotSupportedError
        card = (pan, request.merchant_id, request.customer_id)
        current = (
            each for each in self.tokens.values() if each.card == card and each.status is not TokenStatus.DELETED
        )
        token = next(current, None) or self._make(request, card, network)
        return TokenGrant(
            token_reference=token.reference,
            token_pan=token.number,
            token_expiry=token.expiry,
            par=None,
            trid=TRID,
            network=network,
            last4=token.last4,
            issuer="SECOND BANK",
            country=None,
            card_type="credit_card",
            card_sub_type="R",
            at=token.at,
            status=token.status,
        )

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        token = self._token(key)
        if context.amount is not None:
            raise TokenServiceUnavailableError(hint="this provider binds no amounts")
        if token.status is not TokenStatus.ACTIVE:
            raise InstrumentInactiveError
        return Cryptogram(
            value=Secret(secrets.token_hex(16)),
            token_pan=token.number,
            token_expiry=token.expiry,
            trid=TRID,
            expires_at=self.clock.now() + 5 * MINUTE,
        )

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        if action is not LifecycleAction.DELETE:
            raise TokenServiceUnavailableError(hint="this provider suspends nothing on request")
        token = self.tokens.get(key.reference)
        if token is None or token.merchant_id != key.merchant_id:
            return LifecycleResult(TokenStatus.DELETED, self.clock.now())
        if token.status is not TokenStatus.DELETED:
            self._change(token, TokenStatus.DELETED)
        return LifecycleResult(token.status, token.at)

    async def get(self, key: TokenKey) -> TokenView:
        token = self._token(key)
        return TokenView(
            token_reference=token.reference,
            status=token.status,
            token_expiry=token.expiry,
            trid=TRID,
            network=token.network,
            last4=token.last4,
            at=token.at,
            token_pan=token.number,
            suspended_by=token.suspended_by,
        )

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        return self.enrolments.setdefault(enrolment_id, None)

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        ids = sorted(event_id for event_id in self.inbox if event_id > after)[:limit]
        return [InboxEvent(event_id, self.inbox[event_id]) for event_id in ids]

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        for event_id in event_ids:
            self.inbox.pop(event_id, None)

    async def health(self) -> None:
        if self.is_closed:
            raise OSError

    async def sweep(self) -> None:
        """Delete nothing."""

    async def close(self) -> None:
        self.is_closed = True

    def activate(self) -> None:
        """Activate every inactive token, as this provider does some time after the grant."""
        for token in self.tokens.values():
            if token.status is TokenStatus.INACTIVE:
                self._change(token, TokenStatus.ACTIVE)
                self._report(token, status=TokenStatus.ACTIVE)

    def suspend(self, reference: TokenReference) -> None:
        token = self.tokens[reference]
        token.suspended_by = Suspender.ISSUER
        self._change(token, TokenStatus.SUSPENDED)
        self._report(token, status=TokenStatus.SUSPENDED, suspended_by=Suspender.ISSUER)

    def resume(self, reference: TokenReference) -> None:
        token = self.tokens[reference]
        token.suspended_by = None
        self._change(token, TokenStatus.ACTIVE)
        self._report(token, status=TokenStatus.ACTIVE)

    def deactivate(self, reference: TokenReference) -> None:
        token = self.tokens[reference]
        self._change(token, TokenStatus.DELETED)
        self._report(token, status=TokenStatus.DELETED)

    def rotate(self, reference: TokenReference, *, is_reported: bool = True) -> NetworkToken:
        """Change a token's number and extend its expiry."""
        token = self.tokens[reference]
        token.number, token.expiry = self._number(token.network), Expiry(token.expiry.year + 1, 6)
        self._change(token, token.status)
        if is_reported:
            self._report(token, token_pan=token.number, token_expiry=token.expiry)
        return token.number

    def replace_card(self, reference: TokenReference, last4: str) -> None:
        token = self.tokens[reference]
        token.last4 = last4
        self._change(token, token.status)
        self._report(token, last4=last4)

    def _make(self, request: ProvisionRequest, card: tuple[str, str, str], network: Network) -> Token:
        reference = str(next(self._references))
        if request.enrolment_id in self.enrolments:
            raise TokenServiceUnavailableError(hint="the enrolment was closed")
        if request.enrolment_id:
            self.enrolments[request.enrolment_id] = reference
        token = Token(
            reference=reference,
            merchant_id=request.merchant_id,
            card=card,
            network=network,
            last4=request.card.pan.last4,
            number=self._number(network),
            expiry=Expiry(2031, 6),
            at=self.clock.now(),
        )
        self.tokens[reference] = token
        return token

    def _number(self, network: Network) -> NetworkToken:
        prefix = {Network.VISA: "48", Network.MASTERCARD: "53"}[network]
        return NetworkToken(with_check_digit(f"{prefix}{secrets.randbelow(10**13):013d}"))

    def _token(self, key: TokenKey) -> Token:
        token = self.tokens.get(key.reference)
        if token is None or token.merchant_id != key.merchant_id:
            raise UnusableAnswerError(hint="this provider does not know the token")
        return token

    def _change(self, token: Token, status: TokenStatus) -> None:
        token.status, token.at = status, max(token.at + 1, self.clock.now())

    def _report(
        self,
        token: Token,
        *,
        status: TokenStatus | None = None,
        suspended_by: Suspender | None = None,
        token_pan: NetworkToken | None = None,
        token_expiry: Expiry | None = None,
        last4: str | None = None,
    ) -> None:
        self.inbox[f"{next(self._event_ids):09d}"] = TokenEvent(
            merchant_id=token.merchant_id,
            reference=token.reference,
            at=token.at,
            status=status,
            suspended_by=suspended_by,
            token_pan=token_pan,
            token_expiry=token_expiry,
            last4=last4,
            reason="reported by the second provider",
        )
