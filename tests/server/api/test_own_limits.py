"""A merchant's own limits: cached for a second, listed, changed and audited."""

from __future__ import annotations

import pytest

from tests.server.api.calls import Client
from tests.support.builders import audit_entries, details_of, sql
from tests.support.clock import SettableClock
from tokenvault_contract.operations import DELETE_INSTRUMENT, FETCH_INSTRUMENT, OPERATIONS
from tokenvault_server.api.rate_limits import Budgets, RateLimits
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import MerchantNotFoundError

NOBODY = MerchantId("mer_nobody")
BUDGETS = Budgets({operation.key: 3 for operation in OPERATIONS}, per_address=2)


@pytest.fixture
def limits(vault: Vault, clock: SettableClock) -> RateLimits:
    """Limits over the real table of merchants' own."""
    return RateLimits(BUDGETS, vault.own_limits, clock)


async def limit_of(limits: RateLimits, merchant_id: MerchantId) -> int:
    return (await limits.merchant(merchant_id, FETCH_INSTRUMENT)).limit


async def test_own_limits_are_read_again_a_second_later_and_not_before(
    vault: Vault, limits: RateLimits, clock: SettableClock
) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    assert await limit_of(limits, merchant_id) == 3
    await vault.own_limits.set(OwnLimit(merchant_id, FETCH_INSTRUMENT.key, 7), "tests")
    assert await limit_of(limits, merchant_id) == 3
    clock.advance(seconds=1)
    assert await limit_of(limits, merchant_id) == 7


async def test_a_clock_set_back_has_own_limits_read_again(
    vault: Vault, limits: RateLimits, clock: SettableClock
) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    await limit_of(limits, merchant_id)
    await vault.own_limits.set(OwnLimit(merchant_id, FETCH_INSTRUMENT.key, 7), "tests")
    clock.at -= 1
    assert await limit_of(limits, merchant_id) == 7


async def test_the_cache_keeps_the_limits_of_the_newest_merchants(vault: Vault, clock: SettableClock) -> None:
    limits = RateLimits(BUDGETS, vault.own_limits, clock, max_cached=2)
    merchants = [(await vault.merchants.add("Shop", "tests")).merchant.merchant_id for _ in range(3)]
    for merchant_id in merchants:
        await limit_of(limits, merchant_id)
    for merchant_id in merchants:
        await vault.own_limits.set(OwnLimit(merchant_id, FETCH_INSTRUMENT.key, 7), "tests")
    assert [await limit_of(limits, merchant_id) for merchant_id in reversed(merchants)] == [3, 3, 7]


async def test_an_own_limit_leaves_the_other_operations_as_they_are(vault: Vault, limits: RateLimits) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    await vault.own_limits.set(OwnLimit(merchant_id, FETCH_INSTRUMENT.key, 7), "tests")
    assert await limit_of(limits, merchant_id) == 7
    assert (await limits.merchant(merchant_id, DELETE_INSTRUMENT)).limit == 3


async def test_changes_of_limits_are_audited_with_who_and_what(vault: Vault, clock: SettableClock) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    clock.advance(minutes=1)
    await vault.own_limits.set(OwnLimit(merchant_id, "fetch_instruments", 7), "asha")
    await vault.own_limits.clear(merchant_id, "fetch_instruments", "ravi")
    entries = (await audit_entries(vault, merchant_id))[-2:]
    assert [(each["action"], each["actor"], details_of(each)) for each in entries] == [
        ("merchant.rate_limit_changed", "asha", {"operation": "fetch_instruments", "per_minute": 7}),
        ("merchant.rate_limit_changed", "ravi", {"operation": "fetch_instruments"}),
    ]
    assert {each["at"] for each in entries} == {clock.at}
    assert entries[-1]["details"]["row/rate_limit/fetch_instruments"] == ""
    assert await sql(vault.engine, "SELECT tag FROM row_tags WHERE kind = 'rate_limit'") == []


async def test_limits_are_listed_set_and_cleared_by_merchant(vault: Vault, client: Client) -> None:
    merchant_id = client.merchant.merchant.merchant_id
    limit = OwnLimit(merchant_id, "fetch_instruments", 7)
    await vault.own_limits.set(limit, "tests")
    assert await vault.own_limits.list() == [limit]
    assert await vault.own_limits.of(merchant_id) == {"fetch_instruments": 7}
    assert await vault.own_limits.of(NOBODY) == {}
    await vault.own_limits.clear(merchant_id, "fetch_instruments", "tests")
    assert await vault.own_limits.list() == []


async def test_clearing_the_limits_of_an_unknown_merchant_is_refused(vault: Vault) -> None:
    with pytest.raises(MerchantNotFoundError):
        await vault.own_limits.clear(NOBODY, "fetch_instruments", "tests")
