"""PostgreSQL builds the index of a concurrent migration while others write, and survives what interrupts a build."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.server.database.test_postgres import an_engine
from tests.support.builders import sql
from tests.support.databases import POSTGRESQL
from tests.support.migrations import Package, importable
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import migrate, pending
from tokenvault_server.database.postgres.engine import PostgresEngine
from tokenvault_server.database.queries import Query
from tokenvault_server.errors import StoreError, StoreUnavailableError

NOW = 1_790_000_000_000_000
SECONDS = 20
TABLE = "CREATE TABLE cards (card TEXT NOT NULL);"
INDEX = "-- concurrently --\nCREATE INDEX cards_by_card ON cards (card);\n"
UNIQUE = INDEX.replace("INDEX", "UNIQUE INDEX")
NAME = "0002_cards_by_card.sql"
STATE = Query("state", "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('cards_by_card')")
RECORDED = Query("recorded", "SELECT count(*) FROM schema_migrations WHERE number = 2")
BUILDING = Query(
    "building",
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE%CONCURRENTLY%' "
    "AND wait_event_type = 'Lock'",
)
WAITING = Query(
    "waiting",
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
)


@pytest.fixture
def store_kind() -> str:
    return POSTGRESQL


@pytest.fixture
async def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Package:
    """A package whose first migration is applied, and whose second builds an index."""
    made = importable(tmp_path, monkeypatch)
    made.write("0001_cards.sql", TABLE)
    await migrate(engine, made.name, NOW)
    made.write(NAME, INDEX)
    return made


@pytest.fixture
async def other(empty_store: str) -> AsyncIterator[PostgresEngine]:
    """A second process, as far as the database can tell."""
    opened = await an_engine(empty_store, connections=1)
    yield opened
    await opened.close()


@asynccontextmanager
async def transaction(url: str, statement: str) -> AsyncIterator[None]:
    """Keep a transaction open in which a statement was carried out."""
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute(statement)
        yield
    await connection.close()


async def appears(engine: Engine, query: Query) -> list[tuple[int]]:
    """Return the rows of a query as soon as there are some."""
    async with asyncio.timeout(SECONDS):
        while not (rows := await engine.read(query())):
            pass
    return rows


async def test_others_write_while_an_index_is_built(engine: Engine, package: Package, empty_store: str) -> None:
    async with transaction(empty_store, "INSERT INTO cards VALUES ('one')"):
        building = asyncio.ensure_future(migrate(engine, package.name, NOW))
        await appears(engine, BUILDING)
        await sql(engine, "INSERT INTO cards VALUES ('two')")
        assert await engine.read(RECORDED()) == [(0,)]
    assert await building == [NAME]
    assert await engine.read(STATE()) == [(True,)]


async def test_a_second_migrator_waits_for_a_build_without_delaying_it(
    engine: Engine, other: PostgresEngine, package: Package, empty_store: str
) -> None:
    async with transaction(empty_store, "INSERT INTO cards VALUES ('one')"):
        first = asyncio.ensure_future(migrate(engine, package.name, NOW))
        await appears(engine, BUILDING)
        second = asyncio.ensure_future(migrate(other, package.name, NOW))
        await asyncio.wait({second}, timeout=0.5)
        assert not second.done()
    async with asyncio.timeout(SECONDS):
        assert [await first, await second] == [[NAME], []]


async def test_a_build_whose_session_is_ended_is_done_again(engine: Engine, package: Package, empty_store: str) -> None:
    async with transaction(empty_store, "INSERT INTO cards VALUES ('one')"):
        building = asyncio.ensure_future(migrate(engine, package.name, NOW))
        ((session,),) = await appears(engine, BUILDING)
        await sql(engine, f"SELECT pg_terminate_backend({session}, 10000)")
        assert await engine.read(RECORDED()) == [(0,)]
    assert await building == [NAME]
    assert await engine.read(STATE()) == [(True,)]


async def test_an_index_that_a_crash_left_unfinished_is_dropped_and_built(
    engine: Engine, package: Package, empty_store: str
) -> None:
    await leave_unfinished(engine, empty_store)
    assert await engine.read(STATE()) == [(False,)]
    assert await migrate(engine, package.name, NOW) == [NAME]
    assert await engine.read(STATE()) == [(True,)]


async def test_an_index_that_was_finished_before_a_crash_is_only_recorded(engine: Engine, package: Package) -> None:
    await sql(engine, "CREATE INDEX cards_by_card ON cards (card)")
    before = await engine.read(Query("identity", "SELECT to_regclass('cards_by_card')::oid::bigint")())
    assert await migrate(engine, package.name, NOW) == [NAME]
    assert await engine.read(Query("identity", "SELECT to_regclass('cards_by_card')::oid::bigint")()) == before


async def test_a_unique_index_that_finds_equal_rows_leaves_nothing_behind(engine: Engine, package: Package) -> None:
    await sql(engine, "INSERT INTO cards VALUES ('one'), ('one')")
    package.write(NAME, UNIQUE)
    with pytest.raises(StoreError):
        await migrate(engine, package.name, NOW)
    assert await engine.read(STATE()) == []
    assert await pending(engine, package.name) == [NAME]


async def test_a_change_of_a_table_in_use_lets_calls_pass_and_tries_again(
    engine: Engine, package: Package, empty_store: str
) -> None:
    package.write(NAME, "ALTER TABLE cards ADD COLUMN network TEXT;")
    patient = await an_engine(empty_store, timeout_seconds=0.4)
    async with transaction(empty_store, "SELECT * FROM cards"):
        changing = asyncio.ensure_future(migrate(patient, package.name, NOW))
        for _ in range(2):
            await appears(engine, WAITING)
            await sql(patient, "INSERT INTO cards VALUES ('one')")  # waits behind the change for 0.2 s
    assert await changing == [NAME]
    await patient.close()


async def test_a_table_that_stays_in_use_is_an_error_with_its_reason(
    engine: Engine, package: Package, empty_store: str
) -> None:
    package.write(NAME, "ALTER TABLE cards ADD COLUMN network TEXT;")
    hasty = await an_engine(empty_store, timeout_seconds=0.02)
    async with transaction(empty_store, "SELECT * FROM cards"):
        with pytest.raises(StoreUnavailableError, match="another transaction"):
            await migrate(hasty, package.name, NOW)
    assert await pending(engine, package.name) == [NAME]
    await hasty.close()


async def leave_unfinished(engine: Engine, url: str) -> None:
    """Leave the index as a build does that ends early."""
    await sql(engine, "INSERT INTO cards VALUES ('one'), ('one')")
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("CREATE UNIQUE INDEX CONCURRENTLY cards_by_card ON cards (card)")
    await connection.close()
