"""A commit that waits for a standby is done when the standby has it, and not before, whichever side gives up waiting.

PostgreSQL calls a commit a success when it is told to stop waiting: then one disk has it, and everybody sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.server.database.bodies import TABLE, inserting, numbers
from tests.support.builders import sql
from tests.support.postgres import Postgres
from tests.support.served_process import free_port
from tokenvault_server.database.kind import EngineOptions
from tokenvault_server.database.postgres.engine import PostgresEngine
from tokenvault_server.errors import StoreUnavailableError

MANY = 10_000
IMPATIENT = 0.2


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    server = Postgres(port=free_port())
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    with server.database() as url:
        yield url


def wait_for(server: Postgres, standby: str) -> None:
    """Has every commit wait for a standby of that name; for none when there is no name."""
    server.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'")
    server.sql("SELECT pg_reload_conf()")


def waiting(server: Postgres) -> int:
    """Return how many commits wait."""
    ((count,),) = server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return int(count)


async def test_an_abandoned_commit_stays_invisible_until_a_standby_has_it(server: Postgres, url: str) -> None:
    await see_an_abandoned_commit(server, url, EngineOptions())


async def see_an_abandoned_commit(server: Postgres, url: str, options: EngineOptions) -> None:
    """Watch a commit that waits for a missing standby while its caller gives up."""
    reader = PostgresEngine(url, options=options)
    writer = PostgresEngine(url, options=replace(options, timeout_seconds=IMPATIENT))
    await reader.open()
    await writer.open()
    await sql(reader, TABLE)
    await asyncio.to_thread(wait_for, server, "nobody")
    try:
        abandoned = await first_that_waits(writer)
        # Neither by those who look, nor by those who repeat what they asked for.
        assert await numbers(reader) == list(range(abandoned))
        assert await asyncio.to_thread(waiting, server) == 1
    finally:
        await asyncio.to_thread(wait_for, server, "")
    while await asyncio.to_thread(waiting, server):
        assert len(await numbers(reader)) in (abandoned, abandoned + 1)
    assert await numbers(reader) == list(range(abandoned + 1))
    await reader.close()
    await writer.close()


async def first_that_waits(engine: PostgresEngine) -> int:
    """Commit numbers until one waits, because the server knows of its standby; return that number."""
    for number in range(MANY):
        try:
            await engine.commit(inserting(number))
        except StoreUnavailableError:
            return number
    raise AssertionError("no commit waits")
