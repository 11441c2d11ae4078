"""An exact sliding minute for each merchant and operation, and one for each address that does not authenticate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import SettableClock
from tokenvault_contract.operations import DELETE_INSTRUMENT, FETCH_INSTRUMENT, OPERATIONS
from tokenvault_server.api import rate_limits as module
from tokenvault_server.api.rate_limits import Budgets, Rate, RateLimits, check
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.errors import RateLimitedError


@pytest.fixture
def limits(clock: SettableClock) -> RateLimits:
    return RateLimits(Budgets({operation.key: 3 for operation in OPERATIONS}, per_address=2), clock)


def spend(limits: RateLimits, count: int = 1, merchant_id: str = "mer_1") -> list[Rate]:
    return [limits.merchant(merchant_id, FETCH_INSTRUMENT) for _ in range(count)]


def test_calls_count_down_to_nothing(limits: RateLimits) -> None:
    assert [(rate.limit, rate.remaining, rate.retry, rate.scope) for rate in spend(limits, 3)] == [
        (3, 2, 0, "app_id"),
        (3, 1, 0, "app_id"),
        (3, 0, 0, "app_id"),
    ]


def test_one_too_many_is_told_how_long_to_wait(limits: RateLimits, clock: SettableClock) -> None:
    spend(limits, 3)
    clock.advance(seconds=20)
    (rate,) = spend(limits)
    assert (rate.remaining, rate.retry) == (0, 40)
    with pytest.raises(RateLimitedError):
        check(rate)


@pytest.mark.parametrize(("passed", "retry"), [(0, 60), (0.001, 60), (59, 1), (59.999, 1)])
def test_the_seconds_to_wait_are_rounded_up(
    limits: RateLimits, clock: SettableClock, passed: float, retry: int
) -> None:
    spend(limits, 3)
    clock.advance(seconds=passed)
    assert spend(limits)[0].retry == retry


def test_after_the_told_seconds_a_call_passes(limits: RateLimits, clock: SettableClock) -> None:
    spend(limits, 3)
    clock.advance(seconds=17.3)
    clock.advance(seconds=spend(limits)[0].retry)
    assert spend(limits)[0].retry == 0


def test_the_window_slides(limits: RateLimits, clock: SettableClock) -> None:
    for _ in range(3):
        spend(limits)
        clock.advance(seconds=25)
    assert spend(limits, 2)[0].remaining == 0
    assert spend(limits)[0].retry > 0


def test_a_refused_call_spends_nothing(limits: RateLimits, clock: SettableClock) -> None:
    spend(limits, 10)
    clock.advance(seconds=60)
    assert spend(limits)[0].remaining == 2


def test_each_operation_has_a_budget_of_its_own(limits: RateLimits) -> None:
    spend(limits, 4)
    assert limits.merchant("mer_1", DELETE_INSTRUMENT).remaining == 2


def test_each_merchant_has_a_budget_of_its_own(limits: RateLimits) -> None:
    spend(limits, 4)
    assert spend(limits, merchant_id="mer_2")[0].remaining == 2


def test_asking_where_an_address_stands_spends_nothing(limits: RateLimits) -> None:
    assert [limits.address("192.0.2.1").remaining for _ in range(3)] == [2, 2, 2]


def test_refusals_spend_the_budget_of_their_address(limits: RateLimits) -> None:
    assert [limits.refuse("192.0.2.1").remaining for _ in range(3)] == [1, 0, 0]
    assert limits.address("192.0.2.1") == Rate(2, 0, 0, "ip")
    assert limits.address("192.0.2.2").remaining == 2


def test_a_merchant_is_not_an_address(limits: RateLimits) -> None:
    limits.refuse("mer_1")
    assert spend(limits)[0].remaining == 2


def test_without_limits_nothing_is_counted(clock: SettableClock) -> None:
    limits = RateLimits(Budgets(unlimited=True), clock)
    assert {(rate.remaining == rate.limit, rate.retry) for rate in spend(limits, 500)} == {(True, 0)}


def test_a_budget_of_nothing_refuses_everything(clock: SettableClock) -> None:
    limits = RateLimits(Budgets({FETCH_INSTRUMENT.key: 0}, per_address=0), clock)
    assert spend(limits)[0].retry > 0
    assert limits.refuse("192.0.2.1").retry > 0


def test_too_many_windows_forget_the_one_begun_first(limits: RateLimits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_WINDOWS", 2)
    for address in ("a", "b", "c"):
        limits.refuse(address)
    assert [limits.address(address).remaining for address in ("a", "b", "c")] == [2, 1, 1]


@given(st.lists(st.integers(0, 40 * 1_000_000), max_size=40))
def test_no_minute_ever_has_more_calls_than_its_budget(pauses: list[int]) -> None:
    clock = SettableClock()
    limits = RateLimits(Budgets({FETCH_INSTRUMENT.key: 3}), clock)
    passed: list[int] = []
    for pause in pauses:
        clock.at += pause
        if spend(limits)[0].retry == 0:
            assert len([at for at in passed if at > clock.at - MINUTE]) < 3
            passed.append(clock.at)
        else:
            assert len([at for at in passed if at > clock.at - MINUTE]) == 3
