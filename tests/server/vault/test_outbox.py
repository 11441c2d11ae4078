"""Outbox tasks run at least once; one that fails is retried later and blocks no other."""

from __future__ import annotations

import pytest

from tests.support.builders import a_deleted_card, a_saved_card, sql
from tests.support.clock import NOW, SettableClock
from tests.support.tsp import scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.guarded import Deadlines
from tokenvault_server.vault.outbox import SPARE


async def deleted(vault: Vault, caller: Caller, customer_id: str = "customer-1") -> None:
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller, customer_id=customer_id))


async def remaining(vault: Vault) -> list[tuple[int, int]]:
    rows = await sql(vault.engine, "SELECT attempts, due_at - :now FROM outbox", now=NOW)
    return [(row[0], row[1] // 1_000_000) for row in rows]


async def test_a_finished_task_is_removed(vault: Vault, caller: Caller) -> None:
    await deleted(vault, caller)
    assert (await vault.outbox_tasks.run_due(), await remaining(vault)) == (1, [])
    assert await vault.outbox_tasks.run_due() == 0


async def test_a_task_that_fails_waits_twice_as_long_each_time(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    vault, script = scripted(vault)
    await deleted(vault, caller)
    script.failures["lifecycle"] = TokenServiceUnavailableError()
    seen = []
    for wait in (1, 2, 4):
        assert await vault.outbox_tasks.run_due() == 0
        seen += await remaining(vault)
        clock.advance(seconds=wait)
    assert seen == [(1, 1), (2, 3), (3, 7)]


async def test_a_task_never_waits_longer_than_an_hour(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    await deleted(vault, caller)
    await sql(vault.engine, "UPDATE outbox SET attempts = 1000")
    script.failures["lifecycle"] = TokenServiceUnavailableError()
    await vault.outbox_tasks.run_due()
    assert await remaining(vault) == [(1001, 3600)]


async def test_a_task_is_not_run_before_it_is_due(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    await deleted(vault, caller)
    script.failures["lifecycle"] = TokenServiceUnavailableError()
    await vault.outbox_tasks.run_due()
    script.failures.clear()
    assert await vault.outbox_tasks.run_due() == 0


async def test_a_task_is_finished_when_its_provider_answers_again(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    vault, script = scripted(vault)
    await deleted(vault, caller)
    script.failures["lifecycle"] = OSError()
    await vault.outbox_tasks.run_due()
    script.failures.clear()
    clock.advance(seconds=1)
    assert (await vault.outbox_tasks.run_due(), await remaining(vault)) == (1, [])


async def test_a_task_that_cannot_be_opened_blocks_no_other(vault: Vault, caller: Caller) -> None:
    for customer_id in ("customer-1", "customer-2"):
        await deleted(vault, caller, customer_id)
    first = "outbox_id = (SELECT MIN(outbox_id) FROM outbox)"
    await sql(vault.engine, f"UPDATE outbox SET sealed = :junk WHERE {first}", junk=bytes(120))
    assert await vault.outbox_tasks.run_due() == 1
    assert len(await remaining(vault)) == 1


async def test_the_token_in_a_task_is_sealed(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    ((sealed,),) = await sql(vault.engine, "SELECT sealed FROM outbox")
    assert card.secrets is not None
    assert card.secrets.token_reference.encode() not in sealed


async def test_a_postponed_task_is_logged_without_the_token(
    vault: Vault, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    vault, script = scripted(vault)
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    script.failures["lifecycle"] = TokenServiceUnavailableError()
    await vault.outbox_tasks.run_due()
    (record,) = caplog.records
    assert record.message == "outbox task postponed"
    assert card.secrets is not None
    assert card.secrets.token_reference not in str(vars(record))


async def test_a_process_with_a_slow_provider_releases_tasks_before_its_claim_ends(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    for number in range(6):
        await deleted(vault, caller, f"customer-{number}")
    slow, script = scripted(vault)

    async def take_long() -> None:
        clock.advance(seconds=15)
        script.meanwhile = take_long

    script.meanwhile = take_long
    finished = await slow.outbox_tasks.run_due()
    assert 0 < finished < 6
    script.meanwhile = None
    assert await vault.outbox_tasks.run_due() == 6 - finished, "released tasks can be claimed at once"


def test_a_task_that_starts_late_has_twice_the_longest_deadline_of_its_call() -> None:
    deadlines = Deadlines()
    assert 2 * max(deadlines.close_enrolment, deadlines.lifecycle) * SECOND == SPARE
