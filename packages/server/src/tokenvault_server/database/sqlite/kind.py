"""SQLite as a kind of store: `sqlite:///PATH`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.kind import EngineOptions, StoreCopies
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import StoreError

_SCHEME: Final = "sqlite:///"


class SqliteKind:
    """Stores in files. One process at a time writes to a file."""

    name: Final = "SQLite"
    url_form: Final = "sqlite:///PATH"
    supports_many_processes: Final = False

    @property
    def copies(self) -> StoreCopies:
        """Copy files with SQLite's online backup."""
        from tokenvault_server.database.sqlite.copies import SqliteCopies

        return SqliteCopies(self.files)

    def url_of(self, path: Path | str) -> str:
        """Return the URL of the store in a file."""
        return f"{_SCHEME}{path}"

    def accepts(self, url: str) -> bool:
        """Tell whether a URL names a SQLite file."""
        return url.startswith(_SCHEME) and url != _SCHEME

    def resolve(self, url: str, base: Path) -> str:
        """Return the URL with an absolute path."""
        return self.url_of(base / _path(url))

    def without_password(self, url: str) -> tuple[str, str]:
        """Return the URL: a file has no password."""
        return url, ""

    def is_same_store(self, one: str, other: str) -> bool:
        """Tell whether two URLs are the same text."""
        return one == other

    def exposure(self, url: str) -> str:  # noqa: ARG002  # every file is on this machine
        """Return "": nothing stands between this process and the file."""
        return ""

    def files(self, url: str) -> Sequence[Path]:
        """Return the database file, and the write-ahead log and its index, which are beside it while it is in use."""
        path = _path(url)
        return (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm"))

    async def open(self, url: str, *, new: bool, password: Secret[str] | None, options: EngineOptions) -> Engine:  # noqa: ARG002  # a file has neither
        """Open the file, which must exist unless `new`."""
        from tokenvault_server.database.sqlite.engine import SqliteEngine

        path = _path(url)
        if not new and not path.exists():
            raise StoreError("there is no database", hint=f"{path} does not exist; run `tokenvault init DIR` first")
        return SqliteEngine(path)


def _path(url: str) -> Path:
    return Path(url.removeprefix(_SCHEME))
