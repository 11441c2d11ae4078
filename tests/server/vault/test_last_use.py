"""Last uses: many calls share a write, times never go back, and nothing is lost while the database is locked."""

from __future__ import annotations

import pytest

from tests.support.engines import Interrupted, SometimesLocked
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.credential import CredentialKind, CredentialUse
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import StoreError
from tokenvault_server.vault.last_use import LastUse


@pytest.fixture
async def merchant_id(vault: Vault) -> MerchantId:
    return (await vault.merchants.add("Shop", "tests")).merchant.merchant_id


@pytest.fixture
async def used(vault: Vault, merchant_id: MerchantId) -> CredentialUse:
    (secret,) = await vault.merchants.secrets(merchant_id)
    return CredentialUse(CredentialKind.MERCHANT_SECRET, merchant_id, secret.credential_id)


async def last_use(vault: Vault, merchant_id: MerchantId) -> int | None:
    (secret,) = await vault.merchants.secrets(merchant_id)
    return secret.last_used_at


async def test_a_use_is_not_written_before_it_is_flushed(
    vault: Vault, merchant_id: MerchantId, used: CredentialUse
) -> None:
    uses = LastUse(vault.engine)
    uses.at[used] = 5
    assert await last_use(vault, merchant_id) is None
    uses.at[used] = 7
    await uses.flush()
    assert await last_use(vault, merchant_id) == 7


async def test_a_late_write_does_not_overwrite_a_newer_time(
    vault: Vault, merchant_id: MerchantId, used: CredentialUse
) -> None:
    for at in (7, 5):
        uses = LastUse(vault.engine)
        uses.at[used] = at
        await uses.flush()
    assert await last_use(vault, merchant_id) == 7


async def test_a_use_is_written_once(vault: Vault, used: CredentialUse) -> None:
    engine = SometimesLocked(vault.engine)
    uses = LastUse(engine)
    uses.at[used] = 5
    await uses.flush()
    engine.is_locked = True
    await uses.flush()


async def test_a_use_that_could_not_be_written_is_written_by_the_next_flush(
    vault: Vault, merchant_id: MerchantId, used: CredentialUse
) -> None:
    engine = SometimesLocked(vault.engine)
    uses = LastUse(engine)
    uses.at[used] = 5
    engine.is_locked = True
    with pytest.raises(StoreError):
        await uses.flush()
    engine.is_locked = False
    await uses.flush()
    assert await last_use(vault, merchant_id) == 5


def of_many(number: int) -> dict[CredentialUse, int]:
    return {CredentialUse(CredentialKind.MERCHANT_SECRET, f"mer_{each:03}", "sec_1"): 5 for each in range(number)}


async def test_many_uses_are_written_a_hundred_at_a_time(vault: Vault) -> None:
    engine = Interrupted(vault.engine)
    uses = LastUse(engine)
    uses.at.update(of_many(250))
    await uses.flush()
    assert (engine.commits, uses.at) == (3, {})


async def test_uses_that_were_written_before_a_failure_are_not_written_again(vault: Vault) -> None:
    locked = SometimesLocked(vault.engine)
    engine = Interrupted(locked)

    async def lock() -> None:
        locked.is_locked = True

    engine.after_commit = lock
    uses = LastUse(engine)
    uses.at.update(of_many(250))
    with pytest.raises(StoreError):
        await uses.flush()
    assert uses.at == dict(sorted(of_many(250).items())[100:])
