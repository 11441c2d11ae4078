"""What this software must know of a database product before it opens a store: the seam for a further engine.

A kind imports no driver until it opens a store, because settings and commands ask it about URLs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a database server is used. An engine that runs inside this process needs none of it."""

    connections: int = 16
    """The most connections that one process opens."""
    timeout_seconds: float = 5.0
    """How long a statement may take, and how long a call waits for a connection."""
    prepared_statements: bool = True
    """Whether statements stay prepared; false behind a pooler that does not keep track of them."""


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
