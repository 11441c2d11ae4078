"""The acts of one merchant take a few connections, however many come at once; no other merchant waits for them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.server.api.calls import Client, changed
from tests.support.databases import BOTH, SQLITE
from tests.support.engines import CommitCounter
from tokenvault_server.api.commit_slots import CommitSlots
from tokenvault_server.api.idempotency import Idempotency
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import StoreUnavailableError

ME, ANOTHER = MerchantId("mer_1"), MerchantId("mer_2")
MANY = 12


async def test_a_merchants_acts_commit_in_as_many_slots_as_there_are() -> None:
    commit_slots, now, seen = CommitSlots(2, 60), 0, []

    async def act() -> None:
        nonlocal now
        async with commit_slots.of(ME):
            now += 1
            seen.append(now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(act() for _ in range(MANY)))
    assert (len(seen), max(seen)) == (MANY, 2)


async def test_no_act_waits_for_another_merchant() -> None:
    commit_slots = CommitSlots(1, 0)
    async with commit_slots.of(ME), commit_slots.of(ANOTHER):
        pass


async def test_an_act_that_waits_too_long_fails_and_takes_no_slot() -> None:
    commit_slots = CommitSlots(1, 0)
    async with commit_slots.of(ME):
        with pytest.raises(StoreUnavailableError) as caught:
            await commit_slots.of(ME).__aenter__()
    assert caught.value.message == "too many acts of one merchant wait to be written"
    assert caught.value.hint == "they are written one after another"
    async with commit_slots.of(ME):
        pass


async def test_a_failure_frees_the_slot() -> None:
    commit_slots = CommitSlots(1, 0)
    for _ in range(2):
        with pytest.raises(LookupError):
            async with commit_slots.of(ME):
                raise LookupError


@pytest.mark.parametrize("store_kind", BOTH)
async def test_a_merchant_takes_a_quarter_of_the_connections(vault: Vault, store_kind: str) -> None:
    engine = CommitCounter(vault.engine)
    api = Api(vault.settings, replace(vault, engine=engine))
    client = Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    saved = await asyncio.gather(*(client.call("POST", body=changed()) for _ in range(MANY)))
    await api.stop()
    assert [answer.status for answer in saved] == [201] * MANY
    at_most = vault.settings.store_connections // 4
    # SQLite has no connections to take, and commits in groups what comes at once.
    assert engine.most > at_most if store_kind == SQLITE else engine.most <= at_most


@pytest.mark.parametrize("store_kind", [SQLITE])
async def test_an_act_waits_for_a_slot_of_its_own_merchant_only(vault: Vault) -> None:
    commit_slots = CommitSlots(1, 0)
    api = Api(vault.settings, vault)
    idempotency = Idempotency(vault.engine, vault.idempotency_keys, commit_slots)
    pipeline = replace(await api.start(), idempotency=idempotency)
    client = Client(vault, pipeline, await vault.merchants.add("Shop", "tests"))
    async with commit_slots.of(ANOTHER), commit_slots.of(client.merchant.merchant.merchant_id):
        assert (await client.call("POST", body=changed())).status == 500
        assert (await client.call()).status == 200
    assert (await client.call("POST", body=changed())).status == 201
    async with commit_slots.of(ANOTHER):
        first, second = [await client.call("POST", body=changed(), x_idempotency_key="k") for _ in range(2)]
    await api.stop()
    assert (first.status, second.status) == (201, 201)
    assert (first.body, second.headers["x-idempotency-replayed"]) == (second.body, "true")
