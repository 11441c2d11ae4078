"""Fixtures of the conformance tests: an emulator, every official SDK with its address, and saved cards."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conformance.lifecycle import CardLifecycle
from tests.conformance.official import RELEASES, Driver, Options, Release, Sdk, running_driver
from tests.support import emulator_process as emulators
from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the emulator's directory, for commands."""
    return tmp_path_factory.mktemp("conformance") / "vault"


@pytest.fixture(scope="session")
def emulator(data: Path) -> Iterator[Emulator]:
    """Run one emulator for all tests. Each test uses its own customers."""
    # The tests exceed the rate limits of a merchant. Rate limits have their own tests.
    with emulators.emulator("--no-rate-limits", "--data", str(data)) as running_emulator:
        yield running_emulator


@pytest.fixture(scope="session")
def driver_of(emulator: Emulator) -> Iterator[Callable[[Release], Driver]]:
    """Start the driver of a release once per test process. All end before the emulator does."""
    with ExitStack() as drivers:
        yield functools.cache(lambda release: drivers.enter_context(running_driver(release)))


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    """Return each published SDK in turn."""
    each: Release = request.param
    return each


@pytest.fixture
def sdk(release: Release, driver_of: Callable[[Release], Driver], emulator: Emulator) -> Sdk:
    """Return an unmodified SDK that calls the emulator."""
    return Sdk(release, driver_of(release), emulator)


@pytest.fixture(scope="session")
def suspended(data: Path, emulator: Emulator) -> Options:  # the emulator makes the vault
    """Return the credentials of a merchant that is suspended."""
    added = run_json("merchant", "add", "Disputed", "--data", str(data))
    assert tokenvault("merchant", "suspend", added["merchant_id"], "--data", str(data)).returncode == 0
    return {"client_id": added["client_id"], "client_secret": added["client_secret"]}


@pytest.fixture
def customer() -> str:
    """Return a customer that no other test uses."""
    return f"customer_{uuid4().hex[:12]}"


@pytest.fixture
def card(emulator: Emulator, customer: str) -> Json:
    """Save a card of this test's customer, which the test may delete."""
    return emulator.save(customer)


@pytest.fixture(scope="session")
def kept_card(emulator: Emulator) -> Json:
    """Save a card for tests that only read."""
    return emulator.save(f"customer_{uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def saved_for(emulator: Emulator) -> Callable[[str], Json]:
    """Return a function that saves one card for each customer id."""
    return functools.cache(emulator.save)


@pytest.fixture(scope="session")
def lifecycles() -> dict[tuple[str, str], CardLifecycle]:
    """Return the recorded lifecycles, by SDK and customer id."""
    return {}


@pytest.fixture(params=["customer_123", "a/b c%é"])
def lifecycle(
    request: pytest.FixtureRequest, lifecycles: dict[tuple[str, str], CardLifecycle], sdk: Sdk, emulator: Emulator
) -> CardLifecycle:
    """Return the lifecycle of a card with one SDK, for a plain customer id and for one with special characters."""
    key = (sdk.release.name, request.param)
    if key not in lifecycles:
        lifecycles[key] = CardLifecycle.record(sdk, emulator, f"{request.param}-{uuid4().hex[:12]}")
    return lifecycles[key]
