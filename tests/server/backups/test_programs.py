"""`pg_dump` is called with a password that no command line shows, and its absence and age are clear errors."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from tests.server.backups.conftest import BackUp, RecoveryKey
from tests.support.builders import sql
from tests.support.clock import SettableClock
from tests.support.databases import POSTGRESQL, TestServer
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.errors import SettingsError, StoreError
from tokenvault_server.settings import Settings
from tokenvault_server.settings.hidden import HiddenText

PASSWORD = "a pass:word\\ of/a@dumper"  # of a test's own account
pytestmark = pytest.mark.parametrize("store_kind", [POSTGRESQL])


@pytest.fixture
async def with_password(
    vault: Vault, postgres_servers: Callable[[str], TestServer], store_kind: str, clock: SettableClock
) -> AsyncIterator[Vault]:
    """Return the same vault, opened with an account that needs a password."""
    server = postgres_servers(store_kind)
    if not server.sql("SELECT FROM pg_roles WHERE rolname = 'dumper'"):
        server.require_password_of("dumper", PASSWORD)
    old = vault.settings
    for url in (old.store, old.tsp_store):
        server.grant(url, "dumper")
    changes = {
        name: getattr(old, name).replace("postgres@", "dumper@") for name in ("store", "tsp_store")
    } | dict.fromkeys(("store_password", "tsp_store_password"), HiddenText(PASSWORD))
    opened = await open_vault(msgspec.structs.replace(old, **changes), clock)
    yield opened
    await opened.close()
    for engine in (vault.engine, vault.tsp_engine):
        await sql(engine, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM dumper")


@pytest.fixture
def spy(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `pg_dump` first on the path that keeps its command line and goes on to the real one."""
    folder = tmp_path / "spy"
    folder.mkdir()
    a_program(folder / "pg_dump", f'echo "$@" >> {folder}/seen; exec {programs}/pg_dump "$@"')
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "seen"


def a_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)


async def test_a_password_is_on_no_command_line(
    with_password: Vault, spy: Path, tmp_path: Path, recovery_key: RecoveryKey, clock: SettableClock
) -> None:
    await BackUp(with_password, tmp_path, recovery_key, clock).make()
    seen = spy.read_text()  # noqa: ASYNC240  # nothing else runs
    assert "--snapshot=" in seen
    assert PASSWORD not in seen
    assert "a%20pass" not in seen


async def test_a_wrong_password_is_an_error_without_a_file(
    vault: Vault, backup: BackUp, spy: Path, programs: Path
) -> None:
    a_program(
        spy.parent / "pg_dump",
        'case "$*" in *--version*) echo "pg_dump (PostgreSQL) 99";; *) echo "pg_dump: error: no" >&2; exit 1;; esac',
    )
    with pytest.raises(StoreError, match="pg_dump failed") as caught:
        await backup.make()
    assert caught.value.hint == "pg_dump: error: no"
    assert [each for each in os.listdir(backup.file.parent) if "backup" in each] == []  # noqa: PTH208  # no loop waits for it


async def test_an_older_program_is_named(backup: BackUp, spy: Path) -> None:
    a_program(spy.parent / "pg_dump", 'echo "pg_dump (PostgreSQL) 9.6.1"')
    with pytest.raises(SettingsError, match="pg_dump is of version 9 and the server of version 18"):
        await backup.make()


async def test_a_missing_program_is_named(
    backup: BackUp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="`pg_dump` is not installed"):
        await backup.make()
