"""SQLite as an engine: reads in the event loop, every write through one thread that commits many units at once.

A point read takes a few microseconds, less than handing it to a thread would. Writes are carried out by a single
writer thread: whatever has queued up while the last commit was syncing goes into the next transaction, so one
`fdatasync` (synchronous=FULL) makes a whole group durable before any of their answers leaves.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import apsw

from tokenvault_server.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokenvault_server.database.engine import Rows, Work
    from tokenvault_server.database.queries import Statement

T = TypeVar("T")

_Outcome = tuple[bool, Any]
"""Whether a job was done, and its result or its error."""

_BUSY_MILLISECONDS = 5_000
_GROUP = 128
_CACHE_KIB = 65_536


class _Job(NamedTuple):
    body: Callable[[], Work[Any]]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class SqliteEngine:
    """One SQLite database file: a reading connection, and a writing one that belongs to the writer thread."""

    def __init__(self, path: Path) -> None:
        """Open the file, which is made readable by its owner only when it is new."""
        self.path = path
        with _translated(path):
            _create_privately(path)
            self._writer = _connect(path)
            self._reader = _connect(path)
            self._reader.pragma("query_only", 1)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name=f"writer {path.name}", daemon=True)
        self._thread.start()
        self._closed = False

    async def read(self, statement: Statement) -> Rows:
        """Give the rows of a reading statement, as of the last commit."""
        try:
            return self._reader.execute(statement.query.sqlite, statement.values).fetchall()
        except apsw.Error as error:
            raise _translation(error, self.path) from error

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Run a body in one transaction, grouped with its neighbours; return once it is on disk.

        Being cancelled does not undo it: by then the writer may have it, and it is carried out.
        """
        if self._closed:
            raise StoreError("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(body, loop, future))
        return await future

    async def close(self) -> None:
        """Carry out what is queued, stop the writer and close both connections."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reader.close()
        self._writer.close()

    def _write(self) -> None:
        """Be the writer thread: take whatever has queued up, commit it as one group, tell its callers."""
        open_for_work = True
        while open_for_work:
            group: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) == _GROUP or self._jobs.empty():
                    break
                job = self._jobs.get()
            open_for_work = job is not None
            if group:
                _tell(group, self._commit_group(group))

    def _commit_group(self, group: list[_Job]) -> list[_Outcome]:
        """Commit a group and give each job's outcome.

        Nearly always every body succeeds, so they first run one after another with nothing between them. When one
        fails, all is rolled back and they run again, each behind a savepoint: the failure then undoes itself alone.
        """
        try:
            self._begin()
            try:
                return self._finish([self._run(job.body) for job in group])
            except Exception as error:  # noqa: BLE001  # whichever body it was, the second round finds out
                self._abandon()
                if len(group) == 1:
                    return [(False, self._told(error))]
            self._begin()
            return self._finish([self._run_apart(job.body) for job in group])
        except Exception as error:  # noqa: BLE001  # the transaction itself failed: every caller must be told
            self._abandon()
            return [(False, self._told(error))] * len(group)

    def _begin(self) -> None:
        self._writer.execute("BEGIN IMMEDIATE")

    def _finish(self, outcomes: list[_Outcome]) -> list[_Outcome]:
        self._writer.execute("COMMIT")
        return outcomes

    def _abandon(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _told(self, error: Exception) -> Exception:
        return _translation(error, self.path) if isinstance(error, apsw.Error) else error

    def _run(self, body: Callable[[], Work[Any]]) -> _Outcome:
        return True, drive(body(), self._writer.execute)

    def _run_apart(self, body: Callable[[], Work[Any]]) -> _Outcome:
        """Run one body behind a savepoint."""
        execute = self._writer.execute
        execute("SAVEPOINT unit")
        try:
            result = drive(body(), execute)
        except (apsw.FullError, apsw.IOError, apsw.CorruptError):
            raise  # the disk, not the body: nothing of this group may be called durable
        except Exception as error:  # noqa: BLE001  # it belongs to the caller who sent the body
            execute("ROLLBACK TO unit")
            execute("RELEASE unit")
            return False, self._told(error)
        execute("RELEASE unit")
        return True, result


def drive(work: Work[T], execute: Callable[..., apsw.Cursor]) -> T:
    """Carry out a transaction's body on a connection and return what the body returns."""
    rows: Rows | None = None
    try:
        while True:
            statement = work.send(rows)  # type: ignore[arg-type]  # the first send of a generator is None
            rows = execute(statement.query.sqlite, statement.values).fetchall()
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def _tell(group: list[_Job], outcomes: list[_Outcome]) -> None:
    """Hand each result to its caller, with one wake-up per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Job, _Outcome]]] = {}
    for told in zip(group, outcomes, strict=True):
        by_loop.setdefault(told[0].loop, []).append(told)
    for loop, told_here in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, told_here)


def _resolve(told: list[tuple[_Job, _Outcome]]) -> None:
    for job, (done, result) in told:
        if job.future.done():
            continue  # its caller was cancelled meanwhile
        if done:
            job.future.set_result(result)
        else:
            job.future.set_exception(result)


def _connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(os.fspath(path))
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.pragma("foreign_keys", 1)
    connection.pragma("secure_delete", 1)  # overwrites what is deleted: a shredded record leaves no copy in free pages
    connection.pragma("cache_size", -_CACHE_KIB)
    return connection


def _create_privately(path: Path) -> None:
    """Make a new database file with mode 0600; SQLite gives its WAL the same mode."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn the driver's errors into the house's own."""
    try:
        yield
    except apsw.Error as error:
        raise _translation(error, path) from error


def _translation(error: apsw.Error, path: Path) -> StoreError:
    """Say what is wrong in our words: SQLite's own text may quote a statement or a value."""
    match error:
        case apsw.BusyError():
            return StoreError("the database is locked by another process")
        case apsw.CantOpenError():
            return StoreError("the database cannot be opened", hint=f"check that {path} can be written")
        case apsw.NotADBError():
            return StoreError("the file is not a database", hint=f"check that {path} is the right file")
        case _:
            return StoreError(f"the database failed: {type(error).__name__}")
