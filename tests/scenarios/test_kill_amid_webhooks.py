"""`kill -9` of the servers that deliver: every event arrives, and the events of one card arrive in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.webhook_merchant import WebhookMerchant
from tests.support.databases import BOTH, SQLITE, TestServer
from tests.support.effort import effort
from tests.support.served_process import kill_all, started
from tests.support.webhook_listener import listening
from tokenvault_server.vault.deliveries import DeliveryLimits

ROUNDS = effort(1, 20)
SERVERS = effort(2, 3)
"""On one PostgreSQL; SQLite has one."""
MOST_ACTS = effort(30, 60)
ROUND_SECONDS = 60


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def merchant(
    tmp_path: Path,
    kind: str,
    postgres_servers: Callable[[str], TestServer],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[WebhookMerchant]:
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "127.0.0.0/8")
    with ExitStack() as until_the_end:
        listener = until_the_end.enter_context(listening())
        if kind == SQLITE:
            yield WebhookMerchant(tmp_path / "vault", (), listener)
            return
        server = postgres_servers(kind)
        stores = until_the_end.enter_context(server.stores())
        yield WebhookMerchant(tmp_path / "vault", stores, listener)
        assert server.deadlocks(stores.store) == 0, "callers and background tasks lock in one order"


def test_every_event_arrives_and_those_of_one_card_in_order(merchant: WebhookMerchant, kind: str) -> None:
    servers = 1 if kind == SQLITE else SERVERS
    for number in range(ROUNDS):
        serve_until_all_are_killed(merchant, servers, f"round-{number}")
        assert merchant.pending(), "no server was killed while it delivered"
        merchant.pass_a_minute()
    with started(merchant.vault, merchant=merchant.merchant):
        merchant.receive_all()
    for numbers in merchant.received.values():
        assert numbers == sorted(numbers)
    most = ROUNDS * servers * DeliveryLimits().concurrent_attempts
    assert max(merchant.repeats().values()) <= most, "only deliveries under way are repeated"


def serve_until_all_are_killed(merchant: WebhookMerchant, servers: int, name: str) -> None:
    """Have callers save cards at several servers of one vault; kill the servers one by one at random moments."""
    in_time: list[bool] = []
    with ExitStack() as killed:
        serving = [killed.enter_context(started(merchant.vault, merchant=merchant.merchant)) for _ in range(servers)]
        merchant.queue_steps()
        for number, (running, _) in enumerate(serving):
            killed.enter_context(calling(running, merchant.expected, f"{name}-{number}"))
        merchant.receive_one()
        for _, process in serving:
            enough = merchant.expected.acknowledged + random.randint(1, MOST_ACTS)
            in_time.append(merchant.expected.wait_for(enough, ROUND_SECONDS))
            merchant.queue_steps()
            kill_all(process)
    assert merchant.expected.errors == []
    assert all(in_time)
