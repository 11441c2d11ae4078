"""Signature keys: a merchant has one pair at a time; its private key is sealed and the previous pair is destroyed."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.builders import audit_entries, sql, stored_in
from tests.support.clock import NOW, SettableClock
from tests.support.engines import Interrupted
from tests.support.signatures import signature
from tokenvault_server.bootstrap import Vault, key_provider
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.clock import DAY
from tokenvault_server.domain.credential import CredentialKind, CredentialUse, SignatureKey
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.keys import KeyState, Purpose
from tokenvault_server.errors import CredentialNotFoundError, KeyUnavailableError, MerchantNotFoundError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.last_use import LastUse

T = TypeVar("T")


@pytest.fixture
async def merchant_id(vault: Vault) -> MerchantId:
    return (await vault.merchants.add("Shop", "tests")).merchant.merchant_id


def signed(public_key: str, text: str = "CLIENT.1") -> bytes:
    return base64.b64decode(signature(public_key, text=text))


async def opened(vault: Vault, merchant_id: MerchantId, signed: bytes) -> list[bytes] | None:
    found = await vault.client_signatures.opened(merchant_id, signed)
    return None if found is None else found.texts


async def test_a_signature_by_the_public_key_is_opened(vault: Vault, merchant_id: MerchantId) -> None:
    public = await vault.client_signatures.make_key(merchant_id, "tests")
    assert await opened(vault, merchant_id, signed(public)) == [b"CLIENT.1"]


@pytest.mark.parametrize("known", [True, False])
async def test_without_a_key_nothing_is_opened(vault: Vault, merchant_id: MerchantId, known: bool) -> None:
    other = (await vault.merchants.add("Other", "tests")).merchant.merchant_id
    public = await vault.client_signatures.make_key(other, "tests")
    asked = merchant_id if known else MerchantId("")
    assert await opened(vault, asked, signed(public)) is None


async def test_a_new_pair_ends_the_previous_one(vault: Vault, merchant_id: MerchantId) -> None:
    first = await vault.client_signatures.make_key(merchant_id, "tests")
    second = await vault.client_signatures.make_key(merchant_id, "tests")
    assert await opened(vault, merchant_id, signed(first)) == []
    assert await opened(vault, merchant_id, signed(second)) == [b"CLIENT.1"]


async def test_a_replaced_pair_is_destroyed_and_stays_in_the_inventory(vault: Vault, merchant_id: MerchantId) -> None:
    for _ in range(2):
        await vault.client_signatures.make_key(merchant_id, "tests")
    new, old = await KeyTable(vault.engine).of(Purpose.CLIENT_SIGNATURE, merchant_id)
    assert (old.version, old.state, set(old.wrapped)) == (1, KeyState.DESTROYED, {0})
    assert (new.version, new.state) == (2, KeyState.ACTIVE)


async def test_an_ended_pair_opens_no_signature(vault: Vault, merchant_id: MerchantId) -> None:
    public = await vault.client_signatures.make_key(merchant_id, "tests")
    await vault.client_signatures.end_key(merchant_id, "tests")
    assert await opened(vault, merchant_id, signed(public)) is None


async def test_a_missing_or_ended_pair_cannot_be_ended(vault: Vault, merchant_id: MerchantId) -> None:
    with pytest.raises(CredentialNotFoundError):
        await vault.client_signatures.end_key(merchant_id, "tests")
    await vault.client_signatures.make_key(merchant_id, "tests")
    await vault.client_signatures.end_key(merchant_id, "tests")
    with pytest.raises(CredentialNotFoundError):
        await vault.client_signatures.end_key(merchant_id, "tests")


async def test_creating_and_ending_a_pair_are_audited(
    vault: Vault, merchant_id: MerchantId, clock: SettableClock
) -> None:
    clock.advance(days=1)
    await vault.client_signatures.make_key(merchant_id, "the operator")
    await vault.client_signatures.end_key(merchant_id, "the operator")
    entries = (await audit_entries(vault, merchant_id))[1:]
    assert {entry["at"] for entry in entries} == {NOW + DAY}
    assert [(entry["action"], entry["actor"], entry["details"]) for entry in entries] == [
        ("merchant.signature_key_made", "the operator", {"version": 1}),
        ("merchant.signature_key_ended", "the operator", {"version": 1}),
    ]


async def test_neither_key_of_a_pair_is_stored_in_the_clear(
    vault: Vault, merchant_id: MerchantId, tmp_path: Path
) -> None:
    public = await vault.client_signatures.make_key(merchant_id, "tests")
    der = base64.b64decode("".join(public.splitlines()[1:-1]))
    modulus = der[-260:-5]  # both keys contain it, and it is enough to sign in
    assert modulus not in stored_in(tmp_path)
    assert await sql(vault.engine, "SELECT COUNT(*) FROM keys WHERE purpose = 'client_signature'") == [(1,)]


async def test_the_key_that_opened_a_signature_is_returned(vault: Vault, merchant_id: MerchantId) -> None:
    public = await vault.client_signatures.make_key(merchant_id, "tests")
    (key,) = await KeyTable(vault.engine).of(Purpose.CLIENT_SIGNATURE, merchant_id)
    found = await vault.client_signatures.opened(merchant_id, signed(public))
    assert found is not None
    assert found.key == CredentialUse(CredentialKind.SIGNATURE_KEY, merchant_id, str(key.key_id))


async def test_a_list_shows_which_key_is_active_and_when_each_was_used(
    vault: Vault, merchant_id: MerchantId, clock: SettableClock
) -> None:
    used = []
    for at in (7, 9):
        public = await vault.client_signatures.make_key(merchant_id, "tests")
        found = await vault.client_signatures.opened(merchant_id, signed(public))
        assert found is not None
        used.append((found.key, at))
        clock.advance(days=1)
    uses = LastUse(vault.engine)
    uses.at |= dict(used[1:])
    await uses.flush()
    listed = await vault.client_signatures.all(merchant_id)
    assert listed == [SignatureKey(1, False, NOW, None), SignatureKey(2, True, NOW + DAY, 9)]


async def test_an_unknown_merchant_has_no_list(vault: Vault) -> None:
    with pytest.raises(MerchantNotFoundError):
        await vault.client_signatures.all(MerchantId("mer_nobody"))


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_key_that_ends_during_the_lookup_opens_no_signature(
    vault: Vault, merchant_id: MerchantId, replaced: bool
) -> None:
    public = await vault.client_signatures.make_key(merchant_id, "tests")
    engine = Interrupted(vault.engine)
    meanwhile = ClientSignatures(
        engine, Keyring(kek_of(vault), KeyTable(engine), vault.vault_id), vault.audit, vault.clock
    )

    async def end() -> None:
        if replaced:
            await vault.client_signatures.make_key(merchant_id, "tests")
        else:
            await vault.client_signatures.end_key(merchant_id, "tests")

    engine.after_read = end
    assert await meanwhile.opened(merchant_id, signed(public)) is None


async def test_an_active_key_that_cannot_be_unwrapped_is_not_a_wrong_signature(
    vault: Vault, merchant_id: MerchantId
) -> None:
    public = await vault.client_signatures.make_key(merchant_id, "tests")
    await sql(vault.engine, "UPDATE keys SET wrapped = :junk WHERE purpose = 'client_signature'", junk=bytes(60))
    with pytest.raises(KeyUnavailableError):
        await vault.client_signatures.opened(merchant_id, signed(public))


def kek_of(vault: Vault) -> KeyEncryptionKey:
    return key_provider(vault.settings)
