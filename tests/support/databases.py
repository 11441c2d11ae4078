"""The databases that tests run on, by kind: `sqlite`, or `postgresql-` with its version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.clock import NOW
from tests.support.postgres import NEWEST, VERSIONS, Postgres
from tests.support.served_process import free_port
from tests.support.standard_library_engine import StandardLibraryKind
from tokenvault_server.database import opening
from tokenvault_server.database.migrate import migrate
from tokenvault_server.database.postgres.engine import PostgresEngine
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local import setup as tsp
from tokenvault_server.vault import initialisation

SQLITE: Final = "sqlite"
STANDARD_LIBRARY: Final = "sqlite3"
"""SQLite through the standard library: a third engine, which the product does not have."""
IN_FILES: Final = (SQLITE, STANDARD_LIBRARY)
KINDS: Final = (*opening.KINDS, StandardLibraryKind())
"""The kinds that a test may name in a URL."""
POSTGRESQL: Final = f"postgresql-{NEWEST}"
BOTH: Final = (SQLITE, POSTGRESQL)
"""Both engines: for tests that depend on the effect of a statement or a transaction."""
ALL: Final = (SQLITE, *(f"postgresql-{version}" for version in VERSIONS))
"""SQLite and every version of PostgreSQL: for tests of the engines themselves."""

VAULT_SCHEMA: Final = "vault_schema"
TSP_SCHEMA: Final = "tsp_schema"
"""Template databases, in which the migrations are applied already."""

SQLITE_ALONE: Final = pytest.mark.parametrize("store_kind", [SQLITE])
"""For a test that reads database files or query plans as SQLite writes them."""


class Stores(NamedTuple):
    """A vault's database and its token service's."""

    store: str
    tsp_store: str


class TestServer(Postgres):
    """A PostgreSQL with a schema to copy."""

    __test__ = False

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        """Yield two databases with their schemas; drop them at the end of the block."""
        with self.database(VAULT_SCHEMA) as store, self.database(TSP_SCHEMA) as tsp_store:
            yield Stores(store, tsp_store)

    def grant(self, url: str, user: str) -> None:
        """Grant a user the rights that serving needs, and no more."""
        self.run(_carried_out(url, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"))

    def deadlocks(self, url: str) -> int:
        """Return how many transactions of a database were aborted by a deadlock."""
        ((count,),) = self.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = $1", urlsplit(url).path[1:])
        return int(count)

    def make_schemas(self) -> None:
        """Make the databases that `stores` copies, so that their schemas are applied once and not in every test."""
        for name, package in ((VAULT_SCHEMA, initialisation.SCHEMA), (TSP_SCHEMA, tsp.PACKAGE)):
            self.sql(f"CREATE DATABASE {name} TEMPLATE template0")
            self.run(_migrated(self.url(name), package))


def started(kind: str, where: Path | None = None, **settings: str) -> TestServer:
    """Start a server of a kind, in `where` if its disk matters; the caller removes it."""
    server = TestServer(int(kind.removeprefix("postgresql-")), port=free_port(), where=where, **settings)
    try:
        server.make()
        server.start()
        server.make_schemas()
    except BaseException:
        server.remove()
        raise
    return server


async def _carried_out(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _migrated(url: str, package: str) -> None:
    engine = PostgresEngine(url)
    await engine.open()
    await migrate(engine, package, NOW)
    await engine.close()


async def files_of(settings: Settings) -> bytes:
    """Return every byte that a vault on PostgreSQL has on the disk, except for its write-ahead log."""
    contents = [await _files(url) for url in (settings.store, settings.tsp_store) if url.startswith("postgresql:")]
    return b"".join(contents)


async def _files(url: str) -> bytes:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CHECKPOINT")
        directory = Path(await connection.fetchval("SHOW data_directory"))
        rows = await connection.fetch("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't')")
        return b"".join((directory / row[0]).read_bytes() for row in rows)
    finally:
        await connection.close()
