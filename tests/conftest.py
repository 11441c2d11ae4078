"""Fixtures of all tests: a clock that stands still, a folder's settings, an open vault with a merchant."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.builders import a_merchant, settings_in
from tests.support.clock import SettableClock
from tests.support.databases import IN_FILES, KINDS, SQLITE, TSP_SCHEMA, VAULT_SCHEMA, TestServer, started
from tests.support.effort import effort
from tests.support.memory import folder_in_memory
from tokenvault_server.bootstrap import Vault, open_engine, open_vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.settings import Settings

SLOW = (
    "tests/scenarios/",
    "tests/docs/test_pages_run",
    "tests/contract/test_schemathesis",
    "tests/parity/test_proof",
    "tests/properties/",
    "tests/security/test_canary",
    "tests/conformance/test_webhooks",
    "tests/conformance/test_payments",
    "tests/api_over_http/test_hostile_clients",
)
"""The files with tests of several seconds."""


def pytest_configure() -> None:
    """Give properties no deadline, since machines may be busy; `tests/mutation/plugin.py` has a profile of its own.

    `tmp_path` is in memory: a third of the time of tests of the vault was spent waiting for a disk.
    """
    if memory := folder_in_memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", memory)
    if hypothesis.settings.get_current_profile_name() == "default":
        hypothesis.settings.register_profile("tests", deadline=None, max_examples=effort(50, 1_000))
        hypothesis.settings.load_profile("tests")


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Run every coroutine test in an event loop, without a mark on each of them."""
    if name.startswith("test") and inspect.iscoroutinefunction(obj):
        pytest.mark.anyio(obj)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files first: test processes that take tests from each other then end at the same time.

    Each folder stays together, so that most servers are started in one process only. The folders, and the tests in
    them, keep their random order.
    """
    folders = {folder: number for number, folder in enumerate(dict.fromkeys(item.path.parent for item in items))}
    items.sort(key=lambda item: (not item.nodeid.startswith(SLOW), folders[item.path.parent]))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def store_kind() -> str:
    """The kind of database: SQLite, unless a folder's `conftest.py` adds PostgreSQL."""
    return SQLITE


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Callable[[str], TestServer]]:
    """Return the server of a kind; each is started once for each test process."""
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
    """The URL of a vault's database. On PostgreSQL it has the schema; on SQLite the file does not exist."""
    if store_kind in IN_FILES:
        yield f"{store_kind}:///{tmp_path / 'vault.db'}"
        return
    with postgres_servers(store_kind).reused(VAULT_SCHEMA) as url:
        yield url


@pytest.fixture
def tsp_store(store_kind: str, tmp_path: Path, postgres_servers: Callable[[str], TestServer]) -> Iterator[str]:
    """The URL of its token service's database, made the same way."""
    if store_kind in IN_FILES:
        yield f"{store_kind}:///{tmp_path / 'tsp.db'}"
        return
    with postgres_servers(store_kind).reused(TSP_SCHEMA) as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path, store: str, tsp_store: str) -> Settings:
    return settings_in(tmp_path, store=store, tsp_store=tsp_store)


@pytest.fixture(scope="session")
def initialised_vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new vault on SQLite, to be copied: that takes a twentieth of the time of making one."""
    folder = tmp_path_factory.mktemp("initialised") / "vault"

    async def initialise() -> None:
        await (await open_vault(settings_in(folder), SettableClock(), initialise=True)).close()

    asyncio.run(initialise())
    return folder


@pytest.fixture
async def vault(
    settings: Settings, store_kind: str, clock: SettableClock, tmp_path: Path, initialised_vault: Path
) -> AsyncIterator[Vault]:
    if store_kind == SQLITE:
        shutil.copytree(initialised_vault, tmp_path, dirs_exist_ok=True)
    opened = await open_vault(settings, clock, initialise=True, kinds=KINDS)
    yield opened
    await opened.close()


@pytest.fixture
async def caller(vault: Vault) -> Caller:
    return await a_merchant(vault)


@pytest.fixture
def empty_store(store_kind: str, tmp_path: Path, postgres_servers: Callable[[str], TestServer]) -> Iterator[str]:
    """The URL of an empty database."""
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
