"""A vault, a server that lets everybody in, and a class that no test leaves changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cashfree_pg import ApiClient, Cashfree, Configuration
from tests.client.recorder import Recorder, recording
from tests.support.emulator_process import Emulator, emulator
from tests.support.http_client import Json

SETTINGS = sorted(name for name in Cashfree.__annotations__ if name.startswith("X"))


@pytest.fixture(autouse=True)
def as_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Gives each test the settings as they are after an import; 4.x keeps them on the class."""
    usual = {name: getattr(Cashfree, name) for name in SETTINGS}
    for name in ("CASHFREE_BASE_URL", "CASHFREE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    yield
    for name, value in usual.items():
        setattr(Cashfree, name, value)
    Configuration.set_default(None)
    ApiClient.set_default(None)


@pytest.fixture(scope="session")
def vault() -> Iterator[Emulator]:
    """One vault for all the tests: they keep apart by customer."""
    with emulator("--no-rate-limits") as running:
        yield running


@pytest.fixture(scope="session")
def card(vault: Emulator) -> Json:
    """A saved card of the customer `asha`, for tests that only read."""
    return vault.save("asha")


@pytest.fixture
def api(vault: Emulator) -> Cashfree:
    """The vault's merchant, in the style of 6.x."""
    return Cashfree(Cashfree.SANDBOX, vault.client_id, vault.client_secret, XBaseUrl=vault.base_url)


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A server that lets everybody in and remembers what it heard."""
    with recording() as running:
        yield running
