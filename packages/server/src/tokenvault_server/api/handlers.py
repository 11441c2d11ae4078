"""From wire names to the vault's verbs and back: nothing else in the house knows both vocabularies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import lru_cache

import msgspec

from tokenvault_contract import operations
from tokenvault_contract.entities import CryptogramEntity, InstrumentEntity, SavedInstrumentMeta, TokenDetails
from tokenvault_server.api import enrolment
from tokenvault_server.api.call import Call
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import DAY, SECOND, Clock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import InvalidFieldError, MissingFieldError
from tokenvault_server.vault.cryptograms import Cryptograms, IssuedCryptogram
from tokenvault_server.vault.instruments import Instruments, SavedCard
from tokenvault_server.vault.record_sealer import InstrumentSecrets

Body = msgspec.Struct | list[InstrumentEntity]
Handler = Callable[[Call, Caller, Unit], Awaitable[Body]]


class Handlers:
    """What happens for each operation of the contract's table."""

    def __init__(self, instruments: Instruments, cryptograms: Cryptograms, clock: Clock) -> None:
        """Serve what these verbs do."""
        self._instruments = instruments
        self._cryptograms = cryptograms
        self._clock = clock
        self._by_key: dict[str, Handler] = {
            operations.FETCH_INSTRUMENTS.key: self.fetch_instruments,
            operations.FETCH_INSTRUMENT.key: self.fetch_instrument,
            operations.DELETE_INSTRUMENT.key: self.delete_instrument,
            operations.FETCH_CRYPTOGRAM.key: self.fetch_cryptogram,
            operations.ENROL_INSTRUMENT.key: self.enrol_instrument,
        }

    def of(self, operation: operations.Operation) -> Handler:
        """Give the handler of an operation."""
        return self._by_key[operation.key]

    async def fetch_instruments(self, call: Call, caller: Caller, _unit: Unit) -> list[InstrumentEntity]:
        """Give all saved cards of a customer."""
        check_instrument_type(call.query)
        (customer_id,) = call.path
        return [instrument_entity(card) for card in await self._instruments.fetch_all(caller, CustomerId(customer_id))]

    async def fetch_instrument(self, call: Call, caller: Caller, _unit: Unit) -> InstrumentEntity:
        """Give one saved card."""
        customer_id, instrument_id = call.path
        return instrument_entity(
            await self._instruments.fetch(caller, CustomerId(customer_id), InstrumentId(instrument_id))
        )

    async def delete_instrument(self, call: Call, caller: Caller, unit: Unit) -> InstrumentEntity:
        """Delete a saved card and give its tombstone."""
        customer_id, instrument_id = call.path
        deleted = await self._instruments.delete(caller, unit, CustomerId(customer_id), InstrumentId(instrument_id))
        return instrument_entity(deleted)

    async def fetch_cryptogram(self, call: Call, caller: Caller, unit: Unit) -> CryptogramEntity:
        """Give a fresh cryptogram for a saved card."""
        customer_id, instrument_id = call.path
        issued = await self._cryptograms.issue(caller, unit, CustomerId(customer_id), InstrumentId(instrument_id))
        call.about, call.reply_until = instrument_id, issued.cryptogram.expires_at
        return cryptogram_entity(issued)

    async def enrol_instrument(self, call: Call, caller: Caller, unit: Unit) -> InstrumentEntity:
        """Save a card."""
        (customer_id,) = call.path
        request = enrolment.read(call.body or b"", caller.merchant_id, CustomerId(customer_id), self._clock.now())
        saved = await self._instruments.save(caller, unit, request)
        call.about = saved.instrument.instrument_id
        return instrument_entity(saved)


def check_instrument_type(query: bytes) -> None:
    """Raise unless the query asks for cards, in any of the forms that the published SDKs send.

    Version 6 of the Python SDK sends `instrument_type=card?instrument_type=card`, that of the Node SDK repeats the
    parameter.
    """
    asked = []
    for pair in query.replace(b"?", b"&").split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"instrument_type":
            asked.append(value)
    if not any(asked):
        raise MissingFieldError("instrument_type")
    if any(value != b"card" for value in asked):
        raise InvalidFieldError("instrument_type")


def instrument_entity(card: SavedCard) -> InstrumentEntity:
    """Give a saved card in the wire's words."""
    instrument, secrets = card.instrument, card.secrets
    active = instrument.status is InstrumentStatus.ACTIVE
    return InstrumentEntity(
        customer_id=instrument.customer_id,
        afa_reference=secrets.afa_reference if secrets else instrument.afa_reference or "",
        instrument_id=instrument.instrument_id,
        instrument_type="card",
        instrument_uid=instrument.instrument_uid or None,
        instrument_display="XXXXXXXXXXXX" + instrument.last4,
        # The published SDKs know two statuses only and refuse a third.
        instrument_status="ACTIVE" if active else "INACTIVE",
        created_at=_iso(instrument.created_at),
        instrument_meta=SavedInstrumentMeta(
            card_network=instrument.network,
            card_bank_name=instrument.issuer,
            card_country=instrument.country or None,
            card_type=instrument.card_type,
            card_token_details=_token_details(secrets) if secrets else None,
            card_sub_type=instrument.card_sub_type,
        ),
    )


def _token_details(secrets: InstrumentSecrets) -> TokenDetails:
    return TokenDetails(secrets.par, f"{secrets.token_expiry_month:02d}", str(secrets.token_expiry_year))


def cryptogram_entity(issued: IssuedCryptogram) -> CryptogramEntity:
    """Give a cryptogram in the wire's words."""
    cryptogram = issued.cryptogram
    return CryptogramEntity(
        instrument_id=issued.instrument.instrument_id,
        token_requestor_id=cryptogram.trid,
        card_number=cryptogram.token_pan.reveal(),
        card_expiry_mm=f"{cryptogram.token_expiry.month:02d}",
        card_expiry_yy=str(cryptogram.token_expiry.year),
        cryptogram=cryptogram.value.reveal(),
        card_display=issued.instrument.last4,
    )


def _iso(moment: int) -> str:
    """Write a moment as ISO 8601 with milliseconds and offset, such as 2023-11-01T04:55:07.000+00:00."""
    day, micros = divmod(moment, DAY)
    seconds, micros = divmod(micros, SECOND)
    minutes, seconds = divmod(seconds, 60)
    return f"{_date(day)}T{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}.{micros // 1000:03d}+00:00"


@lru_cache(maxsize=4_096)
def _date(day: int) -> str:
    """Write a day, counted from 1970-01-01. Cards are saved on few of them, and this is the dear half of a moment."""
    return (date(1970, 1, 1) + timedelta(day)).isoformat()
