"""The contract's table says exactly which statuses each operation can give: whatever fails, those and no others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from tests.api_over_http.environment import BUDGET, Environment, a_world
from tests.server.api.calls import changed
from tests.support.builders import FOREIGN, sql
from tests.support.emulator_process import instruments
from tests.support.http_client import Answer
from tokenvault_contract.operations import OPERATIONS, Operation
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentInactiveError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
    VaultError,
)

NOBODY: Final = "54deabb4-ba45-4a60-9e6a-9c016fe7ab10"


class Calls:
    """Calls of one operation, in every state of a vault."""

    def __init__(self, environment: Environment, operation: Operation) -> None:
        self.environment = environment
        self.operation = operation
        self.script = environment.script
        self.engine = environment.vault.engine

    async def ask(self, card: str = "", body: bytes | None = None, **headers: str) -> list[Answer]:
        """Call the operation for a saved card, which is a new one unless it is given."""
        path = self.operation.path.format(customer_id="asha", instrument_id=card or await self.a_card())
        if self.operation.query:
            path += "?instrument_type=card"
        if self.operation.takes and body is None:
            body = changed()
        return [await self.environment.ask(self.operation.method, path, body, **headers)]

    async def a_card(self) -> str:
        """Save a card that no budget counts, and return its id."""
        if "{instrument_id}" not in self.operation.path:
            return NOBODY
        return (await self.environment.save()).rpartition("/")[2]


async def done(calls: Calls) -> list[Answer]:
    return await calls.ask()


async def not_valid(calls: Calls) -> list[Answer]:
    card = await calls.a_card()
    return [
        *await calls.ask(card, x_api_version="2020-01-01"),
        *await calls.ask(card, x_request_id="a b"),
        *await calls.ask(card, x_idempotency_key="a b"),
        *await calls.ask("%2e%2e"),
    ]


async def not_signed_in(calls: Calls) -> list[Answer]:
    return await calls.ask(NOBODY, x_client_secret="wrong")


async def suspended(calls: Calls) -> list[Answer]:
    (merchant,) = await calls.environment.vault.merchants.list()
    states = calls.environment.vault.account_states
    await states.suspend_merchant(merchant.merchant_id, "tests", "")
    answers = await calls.ask(NOBODY)
    await states.resume_merchant(merchant.merchant_id, "tests", "")
    calls.environment.vault.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a settable clock
    return answers


async def not_there(calls: Calls) -> list[Answer]:
    return await calls.ask(NOBODY)


async def deleted_meanwhile(calls: Calls) -> list[Answer]:
    card = await calls.a_card()
    first = await calls.ask(card, x_idempotency_key="deleted")
    saved = json.loads(first[0].body)
    if isinstance(saved, dict):
        await calls.environment.ask("DELETE", instruments("asha", saved["instrument_id"]))
    return first + await calls.ask(card, x_idempotency_key="deleted")


async def at_the_same_time(calls: Calls) -> list[Answer]:
    card = await calls.a_card()
    answers = await asyncio.gather(*(calls.ask(card, x_idempotency_key="together") for _ in range(3)))
    return [each for answer in answers for each in answer]


async def under_the_key_of_another_call(calls: Calls) -> list[Answer]:
    await calls.environment.ask("DELETE", await calls.environment.save(), x_idempotency_key="another")
    return await calls.ask(x_idempotency_key="another")


async def not_active(calls: Calls) -> list[Answer]:
    card = await calls.a_card()
    await sql(calls.engine, "UPDATE instruments SET status = 'INACTIVE' WHERE status = 'ACTIVE'")
    answers = await calls.ask(card)
    await sql(calls.engine, "UPDATE instruments SET status = 'ACTIVE' WHERE status = 'INACTIVE'")
    return answers


async def with_a_large_body(calls: Calls) -> list[Answer]:
    return await calls.ask(NOBODY, body=b"x" * 20_000)


async def with_a_card_of_nobody(calls: Calls) -> list[Answer]:
    return await calls.ask(NOBODY, body=changed(card__card_number=FOREIGN))


async def while_the_provider_fails(calls: Calls) -> list[Answer]:
    answers = []
    card = await calls.a_card()
    failures: list[VaultError] = [
        TokenServiceUnavailableError(),
        UnusableAnswerError(),
        CardNotSupportedError(),
        InstrumentInactiveError(),
    ]
    for failure in failures:
        calls.script.failures = dict.fromkeys(
            ("provision", "cryptogram", "lifecycle", "get", "close_enrolment"), failure
        )
        answers += await calls.ask(card)
    calls.script.failures = {}
    return answers


async def of_an_unknown_provider(calls: Calls) -> list[Answer]:
    card = await calls.a_card()
    await sql(calls.engine, "UPDATE instruments SET tsp_id = 'gone'")
    answers = await calls.ask(card)
    await sql(calls.engine, "UPDATE instruments SET tsp_id = 'local'")
    return answers


async def too_often(calls: Calls) -> list[Answer]:
    card = await calls.a_card()
    calls.environment.vault.clock.advance(minutes=2)  # type: ignore[attr-defined]  # a settable clock
    return [each for _ in range(BUDGET + 1) for each in await calls.ask(card)]


async def without_its_tables(calls: Calls) -> list[Answer]:
    calls.environment.vault.clock.advance(minutes=2)  # type: ignore[attr-defined]  # a settable clock
    card = await calls.a_card()
    await sql(calls.engine, "ALTER TABLE instruments RENAME TO elsewhere")
    return await calls.ask(card)


WAYS: Final[tuple[Callable[[Calls], Awaitable[list[Answer]]], ...]] = (
    done,
    not_valid,
    not_signed_in,
    suspended,
    not_there,
    deleted_meanwhile,
    at_the_same_time,
    under_the_key_of_another_call,
    not_active,
    with_a_large_body,
    with_a_card_of_nobody,
    while_the_provider_fails,
    of_an_unknown_provider,
    too_often,
    without_its_tables,
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
async def test_an_operation_gives_the_statuses_of_its_table_and_no_others(tmp_path: Path, operation: Operation) -> None:
    found: dict[int, set[str]] = {}
    async with a_world(tmp_path / "vault") as environment:
        calls = Calls(environment, operation)
        for way in WAYS:
            environment.vault.clock.advance(seconds=61)  # type: ignore[attr-defined]  # a settable clock
            for answer in await way(calls):
                found.setdefault(answer.status, set()).add(way.__name__)
    listed = {operation.success, *(PROBLEMS[kind].status for kind in operation.problems)}
    assert set(found) == listed, found
