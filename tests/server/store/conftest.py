from __future__ import annotations

import pytest

from tests.support.databases import ALL


@pytest.fixture(params=ALL)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind
