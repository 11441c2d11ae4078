"""The schema that the migrations make is the one that is written down, the same on every engine."""

from __future__ import annotations

import pytest

from tests.support.clock import NOW
from tests.support.databases import ALL
from tests.support.schema import GOLDEN, PACKAGES, schema_of
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import migrate


@pytest.fixture(params=ALL)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.mark.parametrize("name", PACKAGES)
async def test_the_migrations_make_the_recorded_schema(engine: Engine, name: str) -> None:
    await migrate(engine, PACKAGES[name], NOW)
    written = (GOLDEN / f"{name}.txt").read_text()
    assert await schema_of(engine) == written, "`python -m tests.support.schema` writes it anew"
