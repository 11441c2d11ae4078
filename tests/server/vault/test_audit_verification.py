"""Verification finds everything that an attacker with write access to the database can do to the audit trail."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import apsw
import msgspec
import pytest

from tests.support.builders import a_merchant, a_saved_card, settings_in, sql
from tests.support.clock import NOW
from tests.support.databases import SQLITE_ALONE
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.keys import signing
from tokenvault_server.vault.audit_format import checkpoint_hash
from tokenvault_server.vault.audit_verification import AuditReport, AuditVerification

TAIL_REWOUND = (
    "DELETE FROM audit_entries WHERE sequence > 2",
    "UPDATE audit_heads SET sequence = 2, hash = (SELECT hash FROM audit_entries WHERE sequence = 2)",
)

ORPHAN = "INSERT INTO audit_entries SELECT CAST(:chain AS TEXT), 1, entry, hash FROM audit_entries LIMIT 1"
HOLLOW = "INSERT INTO audit_heads SELECT CAST(:chain AS TEXT), 1, hash FROM audit_heads LIMIT 1"

FORGED = {
    "braces": b"{}",
    "brace": b"{",
    "nothing": b"",
    "zeros": bytes(32),
    "long_zeros": bytes(64),
    "very_long": bytes(70_000),
}


@pytest.fixture
async def signed(vault: Vault, caller: Caller) -> Vault:
    """A vault with one chain of four entries, of which the first three are signed by two checkpoints, and an anchor."""
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    await vault.audit.anchor.create()
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    await a_saved_card(vault, caller)
    return vault


async def findings_after(vault: Vault, *statements: str) -> list[str]:
    for statement in statements:
        values = {name: value for name, value in FORGED.items() if f":{name}" in statement.split()}
        await sql(vault.engine, statement, **values)
    return (await vault.verify_audit()).findings


async def test_an_untouched_trail_is_intact(signed: Vault) -> None:
    report = await signed.verify_audit()
    assert report == AuditReport(chains=1, entries=4, checkpoints=2, rows=5, unsigned_entries=1)
    assert report.intact


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(("UPDATE audit_entries SET entry = :braces WHERE sequence = 2",), id="an altered entry"),
        pytest.param(("UPDATE audit_entries SET hash = :zeros WHERE sequence = 2",), id="an altered hash"),
        pytest.param(("DELETE FROM audit_entries WHERE sequence = 2",), id="a removed entry"),
        pytest.param(("DELETE FROM audit_entries WHERE sequence = 1",), id="a removed beginning"),
        pytest.param(
            (
                "UPDATE audit_entries SET sequence = 99 WHERE sequence = 2",
                "UPDATE audit_entries SET sequence = 2 WHERE sequence = 3",
                "UPDATE audit_entries SET sequence = 3 WHERE sequence = 99",
            ),
            id="swapped entries",
        ),
        pytest.param(("DELETE FROM audit_entries WHERE sequence = 4",), id="a truncated tail"),
        pytest.param(TAIL_REWOUND, id="a truncated and rewound tail that was signed"),
        pytest.param(("UPDATE audit_heads SET sequence = 7",), id="a head too far"),
        pytest.param(("UPDATE audit_heads SET hash = :zeros",), id="a head with another hash"),
        pytest.param(("DELETE FROM audit_heads",), id="a removed head"),
        pytest.param(("DELETE FROM audit_heads", "DELETE FROM audit_entries"), id="a removed chain"),
        pytest.param(("UPDATE audit_heads SET merchant_id = 'mer_other'",), id="a renamed head"),
        pytest.param(("UPDATE audit_entries SET merchant_id = 'mer_other'",), id="renamed entries"),
        pytest.param(("DELETE FROM audit_checkpoints WHERE number = 1",), id="a removed first checkpoint"),
        pytest.param(("DELETE FROM audit_checkpoints WHERE number = 2",), id="a removed last checkpoint"),
        pytest.param(("DELETE FROM audit_checkpoints",), id="no checkpoint left"),
        pytest.param(("UPDATE audit_checkpoints SET signature = :long_zeros",), id="a forged signature"),
        pytest.param(("UPDATE audit_checkpoints SET signature = :nothing",), id="an empty signature"),
        pytest.param(("UPDATE audit_checkpoints SET key_id = 99",), id="an unknown signing key"),
        pytest.param(("UPDATE audit_checkpoints SET body = :brace",), id="a body that is not JSON"),
        pytest.param(("UPDATE audit_checkpoints SET hash = :zeros WHERE number = 1",), id="another checkpoint hash"),
    ],
)
async def test_tampering_is_found(signed: Vault, statements: tuple[str, ...]) -> None:
    assert await findings_after(signed, *statements)


async def test_a_head_moved_back_to_hide_entries_is_found(signed: Vault) -> None:
    assert await findings_after(signed, TAIL_REWOUND[1])


async def test_a_removed_head_of_a_chain_that_was_never_signed_is_found(vault: Vault, caller: Caller) -> None:
    assert await findings_after(vault, "DELETE FROM audit_heads")


async def test_the_finding_names_the_chain_and_the_entry(signed: Vault, caller: Caller) -> None:
    findings = await findings_after(signed, "UPDATE audit_entries SET entry = :braces WHERE sequence = 2")
    assert findings[0] == f"chain {caller.merchant_id}: entry 2 was altered, or an entry before it"
    assert "no audit entry says that it exists" in findings[1]  # the card whose entry is gone


@pytest.mark.parametrize("value", ["'text'", ":very_long"], ids=["another type", "too long"])
async def test_an_entry_that_could_never_have_been_written_is_a_finding(signed: Vault, value: str) -> None:
    assert await findings_after(signed, f"UPDATE audit_entries SET entry = {value} WHERE sequence = 2")


async def test_a_checkpoint_body_rewritten_with_its_hash_is_found_by_its_signature(signed: Vault) -> None:
    ((body,),) = await sql(signed.engine, "SELECT body FROM audit_checkpoints WHERE number = 2")
    rewritten = json.dumps({**json.loads(body), "heads": []}).encode()
    await sql(
        signed.engine,
        "UPDATE audit_checkpoints SET body = :body, hash = :hash WHERE number = 2",
        body=rewritten,
        hash=checkpoint_hash(rewritten),
    )
    assert "checkpoint 2: its signature is not valid" in (await signed.verify_audit()).findings


async def test_a_signature_of_another_vault_is_found(signed: Vault, tmp_path: Path) -> None:
    other = await open_vault(settings_in(tmp_path / "other"), signed.clock, initialise=True)
    await a_merchant(other)
    await other.audit.checkpoint()
    ((signature,),) = await sql(other.engine, "SELECT signature FROM audit_checkpoints")
    await other.close()
    await sql(signed.engine, "UPDATE audit_checkpoints SET signature = :signature", signature=signature)
    assert not (await signed.verify_audit()).intact


@SQLITE_ALONE
async def test_a_database_rolled_back_to_an_old_copy_is_found_by_the_anchor(
    vault: Vault, caller: Caller, tmp_path: Path
) -> None:
    database, copy = tmp_path / "vault.db", tmp_path / "copy.db"
    await vault.audit.checkpoint()
    await vault.audit.anchor.create()
    back_up(database, copy)
    await a_saved_card(vault, caller)
    await vault.audit.checkpoint()
    await vault.close()
    restore(copy, database)
    rolled_back = await open_vault(vault.settings, vault.clock)
    before = await rolled_back.verify_audit()
    await a_saved_card(rolled_back, caller)
    await rolled_back.audit.checkpoint()
    after = await rolled_back.verify_audit()
    await rolled_back.close()
    assert before.findings == ["the anchor file holds a checkpoint that the database does not have"]
    assert after.findings == before.findings, "new checkpoints must not overwrite the proof"


def back_up(database: Path, copy: Path) -> None:
    """Copy a database that is in use."""
    with (
        closing(apsw.Connection(str(database))) as source,
        closing(apsw.Connection(str(copy))) as target,
        target.backup("main", source, "main") as backup,
    ):
        backup.step()


def restore(copy: Path, database: Path) -> None:
    for leftover in database.parent.glob(f"{database.name}-*"):
        leftover.unlink()
    shutil.copy(copy, database)


async def test_an_anchor_of_another_history_is_found(signed: Vault, tmp_path: Path) -> None:
    (tmp_path / "audit-anchor.json").write_text(json.dumps({"number": 2, "hash": "00" * 32}))
    assert not (await signed.verify_audit()).intact


async def test_an_anchor_that_is_one_checkpoint_behind_is_intact(signed: Vault, tmp_path: Path) -> None:
    ((digest,),) = await sql(signed.engine, "SELECT hash FROM audit_checkpoints WHERE number = 1")
    (tmp_path / "audit-anchor.json").write_text(json.dumps({"number": 1, "hash": digest.hex()}))
    assert (await signed.verify_audit()).intact


async def test_a_missing_anchor_is_found(signed: Vault, tmp_path: Path) -> None:
    (tmp_path / "audit-anchor.json").unlink()
    assert not (await signed.verify_audit()).intact


async def test_an_anchor_that_cannot_be_read_is_a_finding(signed: Vault, tmp_path: Path) -> None:
    (tmp_path / "audit-anchor.json").write_text("not an anchor")
    assert not (await signed.verify_audit()).intact


async def test_a_vault_without_anchor_can_be_verified(tmp_path: Path, vault: Vault, caller: Caller) -> None:
    unanchored = replace(vault, settings=msgspec.structs.replace(vault.settings, audit_anchor=""))
    assert (await unanchored.verify_audit()).intact


async def test_every_chain_is_found_when_they_are_listed_page_by_page(signed: Vault) -> None:
    for chain in ("", "a", "mer_0", "z1", "z2"):  # forged chains: only an entry, or only a head
        await sql(signed.engine, ORPHAN, chain=chain)
        await sql(signed.engine, HOLLOW, chain=f"{chain}h")

    async def public_key(key_id: int) -> bytes:
        return signing.public_key(await signed.keyring.by_id(key_id))

    verification = AuditVerification(
        signed.engine,
        signed.vault_id,
        public_key,
        signed.row_tags,
        now=NOW,
        signed_within_seconds=120,
        page_size=2,
        checkpoint_page_size=1,
    )
    report = await verification.run()
    broken = {finding.split(":")[0] for finding in report.findings if "does not match its head" in finding}
    assert broken == {f"chain {chain}" for chain in ("", "a", "mer_0", "z1", "z2", "h", "ah", "mer_0h", "z1h", "z2h")}
    assert (report.chains, report.checkpoints) == (11, 2)


async def test_at_most_a_hundred_findings_are_reported(vault: Vault, caller: Caller) -> None:
    report = AuditReport()
    for number in range(150):
        report.add(str(number))
    assert len(report.findings) == 100
