"""A recovery key, and empty stores to restore into, on both engines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.builders import settings_in
from tests.support.clock import SettableClock
from tests.support.databases import BOTH, IN_FILES, TestServer
from tokenvault_server.backups.age import Identity, new_identity
from tokenvault_server.bootstrap import Vault
from tokenvault_server.bootstrap.backing_up import MadeBackup, back_up
from tokenvault_server.bootstrap.restoring import Restoration
from tokenvault_server.settings import Settings


class RecoveryKey(NamedTuple):
    """Both halves of a key pair."""

    private: str
    public: str

    @property
    def identity(self) -> Identity:
        return Identity(self.private)


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture(autouse=True)
def programs(
    store_kind: str, postgres_servers: Callable[[str], TestServer], monkeypatch: pytest.MonkeyPatch
) -> Path | None:
    """Put the programs of the server's version first on the path."""
    if store_kind in IN_FILES:
        return None
    folder = postgres_servers(store_kind).programs
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture(scope="session")
def recovery_key() -> RecoveryKey:
    private, public = new_identity()
    return RecoveryKey(private.reveal(), public)


Elsewhere = Callable[[str], Settings]


@pytest.fixture
def elsewhere(
    store_kind: str, tmp_path: Path, settings: Settings, postgres_servers: Callable[[str], TestServer]
) -> Iterator[Elsewhere]:
    """Return the settings of another folder, or of two other databases, with the same master key."""
    with ExitStack() as closing:

        def new(name: str) -> Settings:
            changes: dict[str, object] = {"key_provider": settings.key_provider}
            if store_kind not in IN_FILES:
                server = postgres_servers(store_kind)
                changes |= {each: closing.enter_context(server.database()) for each in ("store", "tsp_store")}
            return settings_in(tmp_path / name, audit_anchor=str(tmp_path / name / "anchor.json"), **changes)

        yield new


class BackUp:
    """Backs up the vault of a test."""

    def __init__(self, vault: Vault, folder: Path, key: RecoveryKey, clock: SettableClock) -> None:
        self._vault = vault
        self.key = key
        self._clock = clock
        self.file = folder / "backup.age"

    async def make(self, file: Path | None = None) -> MadeBackup:
        return await back_up(self._vault, file or self.file, self.key.public, "0.0")

    def restoration(self, settings: Settings, identity: Identity | None = None) -> Restoration:
        return Restoration(self.file, identity or self.key.identity, settings, self._clock)


@pytest.fixture
def backup(vault: Vault, tmp_path: Path, recovery_key: RecoveryKey, clock: SettableClock) -> BackUp:
    return BackUp(vault, tmp_path, recovery_key, clock)
