"""PostgreSQL as an engine: many transactions at once, each on a connection of its own, nothing kept in a session.

Transactions are READ COMMITTED: whoever must not overtake another writes a row first that the other has written too,
and sees from its next statement on what the other did (docs/adr/0023). What is set is set with SET LOCAL, in the same
message that begins the transaction; so a pooler may hand connections out for a transaction each.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from tokenvault_server.database.connections import Connections, PostgresOptions
from tokenvault_server.database.hosts import Hosts
from tokenvault_server.database.postgres_errors import (
    DRIVER_ERRORS,
    check_server,
    is_conflict,
    is_lost,
    is_read_only,
    translation,
)
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from tokenvault_server.database.connections import PgConnection
    from tokenvault_server.database.engine import Rows, Work
    from tokenvault_server.database.queries import Statement

    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

T = TypeVar("T")

_ATTEMPTS: Final = 8
_PAUSE: Final = 0.005
_SCHEMA_LOCK: Final = 0x746F6B656E766C74  # "tokenvlt"
_DDL_LOCK_SECONDS: Final = 10
_CONNECT_SECONDS: Final = 5.0
_GOODBYE_SECONDS: Final = 0.5
_STATEMENTS: Final = 256

_WHO_IT_IS: Final = (
    "SELECT pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('server_encoding')"
)


class _AgainError(Exception):
    """Nothing was committed, and another attempt may succeed."""

    def __init__(self, reason: StoreError) -> None:
        self.reason = reason
        super().__init__()


class NamingConnection(_Connection):
    """A connection whose prepared statements have names that nobody else gives.

    asyncpg counts, from 1 in every process. Behind a pooler that hands out sessions without regard to what is prepared
    in them, a name would carry out what another process meant by it; a name that is not there is an error.
    """

    def _get_unique_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(16)}"


class PostgresEngine:
    """One PostgreSQL database, used from one event loop."""

    def __init__(self, url: str, password: Secret[str] | None = None, options: PostgresOptions | None = None) -> None:
        """Name the database; `open` reaches it. Without a password, libpq's own files and variables are asked."""
        self._hosts = Hosts(url, self._connect_to)
        # A standby takes no writes: of several hosts the one that does is found, of one a standby is refused.
        self._wanted = None if "target_session_attrs" in url else asyncpg.connect_utils.SessionAttribute.primary
        self._password = password
        self._options = options or PostgresOptions()
        self._begin = _begin(self._options.timeout_seconds)
        # The server gives up first, so that its reason is told; ours is for a server that says nothing any more.
        self._patience = self._options.timeout_seconds + 1
        self._running: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Reach the server, and refuse one that is too old, read-only or careless; StoreError says which."""
        self._connections = Connections(self._connect, self._options.connections, self._options.timeout_seconds)
        connection = await self._connections.take()
        try:
            (known,) = await connection.fetch(_WHO_IT_IS, timeout=self._patience)
            check_server(connection.get_server_version().major, *known)
        except DRIVER_ERRORS as error:
            connection.terminate()
            raise translation(error) from None
        except StoreError:
            connection.terminate()
            raise
        finally:
            self._connections.give_back(connection)

    async def read(self, statement: Statement) -> Rows:
        """Give the rows of a reading statement, as of the last commit."""
        if not statement.query.reads:
            raise StoreError("a statement that writes was given to be read")
        return await self._persist(lambda: self._read(statement))

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Run a body in one transaction and return its result once it is durable.

        It runs again when it met another transaction in a deadlock, or when the connection broke before the commit.
        Being cancelled does not undo it: by then it may be under way, and it is carried out.
        """
        return await self._carry_out(lambda: self._transact(self._begin, body, self._patience))

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        """Run a body that changes the schema, alone among all processes that want to, for as long as it takes."""
        return await self._carry_out(lambda: self._transact(_BEGIN_EXCLUSIVE, body, None))

    async def close(self) -> None:
        """Finish what is under way and close all connections."""
        while self._running:
            await asyncio.wait(self._running)
        await self._connections.close()

    async def _connect(self) -> PgConnection:
        try:
            return await self._hosts.connect()
        except DRIVER_ERRORS as error:
            raise translation(error) from None

    async def _connect_to(self, url: str, seconds: float) -> PgConnection:
        return await asyncpg.connect(
            url,
            password=self._password.reveal() if self._password else None,
            timeout=seconds,
            statement_cache_size=_STATEMENTS if self._options.prepared_statements else 0,
            max_cached_statement_lifetime=0,
            target_session_attrs=self._wanted,
            server_settings={"application_name": "tokenvault"},
            connection_class=NamingConnection,
        )

    async def _read(self, statement: Statement) -> Rows:
        connection = await self._connections.take()
        try:
            records = await connection.fetch(statement.query.postgres, *statement.values, timeout=self._patience)
        except DRIVER_ERRORS as error:
            if isinstance(error, TimeoutError):
                await _hang_up(connection)
            message = self._told(connection, error)
            raise (_AgainError(message) if is_lost(error) or is_conflict(error) else message) from None
        except asyncio.CancelledError:
            connection.terminate()  # its answer is still on its way, to nobody
            raise
        finally:
            self._connections.give_back(connection)
        return [tuple(record) for record in records]

    async def _transact(self, begin: str, body: Callable[[], Work[T]], patience: float | None) -> T:
        """Make one attempt; _AgainError says that it changed nothing and is worth another."""
        connection = await self._connections.take()
        is_committing = False
        try:
            await connection.execute(begin, timeout=patience)
            result = await _drive(body(), connection, patience)
            is_committing = True
            await _commit(connection, patience)
        except DRIVER_ERRORS as error:
            message = self._told(connection, error)
            if is_committing and is_lost(error):
                raise _unknown_fate() from None
            raise (_AgainError(message) if is_lost(error) or is_conflict(error) else message) from None
        else:
            return result
        finally:
            await _roll_back(connection)
            self._connections.give_back(connection)

    def _told(self, connection: PgConnection, error: Exception) -> StoreError:
        """Say what is wrong in our words, and drop connections that are of no use any more."""
        if is_read_only(error) or isinstance(error, TimeoutError):
            connection.terminate()
            self._connections.drop_idle()  # they lead to the same server, which follows now or is cut off
        elif is_lost(error):
            connection.terminate()
        return translation(error)

    async def _carry_out(self, attempt: Callable[[], Awaitable[T]]) -> T:
        task = asyncio.ensure_future(self._persist(attempt))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, though its caller may be gone

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Make attempts until one is more than a conflict, or until they have been enough."""
        for number in range(_ATTEMPTS - 1):
            try:
                return await attempt()
            except _AgainError:
                # Those who met must not meet again, so they wait unevenly; the first does not wait.
                await asyncio.sleep(random.uniform(0, _PAUSE * number**2))  # noqa: S311  # nothing secret
        try:
            return await attempt()
        except _AgainError as last:
            raise last.reason from None


async def _drive(work: Work[T], connection: PgConnection, patience: float | None) -> T:
    """Carry out a transaction's body on a connection and return what the body returns."""
    rows: Rows | None = None
    try:
        while True:
            statement = work.send(rows)  # type: ignore[arg-type]  # the first send of a generator is None
            records = await connection.fetch(statement.query.postgres, *statement.values, timeout=patience)
            rows = [tuple(record) for record in records]
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def _commit(connection: PgConnection, patience: float | None) -> None:
    """Commit; a server that says nothing for too long is left without a word, and the fate of the commit is unknown.

    asyncpg's own timeout would have the server cancel what it does. A commit that waits for its standby would then be
    visible, and be told to whoever repeats the call, while one disk alone holds it.
    """
    committing = asyncio.ensure_future(connection.execute(_COMMIT))
    done, _ = await asyncio.wait({committing}, timeout=patience)
    if not done:
        connection.terminate()
    await committing


async def _hang_up(connection: PgConnection) -> None:
    """Close a connection, with a moment for asyncpg's word that nobody waits for the statement's rows any more.

    A transaction's statements end by a limit of the server's own. A statement that reads alone would go on for as long
    as it takes, one more for each caller who tries again.
    """
    try:
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await connection.close()
    except DRIVER_ERRORS:
        connection.terminate()  # a server that was cut off hears nothing


async def _roll_back(connection: PgConnection) -> None:
    """Leave a transaction that did not end in a commit."""
    if not connection.is_closed() and connection.is_in_transaction():
        try:
            await connection.execute("ROLLBACK", timeout=_CONNECT_SECONDS)
        except DRIVER_ERRORS:
            connection.terminate()


def _begin(timeout_seconds: float) -> str:
    milliseconds = int(timeout_seconds * 1000)
    # A process that stops answering inside a transaction holds rows that others wait for; the server ends it.
    return (
        "BEGIN ISOLATION LEVEL READ COMMITTED; "
        f"SET LOCAL statement_timeout = {milliseconds}; "
        f"SET LOCAL idle_in_transaction_session_timeout = {2 * milliseconds}"
    )


_BEGIN_EXCLUSIVE: Final = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
    f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK}); "
    # Whatever waits for a table keeps all that come after it waiting too.
    f"SET LOCAL lock_timeout = {_DDL_LOCK_SECONDS * 1000}"
)


# A commit may have to wait for standbys. If the server cut that short it would call done what no standby has.
_COMMIT: Final = "SET LOCAL statement_timeout = 0; COMMIT"


def _unknown_fate() -> StoreError:
    return StoreUnavailableError(
        "the connection to the database broke during a commit",
        hint="it may be done or not; with the same idempotency key it is safe to repeat",
    )
