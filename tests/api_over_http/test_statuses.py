"""Every status that the published document lists, reached from outside: parts of the vault fail on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.api_over_http.cases import assert_ours, assert_refused
from tests.api_over_http.world import BUDGET, World, a_world
from tests.support.builders import sql
from tests.support.emulator_process import instruments
from tests.support.http_client import Answer
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.errors import TokenServiceUnavailableError

LIST = "/customers/asha/instruments?instrument_type=card"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path / "vault") as world:
        yield world


async def done(world: World) -> Answer:
    return await world.ask("GET", await world.save())


async def not_valid(world: World) -> Answer:
    return await world.ask("GET", LIST.replace("card", "upi"))


async def not_signed_in(world: World) -> Answer:
    return await world.ask("GET", LIST, x_client_secret="wrong")


async def not_there(world: World) -> Answer:
    return await world.ask("DELETE", instruments("asha", "54deabb4-ba45-4a60-9e6a-9c016fe7ab10"))


async def not_active(world: World) -> Answer:
    path = await world.save()
    await sql(world.vault.engine, "UPDATE instruments SET status = 'INACTIVE'")
    return await world.ask("GET", path + "/cryptogram")


async def not_the_same(world: World) -> Answer:
    one, other = await world.save(), await world.save()
    await world.ask("GET", one + "/cryptogram", x_idempotency_key="once")
    return await world.ask("GET", other + "/cryptogram", x_idempotency_key="once")


async def not_so_often(world: World) -> Answer:
    for _ in range(BUDGET):
        assert (await world.ask("GET", LIST)).status == 200
    return await world.ask("GET", LIST)


async def not_in_order(world: World) -> Answer:
    await sql(world.vault.engine, "ALTER TABLE instruments RENAME TO elsewhere")
    return await world.ask("GET", LIST)


async def not_answered(world: World) -> Answer:
    path = await world.save()
    world.script.failures["cryptogram"] = TokenServiceUnavailableError()
    return await world.ask("GET", path + "/cryptogram")


REFUSALS: dict[int, tuple[Callable[[World], Awaitable[Answer]], str]] = {
    400: (not_valid, "instrument_type_invalid"),
    401: (not_signed_in, "request_failed"),
    404: (not_there, "instrument_not_found"),
    409: (not_active, "instrument_inactive"),
    422: (not_the_same, "idempotency_error"),
    429: (not_so_often, "request_failed"),
    500: (not_in_order, "internal_error"),
    502: (not_answered, "tokenization_service_unavailable"),
}


def test_these_are_all_that_the_document_lists() -> None:
    listed = {PROBLEMS[kind].status for operation in OPERATIONS if operation.documented for kind in operation.problems}
    assert listed == set(REFUSALS)


async def test_200_is_reached(world: World) -> None:
    assert assert_ours(await done(world)).status == 200


@pytest.mark.parametrize("status", REFUSALS)
async def test_a_documented_refusal_is_reached(world: World, status: int) -> None:
    way, code = REFUSALS[status]
    assert_refused(await way(world), status, code)


async def test_a_refusal_for_calling_too_often_says_how_long_to_wait(world: World) -> None:
    refused = await not_so_often(world)
    told = {name: refused.headers[name] for name in sorted(refused.headers) if name.startswith("x-ratelimit-")}
    assert told == {
        "x-ratelimit-limit": str(BUDGET),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-retry": "59",
        "x-ratelimit-type": "app_id",
    }
    assert "retry-after" not in refused.headers
