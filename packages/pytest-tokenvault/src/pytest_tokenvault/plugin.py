"""The fixtures. They import what they need when they are used: a run without them does not start slower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cashfree_pg import Cashfree
    from pytest_tokenvault.vault import TokenVault
    from pytest_tokenvault.webhooks import VaultWebhooks
    from tokenvault_client import AsyncClient, Client
    from tokenvault_server.emulator.steering import ClockControl, FaultControl, RequestControl


@pytest.fixture(scope="session")
def token_vault_options() -> dict[str, Any]:
    """Return the arguments of `TokenVault`. Override this fixture in conftest.py to change them."""
    return {}


@pytest.fixture(scope="session")
def token_vault_emulator(token_vault_options: dict[str, Any]) -> Iterator[TokenVault]:
    """Run one emulator for the whole run, or for each worker of pytest-xdist.

    Fixtures of a wider scope than a test take it for its addresses. `token_vault` resets it for each test.
    """
    from pytest_tokenvault.vault import TokenVault

    with TokenVault(**token_vault_options) as vault:
        yield vault


@pytest.fixture
def token_vault(token_vault_emulator: TokenVault, request: pytest.FixtureRequest) -> Iterator[TokenVault]:
    """Return the emulator as it was at its start. If the test fails, its report has the calls that were made."""
    from pytest_tokenvault.vault import as_text

    token_vault_emulator.reset()
    yield token_vault_emulator
    if calls := token_vault_emulator.requests.find():
        request.node.add_report_section("teardown", "token vault calls", as_text(calls))


@pytest.fixture
def token_vault_client(token_vault: TokenVault) -> Iterator[Client]:
    """Return a client of the emulator that does not retry."""
    with token_vault.client() as client:
        yield client


@pytest.fixture
def async_token_vault_client(token_vault: TokenVault) -> AsyncClient:
    """Return an asynchronous client of the emulator, for any plugin that runs event loops. It does not retry."""
    return token_vault.async_client()


@pytest.fixture
def token_vault_environment(token_vault: TokenVault, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set `CASHFREE_BASE_URL` and so on, for code that reads the environment, and return them."""
    import os

    kept = token_vault.environment(os.environ)
    for name in os.environ.keys() - kept.keys():
        monkeypatch.delenv(name)
    for name, value in token_vault.variables.items():
        monkeypatch.setenv(name, value)
    return token_vault.variables


@pytest.fixture
def vault_clock(token_vault: TokenVault) -> ClockControl:
    """Return the emulator's clock, which expiry, rate limits and retries of webhooks follow."""
    return token_vault.clock


@pytest.fixture
def vault_faults(token_vault: TokenVault) -> FaultControl:
    """Return the fault rules, which have calls and webhooks fail."""
    return token_vault.faults


@pytest.fixture
def vault_webhooks(token_vault: TokenVault) -> VaultWebhooks:
    """Return the webhooks that the emulator sent, captured and verified."""
    return token_vault.webhooks


@pytest.fixture
def vault_requests(token_vault: TokenVault) -> RequestControl:
    """Return the journal of calls, with assertions."""
    return token_vault.requests


@pytest.fixture
def official_cashfree_pg(token_vault: TokenVault) -> Iterator[Any]:
    """Return the `Cashfree` object of your official SDK, unmodified, whose calls go to the emulator."""
    from pytest_tokenvault import sdks

    _fail_for(sdks.official_obstacle())
    with sdks.official_sdk(token_vault) as cashfree:
        yield cashfree


@pytest.fixture
def cashfree_pg(token_vault: TokenVault) -> Iterator[Cashfree]:
    """Return the `Cashfree` object of the drop-in, whose calls go to the emulator."""
    from pytest_tokenvault import sdks

    _fail_for(sdks.drop_in_obstacle())
    with sdks.drop_in(token_vault) as cashfree:
        yield cashfree


def _fail_for(obstacle: str) -> None:
    if obstacle:
        pytest.fail(obstacle, pytrace=False)
