from __future__ import annotations

from collections.abc import Iterator

import pytest

from tokenvault_server.embedded import Emulator


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(shared: Emulator) -> Emulator:
    """An emulator as it was at its start; the tests of a module share it."""
    shared.reset()
    return shared
