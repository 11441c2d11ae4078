"""Forced life cycles: what the issuer of a saved card does to it, applied to the vault at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol

from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.errors import InstrumentInactiveError, InstrumentNotFoundError
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.record_sealer import RecordSealer

Action = Literal["suspend", "resume", "expire", "deactivate", "reissue"]
ACTIONS: Final[tuple[Action, ...]] = ("suspend", "resume", "expire", "deactivate", "reissue")
_LISTED: Final = 1_000
_SHOWN: Final = 20
"""How many ids an error lists."""


class Issuer(Protocol):
    """The issuer's side of the built-in token service, which only `bootstrap` may import."""

    async def suspend(self, reference: str) -> None: ...

    async def resume(self, reference: str) -> None: ...

    async def expire(self, reference: str) -> None: ...

    async def deactivate(self, reference: str) -> None: ...

    async def replace_card(self, reference: str, pan: Pan, expiry: Expiry) -> None: ...


class Cards:
    """The saved cards of the ready-made merchant, for the control plane."""

    def __init__(
        self,
        merchant_id: MerchantId,
        instruments: Instruments,
        sealer: RecordSealer,
        issuer: Issuer,
        pull: Callable[[], Awaitable[object]],
        new_card: Callable[[Instrument, str], Pan | None],
    ) -> None:
        """Act on saved cards as their issuer would.

        Args:
            merchant_id: whose cards.
            instruments: finds them.
            sealer: opens the reference of a card's token.
            issuer: changes tokens at the token service.
            pull: has the vault read the inbox of the token service.
            new_card: returns a test number for a card that is replaced, with the last four digits that are asked for.
        """
        self._caller = Caller(merchant_id, "emulator")
        self._instruments = instruments
        self._sealer = sealer
        self._issuer = issuer
        self._pull = pull
        self._new_card = new_card

    async def list(self) -> list[Instrument]:
        """Return the saved cards, without deleted ones."""
        return await self._instruments.list_of_merchant(self._caller.merchant_id, _LISTED)

    async def find(self, instrument_id: str) -> Instrument:
        """Return a saved card by its id alone.

        Raises:
            ControlError: there is none.
        """
        listed = await self.list()
        for card in listed:
            if card.instrument_id == instrument_id:
                return card
        known = [card.instrument_id for card in listed[:_SHOWN]]
        raise ControlError.not_found("card_not_found", "no saved card has this id", known)

    async def act(self, action: Action, instrument_id: str, last4: str = "") -> Instrument:
        """Carry out an action and return the card afterwards; a card that was deactivated is returned as deleted.

        Raises:
            ControlError: there is no such card, or its state does not allow the action.
        """
        card = await self.find(instrument_id)
        reference = (await self._sealer.open_instrument(card)).token_reference
        try:
            if action == "reissue":
                await self._reissue(card, reference, last4)
            else:
                await getattr(self._issuer, action)(reference)
        except InstrumentInactiveError:
            raise ControlError.conflict("card_ended", "the token of this card is expired or deleted") from None
        await self._pull()
        return await self._after(card)

    async def _reissue(self, card: Instrument, reference: str, last4: str) -> None:
        pan = self._new_card(card, last4)
        if pan is None:
            allowed = ["four digits for a Visa or Mastercard test card", "nothing, for any other digits"]
            raise ControlError.invalid("last4", "no test card of this network has these digits", allowed)
        await self._issuer.replace_card(reference, pan, Expiry(2099, 12))

    async def _after(self, card: Instrument) -> Instrument:
        customer, instrument = CustomerId(card.customer_id), InstrumentId(card.instrument_id)
        try:
            return await self._instruments.load(self._caller, customer, instrument)
        except InstrumentNotFoundError:
            return card._replace(status=InstrumentStatus.DELETED, sealed=None)
