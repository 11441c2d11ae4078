"""Cryptograms for saved cards: single-use, counted at their provider and audited before they are released."""

from __future__ import annotations

from typing import NamedTuple

from tokenvault_server.database.engine import Unit, Work
from tokenvault_server.domain.audit import Action
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import InstrumentInactiveError, InstrumentNotFoundError, UnusableAnswerError
from tokenvault_server.store import instruments as store
from tokenvault_server.tsp.provider import Cryptogram, CryptogramContext, TokenServiceProvider
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.record_sealer import RecordSealer


class IssuedCryptogram(NamedTuple):
    """A cryptogram with the saved card it is for."""

    instrument: Instrument
    cryptogram: Cryptogram


class Cryptograms:
    """The verb that makes a saved card payable."""

    def __init__(
        self, instruments: Instruments, sealer: RecordSealer, tsp: TokenServiceProvider, audit: AuditTrail, clock: Clock
    ) -> None:
        """Ask `tsp` for the cryptograms of what `instruments` finds."""
        self._instruments = instruments
        self._sealer = sealer
        self._tsp = tsp
        self._audit = audit
        self._clock = clock

    async def issue(
        self, caller: Caller, unit: Unit, customer_id: CustomerId, instrument_id: InstrumentId
    ) -> IssuedCryptogram:
        """Give a fresh cryptogram; it may be released once `unit` has committed.

        The provider's counter is durable before this vault's entry is: what a crash between the two loses is a
        cryptogram that nobody has seen, and its number stays unused.
        """
        instrument = await self._instruments.load(caller, customer_id, instrument_id)
        if instrument.status is not InstrumentStatus.ACTIVE:
            raise InstrumentInactiveError
        secrets = await self._sealer.open_instrument(instrument)
        cryptogram = await self._tsp.cryptogram(secrets.token_reference, CryptogramContext())
        if cryptogram.token_pan.reveal() != secrets.token_pan or cryptogram.trid != secrets.trid:
            raise UnusableAnswerError(hint="the provider gave a cryptogram for another token")
        unit.add(lambda: self._release(caller, instrument, cryptogram))
        return IssuedCryptogram(instrument, cryptogram)

    def _release(self, caller: Caller, instrument: Instrument, cryptogram: Cryptogram) -> Work[None]:
        now = self._clock.now()
        status = yield from store.count_cryptogram(instrument, now)
        if status is not InstrumentStatus.ACTIVE:
            raise InstrumentInactiveError if status is InstrumentStatus.INACTIVE else InstrumentNotFoundError
        details: dict[str, int | str] = {"atc": cryptogram.atc, "key_index": cryptogram.key_index}
        yield from self._audit.append_act(caller, Action.CRYPTOGRAM_ISSUED, instrument, now, details)
