"""The databases that tests run on, by kind: `sqlite`, or `postgresql-` with its version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.clock import NOW
from tests.support.postgres import COMMAND_SECONDS, NEWEST, VERSIONS, Postgres
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


_END_CONNECTIONS: Final = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_STATE: Final = """
    SELECT
        (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_class WHERE oid >= 16384),
        (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute WHERE attrelid >= 16384),
        (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_constraint WHERE oid >= 16384),
        (SELECT (count(*), max(xmin::text::bigint))::text FROM schema_migrations),
        (SELECT sum(pg_relation_size(oid)) < 1000000 FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'i'))
"""
"""What a test may not have changed in a database that the next test gets: tables, rights, migrations, and no bloat."""


class ReusedDatabase:
    """A database with a schema, which one test after the other gets without rows."""

    def __init__(self, server: Postgres, schema: str) -> None:
        self.name = server.create(schema)
        self._server = server
        self._connection = server.run(asyncpg.connect(server.url(self.name)))
        self._state = self._ask(_STATE)
        tables = self._ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in tables if name != "schema_migrations"]
        rows = " UNION ALL ".join(f"SELECT 1 FROM {name}" for name in names)
        assert self._ask(rows) == [], "a migration wrote rows, which `is_cleared` would delete"
        # As a replica the session may delete in any order, whatever refers to a row.
        self._empty = ";".join(["SET session_replication_role = replica", *(f"DELETE FROM {name}" for name in names)])

    def is_cleared(self) -> bool:
        """End all other connections and delete all rows; return whether the database is as it was when new."""
        try:
            self._ask(_END_CONNECTIONS)
            self._server.run(self._connection.execute(self._empty))
            return self._ask(_STATE) == self._state
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False

    def close(self) -> None:
        """Give up the connection; the server has to be running."""
        self._server.run(self._connection.close(timeout=COMMAND_SECONDS))

    def _ask(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(record) for record in self._server.run(self._connection.fetch(statement))]


class TestServer(Postgres):
    """A PostgreSQL with a schema to copy."""

    __test__ = False

    def __init__(self, version: int = NEWEST, *, port: int, where: Path | None = None, **settings: str) -> None:
        super().__init__(version, port=port, where=where, **settings)
        self._free: dict[str, list[ReusedDatabase]] = defaultdict(list)

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        """Yield two databases with their schemas; drop them at the end of the block."""
        with self.database(VAULT_SCHEMA) as store, self.database(TSP_SCHEMA) as tsp_store:
            yield Stores(store, tsp_store)

    @contextmanager
    def reused(self, schema: str) -> Iterator[str]:
        """Yield the URL of a database with a schema and no rows: an earlier test's, or a new one.

        Deleting the rows takes a fiftieth of the time of copying the schema.
        """
        database = self._free[schema].pop() if self._free[schema] else ReusedDatabase(self, schema)
        yield self.url(database.name)
        if database.is_cleared():
            self._free[schema].append(database)
        else:
            database.close()
            self.drop(database.name)

    def remove(self) -> None:
        for database in chain.from_iterable(self._free.values()):
            database.close()
        super().remove()

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
