"""Saved cards and the network tokens they share, as rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Row, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId
from tokenvault_server.domain.instrument import CardSummary, Instrument, InstrumentStatus
from tokenvault_server.domain.protected_row import Tagged
from tokenvault_server.errors import StaleReadError

SQL = queries.load("tokenvault_server.store", "instruments.sql")
_LOAD = SQL["load_instrument"]
_STATUS = {status.value: status for status in InstrumentStatus}


async def load(
    engine: Engine, merchant_id: MerchantId, customer_id: CustomerId, instrument_id: InstrumentId
) -> Tagged[Instrument] | None:
    """Return one saved card or its tombstone, or None."""
    statement = _LOAD(merchant_id=merchant_id, customer_id=customer_id, instrument_id=instrument_id)
    rows = await engine.read(statement)
    return _instrument(rows[0]) if rows else None


async def load_with_counter(
    engine: Engine, merchant_id: MerchantId, customer_id: CustomerId, instrument_id: InstrumentId
) -> tuple[Tagged[Instrument], int] | None:
    """Return one saved card or its tombstone, and the highest counter of its token that was released; or None."""
    statement = SQL["load_with_counter"](merchant_id=merchant_id, customer_id=customer_id, instrument_id=instrument_id)
    rows = await engine.read(statement)
    return (_instrument(rows[0][:-1]), rows[0][-1] or 0) if rows else None


async def list_of_customer(
    engine: Engine, merchant_id: MerchantId, customer_id: CustomerId
) -> list[Tagged[Instrument]]:
    """Return the saved cards of a customer, oldest first, without tombstones."""
    rows = await engine.read(SQL["list_instruments"](merchant_id=merchant_id, customer_id=customer_id))
    return [_instrument(row) for row in rows]


async def list_of_merchant(engine: Engine, merchant_id: MerchantId, limit: int) -> list[Tagged[Instrument]]:
    """Return up to `limit` saved cards of a merchant, by customer."""
    rows = await engine.read(SQL["list_merchant_instruments"](merchant_id=merchant_id, limit=limit))
    return [_instrument(row) for row in rows]


async def list_of_token(engine: Engine, merchant_id: MerchantId, token_index: bytes) -> list[Tagged[Instrument]]:
    """Return the saved cards of one token, without tombstones."""
    rows = await engine.read(SQL["list_instruments_of_token"](merchant_id=merchant_id, token_index=token_index))
    return [_instrument(row) for row in rows]


async def pages_of_merchant(
    engine: Engine, merchant_id: str, page_size: int
) -> AsyncIterator[tuple[Tagged[Instrument], int]]:
    """Yield all saved cards and tombstones of a merchant, each with the number of its cryptograms, page by page."""
    customer_id = instrument_id = ""
    while page := await engine.read(
        SQL["page_of_instruments"](
            merchant_id=merchant_id, customer_id=customer_id, instrument_id=instrument_id, limit=page_size
        )
    ):
        for row in page:
            yield _instrument(row[:-1]), row[-1]
        customer_id, instrument_id = page[-1][1:3]


async def find(engine: Engine, merchant_id: str, instrument_id: str) -> tuple[Tagged[Instrument], int] | None:
    """Return a merchant's saved card or tombstone with the number of its cryptograms, or None; slow."""
    rows = await engine.read(SQL["find_instrument"](merchant_id=merchant_id, instrument_id=instrument_id))
    return (_instrument(rows[0][:-1]), rows[0][-1]) if rows else None


def of_token(merchant_id: MerchantId, token_index: bytes) -> Work[list[Tagged[Instrument]]]:
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
    """Overwrite a saved card with its tombstone; return False when it was deleted before.

    Raises:
        StaleReadError: the card has changed since it was read.
    """
    which = {
        "merchant_id": instrument.merchant_id,
        "customer_id": instrument.customer_id,
        "instrument_id": instrument.instrument_id,
    }
    if (
        yield SQL["tombstone_instrument"](
            **which, row_version=instrument.row_version, deleted_at=deleted_at, afa_reference=afa_reference
        )
    ):
        return True
    rows = yield SQL["read_status"](**which)
    if rows and rows[0][0] != InstrumentStatus.DELETED:
        raise StaleReadError(hint="a saved card changed while it was being deleted")
    return False


def count_cryptogram(instrument: Instrument, now: int, counter: int) -> Work[InstrumentStatus]:
    """Count one more cryptogram if the card is ACTIVE; return the status that the card has now.

    Args:
        instrument: the card.
        now: microseconds since 1970.
        counter: the cryptogram's position among all of its token, or 0 where the provider does not report it.
    """
    which = {
        "merchant_id": instrument.merchant_id,
        "customer_id": instrument.customer_id,
        "instrument_id": instrument.instrument_id,
    }
    if (yield SQL["count_cryptogram"](**which, now=now, counter=counter)):
        return InstrumentStatus.ACTIVE
    rows = yield SQL["read_status"](**which)
    return _STATUS[rows[0][0]] if rows else InstrumentStatus.DELETED


def sweep_tombstones(before: int, limit: int) -> Work[list[tuple[str, str]]]:
    """Delete up to `limit` tombstones of cards deleted before a moment; return their merchants and ids."""
    rows = yield SQL["sweep_tombstones"](before=before, limit=limit)
    return [(merchant_id, instrument_id) for merchant_id, instrument_id in rows]


async def summary(engine: Engine, merchant_id: MerchantId) -> CardSummary:
    """Return how many saved cards and tombstones a merchant has; it reads all of its cards."""
    rows = await engine.read(SQL["summary_of_instruments"](merchant_id=merchant_id))
    counts = {_STATUS[status]: int(count) for status, count, *_ in rows}
    return CardSummary(counts, max((at for row in rows for at in row[2:] if at is not None), default=None))


def _instrument(row: Row) -> Tagged[Instrument]:
    return Tagged(Instrument._make((*row[:3], _STATUS[row[3]], *row[4:-1])), row[-1])
