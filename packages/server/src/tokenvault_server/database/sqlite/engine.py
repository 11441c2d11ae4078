"""SQLite as an engine: reads and the bodies of writes in the event loop, each group's commit in a thread beside it.

A statement takes a few microseconds, less than handing it to a thread would, and a thread of Python beside the loop
would compete with it for the interpreter at every one of them. What takes long is making a commit durable
(synchronous=FULL), and that needs no Python. So bodies run in the loop. Whatever has queued up while the last commit
was syncing forms the next group, and one `fdatasync` in the thread makes the whole group durable before any of its
callers gets an answer (docs/adr/0015).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import apsw

from tokenvault_server.database.sqlite.images import ImageLoader, image_of
from tokenvault_server.errors import SchemaMissingError, StoreError, StoreUnavailableError
from tokenvault_server.telemetry.store_counts import Failure, Pool, StoreCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenvault_server.database.engine import Rows, Work
    from tokenvault_server.database.queries import Statement

T = TypeVar("T")

_Outcome = tuple[bool, Any]
"""Whether a job succeeded, and its result or its error."""

_BUSY_MILLISECONDS = 5_000
_SCRUB_MILLISECONDS = 250
"""How long a scrub may keep commits waiting for processes that read from the log."""
_GROUP = 128
_WRITER_CACHE_KIB = 65_536
_READER_CACHE_KIB = 4_096
"""Every commit empties the reader's cache, and in a large file a random row is never in it. A small cache costs small
files nothing, and what is copied into it stays in the processor's own cache (`bench.studies.growth`)."""


class _Job(NamedTuple):
    body: Callable[[], Work[Any]]
    future: asyncio.Future[Any]
    since: float


class _Exclusive(NamedTuple):
    act: Callable[[], Any]
    future: asyncio.Future[Any]


class SqliteEngine:
    """One SQLite database file with a reading and a writing connection, used from one event loop."""

    def __init__(self, path: Path) -> None:
        """Open the file; a new one gets a mode that only its owner can read."""
        self.path = path
        with _translated(path):
            _create_privately(path)
            self._writer = _connect(path, _WRITER_CACHE_KIB)
            self._reader = _connect(path, _READER_CACHE_KIB)
            self._reader.pragma("query_only", 1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"commit {path.name}")
        self._waiting: list[_Job] = []
        self._scrubbing: asyncio.Future[None] | None = None
        self._images = ImageLoader(self._writer)
        self._exclusive: list[_Exclusive] = []
        """What waits to use the writer between two groups."""
        self._committing: asyncio.Task[None] | None = None
        self._reading = False
        self._closed = False
        self.counts = StoreCounts()

    async def read(self, statement: Statement) -> Rows:
        """Return the rows of a reading statement, as of the last commit.

        Reads of one iteration of the event loop share a transaction: beginning one costs half as much as a point read.
        """
        try:
            if not self._reading:
                self._begin_reading()
            return self._reader.execute(statement.query.compiled[placeholder], statement.values).fetchall()
        except apsw.Error as error:
            raise self._failed(error) from error

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Run a body in one transaction, grouped with others that wait; return once it is on disk.

        Cancelling the caller does not undo the body: by then it may be running, so it is carried out.
        """
        if self._closed:
            raise StoreError("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Job(body, future, loop.time()))
        self._start_committing()
        return await future

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        """Run a body that changes the schema; a SQLite writer excludes all others anyway."""
        return await self.commit(body)

    async def scrub(self) -> None:
        """Copy the write-ahead log into the database and empty it: it holds every page as it was before a deletion.

        Commits wait meanwhile, the event loop does not. An empty log costs a look at its size. One of 1,000 pages, at
        which SQLite starts over by itself, took 50 ms (4 MB, measured on a busy machine of 2 cores).
        """
        if self._closed or not _size(Path(f"{self.path}-wal")):
            return
        if self._scrubbing is None:
            self._scrubbing = asyncio.get_running_loop().create_future()
        self._start_committing()
        await asyncio.shield(self._scrubbing)  # several callers may wait for it

    async def image(self) -> bytes:
        """Return the database file as it would be without a write-ahead log."""
        image: bytes = await self._between_groups(partial(image_of, self._writer))
        return image

    async def load_image(self, image: bytes) -> None:
        """Replace all rows by those of an image, in one transaction: other processes see all of it or nothing."""
        await self._between_groups(partial(self._images.load, image))

    async def close(self) -> None:
        """Carry out what is queued and close both connections."""
        self._closed = True
        if self._committing is not None:
            await self._committing
        self._thread.shutdown()
        self._end_reading()
        self._reader.close()
        self._writer.close()

    def pool(self) -> Pool:
        """Return how the writer is used: one connection, for which jobs wait."""
        is_used = self._committing is not None
        return Pool(limit=1, opened=int(not self._closed), in_use=int(is_used), waiting=len(self._waiting))

    def _begin_reading(self) -> None:
        self._reader.execute("BEGIN")
        self._reading = True
        asyncio.get_running_loop().call_soon(self._end_reading)

    def _end_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._reader.execute("COMMIT")

    def _start_committing(self) -> None:
        """Have one task use the writer. It ends when nobody waits, so an idle engine has none."""
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_task(self._commit_waiting())

    async def _commit_waiting(self) -> None:
        """Commit group after group until nobody waits any more; scrub between groups."""
        while self._waiting or self._scrubbing or self._exclusive:
            if self._exclusive:
                exclusive = self._exclusive.pop(0)
                _answer_one(exclusive.future, await self._outcome_here(exclusive.act))
                self._end_reading()
                continue
            if self._scrubbing:
                scrubbing, self._scrubbing = self._scrubbing, None
                _answer_one(scrubbing, await self._scrub())
            # 1. Take at most _GROUP jobs; those that arrive from now on form the next group.
            group, self._waiting = self._waiting[:_GROUP], self._waiting[_GROUP:]
            now = asyncio.get_running_loop().time()
            for job in group:
                self.counts.waited(now - job.since)
            # 2. Run their bodies here and sync them once in the thread.
            outcomes = await self._commit_group(group)
            # 3. End the reader's transaction, so that the callers' next reads see what was committed.
            self._end_reading()
            # 4. Only now answer the callers: everything is on disk.
            _answer(group, outcomes)
        self._committing = None

    async def _scrub(self) -> _Outcome:
        """Empty the log in the thread, while no transaction is open on the writer."""
        return await self._outcome_in_thread(self._truncate_log)

    async def _between_groups(self, act: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever `act` returns
        """Run a function while no transaction is open on the writer; return its result."""
        if self._closed:
            raise StoreError("the database is closed")
        job = _Exclusive(act, asyncio.get_running_loop().create_future())
        self._exclusive.append(job)
        self._start_committing()
        return await job.future

    async def _outcome_here(self, act: Callable[[], Any]) -> _Outcome:
        """Run a function that takes a millisecond here; while another process writes, wait in the thread."""
        try:
            return True, act()
        except apsw.BusyError:
            return await self._outcome_in_thread(partial(self._patiently, act))
        except Exception as error:  # noqa: BLE001  # it belongs to those who wait for the result
            return False, self._translated_error(error)

    def _patiently(self, act: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever `act` returns
        self._writer.set_busy_timeout(_BUSY_MILLISECONDS)
        try:
            return act()
        finally:
            self._writer.set_busy_timeout(0)

    async def _outcome_in_thread(self, act: Callable[[], Any]) -> _Outcome:
        try:
            return True, await asyncio.get_running_loop().run_in_executor(self._thread, act)
        except Exception as error:  # noqa: BLE001  # it belongs to those who wait for the result
            return False, self._translated_error(error)

    def _truncate_log(self) -> None:
        """Run a TRUNCATE checkpoint. Readers that began earlier are waited for: ours end within an iteration."""
        self._writer.set_busy_timeout(_SCRUB_MILLISECONDS)
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            self._writer.set_busy_timeout(0)

    async def _commit_group(self, group: list[_Job]) -> list[_Outcome]:
        """Commit a group and return each job's outcome.

        Nearly always every body succeeds, so they first run one after another with nothing between them. When one
        fails, all is rolled back and they run again, each behind a savepoint: the failure then undoes itself alone.
        """
        try:
            # 1. The fast way: one transaction, no savepoints.
            await self._begin()
            try:
                return await self._finish([self._run(job.body) for job in group])
            except Exception as error:  # noqa: BLE001  # the second round finds out which body it was
                self._roll_back()
                if len(group) == 1:
                    return [(False, self._translated_error(error))]
            # 2. A body failed: the same bodies again, each behind a savepoint of its own.
            await self._begin()
            return await self._finish([self._run_behind_savepoint(job.body) for job in group])
        except Exception as error:  # noqa: BLE001  # 3. the transaction itself failed: every caller gets the error
            self._roll_back()
            return [(False, self._translated_error(error))] * len(group)

    async def _begin(self) -> None:
        """Take the write lock; while another process holds it, wait in the thread."""
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except apsw.BusyError:
            await self._in_thread(self._patiently, partial(self._writer.execute, "BEGIN IMMEDIATE"))

    async def _finish(self, outcomes: list[_Outcome]) -> list[_Outcome]:
        await self._in_thread(self._writer.execute, "COMMIT")
        return outcomes

    async def _in_thread(self, function: Callable[..., object], *arguments: object) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _translated_error(self, error: Exception) -> Exception:
        return self._failed(error) if isinstance(error, apsw.Error) else error

    def _failed(self, error: apsw.Error) -> StoreError:
        """Count a failure of the database and return our own error for it."""
        self.counts.failed(failure(error))
        return _translation(error, self.path)

    def _run(self, body: Callable[[], Work[Any]]) -> _Outcome:
        return True, drive(body(), self._writer.execute)

    def _run_behind_savepoint(self, body: Callable[[], Work[Any]]) -> _Outcome:
        """Run one body so that its failure undoes its own statements and no others."""
        execute = self._writer.execute
        execute("SAVEPOINT unit")
        try:
            result = drive(body(), execute)
        except (apsw.FullError, apsw.IOError, apsw.CorruptError):
            raise  # the disk failed, not the body: nothing of this group may be called durable
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who sent the body
            execute("ROLLBACK TO unit")
            execute("RELEASE unit")
            return False, self._translated_error(error)
        execute("RELEASE unit")
        return True, result


def placeholder(number: int) -> str:
    """Return SQLite's numbered placeholder; it would bind `$2, $1` in order of appearance, whatever the numbers say."""
    return f"?{number}"


def drive(work: Work[T], execute: Callable[..., apsw.Cursor]) -> T:
    """Carry out a transaction's body on a connection and return what the body returns."""
    rows: Rows | None = None
    try:
        while True:
            statement = work.send(rows)  # type: ignore[arg-type]  # the first send of a generator is None
            rows = execute(statement.query.compiled[placeholder], statement.values).fetchall()
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _answer(group: list[_Job], outcomes: list[_Outcome]) -> None:
    for job, outcome in zip(group, outcomes, strict=True):
        _answer_one(job.future, outcome)


def _answer_one(future: asyncio.Future[Any], outcome: _Outcome) -> None:
    succeeded, result = outcome
    if future.done():
        return  # its caller was cancelled meanwhile
    if succeeded:
        future.set_result(result)
    else:
        future.set_exception(result)


def _size(path: Path) -> int:
    """Return the size of a file in bytes; one that does not exist has none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _connect(path: Path, cache_kib: int) -> apsw.Connection:
    connection = apsw.Connection(os.fspath(path))
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("foreign_keys", 1)
    connection.pragma("secure_delete", 1)  # overwrites what is deleted: a shredded record leaves no copy in free pages
    connection.pragma("temp_store", 2)  # sorts and statement journals stay in memory: no file outlives what it sorted
    connection.pragma("cache_size", -cache_kib)
    connection.set_busy_timeout(0)
    return connection


def _create_privately(path: Path) -> None:
    """Make a new database file with mode 0600; SQLite gives its WAL the same mode."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn the driver's errors into our own."""
    try:
        yield
    except apsw.Error as error:
        raise _translation(error, path) from error


_FAILURES: Final = (
    (apsw.BusyError, Failure.LOCKED),
    (apsw.FullError, Failure.DISK_FULL),
    (apsw.ReadOnlyError, Failure.READ_ONLY),
    ((apsw.IOError, apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError), Failure.DAMAGED),
)


def failure(error: apsw.Error) -> Failure:
    """Return which kind of failure an error of the driver is."""
    return next((found for kinds, found in _FAILURES if isinstance(error, kinds)), Failure.OTHER)


def _translation(error: apsw.Error, path: Path) -> StoreError:  # noqa: PLR0911  # one case after another
    """Return our own error for one of the driver's: SQLite's text may quote a statement or a value."""
    match error:
        case apsw.BusyError():
            return StoreError("the database is locked by another process", hint=f"see which process has {path} open")
        case apsw.CantOpenError():
            return StoreError("the database cannot be opened", hint=f"check that {path} can be written")
        case apsw.SQLError() if "no such table" in str(error):
            return SchemaMissingError()
        case apsw.NotADBError():
            return StoreError("the file is not a database", hint=f"check that {path} is the right file")
        case apsw.FullError():
            return StoreUnavailableError("the disk is full", hint=f"free space on the file system of {path}")
        case apsw.ReadOnlyError():
            return StoreUnavailableError("the database is read-only", hint=f"check that {path} can be written")
        case apsw.IOError():
            return StoreUnavailableError(
                "the disk failed", hint=f"check the file system of {path}: its space, its limits and the kernel's log"
            )
        case _:
            return StoreError(f"the database failed: {type(error).__name__}")
