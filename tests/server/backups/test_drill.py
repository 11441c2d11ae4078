"""The drill: back up a vault under load, go on, restore it elsewhere, and pay with the cards of the backup."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.backups.conftest import BackUp, Elsewhere
from tests.support.builders import (
    MASTERCARD,
    RUPAY,
    VISA,
    a_cryptogram,
    a_deleted_card,
    a_saved_card,
    audit_entries,
    details_of,
    sql,
)
from tests.support.clock import SettableClock
from tests.support.databases import SQLITE_ALONE
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import InstrumentNotFoundError, VaultError
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local.verification import Outcome, Presentation
from tokenvault_server.vault.audit_anchor import AnchorState
from tokenvault_server.vault.cryptograms import IssuedCryptogram
from tokenvault_server.vault.instruments import SavedCard


def presented(issued: IssuedCryptogram, caller: Caller) -> Presentation:
    return Presentation(issued.cryptogram.token_pan, issued.cryptogram.value, caller.merchant_id)


async def counters(vault: Vault, caller: Caller, card: SavedCard, count: int) -> set[int]:
    """Issue cryptograms; return their counters, which have the sequence number in front."""
    issued = [await a_cryptogram(vault, caller, card) for _ in range(count)]
    found = {each.cryptogram.counter for each in issued}
    assert None not in found
    assert len(found) == count
    return {counter for counter in found if counter is not None}


async def restored(backup: BackUp, settings: Settings, clock: SettableClock) -> Vault:
    await backup.restoration(settings).run()
    return await open_vault(settings, clock)


async def test_the_drill(
    vault: Vault, caller: Caller, backup: BackUp, elsewhere: Elsewhere, clock: SettableClock
) -> None:
    # 1. Three cards. The counter of the first is near the end of its sequence number.
    kept, deleted, busy = [await a_saved_card(vault, caller, pan) for pan in (VISA, MASTERCARD, RUPAY)]
    assert kept.secrets
    await sql(vault.tsp_engine, "UPDATE tokens SET atc = 65530 WHERE network = 'visa'")
    before = await counters(vault, caller, kept, 3)

    # 2. A backup while cryptograms are issued.
    made, during = await asyncio.gather(backup.make(), counters(vault, caller, busy, 40))
    assert [part.name for part in made.manifest.stores] == ["store", "tsp_store"]

    # 3. The original goes on: its counter passes the end, a card is deleted, a card is saved.
    after = await counters(vault, caller, kept, 10)
    assert max(after) > 65_536
    await a_deleted_card(vault, caller, deleted)
    late = await a_saved_card(vault, caller, customer_id="customer-2")

    # 4. The backup is restored elsewhere. Its cards are there, also the deleted one, and pay with new counters.
    other = await restored(backup, elsewhere("restored"), clock)
    try:
        for card in (kept, deleted, busy):
            await assert_usable(other, caller, card)
        with pytest.raises(InstrumentNotFoundError):
            await a_cryptogram(other, caller, late)
        assert (before | after).isdisjoint(await counters(other, caller, kept, 20))
        assert during.isdisjoint(await counters(other, caller, busy, 50))
        await assert_whole(other, made.manifest.backup_id)
    finally:
        await other.close()


async def assert_usable(other: Vault, caller: Caller, card: SavedCard) -> None:
    """Check that a card is active, has its token, and pays once with each cryptogram."""
    found = await other.instruments.fetch(caller, card.instrument.customer_id, card.instrument.instrument_id)
    assert (found.instrument.status, found.secrets) == (InstrumentStatus.ACTIVE, card.secrets)
    issued = await a_cryptogram(other, caller, card)
    outcomes = [await other.token_service.verify(presented(issued, caller)) for _ in range(2)]
    assert outcomes == [Outcome.VERIFIED, Outcome.REPLAYED]


async def assert_whole(other: Vault, backup_id: str) -> None:
    """Check the trail, the rows, the anchor and the keys, and that the trail knows of the restore."""
    await other.audit.checkpoint()
    assert (await other.verify_audit()).findings == []
    assert (await other.audit.anchor.compare()) is AnchorState.MATCHES
    entries = await audit_entries(other, other.vault_id)
    assert [entry["action"] for entry in entries[-2:]] == ["vault.backed_up", "vault.restored"]
    assert details_of(entries[-1])["backup_id"] == backup_id
    await other.check_keys_at_start()


async def test_two_restores_of_one_backup_never_make_the_same_cryptogram(
    vault: Vault, caller: Caller, backup: BackUp, elsewhere: Elsewhere, clock: SettableClock
) -> None:
    card = await a_saved_card(vault, caller)
    old = await a_cryptogram(vault, caller, card)
    await backup.make()
    one, two = [await restored(backup, elsewhere(name), clock) for name in ("one", "two")]
    try:
        # Even where both begin at the same counter, neither accepts what the other or the original made.
        for each in (one, two):
            await sql(each.tsp_engine, "UPDATE tokens SET psn = 50, atc = 7")
        made = [await a_cryptogram(each, caller, card) for each in (one, two)]
        assert made[0].cryptogram.counter == made[1].cryptogram.counter
        for each, foreign in ((one, made[1]), (two, made[0]), (one, old)):
            assert await each.token_service.verify(presented(foreign, caller)) is Outcome.FORGED
    finally:
        await one.close()
        await two.close()


@SQLITE_ALONE
async def test_a_restored_vault_is_backed_up_and_restored_again(
    vault: Vault, caller: Caller, backup: BackUp, elsewhere: Elsewhere, clock: SettableClock
) -> None:
    card = await a_saved_card(vault, caller)
    await backup.make()
    first = await restored(backup, elsewhere("first"), clock)
    spent = await counters(first, caller, card, 3)
    again = BackUp(first, backup.file.parent / "first", backup.key, clock)
    await again.make()
    await first.close()
    second = await restored(again, elsewhere("second"), clock)
    assert spent.isdisjoint(await counters(second, caller, card, 3))
    await second.close()


@SQLITE_ALONE
async def test_a_token_without_a_sequence_number_left_is_used_up(
    vault: Vault, caller: Caller, backup: BackUp, elsewhere: Elsewhere, clock: SettableClock
) -> None:
    card = await a_saved_card(vault, caller)
    await sql(vault.tsp_engine, "UPDATE tokens SET psn = 98")
    await backup.make()
    settings = elsewhere("restored")
    assert (await backup.restoration(settings).run()).exhausted == 1
    other = await open_vault(settings, clock)
    with pytest.raises(VaultError):
        await a_cryptogram(other, caller, card)
    await other.close()
