"""An operator suspends and resumes saved cards at their providers."""

from __future__ import annotations

import pytest

from tests.support.builders import (
    CUSTOMER,
    MASTERCARD,
    a_cryptogram,
    a_saved_card,
    audit_entries,
    key_of,
)
from tests.support.second_tsp import SecondTsp
from tests.support.token_events import (
    URL,
    pull,
    status_of,
    webhook_events_of,
)
from tests.support.tsp import scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    InstrumentInactiveError,
    InvalidFieldError,
    SuspensionNotSupportedError,
)
from tokenvault_server.tsp.events import TokenStatus


async def test_an_operator_suspends_and_resumes_a_card(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    card_id = (caller, CUSTOMER, card.instrument.instrument_id)
    result = await vault.suspensions.suspend(*card_id, "asked by the customer")
    assert (result.status, await status_of(vault)) == (TokenStatus.SUSPENDED, ["INACTIVE"])
    with pytest.raises(InstrumentInactiveError):
        await a_cryptogram(vault, caller, card)
    result = await vault.suspensions.resume(*card_id, "found again")
    assert (result.status, await status_of(vault)) == (TokenStatus.ACTIVE, ["ACTIVE"])
    assert await pull(vault) == 0, "changes that the vault requested are not reported"
    entries = [each for each in await audit_entries(vault, caller.merchant_id) if each["action"].endswith("ed")]
    assert [(each["actor"], each["details"].get("reason")) for each in entries[-2:]] == [
        (caller.actor, "asked by the customer"),
        (caller.actor, "found again"),
    ]
    assert [event for event, _ in await webhook_events_of(vault, caller)][1:] == [
        "INSTRUMENT_INACTIVE_WEBHOOK",
        "INSTRUMENT_ACTIVE_WEBHOOK",
    ]


async def test_a_card_that_its_issuer_suspended_too_stays_inactive(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    card_id = (caller, CUSTOMER, card.instrument.instrument_id)
    await vault.token_service.issuer.suspend(key_of(card).reference)
    await vault.suspensions.suspend(*card_id, "lost")
    result = await vault.suspensions.resume(*card_id, "found")
    assert result.suspended_by is not None
    await pull(vault)
    assert await status_of(vault) == ["INACTIVE"]


async def test_a_reason_that_could_contain_a_card_number_is_refused_before_any_call(
    vault: Vault, caller: Caller
) -> None:
    card = await a_saved_card(vault, caller)
    vault, script = scripted(vault)
    with pytest.raises(InvalidFieldError):
        await vault.suspensions.suspend(caller, CUSTOMER, card.instrument.instrument_id, f"lost {MASTERCARD}")
    assert script.asked == []


async def test_a_provider_that_does_not_suspend_is_not_called(second: tuple[Vault, SecondTsp], caller: Caller) -> None:
    vault, _ = second
    card = await a_saved_card(vault, caller)
    with pytest.raises(SuspensionNotSupportedError):
        await vault.suspensions.suspend(caller, CUSTOMER, card.instrument.instrument_id, "lost")
