"""Queues and keys are measured in the database: how many wait, since when, and how old keys are."""

from __future__ import annotations

import pytest

from tests.support.builders import a_deleted_card, a_merchant, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.receiver import AWAY, add_endpoint, deliver, receiving
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import DAY, SECOND
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.store import outbox, webhooks

DAY_SECONDS = DAY // SECOND


async def value(vault: Vault, name: str, **labels: str) -> float | None:
    await vault.figures.measure()
    return vault.background_metrics.registry.get_sample_value(f"tokenvault_{name}", labels)


async def test_pending_deliveries_are_counted_up_to_a_limit(vault: Vault, caller: Caller) -> None:
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        for customer_id in ("one", "two", "three"):
            await a_saved_card(vault, caller, customer_id=customer_id)
        await deliver(vault.deliveries)
    assert await value(vault, "webhook_pending_deliveries") == 3
    assert await webhooks.pending(vault.engine, 2) == 2


async def test_the_oldest_task_of_the_outbox_counts_from_its_creation(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    assert await value(vault, "outbox_oldest_task_seconds") == 0
    for customer_id in ("one", "two"):
        await a_deleted_card(vault, caller, await a_saved_card(vault, caller, customer_id=customer_id))
        clock.advance(seconds=100)
    await sql(vault.engine, "UPDATE outbox SET due_at = due_at + 9000000000")  # as after failures
    assert await value(vault, "outbox_tasks") == 2
    assert await value(vault, "outbox_oldest_task_seconds") == 200
    assert (await outbox.state(vault.engine, 1))[0] == 1


async def test_keys_grow_old_until_they_are_replaced(vault: Vault, clock: SettableClock) -> None:
    clock.advance(seconds=DAY_SECONDS)
    for purpose in ("idempotency", "audit"):
        assert await value(vault, "key_age_seconds", store="vault", purpose=purpose) == DAY_SECONDS
    assert await value(vault, "key_age_seconds", store="local", purpose="card") == DAY_SECONDS
    await vault.daily_keys.rotate()
    assert await value(vault, "key_age_seconds", store="vault", purpose="idempotency") == 0
    assert await value(vault, "key_age_seconds", store="vault", purpose="audit") == DAY_SECONDS
    assert await value(vault, "master_key_age_seconds") == DAY_SECONDS


async def test_the_oldest_merchants_key_in_use_counts(vault: Vault, clock: SettableClock) -> None:
    assert await value(vault, "key_age_seconds", store="vault", purpose="record") is None
    await a_merchant(vault)
    clock.advance(seconds=50)
    await a_merchant(vault)
    clock.advance(seconds=50)
    assert await value(vault, "key_age_seconds", store="vault", purpose="record") == 100
    await sql(
        vault.engine,
        "UPDATE keys SET state = 'decrypt_only' WHERE key_id = (SELECT MIN(key_id) FROM keys WHERE purpose = 'record')",
    )
    assert await value(vault, "key_age_seconds", store="vault", purpose="record") == 50


async def test_a_master_key_that_wrapped_nothing_has_no_age(vault: Vault) -> None:
    await sql(vault.engine, "UPDATE keys SET epoch = 'another'")
    assert await value(vault, "master_key_age_seconds") is None


@pytest.mark.parametrize("name", ["vault", "local"])
async def test_how_this_process_uses_its_databases_is_reported(vault: Vault, caller: Caller, name: str) -> None:
    metrics = vault.process_metrics("parent")
    await a_saved_card(vault, caller)
    labels = {"role": "parent", "store": name}
    assert (metrics.registry.get_sample_value("tokenvault_database_wait_seconds_count", labels) or 0) > 0
    assert (metrics.registry.get_sample_value("tokenvault_database_connections", labels) or 0) > 0
    assert metrics.registry.get_sample_value("tokenvault_database_connections_in_use", labels) == 0
