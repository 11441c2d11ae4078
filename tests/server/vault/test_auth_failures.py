"""Authentication failures are recorded at most once a minute for each chain and address, with their count."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.engines import CommitCounter, Interrupted, SometimesLocked
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import StoreError
from tokenvault_server.vault.auth_failures import AuthFailures


@pytest.fixture
def auth_failures(vault: Vault) -> AuthFailures:
    return AuthFailures(vault.engine, vault.audit, vault.clock)


async def refused(vault: Vault, chain: str) -> list[dict[str, Any]]:
    return [entry for entry in await audit_entries(vault, chain) if entry["action"] == "authentication.refused"]


async def counts(vault: Vault, chain: str) -> list[int]:
    return [entry["details"]["count"] for entry in await refused(vault, chain)]


async def test_the_first_failure_is_written_at_once(vault: Vault, caller: Caller, auth_failures: AuthFailures) -> None:
    auth_failures.record(caller.merchant_id, "192.0.2.7", "req_7")
    await auth_failures.settled()
    (entry,) = await refused(vault, caller.merchant_id)
    assert (entry["origin"], entry["request_id"], entry["outcome"]) == ("192.0.2.7", "req_7", "refused")
    assert entry["details"] == {"count": 1}


async def test_a_cancelled_flush_loses_no_entry(vault: Vault, caller: Caller, auth_failures: AuthFailures) -> None:
    auth_failures.record(caller.merchant_id, "192.0.2.7", "req_7")
    flush = asyncio.create_task(auth_failures.flush())
    await asyncio.sleep(0)  # it waits for the entry
    flush.cancel()
    await auth_failures.settled()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_failures_within_the_minute_are_only_counted(
    vault: Vault, caller: Caller, auth_failures: AuthFailures
) -> None:
    for _ in range(50):
        auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    await auth_failures.settled()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_the_next_failure_after_the_minute_includes_those_before_it(
    vault: Vault, caller: Caller, auth_failures: AuthFailures, clock: SettableClock
) -> None:
    for _ in range(3):
        auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    clock.advance(seconds=60)
    auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    await auth_failures.settled()
    assert await counts(vault, caller.merchant_id) == [1, 3]


async def test_a_flush_writes_the_counts_of_minutes_that_are_over(
    vault: Vault, caller: Caller, auth_failures: AuthFailures, clock: SettableClock
) -> None:
    for _ in range(3):
        auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    await auth_failures.flush()
    assert await counts(vault, caller.merchant_id) == [1]
    clock.advance(seconds=60)
    await auth_failures.flush()
    assert await counts(vault, caller.merchant_id) == [1, 2]


async def test_a_flush_at_shutdown_writes_everything(vault: Vault, caller: Caller, auth_failures: AuthFailures) -> None:
    for _ in range(3):
        auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    await auth_failures.flush(everything=True)
    assert await counts(vault, caller.merchant_id) == [1, 2]


async def test_a_flush_with_nothing_counted_writes_nothing(
    vault: Vault, caller: Caller, auth_failures: AuthFailures, clock: SettableClock
) -> None:
    auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    clock.advance(minutes=2)
    await auth_failures.flush()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_each_address_has_its_own_entry(vault: Vault, caller: Caller, auth_failures: AuthFailures) -> None:
    for origin in ("192.0.2.7", "192.0.2.8"):
        auth_failures.record(caller.merchant_id, origin, "")
    await auth_failures.settled()
    assert {entry["origin"] for entry in await refused(vault, caller.merchant_id)} == {"192.0.2.7", "192.0.2.8"}


async def test_failures_of_unknown_client_ids_go_to_the_vaults_own_chain(
    vault: Vault, auth_failures: AuthFailures
) -> None:
    auth_failures.record(None, "192.0.2.7", "")
    await auth_failures.settled()
    assert await counts(vault, vault.vault_id) == [1]


async def test_too_many_addresses_share_one_entry_and_none_is_lost(vault: Vault, clock: SettableClock) -> None:
    auth_failures = AuthFailures(vault.engine, vault.audit, clock, max_windows=3)
    for number in range(10):
        auth_failures.record(None, f"192.0.2.{number}", "")
    await auth_failures.settled()
    origins = {entry["origin"] for entry in await refused(vault, vault.vault_id)}
    assert origins == {"192.0.2.0", "192.0.2.1", "192.0.2.2", ""}
    clock.advance(minutes=1)
    await auth_failures.flush()
    assert sum(await counts(vault, vault.vault_id)) == 10


async def test_a_failure_that_cannot_be_written_is_counted_with_the_next(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    engine = SometimesLocked(vault.engine)
    auth_failures = AuthFailures(engine, vault.audit, clock)
    engine.is_locked = True
    auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    await auth_failures.settled()
    engine.is_locked = False
    clock.advance(minutes=1)
    await auth_failures.flush()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_failures_of_many_addresses_use_one_connection(vault: Vault, clock: SettableClock) -> None:
    engine = CommitCounter(vault.engine)
    auth_failures = AuthFailures(engine, vault.audit, clock, addresses_apart=20)
    for number in range(20):
        auth_failures.record(None, f"192.0.2.{number}", "")
    await auth_failures.settled()
    assert (engine.most, await counts(vault, vault.vault_id)) == (1, [1] * 20)


async def test_a_count_that_a_flush_cannot_write_is_written_by_the_next(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    engine = SometimesLocked(vault.engine)
    auth_failures = AuthFailures(engine, vault.audit, clock)
    for _ in range(3):
        auth_failures.record(caller.merchant_id, "192.0.2.7", "")
    await auth_failures.settled()
    clock.advance(minutes=1)
    engine.is_locked = True
    with pytest.raises(StoreError):
        await auth_failures.flush()
    engine.is_locked = False
    clock.advance(minutes=1)
    await auth_failures.flush()
    assert await counts(vault, caller.merchant_id) == [1, 2]


async def test_a_minute_that_begins_during_a_flush_is_not_counted_twice(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    engine = Interrupted(vault.engine)
    auth_failures = AuthFailures(engine, vault.audit, clock)
    for origin in ("192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.8"):
        auth_failures.record(caller.merchant_id, origin, "")
    await auth_failures.settled()
    clock.advance(minutes=1)

    async def fail_again() -> None:
        auth_failures.record(caller.merchant_id, "192.0.2.8", "")

    engine.after_commit = fail_again
    await auth_failures.flush()
    await auth_failures.flush(everything=True)
    assert sum(await counts(vault, caller.merchant_id)) == 5
