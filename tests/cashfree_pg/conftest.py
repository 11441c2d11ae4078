"""A vault, a recording server, and the restoration of settings on the class `Cashfree`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cashfree_pg import ApiClient, Cashfree, Configuration
from tests.client.recording_server import RecordingServer, recording_server
from tests.support.emulator_process import Emulator, emulator
from tests.support.http_client import Json

SETTINGS = sorted(name for name in Cashfree.__annotations__ if name.startswith("X"))


@pytest.fixture(autouse=True)
def default_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test the settings of a fresh import. In the style of 4.x, they are attributes of the class."""
    defaults = {name: getattr(Cashfree, name) for name in SETTINGS}
    for name in ("CASHFREE_BASE_URL", "CASHFREE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name, value in defaults.items():
        setattr(Cashfree, name, value)
    Configuration.set_default(None)
    ApiClient.set_default(None)


@pytest.fixture(scope="session")
def vault() -> Iterator[Emulator]:
    """Run one vault for all tests. Each test uses its own customers."""
    with emulator("--no-rate-limits") as running:
        yield running


@pytest.fixture(scope="session")
def card(vault: Emulator) -> Json:
    """Save a card of the customer `asha`, for tests that only read."""
    return vault.save("asha")


@pytest.fixture
def api(vault: Emulator) -> Cashfree:
    """Return the vault's merchant, in the style of 6.x."""
    return Cashfree(Cashfree.SANDBOX, vault.client_id, vault.client_secret, XBaseUrl=vault.base_url)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    """Run a server that accepts any credentials and records the requests."""
    with recording_server() as running:
        yield running
