"""Opens the database that a URL names: the only place in which both engines are known."""

from __future__ import annotations

from tokenvault_server.database.address import is_postgres, sqlite_path
from tokenvault_server.database.connections import PostgresOptions
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.sqlite import SqliteEngine
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError, StoreError


async def open_engine(
    url: str, *, new: bool, password: Secret[str] | None = None, options: PostgresOptions | None = None
) -> Engine:
    """Open the database that a URL names; a SQLite file must be there unless `new`, a PostgreSQL database always."""
    if path := sqlite_path(url):
        if not new and not path.exists():
            raise StoreError("there is no database", hint=f"{path} does not exist; run `tokenvault init DIR` first")
        return SqliteEngine(path)
    if not is_postgres(url):
        raise SettingsError("a store is sqlite:///PATH or postgresql://USER@HOST/NAME")
    try:
        from tokenvault_server.database.postgres import PostgresEngine
    except ModuleNotFoundError:
        raise SettingsError(
            "PostgreSQL needs a driver that is not installed", hint="pip install 'tokenvault-server[postgres]'"
        ) from None
    engine = PostgresEngine(url, password, options)
    await engine.open()
    return engine
