"""Translates between wire names and the vault's verbs; no other module knows both vocabularies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import lru_cache

from tokenvault_contract import operations
from tokenvault_contract.entities import CryptogramEntity, InstrumentEntity, SavedInstrumentMeta, TokenDetails
from tokenvault_server.api import enrolment
from tokenvault_server.api.call import Call
from tokenvault_server.api.shape import Body
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import DAY, SECOND, Clock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.errors import InvalidFieldError, MissingFieldError
from tokenvault_server.vault.cryptograms import Cryptograms, IssuedCryptogram
from tokenvault_server.vault.instruments import Instruments, SavedCard
from tokenvault_server.vault.record_sealer import InstrumentSecrets

Read = Callable[[Call], Awaitable[Body]]
Act = Callable[[Call, Unit], Awaitable[Body]]


class Handlers:
    """The handler of each operation in the contract's table."""

    def __init__(
        self, instruments: Instruments, cryptograms: Cryptograms, clock: Clock, machine: Clock | None = None
    ) -> None:
        """Call these verbs of the vault. A consent may be as late as `clock`, or `machine` if there is one."""
        self._instruments = instruments
        self._cryptograms = cryptograms
        self._clock = clock
        self._machine = machine or clock
        self._reads: dict[str, Read] = {
            operations.FETCH_INSTRUMENTS.key: self.fetch_instruments,
            operations.FETCH_INSTRUMENT.key: self.fetch_instrument,
        }
        self._acts: dict[str, Act] = {
            operations.DELETE_INSTRUMENT.key: self.delete_instrument,
            operations.FETCH_CRYPTOGRAM.key: self.fetch_cryptogram,
            operations.ENROL_INSTRUMENT.key: self.enrol_instrument,
        }

    def read(self, call: Call) -> Awaitable[Body]:
        """Return the body of an operation that writes nothing."""
        return self._reads[call.operation.key](call)

    def act(self, call: Call, unit: Unit) -> Awaitable[Body]:
        """Return the body of an operation that acts; its writes go into the unit."""
        return self._acts[call.operation.key](call, unit)

    async def fetch_instruments(self, call: Call) -> list[InstrumentEntity]:
        """Return all saved cards of a customer."""
        check_instrument_type(call.request.query)
        (customer_id,) = call.path
        cards = await self._instruments.fetch_all(call.caller, CustomerId(customer_id))
        return [instrument_entity(card) for card in cards]

    async def fetch_instrument(self, call: Call) -> InstrumentEntity:
        """Return one saved card."""
        customer_id, instrument_id = call.path
        return instrument_entity(
            await self._instruments.fetch(call.caller, CustomerId(customer_id), InstrumentId(instrument_id))
        )

    async def delete_instrument(self, call: Call, unit: Unit) -> InstrumentEntity:
        """Delete a saved card and return its tombstone."""
        customer_id, instrument_id = call.path
        return instrument_entity(
            await self._instruments.delete(call.caller, unit, CustomerId(customer_id), InstrumentId(instrument_id))
        )

    async def fetch_cryptogram(self, call: Call, unit: Unit) -> CryptogramEntity:
        """Return a fresh cryptogram for a saved card."""
        customer_id, instrument_id = call.path
        issued = await self._cryptograms.issue(call.caller, unit, CustomerId(customer_id), InstrumentId(instrument_id))
        call.instrument_id, call.reply_until = instrument_id, issued.cryptogram.expires_at
        return cryptogram_entity(issued)

    async def enrol_instrument(self, call: Call, unit: Unit) -> InstrumentEntity:
        """Save a card."""
        (customer_id,) = call.path
        latest = max(self._clock.now(), self._machine.now())
        request = enrolment.read(call.body, call.caller.merchant_id, CustomerId(customer_id), latest)
        saved = await self._instruments.save(call.caller, unit, request)
        call.instrument_id = saved.instrument.instrument_id
        return instrument_entity(saved)


def check_instrument_type(query: bytes) -> None:
    """Raise unless the query asks for cards in one of the forms that the published SDKs send.

    Version 6 of the Python SDK sends `instrument_type=card?instrument_type=card`, that of the Node SDK repeats the
    parameter.
    """
    values = []
    for pair in query.replace(b"?", b"&").split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"instrument_type":
            values.append(value)
    if not any(values):
        raise MissingFieldError("instrument_type")
    if any(value != b"card" for value in values):
        raise InvalidFieldError("instrument_type", "must be card")


def instrument_entity(card: SavedCard) -> InstrumentEntity:
    """Translate a saved card into the names and formats of the wire."""
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
    """Translate a cryptogram into the names and formats of the wire."""
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
    """Write a day, counted from 1970-01-01. Cached: few days occur, and formatting them costs most of a moment."""
    return (date(1970, 1, 1) + timedelta(day)).isoformat()
