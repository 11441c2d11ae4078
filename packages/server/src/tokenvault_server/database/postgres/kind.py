"""PostgreSQL as a kind of store: `postgresql://USER@HOST:PORT,HOST:PORT/NAME?OPTIONS`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.kind import EngineOptions, StoreCopies
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError

_SCHEMES: Final = ("postgresql://", "postgres://")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


class PostgresKind:
    """Databases of PostgreSQL servers, which any number of processes share."""

    name: Final = "PostgreSQL"
    url_form: Final = "postgresql://USER@HOST:PORT/NAME?OPTIONS"
    supports_many_processes: Final = True

    @property
    def copies(self) -> StoreCopies:
        """Copy databases with `pg_dump` and `pg_restore`."""
        from tokenvault_server.database.postgres.copies import PostgresCopies

        return PostgresCopies()

    def accepts(self, url: str) -> bool:
        """Tell whether a URL names a PostgreSQL database; libpq knows both spellings of the scheme."""
        return url.startswith(_SCHEMES)

    def resolve(self, url: str, base: Path) -> str:  # noqa: ARG002  # it has no path
        """Return the URL as it is."""
        return url

    def without_password(self, url: str) -> tuple[str, str]:
        """Return the URL without the password of its account or its options, and that password."""
        parts = urlsplit(url)
        account, at, hosts = parts.netloc.rpartition("@")
        user, _, password = account.partition(":")
        options = parse_qsl(parts.query, keep_blank_values=True)
        kept = [(name, value) for name, value in options if name != "password"]
        query = "?" + urlencode(kept, quote_via=quote, safe="/") if kept else ""
        bare = f"{parts.scheme}://{user}{at}{hosts}{parts.path}{query}"
        return bare, unquote(password) or dict(options).get("password", "")

    def is_same_store(self, one: str, other: str) -> bool:
        """Tell whether two URLs name the same hosts and database, whatever their users and options."""
        return _database_of(one) == _database_of(other)

    def exposure(self, url: str) -> str:
        """Return "" for a socket, for loopback, and for TLS that verifies the server's name."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        hosts = options.get("host") or parts.netloc.rpartition("@")[2]
        names = {host if host.count(":") > 1 else host.partition(":")[0] for host in hosts.split(",")}
        is_local = all(not name or name.startswith("/") or name in _LOOPBACK for name in names)
        if is_local or options.get("sslmode") == "verify-full":
            return ""
        return (
            "a database on another machine without TLS, or without proof that it is the right one: "
            "add sslmode=verify-full"
        )

    def files(self, url: str) -> Sequence[Path]:  # noqa: ARG002  # the server's own
        """Return nothing: the server keeps its files."""
        return ()

    async def open(self, url: str, *, new: bool, password: Secret[str] | None, options: EngineOptions) -> Engine:  # noqa: ARG002  # a database is never created
        """Connect to the database, which must exist."""
        try:
            from tokenvault_server.database.postgres.engine import PostgresEngine
        except ModuleNotFoundError:
            raise SettingsError(
                f"{self.name} needs a driver that is not installed", hint="pip install 'tokenvault-server[postgres]'"
            ) from None
        engine = PostgresEngine(url, password, options)
        await engine.open()
        return engine


def _database_of(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    hosts = dict(parse_qsl(parts.query)).get("host", "")
    return parts.netloc.rpartition("@")[2].lower(), hosts, parts.path
