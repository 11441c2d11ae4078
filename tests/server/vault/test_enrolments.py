"""An enrolment is recorded before its token is requested; only tokens without a saved card are deleted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.builders import (
    CUSTOMER,
    FOREIGN,
    a_cryptogram,
    a_request,
    a_saved_card,
    sql,
)
from tests.support.clock import SettableClock
from tests.support.engines import SometimesLocked
from tests.support.tsp import ScriptedTsp, behind, scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.card import with_check_digit
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import (
    CardNotSupportedError,
    StaleReadError,
    StoreError,
    TokenServiceNotAskedError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
)
from tokenvault_server.tsp.circuit import FAILURES
from tokenvault_server.tsp.provider import Cryptogram, CryptogramContext, ProvisionRequest, TokenGrant, TokenKey
from tokenvault_server.vault.enrolments import PATIENCE

PATIENCE_SECONDS = PATIENCE // SECOND


async def topics(vault: Vault) -> list[str]:
    return [row[0] for row in await sql(vault.engine, "SELECT topic FROM outbox ORDER BY created_at, outbox_id")]


async def statuses(vault: Vault) -> list[str]:
    """Return the statuses of the provider's tokens, oldest first."""
    return [row[0] for row in await sql(vault.tsp_engine, "SELECT status FROM tokens ORDER BY token_reference")]


async def requested_but_not_saved(vault: Vault, caller: Caller) -> Unit:
    """Request a token without committing, like a vault that is killed before the commit."""
    unit = Unit(vault.engine)
    await vault.instruments.save(caller, unit, a_request(merchant_id=caller.merchant_id))
    return unit


async def test_an_enrolment_exists_before_the_provider_answers_and_ends_when_the_card_is_saved(
    vault: Vault, caller: Caller
) -> None:
    vault, script = scripted(vault)
    seen: list[str] = []

    async def look() -> None:
        seen.extend(await topics(vault))

    script.meanwhile = look
    await a_saved_card(vault, caller)
    assert (seen, await topics(vault)) == (["enrolment"], [])


async def test_no_provider_is_called_before_the_enrolment_is_recorded(vault: Vault, caller: Caller) -> None:
    engine = SometimesLocked(vault.engine)
    script = ScriptedTsp(vault.token_service)
    engine.is_locked = True
    with pytest.raises(StoreError):
        await a_saved_card(behind(vault, engine, script), caller)
    assert script.asked == []


async def test_a_token_without_a_saved_card_is_deleted_when_its_enrolment_is_due(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    await requested_but_not_saved(vault, caller)
    clock.advance(seconds=PATIENCE_SECONDS - 1)
    assert (await vault.outbox_tasks.run_due(), await statuses(vault)) == (0, ["ACTIVE"])
    clock.advance(seconds=1)
    assert (await vault.outbox_tasks.run_due(), await topics(vault)) == (1, ["delete_token"])
    assert (await vault.outbox_tasks.run_due(), await topics(vault)) == (1, [])
    assert await statuses(vault) == ["DELETED"]
    assert await sql(vault.engine, "SELECT state, instrument_count FROM tokens") == [("retired", 0)]


async def test_an_enrolment_without_a_token_is_removed(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    vault, script = scripted(vault)
    script.failures["provision"] = OSError()
    with pytest.raises(TokenServiceUnavailableError):
        await a_saved_card(vault, caller)
    clock.advance(seconds=PATIENCE_SECONDS)
    assert (await vault.outbox_tasks.run_due(), await topics(vault), await statuses(vault)) == (1, [], [])


async def test_a_card_that_is_saved_again_meanwhile_keeps_its_token(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    await requested_but_not_saved(vault, caller)
    saved = await a_saved_card(vault, caller)
    clock.advance(seconds=PATIENCE_SECONDS)
    assert (await vault.outbox_tasks.run_due(), await topics(vault), await statuses(vault)) == (1, [], ["ACTIVE"])
    await a_cryptogram(vault, caller, saved)


async def test_a_card_that_is_saved_too_late_is_rejected_and_gets_a_new_token(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    late = await requested_but_not_saved(vault, caller)
    clock.advance(seconds=PATIENCE_SECONDS)
    await vault.outbox_tasks.run_due()
    with pytest.raises(StaleReadError):
        await late.commit()
    await a_saved_card(vault, caller)
    await vault.outbox_tasks.run_due()
    assert await statuses(vault) == ["DELETED", "ACTIVE"]
    assert len(await vault.instruments.fetch_all(caller, CUSTOMER)) == 1


async def test_a_card_that_is_saved_while_its_enrolment_is_being_given_up_is_kept(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    late = await requested_but_not_saved(vault, caller)
    clock.advance(seconds=PATIENCE_SECONDS)
    closes = ClosesSlowly(vault, late)
    await behind(vault, vault.engine, closes).outbox_tasks.run_due()
    assert (await topics(vault), await statuses(vault)) == ([], ["ACTIVE"])
    assert len(await vault.instruments.fetch_all(caller, CUSTOMER)) == 1


class ClosesSlowly(ScriptedTsp):
    """A provider that saves a card while it closes the enrolment."""

    def __init__(self, vault: Vault, late: Unit) -> None:
        super().__init__(vault.token_service)
        self._late = late

    async def close_enrolment(self, enrolment_id: str) -> str | None:
        reference = await super().close_enrolment(enrolment_id)
        await self._late.commit()
        return reference


async def test_a_card_that_the_provider_refuses_leaves_no_enrolment(vault: Vault, caller: Caller) -> None:
    with pytest.raises(CardNotSupportedError):
        await a_saved_card(vault, caller, FOREIGN)
    assert await topics(vault) == []


async def test_an_open_circuit_leaves_no_enrolment(vault: Vault, caller: Caller) -> None:
    vault, script = scripted(vault)
    script.failures["provision"] = OSError()
    for _ in range(FAILURES):
        with pytest.raises(TokenServiceUnavailableError):
            await a_saved_card(vault, caller)
    with pytest.raises(TokenServiceNotAskedError):
        await a_saved_card(vault, caller)
    assert (script.asked, len(await topics(vault))) == (["provision"] * FAILURES, FAILURES)


async def test_an_enrolment_is_never_closed_at_another_provider(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    await requested_but_not_saved(vault, caller)
    clock.advance(seconds=PATIENCE_SECONDS)
    another = Another(vault.token_service)
    assert await behind(vault, vault.engine, another).outbox_tasks.run_due() == 0
    assert (another.asked, await topics(vault)) == ([], ["enrolment"])


class Another(ScriptedTsp):
    """A provider with another name."""

    @property
    def tsp_id(self) -> str:
        return "another"


class Altering(ScriptedTsp):
    """A provider that alters its answers."""

    def __init__(self, vault: Vault, **changes: Any) -> None:
        super().__init__(vault.token_service)
        self._changes = changes

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        return replace(await super().provision(request), **self._changes)

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return replace(await super().cryptogram(key, context), **self._changes)


async def test_after_an_invalid_grant_no_card_is_saved_and_its_token_is_deleted(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    altering = behind(vault, vault.engine, Altering(vault, last4="0000"))
    with pytest.raises(UnusableAnswerError):
        await a_saved_card(altering, caller)
    assert await vault.instruments.fetch_all(caller, CUSTOMER) == []
    clock.advance(seconds=PATIENCE_SECONDS)
    for _ in range(2):
        await altering.outbox_tasks.run_due()
    assert (await topics(vault), await statuses(vault)) == ([], ["DELETED"])


@pytest.mark.parametrize(
    "change",
    [
        {"token_pan": NetworkToken(with_check_digit("499999000000000"))},
        {"trid": "90000000000"},
        {"value": Secret("A" * 27)},
    ],
    ids=["another token", "another requestor", "a malformed value"],
)
async def test_a_cryptogram_for_another_token_is_neither_counted_nor_released(
    vault: Vault, caller: Caller, change: dict[str, Any]
) -> None:
    card = await a_saved_card(vault, caller)
    with pytest.raises(UnusableAnswerError):
        await a_cryptogram(behind(vault, vault.engine, Altering(vault, **change)), caller, card)
    assert await sql(vault.engine, "SELECT cryptogram_count FROM instruments") == [(0,)]
