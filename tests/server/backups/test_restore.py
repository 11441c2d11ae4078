"""A restore does all or nothing, and refuses what is not the vault's own backup."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.repository import tree
from tests.server.backups.conftest import BackUp, Elsewhere, RecoveryKey
from tests.support.builders import VISA, a_saved_card, settings_in, sql
from tests.support.databases import SQLITE_ALONE
from tokenvault_server.backups.age import Identity, encrypt, new_identity
from tokenvault_server.bootstrap import Vault
from tokenvault_server.bootstrap.vault_stores import stores_of
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import KeyUnavailableError, SettingsError, StoreError, VaultError
from tokenvault_server.settings import Settings


async def is_empty(settings: Settings) -> bool:
    """Return whether a restore has left nothing: no row, no table, no file beside the master key."""
    empty = [await store.is_empty() for store in stores_of(settings)]
    folder = Path(settings.audit_anchor).parent
    return all(empty) and {file.name for file in folder.iterdir()} <= {"master.key"}


def contents(backup: BackUp, key: RecoveryKey) -> dict[str, bytes]:
    """Return the members of a backup, by name."""
    plain = io.BytesIO()
    with backup.file.open("rb") as file:
        key.identity.open(file, plain)
    plain.seek(0)
    with tarfile.open(fileobj=plain) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def written(backup: BackUp, key: RecoveryKey, members: dict[str, bytes]) -> None:
    """Write a backup as whoever knows the public key can."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    with backup.file.open("wb") as file:
        encrypt([plain.getvalue()], file, key.public)


async def refused(backup: BackUp, settings: Settings, error: type[VaultError], identity: Identity | None = None) -> str:
    """Return the message and hint of a restore that must fail and leave nothing."""
    with pytest.raises(error) as caught:
        await backup.restoration(settings, identity).run()
    assert await is_empty(settings)
    return f"{caught.value.message}: {caught.value.hint}"


async def test_a_backup_is_its_owners_and_leaves_no_other_file(backup: BackUp, tmp_path: Path) -> None:
    await backup.make()
    assert stat.S_IMODE(backup.file.stat().st_mode) == 0o600
    assert [name for name in os.listdir(tmp_path) if "backup" in name] == [backup.file.name]  # noqa: PTH208  # no loop waits for it


async def test_a_backup_never_replaces_a_file(backup: BackUp) -> None:
    backup.file.write_text("something")
    with pytest.raises(SettingsError, match="already"):
        await backup.make()
    assert backup.file.read_text() == "something"


async def test_a_backup_in_no_directory_is_refused(backup: BackUp, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no directory"):
        await backup.make(tmp_path / "missing" / "backup.age")


async def test_a_backup_that_is_altered_anywhere_is_refused(backup: BackUp, elsewhere: Elsewhere) -> None:
    await backup.make()
    good = backup.file.read_bytes()
    settings = elsewhere("restored")
    places = (5, len(good) // 2, len(good) - 1)
    for place in places:
        backup.file.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert "damaged" in await refused(backup, settings, StoreError)
    for length in (0, 100, len(good) // 3, len(good) // 2, len(good) - 1):
        backup.file.write_bytes(good[:length])
        assert "damaged" in await refused(backup, settings, StoreError)


@SQLITE_ALONE
async def test_a_backup_that_somebody_else_encrypted_is_refused(
    backup: BackUp, elsewhere: Elsewhere, recovery_key: RecoveryKey
) -> None:
    """Anybody can encrypt to the public key, so the manifest is authenticated by the master key."""
    await backup.make()
    good = contents(backup, recovery_key)
    settings = elsewhere("restored")
    manifest = json.loads(good["manifest.json"])
    part = manifest["stores"][0]
    other = good | {"store.sqlite3": good["store.sqlite3"][:-1] + b"x"}
    for members in (
        good | {"manifest.json": json.dumps(manifest | {"made_at": 1}).encode()},
        good | {"manifest.mac": b"0" * 64},
        other,
        good | {"store.sqlite3": good["store.sqlite3"] + b"x"},
        {name: good[name] for name in good if name != "tsp_store.sqlite3"},
        {"manifest.json": b"{}", "manifest.mac": b""},
        {"manifest.json": json.dumps(manifest | {"wrapped_key": "zz"}).encode(), "manifest.mac": b""},
        {"else": b""},
    ):
        written(backup, recovery_key, members)
        await refused(backup, settings, VaultError)
    assert part["name"] == "store"
    written(backup, recovery_key, good)
    await backup.restoration(settings).run()


async def test_another_recovery_key_opens_nothing(backup: BackUp, elsewhere: Elsewhere) -> None:
    await backup.make()
    private, _ = new_identity()
    said = await refused(backup, elsewhere("restored"), SettingsError, Identity(private.reveal()))
    assert "another recovery key" in said


async def test_another_vaults_master_key_restores_nothing(backup: BackUp, elsewhere: Elsewhere, tmp_path: Path) -> None:
    await backup.make()
    settings = elsewhere("restored")
    foreign = settings_in(tmp_path / "foreign").key_provider
    settings = msgspec.structs.replace(settings, key_provider=foreign)
    assert "not that vault's" in await refused(backup, settings, KeyUnavailableError)


@SQLITE_ALONE
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: each | {"format": 2}, "format 2"),
        (lambda each: each | {"format": 0}, "format 0"),
    ],
)
async def test_another_format_is_refused(
    backup: BackUp,
    elsewhere: Elsewhere,
    recovery_key: RecoveryKey,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    said: str,
) -> None:
    await backup.make()
    good = contents(backup, recovery_key)
    manifest = json.dumps(change(json.loads(good["manifest.json"]))).encode()
    written(backup, recovery_key, good | {"manifest.json": manifest})
    assert said in await refused(backup, elsewhere("restored"), StoreError)


async def test_a_database_that_newer_software_migrated_is_not_backed_up(vault: Vault, backup: BackUp) -> None:
    await sql(vault.tsp_engine, "INSERT INTO schema_migrations VALUES (99, '0099_works_with_0001_x.sql', 'x', 0)")
    with pytest.raises(StoreError, match="newer version"):
        await backup.make()
    await sql(vault.tsp_engine, "DELETE FROM schema_migrations WHERE number = 99")
    assert not backup.file.exists()


async def test_another_schema_is_refused(vault: Vault, backup: BackUp, elsewhere: Elsewhere) -> None:
    ((name, checksum, at),) = await sql(
        vault.tsp_engine, "DELETE FROM schema_migrations WHERE number = 3 RETURNING name, checksum, applied_at"
    )
    await backup.make()
    values = {"name": name, "checksum": checksum, "at": at}
    await sql(vault.tsp_engine, "INSERT INTO schema_migrations VALUES (3, :name, :checksum, :at)", **values)
    assert "schema differs" in await refused(backup, elsewhere("restored"), StoreError)


async def test_a_store_that_holds_something_is_left_alone(vault: Vault, backup: BackUp, elsewhere: Elsewhere) -> None:
    await backup.make()
    with pytest.raises(SettingsError, match="not empty"):
        await backup.restoration(vault.settings).run()
    await vault.check()
    half = msgspec.structs.replace(elsewhere("restored"), tsp_store=vault.settings.tsp_store)
    with pytest.raises(SettingsError, match="'tsp_store' is not empty"):
        await backup.restoration(half).run()
    await vault.check()


async def test_a_broken_trail_is_restored_by_force_only(
    vault: Vault, caller: Caller, backup: BackUp, elsewhere: Elsewhere
) -> None:
    await a_saved_card(vault, caller)
    await sql(vault.engine, "UPDATE instruments SET last4 = '0000'")
    await backup.make()
    settings = elsewhere("restored")
    assert "was changed in the database" in await refused(backup, settings, StoreError)
    assert (await backup.restoration(settings).run(force=True)).report.findings


async def test_a_check_reads_everything_and_writes_nothing(backup: BackUp, elsewhere: Elsewhere) -> None:
    made = await backup.make()
    settings = elsewhere("restored")
    assert await backup.restoration(settings).check() == msgspec.structs.replace(
        made.manifest, wrapped_key=(await backup.restoration(settings).check()).wrapped_key
    )
    assert await is_empty(settings)
    content = backup.file.read_bytes()
    backup.file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError):
        await backup.restoration(settings).check()


async def test_nothing_of_a_card_is_readable_in_a_backup(
    vault: Vault, caller: Caller, backup: BackUp, recovery_key: RecoveryKey
) -> None:
    """Neither in the file, nor in what the holder of the recovery key finds in it without the master key."""
    card = await a_saved_card(vault, caller)
    assert card.secrets
    await backup.make()
    members = contents(backup, recovery_key)
    for secret in (VISA, card.secrets.network_token.reveal()):
        assert secret.encode() not in backup.file.read_bytes()
        assert [name for name, content in members.items() if secret.encode() in content] == []


async def test_a_store_in_a_backup_names_no_vault(backup: BackUp, recovery_key: RecoveryKey, store_kind: str) -> None:
    """Whoever loads it by hand cannot serve it, because its counters were not stepped."""
    made = await backup.make()
    if store_kind == "sqlite":
        stores = [content for name, content in contents(backup, recovery_key).items() if name.endswith("sqlite3")]
        assert [made.manifest.stores[0].vault_id.encode() in content for content in stores] == [True, False]
        assert made.manifest.stores[1].vault_id.encode() not in stores[1]


async def test_a_restore_that_is_killed_is_not_served_and_can_be_repeated(
    vault: Vault, caller: Caller, backup: BackUp, elsewhere: Elsewhere, recovery_key: RecoveryKey, tmp_path: Path
) -> None:
    await a_saved_card(vault, caller)
    await backup.make()
    key = tmp_path / "recovery.txt"
    key.write_text(recovery_key.private)
    settings = elsewhere("restored")
    changes = {name: getattr(settings, name) for name in ("store", "tsp_store", "key_provider", "audit_anchor")}
    folder = str(tmp_path / "restored")
    arguments = (str(backup.file), str(key), folder, json.dumps(changes))
    command = [sys.executable, "-m", "tests.support.killed_restore", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, cwd=tree.ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    left = [json.loads(line) for line in done.stdout.splitlines()]
    steps = ["read", "load store", "load tsp_store", "verify", "step tsp_store", "record", "name"]
    assert [step for step, _ in left] == [*steps, "end"]
    assert all(refusal for _, refusal in left[:-1])
    assert left[-1][1] == ""
