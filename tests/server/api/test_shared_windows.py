"""Several processes share a merchant's limit: together they let through at most a block each beyond it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.support.builders import sql
from tests.support.clock import NOW, SettableClock
from tokenvault_contract.operations import DELETE_INSTRUMENT, FETCH_INSTRUMENT
from tokenvault_server.api.rate_limits import Budgets, Rate, RateLimits
from tokenvault_server.api.shared_windows import SharedWindows
from tokenvault_server.api.windows import MAX_WINDOWS
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import StoreUnavailableError
from tokenvault_server.vault.rate_leases import BLOCKS, Grant, RateLeases, block_of

MERCHANT = MerchantId("mer_1")
FETCH = FETCH_INSTRUMENT.key
LIMIT = 3 * BLOCKS
BLOCK = 3


def processes(vault: Vault, count: int) -> list[SharedWindows]:
    return [SharedWindows(RateLeases(vault.engine), MAX_WINDOWS) for _ in range(count)]


async def let_through(process: SharedWindows, calls: int, limit: int = LIMIT, now: int = NOW) -> int:
    return [wait for _, wait in [await process.spend(MERCHANT, FETCH, limit, now) for _ in range(calls)]].count(0)


async def test_one_process_lets_through_exactly_the_limit(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    assert await let_through(process, LIMIT + 5) == LIMIT


async def test_calls_count_down_over_the_borders_of_blocks(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    spent = [(await process.spend(MERCHANT, FETCH, LIMIT, NOW))[0] for _ in range(LIMIT)]
    assert spent == list(range(LIMIT - 1, -1, -1))


async def test_processes_that_spend_what_they_lease_let_through_exactly_the_limit_together(vault: Vault) -> None:
    several = processes(vault, 4)
    found = await asyncio.gather(*(let_through(process, LIMIT) for process in several))
    assert sum(found) == LIMIT


async def test_what_another_process_leased_and_did_not_use_is_missing(vault: Vault) -> None:
    idle, busy = processes(vault, 2)
    await let_through(idle, 1)
    assert await let_through(busy, LIMIT) == LIMIT - BLOCK


async def test_a_crashed_process_gives_its_block_back_when_its_minute_ends(vault: Vault) -> None:
    crashed, busy = processes(vault, 2)
    await let_through(crashed, 1)
    await let_through(busy, LIMIT, now=NOW + 1)
    assert await let_through(busy, 1, now=NOW + MINUTE - 1) == 0
    assert await let_through(busy, LIMIT, now=NOW + MINUTE) == BLOCK


async def test_one_call_too_many_waits_until_the_oldest_block_ends(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    await let_through(process, BLOCK)
    await let_through(process, LIMIT, now=NOW + 5 * SECOND)
    assert await process.spend(MERCHANT, FETCH, LIMIT, NOW + 20 * SECOND) == (0, 40)
    assert await process.spend(MERCHANT, FETCH, LIMIT, NOW + MINUTE - 1) == (0, 1)


async def test_the_seconds_to_wait_are_whole_and_rounded_up(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    await let_through(process, LIMIT)
    _, wait = await process.spend(MERCHANT, FETCH, LIMIT, NOW + 20 * SECOND + 1)
    assert (wait, type(wait)) == (40, int)


async def test_a_block_may_be_used_until_its_minute_ends_and_no_longer(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    spent = [await process.spend(MERCHANT, FETCH, LIMIT, now) for now in (NOW, NOW + MINUTE - 1, NOW + MINUTE)]
    assert spent == [(LIMIT - 1, 0), (LIMIT - 2, 0), (LIMIT - 1, 0)]


async def test_too_many_shares_drop_the_oldest(vault: Vault) -> None:
    process = SharedWindows(RateLeases(vault.engine), max_shares=2)
    merchants = [MerchantId(f"mer_{number}") for number in range(3)]
    for merchant in merchants:
        await process.spend(merchant, FETCH, LIMIT, NOW)
    spent = [(await process.spend(merchant, FETCH, LIMIT, NOW))[0] for merchant in (merchants[2], merchants[1])]
    assert spent == [LIMIT - 2, LIMIT - 2]
    assert (await process.spend(merchants[0], FETCH, LIMIT, NOW))[0] == LIMIT - BLOCK - 1


async def test_refused_calls_do_not_ask_the_store_each_time(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    await let_through(process, LIMIT + 1)
    await sql(vault.engine, "DELETE FROM rate_windows")
    assert await let_through(process, 100) == 0
    assert await let_through(process, 1, now=NOW + SECOND) == 1


class AwayAfterFirst(RateLeases):
    """Leases of a database that goes away after the first one."""

    takes = 0

    async def take(self, *arguments: Any) -> Grant:
        self.takes += 1
        if self.takes > 1:
            raise StoreUnavailableError("the database is away")
        return await super().take(*arguments)


async def test_many_calls_at_once_lease_once(vault: Vault) -> None:
    process = SharedWindows(AwayAfterFirst(vault.engine), MAX_WINDOWS)
    spent = await asyncio.gather(*(process.spend(MERCHANT, FETCH, LIMIT, NOW) for _ in range(BLOCK)))
    assert sorted(remaining for remaining, _ in spent) == list(range(LIMIT - BLOCK, LIMIT))


async def test_many_calls_at_once_ask_once_when_nothing_is_left(vault: Vault) -> None:
    await let_through(processes(vault, 1)[0], LIMIT)
    process = SharedWindows(AwayAfterFirst(vault.engine), MAX_WINDOWS)
    found = await asyncio.gather(*(process.spend(MERCHANT, FETCH, LIMIT, NOW) for _ in range(3)))
    assert found == [(0, 59)] * 3


async def test_limits_of_other_merchants_and_operations_stay_as_they_were(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    await let_through(process, LIMIT)
    assert await process.spend(MerchantId("mer_2"), FETCH, LIMIT, NOW) == (LIMIT - 1, 0)
    assert await process.spend(MERCHANT, "delete_instrument", LIMIT, NOW) == (LIMIT - 1, 0)


async def test_a_clock_set_back_does_not_lock_out_for_longer_than_a_minute(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    await let_through(process, LIMIT, now=NOW + 60 * MINUTE)
    assert await let_through(processes(vault, 1)[0], LIMIT) == LIMIT


async def test_a_sweep_lets_go_of_what_ended_and_of_nothing_else(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    await let_through(process, 1)
    list(process.sweep(SettableClock(NOW + MINUTE - 1).now))
    assert await process.spend(MERCHANT, FETCH, LIMIT, NOW + MINUTE - 1) == (LIMIT - 2, 0)
    list(process.sweep(SettableClock(NOW + MINUTE).now))
    assert await process.spend(MERCHANT, FETCH, LIMIT, NOW + MINUTE) == (LIMIT - 1, 0)


async def test_a_lease_up_to_a_minute_ahead_counts_since_clocks_differ(vault: Vault) -> None:
    ahead, behind = processes(vault, 2)
    await let_through(ahead, LIMIT, now=NOW + MINUTE)
    assert await let_through(behind, 1) == 0


@pytest.mark.parametrize("limit", [1, 2, 39, 40, 79, 80, 200, 100_000])
def test_a_block_is_at_least_one_call_and_at_most_a_fortieth(limit: int) -> None:
    assert 1 <= block_of(limit) <= max(1, limit / 40)


@pytest.mark.parametrize("seed", range(12))
async def test_no_minute_holds_more_than_the_limit_and_a_block_for_each_process(vault: Vault, seed: int) -> None:
    chance = random.Random(seed)
    several = processes(vault, chance.randint(1, 4))
    limit, now = chance.choice([1, 7, 40, 90]), NOW
    passed: list[int] = []
    for _ in range(300):
        now += int(chance.expovariate(limit / MINUTE)) if chance.random() < 0.9 else chance.randint(0, 2 * MINUTE)
        if await let_through(chance.choice(several), 1, limit, now):
            passed.append(now)
    most = max(sum(end - MINUTE < moment <= end for moment in passed) for end in passed)
    assert most <= limit + len(several) * block_of(limit)


async def test_rates_of_two_processes_count_down_together(vault: Vault) -> None:
    budgets, leases = Budgets({FETCH: 4}), RateLeases(vault.engine)
    one, other = (RateLimits(budgets, None, vault.clock, leases) for _ in range(2))
    spent = [await limits.merchant(MERCHANT, FETCH_INSTRUMENT) for limits in [one, other] * 3]
    assert [(rate.remaining, rate.retry) for rate in spent] == [(3, 0), (2, 0), (1, 0), (0, 0), (0, 59), (0, 59)]


async def test_each_merchant_and_operation_has_a_rate_of_its_own(vault: Vault, clock: SettableClock) -> None:
    limits = RateLimits(Budgets({FETCH: 4, DELETE_INSTRUMENT.key: 3}), None, clock, RateLeases(vault.engine))
    calls = [(MERCHANT, FETCH_INSTRUMENT), (MerchantId("mer_2"), FETCH_INSTRUMENT), (MERCHANT, DELETE_INSTRUMENT)]
    for _ in range(2):
        spent = [await limits.merchant(merchant_id, operation) for merchant_id, operation in calls]
        assert spent == [Rate(4, 3, 0, "app_id"), Rate(4, 3, 0, "app_id"), Rate(3, 2, 0, "app_id")]
        clock.advance(minutes=2)


async def test_sweeping_limits_lets_go_of_shares_that_ended(vault: Vault, clock: SettableClock) -> None:
    limits = RateLimits(Budgets(), None, clock, RateLeases(vault.engine))
    await limits.merchant(MERCHANT, FETCH_INSTRUMENT)
    shared = limits._shared  # noqa: SLF001  # what was let go of shows in nothing else
    assert shared is not None
    for minutes, left in ((0, 1), (2, 0)):
        clock.advance(minutes=minutes)
        await limits.sweep()
        assert len(shared._shares) == left  # noqa: SLF001


async def test_a_lowered_limit_counts_what_was_spent_in_its_minute_and_reports_what_is_left(vault: Vault) -> None:
    idle, busy = processes(vault, 2)
    await let_through(idle, 1)
    await let_through(busy, 1)
    assert await busy.spend(MERCHANT, FETCH, 2 * BLOCK, NOW) == (2 * BLOCK - BLOCK - 2, 0)
    assert await let_through(busy, LIMIT, limit=1) == 0


async def test_a_raised_limit_is_used_at_once(vault: Vault) -> None:
    (process,) = processes(vault, 1)
    assert await let_through(process, 3, limit=2) == 2
    assert await process.spend(MERCHANT, FETCH, LIMIT, NOW) == (LIMIT - 3, 0)


async def test_a_lease_that_fails_gives_no_call(vault: Vault) -> None:
    process = SharedWindows(AwayAfterFirst(vault.engine), MAX_WINDOWS)
    assert await let_through(process, BLOCK) == BLOCK
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await process.spend(MERCHANT, FETCH, LIMIT, NOW)
