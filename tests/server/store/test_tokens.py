"""Counting the saved cards that share a token."""

from __future__ import annotations

import pytest

from tests.support.builders import sql
from tests.support.clock import NOW
from tokenvault_server.database.engine import Engine, single_statement
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.store import tokens
from tokenvault_server.vault.initialisation import SCHEMA

MERCHANT, INDEX = MerchantId("mer_1"), b"index"


@pytest.fixture
async def engine(engine: Engine) -> Engine:
    await migrate(engine, SCHEMA, NOW)
    return engine


async def share(engine: Engine, granted_at: int = NOW) -> bool:
    return await engine.commit(lambda: tokens.share(MERCHANT, INDEX, NOW, granted_at)) is not None


async def release(engine: Engine) -> bool:
    return await engine.commit(lambda: tokens.release(MERCHANT, INDEX, NOW))


async def test_an_unknown_token_may_be_used(engine: Engine) -> None:
    assert await tokens.is_usable(engine, MERCHANT, INDEX)


async def test_a_token_is_shared_and_released_until_its_last_card(engine: Engine) -> None:
    assert [await share(engine) for _ in range(3)] == [True] * 3
    assert [await release(engine) for _ in range(3)] == [False, False, True]


async def test_a_retiring_token_is_neither_usable_nor_shared(engine: Engine) -> None:
    await share(engine)
    await release(engine)
    assert not await tokens.is_usable(engine, MERCHANT, INDEX)
    assert not await share(engine)


async def test_a_retired_token_is_never_shared_again(engine: Engine) -> None:
    await share(engine)
    await release(engine)
    await engine.commit(single_statement(tokens.retire(MERCHANT, INDEX, NOW)))
    assert not await share(engine)
    assert await sql(engine, "SELECT state FROM tokens") == [("retired",)]


async def test_a_late_outbox_task_does_not_retire_a_live_token(engine: Engine) -> None:
    await share(engine)
    await engine.commit(single_statement(tokens.retire(MERCHANT, INDEX, NOW)))
    assert await tokens.is_usable(engine, MERCHANT, INDEX)


async def test_releasing_a_retiring_token_again_returns_false(engine: Engine) -> None:
    await share(engine)
    assert [await release(engine) for _ in range(2)] == [True, False]
