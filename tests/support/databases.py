"""The databases that tests run on, by kind: `sqlite`, or `postgresql-` with its version."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from tests.support.clock import NOW
from tests.support.postgres import NEWEST, VERSIONS, Postgres
from tests.support.served_process import free_port
from tokenvault_server.database.migrate import migrate
from tokenvault_server.database.postgres import PostgresEngine
from tokenvault_server.tsp.local.setup import PACKAGE as TSP_SCHEMA
from tokenvault_server.vault.founding import SCHEMA

SQLITE: Final = "sqlite"
POSTGRESQL: Final = f"postgresql-{NEWEST}"
BOTH: Final = (SQLITE, POSTGRESQL)
"""Both engines: for whatever depends on what a statement or a transaction does."""
ALL: Final = (SQLITE, *(f"postgresql-{version}" for version in VERSIONS))
"""Every version that there is: for the engines themselves."""


class Stores(NamedTuple):
    """A vault's database and its token service's."""

    store: str
    tsp_store: str


class TestServer(Postgres):
    """A PostgreSQL with a schema to copy."""

    __test__ = False

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        """Gives two databases with their schemas until the block ends."""
        with self.database("vault_schema") as store, self.database("tsp_schema") as tsp_store:
            yield Stores(store, tsp_store)

    def make_schemas(self) -> None:
        """Makes what `stores` copies: what every start would do is done once."""
        for name, package in (("vault_schema", SCHEMA), ("tsp_schema", TSP_SCHEMA)):
            self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
            asyncio.run(_migrated(self.url(name), package))


def started(kind: str) -> TestServer:
    """Starts a server of a kind; who asked removes it."""
    server = TestServer(int(kind.removeprefix("postgresql-")), port=free_port())
    server.make()
    server.start()
    server.make_schemas()
    return server


async def _migrated(url: str, package: str) -> None:
    engine = PostgresEngine(url)
    await engine.open()
    await migrate(engine, package, NOW)
    await engine.close()
