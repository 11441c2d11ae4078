"""What happens between the look at a key and the hand on it, and what a key's rows tell those who read them."""

from __future__ import annotations

from typing import TypeVar

import pytest

from tests.support.builders import sql
from tests.support.clock import SettableClock
from tests.support.engines import Interrupted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import RequestInProgressError
from tokenvault_server.vault.idempotency import LEASE_SECONDS, IdempotencyClaim, IdempotencyKeys, StoredReply

T = TypeVar("T")

ME = MerchantId("mer_1")
REPLY = StoredReply(201, b'{"a":1}')


@pytest.fixture
def interrupted(vault: Vault) -> Interrupted:
    return Interrupted(vault.engine)


@pytest.fixture
def slow(vault: Vault, interrupted: Interrupted, clock: SettableClock) -> IdempotencyKeys:
    """The replies of a process that others overtake."""
    return IdempotencyKeys(interrupted, vault.sealer, clock)


async def claimed(idempotency_keys: IdempotencyKeys, key: str = "k") -> IdempotencyClaim:
    claim = await idempotency_keys.claim(ME, key, b"call")
    assert isinstance(claim, IdempotencyClaim)
    return claim


async def settle(vault: Vault, claim: IdempotencyClaim) -> None:
    unit = Unit(vault.engine)
    await vault.idempotency_keys.settle(claim, unit, REPLY, "", None)
    await unit.commit()


async def test_who_finds_the_key_settled_after_all_gets_its_reply(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    async def overtake() -> None:
        await settle(vault, await claimed(vault.idempotency_keys))

    interrupted.after_read = overtake
    assert await slow.claim(ME, "k", b"call") == REPLY


async def test_who_finds_the_key_held_after_all_is_told_to_wait(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    async def overtake() -> None:
        await claimed(vault.idempotency_keys)

    interrupted.after_read = overtake
    with pytest.raises(RequestInProgressError):
        await slow.claim(ME, "k", b"call")


async def test_who_finds_the_key_given_back_is_told_to_come_again(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    async def overtake() -> None:
        holder = await claimed(vault.idempotency_keys)

        async def give_back() -> None:
            await vault.idempotency_keys.release(holder)

        interrupted.after_commit = give_back

    interrupted.after_read = overtake
    with pytest.raises(RequestInProgressError):
        await slow.claim(ME, "k", b"call")
    assert isinstance(await slow.claim(ME, "k", b"call"), IdempotencyClaim)


async def test_a_repeat_of_a_settled_call_does_not_wait_for_the_writer(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    await settle(vault, await claimed(vault.idempotency_keys))
    assert await slow.claim(ME, "k", b"call") == REPLY
    assert interrupted.commits == 0


async def test_equal_calls_under_two_keys_leave_unequal_fingerprints(vault: Vault) -> None:
    await claimed(vault.idempotency_keys)
    await claimed(vault.idempotency_keys, "other")
    assert len(set(await sql(vault.engine, "SELECT fingerprint FROM idempotency_keys"))) == 2


async def test_no_two_claims_have_one_owner(vault: Vault) -> None:
    owners = {(await claimed(vault.idempotency_keys, f"k{number}")).lease.owner for number in range(20)}
    assert len(owners) == 20
    assert {len(owner) for owner in owners} == {16}


async def test_no_reply_is_held_longer_than_its_key(vault: Vault, clock: SettableClock) -> None:
    await claimed(vault.idempotency_keys)
    clock.advance(seconds=LEASE_SECONDS)
    await settle(vault, await claimed(vault.idempotency_keys))
    assert await sql(vault.engine, "SELECT held_until = expires_at FROM idempotency_keys") == [(1,)]
