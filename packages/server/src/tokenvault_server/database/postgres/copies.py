"""Copies of PostgreSQL stores, made by `pg_dump` from one exported snapshot, and loaded by `pg_restore`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from tokenvault_server.database.kind import NAMING
from tokenvault_server.database.postgres import programs
from tokenvault_server.database.postgres.errors import DRIVER_ERRORS, translation
from tokenvault_server.database.postgres.hosts import Hosts

if TYPE_CHECKING:
    from tokenvault_server.database.engine import Rows
    from tokenvault_server.database.postgres.connections import PgConnection
    from tokenvault_server.domain.secret import Secret

# The snapshot lives as long as this transaction, which only waits: no limit of the server may end it.
_BEGIN: Final = """
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0
"""
# What an extension brought does not count: a cluster may put some into every new database.
_HAS_RELATIONS: Final = """
    SELECT EXISTS (
        SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
    )
"""
_DUMP: Final = ("--format=custom", "--no-owner", "--no-privileges", "--no-password", f"--exclude-table-data={NAMING}")
_RESTORE: Final = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password")


class PostgresCopies:
    """Copies of databases."""

    suffix: Final = "pgdump"

    @asynccontextmanager
    async def snapshot(self, url: str, password: Secret[str] | None) -> AsyncIterator[PostgresSnapshot]:
        """Hold a transaction and export its snapshot, which `pg_dump` uses."""
        async with _connected(url, password) as connection:
            await programs.check_version("pg_dump", connection.get_server_version().major)
            with _translated():
                await connection.execute(_BEGIN)
                snapshot_id = await connection.fetchval("SELECT pg_export_snapshot()")
            yield PostgresSnapshot(connection, snapshot_id, url, password)

    async def is_empty(self, url: str, password: Secret[str] | None) -> bool:
        """Return whether the database has no table, view or sequence."""
        async with _connected(url, password) as connection:
            with _translated():
                return not await connection.fetchval(_HAS_RELATIONS)

    async def load(self, url: str, password: Secret[str] | None, path: Path) -> None:
        """Load the dump in one transaction."""
        await programs.run("pg_restore", (*_RESTORE, f"--dbname={url}", str(path)), password)

    async def clear(self, url: str, password: Secret[str] | None, tables: Sequence[str]) -> None:
        """Drop the tables."""
        async with _connected(url, password) as connection:
            with _translated():
                await connection.execute(f"DROP TABLE IF EXISTS {', '.join(tables)} CASCADE")


class PostgresSnapshot:
    """An open transaction, and the id of its snapshot."""

    def __init__(self, connection: PgConnection, snapshot_id: str, url: str, password: Secret[str] | None) -> None:
        self._connection = connection
        self._snapshot_id = snapshot_id
        self._url = url
        self._password = password

    async def read(self, query: str) -> Rows:
        """Return the rows of a query without parameters."""
        with _translated():
            return [tuple(record) for record in await self._connection.fetch(query)]

    async def write(self, path: Path, tables: Sequence[str]) -> None:
        """Dump the tables."""
        chosen = [f"--table={table}" for table in tables]
        where = (f"--snapshot={self._snapshot_id}", f"--file={path}", f"--dbname={self._url}")
        await programs.run("pg_dump", (*_DUMP, *chosen, *where), self._password)


@asynccontextmanager
async def _connected(url: str, password: Secret[str] | None) -> AsyncIterator[PgConnection]:
    """Connect to the server that takes writes."""

    async def connect(host: str, seconds: float) -> PgConnection:
        role = None if "target_session_attrs" in url else asyncpg.connect_utils.SessionAttribute.primary
        return await asyncpg.connect(
            host,
            password=password.reveal() if password else None,
            timeout=seconds,
            statement_cache_size=0,
            target_session_attrs=role,
            server_settings={"application_name": "tokenvault backup"},
        )

    with _translated():
        connection = await Hosts(url, connect).connect()
    try:
        yield connection
    finally:
        connection.terminate()  # it ends the transaction; nothing was written in it, or all was committed


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the driver's errors into our own."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translation(error) from None
