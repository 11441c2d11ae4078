"""One emulator for all tests over HTTP, and a saved card in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.emulator_process import Emulator, emulator, instruments
from tests.support.http_client import Json


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as running:
        yield running


@pytest.fixture(scope="session")
def kept_card(running: Emulator) -> Json:
    """A saved card for tests that only read."""
    return running.save("kept")


@pytest.fixture(scope="session")
def card_path(kept_card: Json) -> str:
    """Where the kept card is, from the root."""
    return "/pg" + instruments("kept", kept_card["instrument_id"])
