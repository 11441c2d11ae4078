from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server.api.calls import Client
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, Vault


@pytest.fixture
def api(vault: Vault) -> Api:
    return Api(vault.settings, vault)


@pytest.fixture
async def pipeline(api: Api) -> AsyncIterator[Pipeline]:
    yield await api.start()
    await api.stop()


@pytest.fixture
async def client(vault: Vault, pipeline: Pipeline) -> Client:
    return Client(vault, pipeline, await vault.merchants.add("Shop", "tests"))
