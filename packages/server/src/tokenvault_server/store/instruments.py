"""Saved cards and the network tokens they share, as rows."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Row, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus

SQL = queries.load("tokenvault_server.store", "instruments.sql")
_LOAD = SQL["load_instrument"]
_STATUS = {status.value: status for status in InstrumentStatus}


async def load(
    engine: Engine, merchant_id: MerchantId, customer_id: CustomerId, instrument_id: InstrumentId
) -> Instrument | None:
    """Return one saved card or its tombstone, or None."""
    statement = _LOAD(merchant_id=merchant_id, customer_id=customer_id, instrument_id=instrument_id)
    rows = await engine.read(statement)
    return _instrument(rows[0]) if rows else None


async def list_of_customer(engine: Engine, merchant_id: MerchantId, customer_id: CustomerId) -> list[Instrument]:
    """Return the saved cards of a customer, oldest first, without tombstones."""
    rows = await engine.read(SQL["list_instruments"](merchant_id=merchant_id, customer_id=customer_id))
    return [_instrument(row) for row in rows]


async def list_of_merchant(engine: Engine, merchant_id: MerchantId, limit: int) -> list[Instrument]:
    """Return up to `limit` saved cards of a merchant, by customer."""
    rows = await engine.read(SQL["list_merchant_instruments"](merchant_id=merchant_id, limit=limit))
    return [_instrument(row) for row in rows]


async def list_of_token(engine: Engine, merchant_id: MerchantId, token_index: bytes) -> list[Instrument]:
    """Return the saved cards of one token, without tombstones."""
    rows = await engine.read(SQL["list_instruments_of_token"](merchant_id=merchant_id, token_index=token_index))
    return [_instrument(row) for row in rows]


def of_token(merchant_id: MerchantId, token_index: bytes) -> Work[list[Instrument]]:
    """Return the saved cards of one token, without tombstones, inside a transaction."""
    rows = yield SQL["list_instruments_of_token"](merchant_id=merchant_id, token_index=token_index)
    return [_instrument(row) for row in rows]


def change(instrument: Instrument, key_id: int) -> Statement:
    """Update a saved card's status, last digits and record. The transaction must hold a lock on its token."""
    return SQL["change_instrument"](
        merchant_id=instrument.merchant_id,
        customer_id=instrument.customer_id,
        instrument_id=instrument.instrument_id,
        status=instrument.status.value,
        last4=instrument.last4,
        row_version=instrument.row_version,
        key_id=key_id,
        sealed=instrument.sealed,
    )


def insert(instrument: Instrument, key_id: int) -> Statement:
    """Add a newly saved card whose record was sealed under `key_id`."""
    return SQL["insert_instrument"](
        merchant_id=instrument.merchant_id,
        customer_id=instrument.customer_id,
        instrument_id=instrument.instrument_id,
        status=instrument.status.value,
        created_at=instrument.created_at,
        tsp_id=instrument.tsp_id,
        last4=instrument.last4,
        network=instrument.network,
        issuer=instrument.issuer,
        country=instrument.country,
        card_type=instrument.card_type,
        card_sub_type=instrument.card_sub_type,
        instrument_uid=instrument.instrument_uid,
        token_index=instrument.token_index,
        row_version=instrument.row_version,
        key_id=key_id,
        sealed=instrument.sealed,
    )


def count(merchant_id: MerchantId, customer_id: CustomerId) -> Work[int]:
    """Return how many saved cards a customer has, inside a transaction."""
    rows = yield SQL["count_instruments"](merchant_id=merchant_id, customer_id=customer_id)
    return int(rows[0][0])


def tombstone(instrument: Instrument, deleted_at: int, afa_reference: str) -> Work[bool]:
    """Overwrite a saved card with its tombstone; return False when it was deleted before."""
    rows = yield SQL["tombstone_instrument"](
        merchant_id=instrument.merchant_id,
        customer_id=instrument.customer_id,
        instrument_id=instrument.instrument_id,
        deleted_at=deleted_at,
        afa_reference=afa_reference,
    )
    return bool(rows)


def count_cryptogram(instrument: Instrument, now: int) -> Work[InstrumentStatus]:
    """Count one more cryptogram if the card is ACTIVE; return the status that the card has now."""
    rows = yield SQL["count_cryptogram"](
        merchant_id=instrument.merchant_id,
        customer_id=instrument.customer_id,
        instrument_id=instrument.instrument_id,
        now=now,
    )
    if rows:
        return InstrumentStatus.ACTIVE
    rows = yield SQL["read_status"](
        merchant_id=instrument.merchant_id,
        customer_id=instrument.customer_id,
        instrument_id=instrument.instrument_id,
    )
    return _STATUS[rows[0][0]] if rows else InstrumentStatus.DELETED


def sweep_tombstones(before: int, limit: int) -> Work[int]:
    """Delete up to `limit` tombstones of cards deleted before a moment; return how many there were."""
    return len((yield SQL["sweep_tombstones"](before=before, limit=limit)))


def _instrument(row: Row) -> Instrument:
    return Instrument._make((*row[:3], _STATUS[row[3]], *row[4:]))
