"""An act is repeated when its reads are stale, and its errors settle or release the key."""

from __future__ import annotations

import pytest
from msgspec import Raw

from tests.support.builders import a_caller, sql
from tokenvault_contract.operations import DELETE_INSTRUMENT
from tokenvault_server.api.call import Call, Reply, Request
from tokenvault_server.api.idempotency import ATTEMPTS, Idempotency
from tokenvault_server.api.versions import DEFAULT
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.errors import (
    CardNotSupportedError,
    KeyUnavailableError,
    StaleReadError,
    TokenServiceUnavailableError,
    VaultError,
)

DONE = Reply(200, b"{}")


class Act:
    """Fails while it has failures left, then answers; records its calls."""

    def __init__(self, *failures: VaultError, instrument_id: str = "") -> None:
        self._failures = list(failures)
        self._instrument_id = instrument_id
        self.calls: list[Call] = []

    @property
    def asked(self) -> int:
        return len(self.calls)

    async def __call__(self, call: Call, unit: Unit) -> Reply:
        self.calls.append(call)
        call.instrument_id = self._instrument_id
        if self._failures:
            raise self._failures.pop(0)
        return DONE


def a_call(key: str = "k") -> Call:
    headers = [(b"x-idempotency-key", key.encode())] if key else []
    request = Request("DELETE", b"/", b"", headers, "192.0.2.1")
    request.shape, request.idempotency_key = DEFAULT.newest, key
    return Call(request, DELETE_INSTRUMENT, ("customer-1", "ins_1"), a_caller(), Raw(b""))


@pytest.fixture
def idempotency(vault: Vault) -> Idempotency:
    return Idempotency(vault.engine, vault.idempotency_keys)


async def ask(idempotency: Idempotency, act: Act, call: Call | None = None) -> Reply:
    return await idempotency.once(call or a_call(), act)


@pytest.mark.parametrize("key", ["", "k"])
async def test_an_act_with_stale_reads_is_repeated_up_to_the_last_attempt(idempotency: Idempotency, key: str) -> None:
    act, call = Act(*[StaleReadError()] * (ATTEMPTS - 1)), a_call(key)
    assert (await ask(idempotency, act, call)).status == 200
    assert act.calls == [call] * ATTEMPTS


async def test_the_answer_of_the_last_attempt_is_stored_like_any_answer(idempotency: Idempotency) -> None:
    act = Act(*[StaleReadError()] * (ATTEMPTS - 1))
    first, again = await ask(idempotency, act), await ask(idempotency, act)
    assert (again.status, again.body) == (first.status, first.body)
    assert act.asked == ATTEMPTS


async def test_an_act_whose_reads_stay_stale_fails(idempotency: Idempotency) -> None:
    act = Act(*[StaleReadError()] * (ATTEMPTS + 1))
    with pytest.raises(StaleReadError):
        await ask(idempotency, act, a_call(""))
    assert act.asked == ATTEMPTS


@pytest.mark.parametrize("failure", [VaultError(), KeyUnavailableError(), TokenServiceUnavailableError()])
async def test_no_failure_on_our_side_is_stored(idempotency: Idempotency, failure: VaultError) -> None:
    act = Act(failure)
    assert (await ask(idempotency, act)).status >= 500
    assert (await ask(idempotency, act)).status == 200
    assert act.asked == 2


async def test_a_stored_error_names_no_card_even_if_the_act_had_named_one(
    vault: Vault, idempotency: Idempotency
) -> None:
    assert (await ask(idempotency, Act(CardNotSupportedError(), instrument_id="ins_1"))).status == 400
    assert await sql(vault.engine, "SELECT status, instrument_id FROM idempotency_keys") == [(400, "")]
