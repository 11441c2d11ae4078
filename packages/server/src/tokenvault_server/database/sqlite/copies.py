"""Copies of SQLite stores, made by SQLite's online backup while servers write."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from tokenvault_server.database.kind import NAMING
from tokenvault_server.errors import StoreError, StoreUnavailableError
from tokenvault_server.files import sync_folder

if TYPE_CHECKING:
    from tokenvault_server.database.engine import Rows
    from tokenvault_server.domain.secret import Secret

_BUSY_MILLISECONDS: Final = 5_000


class SqliteCopies:
    """Copies of database files."""

    suffix: Final = "sqlite3"

    def __init__(self, files: Callable[[str], Sequence[Path]]) -> None:
        """Find the files of a store with `files`: the database first, then those that exist while it is in use."""
        self._files = files

    @asynccontextmanager
    async def snapshot(self, url: str, password: Secret[str] | None) -> AsyncIterator[SqliteSnapshot]:  # noqa: ARG002  # a file has none
        """Hold a read transaction. It keeps nobody from writing; only the log cannot be emptied meanwhile."""
        path = self._files(url)[0]
        if not path.exists():
            raise StoreError("there is no database", hint=f"{path} does not exist")
        try:
            connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(_BUSY_MILLISECONDS)
            connection.execute("BEGIN")
            connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchall()  # the first read fixes the state
        except apsw.Error as error:
            raise _failed(path) from error
        try:
            yield SqliteSnapshot(connection, path)
        finally:
            connection.close()

    async def is_empty(self, url: str, password: Secret[str] | None) -> bool:  # noqa: ARG002  # a file has none
        """Return whether none of the files exists."""
        return not any(path.exists() for path in self._files(url))

    async def load(self, url: str, password: Secret[str] | None, path: Path) -> None:  # noqa: ARG002  # a file has none
        """Rename the file: it must be on the same file system."""
        target = self._files(url)[0]
        os.link(path, target)  # unlike a rename, it never replaces a file
        os.unlink(path)  # noqa: PTH108  # the file is local: there is nothing to wait for
        sync_folder(target)

    async def clear(self, url: str, password: Secret[str] | None, tables: Sequence[str]) -> None:  # noqa: ARG002  # the files hold nothing else
        """Delete the files."""
        for path in self._files(url):
            path.unlink(missing_ok=True)


class SqliteSnapshot:
    """An open read transaction."""

    def __init__(self, connection: apsw.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    async def read(self, query: str) -> Rows:
        """Return the rows of a query without parameters."""
        try:
            return self._connection.execute(query).fetchall()
        except apsw.Error as error:
            raise _failed(self._path) from error

    async def write(self, path: Path, tables: Sequence[str]) -> None:  # noqa: ARG002  # a copy has all tables
        """Copy all pages, then take the row that names the vault out of the copy."""
        try:
            await asyncio.to_thread(self._write, path)
        except apsw.FullError as error:
            raise StoreUnavailableError("the disk is full", hint=f"free space on the file system of {path}") from error
        except apsw.Error as error:
            raise _failed(self._path) from error

    def _write(self, path: Path) -> None:
        target = apsw.Connection(os.fspath(path))
        try:
            # One step copies everything. In several steps, SQLite would begin again after each write of a server.
            # The backup uses the transaction that is open on the source, so the copy is the state of its beginning.
            with target.backup("main", self._connection, "main") as backup:
                backup.step(-1)
            target.pragma("journal_mode", "delete")  # one file, and no log beside it
            target.pragma("secure_delete", 1)
            target.execute(f"DELETE FROM {NAMING}")  # noqa: S608  # a constant
        finally:
            target.close()
        with suppress(FileNotFoundError):
            path.with_name(f"{path.name}-journal").unlink()


def _failed(path: Path) -> StoreError:
    return StoreError("the database cannot be copied", hint=f"`tokenvault doctor` checks {path}")
