"""One process at a time holds an endpoint, and its results count only while it holds it."""

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


async def insert_event(engine: Engine, event_id: str = "evt_1", instrument_id: str = "ins_1", at: int = NOW) -> int:
    return await engine.commit(lambda: webhooks.insert_event(event(event_id, instrument_id, at)))


async def claim(engine: Engine, owner: str = "one", now: int = NOW, limit: int = 10) -> list[EndpointClaim]:
    positions = await webhook_queue.due_endpoints(engine, now, limit, failing=False)
    until = now + MINUTE
    claims = [await engine.commit(partial(webhook_queue.claim, position, owner, now, until)) for position in positions]
    return [each for each in claims if each]


async def due_numbers(engine: Engine, held: EndpointClaim, now: int = NOW) -> list[int]:
    return [each.number for each in await webhook_queue.due_deliveries(engine, held, now, 100)]


async def settle(engine: Engine, held: EndpointClaim, number: int, state: DeliveryState, due_at: int = NOW) -> bool:
    attempt = Attempt(number, 0, state, due_at, "outcome", None, None)
    return await engine.commit(lambda: webhook_queue.settle(held, attempt))


async def release(engine: Engine, held: EndpointClaim, now: int = NOW) -> None:
    await engine.commit(lambda: webhook_queue.release(held, 0, now, 0))


async def test_an_endpoint_with_nothing_to_send_cannot_be_claimed(engine: Engine) -> None:
    await endpoints(engine, 1)
    assert not await webhook_queue.is_due(engine, NOW)
    assert await claim(engine) == []


async def test_an_endpoint_is_claimed_once_until_the_claim_ends(engine: Engine) -> None:
    await endpoints(engine, 1)
    assert await insert_event(engine) == 1
    assert await webhook_queue.is_due(engine, NOW)
    assert len(await claim(engine)) == 1
    assert not await webhook_queue.is_due(engine, NOW)
    assert await claim(engine, "two", NOW + MINUTE - 1) == []
    assert len(await claim(engine, "two", NOW + MINUTE)) == 1


async def test_concurrent_processes_claim_different_endpoints(engine: Engine) -> None:
    await endpoints(engine, 40)
    await insert_event(engine)
    rivals = await asyncio.gather(*(claim(engine, f"process {number}", limit=7) for number in range(12)))
    names = [each.endpoint.endpoint_id for claims in rivals for each in claims]
    assert len(names) == len(set(names))
    rest = await claim(engine, "last", limit=100)
    assert len(names) + len(rest) == 40, "an endpoint that one of two rivals claimed is not lost"


async def test_saving_cards_and_claiming_endpoints_never_deadlock(engine: Engine) -> None:
    await endpoints(engine, 8)
    starts: Counter[object] = Counter()

    async def commit(body: Callable[[], Work[object]]) -> None:
        def counted() -> Work[object]:
            starts[body] += 1
            return (yield from body())

        await engine.commit(counted)

    async def save(name: str) -> None:
        for number in range(10):
            await commit(partial(webhooks.insert_event, event(f"{name}-{number}")))

    async def send(name: str) -> None:
        for at in range(NOW, NOW + 10 * MINUTE, MINUTE):
            for position in await webhook_queue.due_endpoints(engine, at, 100, failing=False):
                await commit(partial(webhook_queue.claim, position, name, at, at + MINUTE))

    await asyncio.gather(*(save(f"evt_{number}") for number in range(8)), send("one"), send("two"))
    assert set(starts.values()) == {1}, "a transaction that is aborted in a deadlock starts again"


async def test_a_process_that_lost_its_claim_stores_nothing(engine: Engine) -> None:
    await endpoints(engine, 1)
    await insert_event(engine)
    (old,) = await claim(engine)
    (new,) = await claim(engine, "two", NOW + MINUTE)
    assert not await engine.commit(lambda: webhook_queue.extend(old, NOW + 2 * MINUTE))
    assert not await settle(engine, old, 1, DeliveryState.DEAD)
    await release(engine, old)
    assert await claim(engine, "three", NOW + MINUTE) == [], "the second process still holds it"
    assert await settle(engine, new, 1, DeliveryState.DELIVERED)


async def test_a_claim_can_be_extended(engine: Engine) -> None:
    await endpoints(engine, 1)
    await insert_event(engine)
    (held,) = await claim(engine)
    assert await engine.commit(lambda: webhook_queue.extend(held, NOW + 2 * MINUTE))
    assert await claim(engine, "two", NOW + MINUTE) == []


async def test_an_attempt_is_counted_once(engine: Engine) -> None:
    await endpoints(engine, 1)
    await insert_event(engine)
    (held,) = await claim(engine)
    assert await settle(engine, held, 1, DeliveryState.PENDING)
    assert not await settle(engine, held, 1, DeliveryState.DELIVERED), (
        "this attempt was begun before the first was stored"
    )


async def test_concurrent_writers_leave_no_gap_in_the_numbers_of_an_endpoint(engine: Engine) -> None:
    await endpoints(engine, 2)
    await asyncio.gather(*(insert_event(engine, f"evt_{number}", f"ins_{number}") for number in range(30)))
    rows = await sql(engine, "SELECT number FROM webhook_deliveries WHERE endpoint_id = 'whe_1' ORDER BY number")
    assert [row[0] for row in rows] == list(range(1, 31))


async def test_only_the_oldest_delivery_of_a_card_is_due(engine: Engine) -> None:
    await endpoints(engine, 1)
    for number, card in enumerate(("a", "b", "a", "a", "b")):
        await insert_event(engine, f"evt_{number}", card)
    (held,) = await claim(engine)
    assert await due_numbers(engine, held) == [1, 2]
    await settle(engine, held, 1, DeliveryState.DELIVERED)
    assert await due_numbers(engine, held) == [2, 3]
    await settle(engine, held, 3, DeliveryState.DEAD)
    assert await due_numbers(engine, held) == [2, 4], "a dead delivery blocks no other"


async def test_later_deliveries_about_a_card_wait_for_a_failed_one(engine: Engine) -> None:
    await endpoints(engine, 1)
    await insert_event(engine, "evt_1", "a")
    await insert_event(engine, "evt_2", "a")
    (held,) = await claim(engine)
    await settle(engine, held, 1, DeliveryState.PENDING, NOW + 2 * MINUTE)
    await insert_event(engine, "evt_3", "a", NOW + SECOND)
    await release(engine, held)
    rows = await sql(engine, "SELECT due_at FROM webhook_deliveries")
    assert {row[0] for row in rows} == {NOW + 2 * MINUTE}
    assert not await webhook_queue.is_due(engine, NOW + 2 * MINUTE - 1)
    assert await webhook_queue.is_due(engine, NOW + 2 * MINUTE)


async def test_a_delivery_that_is_added_during_a_release_is_not_overlooked(engine: Engine) -> None:
    await endpoints(engine, 1)
    for number in range(20):
        await insert_event(engine, f"evt_{number}", f"ins_{number}")
        (held,) = await claim(engine, f"process {number}")
        for delivery in await due_numbers(engine, held):
            await settle(engine, held, delivery, DeliveryState.DELIVERED)
        await asyncio.gather(release(engine, held), insert_event(engine, f"late_{number}", f"late_{number}"))
        assert await webhook_queue.is_due(engine, NOW)


async def test_concurrent_processes_claim_different_outbox_tasks(engine: Engine) -> None:
    for number in range(50):
        task = OutboxTask(MERCHANT, f"out_{number}", outbox.DELETE_TOKEN, None, b"sealed")
        await engine.commit(single_statement(outbox.insert(task, NOW + number)))
    later = NOW + SECOND
    claims = (partial(outbox.claim, f"process {number}", later, UNTIL, 8) for number in range(10))
    claimed = await asyncio.gather(*map(engine.commit, claims))
    names = [task.outbox_id for tasks in claimed for task in tasks]
    assert len(names) == len(set(names))
    assert all(tasks == sorted(tasks, key=lambda each: int(each.outbox_id[4:])) for tasks in claimed)


async def test_only_the_process_that_holds_an_outbox_task_can_finish_it(engine: Engine) -> None:
    task = OutboxTask(MERCHANT, "out_1", outbox.DELETE_TOKEN, None, b"sealed")
    await engine.commit(single_statement(outbox.insert(task, NOW)))
    assert len(await engine.commit(lambda: outbox.claim("one", NOW, UNTIL, 8))) == 1
    assert await engine.commit(lambda: outbox.claim("two", UNTIL - 1, UNTIL + MINUTE, 8)) == []
    assert len(await engine.commit(lambda: outbox.claim("two", UNTIL, UNTIL + MINUTE, 8))) == 1
    await engine.commit(single_statement(outbox.postpone(task, "one", UNTIL)))
    assert not await engine.commit(lambda: outbox.delete(task, "one"))
    assert await engine.commit(lambda: outbox.delete(task, "two"))
