"""What this software must know of a database product before it opens a store: the seam for a further engine.

A kind imports no driver until it opens a store, because settings and commands ask it about URLs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tokenvault_server.database.engine import Engine, Rows
from tokenvault_server.domain.secret import Secret

NAMING: Final = "vault"
"""The table that names the vault. A store without its row belongs to no vault, and nobody can serve it."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a database server is used. An engine that runs inside this process needs none of it."""

    connections: int = 16
    """The most connections that one process opens."""
    timeout_seconds: float = 5.0
    """How long a statement may take, and how long a call waits for a connection."""
    prepared_statements: bool = True
    """Whether statements stay prepared; false behind a pooler that does not keep track of them."""


class Snapshot(Protocol):
    """A store as it was at one moment, whatever is written to it afterwards."""

    async def read(self, query: str) -> Rows:
        """Return the rows of a query without parameters."""
        ...

    async def write(self, path: Path, tables: Sequence[str]) -> None:
        """Write these tables to a file that exists and is empty, all but the row that names the vault.

        Raises:
            StoreError: the product's own program failed, or the disk did.
        """
        ...


class StoreCopies(Protocol):
    """How a product copies a store to a file, and fills an empty store from that file."""

    @property
    def suffix(self) -> str:
        """How the name of such a file ends."""
        ...

    def snapshot(self, url: str, password: Secret[str] | None) -> AbstractAsyncContextManager[Snapshot]:
        """Fix the present state of a store until the block ends; servers go on writing meanwhile.

        Raises:
            SettingsError: a program that the copy needs is not installed.
            StoreError: the store cannot be read, or the program is too old for it.
        """
        ...

    async def is_empty(self, url: str, password: Secret[str] | None) -> bool:
        """Return whether there is nothing at all in a store, or no store."""
        ...

    async def load(self, url: str, password: Secret[str] | None, path: Path) -> None:
        """Fill an empty store from a file, completely or not at all. The file may be moved.

        Raises:
            SettingsError: a program that this needs is not installed.
            StoreError: the file cannot be loaded, or the store cannot be written.
        """
        ...

    async def clear(self, url: str, password: Secret[str] | None, tables: Sequence[str]) -> None:
        """Remove these tables, or the whole store where it is a file."""
        ...


class EngineKind(Protocol):
    """A database product that can hold a store. A new one is a module with a kind, and a line in `opening.KINDS`."""

    @property
    def name(self) -> str:
        """The product's name, for messages."""
        ...

    @property
    def url_form(self) -> str:
        """How the URL of a store is written, for messages and help."""
        ...

    @property
    def supports_many_processes(self) -> bool:
        """Whether several processes may write to one store at the same time."""
        ...

    @property
    def copies(self) -> StoreCopies | None:
        """How stores are backed up and restored; None where that is not supported."""
        ...

    def accepts(self, url: str) -> bool:
        """Tell whether a URL names a store of this kind."""
        ...

    def resolve(self, url: str, base: Path) -> str:
        """Return the URL with its path, if it has one, made absolute from `base`."""
        ...

    def without_password(self, url: str) -> tuple[str, str]:
        """Return the URL without its password, and that password or "".

        Raises:
            ValueError: the text is not a URL.
        """
        ...

    def is_same_store(self, one: str, other: str) -> bool:
        """Tell whether two URLs of this kind name one database, as far as their text shows."""
        ...

    def exposure(self, url: str) -> str:
        """Return why others could read or imitate the connection to a store, with what to change; "" if they cannot."""
        ...

    def files(self, url: str) -> Sequence[Path]:
        """Return the files on this machine that hold the store; they must be private to their owner."""
        ...

    async def open(self, url: str, *, new: bool, password: Secret[str] | None, options: EngineOptions) -> Engine:
        """Open a store; with `new`, one that does not exist yet is created where the product allows it.

        Raises:
            SettingsError: the driver is not installed.
            StoreError: the store does not exist or cannot be used.
        """
        ...
