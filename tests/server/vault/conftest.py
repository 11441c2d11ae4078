from __future__ import annotations

import pytest

from tests.support.clock import SettableClock
from tests.support.databases import BOTH
from tests.support.second_tsp import SecondTsp
from tests.support.tsp import behind
from tokenvault_server.bootstrap import Vault


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def second(vault: Vault, clock: SettableClock) -> tuple[Vault, SecondTsp]:
    """Return the same vault with another kind of provider for new cards, and that provider."""
    provider = SecondTsp(clock)
    return behind(vault, vault.engine, provider, vault.token_service), provider
