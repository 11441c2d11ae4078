"""The audit trail: its entries, their chains, the checkpoints and the anchor."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import (
    VISA,
    a_cryptogram,
    a_deleted_card,
    a_merchant,
    a_saved_card,
    audit_entries,
    settings_in,
    sql,
)
from tests.support.clock import NOW, SettableClock
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Rows, Work
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.keys import signing
from tokenvault_server.settings import Settings
from tokenvault_server.store import anchor
from tokenvault_server.vault.audit_format import GENESIS, checkpoint_hash, entry_hash


async def test_the_acts_on_a_card_are_recorded_in_order(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await a_cryptogram(vault, caller, card)
    await a_deleted_card(vault, caller, card)
    actions = [entry["action"] for entry in await audit_entries(vault, caller.merchant_id)]
    assert actions == ["merchant.added", "instrument.enrolled", "cryptogram.issued", "instrument.deleted"]


async def test_an_entry_holds_actor_action_origin_and_card(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    entry = (await audit_entries(vault, caller.merchant_id))[-1]
    assert entry == {
        "at": NOW,
        "action": "instrument.enrolled",
        "actor": caller.actor,
        "origin": "192.0.2.1",
        "request_id": "req_1",
        "customer_id": "customer-1",
        "instrument_id": card.instrument.instrument_id,
        "outcome": "done",
        "details": {f"row/instrument/{card.instrument.instrument_id}": (await tags_of(vault))[0][0].hex()},
    }


async def tags_of(vault: Vault) -> Rows:
    return await sql(vault.engine, "SELECT tag FROM row_tags WHERE kind = 'instrument'")


async def test_no_entry_holds_card_token_or_secret(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await a_cryptogram(vault, caller, card)
    written = json.dumps(await audit_entries(vault, caller.merchant_id))
    assert card.secrets is not None
    assert card.secrets.par is not None
    for secret in (VISA, card.secrets.network_token.reveal(), card.secrets.par, card.secrets.token_reference):
        assert secret not in written


async def test_each_hash_binds_the_one_before_it(vault: Vault, caller: Caller) -> None:
    await a_saved_card(vault, caller)
    rows = await sql(vault.engine, "SELECT merchant_id, sequence, entry, hash FROM audit_entries ORDER BY sequence")
    previous = GENESIS
    for chain, sequence, entry, digest in rows:
        assert digest == entry_hash(vault.vault_id, chain, sequence, previous, entry)
        previous = digest
    assert await sql(vault.engine, "SELECT sequence, hash FROM audit_heads") == [(2, previous)]


async def test_each_merchant_has_a_chain_of_its_own(vault: Vault, caller: Caller) -> None:
    other = await a_merchant(vault, "Another")
    await a_saved_card(vault, other)
    assert await sql(vault.engine, "SELECT merchant_id, sequence FROM audit_heads ORDER BY sequence") == [
        (caller.merchant_id, 1),
        (other.merchant_id, 2),
    ]


async def test_concurrent_entries_make_one_unbroken_chain(vault: Vault, caller: Caller) -> None:
    await asyncio.gather(*(a_saved_card(vault, caller, customer_id=f"customer-{number}") for number in range(20)))
    report = await vault.verify_audit()
    assert (report.intact, report.entries) == (True, 21)


async def test_an_act_that_fails_after_its_entry_leaves_no_entry(vault: Vault, caller: Caller) -> None:
    def body() -> Work[None]:
        entry = AuditEntry(at=NOW, action=Action.INSTRUMENT_DELETED, actor="somebody")
        yield from vault.audit.append(caller.merchant_id, entry)
        raise LookupError

    with pytest.raises(LookupError):
        await vault.engine.commit(body)
    assert len(await audit_entries(vault, caller.merchant_id)) == 1


async def test_a_checkpoint_is_signed_by_the_vaults_own_key(vault: Vault, caller: Caller) -> None:
    await a_saved_card(vault, caller)
    assert await vault.audit.checkpoint()
    rows = await sql(vault.engine, "SELECT number, body, hash, key_id, signature FROM audit_checkpoints")
    ((number, body, digest, key_id, signature),) = rows
    key = await vault.keyring.active(Purpose.AUDIT)
    assert (number, digest, key_id) == (1, checkpoint_hash(body), key.key_id)
    assert signing.verify(signing.public_key(key), digest, signature)


async def test_a_checkpoint_holds_the_head_of_every_chain(vault: Vault, caller: Caller) -> None:
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    ((body,),) = await sql(vault.engine, "SELECT body FROM audit_checkpoints")
    ((head,),) = await sql(vault.engine, "SELECT hash FROM audit_heads")
    checkpoint = json.loads(body)
    assert checkpoint["heads"] == [[caller.merchant_id, 2, head.hex()]]
    assert (checkpoint["vault_id"], checkpoint["number"], checkpoint["at"], checkpoint["previous"]) == (
        vault.vault_id,
        1,
        NOW,
        "00" * 32,
    )


async def test_a_checkpoint_covers_only_the_chains_that_grew_and_holds_the_hash_before_it(
    vault: Vault, caller: Caller
) -> None:
    await a_merchant(vault, "Another")
    await vault.audit.checkpoint()
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    first, second = await sql(vault.engine, "SELECT body, hash FROM audit_checkpoints ORDER BY number")
    assert [len(json.loads(row[0])["heads"]) for row in (first, second)] == [2, 1]
    assert json.loads(second[0])["previous"] == first[1].hex()


async def test_nothing_is_signed_when_no_chain_grew(vault: Vault, caller: Caller) -> None:
    assert [await vault.audit.checkpoint() for _ in range(2)] == [True, False]


async def test_the_newest_checkpoint_is_anchored_outside_the_database(
    vault: Vault, caller: Caller, tmp_path: Path
) -> None:
    await vault.audit.begin()
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    ((digest,),) = await sql(vault.engine, "SELECT hash FROM audit_checkpoints WHERE number = 2")
    file = tmp_path / "audit-anchor.json"
    assert anchor.read(file) == anchor.Anchor(2, digest.hex())
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_checkpoint_of_another_process_is_anchored_here_too(
    vault: Vault, caller: Caller, settings: Settings, tmp_path: Path
) -> None:
    await vault.audit.begin()
    shutil.copy(tmp_path / "audit-anchor.json", tmp_path / "other.json")
    other = await open_vault(msgspec.structs.replace(settings, audit_anchor=str(tmp_path / "other.json")), vault.clock)
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    assert not await other.audit.checkpoint()
    await other.close()
    assert anchor.read(tmp_path / "other.json") == anchor.read(tmp_path / "audit-anchor.json")


async def test_two_processes_that_sign_concurrently_make_one_checkpoint(
    vault: Vault, caller: Caller, settings: Settings
) -> None:
    other = await open_vault(settings, vault.clock)
    made = await asyncio.gather(vault.audit.checkpoint(), other.audit.checkpoint())
    await other.close()
    assert sorted(made) == [False, True]
    assert (await vault.verify_audit(with_anchor=False)).intact


async def test_a_damaged_checkpoint_does_not_prevent_the_next_one(vault: Vault, caller: Caller) -> None:
    await vault.audit.checkpoint()
    await sql(vault.engine, "UPDATE audit_checkpoints SET body = :body", body=b"{")
    await a_saved_card(vault, caller)
    assert await vault.audit.checkpoint()
    assert not (await vault.verify_audit()).intact


async def test_a_temporary_vault_needs_no_anchor(tmp_path: Path, clock: SettableClock) -> None:
    vault = await open_vault(settings_in(tmp_path, audit_anchor=""), clock, initialise=True)
    await a_merchant(vault)
    assert await vault.audit.checkpoint()
    await vault.close()
    assert not (tmp_path / "audit-anchor.json").exists()


async def test_entries_newer_than_the_last_checkpoint_are_reported_as_unsigned(vault: Vault, caller: Caller) -> None:
    await vault.audit.checkpoint()
    await a_saved_card(vault, caller)
    report = await vault.verify_audit()
    assert (report.chains, report.entries, report.checkpoints, report.unsigned_entries) == (1, 2, 1, 1)


async def test_a_vaults_own_chain_begins_with_its_initialisation_signed_and_anchored(
    vault: Vault, tmp_path: Path
) -> None:
    await vault.audit.begin()
    assert [entry["action"] for entry in await audit_entries(vault, vault.vault_id)] == ["vault.initialised"]
    report = await vault.verify_audit()
    assert (report.intact, report.checkpoints, report.unsigned_entries) == (True, 1, 0)
    assert anchor.read(tmp_path / "audit-anchor.json")


async def test_the_initialisation_is_recorded_once(vault: Vault) -> None:
    for _ in range(2):
        await vault.audit.begin()
    assert len(await audit_entries(vault, vault.vault_id)) == 1
