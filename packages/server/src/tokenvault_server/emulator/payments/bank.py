"""The bank and the network of the emulator: which cards there are, and whether a payment is authorised.

Card numbers are known to the built-in token service only, which this module may not import: whoever opens the emulator
passes in its functions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.network import network_of
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator.payments.records import CardFacts, CardSecrets, Decline, Means, Order, Payment
from tokenvault_server.emulator.payments.requests import NewPayment, PlainCard, PresentedToken
from tokenvault_server.errors import CardNotSupportedError, InstrumentInactiveError, InvalidFieldError, VaultError
from tokenvault_server.keys.packed import packed, unpacked
from tokenvault_server.tsp.provider import Amount
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.instruments import Instruments

_RUPEE: Final = "356"
VERIFIED: Final = "verified"

OUTCOMES: Final = {
    "malformed": "the cryptogram is not one of this token service",
    "unknown_token": "the token service does not know the token",
    "token_inactive": "the token is suspended, expired or deleted",
    "expired": "the cryptogram has expired",
    "forged": "the cryptogram does not match the token, its expiry or its requestor",
    "wrong_merchant": "the cryptogram is for another merchant",
    "wrong_amount": "the cryptogram is for another amount",
    "replayed": "the cryptogram was used before",
}
"""What is wrong with a cryptogram, by the name that the built-in token service gives it."""


@dataclass(frozen=True, slots=True)
class TokenPresentation:
    """A cryptogram as it is presented for a payment."""

    merchant_id: MerchantId
    number: NetworkToken
    expiry: Expiry
    trid: str
    cryptogram: Secret[str]
    amount: Amount


@dataclass(frozen=True, slots=True)
class TokenService:
    """What the bank needs of the built-in token service."""

    facts_of: Callable[[Pan], CardFacts | None]
    """Returns what may be shown of a card, or None for a card that is no test card."""
    verify: Callable[[TokenPresentation], Awaitable[str]]
    """Uses a cryptogram up, and returns `verified` or the name of what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Bank:
    """Knows the cards that payments are made with, and authorises payments."""

    engine: Engine
    instruments: Instruments
    cryptograms: Cryptograms
    token_service: TokenService

    async def card_of(
        self, caller: Caller, order: Order, new: NewPayment, now: int
    ) -> tuple[CardFacts, CardSecrets | None]:
        """Return what may be shown of the card of a new payment, and what it must keep until it ends.

        Raises:
            CardNotSupportedError: the number is that of no test card.
            InvalidFieldError: the card or the token is past its expiry.
            InstrumentNotFoundError: the order's customer has no such saved card.
            InstrumentInactiveError: its token is suspended or expired.
        """
        if new.instrument_id:
            customer_id = CustomerId(order.customer.customer_id)
            return _facts_of_saved(await self.instruments.load(caller, customer_id, new.instrument_id)), None
        if new.token:
            return _facts_of_token(new.token, now), _secrets_of_token(new.token)
        assert new.card is not None  # noqa: S101  # a payment has one of the three
        return self._facts_of(new.card, now), _secrets_of(new.card)

    async def authorise(self, caller: Caller, order: Order, payment: Payment) -> Decline | None:
        """Authorise a payment whose customer was authenticated; return why it is declined, or None.

        The cryptogram of a payment with a token is used up by it, also if the payment is declined for another reason.
        """
        if payment.means is Means.CARD:
            return None
        try:
            presentation = await self._presentation(caller, order, payment)
        except VaultError as error:  # the card was deleted or suspended since the payment began
            return _decline(error.code, error.message)
        outcome = await self.token_service.verify(presentation)
        return None if outcome == VERIFIED else _decline(outcome, OUTCOMES.get(outcome, outcome))

    async def _presentation(self, caller: Caller, order: Order, payment: Payment) -> TokenPresentation:
        amount = Amount(order.amount, _RUPEE)
        merchant_id = MerchantId(order.merchant_id)
        if payment.secrets is not None:
            secrets = payment.secrets
            number, cryptogram = NetworkToken(unpacked(secrets.number)), Secret(unpacked(secrets.cryptogram))
            expiry = Expiry(secrets.year, secrets.month)
            return TokenPresentation(merchant_id, number, expiry, secrets.trid, cryptogram, amount)
        unit = Unit(self.engine)
        customer_id = CustomerId(order.customer.customer_id)
        issued = await self.cryptograms.issue(caller, unit, customer_id, InstrumentId(payment.instrument_id))
        await unit.commit()
        token = issued.cryptogram
        return TokenPresentation(merchant_id, token.token_pan, token.token_expiry, token.trid, token.value, amount)

    def _facts_of(self, card: PlainCard, now: int) -> CardFacts:
        if card.expiry.ends_at() <= now:
            raise InvalidFieldError("card_expiry", "must not be past")
        facts = self.token_service.facts_of(card.pan)
        if facts is None:
            raise CardNotSupportedError
        return facts


def masked(last4: str) -> str:
    """Return a card's number as the API shows it."""
    return "XXXXXXXXXXXX" + last4


def _facts_of_saved(instrument: Instrument) -> CardFacts:
    if instrument.status is not InstrumentStatus.ACTIVE:
        raise InstrumentInactiveError
    return CardFacts(
        masked(instrument.last4),
        instrument.network,
        instrument.card_type,
        instrument.card_sub_type,
        instrument.country or None,
        instrument.issuer,
    )


def _facts_of_token(token: PresentedToken, now: int) -> CardFacts:
    """Return what is known of a token: its network, and what the merchant says of its card."""
    if token.expiry.ends_at() <= now:
        raise InvalidFieldError("card_expiry", "must not be past")
    network = network_of(token.number.reveal())
    return CardFacts(masked(token.last4) if token.last4 else None, network.value if network else None)


def _secrets_of(card: PlainCard) -> CardSecrets:
    return CardSecrets(packed(card.pan.reveal()), card.expiry.year, card.expiry.month)


def _secrets_of_token(token: PresentedToken) -> CardSecrets:
    number, cryptogram = packed(token.number.reveal()), packed(token.cryptogram.reveal())
    return CardSecrets(number, token.expiry.year, token.expiry.month, cryptogram, token.trid)


def _decline(raw_code: str, raw_description: str) -> Decline:
    return Decline(
        "TRANSACTION_DECLINED",
        "issuer bank or payment service provider declined the transaction",
        "auth_declined",
        "bank",
        raw_code,
        raw_description,
    )
