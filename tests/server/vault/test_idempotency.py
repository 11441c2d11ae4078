"""One call at a time has the lease of a key; when it ends, a repeat of the same call takes the key over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.builders import sql
from tests.support.clock import NOW, SettableClock
from tests.support.databases import POSTGRESQL, SQLITE_ALONE
from tests.support.engines import Interrupted
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import DAY, MINUTE, SECOND
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import IdempotencyMismatchError, RequestInProgressError, SealBrokenError
from tokenvault_server.settings import Settings
from tokenvault_server.vault.idempotency import LEASE_SECONDS, IdempotencyClaim, IdempotencyKeys, StoredReply

ME = MerchantId("mer_1")
REPLY = StoredReply(201, Secret(b'{"a":1}'))


async def claimed(vault: Vault, call: bytes = b"call", *, key: str = "k") -> IdempotencyClaim:
    claim = await vault.idempotency_keys.claim(ME, key, call)
    assert isinstance(claim, IdempotencyClaim)
    return claim


async def settled(vault: Vault, claim: IdempotencyClaim, *, about: str = "", until: int | None = None) -> None:
    unit = Unit(vault.engine)
    await vault.idempotency_keys.settle(claim, unit, REPLY, about, until)
    await unit.commit()


async def row_count(vault: Vault) -> int:
    return int((await sql(vault.engine, "SELECT COUNT(*) FROM idempotency_keys"))[0][0])


@pytest.fixture
async def second(vault: Vault, settings: Settings, clock: SettableClock) -> AsyncIterator[Vault]:
    """Return the vault as another process opens it: after a crash of the first process, or at the same time."""
    opened = await open_vault(settings, clock)
    yield opened
    await opened.close()


async def test_a_repeat_gets_the_settled_reply(vault: Vault) -> None:
    await settled(vault, await claimed(vault))
    assert await vault.idempotency_keys.claim(ME, "k", b"call") == REPLY


async def test_a_leased_key_cannot_be_claimed(vault: Vault, second: Vault) -> None:
    await claimed(vault)
    with pytest.raises(RequestInProgressError):
        await second.idempotency_keys.claim(ME, "k", b"call")


async def test_another_call_is_refused_during_the_lease_and_afterwards(vault: Vault) -> None:
    claim = await claimed(vault)
    with pytest.raises(IdempotencyMismatchError):
        await vault.idempotency_keys.claim(ME, "k", b"other")
    await settled(vault, claim)
    with pytest.raises(IdempotencyMismatchError):
        await vault.idempotency_keys.claim(ME, "k", b"other")


async def test_another_call_cannot_take_over_a_lease_that_ended(vault: Vault, clock: SettableClock) -> None:
    await claimed(vault)
    clock.advance(seconds=LEASE_SECONDS)
    with pytest.raises(IdempotencyMismatchError):
        await vault.idempotency_keys.claim(ME, "k", b"other")


async def test_a_lease_is_valid_until_its_last_microsecond(vault: Vault, clock: SettableClock) -> None:
    await claimed(vault)
    clock.at += LEASE_SECONDS * SECOND - 1
    with pytest.raises(RequestInProgressError):
        await vault.idempotency_keys.claim(ME, "k", b"call")
    clock.at += 1
    await claimed(vault)


async def test_only_one_call_takes_over_a_lease_that_ended(vault: Vault, second: Vault, clock: SettableClock) -> None:
    await claimed(vault)
    clock.advance(seconds=LEASE_SECONDS)
    await claimed(second)
    with pytest.raises(RequestInProgressError):
        await vault.idempotency_keys.claim(ME, "k", b"call")


async def test_a_call_that_lost_its_lease_cannot_settle(vault: Vault, second: Vault, clock: SettableClock) -> None:
    slow = await claimed(vault)
    clock.advance(seconds=LEASE_SECONDS)
    successor = await claimed(second)
    with pytest.raises(RequestInProgressError):
        await settled(vault, slow)
    await settled(second, successor)
    with pytest.raises(RequestInProgressError):
        await settled(vault, slow)


async def test_a_call_that_lost_its_lease_cannot_release_the_key(
    vault: Vault, second: Vault, clock: SettableClock
) -> None:
    slow = await claimed(vault)
    clock.advance(seconds=LEASE_SECONDS)
    await claimed(second)
    await vault.idempotency_keys.release(slow)
    with pytest.raises(RequestInProgressError):
        await vault.idempotency_keys.claim(ME, "k", b"call")


async def test_a_slow_call_settles_if_no_other_took_the_key_over(vault: Vault, clock: SettableClock) -> None:
    slow = await claimed(vault)
    clock.advance(minutes=10)
    await settled(vault, slow)
    assert await vault.idempotency_keys.claim(ME, "k", b"call") == REPLY


async def test_a_released_key_can_be_claimed_by_any_call(vault: Vault) -> None:
    await vault.idempotency_keys.release(await claimed(vault))
    await claimed(vault, b"other")


async def test_a_settled_key_cannot_be_released(vault: Vault) -> None:
    claim = await claimed(vault)
    await settled(vault, claim)
    await vault.idempotency_keys.release(claim)
    assert await vault.idempotency_keys.claim(ME, "k", b"call") == REPLY


async def test_a_key_that_was_taken_over_still_ends_a_day_after_its_first_use(
    vault: Vault, clock: SettableClock
) -> None:
    await settled(vault, await claimed(vault), until=NOW + MINUTE)
    clock.advance(minutes=1)
    await settled(vault, await claimed(vault), until=NOW + 3 * DAY)
    clock.at = NOW + DAY - 1
    assert await vault.idempotency_keys.claim(ME, "k", b"call") == REPLY
    clock.at = NOW + DAY
    await claimed(vault, b"other")


async def test_a_swept_key_leaves_no_row(vault: Vault, clock: SettableClock) -> None:
    await settled(vault, await claimed(vault))
    clock.advance(days=1, seconds=-1)
    await vault.idempotency_keys.sweep()
    assert await row_count(vault) == 1
    clock.advance(seconds=1)
    await vault.idempotency_keys.sweep()
    assert await row_count(vault) == 0


async def test_sweeping_deletes_a_reply_that_ended_before_its_key(vault: Vault, clock: SettableClock) -> None:
    await settled(vault, await claimed(vault), about="ins_1", until=NOW + MINUTE)
    clock.advance(minutes=1)
    await vault.idempotency_keys.sweep()
    assert await sql(vault.engine, "SELECT state, sealed, instrument_id FROM idempotency_keys") == [
        ("running", None, None)
    ]
    await claimed(vault)


@SQLITE_ALONE
async def test_sweeping_does_not_scan_the_table(vault: Vault) -> None:
    plan = await sql(
        vault.engine,
        "EXPLAIN QUERY PLAN UPDATE idempotency_keys SET sealed = NULL "
        "WHERE state = 'settled' AND held_until < expires_at AND held_until <= 1",
    )
    assert "idempotency_keys_by_reply" in plan[0][3]


@pytest.mark.parametrize("ended", ["key", "reply"])
async def test_a_backlog_is_swept_in_many_transactions(vault: Vault, clock: SettableClock, ended: str) -> None:
    await sql(
        vault.engine,
        "INSERT INTO idempotency_keys (merchant_id, idempotency_key, state, owner, fingerprint, fingerprint_key, "
        "held_until, expires_at, status, sealed) "
        "WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 450) "
        "SELECT 'mer_' || n, 'k', 'settled', 'o', CAST('' AS BYTEA), 1, :held_until, :expires_at, 200, "
        "CAST('' AS BYTEA) FROM many",
        held_until=NOW - MINUTE,
        expires_at=NOW - MINUTE if ended == "key" else NOW + MINUTE,
    )
    engine = Interrupted(vault.engine)
    await IdempotencyKeys(engine, vault.sealer, clock).sweep()
    remaining = await sql(vault.engine, "SELECT state, COUNT(*) FROM idempotency_keys GROUP BY state")
    assert (engine.commits, remaining) == (5, [] if ended == "key" else [("running", 450)])


@pytest.mark.parametrize("store_kind", [POSTGRESQL])
async def test_a_key_that_is_claimed_again_during_a_sweep_is_kept(vault: Vault, clock: SettableClock) -> None:
    await settled(vault, await claimed(vault), until=NOW + MINUTE)
    clock.advance(days=1)
    other = await asyncpg.connect(vault.settings.store)
    async with other.transaction():
        await other.execute("UPDATE idempotency_keys SET held_until = $1, expires_at = $1", clock.now() + DAY)
        sweeping = asyncio.create_task(vault.idempotency_keys.sweep())
        while not await other.fetchval("SELECT COUNT(*) FROM pg_locks WHERE NOT granted"):
            assert not sweeping.done()
    await other.close()
    await sweeping
    assert await sql(vault.engine, "SELECT state FROM idempotency_keys") == [("settled",)]


async def test_a_reply_that_was_moved_to_another_key_does_not_open(vault: Vault) -> None:
    await settled(vault, await claimed(vault))
    other = await vault.idempotency_keys.claim(ME, "other", b"call")
    assert isinstance(other, IdempotencyClaim)
    await settled(vault, other)
    await sql(
        vault.engine,
        "UPDATE idempotency_keys SET sealed = (SELECT sealed FROM idempotency_keys WHERE idempotency_key = 'k')",
    )
    with pytest.raises(SealBrokenError):
        await vault.idempotency_keys.claim(ME, "other", b"call")


@pytest.fixture
def interrupted(vault: Vault) -> Interrupted:
    return Interrupted(vault.engine)


@pytest.fixture
def slow(vault: Vault, interrupted: Interrupted, clock: SettableClock) -> IdempotencyKeys:
    """Return the keys of a process that another one overtakes between two statements."""
    return IdempotencyKeys(interrupted, vault.sealer, clock)


async def test_a_call_that_finds_the_key_settled_after_its_first_read_gets_the_reply(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    async def overtake() -> None:
        await settled(vault, await claimed(vault))

    interrupted.after_read = overtake
    assert await slow.claim(ME, "k", b"call") == REPLY


async def test_a_call_that_finds_the_key_leased_after_its_first_read_is_refused(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    async def overtake() -> None:
        await claimed(vault)

    interrupted.after_read = overtake
    with pytest.raises(RequestInProgressError):
        await slow.claim(ME, "k", b"call")


async def test_a_call_that_finds_the_key_released_is_refused_and_a_repeat_claims_it(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    async def overtake() -> None:
        holder = await claimed(vault)

        async def release() -> None:
            await vault.idempotency_keys.release(holder)

        interrupted.after_commit = release

    interrupted.after_read = overtake
    with pytest.raises(RequestInProgressError):
        await slow.claim(ME, "k", b"call")
    assert isinstance(await slow.claim(ME, "k", b"call"), IdempotencyClaim)


async def test_a_repeat_of_a_settled_call_does_not_wait_for_the_writer(
    vault: Vault, slow: IdempotencyKeys, interrupted: Interrupted
) -> None:
    await settled(vault, await claimed(vault))
    assert await slow.claim(ME, "k", b"call") == REPLY
    assert interrupted.commits == 0


async def test_equal_calls_under_two_keys_leave_unequal_fingerprints(vault: Vault) -> None:
    await claimed(vault)
    await claimed(vault, key="other")
    assert len(set(await sql(vault.engine, "SELECT fingerprint FROM idempotency_keys"))) == 2


async def test_every_claim_has_an_owner_of_its_own(vault: Vault) -> None:
    owners = {(await claimed(vault, key=f"k{number}")).lease.owner for number in range(20)}
    assert len(owners) == 20
    assert {len(owner) for owner in owners} == {16}


async def test_a_reply_is_not_kept_longer_than_its_key(vault: Vault, clock: SettableClock) -> None:
    await claimed(vault)
    clock.advance(seconds=LEASE_SECONDS)
    await settled(vault, await claimed(vault))
    assert await sql(vault.engine, "SELECT held_until = expires_at FROM idempotency_keys") == [(1,)]


async def test_a_stored_reply_begins_with_its_status_and_the_fingerprint_of_its_call(vault: Vault) -> None:
    claim = await claimed(vault)
    await settled(vault, claim)
    ((sealed, fingerprint),) = await sql(vault.engine, "SELECT sealed, fingerprint FROM idempotency_keys")
    assert await vault.sealer.open_reply(ME, "k", sealed) == b"\x00\xc9" + fingerprint + REPLY.body.reveal()


async def test_a_stored_reply_whose_status_was_changed_does_not_open(vault: Vault) -> None:
    await settled(vault, await claimed(vault))
    await sql(vault.engine, "UPDATE idempotency_keys SET status = 404")
    with pytest.raises(SealBrokenError) as caught:
        await vault.idempotency_keys.claim(ME, "k", b"call")
    assert caught.value.hint == "a stored reply was changed in the database: it is another call's or status's"


async def test_a_key_that_is_taken_over_after_a_day_key_was_renewed_keeps_its_fingerprint(
    vault: Vault, clock: SettableClock
) -> None:
    first = await claimed(vault)
    await sql(vault.engine, "UPDATE keys SET created_at = created_at - :day WHERE purpose = 'fingerprint'", day=DAY)
    await vault.daily_keys.rotate()
    assert (await claimed(vault, key="another")).lease.fingerprint_key != first.lease.fingerprint_key
    clock.advance(seconds=LEASE_SECONDS)
    again = await claimed(vault)
    assert (again.lease.fingerprint, again.lease.fingerprint_key) == (
        first.lease.fingerprint,
        first.lease.fingerprint_key,
    )
    await settled(vault, again)
    assert await vault.idempotency_keys.claim(ME, "k", b"call") == REPLY


@pytest.mark.parametrize(
    ("first", "second", "is_taken_over"),
    [(1, 2, True), (1, 12, True), (2, 2, False), (2, 1, False), (None, 2, False), (1, None, False)],
)
async def test_a_lease_of_an_earlier_generation_is_taken_over_at_once(
    vault: Vault, first: int | None, second: int | None, *, is_taken_over: bool
) -> None:
    processes = []
    for generation in (first, second):
        keys = IdempotencyKeys(vault.engine, vault.sealer, vault.clock)
        if generation is not None:
            keys.join(generation)
        processes.append(keys)
    before, after = processes
    assert isinstance(await before.claim(ME, "k", b"call"), IdempotencyClaim)
    if is_taken_over:
        assert isinstance(await after.claim(ME, "k", b"call"), IdempotencyClaim)
    else:
        with pytest.raises(RequestInProgressError):
            await after.claim(ME, "k", b"call")


async def test_a_claim_names_the_generation_of_its_process(vault: Vault) -> None:
    keys = IdempotencyKeys(vault.engine, vault.sealer, vault.clock)
    keys.join(7)
    claim = await keys.claim(ME, "k", b"call")
    assert isinstance(claim, IdempotencyClaim)
    assert claim.lease.owner.startswith("7.")
    assert claim.lease.owner.count(".") == 1
