from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.tsp.environment import Environment
from tests.support.databases import BOTH


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def environment(tmp_path: Path, tsp_store: str) -> Iterator[Environment]:
    environment = Environment(tmp_path, tsp_store)
    yield environment
    environment.close()
