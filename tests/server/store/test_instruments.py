"""Rows of saved cards: guarantees of the statements that the tests of the vault do not cover."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.builders import CUSTOMER, an_instrument, sql
from tests.support.clock import NOW
from tokenvault_server.database.engine import Engine, single_statement
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.errors import StoreError
from tokenvault_server.store import instruments as store
from tokenvault_server.vault.initialisation import SCHEMA

MERCHANT = MerchantId("mer_1")


@pytest.fixture
async def engine(engine: Engine) -> Engine:
    await migrate(engine, SCHEMA, NOW)
    return engine


async def insert(engine: Engine, *instruments: Instrument) -> None:
    for instrument in instruments:
        await engine.commit(single_statement(store.insert(instrument, 1)))


async def load(engine: Engine) -> Instrument | None:
    read = await store.load(engine, MERCHANT, CUSTOMER, an_instrument().instrument_id)
    return read.value if read else None


async def test_a_row_is_read_as_it_was_written(engine: Engine) -> None:
    await insert(engine, an_instrument())
    assert await load(engine) == an_instrument()


async def test_cards_saved_at_the_same_time_are_listed_by_id(engine: Engine) -> None:
    await insert(engine, an_instrument("b"), an_instrument("a"), an_instrument("c", created_at=NOW - 1))
    listed = await store.list_of_customer(engine, MERCHANT, CUSTOMER)
    assert [each.value.instrument_id for each in listed] == ["c", "a", "b"]


async def test_a_card_is_inserted_once(engine: Engine) -> None:
    await insert(engine, an_instrument())
    with pytest.raises(StoreError):
        await insert(engine, an_instrument())


async def test_a_card_without_its_sealed_record_cannot_be_stored(engine: Engine) -> None:
    with pytest.raises(StoreError):
        await insert(engine, an_instrument(sealed=None))


async def test_of_two_concurrent_deletions_one_succeeds(engine: Engine) -> None:
    await insert(engine, an_instrument())
    deletions = [engine.commit(lambda: store.tombstone(an_instrument(), NOW, "afa")) for _ in range(2)]
    assert sorted(await asyncio.gather(*deletions)) == [False, True]


async def test_a_tombstone_has_no_key_id_and_no_sealed_record(engine: Engine) -> None:
    await insert(engine, an_instrument())
    await engine.commit(lambda: store.tombstone(an_instrument(), NOW, "afa"))
    rows = await sql(engine, "SELECT status, sealed, key_id, deleted_at, afa_reference FROM instruments")
    assert rows == [("DELETED", None, None, NOW, "afa")]


@pytest.mark.parametrize(
    ("status", "counted"), [("ACTIVE", InstrumentStatus.ACTIVE), ("INACTIVE", InstrumentStatus.INACTIVE)]
)
async def test_cryptograms_are_counted_for_active_cards_only(
    engine: Engine, status: str, counted: InstrumentStatus
) -> None:
    await insert(engine, an_instrument())
    await sql(engine, "UPDATE instruments SET status = :status", status=status)
    assert await engine.commit(lambda: store.count_cryptogram(an_instrument(), NOW, 1)) is counted
    ((count,),) = await sql(engine, "SELECT cryptogram_count FROM instruments")
    assert count == (1 if counted is InstrumentStatus.ACTIVE else 0)


async def test_a_card_without_a_row_counts_as_deleted(engine: Engine) -> None:
    assert await engine.commit(lambda: store.count_cryptogram(an_instrument(), NOW, 1)) is InstrumentStatus.DELETED


@pytest.mark.parametrize(("before", "left"), [(NOW, 1), (NOW + 1, 0)])
async def test_a_tombstone_is_swept_after_its_time(engine: Engine, before: int, left: int) -> None:
    await insert(engine, an_instrument())
    await engine.commit(lambda: store.tombstone(an_instrument(), NOW, "afa"))
    await engine.commit(lambda: store.sweep_tombstones(before, 10))
    assert await sql(engine, "SELECT COUNT(*) FROM instruments") == [(left,)]
