"""A process notices key changes of another one, and keeps the keys that did not change."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine, Work, single_statement
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.keys import KeyChange, Purpose
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.settings import Settings
from tokenvault_server.vault.key_watch import KeyWatch


@pytest.fixture
async def other(vault: Vault, settings: Settings, clock: SettableClock) -> AsyncIterator[Vault]:
    """Return the same vault, opened by another process."""
    other = await open_vault(settings, clock)
    await poll(other)
    yield other
    await other.close()


class RecordingKeyTable(key_table.KeyTable):
    """A key table that records after which change it was read."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.since: list[int] = []

    async def changed_after(self, seen: int) -> list[KeyChange]:
        self.since.append(seen)
        return await super().changed_after(seen)


async def poll(vault: Vault) -> None:
    for watch in vault.key_watches:
        await watch.poll()


async def retire(vault: Vault, key_id: int) -> None:
    await vault.engine.commit(lambda: key_table.retire(key_id))


async def renew(vault: Vault, purpose: Purpose) -> None:
    key = await vault.keyring.active(purpose)
    new = await vault.keyring.make(purpose, "", version=key.version + 1, now=0)

    def body() -> Work[None]:
        yield from key_table.add_keys([new])
        yield from key_table.retire(key.key_id)

    await vault.engine.commit(body)


async def test_a_key_renewed_by_another_process_is_used_after_the_next_poll(vault: Vault, other: Vault) -> None:
    before = await other.keyring.active(Purpose.CREDENTIAL)
    await renew(vault, Purpose.CREDENTIAL)
    assert await other.keyring.active(Purpose.CREDENTIAL) is before
    await poll(other)
    assert (await other.keyring.active(Purpose.CREDENTIAL)).version == before.version + 1


async def test_a_key_destroyed_by_another_process_is_unavailable_after_the_next_poll(
    vault: Vault, other: Vault
) -> None:
    key = await other.keyring.active(Purpose.CREDENTIAL)
    (row,) = [row for row in await key_table.KeyTable(vault.engine).all() if row.key_id == key.key_id]
    await vault.engine.commit(lambda: key_table.destroy(row))
    await poll(other)
    with pytest.raises(KeyUnavailableError):
        await other.keyring.by_id(key.key_id)


async def test_keys_that_did_not_change_stay_in_memory(vault: Vault, other: Vault) -> None:
    kept = await other.keyring.active(Purpose.AUDIT)
    await renew(vault, Purpose.CREDENTIAL)
    await vault.merchants.add("Shop", "tests")
    await poll(other)
    assert await other.keyring.active(Purpose.AUDIT) is kept


async def test_a_poll_without_changes_drops_no_key(vault: Vault, other: Vault) -> None:
    kept = await other.keyring.active(Purpose.CREDENTIAL)
    await poll(other)
    assert other.keyring.peek(kept.key_id) is kept


async def test_after_a_restored_backup_every_key_is_read_again(vault: Vault, other: Vault) -> None:
    kept = await other.keyring.active(Purpose.AUDIT)
    await vault.engine.commit(single_statement(Query("turn_back", "UPDATE vault SET key_changes = 0")()))
    await poll(other)
    assert other.keyring.peek(kept.key_id) is None
    assert (await other.keyring.active(Purpose.AUDIT)).key_id == kept.key_id


async def test_the_first_poll_does_not_read_the_keys_of_every_merchant(vault: Vault) -> None:
    await vault.merchants.add("Shop", "tests")
    table = RecordingKeyTable(vault.engine)
    before = await table.changes()
    watch = KeyWatch(table, vault.keyring)
    await watch.poll()
    assert table.since == []
    await vault.merchants.add("Another", "tests")
    await watch.poll()
    assert table.since == [before]


async def test_the_first_poll_drops_the_keys_that_were_read_before_it(vault: Vault, other: Vault) -> None:
    key = await other.keyring.active(Purpose.CREDENTIAL)
    await retire(vault, key.key_id)
    await KeyWatch(key_table.KeyTable(other.engine), other.keyring).poll()
    assert other.keyring.peek(key.key_id) is None
