"""Whatever strangers send, each chain has the number of its failures, in a bounded number of entries."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import SettableClock
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.domain.addresses import budget_holder
from tokenvault_server.domain.audit import AuditEntry
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.auth_failures import AuthFailures

T = TypeVar("T")

APART = 3
OWN_CHAIN = "vault"


class Written(NamedTuple):
    chain: str
    origin: str
    minute: int
    failures: int


class Chains:
    """The chains of a vault, in memory: an audit trail and its engine."""

    own_chain = OWN_CHAIN

    def __init__(self) -> None:
        self.written: list[Written] = []

    def append(self, chain: str, entry: AuditEntry) -> Work[None]:
        count = int(entry.details["count"])
        self.written.append(Written(chain, entry.origin, entry.at // 60_000_000, count))
        yield from ()

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        work = body()
        try:
            while True:
                next(work)
        except StopIteration as end:
            return cast("T", end.value)


# Few values, so that the same ones meet often.
CHAINS = st.sampled_from([None, "mer_a", "mer_b"])
ADDRESSES = st.one_of(
    st.integers(0, 40).map("192.0.2.{}".format),
    st.integers(0, 40).map("::ffff:192.0.2.{}".format),
    st.tuples(st.integers(0, 40), st.integers(0, 3)).map(lambda parts: "2001:db8:0:{:x}::{:x}".format(*parts)),
)
FAILURES = st.tuples(CHAINS, ADDRESSES)
STEPS = st.one_of(FAILURES, st.lists(FAILURES, min_size=20, max_size=60), st.sampled_from([1, 30, 60, 3600]))


@given(st.lists(STEPS, max_size=40), st.integers(1, 12))
def test_no_failure_is_lost_or_moved_and_no_chain_is_flooded(
    steps: list[tuple[str | None, str] | list[tuple[str | None, str]] | int], max_windows: int
) -> None:
    chains, failed, holders = asyncio.run(played(steps, max_windows))
    assert Counter({each: sum(entry.failures for entry in chains if entry.chain == each) for each in failed}) == failed
    minutes = Counter((entry.chain, entry.minute) for entry in chains)
    # Two for each address apart and for the others, and as many again where windows do not begin with the minute.
    assert max(minutes.values(), default=0) <= 4 * (APART + 1)
    assert {(entry.chain, entry.origin) for entry in chains if entry.origin} <= holders


async def played(
    steps: list[tuple[str | None, str] | list[tuple[str | None, str]] | int], max_windows: int
) -> tuple[list[Written], Counter[str], set[tuple[str, str]]]:
    """Take the steps; return what was written, how many failures each chain had, and of which holders."""
    clock, chains = SettableClock(), Chains()
    auth_failures = AuthFailures(
        cast("Engine", chains), cast("AuditTrail", chains), clock, addresses_apart=APART, max_windows=max_windows
    )
    failed: Counter[str] = Counter()
    holders = set()
    for step in steps:
        if isinstance(step, int):
            clock.advance(seconds=step)
            await auth_failures.flush()
            continue
        for merchant_id, address in step if isinstance(step, list) else [step]:
            auth_failures.record(merchant_id, address, "")
            failed[merchant_id or OWN_CHAIN] += 1
            holders.add((merchant_id or OWN_CHAIN, budget_holder(address)))
    await auth_failures.flush(everything=True)
    return chains.written, failed, holders
