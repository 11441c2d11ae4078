"""Refused authentications are written down once a minute for each chain and address, with how many there were."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.engines import Crowded, Interrupted, SometimesLocked
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import StoreError
from tokenvault_server.vault import refusals as module
from tokenvault_server.vault.refusals import Refusals


@pytest.fixture
def refusals(vault: Vault) -> Refusals:
    return Refusals(vault.engine, vault.audit, vault.clock)


async def refused(vault: Vault, chain: str) -> list[dict[str, Any]]:
    return [entry for entry in await audit_entries(vault, chain) if entry["action"] == "authentication.refused"]


async def counts(vault: Vault, chain: str) -> list[int]:
    return [entry["details"]["count"] for entry in await refused(vault, chain)]


async def test_the_first_refusal_is_written_at_once(vault: Vault, caller: Caller, refusals: Refusals) -> None:
    refusals.note(caller.merchant_id, "192.0.2.7", "req_7")
    await refusals.settled()
    (entry,) = await refused(vault, caller.merchant_id)
    assert (entry["origin"], entry["request_id"], entry["outcome"]) == ("192.0.2.7", "req_7", "refused")
    assert entry["details"] == {"count": 1}


async def test_refusals_within_the_minute_are_only_counted(vault: Vault, caller: Caller, refusals: Refusals) -> None:
    for _ in range(50):
        refusals.note(caller.merchant_id, "192.0.2.7", "")
    await refusals.settled()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_the_next_refusal_after_the_minute_tells_of_those_before_it(
    vault: Vault, caller: Caller, refusals: Refusals, clock: SettableClock
) -> None:
    for _ in range(3):
        refusals.note(caller.merchant_id, "192.0.2.7", "")
    clock.advance(seconds=60)
    refusals.note(caller.merchant_id, "192.0.2.7", "")
    await refusals.settled()
    assert await counts(vault, caller.merchant_id) == [1, 3]


async def test_a_flush_writes_what_was_counted_once_its_minute_is_over(
    vault: Vault, caller: Caller, refusals: Refusals, clock: SettableClock
) -> None:
    for _ in range(3):
        refusals.note(caller.merchant_id, "192.0.2.7", "")
    await refusals.flush()
    assert await counts(vault, caller.merchant_id) == [1]
    clock.advance(seconds=60)
    await refusals.flush()
    assert await counts(vault, caller.merchant_id) == [1, 2]


async def test_a_flush_at_shutdown_writes_everything(vault: Vault, caller: Caller, refusals: Refusals) -> None:
    for _ in range(3):
        refusals.note(caller.merchant_id, "192.0.2.7", "")
    await refusals.flush(everything=True)
    assert await counts(vault, caller.merchant_id) == [1, 2]


async def test_a_flush_with_nothing_counted_writes_nothing(
    vault: Vault, caller: Caller, refusals: Refusals, clock: SettableClock
) -> None:
    refusals.note(caller.merchant_id, "192.0.2.7", "")
    clock.advance(minutes=2)
    await refusals.flush()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_each_address_has_an_entry_of_its_own(vault: Vault, caller: Caller, refusals: Refusals) -> None:
    for origin in ("192.0.2.7", "192.0.2.8"):
        refusals.note(caller.merchant_id, origin, "")
    await refusals.settled()
    assert {entry["origin"] for entry in await refused(vault, caller.merchant_id)} == {"192.0.2.7", "192.0.2.8"}


async def test_a_client_id_that_nobody_has_goes_to_the_vaults_own_chain(vault: Vault, refusals: Refusals) -> None:
    refusals.note(None, "192.0.2.7", "")
    await refusals.settled()
    assert await counts(vault, vault.vault_id) == [1]


async def test_too_many_addresses_share_one_entry_and_none_is_lost(
    vault: Vault, refusals: Refusals, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_WINDOWS", 3)
    for number in range(10):
        refusals.note(None, f"192.0.2.{number}", "")
    await refusals.settled()
    origins = {entry["origin"] for entry in await refused(vault, vault.vault_id)}
    assert origins == {"192.0.2.0", "192.0.2.1", "192.0.2.2", ""}
    clock.advance(minutes=1)
    await refusals.flush()
    assert sum(await counts(vault, vault.vault_id)) == 10


async def test_a_refusal_that_cannot_be_written_is_counted_with_the_next(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    engine = SometimesLocked(vault.engine)
    refusals = Refusals(engine, vault.audit, clock)
    engine.is_locked = True
    refusals.note(caller.merchant_id, "192.0.2.7", "")
    await refusals.settled()
    engine.is_locked = False
    clock.advance(minutes=1)
    await refusals.flush()
    assert await counts(vault, caller.merchant_id) == [1]


async def test_refusals_of_many_addresses_take_one_connection(vault: Vault, clock: SettableClock) -> None:
    engine = Crowded(vault.engine)
    refusals = Refusals(engine, vault.audit, clock)
    for number in range(20):
        refusals.note(None, f"192.0.2.{number}", "")
    await refusals.settled()
    assert (engine.most, await counts(vault, vault.vault_id)) == (1, [1] * 20)


async def test_a_count_that_a_flush_cannot_write_is_written_by_the_next(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    engine = SometimesLocked(vault.engine)
    refusals = Refusals(engine, vault.audit, clock)
    for _ in range(3):
        refusals.note(caller.merchant_id, "192.0.2.7", "")
    await refusals.settled()
    clock.advance(minutes=1)
    engine.is_locked = True
    with pytest.raises(StoreError):
        await refusals.flush()
    engine.is_locked = False
    clock.advance(minutes=1)
    await refusals.flush()
    assert await counts(vault, caller.merchant_id) == [1, 2]


async def test_a_minute_that_begins_while_others_are_flushed_is_not_counted_twice(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    engine = Interrupted(vault.engine)
    refusals = Refusals(engine, vault.audit, clock)
    for origin in ("192.0.2.7", "192.0.2.7", "192.0.2.8", "192.0.2.8"):
        refusals.note(caller.merchant_id, origin, "")
    await refusals.settled()
    clock.advance(minutes=1)

    async def again() -> None:
        refusals.note(caller.merchant_id, "192.0.2.8", "")

    engine.after_commit = again
    await refusals.flush()
    await refusals.flush(everything=True)
    assert sum(await counts(vault, caller.merchant_id)) == 5
