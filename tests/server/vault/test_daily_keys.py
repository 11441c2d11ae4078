"""The idempotency keys are kept for two days, and at least as long as the rows that need them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.api.calls import Client, changed
from tests.support.builders import audit_entries, sql, stored_in
from tests.support.clock import SettableClock
from tests.support.databases import SQLITE_ALONE
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.keys import KeyState, Purpose, WrappedKey
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.settings import Settings
from tokenvault_server.vault.daily_keys import PURPOSES

ACTIVE, DECRYPT_ONLY, DESTROYED = KeyState.ACTIVE, KeyState.DECRYPT_ONLY, KeyState.DESTROYED

every_purpose = pytest.mark.parametrize("purpose", PURPOSES)


@pytest.fixture
async def client(vault: Vault) -> AsyncIterator[Client]:
    api = Api(vault.settings, vault)
    yield Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    await api.stop()


async def states(vault: Vault, purpose: Purpose) -> list[KeyState]:
    return [key.state for key in reversed(await keys(vault, purpose))]


async def keys(vault: Vault, purpose: Purpose) -> list[WrappedKey]:
    return await KeyTable(vault.engine).of(purpose, "")


async def pass_days(vault: Vault, clock: SettableClock, count: int) -> None:
    for _ in range(count):
        clock.advance(days=1)
        await vault.daily_keys.rotate()


@every_purpose
async def test_a_key_is_used_for_a_day(vault: Vault, clock: SettableClock, purpose: Purpose) -> None:
    clock.advance(days=1, seconds=-1)
    await vault.daily_keys.rotate()
    assert await states(vault, purpose) == [ACTIVE]
    clock.advance(seconds=1)
    await vault.daily_keys.rotate()
    assert await states(vault, purpose) == [DECRYPT_ONLY, ACTIVE]


@every_purpose
async def test_a_key_is_destroyed_two_days_after_it_was_created(
    vault: Vault, clock: SettableClock, purpose: Purpose
) -> None:
    await pass_days(vault, clock, 1)
    clock.advance(days=1, seconds=-1)
    await vault.daily_keys.rotate()
    assert await states(vault, purpose) == [DECRYPT_ONLY, ACTIVE]
    clock.advance(seconds=1)
    await vault.daily_keys.rotate()
    assert await states(vault, purpose) == [DESTROYED, DECRYPT_ONLY, ACTIVE]


async def test_other_keys_do_not_change(vault: Vault, clock: SettableClock) -> None:
    await pass_days(vault, clock, 3)
    others = [key for key in await KeyTable(vault.engine).all() if key.purpose not in PURPOSES]
    assert {key.state for key in others} == {ACTIVE}


@SQLITE_ALONE  # PostgreSQL overwrites no row at once: docs/how-to/use-postgresql.md
@every_purpose
async def test_a_destroyed_key_is_overwritten(
    settings: Settings, clock: SettableClock, tmp_path: Path, purpose: Purpose
) -> None:
    vault = await open_vault(settings, clock, initialise=True)
    (first,) = await keys(vault, purpose)
    await pass_days(vault, clock, 2)
    with pytest.raises(KeyUnavailableError):
        await vault.keyring.by_id(first.key_id)
    assert (await keys(vault, purpose))[-1].wrapped == bytes(len(first.wrapped))
    await vault.close()
    assert first.wrapped not in stored_in(tmp_path)


async def test_replies_stored_before_a_renewal_are_still_replayed(client: Client, clock: SettableClock) -> None:
    clock.advance(days=1, seconds=-1)
    first = await client.call("POST", body=changed(), x_idempotency_key="k")
    await pass_days(client.vault, clock, 1)
    clock.advance(seconds=-1)
    again = await client.call("POST", body=changed(), x_idempotency_key="k")
    assert (again.raw, again.headers["x-idempotency-replayed"]) == (first.raw, "true")
    other = await client.call("POST", body=changed(afa_reference="other"), x_idempotency_key="k")
    assert other.code == "idempotency_error"


async def test_a_key_that_an_unexpired_row_needs_is_never_destroyed(client: Client, clock: SettableClock) -> None:
    await client.call("POST", body=changed(), x_idempotency_key="k")
    await client.tell(f"UPDATE idempotency_keys SET expires_at = {clock.at + 9 * 86_400_000_000}")
    await pass_days(client.vault, clock, 8)
    for purpose in PURPOSES:
        assert (await states(client.vault, purpose))[:2] == [DECRYPT_ONLY, DESTROYED]
    await pass_days(client.vault, clock, 1)
    for purpose in PURPOSES:
        assert (await states(client.vault, purpose))[0] is DESTROYED


async def test_the_next_call_after_a_renewal_uses_the_new_key(client: Client, clock: SettableClock) -> None:
    await client.call("POST", body=changed(), x_idempotency_key="before")
    await pass_days(client.vault, clock, 1)
    await client.call("POST", body=changed(), x_idempotency_key="after")
    rows = await sql(client.vault.engine, "SELECT idempotency_key, fingerprint_key FROM idempotency_keys")
    newest, oldest = (key.key_id for key in await keys(client.vault, Purpose.FINGERPRINT))
    assert sorted(rows) == [("after", newest), ("before", oldest)]


async def test_a_renewal_by_another_process_is_used(vault: Vault, settings: Settings, clock: SettableClock) -> None:
    other = await open_vault(settings, clock)
    await other.daily_keys.rotate()
    before = await other.keyring.active(Purpose.FINGERPRINT)
    await pass_days(vault, clock, 1)
    await other.daily_keys.rotate()
    assert (await other.keyring.active(Purpose.FINGERPRINT)).version == before.version + 1
    assert len(await keys(vault, Purpose.FINGERPRINT)) == 2
    await other.close()


async def test_a_vault_that_was_stopped_renews_first_and_destroys_a_day_later(
    vault: Vault, clock: SettableClock
) -> None:
    clock.advance(days=30)
    await vault.daily_keys.rotate()
    assert await states(vault, Purpose.FINGERPRINT) == [DECRYPT_ONLY, ACTIVE]
    await pass_days(vault, clock, 1)
    assert await states(vault, Purpose.FINGERPRINT) == [DESTROYED, DECRYPT_ONLY, ACTIVE]


async def test_renewals_and_destructions_are_audited(vault: Vault, clock: SettableClock) -> None:
    await pass_days(vault, clock, 2)
    key_entries = [
        (entry["action"], entry["details"]["purpose"], entry["details"]["version"])
        for entry in await audit_entries(vault, vault.vault_id)
        if entry["action"].startswith("key.")
    ]
    assert [each for each in key_entries if each[1] == "fingerprint"] == [
        ("key.renewed", "fingerprint", 2),
        ("key.renewed", "fingerprint", 3),
        ("key.destroyed", "fingerprint", 1),
    ]
    assert len(key_entries) == 6
    await vault.audit.checkpoint()
    assert (await vault.verify_audit(with_anchor=False)).findings == []
