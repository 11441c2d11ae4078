"""Merchants and partners are suspended and resumed: once, with a reason, and never against a save that is under way."""

from __future__ import annotations

import pytest

from tests.support.builders import a_caller, a_request, audit_entries, details_of, sql
from tests.support.clock import NOW, SettableClock
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.merchant import AccountState, Merchant
from tokenvault_server.errors import (
    AccountChangedError,
    InvalidFieldError,
    MerchantNotFoundError,
    MerchantSuspendedError,
    PartnerNotFoundError,
    RowNotAuthenticError,
)


@pytest.fixture
async def merchant(vault: Vault) -> Merchant:
    return (await vault.merchants.add("Shop", "tests")).merchant


async def test_a_merchant_is_suspended_and_resumed_with_reasons(
    vault: Vault, merchant: Merchant, clock: SettableClock
) -> None:
    clock.advance(minutes=1)
    suspended = await vault.account_states.suspend_merchant(merchant.merchant_id, "the operator", "chargebacks")
    assert (suspended.state, suspended.state_at) == (AccountState.SUSPENDED, NOW + MINUTE)
    assert await vault.merchants.load(merchant.merchant_id) == suspended
    clock.advance(minutes=1)
    resumed = await vault.account_states.resume_merchant(merchant.merchant_id, "the operator", "settled")
    assert (resumed.state, resumed.state_at) == (AccountState.ACTIVE, NOW + 2 * MINUTE)
    assert await vault.merchants.list() == [resumed]
    entries = (await audit_entries(vault, merchant.merchant_id))[1:]
    assert [(entry["action"], entry["actor"], details_of(entry)) for entry in entries] == [
        ("merchant.suspended", "the operator", {"reason": "chargebacks"}),
        ("merchant.resumed", "the operator", {"reason": "settled"}),
    ]


async def test_a_partner_is_suspended_and_resumed_in_the_vaults_own_chain(vault: Vault) -> None:
    partner_id = (await vault.partners.add("Platform", "tests")).partner_id
    await vault.account_states.suspend_partner(partner_id, "the operator", "key leaked")
    assert (await vault.partners.load(partner_id)).state is AccountState.SUSPENDED
    await vault.account_states.resume_partner(partner_id, "the operator", "key replaced")
    assert (await vault.partners.load(partner_id)).state is AccountState.ACTIVE
    entries = (await audit_entries(vault, vault.vault_id))[-2:]
    assert [(entry["action"], details_of(entry)) for entry in entries] == [
        ("partner.suspended", {"partner_id": partner_id, "reason": "key leaked"}),
        ("partner.resumed", {"partner_id": partner_id, "reason": "key replaced"}),
    ]


async def test_a_repeat_changes_nothing(vault: Vault, merchant: Merchant, clock: SettableClock) -> None:
    partner_id = (await vault.partners.add("Platform", "tests")).partner_id
    states, merchant_id = vault.account_states, merchant.merchant_id
    assert await states.resume_merchant(merchant_id, "tests", "") == merchant
    first = (
        await states.suspend_merchant(merchant_id, "tests", ""),
        await states.suspend_partner(partner_id, "tests", ""),
    )
    clock.advance(minutes=1)
    assert first == (
        await states.suspend_merchant(merchant_id, "tests", ""),
        await states.suspend_partner(partner_id, "tests", ""),
    )
    assert len(await audit_entries(vault, merchant_id)) == 2


async def test_a_state_that_was_changed_meanwhile_is_not_overwritten(vault: Vault, merchant: Merchant) -> None:
    states = vault.account_states
    stale = await states.suspend_merchant(merchant.merchant_id, "tests", "")
    await states.resume_merchant(merchant.merchant_id, "tests", "")
    with pytest.raises(AccountChangedError):
        await states.end_merchant(stale, "tests", {})
    partner_id = (await vault.partners.add("Platform", "tests")).partner_id
    stale_partner = await states.suspend_partner(partner_id, "tests", "")
    await states.resume_partner(partner_id, "tests", "")
    with pytest.raises(AccountChangedError):
        await states.end_partner(stale_partner, "tests", {})
    assert (await vault.merchants.known(merchant.merchant_id)).state is AccountState.ACTIVE


async def test_unknown_ids_and_reasons_that_cannot_be_stored_are_refused(vault: Vault, merchant: Merchant) -> None:
    states = vault.account_states
    with pytest.raises(MerchantNotFoundError):
        await states.suspend_merchant(MerchantId("mer_nobody"), "tests", "")
    with pytest.raises(PartnerNotFoundError):
        await states.suspend_partner(PartnerId("par_nobody"), "tests", "")
    for reason in ("4706131211212123", "a\nb", "x" * 101):
        with pytest.raises(InvalidFieldError):
            await states.suspend_merchant(merchant.merchant_id, "tests", reason)


async def test_a_row_that_was_changed_in_the_database_is_not_given_a_new_tag(vault: Vault, merchant: Merchant) -> None:
    await sql(vault.engine, "UPDATE merchants SET client_id = 'CLIENT_mine'")
    with pytest.raises(RowNotAuthenticError):
        await vault.account_states.suspend_merchant(merchant.merchant_id, "tests", "")


async def test_a_card_whose_saving_began_before_the_suspension_is_not_saved(vault: Vault, merchant: Merchant) -> None:
    caller = a_caller(merchant.merchant_id)
    unit = Unit(vault.engine)
    await vault.instruments.save(caller, unit, a_request(merchant_id=merchant.merchant_id))
    await vault.account_states.suspend_merchant(merchant.merchant_id, "tests", "")
    with pytest.raises(MerchantSuspendedError):
        await unit.commit()
    assert (await vault.instruments.summary(merchant.merchant_id)).live == 0
