"""A removal leaves nothing that works and everything that auditors need, also when it is interrupted."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.builders import (
    MASTERCARD,
    RUPAY,
    VISA,
    a_caller,
    a_deleted_card,
    a_saved_card,
    audit_entries,
    details_of,
    key_of,
    sql,
)
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import AccountState, Caller
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.errors import AccountRemovedError, CardsNotDeletedError
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.vault.partners import NewPartner
from tokenvault_server.vault.removals import RemovedMerchant, RemovedPartner


@pytest.fixture
async def merchant_id(vault: Vault) -> MerchantId:
    return (await vault.merchants.add("Shop", "tests")).merchant.merchant_id


@pytest.fixture
async def partner(vault: Vault) -> NewPartner:
    return await vault.partners.add("Platform", "tests")


@pytest.fixture
async def furnished(vault: Vault, merchant_id: MerchantId, partner: NewPartner) -> Caller:
    """Return a caller of a merchant that has one of everything, and three cards of which one is deleted."""
    await vault.partners.link(partner.partner_id, merchant_id, "tests")
    await vault.merchants.rotate_secret(merchant_id, 3600, "tests")
    await vault.client_signatures.make_key(merchant_id, "tests")
    await vault.own_limits.set(OwnLimit(merchant_id, "fetch_cryptogram", 500), "tests")
    await vault.webhooks.add(merchant_id, "https://shop.example/hook", "tests")
    await vault.webhooks.add(merchant_id, "https://platform.example/hook", "tests", partner.partner_id)
    caller = a_caller(merchant_id)
    for pan in (VISA, MASTERCARD):
        await a_saved_card(vault, caller, pan)
    await a_deleted_card(vault, caller, await a_saved_card(vault, caller, RUPAY))
    return caller


async def verified(vault: Vault) -> list[str]:
    await vault.audit.checkpoint()
    return (await vault.verify_audit(with_anchor=False)).findings


async def test_a_removal_ends_everything_and_keeps_the_audit_trail(
    vault: Vault, furnished: Caller, partner: NewPartner
) -> None:
    merchant_id = furnished.merchant_id
    reported: list[tuple[int, int]] = []
    done = await vault.removals.remove_merchant(
        merchant_id, "the operator", "contract ended", lambda *each: reported.append(each)
    )
    assert done == RemovedMerchant(cards=2, secrets=2, signature_keys=1, partner_links=1, limits=1, endpoints=2)
    assert reported[-1] == (2, 2)
    assert (await vault.instruments.summary(merchant_id)).counts == {InstrumentStatus.DELETED: 3}
    assert all(each.revoked_at for each in await vault.merchants.secrets(merchant_id))
    assert not any(each.is_live for each in await vault.client_signatures.all(merchant_id))
    assert (await vault.webhooks.endpoints(merchant_id), await vault.own_limits.of(merchant_id)) == ([], {})
    assert list(await vault.partners.links_of(partner.partner_id)) == []
    merchant = await vault.merchants.known(merchant_id)
    assert merchant.state is AccountState.REMOVED
    assert await vault.merchants.id_of_client(merchant.client_id) is None
    entries = await audit_entries(vault, merchant_id)
    assert (entries[-1]["action"], details_of(entries[-1])) == (
        "merchant.removed",
        {"reason": "contract ended", **done._asdict()},
    )
    assert Counter(entry["action"] for entry in entries)["instrument.deleted"] == 3
    assert await verified(vault) == []


async def test_the_tokens_of_a_removed_merchant_are_deleted_at_their_provider(
    vault: Vault, merchant_id: MerchantId
) -> None:
    key = key_of(await a_saved_card(vault, a_caller(merchant_id)))
    assert (await vault.token_service.get(key)).status is TokenStatus.ACTIVE
    await vault.removals.remove_merchant(merchant_id, "tests", "")
    assert await vault.removals.delete_tokens(merchant_id) == 0
    assert (await vault.token_service.get(key)).status is TokenStatus.DELETED


async def test_an_interrupted_removal_leaves_the_merchant_suspended_and_goes_on(
    vault: Vault, merchant_id: MerchantId
) -> None:
    caller = a_caller(merchant_id)
    for number in range(10):
        await a_saved_card(vault, caller, customer_id=f"customer-{number}")

    def killed(deleted: int, _all: int) -> None:
        raise KeyboardInterrupt(str(deleted))

    with pytest.raises(KeyboardInterrupt, match="8"):
        await vault.removals.remove_merchant(merchant_id, "tests", "", killed)
    assert (await vault.merchants.known(merchant_id)).state is AccountState.SUSPENDED
    assert (await vault.removals.remove_merchant(merchant_id, "tests", "")).cards == 2
    actions = Counter(entry["action"] for entry in await audit_entries(vault, merchant_id))
    assert (actions["instrument.deleted"], actions["merchant.suspended"], actions["merchant.removed"]) == (10, 1, 1)
    assert await verified(vault) == []


async def test_a_card_that_was_changed_in_the_database_keeps_the_merchant_from_being_removed(
    vault: Vault, furnished: Caller
) -> None:
    await sql(vault.engine, "UPDATE instruments SET last4 = '0000' WHERE network = 'visa'")
    with pytest.raises(CardsNotDeletedError, match="1 saved cards"):
        await vault.removals.remove_merchant(furnished.merchant_id, "tests", "")
    assert (await vault.merchants.known(furnished.merchant_id)).state is AccountState.SUSPENDED
    assert len(await vault.webhooks.endpoints(furnished.merchant_id)) == 2
    await sql(vault.engine, "UPDATE instruments SET last4 = '2123' WHERE network = 'visa'")
    assert (await vault.removals.remove_merchant(furnished.merchant_id, "tests", "")).cards == 1


async def test_nothing_is_added_to_a_removed_merchant(
    vault: Vault, merchant_id: MerchantId, partner: NewPartner
) -> None:
    await vault.removals.remove_merchant(merchant_id, "tests", "")
    refused = [
        vault.removals.remove_merchant(merchant_id, "tests", ""),
        vault.account_states.suspend_merchant(merchant_id, "tests", ""),
        vault.account_states.resume_merchant(merchant_id, "tests", ""),
        vault.merchants.rotate_secret(merchant_id, 0, "tests"),
        vault.client_signatures.make_key(merchant_id, "tests"),
        vault.partners.link(partner.partner_id, merchant_id, "tests"),
        vault.own_limits.set(OwnLimit(merchant_id, "fetch_cryptogram", 5), "tests"),
        vault.webhooks.add(merchant_id, "https://shop.example/hook", "tests"),
    ]
    for act in refused:
        with pytest.raises(AccountRemovedError):
            await act


async def test_a_removed_partner_acts_for_nobody_and_its_merchants_stay(
    vault: Vault, furnished: Caller, partner: NewPartner
) -> None:
    done = await vault.removals.remove_partner(partner.partner_id, "the operator", "contract ended")
    assert done == RemovedPartner(keys=1, links=1, endpoints=1)
    (endpoint,) = await vault.webhooks.endpoints(furnished.merchant_id)
    assert endpoint.partner_id is None
    assert (await vault.partners.load(partner.partner_id)).state is AccountState.REMOVED
    assert (await vault.instruments.summary(furnished.merchant_id)).live == 2
    entry = (await audit_entries(vault, vault.vault_id))[-1]
    assert (entry["action"], details_of(entry)) == (
        "partner.removed",
        {"partner_id": partner.partner_id, "reason": "contract ended", **done._asdict()},
    )
    refused = [
        vault.removals.remove_partner(partner.partner_id, "tests", ""),
        vault.account_states.resume_partner(partner.partner_id, "tests", ""),
        vault.partners.rotate_key(partner.partner_id, 0, "tests"),
        vault.partners.link(partner.partner_id, furnished.merchant_id, "tests"),
    ]
    for act in refused:
        with pytest.raises(AccountRemovedError):
            await act
    assert await verified(vault) == []
