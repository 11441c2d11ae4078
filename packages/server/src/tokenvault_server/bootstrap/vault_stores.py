"""All databases of a vault, by name, for backups and restores."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tokenvault_server.bootstrap.stores import SCHEMAS, open_engine
from tokenvault_server.database import copying, opening
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.kind import Snapshot, StoreCopies
from tokenvault_server.database.migrate import migrations_of
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError, StoreError
from tokenvault_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

VAULT: Final = "store"
"""The name of the vault's own store; the others belong to built-in token services."""
_LEDGER: Final = "schema_migrations"


@dataclass(frozen=True, slots=True)
class VaultStore:
    """One database of a vault."""

    name: str
    """`store`, `tsp_store`, or `tsp.NAME` for a further built-in token service."""
    url: str
    password: Secret[str] | None
    package: str
    """The package whose migrations make its tables."""
    engine_name: str
    copies: StoreCopies = field(repr=False)

    @property
    def tables(self) -> Sequence[str]:
        """The names of its tables."""
        return [*(table.name for table in copying.tables_of(self.package)), _LEDGER]

    @property
    def migrations(self) -> tuple[str, ...]:
        """The checksums of the migrations that this version of the software has."""
        return tuple(migration.checksum for migration in migrations_of(self.package))

    @property
    def folder(self) -> Path | None:
        """The directory of its file, if it is one."""
        files = opening.kind_of(self.url).files(self.url)
        return files[0].parent if files else None

    async def open(self, settings: Settings) -> Engine:
        """Open it with the options of the settings."""
        return await open_engine(self.url, new=False, password=self.password, settings=settings)

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Fix its present state until the block ends."""
        return self.copies.snapshot(self.url, self.password)

    async def is_empty(self) -> bool:
        """Return whether there is nothing in it."""
        return await self.copies.is_empty(self.url, self.password)

    async def clear(self) -> None:
        """Remove what a restore made."""
        await self.copies.clear(self.url, self.password, self.tables)


def stores_of(settings: Settings) -> list[VaultStore]:
    """Return the databases of a vault: its own first, because the others must never be older.

    Raises:
        SettingsError: a store is of a kind that cannot be backed up.
    """
    password, tsp_password = settings.secret_store_passwords()
    urls: list[tuple[str, str, Secret[str] | None]] = [
        (VAULT, settings.store, password),
        ("tsp_store", settings.tsp_store, tsp_password),
    ]
    urls += [
        (f"tsp.{name}", service.store, service.store_password.secret()) for name, service in settings.tsp.local.items()
    ]
    return [_store(*each) for each in urls]


def _store(name: str, url: str, password: Secret[str] | None) -> VaultStore:
    kind = opening.kind_of(url)
    if kind.copies is None:
        raise SettingsError(f"a store of {kind.name} cannot be backed up or restored")
    return VaultStore(name, url, password, SCHEMAS.get(name, SCHEMAS["tsp_store"]), kind.name, kind.copies)


@contextmanager
def private_folder(folder: Path) -> Iterator[Path]:
    """Make a directory that nobody else can read, and remove it with its files afterwards.

    A process that was killed leaves it. The next one removes it, unless the other is still at work.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError("another process is at work", hint=f"it uses {folder}") from None
        for file in folder.iterdir():
            file.unlink()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
