"""Both servers that speak our API, each started once, with a saved card in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.support.emulator_process import Emulator, emulator, instruments
from tests.support.served_process import served


@pytest.fixture(scope="session")
def emulated() -> Iterator[Emulator]:
    """The emulator, on uvicorn."""
    with emulator("--no-rate-limits") as running:
        yield running


@pytest.fixture(scope="session")
def in_production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """`serve`, on granian."""
    with served(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(params=["emulated", "in_production"])
def running(request: pytest.FixtureRequest) -> Emulator:
    """Each of the two in turn."""
    running: Emulator = request.getfixturevalue(request.param)
    return running


@pytest.fixture(scope="session")
def path_of_a_card() -> Callable[[Emulator], str]:
    """Saves one card in each server, for tests that only read."""
    return cache(lambda running: "/pg" + instruments("kept", running.save("kept")["instrument_id"]))


@pytest.fixture
def card_path(running: Emulator, path_of_a_card: Callable[[Emulator], str]) -> str:
    """Where the kept card is, from the root."""
    return path_of_a_card(running)
