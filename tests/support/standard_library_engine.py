"""A third engine: SQLite through the standard library, as small as the contract allows.

It shows what a further engine takes: this module, and its kind among the kinds that a store may have.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.kind import EngineOptions
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SchemaMissingError, StoreError
from tokenvault_server.telemetry.store_counts import Pool, StoreCounts

T = TypeVar("T")

_SCHEME: Final = "sqlite3:///"


class StandardLibraryKind:
    """Stores in files, under `sqlite3:///PATH`."""

    name: Final = "SQLite of the standard library"
    url_form: Final = "sqlite3:///PATH"
    supports_many_processes: Final = False
    copies: Final = None

    def accepts(self, url: str) -> bool:
        return url.startswith(_SCHEME)

    def resolve(self, url: str, base: Path) -> str:
        return f"{_SCHEME}{base / url.removeprefix(_SCHEME)}"

    def without_password(self, url: str) -> tuple[str, str]:
        return url, ""

    def is_same_store(self, one: str, other: str) -> bool:
        return one == other

    def exposure(self, url: str) -> str:
        return ""

    def files(self, url: str) -> Sequence[Path]:
        return (Path(url.removeprefix(_SCHEME)),)

    async def open(self, url: str, *, new: bool, password: Secret[str] | None, options: EngineOptions) -> Engine:
        (path,) = self.files(url)
        if not new and not path.exists():
            raise StoreError("there is no database")
        return StandardLibraryEngine(path)


class StandardLibraryEngine:
    """One file with a reading and a writing connection; each commit is synced while the event loop waits."""

    def __init__(self, path: Path) -> None:
        self._writer = _connect(path)
        self._reader = _connect(path)
        self._reader.execute("PRAGMA query_only = 1")
        self._closed = False
        self.counts = StoreCounts()

    async def read(self, statement: Statement) -> Rows:
        with _translated():
            return self._reader.execute(statement.query.compiled[_placeholder], statement.values).fetchall()

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        if self._closed:
            raise StoreError("the database is closed")
        with _translated(), self._writer:  # commits at the end, rolls back on an exception
            self._writer.execute("BEGIN IMMEDIATE")
            return self._drive(body())

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        return await self.commit(body)

    async def scrub(self) -> None:
        with _translated():
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def close(self) -> None:
        self._closed = True
        self._reader.close()
        self._writer.close()

    def pool(self) -> Pool:
        return Pool(limit=1, opened=1, in_use=0, waiting=0)

    def _drive(self, work: Work[T]) -> T:
        rows: Rows | None = None
        try:
            while True:
                statement = work.send(rows)  # type: ignore[arg-type]  # the first send of a generator is None
                rows = self._writer.execute(statement.query.compiled[_placeholder], statement.values).fetchall()
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _placeholder(number: int) -> str:
    return f"?{number}"


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("PRAGMA foreign_keys = 1")
    return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise (SchemaMissingError() if "no such table" in str(error) else StoreError("the database failed")) from None
