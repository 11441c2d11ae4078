"""One clock for everything: moved by 31 days, it takes the API, its log and every periodic task along."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.server.api.calls import Client, changed
from tests.server.api.test_asgi import Server
from tests.support.builders import MASTERCARD, audit_entries, sql
from tests.support.clock import SettableClock
from tests.support.databases import BOTH
from tests.support.receiver import AWAY, OK, add_endpoint, receiving
from tokenvault_server.api.asgi import AsgiApp
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.keys import KeyState
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.telemetry.access_log import AccessLog
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.timestamps import timestamp
from tokenvault_server.vault.daily_keys import PURPOSES


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@dataclass
class Running:
    """A vault with its API and all periodic tasks, on one clock."""

    vault: Vault
    clock: SettableClock
    client: Client
    server: Server
    log: io.BytesIO
    task_count: int

    async def move(self, *, seconds: float = 0, days: float = 0) -> None:
        """Move the clock and wait until every periodic task has done what was due."""
        await self.clock.until_asleep(self.task_count)
        self.clock.advance(seconds, days=days)
        await self.clock.until_asleep(self.task_count)
        await self.vault.deliveries.finish()

    async def count(self, what: str) -> int:
        ((rows,),) = await sql(self.vault.engine, f"SELECT COUNT(*) FROM {what}")
        return int(str(rows))

    async def active_keys(self) -> set[int]:
        keys = await KeyTable(self.vault.engine).all()
        return {key.key_id for key in keys if key.purpose in PURPOSES and key.state is KeyState.ACTIVE}

    def anchor(self) -> int:
        """Return the number of the checkpoint in the anchor file."""
        return int(json.loads(Path(self.vault.settings.audit_anchor).read_bytes())["number"])


@pytest.fixture
async def running(vault: Vault, clock: SettableClock) -> AsyncIterator[Running]:
    settings = msgspec.structs.replace(vault.settings, rate_limit_per_operation={"fetch_instruments": 1})
    log = io.BytesIO()
    await vault.audit.begin()
    api = Api(settings, vault)
    app = AsgiApp(api, AccessLog(log), Metrics(), clock)
    client = Client(vault, await app.open(), await vault.merchants.add("Shop", "tests"))
    tasks = vault.background_tasks()
    tasks.start()
    assert api.background_tasks
    yield Running(vault, clock, client, Server(app), log, len(tasks) + len(api.background_tasks))
    await tasks.stop()
    await api.stop()


async def test_a_clock_moved_by_31_days_takes_everything_along(running: Running) -> None:
    client, merchant = running.client, running.client.merchant.merchant
    async with receiving(AWAY) as receiver:
        await add_endpoint(running.vault, Caller(merchant.merchant_id, "tests"), receiver)
        path = await client.save()
        assert (await client.call("DELETE", path, x_idempotency_key="delete-1")).status == 200
        await client.call("POST", body=changed(card__card_number=MASTERCARD))
        assert [(await client.call()).status for _ in range(2)] == [200, 429]
        assert [(await client.call(x_client_secret="wrong")).status for _ in range(3)] == [401] * 3
        await running.move(seconds=1)
        attempts, keys, anchor = len(receiver.received), await running.active_keys(), running.anchor()
        assert attempts > 0

        receiver.answer = OK
        await running.move(days=31)

        assert len(receiver.received) == 2 * attempts  # each failed delivery was tried again at once
    assert await running.count("webhook_deliveries WHERE state = 'pending'") == 0
    assert await running.count("instruments WHERE status = 'DELETED'") == 0
    assert await running.count("instruments") == 1
    assert await running.count("idempotency_keys") == 0
    assert await running.count("outbox") == 0
    assert await running.count("tokens WHERE state = 'retired'") == 1
    assert not keys & await running.active_keys()
    assert running.anchor() > anchor
    failures = [each for each in await audit_entries(running.vault, merchant.merchant_id) if each["outcome"] != "done"]
    assert sum(each["details"]["count"] for each in failures) == 3
    assert failures[-1]["at"] == running.clock.now()
    answer = await client.call()
    assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (200, "0")


async def test_the_log_and_new_cards_show_the_moved_time(running: Running) -> None:
    await running.move(days=31)
    status, saved = await running.server.call("POST", running.client, changed())
    assert (status, saved["created_at"]) == (201, "2026-12-23T08:45:30.000+00:00")
    await asyncio.sleep(0)
    assert json.loads(running.log.getvalue())["at"] == timestamp(running.clock.now())
