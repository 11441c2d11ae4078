"""Of several workers one has an endpoint at a time, and what it notes counts only while that is so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.builders import sql
from tests.support.clock import NOW
from tokenvault_server.database.engine import Engine, Work, single_statement
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.domain.identifiers import InstrumentId, MerchantId
from tokenvault_server.domain.webhook import DeliveryState, Endpoint, Event
from tokenvault_server.store import outbox, webhook_queue, webhooks
from tokenvault_server.store.outbox import OutboxTask
from tokenvault_server.store.webhook_queue import Attempt, EndpointClaim
from tokenvault_server.vault.initialisation import SCHEMA

MERCHANT = MerchantId("mer_1")
UNTIL = NOW + MINUTE


@pytest.fixture
async def engine(engine: Engine) -> Engine:
    await migrate(engine, SCHEMA, NOW)
    await sql(engine, "INSERT INTO merchants (merchant_id, name, client_id, created_at) VALUES ('mer_1', '', '', 1)")
    return engine


async def endpoints(engine: Engine, count: int) -> None:
    for number in range(count):
        endpoint = Endpoint(MERCHANT, f"whe_{number}", None, "https://shop.example/", NOW)
        await engine.commit(single_statement(webhooks.insert_endpoint(endpoint)))


def event(event_id: str, instrument_id: str = "ins_1", at: int = NOW) -> Event:
    return Event(MERCHANT, event_id, InstrumentId(instrument_id), "TYPE", b"sealed", at, at + MINUTE)


async def announced(engine: Engine, event_id: str = "evt_1", instrument_id: str = "ins_1", at: int = NOW) -> int:
    return await engine.commit(lambda: webhooks.announce(event(event_id, instrument_id, at)))


async def claimed(engine: Engine, owner: str = "one", now: int = NOW, limit: int = 10) -> list[EndpointClaim]:
    places = await webhook_queue.waiting(engine, now, limit, failing=False)
    until = now + MINUTE
    found = [await engine.commit(partial(webhook_queue.claim, position, owner, now, until)) for position in places]
    return [claim for claim in found if claim]


async def due(engine: Engine, claim: EndpointClaim, now: int = NOW) -> list[int]:
    return [each.number for each in await webhook_queue.due(engine, claim, now, 100)]


async def settled(engine: Engine, claim: EndpointClaim, number: int, state: DeliveryState, due_at: int = NOW) -> bool:
    attempt = Attempt(number, 0, state, due_at, "word", None, None)
    return await engine.commit(lambda: webhook_queue.settle(claim, attempt))


async def released(engine: Engine, claim: EndpointClaim, now: int = NOW) -> None:
    await engine.commit(lambda: webhook_queue.release(claim, 0, now, 0))


async def test_nobody_claims_an_endpoint_without_anything_to_send(engine: Engine) -> None:
    await endpoints(engine, 1)
    assert not await webhook_queue.is_due(engine, NOW)
    assert await claimed(engine) == []


async def test_an_endpoint_is_claimed_once_until_the_claim_ends(engine: Engine) -> None:
    await endpoints(engine, 1)
    assert await announced(engine) == 1
    assert await webhook_queue.is_due(engine, NOW)
    assert len(await claimed(engine)) == 1
    assert not await webhook_queue.is_due(engine, NOW)
    assert await claimed(engine, "two", NOW + MINUTE - 1) == []
    assert len(await claimed(engine, "two", NOW + MINUTE)) == 1


async def test_of_many_workers_at_once_each_gets_endpoints_of_its_own(engine: Engine) -> None:
    await endpoints(engine, 40)
    await announced(engine)
    found = await asyncio.gather(*(claimed(engine, f"worker {number}", limit=7) for number in range(12)))
    names = [claim.endpoint.endpoint_id for claims in found for claim in claims]
    assert len(names) == len(set(names))
    rest = await claimed(engine, "last", limit=100)
    assert len(names) + len(rest) == 40, "what two wanted and one got is there for the next"


async def test_savers_and_workers_never_lock_each_other_out(engine: Engine) -> None:
    await endpoints(engine, 8)
    begun: Counter[object] = Counter()

    async def committed(body: Callable[[], Work[object]]) -> None:
        def counted() -> Work[object]:
            begun[body] += 1
            return (yield from body())

        await engine.commit(counted)

    async def saver(name: str) -> None:
        for number in range(10):
            await committed(partial(webhooks.announce, event(f"{name}-{number}")))

    async def worker(name: str) -> None:
        for at in range(NOW, NOW + 10 * MINUTE, MINUTE):
            for position in await webhook_queue.waiting(engine, at, 100, failing=False):
                await committed(partial(webhook_queue.claim, position, name, at, at + MINUTE))

    await asyncio.gather(*(saver(f"evt_{number}") for number in range(8)), worker("one"), worker("two"))
    assert set(begun.values()) == {1}, "whoever is thrown out of a deadlock begins anew"


async def test_a_worker_that_lost_its_claim_notes_nothing(engine: Engine) -> None:
    await endpoints(engine, 1)
    await announced(engine)
    (old,) = await claimed(engine)
    (new,) = await claimed(engine, "two", NOW + MINUTE)
    assert not await engine.commit(lambda: webhook_queue.keep(old, NOW + 2 * MINUTE))
    assert not await settled(engine, old, 1, DeliveryState.DEAD)
    await released(engine, old)
    assert await claimed(engine, "three", NOW + MINUTE) == [], "the second one still has it"
    assert await settled(engine, new, 1, DeliveryState.DELIVERED)


async def test_a_worker_that_goes_on_keeps_its_claim(engine: Engine) -> None:
    await endpoints(engine, 1)
    await announced(engine)
    (claim,) = await claimed(engine)
    assert await engine.commit(lambda: webhook_queue.keep(claim, NOW + 2 * MINUTE))
    assert await claimed(engine, "two", NOW + MINUTE) == []


async def test_an_attempt_is_noted_once(engine: Engine) -> None:
    await endpoints(engine, 1)
    await announced(engine)
    (claim,) = await claimed(engine)
    assert await settled(engine, claim, 1, DeliveryState.PENDING)
    assert not await settled(engine, claim, 1, DeliveryState.DELIVERED), "this one did not know of the first"


async def test_numbers_of_an_endpoint_have_no_gap_however_many_write(engine: Engine) -> None:
    await endpoints(engine, 2)
    await asyncio.gather(*(announced(engine, f"evt_{number}", f"ins_{number}") for number in range(30)))
    rows = await sql(engine, "SELECT number FROM webhook_deliveries WHERE endpoint_id = 'whe_1' ORDER BY number")
    assert [row[0] for row in rows] == list(range(1, 31))


async def test_of_one_card_only_the_oldest_is_due(engine: Engine) -> None:
    await endpoints(engine, 1)
    for number, card in enumerate(("a", "b", "a", "a", "b")):
        await announced(engine, f"evt_{number}", card)
    (claim,) = await claimed(engine)
    assert await due(engine, claim) == [1, 2]
    await settled(engine, claim, 1, DeliveryState.DELIVERED)
    assert await due(engine, claim) == [2, 3]
    await settled(engine, claim, 3, DeliveryState.DEAD)
    assert await due(engine, claim) == [2, 4], "what was given up holds up nobody"


async def test_what_stands_behind_a_failed_one_waits_with_it(engine: Engine) -> None:
    await endpoints(engine, 1)
    await announced(engine, "evt_1", "a")
    await announced(engine, "evt_2", "a")
    (claim,) = await claimed(engine)
    await settled(engine, claim, 1, DeliveryState.PENDING, NOW + 2 * MINUTE)
    await announced(engine, "evt_3", "a", NOW + SECOND)
    await released(engine, claim)
    rows = await sql(engine, "SELECT due_at FROM webhook_deliveries")
    assert {row[0] for row in rows} == {NOW + 2 * MINUTE}
    assert not await webhook_queue.is_due(engine, NOW + 2 * MINUTE - 1)
    assert await webhook_queue.is_due(engine, NOW + 2 * MINUTE)


async def test_what_is_queued_while_a_worker_lets_go_is_not_overlooked(engine: Engine) -> None:
    await endpoints(engine, 1)
    for number in range(20):
        await announced(engine, f"evt_{number}", f"ins_{number}")
        (claim,) = await claimed(engine, f"worker {number}")
        for delivery in await due(engine, claim):
            await settled(engine, claim, delivery, DeliveryState.DELIVERED)
        await asyncio.gather(released(engine, claim), announced(engine, f"late_{number}", f"late_{number}"))
        assert await webhook_queue.is_due(engine, NOW)


async def test_of_many_workers_at_once_each_gets_errands_of_its_own(engine: Engine) -> None:
    for number in range(50):
        task = OutboxTask(MERCHANT, f"out_{number}", outbox.DELETE_TOKEN, None, b"sealed")
        await engine.commit(single_statement(outbox.insert(task, NOW + number)))
    later = NOW + SECOND
    claims = (partial(outbox.claim, f"worker {number}", later, UNTIL, 8) for number in range(10))
    found = await asyncio.gather(*map(engine.commit, claims))
    names = [task.outbox_id for outbox_tasks in found for task in outbox_tasks]
    assert len(names) == len(set(names))
    assert all(outbox_tasks == sorted(outbox_tasks, key=lambda each: int(each.outbox_id[4:])) for outbox_tasks in found)


async def test_an_errand_whose_claim_was_lost_is_finished_by_whoever_has_it(engine: Engine) -> None:
    task = OutboxTask(MERCHANT, "out_1", outbox.DELETE_TOKEN, None, b"sealed")
    await engine.commit(single_statement(outbox.insert(task, NOW)))
    assert len(await engine.commit(lambda: outbox.claim("one", NOW, UNTIL, 8))) == 1
    assert await engine.commit(lambda: outbox.claim("two", UNTIL - 1, UNTIL + MINUTE, 8)) == []
    assert len(await engine.commit(lambda: outbox.claim("two", UNTIL, UNTIL + MINUTE, 8))) == 1
    await engine.commit(single_statement(outbox.postpone(task, "one", UNTIL)))
    assert not await engine.commit(lambda: outbox.delete(task, "one"))
    assert await engine.commit(lambda: outbox.delete(task, "two"))
