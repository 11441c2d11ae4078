from __future__ import annotations

import pytest

from tests.support.databases import BOTH


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind
