"""A turn checks the key, and what a call wrote is settled together or not at all."""

from __future__ import annotations

import pytest

from tests.server.api.calls import Client, changed
from tests.support.builders import VISA


@pytest.mark.parametrize("key", ["a", "0197f0a0-0000-7000-8000-000000000001", "!" * 128, "order=1;attempt=2"])
async def test_visible_ascii_is_a_key_and_comes_back(client: Client, key: str) -> None:
    answer = await client.call(x_idempotency_key=key)
    assert (answer.status, answer.headers["x-idempotency-key"]) == (200, key)


@pytest.mark.parametrize("key", ["", " ", "a b", "\xe9", "x" * 129, VISA])
async def test_anything_else_is_refused_and_does_not_come_back(client: Client, key: str) -> None:
    answer = await client.call(x_idempotency_key=key)
    assert (answer.status, answer.code) == (400, "x-idempotency-key_invalid")
    assert "x-idempotency-key" not in answer.headers


async def test_without_a_key_none_comes_back(client: Client) -> None:
    assert "x-idempotency-key" not in (await client.call()).headers


async def test_a_call_that_cannot_be_settled_is_not_answered_as_done(client: Client) -> None:
    await client.tell("CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert (await client.call("POST", body=changed())).status == 500
    await client.tell("DROP TRIGGER full")
    assert (await client.call()).body == []
