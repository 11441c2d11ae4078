"""Acting once when the act does not go smoothly: what was read changed, our side failed, or a body is missing."""

from __future__ import annotations

import pytest

from tests.server.api.calls import LATEST, Client
from tests.support.builders import a_caller, sql
from tokenvault_contract.operations import DELETE_INSTRUMENT
from tokenvault_contract.versions import ApiVersion
from tokenvault_server.api.call import Call, Reply
from tokenvault_server.api.idempotency import ATTEMPTS, Idempotency
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    CardNotSupportedError,
    KeyUnavailableError,
    StaleReadError,
    TokenServiceUnavailableError,
    VaultError,
)

DONE = Reply(200, b"{}")


class Act:
    """Fails as often as there are failures left, then answers; remembers who asked."""

    def __init__(self, *failures: VaultError, about: str = "") -> None:
        self._failures = list(failures)
        self._about = about
        self.callers: list[Caller] = []

    @property
    def asked(self) -> int:
        return len(self.callers)

    async def __call__(self, call: Call, caller: Caller, unit: Unit) -> Reply:
        self.callers.append(caller)
        call.about = self._about
        if self._failures:
            raise self._failures.pop(0)
        return DONE


def a_call(key: str = "k", body: bytes | None = b"") -> Call:
    call = Call("DELETE", b"/", b"", [(b"x-idempotency-key", key.encode())] if key else [], "192.0.2.1")
    call.operation, call.path, call.body = DELETE_INSTRUMENT, ("customer-1", "ins_1"), body
    call.version, call.idempotency_key = ApiVersion(LATEST), key
    return call


@pytest.fixture
def idempotency(vault: Vault) -> Idempotency:
    return Idempotency(vault.engine, vault.idempotency_keys)


async def ask(idempotency: Idempotency, act: Act, call: Call | None = None) -> Reply:
    return await idempotency.once(call or a_call(), a_caller(), act)


@pytest.mark.parametrize("key", ["", "k"])
async def test_what_changed_under_an_act_is_read_anew_up_to_the_last_attempt(
    idempotency: Idempotency, key: str
) -> None:
    act = Act(*[StaleReadError()] * (ATTEMPTS - 1))
    assert (await ask(idempotency, act, a_call(key))).status == 200
    assert act.callers == [a_caller()] * ATTEMPTS


async def test_what_the_last_attempt_answered_is_stored_like_any_answer(idempotency: Idempotency) -> None:
    act = Act(*[StaleReadError()] * (ATTEMPTS - 1))
    first, again = await ask(idempotency, act), await ask(idempotency, act)
    assert (again.status, again.body) == (first.status, first.body)
    assert act.asked == ATTEMPTS


async def test_what_changes_under_every_attempt_is_given_up(idempotency: Idempotency) -> None:
    act = Act(*[StaleReadError()] * (ATTEMPTS + 1))
    with pytest.raises(StaleReadError):
        await ask(idempotency, act, a_call(""))
    assert act.asked == ATTEMPTS


@pytest.mark.parametrize("failure", [VaultError(), KeyUnavailableError(), TokenServiceUnavailableError()])
async def test_no_failure_of_ours_is_stored(idempotency: Idempotency, failure: VaultError) -> None:
    act = Act(failure)
    assert (await ask(idempotency, act)).status >= 500
    assert (await ask(idempotency, act)).status == 200
    assert act.asked == 2


async def test_a_refusal_speaks_of_no_card_even_if_the_act_had_named_one(
    vault: Vault, idempotency: Idempotency
) -> None:
    assert (await ask(idempotency, Act(CardNotSupportedError(), about="ins_1"))).status == 400
    assert await sql(vault.engine, "SELECT status, instrument_id FROM idempotency_keys") == [(400, "")]


@pytest.mark.parametrize("body", [b"{}", b"XXXX", b"\0"])
async def test_a_key_used_without_a_body_does_not_fit_a_call_that_has_one(client: Client, body: bytes) -> None:
    path = await client.save()
    assert (await client.call("DELETE", path, body=b"", x_idempotency_key="k")).status == 200
    assert (await client.call("DELETE", path, body=body, x_idempotency_key="k")).code == "idempotency_error"
