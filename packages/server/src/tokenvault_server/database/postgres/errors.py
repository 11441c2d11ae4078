"""Translates the errors of PostgreSQL and its driver: their text may quote a statement, a value or an address."""

from __future__ import annotations

from typing import Final

import asyncpg

from tokenvault_server.errors import SchemaMissingError, StoreError, StoreUnavailableError
from tokenvault_server.telemetry.store_counts import Failure

OLDEST: Final = 15

DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.TargetServerAttributeNotMatched,
    OSError,  # timeouts, TLS and name resolution too
)

_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    ConnectionError,
)
_CONFLICT: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # another process changed the schema under a prepared statement
    asyncpg.OutdatedSchemaCacheError,
)


def is_lost(error: Exception) -> bool:
    """Tell whether the connection is gone, rather than the statement refused."""
    return isinstance(error, _LOST) or (isinstance(error, asyncpg.InterfaceError) and "closed" in str(error))


def is_conflict(error: Exception) -> bool:
    """Tell whether another transaction prevented this one, or the server no longer takes writes."""
    return isinstance(error, _CONFLICT) or is_read_only(error)


def is_read_only(error: Exception) -> bool:
    """Tell whether the server, as a standby, takes no writes."""
    return isinstance(error, asyncpg.ReadOnlySQLTransactionError)


def check_server(version: int, is_standby: bool, synchronous_commit: str, encoding: str) -> None:  # noqa: FBT001  # in the order of the query's columns
    """Raise StoreError for a server that cannot hold a vault safely."""
    if version < OLDEST:
        raise StoreError(
            f"PostgreSQL {version} is too old: {OLDEST} is the oldest supported", hint="upgrade the database server"
        )
    if is_standby:
        raise _read_only()
    if synchronous_commit == "off":
        raise StoreError(
            "the database answers before its writes are durable", hint="set synchronous_commit to on, or stricter"
        )
    if encoding != "UTF8":
        raise StoreError(
            "the database's encoding is not UTF8", hint="create it with ENCODING 'UTF8' and TEMPLATE template0"
        )


_FAILURES: Final = (
    ((asyncpg.ReadOnlySQLTransactionError, asyncpg.TargetServerAttributeNotMatched), Failure.READ_ONLY),
    (_CONFLICT, Failure.CONFLICT),
    ((asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError, TimeoutError), Failure.TIMEOUT),
    ((asyncpg.DiskFullError, asyncpg.OutOfMemoryError), Failure.DISK_FULL),
    ((asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError, asyncpg.PostgresIOError), Failure.DAMAGED),
    ((asyncpg.TooManyConnectionsError, asyncpg.InvalidAuthorizationSpecificationError), Failure.CONNECTION_LOST),
)


def failure(error: Exception) -> Failure:
    """Return which kind of failure an error of the driver is."""
    for kinds, found in _FAILURES:
        if isinstance(error, kinds):
            return found
    return Failure.CONNECTION_LOST if is_lost(error) or isinstance(error, OSError) else Failure.OTHER


def translation(error: Exception) -> StoreError:  # noqa: C901, PLR0911, PLR0912  # one case after another
    """Return our own error, without any text of the driver's."""
    match error:
        case asyncpg.ReadOnlySQLTransactionError() | asyncpg.TargetServerAttributeNotMatched():
            return _read_only()
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return StoreError("the database refuses to sign us in", hint="check the user and its password")
        case asyncpg.InvalidCatalogNameError():
            return StoreError("there is no such database", hint="create it: see docs/how-to/use-postgresql.md")
        case asyncpg.UndefinedTableError():
            return SchemaMissingError()
        case asyncpg.InsufficientPrivilegeError():
            return StoreError(
                "the database's user may not do that", hint="let the owner of the tables run `tokenvault migrate`"
            )
        case asyncpg.TooManyConnectionsError():
            return StoreUnavailableError(
                "the database takes no more connections", hint="raise its max_connections, or lower store_connections"
            )
        case asyncpg.InvalidSQLStatementNameError() | asyncpg.DuplicatePreparedStatementError():
            return StoreError(
                "a statement that was prepared is not there any more",
                hint="behind a pooler that shares sessions, set prepared_statements = false",
            )
        case asyncpg.QueryCanceledError() | asyncpg.LockNotAvailableError() | TimeoutError():
            return StoreUnavailableError("the database took too long", hint="see store_timeout_seconds")
        case asyncpg.DiskFullError() | asyncpg.OutOfMemoryError():
            return StoreUnavailableError(
                "the database has no room left", hint="free space, or memory, on the database server"
            )
        case asyncpg.ClientConfigurationError():
            return StoreError("the database's URL cannot be used", hint="postgresql://USER@HOST:PORT/NAME?OPTIONS")
        case asyncpg.InterfaceError() if not is_lost(error):
            return StoreError(f"the database's driver refuses: {type(error).__name__}")
        case OSError() | asyncpg.InterfaceError():
            return _unreachable()
        case _ if is_lost(error):
            return _unreachable()
        case _:
            return StoreError(f"the database failed: {type(error).__name__}")


def _unreachable() -> StoreError:
    return StoreUnavailableError("the database cannot be reached", hint="check that it runs, its address and TLS")


def _read_only() -> StoreError:
    return StoreUnavailableError(
        "the database is read-only", hint="it is a standby, or was set so; name the server that takes writes"
    )
