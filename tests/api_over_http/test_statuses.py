"""Every status that the contract lists, reached from outside: parts of the vault fail on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tests.api_over_http.cases import assert_ours, assert_refused
from tests.api_over_http.environment import BUDGET, Environment, a_world
from tests.support.builders import retag, sql
from tests.support.emulator_process import instruments
from tests.support.http_client import Answer
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.errors import TokenServiceUnavailableError

LIST = "/customers/asha/instruments?instrument_type=card"


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    async with a_world(tmp_path / "vault") as environment:
        yield environment


async def done(environment: Environment) -> Answer:
    return await environment.ask("GET", await environment.save())


async def not_valid(environment: Environment) -> Answer:
    return await environment.ask("GET", LIST.replace("card", "upi"))


async def not_signed_in(environment: Environment) -> Answer:
    return await environment.ask("GET", LIST, x_client_secret="wrong")


async def suspended(environment: Environment) -> Answer:
    (merchant,) = await environment.vault.merchants.list()
    await environment.vault.account_states.suspend_merchant(merchant.merchant_id, "tests", "")
    return await environment.ask("GET", LIST)


async def not_there(environment: Environment) -> Answer:
    return await environment.ask("DELETE", instruments("asha", "54deabb4-ba45-4a60-9e6a-9c016fe7ab10"))


async def not_active(environment: Environment) -> Answer:
    path = await environment.save()
    await sql(environment.vault.engine, "UPDATE instruments SET status = 'INACTIVE'")
    await retag(environment.vault)
    return await environment.ask("GET", path + "/cryptogram")


async def not_the_same(environment: Environment) -> Answer:
    one, other = await environment.save(), await environment.save()
    await environment.ask("GET", one + "/cryptogram", x_idempotency_key="once")
    return await environment.ask("GET", other + "/cryptogram", x_idempotency_key="once")


async def not_so_often(environment: Environment) -> Answer:
    for _ in range(BUDGET):
        assert (await environment.ask("GET", LIST)).status == 200
    return await environment.ask("GET", LIST)


async def not_in_order(environment: Environment) -> Answer:
    await sql(environment.vault.engine, "ALTER TABLE instruments RENAME TO elsewhere")
    return await environment.ask("GET", LIST)


async def not_answered(environment: Environment) -> Answer:
    path = await environment.save()
    environment.script.failures["cryptogram"] = TokenServiceUnavailableError()
    return await environment.ask("GET", path + "/cryptogram")


ERRORS: dict[int, tuple[Callable[[Environment], Awaitable[Answer]], str]] = {
    400: (not_valid, "instrument_type_invalid"),
    401: (not_signed_in, "request_failed"),
    403: (suspended, "merchant_suspended"),
    404: (not_there, "instrument_not_found"),
    409: (not_active, "instrument_inactive"),
    422: (not_the_same, "idempotency_error"),
    429: (not_so_often, "request_failed"),
    500: (not_in_order, "internal_error"),
    502: (not_answered, "tokenization_service_unavailable"),
}


def test_these_are_all_that_the_contract_lists() -> None:
    listed = {PROBLEMS[kind].status for operation in OPERATIONS if operation.documented for kind in operation.problems}
    assert listed == set(ERRORS)


async def test_200_is_reached(environment: Environment) -> None:
    assert assert_ours(await done(environment)).status == 200


@pytest.mark.parametrize("status", ERRORS)
async def test_each_listed_error_status_can_be_reached(environment: Environment, status: int) -> None:
    way, code = ERRORS[status]
    assert_refused(await way(environment), status, code)


async def test_a_429_says_how_long_to_wait(environment: Environment) -> None:
    refused = await not_so_often(environment)
    rates = {name: refused.headers[name] for name in sorted(refused.headers) if name.startswith("x-ratelimit-")}
    assert rates == {
        "x-ratelimit-limit": str(BUDGET),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-retry": "59",
        "x-ratelimit-type": "app_id",
    }
    assert "retry-after" not in refused.headers
