"""Deleted is deleted: once a sealed value has left its row, no file of the vault holds it any more.

That includes the write-ahead log and temporary files while the vault runs. The periodic scrub ends it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server.api.calls import Client, changed
from tests.support.builders import MASTERCARD, sql
from tests.support.clock import SettableClock
from tests.support.receiver import OK, add_endpoint, receiving
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.domain.merchant import Caller

SCRUBBED_SECONDS = 6
"""A little longer than the period of the scrub."""


@dataclass
class Running:
    """A vault that runs with its API and all periodic tasks."""

    vault: Vault
    clock: SettableClock
    client: Client
    task_count: int

    async def move(self, *, seconds: float = 0, days: float = 0) -> None:
        await self.clock.until_asleep(self.task_count)
        self.clock.advance(seconds, days=days)
        await self.clock.until_asleep(self.task_count)
        await self.vault.deliveries.finish()

    async def values(self) -> set[bytes]:
        """Return every sealed record and wrapped key that is in a row now."""
        found: set[bytes] = set()
        for engine in (self.vault.engine, self.vault.tsp_engine):
            for name, text in await sql(engine, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"):
                for column in re.findall(r"(sealed|wrapped) BYTEA", str(text)):
                    found |= {bytes(value) for (value,) in await sql(engine, f"SELECT {column} FROM {name}") if value}
        return found

    def files_with(self, values: Iterable[bytes]) -> set[str]:
        contents = {file.name: file.read_bytes() for file in self.folder.rglob("*") if file.is_file()}
        return {name for value in values for name, content in contents.items() if value in content}

    @property
    def folder(self) -> Path:
        return Path(self.vault.settings.store.removeprefix("sqlite:///")).parent


@pytest.fixture
async def running(vault: Vault, clock: SettableClock) -> AsyncIterator[Running]:
    api = Api(vault.settings, vault)
    client = Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    tasks = vault.background_tasks()
    tasks.start()
    assert api.background_tasks
    yield Running(vault, clock, client, len(tasks) + len(api.background_tasks))
    await tasks.stop()
    await api.stop()


async def test_a_deleted_card_is_in_no_file_a_few_seconds_later(running: Running) -> None:
    path = await running.client.save()
    before = await running.values()
    assert (await running.client.call("DELETE", path)).status == 200
    await running.move(seconds=1)  # the token service deletes its part by an outbox task
    gone = before - await running.values()
    assert len(gone) >= 2  # the vault's record and the token's
    assert any(name.endswith("-wal") for name in running.files_with(gone))
    await running.move(seconds=SCRUBBED_SECONDS)
    assert running.files_with(gone) == set()


async def test_spent_replies_destroyed_keys_and_dropped_events_are_in_no_file(running: Running) -> None:
    merchant = running.client.merchant.merchant
    async with receiving(OK) as receiver:
        await add_endpoint(running.vault, Caller(merchant.merchant_id, "tests"), receiver)
        path = await running.client.save()
        await running.client.call("POST", body=changed(card__card_number=MASTERCARD))
        answer = await running.client.call("GET", f"{path}/cryptogram", x_idempotency_key="pay-1")
        assert answer.status == 200
        before = await running.values()
        for _ in range(4):
            await running.move(days=31)
        gone = before - await running.values()
    assert len(gone) >= 4  # two replies and two keys, if nothing else
    await running.move(seconds=SCRUBBED_SECONDS)
    assert running.files_with(gone) == set()
