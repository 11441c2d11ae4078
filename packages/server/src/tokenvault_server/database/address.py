"""Where a store is kept: `sqlite:///PATH` or `postgresql://USER@HOST:PORT/NAME?OPTIONS`, and never its password."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_SQLITE: Final = "sqlite:///"
_NEAR: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
_POSTGRES: Final = ("postgresql://", "postgres://")


def sqlite_path(url: str) -> Path | None:
    """Give the file of a SQLite store, or None when it is no such store."""
    path = url.removeprefix(_SQLITE)
    return Path(path) if path and path != url else None


def is_postgres(url: str) -> bool:
    """Tell whether a URL names a PostgreSQL database."""
    return url.startswith(_POSTGRES)


def without_password(url: str) -> tuple[str, str]:
    """Give a URL without the password that it may hold, and that password; ValueError when it is no URL."""
    if not is_postgres(url):
        return url, ""
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    options = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in options if name != "password"]
    query = "?" + urlencode(kept, quote_via=quote, safe="/") if kept else ""
    return f"{parts.scheme}://{user}{at}{hosts}{parts.path}{query}", unquote(password) or dict(options).get(
        "password", ""
    )


def is_protected(url: str) -> bool:
    """Tell whether nobody between here and a store can read along, or pretend to be it."""
    if not is_postgres(url):
        return True
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    hosts = options.get("host") or parts.netloc.rpartition("@")[2]
    names = {host if host.count(":") > 1 else host.partition(":")[0] for host in hosts.split(",")}
    is_near = all(not name or name.startswith("/") or name in _NEAR for name in names)
    return is_near or options.get("sslmode") == "verify-full"


def same_store(one: str, other: str) -> bool:
    """Tell whether two URLs name one database, as far as their text tells."""
    return one == other or (is_postgres(one) and is_postgres(other) and _place(one) == _place(other))


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    hosts = dict(parse_qsl(parts.query)).get("host", "")
    return parts.netloc.rpartition("@")[2].lower(), hosts, parts.path
