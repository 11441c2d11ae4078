"""Two processes of one vault: a repeat after a crash of the first, and a call that is slower than its lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.server.api.calls import INSTRUMENTS, Answer, Client, changed
from tests.support.builders import a_merchant, sql
from tests.support.clock import SettableClock
from tests.support.tsp import scripted
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.settings import Settings
from tokenvault_server.vault.idempotency import LEASE_SECONDS
from tokenvault_server.vault.merchants import NewMerchant


@pytest.fixture
async def second(vault: Vault, settings: Settings, clock: SettableClock) -> AsyncIterator[Vault]:
    """Return the vault as another process opens it."""
    opened = await open_vault(settings, clock)
    yield opened
    await opened.close()


class Shop:
    """One merchant's client at one process."""

    def __init__(self, vault: Vault, merchant: NewMerchant) -> None:
        self.vault, self.script = scripted(vault)
        self._merchant = merchant
        self._api = Api(vault.settings, self.vault)
        self._stopped: asyncio.Task[Answer] | None = None
        self.client: Client

    async def open(self) -> Shop:
        self.client = Client(self.vault, await self._api.start(), self._merchant)
        return self

    async def close(self) -> None:
        if self._stopped:
            self._stopped.cancel()
            await asyncio.wait([self._stopped])
        await self._api.stop()

    async def stop_midway(self) -> None:
        """Stop a call that saves a card while it waits for the token service, as if its process were killed."""
        reached = asyncio.Event()

        async def stop() -> None:
            reached.set()
            await asyncio.Event().wait()

        self.script.meanwhile = stop
        self._stopped = asyncio.create_task(self.save())
        await reached.wait()

    async def save(self) -> Answer:
        return await self.client.call("POST", body=changed(), x_idempotency_key="k")


@pytest.fixture
async def shops(vault: Vault, second: Vault) -> AsyncIterator[tuple[Shop, Shop]]:
    """Return the same merchant at two processes that share the databases."""
    await a_merchant(vault)
    merchant = await vault.merchants.add("Shop", "tests")
    here, there = await Shop(vault, merchant).open(), await Shop(second, merchant).open()
    yield here, there
    await here.close()
    await there.close()


async def test_a_repeat_after_a_crash_acts_once_the_lease_has_ended(
    shops: tuple[Shop, Shop], clock: SettableClock
) -> None:
    here, there = shops
    await here.stop_midway()
    too_early = await there.save()
    assert (too_early.status, too_early.code) == (409, "request_in_progress")
    clock.advance(seconds=LEASE_SECONDS)
    acted = await there.save()
    assert (acted.status, acted.headers["x-idempotency-replayed"]) == (201, "false")
    assert len((await there.client.call()).body) == 1
    assert (await there.save()).raw == acted.raw


async def test_another_call_after_a_crash_cannot_use_the_key(shops: tuple[Shop, Shop], clock: SettableClock) -> None:
    here, there = shops
    await here.stop_midway()
    clock.advance(minutes=5)
    other = await there.client.call("POST", body=changed(afa_reference="other"), x_idempotency_key="k")
    assert other.code == "idempotency_error"


async def test_a_slow_first_caller_commits_nothing_once_its_lease_is_lost(
    shops: tuple[Shop, Shop], clock: SettableClock
) -> None:
    here, there = shops
    acted: list[Answer] = []

    async def overtake() -> None:
        clock.advance(seconds=LEASE_SECONDS)
        acted.append(await there.save())

    here.script.meanwhile = overtake
    slow = await here.save()
    assert (slow.status, slow.code) == (409, "request_in_progress")
    assert acted[0].status == 201
    assert [card["instrument_id"] for card in (await here.client.call()).body] == [acted[0].body["instrument_id"]]
    assert (await here.save()).raw == acted[0].raw


async def test_a_slow_cryptogram_whose_lease_was_lost_is_not_counted(
    shops: tuple[Shop, Shop], clock: SettableClock
) -> None:
    here, there = shops
    path = f"{INSTRUMENTS}/{(await here.save()).body['instrument_id']}/cryptogram"

    async def overtake() -> None:
        clock.advance(seconds=LEASE_SECONDS)
        assert (await there.client.call("GET", path, x_idempotency_key="pay")).status == 200

    here.script.meanwhile = overtake
    assert (await here.client.call("GET", path, x_idempotency_key="pay")).code == "request_in_progress"
    assert await sql(there.vault.engine, "SELECT cryptogram_count FROM instruments") == [(1,)]
