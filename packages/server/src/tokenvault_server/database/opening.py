"""Opens the database that a URL names: the only module that knows which engines there are.

Other modules ask it about a URL and never look into the text themselves (docs/adr/0027).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tokenvault_server.database.engine import Engine
from tokenvault_server.database.kind import EngineKind, EngineOptions
from tokenvault_server.database.postgres.kind import PostgresKind
from tokenvault_server.database.sqlite.kind import SqliteKind
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError

_IN_A_FILE: Final = SqliteKind()

KINDS: Final[tuple[EngineKind, ...]] = (_IN_A_FILE, PostgresKind())
"""Every kind of store. A further engine is one more entry."""

URL_FORMS: Final = " or ".join(kind.url_form for kind in KINDS)


def file_store(path: Path | str) -> str:
    """Return the URL of a store that needs no server: the default of a new vault."""
    return _IN_A_FILE.url_of(path)


def find_kind(url: str, kinds: Sequence[EngineKind] = KINDS) -> EngineKind | None:
    """Return the kind of store that a URL names, or None."""
    return next((kind for kind in kinds if kind.accepts(url)), None)


def kind_of(url: str, kinds: Sequence[EngineKind] = KINDS) -> EngineKind:
    """Return the kind of store that a URL names.

    Raises:
        SettingsError: no engine accepts the URL.
    """
    if kind := find_kind(url, kinds):
        return kind
    raise SettingsError("a store's URL is of no known kind", hint=" or ".join(kind.url_form for kind in kinds))


def without_password(url: str) -> tuple[str, str]:
    """Return a URL without its password, and that password or ""; ValueError when the text is not a URL."""
    kind = find_kind(url)
    return kind.without_password(url) if kind else (url, "")


def is_same_store(one: str, other: str, kinds: Sequence[EngineKind] = KINDS) -> bool:
    """Tell whether two URLs name one database, as far as their text shows."""
    kind = kind_of(one, kinds)
    return kind is kind_of(other, kinds) and kind.is_same_store(one, other)


async def open_engine(
    url: str,
    *,
    new: bool,
    password: Secret[str] | None = None,
    options: EngineOptions | None = None,
    kinds: Sequence[EngineKind] = KINDS,
) -> Engine:
    """Open the database that a URL names; with `new`, a file that does not exist yet is created.

    Raises:
        SettingsError: no engine accepts the URL, or its driver is not installed.
        StoreError: the database does not exist or cannot be used.
    """
    return await kind_of(url, kinds).open(url, new=new, password=password, options=options or EngineOptions())
