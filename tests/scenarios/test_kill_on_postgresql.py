"""`kill -9` of servers on PostgreSQL, or of PostgreSQL under them: the acknowledged stays, no counter comes back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.ledger import Ledger
from tests.scenarios.test_kill import MOST_ACTS, ROUND_SECONDS, find_all
from tests.support.commands import tokenvault
from tests.support.databases import POSTGRESQL, TestServer, started
from tests.support.served_process import kill_all
from tests.support.served_process import started as serving

ROUNDS = 2
UNACKNOWLEDGED = ("500 ", "502 ")
"""What callers see when the vault's database goes away, and when it is the token service's that goes first."""


@pytest.fixture
def server() -> Iterator[TestServer]:
    server = started(POSTGRESQL)
    yield server
    server.remove()


@pytest.mark.parametrize("what", ["the servers", "the database"])
def test_nothing_acknowledged_is_lost(tmp_path: Path, server: TestServer, what: str) -> None:
    vault, ledger, first = tmp_path / "vault", Ledger(), None
    with server.stores() as stores:
        for number in range(ROUNDS):
            with serving(vault, stores=stores, workers=4) as (started_anew, process):
                first = first or started_anew
                running = replace(first, base_url=started_anew.base_url)
                find_all(running.connection(), ledger)
                enough = ledger.acknowledged + random.randint(1, MOST_ACTS)
                with calling(running, ledger, f"round-{number}"):
                    assert ledger.wait_for(enough, ROUND_SECONDS)
                    if what == "the database":
                        server.stop()  # at once, as by a power cut
                    kill_all(process)
            if what == "the database":
                server.start()
                ledger.wrong = [words for words in ledger.wrong if not words.startswith(UNACKNOWLEDGED)]
            assert ledger.wrong == []
        with serving(vault, stores=stores) as (started_anew, _):
            assert first
            find_all(replace(first, base_url=started_anew.base_url).connection(), ledger)
        done = tokenvault("audit", "verify", "--config", str(vault / "tokenvault.toml"))
        assert done.returncode == 0, done.stdout + done.stderr
