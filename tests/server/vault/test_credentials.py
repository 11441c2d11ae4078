"""Merchants' secrets and partners' keys have the same life cycle, tested for both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.builders import audit_entries, retag, sql
from tests.support.clock import NOW, SettableClock
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.credential import Credential
from tokenvault_server.domain.identifiers import MerchantId, PartnerId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import (
    CredentialNotFoundError,
    MerchantNotFoundError,
    PartnerNotFoundError,
    TooManyCredentialsError,
    VaultError,
)
from tokenvault_server.vault.credentials import NewCredential

HOUR = 3600
LATER = NOW + SECOND
"""The time at which the tests begin: the owner's first secret is a second old."""


@dataclass
class Owner:
    """An owner of one secret or key, and the operations on it."""

    rotate: Callable[[int], Awaitable[NewCredential]]
    revoke: Callable[[str], Awaitable[None]]
    listed: Callable[[], Awaitable[Sequence[Credential]]]
    opens: Callable[[Secret[str]], Awaitable[bool]]
    first: Secret[str]
    chain: str
    table: str
    actions: tuple[str, str]

    async def first_id(self) -> str:
        return (await self.listed())[0].credential_id


async def a_merchant(vault: Vault) -> Owner:
    added = await vault.merchants.add("Shop", "tests")
    merchant_id = added.merchant.merchant_id

    async def opens(secret: Secret[str]) -> bool:
        digest = await vault.sealer.digest(secret)
        _, live = await vault.merchants.secrets_of_client(added.merchant.client_id)
        return digest in [each.digest for each in live]

    return Owner(
        rotate=lambda seconds: vault.merchants.rotate_secret(merchant_id, seconds, "the operator"),
        revoke=lambda secret_id: vault.merchants.revoke_secret(merchant_id, secret_id, "the operator"),
        listed=lambda: vault.merchants.secrets(merchant_id),
        opens=opens,
        first=added.client_secret,
        chain=merchant_id,
        table="merchant_secrets",
        actions=("merchant.secret_rotated", "merchant.secret_revoked"),
    )


async def a_partner(vault: Vault) -> Owner:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    added = await vault.partners.add("Platform", "tests")
    partner_id = added.partner_id
    await vault.partners.link(partner_id, merchant_id, "tests")

    async def opens(secret: Secret[str]) -> bool:
        return await vault.partners.acting_for(merchant_id, await vault.sealer.digest(secret)) is not None

    return Owner(
        rotate=lambda seconds: vault.partners.rotate_key(partner_id, seconds, "the operator"),
        revoke=lambda key_id: vault.partners.revoke_key(partner_id, key_id, "the operator"),
        listed=lambda: vault.partners.keys(partner_id),
        opens=opens,
        first=added.api_key,
        chain=vault.vault_id,
        table="partner_keys",
        actions=("partner.key_rotated", "partner.key_revoked"),
    )


@pytest.fixture(params=[a_merchant, a_partner], ids=["merchant", "partner"])
async def owner(request: pytest.FixtureRequest, vault: Vault, clock: SettableClock) -> Owner:
    made: Owner = await request.param(vault)
    clock.advance(seconds=1)
    return made


async def test_the_first_secret_opens(owner: Owner) -> None:
    assert await owner.opens(owner.first)
    assert not await owner.opens(Secret("tvsk_wrong"))


async def test_after_a_rotation_both_secrets_open_until_the_overlap_ends(owner: Owner, clock: SettableClock) -> None:
    new = await owner.rotate(HOUR)
    clock.advance(seconds=HOUR - 0.000001)
    assert [await owner.opens(secret) for secret in (owner.first, new.secret)] == [True, True]
    clock.advance(seconds=0.000001)
    assert [await owner.opens(secret) for secret in (owner.first, new.secret)] == [False, True]


async def test_without_an_overlap_only_the_new_one_opens(owner: Owner) -> None:
    new = await owner.rotate(0)
    assert [await owner.opens(secret) for secret in (owner.first, new.secret)] == [False, True]


async def test_after_rotations_without_overlap_only_the_last_secret_opens(owner: Owner) -> None:
    made = await asyncio.gather(*(owner.rotate(0) for _ in range(5)))
    assert sum([await owner.opens(new.secret) for new in made]) == 1


async def test_a_third_active_secret_is_refused_and_nothing_changes(owner: Owner) -> None:
    await owner.rotate(HOUR)
    before = await owner.listed()
    with pytest.raises(TooManyCredentialsError):
        await owner.rotate(2 * HOUR)
    assert await owner.listed() == before


@pytest.mark.parametrize("how", ["expired", "revoked", "ended at once"])
async def test_when_one_of_two_has_ended_another_can_be_created(owner: Owner, clock: SettableClock, how: str) -> None:
    await owner.rotate(HOUR)
    if how == "expired":
        clock.advance(seconds=HOUR)
    elif how == "revoked":
        await owner.revoke(await owner.first_id())
    newest = await owner.rotate(0 if how == "ended at once" else HOUR)
    assert await owner.opens(newest.secret)


async def test_a_rotation_never_extends_an_older_secret(owner: Owner, clock: SettableClock) -> None:
    second = await owner.rotate(HOUR)
    await owner.revoke(second.stored.credential_id)
    await owner.rotate(10 * HOUR)
    assert (await owner.listed())[0].expires_at == LATER + HOUR * SECOND


async def test_a_rotation_creates_a_secret_when_none_is_active(owner: Owner) -> None:
    await owner.revoke(await owner.first_id())
    new = await owner.rotate(HOUR)
    assert await owner.opens(new.secret)


async def test_a_revoked_secret_does_not_open(owner: Owner) -> None:
    await owner.revoke(await owner.first_id())
    assert not await owner.opens(owner.first)


async def test_revoking_twice_keeps_the_first_time(owner: Owner, clock: SettableClock) -> None:
    first = await owner.first_id()
    await owner.revoke(first)
    clock.advance(days=1)
    await owner.revoke(first)
    assert (await owner.listed())[0].revoked_at == LATER


async def test_an_unknown_secret_cannot_be_revoked(owner: Owner, vault: Vault) -> None:
    entries = await audit_entries(vault, owner.chain)
    with pytest.raises(CredentialNotFoundError):
        await owner.revoke("sec_nothing")
    assert await audit_entries(vault, owner.chain) == entries


async def test_secrets_are_listed_with_their_states(owner: Owner, clock: SettableClock) -> None:
    second = await owner.rotate(HOUR)
    await owner.revoke(second.stored.credential_id)
    clock.advance(seconds=2 * HOUR)
    await owner.rotate(HOUR)
    listed = await owner.listed()
    assert [each.state(clock.now()) for each in listed] == ["expired", "revoked", "live"]
    assert [(each.created_at, each.expires_at, each.revoked_at) for each in listed] == [
        (NOW, LATER + HOUR * SECOND, None),
        (LATER, None, LATER),
        (LATER + 2 * HOUR * SECOND, None, None),
    ]


async def test_no_repr_of_a_list_or_a_new_secret_shows_it(owner: Owner) -> None:
    new = await owner.rotate(HOUR)
    shown = repr(await owner.listed()) + repr(new)
    assert new.secret.reveal() not in shown
    assert owner.first.reveal() not in shown


async def test_the_prefix_of_a_secret_shows_the_kind_of_owner(owner: Owner) -> None:
    new = await owner.rotate(HOUR)
    assert new.secret.reveal()[:5] == owner.first.reveal()[:5]


async def test_rotating_and_revoking_are_audited(owner: Owner, vault: Vault) -> None:
    new = await owner.rotate(HOUR)
    await owner.revoke(new.stored.credential_id)
    entries = (await audit_entries(vault, owner.chain))[-2:]
    assert tuple(entry["action"] for entry in entries) == owner.actions
    assert {entry["actor"] for entry in entries} == {"the operator"}
    assert {entry["details"]["credential_id"] for entry in entries} == {new.stored.credential_id}
    assert new.secret.reveal() not in str(entries)


@pytest.mark.parametrize("column", ["expires_at", "revoked_at"])
async def test_a_secret_that_ends_now_has_ended(owner: Owner, vault: Vault, column: str) -> None:
    await sql(vault.engine, f"UPDATE {owner.table} SET {column} = :now", now=LATER)
    await retag(vault)
    assert not await owner.opens(owner.first)
    assert not (await owner.listed())[0].is_live(LATER)


NO_MERCHANT = MerchantId("mer_nobody")
NO_PARTNER = PartnerId("par_nobody")

UNKNOWN: dict[str, tuple[type[VaultError], Callable[[Vault], Awaitable[Any]]]] = {
    "rotate a secret": (MerchantNotFoundError, lambda vault: vault.merchants.rotate_secret(NO_MERCHANT, 0, "tests")),
    "revoke a secret": (
        MerchantNotFoundError,
        lambda vault: vault.merchants.revoke_secret(NO_MERCHANT, "sec_1", "tests"),
    ),
    "list secrets": (MerchantNotFoundError, lambda vault: vault.merchants.secrets(NO_MERCHANT)),
    "make a signature key": (
        MerchantNotFoundError,
        lambda vault: vault.client_signatures.make_key(NO_MERCHANT, "tests"),
    ),
    "end a signature key": (MerchantNotFoundError, lambda vault: vault.client_signatures.end_key(NO_MERCHANT, "tests")),
    "rotate a key": (PartnerNotFoundError, lambda vault: vault.partners.rotate_key(NO_PARTNER, 0, "tests")),
    "revoke a key": (PartnerNotFoundError, lambda vault: vault.partners.revoke_key(NO_PARTNER, "key_1", "tests")),
    "list keys": (PartnerNotFoundError, lambda vault: vault.partners.keys(NO_PARTNER)),
}


@pytest.mark.parametrize("what", UNKNOWN)
async def test_an_unknown_owner_is_not_found(vault: Vault, what: str) -> None:
    expected, act = UNKNOWN[what]
    with pytest.raises(expected) as caught:
        await act(vault)
    assert caught.value.hint
