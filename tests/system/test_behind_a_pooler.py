"""A vault behind a real PgBouncer in transaction mode, where processes share sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.expectations import Expectations
from tests.scenarios.test_kill import ROUND_SECONDS, find_all
from tests.server.database.test_postgres import OF_THE_SESSION, SLEEP, until_nothing_sleeps
from tests.server.database.test_waiting_commits import see_an_abandoned_commit
from tests.support.builders import a_cryptogram, a_deleted_card, a_merchant, a_saved_card, settings_in
from tests.support.clock import NOW
from tests.support.commands import run_json, tokenvault
from tests.support.databases import POSTGRESQL, TestServer, started
from tests.support.emulator_process import instruments
from tests.support.served_process import initialised, kill_all
from tests.support.served_process import started as serving
from tests.system.pooler import SESSIONS, Pooler, pooling
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.database.kind import EngineOptions
from tokenvault_server.database.migrate import migrate, migrations_of
from tokenvault_server.database.postgres.engine import PostgresEngine
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import StoreError, StoreUnavailableError
from tokenvault_server.vault import initialisation

pytestmark = pytest.mark.system

T = TypeVar("T")

ACTS = 300
PROCESSES = 6
# The settings of a session that the pooler itself sets, to those of its client.
KEPT_BY_THE_POOLER = {"application_name", "client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings"}


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    server = started(POSTGRESQL)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def pooler(server: TestServer) -> Iterator[Pooler]:
    with pooling(server) as pooler:
        yield pooler


@pytest.fixture
def stores(server: TestServer, pooler: Pooler) -> Iterator[Sequence[str]]:
    """Yield the URLs of two empty databases."""
    with server.database() as store, server.database() as tsp_store:
        yield pooler.url(store), pooler.url(tsp_store)


def test_servers_behind_a_pooler_are_one_vault(
    tmp_path: Path, stores: Sequence[str], pooler: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENVAULT_PREPARED_STATEMENTS", "false")
    vault, expected, clients = tmp_path / "vault", Expectations(), pooler.clients()
    merchant = run_json("merchant", "add", "Corner Shop", "--config", str(initialised(vault, stores)))
    with ExitStack() as killed:
        servers = [killed.enter_context(serving(vault, workers=2, merchant=merchant)) for _ in range(2)]
        first, second = (running for running, _ in servers)
        card = instruments("asha", first.save("asha")["instrument_id"])
        assert len(second.ask("GET", instruments("asha") + "?instrument_type=card")[1]) == 1
        statuses = [second.ask("GET", card)[0], first.ask("GET", card + "/cryptogram")[0]]
        assert [*statuses, second.ask("DELETE", card)[0], first.ask("GET", card)[0]] == [200, 200, 200, 404]
        for number, (running, process) in enumerate(servers):
            killed.enter_context(calling(running, expected, f"server-{number}"))
            killed.callback(kill_all, process)
        assert expected.wait_for(ACTS, ROUND_SECONDS)
    assert expected.errors == []
    assert pooler.clients() - clients > 2 * SESSIONS, "no processes shared a session"
    with serving(vault, merchant=merchant) as (running, _):
        find_all(running.connection(), expected)
    audit = tokenvault("audit", "verify", "--config", str(vault / "tokenvault.toml"))
    assert audit.returncode == 0, audit.stdout + audit.stderr


async def test_no_state_is_left_in_shared_sessions(tmp_path: Path, stores: Sequence[str]) -> None:
    store, tsp_store = stores
    settings = settings_in(tmp_path, store=store, tsp_store=tsp_store, prepared_statements=False)
    vault = await open_vault(settings, SystemClock(), initialise=True)
    caller = await a_merchant(vault)
    cards = await asyncio.gather(*(a_saved_card(vault, caller) for _ in range(12)))
    await asyncio.gather(*(a_cryptogram(vault, caller, card) for card in cards))
    await asyncio.gather(*(a_deleted_card(vault, caller, card) for card in cards))
    await vault.audit.checkpoint()
    look = Query(
        "look",
        f"SELECT pg_backend_pid(), * FROM (VALUES ('', '') UNION ALL {OF_THE_SESSION} "
        "UNION ALL SELECT 'statement', name FROM pg_prepared_statements) AS of_the_session, pg_sleep(0.1)",
    )
    for engine in (vault.engine, vault.tsp_engine):
        seen = [row for rows in await asyncio.gather(*(engine.read(look()) for _ in range(16))) for row in rows]
        assert len({pid for pid, *_ in seen}) == SESSIONS, "not every session was inspected"
        assert {name for _, _, name, *_ in seen} - {"", *KEPT_BY_THE_POOLER} == set()
    await vault.close()


async def test_of_servers_that_start_concurrently_one_migrates(stores: Sequence[str]) -> None:
    engines = [await an_engine(stores[0], prepared_statements=False) for _ in range(PROCESSES)]
    applied = await asyncio.gather(*(migrate(engine, initialisation.SCHEMA, NOW) for engine in engines))
    assert sorted(applied) == [[]] * (PROCESSES - 1) + [[each.name for each in migrations_of(initialisation.SCHEMA)]]
    for engine in engines:
        await engine.close()


async def test_a_statement_that_takes_too_long_is_cancelled_and_frees_its_session(stores: Sequence[str]) -> None:
    engine = await an_engine(stores[0], prepared_statements=False, timeout_seconds=0.2)
    cancelled = await asyncio.gather(*(engine.read(SLEEP()) for _ in range(SESSIONS)), return_exceptions=True)
    assert [type(error) for error in cancelled] == [StoreUnavailableError] * SESSIONS
    await until_nothing_sleeps(engine)
    await engine.close()


async def test_an_abandoned_commit_continues_to_wait_for_its_standby(server: TestServer, stores: Sequence[str]) -> None:
    await see_an_abandoned_commit(server, stores[0], EngineOptions(prepared_statements=False))


async def test_without_the_setting_calls_fail_with_a_hint_and_never_get_another_calls_answer(
    stores: Sequence[str],
) -> None:
    engines = [await an_engine(stores[0]) for _ in range(2)]
    wrong: list[object] = []
    hints: set[str] = set()

    async def ask(engine: PostgresEngine, number: int) -> None:
        try:
            rows = await engine.read(Query("number", f"SELECT {number} FROM pg_sleep(0.001)")())
            wrong.extend(each for each in rows if each != (number,))
        except StoreError as error:
            hints.add(error.hint)

    for _ in range(5):
        await asyncio.gather(*(ask(engine, number) for engine in engines for number in range(20)))
    assert wrong == []
    assert [hint for hint in hints if "prepared_statements = false" not in hint] == []
    assert hints, "this pooler tracks prepared statements, so the setting is not needed"
    for engine in engines:
        await engine.close()


async def an_engine(url: str, **options: float) -> PostgresEngine:
    engine = PostgresEngine(url, options=EngineOptions(**options))  # type: ignore[arg-type]  # the names are their fields
    await engine.open()
    return engine
