"""PostgreSQL as an engine: many transactions at once, each on a connection of its own, nothing kept in a session.

Transactions are READ COMMITTED. A transaction that must not overtake another first writes a row that the other has
written too, and from its next statement on it sees what the other did (docs/adr/0023). Limits are set with SET LOCAL,
in the same message that begins the transaction, so that a pooler may lend a connection for one transaction at a time.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from tokenvault_server.database.kind import EngineOptions
from tokenvault_server.database.postgres.connections import Connections
from tokenvault_server.database.postgres.errors import (
    DRIVER_ERRORS,
    check_server,
    failure,
    is_conflict,
    is_lost,
    is_read_only,
    translation,
)
from tokenvault_server.database.postgres.hosts import Hosts
from tokenvault_server.database.postgres.indexes import build_index
from tokenvault_server.database.postgres.transactions import (
    COMMIT,
    LOCK_SCHEMA,
    begin,
    begin_exclusive,
    table_lock_seconds,
)
from tokenvault_server.database.queries import IndexBuild
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import StoreError, StoreUnavailableError
from tokenvault_server.telemetry.store_counts import Pool, StoreCounts

if TYPE_CHECKING:
    from tokenvault_server.database.engine import Rows, Work
    from tokenvault_server.database.postgres.connections import PgConnection
    from tokenvault_server.database.queries import Statement

    _Connection = asyncpg.Connection[asyncpg.Record]
else:
    _Connection = asyncpg.Connection

T = TypeVar("T")

_ATTEMPTS: Final = 8
_PAUSE: Final = 0.005
"""Seconds; the pause before a further attempt is random, up to this times the square of the attempts before."""
_SCHEMA_PAUSE: Final = 0.2
"""Seconds between two attempts to change the schema while another process does so."""
_TABLE_LOCK_ATTEMPTS: Final = 30
_CONNECT_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 0.5
_STATEMENTS: Final = 256

_SERVER_FACTS: Final = (
    "SELECT pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('server_encoding')"
)


class _RetryError(Exception):
    """Signals that nothing was committed and that another attempt may succeed."""

    def __init__(self, reason: StoreError) -> None:
        self.reason = reason
        super().__init__()


class _SchemaInUseError(Exception):
    """Signals that another process changes the schema at the moment."""


class _TableInUseError(Exception):
    """Signals that a transaction of somebody else kept a table from being changed."""


class NamingConnection(_Connection):
    """A connection whose prepared statements have random names.

    asyncpg counts, from 1 in every process. Some poolers lend sessions without regard to what is prepared in them.
    There a counted name would run the statement of another process; a random name that is missing is an error.
    """

    def _get_unique_id(self, prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(16)}"


class PostgresEngine:
    """One PostgreSQL database, used from one event loop."""

    def __init__(self, url: str, password: Secret[str] | None = None, options: EngineOptions | None = None) -> None:
        """Remember the database; `open` connects. Without a password, libpq's own files and variables apply."""
        self._hosts = Hosts(url, self._connect_to)
        # A standby takes no writes: of several hosts the writable one is chosen, and a single standby is refused.
        self._wanted_role = None if "target_session_attrs" in url else asyncpg.connect_utils.SessionAttribute.primary
        self._password = password
        self._options = options or EngineOptions()
        self._begin = begin(self._options.timeout_seconds)
        self._begin_exclusive = begin_exclusive(self._options.timeout_seconds)
        # The server's limit ends a statement first, with its reason. This one is for a server that no longer answers.
        self._patience = self._options.timeout_seconds + 1
        self._running: set[asyncio.Task[Any]] = set()
        self.counts = StoreCounts()

    async def open(self) -> None:
        """Connect; raise StoreError for a server that is too old, read-only, or not durable."""
        self._connections = Connections(
            self._connect, self._options.connections, self._options.timeout_seconds, self.counts
        )
        connection = await self._connections.take()
        try:
            (known,) = await connection.fetch(_SERVER_FACTS, timeout=self._patience)
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
        """Return the rows of a reading statement, as of the last commit."""
        if not statement.query.reads:
            raise StoreError("a statement that writes was given to be read")
        return await self._persist(lambda: self._read(statement))

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Run a body in one transaction and return its result once it is durable.

        The body runs again after a deadlock with another transaction, or when the connection broke before the commit.
        Cancelling the caller does not undo the body: by then it may be running, so it is carried out.
        """
        return await self._carry_out(lambda: self._transact(self._begin, body, self._patience))

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        """Run a body that changes the schema, one process at a time, for as long as it takes.

        The body waits for other transactions for a short time only, then lets the calls pass that wait behind it, and
        runs again. An `IndexBuild` is carried out outside of the body's transaction, on a connection of its own. Apart
        from recording that, such a body must change nothing: the build would wait for it.
        """
        return await self._carry_out(lambda: self._transact_exclusively(body))

    async def scrub(self) -> None:
        """Do nothing: the server decides how long it keeps its log and dead rows (docs/explanation/threat-model.md)."""

    async def close(self) -> None:
        """Finish what is under way and close all connections."""
        while self._running:
            await asyncio.wait(self._running)
        await self._connections.close()

    def pool(self) -> Pool:
        """Return how the connections are used at this moment."""
        return self._connections.usage()

    async def _connect(self) -> PgConnection:
        try:
            return await self._hosts.connect()
        except DRIVER_ERRORS as error:
            self.counts.failed(failure(error))
            raise translation(error) from None

    async def _connect_to(self, url: str, seconds: float) -> PgConnection:
        return await asyncpg.connect(
            url,
            password=self._password.reveal() if self._password else None,
            timeout=seconds,
            statement_cache_size=_STATEMENTS if self._options.prepared_statements else 0,
            max_cached_statement_lifetime=0,
            target_session_attrs=self._wanted_role,
            server_settings={"application_name": "tokenvault"},
            connection_class=NamingConnection,
        )

    async def _read(self, statement: Statement) -> Rows:
        connection = await self._connections.take()
        try:
            records = await connection.fetch(
                statement.query.compiled[placeholder], *statement.values, timeout=self._patience
            )
        except DRIVER_ERRORS as error:
            if isinstance(error, TimeoutError):
                await _close_politely(connection)
            reason = self._reason(connection, error)
            raise (_RetryError(reason) if is_lost(error) or is_conflict(error) else reason) from None
        except asyncio.CancelledError:
            connection.terminate()  # the answer is still on its way, and the next user must not receive it
            raise
        finally:
            self._connections.give_back(connection)
        return [tuple(record) for record in records]

    async def _transact_exclusively(self, body: Callable[[], Work[T]]) -> T:
        """Repeat an attempt until the schema and its tables are free; others may use the tables in the pauses."""
        attempts = 0
        while True:
            try:
                return await self._persist(
                    lambda: self._transact(self._begin_exclusive, lambda: _exclusively(body()), None)
                )
            except _SchemaInUseError:
                await asyncio.sleep(_SCHEMA_PAUSE)
            except _TableInUseError:
                attempts += 1
                if attempts == _TABLE_LOCK_ATTEMPTS:
                    raise _table_in_use() from None
                await asyncio.sleep(table_lock_seconds(self._options.timeout_seconds))

    async def _build(self, connection: PgConnection, build: IndexBuild) -> Rows:
        """Build an index on a connection of its own while `connection` holds the lock of the schema."""
        # The last query of a transaction keeps its snapshot until the next one, and the build would wait for it.
        await connection.execute("SELECT 1")
        beside = await self._connect()
        try:
            await build_index(beside, build)
        finally:
            beside.terminate()
        return []

    async def _transact(self, begin: str, body: Callable[[], Work[T]], patience: float | None) -> T:
        """Make one attempt; _RetryError says that it changed nothing and is worth another."""
        # 1. Borrow a connection; it is given back at the end in any case.
        connection = await self._connections.take()
        is_committing = False
        try:
            # 2. Begin, with this transaction's limits in the same message.
            await connection.execute(begin, timeout=patience)
            # 3. Carry out the body's statements, one round trip each.
            result = await self._drive(body(), connection, patience)
            # 4. Commit. From here on a broken connection does not tell whether the commit happened.
            is_committing = True
            await _commit(connection, patience)
        except DRIVER_ERRORS as error:
            reason = self._reason(connection, error)
            # 5a. Broken during the commit: another attempt could write everything twice, so the caller decides.
            if is_committing and is_lost(error):
                raise _unknown_fate() from None
            # 5b. Broken or in conflict before the commit: nothing was written, so another attempt is safe.
            # 5c. A change of the schema that waited for a table may be tried again, if it leaves the table free first.
            if patience is None and isinstance(error, asyncpg.LockNotAvailableError):
                raise _TableInUseError from None
            # 5d. Anything else is the caller's error.
            raise (_RetryError(reason) if is_lost(error) or is_conflict(error) else reason) from None
        else:
            return result
        finally:
            # 6. Also after an error of the body's own: no connection goes back inside a transaction.
            await _roll_back(connection)
            self._connections.give_back(connection)

    async def _drive(self, work: Work[T], connection: PgConnection, patience: float | None) -> T:
        """Carry out a transaction's body on a connection and return what the body returns."""
        rows: Rows | None = None
        try:
            while True:
                query, values = work.send(rows)  # type: ignore[arg-type]  # the first send of a generator is None
                if isinstance(query, IndexBuild):
                    rows = await self._build(connection, query)
                else:
                    records = await connection.fetch(query.compiled[placeholder], *values, timeout=patience)
                    rows = [tuple(record) for record in records]
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _reason(self, connection: PgConnection, error: Exception) -> StoreError:
        """Return our own error for one of the driver's, and drop the connections that it shows to be useless."""
        if is_read_only(error) or isinstance(error, TimeoutError):
            connection.terminate()
            self._connections.drop_idle()  # they lead to the same server, which is a standby now or cut off
        elif is_lost(error):
            connection.terminate()
        self.counts.failed(failure(error))
        return translation(error)

    async def _carry_out(self, attempt: Callable[[], Awaitable[T]]) -> T:
        task = asyncio.ensure_future(self._persist(attempt))
        self._running.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # marks it as retrieved, because its caller may be gone

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Make up to `_ATTEMPTS` attempts until one succeeds or fails with more than a conflict."""
        for number in range(_ATTEMPTS - 1):
            try:
                return await attempt()
            except _RetryError:
                # Random pauses, so that two transactions do not collide again; the first retry follows at once.
                await asyncio.sleep(random.uniform(0, _PAUSE * number**2))  # noqa: S311  # nothing secret
        try:
            return await attempt()
        except _RetryError as last:
            raise last.reason from None


def _exclusively(work: Work[T]) -> Work[T]:
    """Run a body under the lock of the schema, which its transaction holds.

    The lock is tried and not waited for: a waiting statement has a snapshot, and an index build would wait for it while
    it waits for the builder, without PostgreSQL noticing.
    """
    ((is_ours,),) = yield LOCK_SCHEMA()
    if not is_ours:
        raise _SchemaInUseError
    return (yield from work)


async def _commit(connection: PgConnection, patience: float | None) -> None:
    """Commit; drop the connection to a server that does not answer in time, and the outcome stays unknown.

    asyncpg's own timeout would ask the server to cancel. A commit that waits for its standby would then become visible,
    and a repeated call would be answered from it, while only one disk holds it.
    """
    committing = asyncio.ensure_future(connection.execute(COMMIT))
    done, _ = await asyncio.wait({committing}, timeout=patience)
    if not done:
        connection.terminate()
    await committing


async def _close_politely(connection: PgConnection) -> None:
    """Close a connection, and give asyncpg a moment to ask the server to cancel the statement.

    The server's own limit ends the statements of a transaction. A read outside of one would run on for as long as it
    takes, and each retry would add another.
    """
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await connection.close()
    except DRIVER_ERRORS:
        connection.terminate()  # a server that is cut off receives no request


async def _roll_back(connection: PgConnection) -> None:
    """Leave a transaction that did not end in a commit."""
    if not connection.is_closed() and connection.is_in_transaction():
        try:
            await connection.execute("ROLLBACK", timeout=_CONNECT_SECONDS)
        except DRIVER_ERRORS:
            connection.terminate()


def placeholder(number: int) -> str:
    """Return PostgreSQL's numbered placeholder."""
    return f"${number}"


def _unknown_fate() -> StoreError:
    return StoreUnavailableError(
        "the connection to the database broke during a commit",
        hint="it may be done or not; with the same idempotency key it is safe to repeat",
    )


def _table_in_use() -> StoreError:
    return StoreUnavailableError(
        "another transaction keeps a table from being changed",
        hint="wait for its end, for example that of a backup, and run `tokenvault migrate` again",
    )
