from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.api.calls import Client
from tests.server.emulator.payments.shop import Shop
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.emulator.payments.setup import Journey
from tokenvault_server.emulator_bootstrap.payments import open_payments


@pytest.fixture
async def journey(vault: Vault, tmp_path: Path) -> AsyncIterator[Journey]:
    opened = await open_payments(vault, tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def pipeline(vault: Vault, journey: Journey) -> AsyncIterator[Pipeline]:
    api = Api(vault.settings, vault, extension=journey.extension)
    yield await api.start()
    await api.stop()


@pytest.fixture
async def shop(vault: Vault, pipeline: Pipeline, journey: Journey) -> Shop:
    return Shop(Client(vault, pipeline, await vault.merchants.add("Shop", "tests")), journey)
