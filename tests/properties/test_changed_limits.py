"""Whenever an operator changes a limit, no call reports more calls left than the limit that it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import SettableClock
from tokenvault_contract.operations import FETCH_INSTRUMENT
from tokenvault_server.api.rate_limits import Budgets, Rate, RateLimits
from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.vault.rate_leases import RateLeases, block_of
from tokenvault_server.vault.rate_limits import OwnLimits

T = TypeVar("T")

MERCHANT = MerchantId("mer_1")
KEY = FETCH_INSTRUMENT.key


class Windows:
    """The table of rate windows, in memory: one row."""

    def __init__(self) -> None:
        self.leases = ""

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        work = body()
        rows: Rows = []
        try:
            statement = next(work)
            while True:
                rows = self.run(statement)
                statement = work.send(rows)
        except StopIteration as end:
            return cast("T", end.value)

    def run(self, statement: Statement) -> Rows:
        if statement.query.name == "write_window":
            self.leases = str(dict(zip(statement.query.parameters, statement.values, strict=True))["leases"])
            return []
        return [(self.leases,)]


class Own:
    """The merchant's own limit, as an operator set it last."""

    limit = 200

    async def of(self, _merchant_id: MerchantId) -> dict[str, int]:
        return {KEY: self.limit}


class Call(NamedTuple):
    at: int
    rate: Rate


LIMITS = st.sampled_from([1, 2, 3, 7, 40, 200, 2_999, 3_001, 100_000])
CALLS = st.tuples(st.integers(0, 2), st.integers(1, 60))
STEPS = st.lists(st.one_of(CALLS, LIMITS, st.sampled_from([0.25, 1.0, 20.0, 59.0])), max_size=25)
Steps = list[tuple[int, int] | int | float]


@given(STEPS)
def test_one_process_reports_what_is_left_of_a_changed_limit(steps: Steps) -> None:
    assert_rates_fit(asyncio.run(made(steps, shared=False, processes=1)), processes=0)


@given(STEPS, st.integers(1, 3))
def test_processes_that_share_a_changed_limit_report_what_is_left(steps: Steps, processes: int) -> None:
    assert_rates_fit(asyncio.run(made(steps, shared=True, processes=processes)), processes)


@given(STEPS)
def test_a_process_alone_on_a_shared_limit_reports_what_it_would_report_without_sharing(steps: Steps) -> None:
    within_a_minute = [step for step in steps if not isinstance(step, float) or step <= 1.0]
    shared, alone = (asyncio.run(made(within_a_minute, shared=each, processes=1)) for each in (True, False))
    assert [call.rate.remaining for call in shared] == [call.rate.remaining for call in alone]


def assert_rates_fit(calls: list[Call], processes: int) -> None:
    for _, rate in calls:
        assert 0 <= rate.remaining < rate.limit
        assert not (rate.retry and rate.remaining)
    admitted = [call for call in calls if not call.rate.retry]
    for last in admitted:
        minute = [call for call in admitted if last.at - MINUTE < call.at <= last.at]
        most = max(call.rate.limit for call in minute)
        assert len(minute) <= most + processes * block_of(most)


async def made(steps: Steps, *, shared: bool, processes: int) -> list[Call]:
    """Take the steps: a number of calls of a process, a new limit, or seconds that pass; return the calls."""
    clock, own, table = SettableClock(), Own(), Windows()
    several = [
        RateLimits(Budgets(), cast("OwnLimits", own), clock, RateLeases(cast("Engine", table)) if shared else None)
        for _ in range(processes)
    ]
    calls = []
    for step in steps:
        if isinstance(step, float):
            clock.advance(seconds=step)
        elif isinstance(step, int):
            own.limit = step
            clock.advance(seconds=1)  # for so long a process uses the limit that it knows
        else:
            process, count = step
            calls += [
                Call(clock.now(), await several[process % processes].merchant(MERCHANT, FETCH_INSTRUMENT))
                for _ in range(count)
            ]
    return calls
