"""What every test may ask for: a clock that stands still, a folder's settings, an open vault with a merchant."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.builders import a_merchant, settings_in
from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.sqlite import SqliteEngine
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
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
async def vault(settings: Settings, clock: SettableClock) -> AsyncIterator[Vault]:
    opened = await open_vault(settings, clock, found=True)
    yield opened
    await opened.close()


@pytest.fixture
async def caller(vault: Vault) -> Caller:
    return await a_merchant(vault)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    opened = SqliteEngine(tmp_path / "test.db")
    yield opened
    await opened.close()
