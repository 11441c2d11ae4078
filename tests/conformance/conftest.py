"""What the conformance tests are given: an emulator, every official SDK pointed at it, and saved cards."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from tests.conformance.official import RELEASES, Driver, Release, Sdk, running
from tests.conformance.lifecycle import Story
from tests.support import emulator_process as emulators
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """One emulator for all the tests: they keep apart by customer."""
    # The suite asks more than a merchant may in a minute; the limits have tests of their own.
    with emulators.emulator("--no-rate-limits") as running_emulator:
        yield running_emulator


@pytest.fixture(scope="session")
def driver_of(emulator: Emulator) -> Iterator[Callable[[Release], Driver]]:
    """Starts the driver of a release when first asked and keeps it; all leave before the emulator does."""
    with ExitStack() as drivers:
        yield functools.cache(lambda release: drivers.enter_context(running(release)))


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    """Each published SDK in turn."""
    each: Release = request.param
    return each


@pytest.fixture
def sdk(release: Release, driver_of: Callable[[Release], Driver], emulator: Emulator) -> Sdk:
    """An SDK, unmodified, pointed at the emulator."""
    return Sdk(release, driver_of(release), emulator)


@pytest.fixture
def customer() -> str:
    """A customer that no other test knows."""
    return f"customer_{uuid4().hex[:12]}"


@pytest.fixture
def card(emulator: Emulator, customer: str) -> Json:
    """A card that the customer of this test has saved, theirs to delete."""
    return emulator.save(customer)


@pytest.fixture(scope="session")
def kept_card(emulator: Emulator) -> Json:
    """A saved card for tests that only read."""
    return emulator.save(f"customer_{uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def saved_for(emulator: Emulator) -> Callable[[str], Json]:
    """Saves a card for a customer whose id matters, once."""
    return functools.cache(emulator.save)


@pytest.fixture(scope="session")
def told() -> dict[tuple[str, str], Story]:
    """The stories told so far, by SDK and kind of customer."""
    return {}


@pytest.fixture(params=["customer_123", "a/b c%é"])
def story(request: pytest.FixtureRequest, told: dict[tuple[str, str], Story], sdk: Sdk, emulator: Emulator) -> Story:
    """The whole life of a saved card as one SDK sees it, for a plain customer id and for an awkward one."""
    key = (sdk.release.name, request.param)
    if key not in told:
        told[key] = Story.tell(sdk, emulator, f"{request.param}-{uuid4().hex[:12]}")
    return told[key]
