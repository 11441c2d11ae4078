"""Cryptograms for saved cards: single-use, counted at their provider and audited before they are released."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from tokenvault_server.database.engine import Unit, Work
from tokenvault_server.domain.audit import Action
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    AmountNotBoundError,
    InstrumentInactiveError,
    InstrumentNotFoundError,
    UnusableAnswerError,
)
from tokenvault_server.store import instruments as store
from tokenvault_server.tsp.events import TokenEvent
from tokenvault_server.tsp.provider import Cryptogram, CryptogramContext, TokenKey, TokenServiceProvider
from tokenvault_server.tsp.routing import Providers
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.token_events import TokenEvents
from tokenvault_server.vault.webhook_events import nothing

_ANY_PAYMENT: Final = CryptogramContext()


class IssuedCryptogram(NamedTuple):
    """A cryptogram with the saved card it is for."""

    instrument: Instrument
    cryptogram: Cryptogram


class Cryptograms:
    """Issues cryptograms for saved cards."""

    def __init__(
        self,
        instruments: Instruments,
        sealer: RecordSealer,
        providers: Providers,
        token_events: TokenEvents,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        """Request cryptograms from the providers of the cards that `instruments` finds."""
        self._instruments = instruments
        self._sealer = sealer
        self._providers = providers
        self._token_events = token_events
        self._audit = audit
        self._clock = clock

    async def issue(
        self,
        caller: Caller,
        unit: Unit,
        customer_id: CustomerId,
        instrument_id: InstrumentId,
        context: CryptogramContext = _ANY_PAYMENT,
    ) -> IssuedCryptogram:
        """Return a fresh cryptogram; it may be released once `unit` has committed.

        The provider's counter is durable before the vault's audit entry is. A crash between the two loses a cryptogram
        that nobody has received, and its counter value stays unused.
        """
        instrument, released = await self._instruments.load_with_counter(caller, customer_id, instrument_id)
        if instrument.status is not InstrumentStatus.ACTIVE:
            raise InstrumentInactiveError
        provider = self._providers.by_id(instrument.tsp_id)
        if context.amount is not None and not provider.capabilities.binds_amounts:
            raise AmountNotBoundError
        secrets = await self._sealer.open_instrument(instrument)
        key = TokenKey(instrument.merchant_id, secrets.token_reference)
        cryptogram = await provider.cryptogram(key, context)
        if cryptogram.trid != secrets.trid:
            raise UnusableAnswerError(hint="the provider returned a cryptogram for another token")
        if cryptogram.counter is not None and cryptogram.counter <= released:
            # The counter was read before the request, so only a token service that was set back is not above it.
            raise UnusableAnswerError(hint="the provider's counter was set back: it spent a value a second time")
        if cryptogram.token_pan != secrets.network_token:
            unit.add(await self._rotation(provider, key, cryptogram))
        unit.add(lambda: self._release(caller, instrument, cryptogram))
        return IssuedCryptogram(instrument, cryptogram)

    async def _rotation(
        self, provider: TokenServiceProvider, key: TokenKey, cryptogram: Cryptogram
    ) -> Callable[[], Work[None]]:
        """Return the writes that store a token's new number, if the provider confirms that it is this token's.

        Without this, one event that is late or missing would make the card unusable.
        """
        view = await provider.get(key)
        if view.token_pan is None or view.token_pan != cryptogram.token_pan or view.trid != cryptogram.trid:
            raise UnusableAnswerError(hint="the provider does not confirm the token number of its cryptogram")
        event = TokenEvent(
            merchant_id=key.merchant_id,
            reference=key.reference,
            at=view.at,
            token_pan=view.token_pan,
            token_expiry=view.token_expiry,
            reason="a cryptogram came with a new token number",
        )
        return await self._token_events.prepare(provider.tsp_id, event) or nothing

    def _release(self, caller: Caller, instrument: Instrument, cryptogram: Cryptogram) -> Work[None]:
        now = self._clock.now()
        status = yield from store.count_cryptogram(instrument, now, cryptogram.counter or 0)
        if status is not InstrumentStatus.ACTIVE:
            raise InstrumentInactiveError if status is InstrumentStatus.INACTIVE else InstrumentNotFoundError
        details: dict[str, int | str] = {}
        if cryptogram.atc is not None:
            details["atc"] = cryptogram.atc
        if cryptogram.key_index is not None:
            details["key_index"] = cryptogram.key_index
        if cryptogram.counter is not None:
            details["counter"] = cryptogram.counter
        yield from self._audit.append_act(caller, Action.CRYPTOGRAM_ISSUED, instrument, now, details)
