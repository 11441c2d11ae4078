"""Builds indexes while servers write to their tables: `CREATE INDEX CONCURRENTLY`, which no transaction may contain.

A build waits for every transaction that could have changed the table, and for every statement that could still read
with an older snapshot. So nobody may wait for the schema's lock inside a statement meanwhile (`engine.py`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tokenvault_server.database.postgres.errors import DRIVER_ERRORS
from tokenvault_server.errors import StoreError

if TYPE_CHECKING:
    from tokenvault_server.database.postgres.connections import PgConnection
    from tokenvault_server.database.queries import IndexBuild

_IS_VALID: Final = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"


async def build_index(connection: PgConnection, build: IndexBuild) -> None:
    """Build an index, unless an earlier attempt has built it; return when queries use it.

    Args:
        connection: a connection outside of every transaction.
        build: the statement that creates the index.

    Raises:
        StoreError: the index was built and is not valid.
    """
    # 1. A migrator that ended between its build and its commit left a valid index.
    if await _is_valid(connection, build.index):
        return
    # 2. One that ended during its build left an index that costs time at every write and serves no query.
    await _drop(connection, build.index)
    # 3. Build. When that fails, for example because a unique index finds two equal rows, leave nothing behind.
    try:
        await connection.execute(build.text.replace(" INDEX ", " INDEX CONCURRENTLY ", 1))
    except DRIVER_ERRORS:
        with suppress(*DRIVER_ERRORS):
            await _drop(connection, build.index)
        raise
    # 4. The migration may be recorded only when the index is valid.
    if not await _is_valid(connection, build.index):
        raise StoreError(f"the index {build.index} was not built", hint="run `tokenvault migrate` again")


async def _is_valid(connection: PgConnection, index: str) -> bool:
    return await connection.fetchval(_IS_VALID, index) is True


async def _drop(connection: PgConnection, index: str) -> None:
    await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
