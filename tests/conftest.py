"""What every test may ask for: a clock that stands still, a folder's settings, an open vault with a merchant."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.builders import a_merchant, settings_in
from tests.support.clock import SettableClock
from tests.support.databases import IN_FILES, KINDS, SQLITE, TSP_SCHEMA, VAULT_SCHEMA, TestServer, started
from tokenvault_server.bootstrap import Vault, open_engine, open_vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.settings import Settings


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Run every coroutine test in an event loop, without a mark on each of them."""
    if name.startswith("test") and inspect.iscoroutinefunction(obj):
        pytest.mark.anyio(obj)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def store_kind() -> str:
    """Which database: SQLite, unless the `conftest.py` of a folder says that its tests run on PostgreSQL too."""
    return SQLITE


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[str], TestServer]]:
    """Gives a server of each kind that is asked for; each is started once."""
    running: dict[str, TestServer] = {}

    def server(kind: str) -> TestServer:
        if kind not in running:
            running[kind] = started(kind)
        return running[kind]

    yield server
    for each in running.values():
        each.remove()


@pytest.fixture
def store(store_kind: str, tmp_path: Path, postgres_servers: Callable[[str], TestServer]) -> Iterator[str]:
    """The URL of a vault's database: with a schema and nothing else on PostgreSQL, without even a file on SQLite."""
    if store_kind in IN_FILES:
        yield f"{store_kind}:///{tmp_path / 'vault.db'}"
        return
    with postgres_servers(store_kind).database(VAULT_SCHEMA) as url:
        yield url


@pytest.fixture
def tsp_store(store_kind: str, tmp_path: Path, postgres_servers: Callable[[str], TestServer]) -> Iterator[str]:
    """The same for its token service's."""
    if store_kind in IN_FILES:
        yield f"{store_kind}:///{tmp_path / 'tsp.db'}"
        return
    with postgres_servers(store_kind).database(TSP_SCHEMA) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, store: str, tsp_store: str) -> Settings:
    return settings_in(tmp_path, store=store, tsp_store=tsp_store)


@pytest.fixture
async def vault(settings: Settings, clock: SettableClock) -> AsyncIterator[Vault]:
    opened = await open_vault(settings, clock, initialise=True, kinds=KINDS)
    yield opened
    await opened.close()


@pytest.fixture
async def caller(vault: Vault) -> Caller:
    return await a_merchant(vault)


@pytest.fixture
def empty_store(store_kind: str, tmp_path: Path, postgres_servers: Callable[[str], TestServer]) -> Iterator[str]:
    """The URL of a database in which there is nothing."""
    if store_kind in IN_FILES:
        yield f"{store_kind}:///{tmp_path / 'test.db'}"
        return
    with postgres_servers(store_kind).database() as url:
        yield url


@pytest.fixture
async def engine(empty_store: str) -> AsyncIterator[Engine]:
    opened = await open_engine(empty_store, new=True, password=None, settings=Settings(), kinds=KINDS)
    yield opened
    await opened.close()
