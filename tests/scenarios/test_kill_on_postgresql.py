"""`kill -9` of servers on PostgreSQL and of PostgreSQL itself: acknowledged acts stay, no counter value is reused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.expectations import Expectations
from tests.scenarios.test_kill import MOST_ACTS, ROUND_SECONDS, find_all
from tests.support.commands import tokenvault
from tests.support.databases import POSTGRESQL, TestServer, started
from tests.support.effort import effort
from tests.support.served_process import kill_all
from tests.support.served_process import started as serving

ROUNDS = ["the servers", "the database"] * effort(1, 20)
WORKERS = effort(2, 4)
UNACKNOWLEDGED = ("500 ", "502 ")
"""The statuses that callers see when the vault's database, or the token service's, goes away."""


@pytest.fixture
def server() -> Iterator[TestServer]:
    server = started(POSTGRESQL)
    yield server
    server.remove()


def test_nothing_acknowledged_is_lost(tmp_path: Path, server: TestServer) -> None:
    vault, expected, first = tmp_path / "vault", Expectations(), None
    with server.stores() as stores:
        for number, killed in enumerate(ROUNDS):
            with serving(vault, stores=stores, workers=WORKERS) as (restarted, process):
                first = first or restarted
                running = replace(first, base_url=restarted.base_url)
                find_all(running.connection(), expected)
                enough = expected.acknowledged + random.randint(1, MOST_ACTS)
                with calling(running, expected, f"round-{number}"):
                    assert expected.wait_for(enough, ROUND_SECONDS)
                    if killed == "the database":
                        server.stop()  # at once, as in a power cut
                    kill_all(process)
            if killed == "the database":
                server.start()
                expected.errors = [words for words in expected.errors if not words.startswith(UNACKNOWLEDGED)]
            assert expected.errors == []
        with serving(vault, stores=stores) as (restarted, _):
            assert first
            find_all(replace(first, base_url=restarted.base_url).connection(), expected)
        done = tokenvault("audit", "verify", "--config", str(vault / "tokenvault.toml"))
        assert done.returncode == 0, done.stdout + done.stderr
