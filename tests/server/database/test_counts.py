"""Every failure of a database has a kind, and waits for connections are counted."""

from __future__ import annotations

import asyncio

import apsw
import asyncpg
import pytest

from tests.server.database.bodies import TABLE, inserting
from tests.server.database.test_connections import Server
from tests.support.builders import sql
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.postgres import errors as postgres
from tokenvault_server.database.postgres.connections import Connections
from tokenvault_server.database.queries import Query
from tokenvault_server.database.sqlite import engine as sqlite
from tokenvault_server.errors import StoreError, StoreUnavailableError
from tokenvault_server.telemetry.store_counts import Failure, Pool, StoreCounts

MISSING = Query("missing", "SELECT 1 FROM no_table")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (apsw.BusyError(), Failure.LOCKED),
        (apsw.FullError(), Failure.DISK_FULL),
        (apsw.ReadOnlyError(), Failure.READ_ONLY),
        (apsw.IOError(), Failure.DAMAGED),
        (apsw.CorruptError(), Failure.DAMAGED),
        (apsw.SQLError(), Failure.OTHER),
    ],
)
def test_every_error_of_sqlite_has_a_kind(error: apsw.Error, kind: Failure) -> None:
    assert sqlite.failure(error) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.DeadlockDetectedError(), Failure.CONFLICT),
        (asyncpg.SerializationError(), Failure.CONFLICT),
        (asyncpg.ReadOnlySQLTransactionError(), Failure.READ_ONLY),
        (asyncpg.DiskFullError(), Failure.DISK_FULL),
        (asyncpg.QueryCanceledError(), Failure.TIMEOUT),
        (TimeoutError(), Failure.TIMEOUT),
        (asyncpg.AdminShutdownError(), Failure.CONNECTION_LOST),
        (asyncpg.InvalidPasswordError(), Failure.CONNECTION_LOST),
        (asyncpg.TooManyConnectionsError(), Failure.CONNECTION_LOST),
        (ConnectionRefusedError(), Failure.CONNECTION_LOST),
        (asyncpg.InterfaceError("connection is closed"), Failure.CONNECTION_LOST),
        (asyncpg.DataCorruptedError(), Failure.DAMAGED),
        (asyncpg.UndefinedTableError(), Failure.OTHER),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else each,
)
def test_every_error_of_postgresql_has_a_kind(error: Exception, kind: Failure) -> None:
    assert postgres.failure(error) is kind


@pytest.mark.parametrize("store_kind", ["sqlite", "postgresql-18"])
async def test_an_engine_counts_its_waits_and_failures(engine: Engine) -> None:
    await sql(engine, TABLE)
    engine.counts.take()
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(5)))
    with pytest.raises(StoreError):
        await engine.read(MISSING())
    waits, seconds, failures = engine.counts.take()
    assert sum(waits) >= 5
    assert seconds >= 0
    assert failures == {Failure.OTHER: 1}
    assert engine.pool().in_use == engine.pool().waiting == 0
    assert engine.pool().opened >= 1


async def test_the_use_of_a_pool_is_known_and_exhaustion_is_counted() -> None:
    counts = StoreCounts()
    connections = Connections(Server().connect, 1, 0.05, counts)
    assert connections.usage() == Pool(limit=1, opened=0, in_use=0, waiting=0)
    taken = await connections.take()
    waiting = asyncio.ensure_future(connections.take())
    await asyncio.sleep(0)
    assert connections.usage() == Pool(limit=1, opened=1, in_use=1, waiting=1)
    with pytest.raises(StoreUnavailableError):
        await waiting
    connections.give_back(taken)
    assert connections.usage() == Pool(limit=1, opened=1, in_use=0, waiting=0)
    waits, seconds, failures = counts.take()
    assert sum(waits) == 2
    assert seconds >= 0.05
    assert failures == {Failure.POOL_EXHAUSTED: 1}
