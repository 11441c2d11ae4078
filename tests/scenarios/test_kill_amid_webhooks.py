"""`kill -9` of whoever delivers, at any moment: every notification arrives, and those about one card in their order.

`KILL_ROUNDS` says how often all servers are killed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.notified_shop import NotifiedShop
from tests.support.databases import BOTH, SQLITE, TestServer
from tests.support.notified import listening
from tests.support.served_process import kill_all, started
from tokenvault_server.vault.deliveries import DeliveryLimits

ROUNDS = int(os.environ.get("KILL_ROUNDS", "2"))
SERVERS = 3
"""On one PostgreSQL; SQLite has one."""
MOST_ACTS = 60
ROUND_SECONDS = 60


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def shop(
    tmp_path: Path,
    kind: str,
    postgres_servers: Callable[[str], TestServer],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[NotifiedShop]:
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "127.0.0.0/8")
    with ExitStack() as until_the_end:
        listener = until_the_end.enter_context(listening())
        if kind == SQLITE:
            yield NotifiedShop(tmp_path / "vault", (), listener)
            return
        server = postgres_servers(kind)
        stores = until_the_end.enter_context(server.stores())
        yield NotifiedShop(tmp_path / "vault", stores, listener)
        assert server.deadlocks(stores.store) == 0, "savers and workers lock in one order"


def test_every_notification_arrives_and_those_of_one_card_in_order(shop: NotifiedShop, kind: str) -> None:
    servers = 1 if kind == SQLITE else SERVERS
    for number in range(ROUNDS):
        serve_until_all_are_killed(shop, servers, f"round-{number}")
        assert shop.pending(), "nobody was killed in the middle of delivering"
        shop.pass_a_minute()
    with started(shop.vault, merchant=shop.merchant):
        shop.listen_until_all_is_told()
    for heard in shop.heard.values():
        assert heard == sorted(heard)
    most = ROUNDS * servers * DeliveryLimits().concurrent_attempts
    assert max(shop.repeats().values()) <= most, "only what was under way is told twice"


def serve_until_all_are_killed(shop: NotifiedShop, servers: int, name: str) -> None:
    """Has callers save cards at some servers of one vault, and kills these at random moments, one after another."""
    in_time: list[bool] = []
    with ExitStack() as killed:
        serving = [killed.enter_context(started(shop.vault, merchant=shop.merchant)) for _ in range(servers)]
        shop.queue_steps()
        for number, (running, _) in enumerate(serving):
            killed.enter_context(calling(running, shop.ledger, f"{name}-{number}"))
        shop.listen()
        for _, process in serving:
            enough = shop.ledger.acknowledged + random.randint(1, MOST_ACTS)
            in_time.append(shop.ledger.wait_for(enough, ROUND_SECONDS))
            shop.queue_steps()
            kill_all(process)
    assert shop.ledger.wrong == []
    assert all(in_time)
