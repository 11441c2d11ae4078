"""Partners act for the merchants that they are linked to, and for no others."""

from __future__ import annotations

import pytest

from tests.support.builders import audit_entries, details_of, sql
from tests.support.clock import NOW
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.identifiers import ClientId, MerchantId, PartnerId
from tokenvault_server.domain.merchant import Merchant
from tokenvault_server.errors import InvalidFieldError, MerchantNotFoundError, PartnerNotFoundError
from tokenvault_server.vault.partners import NewPartner


@pytest.fixture
async def partner(vault: Vault) -> NewPartner:
    return await vault.partners.add("Platform", "the operator")


@pytest.fixture
async def merchant(vault: Vault) -> Merchant:
    return (await vault.merchants.add("Shop", "tests")).merchant


async def acts(vault: Vault, partner: NewPartner, merchant: Merchant) -> list[PartnerId | None]:
    """Return who acts for the merchant with the partner's key: by its id, and by its client id."""
    digest = await vault.sealer.digest(partner.api_key)
    found = [
        await vault.partners.acting_for(merchant.merchant_id, digest),
        await vault.partners.acting_for_client(merchant.client_id, digest),
    ]
    return [acting.partner_id if acting else None for acting in found]


async def test_a_new_partner_acts_for_no_merchant(vault: Vault, partner: NewPartner, merchant: Merchant) -> None:
    assert await acts(vault, partner, merchant) == [None, None]


async def test_a_linked_partner_acts_for_that_merchant_and_no_other(
    vault: Vault, partner: NewPartner, merchant: Merchant
) -> None:
    other = (await vault.merchants.add("Other", "tests")).merchant
    await vault.partners.link(partner.partner_id, merchant.merchant_id, "tests")
    assert await acts(vault, partner, merchant) == [partner.partner_id] * 2
    assert await acts(vault, partner, other) == [None, None]


async def test_an_unlinked_partner_no_longer_acts(vault: Vault, partner: NewPartner, merchant: Merchant) -> None:
    await vault.partners.link(partner.partner_id, merchant.merchant_id, "tests")
    await vault.partners.unlink(partner.partner_id, merchant.merchant_id, "tests")
    assert await acts(vault, partner, merchant) == [None, None]


async def test_a_partner_can_have_many_merchants_and_a_merchant_many_partners(
    vault: Vault, partner: NewPartner
) -> None:
    second = await vault.partners.add("Second", "tests")
    shops = [(await vault.merchants.add(name, "tests")).merchant for name in ("One", "Two")]
    for shop in shops:
        await vault.partners.link(partner.partner_id, shop.merchant_id, "tests")
        await vault.partners.link(second.partner_id, shop.merchant_id, "tests")
    assert len(await vault.partners.links()) == 4
    assert await acts(vault, second, shops[1]) == [second.partner_id] * 2


async def test_linking_is_audited_in_the_merchants_chain_once(
    vault: Vault, partner: NewPartner, merchant: Merchant
) -> None:
    for verb in (vault.partners.link, vault.partners.unlink):
        for _ in range(2):
            await verb(partner.partner_id, merchant.merchant_id, "the operator")
    entries = (await audit_entries(vault, merchant.merchant_id))[1:]
    assert [(entry["action"], entry["actor"]) for entry in entries] == [
        ("partner.linked", "the operator"),
        ("partner.unlinked", "the operator"),
    ]
    assert all(details_of(entry) == {"partner_id": partner.partner_id} for entry in entries)


async def test_adding_is_audited_in_the_vaults_own_chain(vault: Vault, partner: NewPartner) -> None:
    (entry,) = await audit_entries(vault, vault.vault_id)
    assert (entry["action"], entry["actor"]) == ("partner.added", "the operator")
    assert details_of(entry) == {"partner_id": partner.partner_id, "name": "Platform"}


async def test_partners_are_listed(vault: Vault, partner: NewPartner) -> None:
    (listed,) = await vault.partners.list()
    assert (listed.partner_id, listed.name, listed.created_at) == (partner.partner_id, "Platform", NOW)


async def test_a_partners_key_is_visible_only_when_it_is_revealed(partner: NewPartner) -> None:
    assert partner.api_key.reveal() not in repr(partner)


@pytest.mark.parametrize("name", ["", "x" * 201, "line\nbreak", "4706131211212123", "tvpk_something"])
async def test_an_invalid_name_is_refused(vault: Vault, name: str) -> None:
    with pytest.raises(InvalidFieldError):
        await vault.partners.add(name, "tests")
    assert await sql(vault.engine, "SELECT COUNT(*) FROM partners") == [(0,)]


async def test_an_unknown_partner_or_merchant_is_not_linked(
    vault: Vault, partner: NewPartner, merchant: Merchant
) -> None:
    for verb in (vault.partners.link, vault.partners.unlink):
        with pytest.raises(PartnerNotFoundError):
            await verb(PartnerId("par_nobody"), merchant.merchant_id, "tests")
        with pytest.raises(MerchantNotFoundError):
            await verb(partner.partner_id, MerchantId("mer_nobody"), "tests")
    assert await vault.partners.links() == []


async def test_an_unknown_partner_acts_for_no_unknown_merchant(vault: Vault, partner: NewPartner) -> None:
    digest = await vault.sealer.digest(partner.api_key)
    assert await vault.partners.acting_for(MerchantId(""), digest) is None
    assert await vault.partners.acting_for_client(ClientId(""), digest) is None
