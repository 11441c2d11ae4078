"""The transaction of deleting a card, and writers that run it: one transaction for each call, or with our engines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import apsw
import asyncpg

from tokenvault_server.database.engine import Engine, Rows, Work, single_statement
from tokenvault_server.database.postgres.engine import placeholder as postgres_placeholder
from tokenvault_server.database.queries import Statement, parse
from tokenvault_server.database.sqlite.engine import drive
from tokenvault_server.database.sqlite.engine import placeholder as sqlite_placeholder

CHAINS = 64
"""The number of merchants. Transactions of one merchant commit one after another, those of different ones need not."""

SQL = parse("""
-- cards --
CREATE TABLE cards (merchant_id TEXT PRIMARY KEY, state TEXT NOT NULL, changes BIGINT NOT NULL);
-- heads --
CREATE TABLE heads (merchant_id TEXT PRIMARY KEY, sequence BIGINT NOT NULL, hash BYTEA NOT NULL);
-- entries --
CREATE TABLE entries (merchant_id TEXT, sequence BIGINT, entry BYTEA NOT NULL, PRIMARY KEY (merchant_id, sequence));
-- replies --
CREATE TABLE replies (reply_id TEXT PRIMARY KEY, sealed BYTEA NOT NULL);
-- insert_card --
INSERT INTO cards VALUES (:merchant_id, 'ACTIVE', 0);
-- change --
UPDATE cards SET changes = changes + 1 WHERE merchant_id = :merchant_id AND state = 'ACTIVE' RETURNING changes;
-- take --
INSERT INTO heads VALUES (:merchant_id, 1, :hash)
ON CONFLICT (merchant_id) DO UPDATE SET sequence = heads.sequence + 1 RETURNING sequence, hash;
-- append --
INSERT INTO entries VALUES (:merchant_id, :sequence, :entry);
-- move --
UPDATE heads SET hash = :hash WHERE merchant_id = :merchant_id;
-- reply --
INSERT INTO replies VALUES (:reply_id, :sealed);
-- appended --
SELECT COUNT(*) FROM entries;
""")

_ENTRY, _REPLY, _HASH = os.urandom(300), os.urandom(500), os.urandom(32)

Write = Callable[[], Awaitable[None]]


class Writer(NamedTuple):
    """A way to run durable transactions."""

    name: str
    write: Write
    """Run the next transaction; it is on disk when this returns."""
    appended: Callable[[], Awaitable[int]]
    """Return the number of entries in the database."""


Opened = AbstractAsyncContextManager[Writer]


def transactions() -> Callable[[], Callable[[], Work[None]]]:
    """Return a function that returns the body of the next transaction, each on the next merchant's chain."""
    numbers = count()
    return lambda: partial(_body, next(numbers))


def _body(number: int) -> Work[None]:
    merchant_id = _merchant(number)
    yield SQL["change"](merchant_id=merchant_id)
    ((sequence, _),) = yield SQL["take"](merchant_id=merchant_id, hash=_HASH)
    yield SQL["append"](merchant_id=merchant_id, sequence=sequence, entry=_ENTRY)
    yield SQL["move"](merchant_id=merchant_id, hash=_HASH)
    yield SQL["reply"](reply_id=os.urandom(16).hex(), sealed=_REPLY)


def preparations() -> list[Statement]:
    """Return the statements that prepare an empty database."""
    cards = [SQL["insert_card"](merchant_id=_merchant(number)) for number in range(CHAINS)]
    return [SQL[name]() for name in ("cards", "heads", "entries", "replies")] + cards


@asynccontextmanager
async def by_engine(name: str, engine: Engine) -> AsyncIterator[Writer]:
    """Yield a writer that uses an engine, which is closed at the end."""
    bodies = transactions()

    async def write() -> None:
        await engine.commit(bodies())

    async def appended() -> int:
        return int((await engine.read(SQL["appended"]()))[0][0])

    yield Writer(name, write, appended)
    await engine.close()


async def prepare(engine: Engine) -> None:
    """Create the tables of an empty database."""
    for statement in preparations():
        await engine.commit(single_statement(statement))


@asynccontextmanager
async def by_sqlite(name: str, file: Path) -> AsyncIterator[Writer]:
    """Yield a writer that runs each transaction on its own, in a thread, because SQLite has one writer."""
    connection = apsw.Connection(os.fspath(file))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    for statement in preparations():
        connection.execute(statement.query.compiled[sqlite_placeholder], statement.values)
    bodies, thread, loop = transactions(), ThreadPoolExecutor(1), asyncio.get_running_loop()

    def transact() -> None:
        connection.execute("BEGIN IMMEDIATE")
        drive(bodies()(), connection.execute)
        connection.execute("COMMIT")

    async def write() -> None:
        await loop.run_in_executor(thread, transact)

    async def appended() -> int:
        ((count,),) = connection.execute(SQL["appended"].compiled[sqlite_placeholder])
        assert isinstance(count, int)
        return count

    yield Writer(name, write, appended)
    thread.shutdown()
    connection.close()


@asynccontextmanager
async def by_asyncpg(name: str, url: str, connections: int) -> AsyncIterator[Writer]:
    """Yield a writer that runs each transaction on its own, on a connection of asyncpg's pool, as documented there."""
    bodies = transactions()
    async with asyncpg.create_pool(url, min_size=connections, max_size=connections) as pool:

        async def write() -> None:
            work, rows = bodies()(), None
            async with pool.acquire() as connection, connection.transaction():
                while (statement := _next(work, rows)) is not None:
                    rows = [
                        tuple(row)
                        for row in await connection.fetch(
                            statement.query.compiled[postgres_placeholder], *statement.values
                        )
                    ]

        async def appended() -> int:
            return int(await pool.fetchval(SQL["appended"].compiled[postgres_placeholder]))

        yield Writer(name, write, appended)


def _next(work: Work[None], rows: Rows | None) -> Statement | None:
    try:
        return work.send(rows)  # type: ignore[arg-type]  # the first send of a generator is None
    except StopIteration:
        return None


def _merchant(number: int) -> str:
    return f"merchant_{number % CHAINS:02d}"
