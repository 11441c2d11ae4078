from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.support.databases import BOTH, SQLITE, TestServer
from tests.support.emulator_process import Emulator, emulator
from tests.support.served_process import served


@pytest.fixture(scope="session", params=BOTH)
def running(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_servers: Callable[[str], TestServer],
) -> Iterator[Emulator]:
    """Yield an emulator, or a vault on PostgreSQL served by two processes; neither has rate limits."""
    if request.param == SQLITE:
        with emulator("--no-rate-limits") as running:
            yield running
        return
    folder = tmp_path_factory.mktemp("served") / "vault"
    with postgres_servers(request.param).stores() as stores, served(folder, stores=stores, workers=2) as running:
        yield running
