"""An exact sliding minute for each merchant and operation, and one for each address that does not authenticate."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.server.api.calls import INSTRUMENTS, Client
from tests.support.clock import SettableClock
from tokenvault_contract.headers import RATE_LIMIT, RATE_REMAINING, RATE_RETRY, RATE_TYPE
from tokenvault_contract.operations import DELETE_INSTRUMENT, FETCH_INSTRUMENT, OPERATIONS
from tokenvault_server.api.rate_limits import Budgets, Rate, RateLimits, check
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import MerchantNotFoundError, RateLimitedError

A, B, C = (MerchantId(f"mer_{letter}") for letter in "abc")
BUDGETS = Budgets({operation.key: 3 for operation in OPERATIONS}, per_address=2)


@pytest.fixture
def limits(clock: SettableClock) -> RateLimits:
    return RateLimits(BUDGETS, None, clock)


async def spend(limits: RateLimits, count: int = 1, merchant_id: str = "mer_1") -> list[Rate]:
    return [await limits.merchant(MerchantId(merchant_id), FETCH_INSTRUMENT) for _ in range(count)]


async def test_calls_count_down_to_nothing(limits: RateLimits) -> None:
    assert [(rate.limit, rate.remaining, rate.retry, rate.scope) for rate in await spend(limits, 3)] == [
        (3, 2, 0, "app_id"),
        (3, 1, 0, "app_id"),
        (3, 0, 0, "app_id"),
    ]


async def test_one_call_too_many_learns_how_long_to_wait(limits: RateLimits, clock: SettableClock) -> None:
    await spend(limits, 3)
    clock.advance(seconds=20)
    (rate,) = await spend(limits)
    assert (rate.remaining, rate.retry) == (0, 40)
    with pytest.raises(RateLimitedError):
        check(rate)


@pytest.mark.parametrize(
    ("passed", "retry"), [(0, 59), (0.001, 59), (1, 59), (1.001, 59), (30, 30), (59, 1), (59.999, 1)]
)
async def test_the_seconds_to_wait_are_rounded_up(
    limits: RateLimits, clock: SettableClock, passed: float, retry: int
) -> None:
    await spend(limits, 3)
    clock.advance(seconds=passed)
    assert (await spend(limits))[0].retry == retry


async def test_a_call_passes_after_the_stated_seconds(limits: RateLimits, clock: SettableClock) -> None:
    await spend(limits, 3)
    clock.advance(seconds=17.3)
    clock.advance(seconds=(await spend(limits))[0].retry)
    assert (await spend(limits))[0].retry == 0


async def test_the_window_slides(limits: RateLimits, clock: SettableClock) -> None:
    for _ in range(3):
        await spend(limits)
        clock.advance(seconds=25)
    assert (await spend(limits, 2))[0].remaining == 0
    assert (await spend(limits))[0].retry > 0


async def test_a_refused_call_spends_nothing(limits: RateLimits, clock: SettableClock) -> None:
    await spend(limits, 10)
    clock.advance(seconds=60)
    assert (await spend(limits))[0].remaining == 2


async def test_each_operation_has_a_budget_of_its_own(limits: RateLimits) -> None:
    await spend(limits, 4)
    assert (await limits.merchant(MerchantId("mer_1"), DELETE_INSTRUMENT)).remaining == 2


async def test_each_merchant_has_a_budget_of_its_own(limits: RateLimits) -> None:
    await spend(limits, 4)
    assert (await spend(limits, merchant_id="mer_2"))[0].remaining == 2


def test_reading_the_budget_of_an_address_spends_nothing(limits: RateLimits) -> None:
    assert [limits.address("192.0.2.1").remaining for _ in range(3)] == [2, 2, 2]


def test_authentication_failures_spend_the_budget_of_their_address(limits: RateLimits) -> None:
    assert [limits.refuse("192.0.2.1").remaining for _ in range(3)] == [1, 0, 0]
    assert limits.address("192.0.2.1") == Rate(2, 0, 0, "ip")
    assert limits.address("192.0.2.2").remaining == 2


async def test_a_merchant_is_not_an_address(limits: RateLimits) -> None:
    limits.refuse("mer_1")
    assert (await spend(limits))[0].remaining == 2


async def test_without_limits_nothing_is_counted(clock: SettableClock) -> None:
    limits = RateLimits(Budgets(unlimited=True), None, clock)
    assert {(rate.remaining == rate.limit, rate.retry) for rate in await spend(limits, 500)} == {(True, 0)}


async def test_a_budget_of_nothing_refuses_everything(clock: SettableClock) -> None:
    limits = RateLimits(Budgets({FETCH_INSTRUMENT.key: 0}, per_address=0), None, clock)
    assert (await spend(limits))[0].retry > 0
    assert limits.refuse("192.0.2.1").retry > 0


def test_too_many_windows_drop_the_oldest(clock: SettableClock) -> None:
    limits = RateLimits(BUDGETS, None, clock, max_windows=2)
    for address in ("a", "b", "c"):
        limits.refuse(address)
    assert [limits.address(address).remaining for address in ("a", "b", "c")] == [2, 1, 1]


async def test_a_merchants_own_limit_counts_within_a_second(vault: Vault, client: Client, clock: SettableClock) -> None:
    merchant_id = client.merchant.merchant.merchant_id
    assert (await client.call()).headers["x-ratelimit-limit"] == "200"
    await vault.own_limits.set(OwnLimit(merchant_id, "fetch_instruments", 7), "tests")
    clock.advance(seconds=1)
    assert (await client.call()).headers["x-ratelimit-limit"] == "7"
    assert (await client.call("DELETE", INSTRUMENTS + "/x")).headers["x-ratelimit-limit"] == "100"
    await vault.own_limits.clear(merchant_id, "fetch_instruments", "tests")
    clock.advance(seconds=1)
    assert (await client.call()).headers["x-ratelimit-limit"] == "200"


async def test_limits_are_read_once_a_second(vault: Vault, client: Client, clock: SettableClock) -> None:
    await client.call()
    await vault.own_limits.set(OwnLimit(client.merchant.merchant.merchant_id, "fetch_instruments", 7), "tests")
    clock.advance(seconds=0.999)
    assert (await client.call()).headers["x-ratelimit-limit"] == "200"


async def test_only_merchants_have_limits(vault: Vault) -> None:
    with pytest.raises(MerchantNotFoundError):
        await vault.own_limits.set(OwnLimit(MerchantId("mer_unknown"), "fetch_instruments", 7), "tests")


async def test_a_change_of_limits_is_in_the_audit_trail(vault: Vault, client: Client) -> None:
    merchant_id = client.merchant.merchant.merchant_id
    await vault.own_limits.set(OwnLimit(merchant_id, "fetch_instruments", 7), "tests")
    entries = await vault.engine.read(Query("entries", "SELECT entry FROM audit_entries")())
    assert any(b"merchant.rate_limit_changed" in row[0] for row in entries)


async def test_guessing_locks_out_no_caller_that_was_accepted_before(client: Client, clock: SettableClock) -> None:
    assert (await client.call()).status == 200
    guesses = [await client.call(x_client_secret="wrong") for _ in range(201)]
    assert {answer.status for answer in guesses[:200]} == {401}
    assert (guesses[200].status, guesses[200].headers["x-ratelimit-type"]) == (429, "ip")
    clock.advance(seconds=1)  # the accepted secret is looked up again
    rightful = await client.call()
    assert (rightful.status, rightful.headers["x-ratelimit-remaining"]) == (200, "198")


def test_an_address_is_exhausted_when_its_budget_is_used_up_and_until_a_call_is_a_minute_old(
    limits: RateLimits, clock: SettableClock
) -> None:
    assert limits.exhausted("192.0.2.1") is None
    limits.refuse("192.0.2.1")
    assert limits.exhausted("192.0.2.1") is None
    limits.refuse("192.0.2.1")
    assert limits.exhausted("192.0.2.1") == Rate(2, 0, 59, "ip")
    assert limits.exhausted("192.0.2.2") is None
    clock.advance(seconds=60)
    assert limits.exhausted("192.0.2.1") is None


def test_an_address_with_a_budget_of_one_is_exhausted_by_its_first_failure(clock: SettableClock) -> None:
    limits = RateLimits(Budgets(per_address=1), None, clock)
    limits.refuse("192.0.2.1")
    assert limits.exhausted("192.0.2.1") == Rate(1, 0, 59, "ip")


def test_without_limits_no_address_is_exhausted(clock: SettableClock) -> None:
    limits = RateLimits(Budgets(unlimited=True), None, clock)
    limits.refuse("192.0.2.1")
    assert limits.exhausted("192.0.2.1") is None


ANYWHERE: dict[str, tuple[int, dict[str, Any]]] = {
    "no route": (404, {"path": "/pg/nowhere"}),
    "no such method": (405, {"method": "PUT"}),
    "no version": (400, {"x_api_version": None}),
    "no credentials": (401, {"x_client_id": None}),
    "no such card": (404, {"path": INSTRUMENTS + "/x"}),
    "too large a body": (413, {"method": "POST", "body": None}),
    "a request id that is none": (400, {"x_request_id": "a b"}),
    "no host": (400, {"host": None}),
    "two hosts": (400, {"host": "a, b"}),
}


@pytest.mark.parametrize(("status", "asked"), ANYWHERE.values(), ids=ANYWHERE)
async def test_every_answer_states_the_callers_budget(client: Client, status: int, asked: dict[str, Any]) -> None:
    answer = await client.call(**asked)
    assert answer.status == status
    rates = {name: answer.headers[name] for name in answer.headers if name.startswith("x-ratelimit-")}
    assert rates.keys() == {RATE_LIMIT, RATE_REMAINING, RATE_RETRY, RATE_TYPE}
    assert rates[RATE_RETRY] == "0"
    assert rates[RATE_TYPE] == ("app_id" if status == 413 or asked.get("path") == INSTRUMENTS + "/x" else "ip")


@pytest.mark.parametrize("retry_after", [True, False])
async def test_retry_after_is_sent_when_it_is_switched_on(vault: Vault, retry_after: bool) -> None:
    settings = msgspec.structs.replace(
        vault.settings, retry_after=retry_after, rate_limit_per_operation={"fetch_instruments": 1}
    )
    api = Api(settings, vault)
    client = Client(vault, await api.start(), await vault.merchants.add("Shop", "tests"))
    passed, refused = await client.call(), await client.call()
    await api.stop()
    assert (passed.status, refused.status) == (200, 429)
    assert refused.headers.get("retry-after") == ("59" if retry_after else None)
    assert "retry-after" not in passed.headers


def test_an_ipv6_network_is_one_caller(limits: RateLimits) -> None:
    limits.refuse("2001:db8::1")
    limits.refuse("2001:db8::ffff")
    assert limits.address("2001:db8::2").remaining == 0
    assert limits.address("2001:db8:0:1::1").remaining == 2


async def test_a_minute_without_calls_frees_the_window(limits: RateLimits, clock: SettableClock) -> None:
    await spend(limits, 3)
    clock.advance(seconds=60)
    await limits.sweep()
    assert (await spend(limits))[0].remaining == 2


async def test_a_sweep_drops_the_windows_without_recent_calls_and_no_other(clock: SettableClock) -> None:
    limits = RateLimits(BUDGETS, None, clock, max_windows=2)
    for merchant_id in (A, B):
        await limits.merchant(merchant_id, FETCH_INSTRUMENT)
        limits.refuse(merchant_id)
    clock.advance(seconds=50)
    await limits.merchant(A, FETCH_INSTRUMENT)
    limits.refuse(A)
    clock.advance(seconds=11)
    await limits.sweep()  # B's windows are gone, so C's do not push out A's
    await limits.merchant(C, FETCH_INSTRUMENT)
    limits.refuse(C)
    assert (await limits.merchant(A, FETCH_INSTRUMENT)).remaining == 1
    assert limits.address(A).remaining == 1


async def test_without_limits_the_headers_say_a_million(clock: SettableClock) -> None:
    limits = RateLimits(Budgets(unlimited=True), None, clock)
    assert await limits.merchant(A, FETCH_INSTRUMENT) == Rate(1_000_000, 1_000_000, 0, "app_id")
    assert limits.address(A) == limits.refuse(A) == Rate(1_000_000, 1_000_000, 0, "ip")


async def test_a_lowered_limit_leaves_nothing_and_never_less(clock: SettableClock) -> None:
    limits = RateLimits(Budgets(per_address=0), None, clock)
    assert limits.address(A) == Rate(0, 0, 0, "ip")
