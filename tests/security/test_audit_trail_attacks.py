"""Someone who writes to the database cannot make the trail forget: the next checkpoint heals it, or verify reports it.

Each attack starts with a trail whose older entries are signed and whose newest are not, and with an anchor. Then the
vault goes on: in the same process or in a new one, it makes its next checkpoints, and an operator verifies.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from tests.support.builders import sql
from tests.support.clock import SettableClock
from tests.support.databases import BOTH, SQLITE_ALONE
from tests.support.effort import effort
from tokenvault_server.bootstrap import Vault, anchor_file
from tokenvault_server.database.engine import Rows, Work
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.errors import StoreError, VaultError
from tokenvault_server.store import anchor
from tokenvault_server.store.anchor import Anchor
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.audit_verification import AuditReport
from tokenvault_server.vault.checkpoints import Checkpoints

CHAINS: Final = ("mer_a", "mer_b", "mer_new")
"""The first two have three signed entries and two that are not signed. The last has one that is not signed."""

TABLES: Final = {
    "audit_heads": "merchant_id, sequence, hash",
    "audit_entries": "merchant_id, sequence, entry, hash",
    "audit_checkpoints": "number, body, hash, key_id, signature",
}

MOVES: Final = {
    "a head goes back by one": "UPDATE audit_heads SET sequence = sequence - 1 WHERE merchant_id = 'mer_a'",
    "a head goes back to the first entry": "UPDATE audit_heads SET sequence = 1 WHERE merchant_id = 'mer_a'",
    "a head goes back to what is signed": """UPDATE audit_heads SET sequence = 3,
        hash = (SELECT hash FROM audit_entries WHERE merchant_id = 'mer_a' AND sequence = 3)
        WHERE merchant_id = 'mer_a'""",
    "a head goes back, with the hash": """UPDATE audit_heads SET sequence = 2,
        hash = (SELECT hash FROM audit_entries WHERE merchant_id = 'mer_a' AND sequence = 2)
        WHERE merchant_id = 'mer_a'""",
    "a head goes on by one": "UPDATE audit_heads SET sequence = sequence + 1 WHERE merchant_id = 'mer_a'",
    "a head goes far away": "UPDATE audit_heads SET sequence = 9000000000000000000 WHERE merchant_id = 'mer_a'",
    "a head becomes negative": "UPDATE audit_heads SET sequence = -1",
    "a head gets another hash": "UPDATE audit_heads SET hash = :zeros WHERE merchant_id = 'mer_b'",
    "a head gets a short hash": "UPDATE audit_heads SET hash = :brace WHERE merchant_id = 'mer_b'",
    "every head gets another hash": "UPDATE audit_heads SET hash = :zeros",
    "a head is renamed": "UPDATE audit_heads SET merchant_id = 'mer_other' WHERE merchant_id = 'mer_a'",
    "a head loses its name": "UPDATE audit_heads SET merchant_id = '' WHERE merchant_id = 'mer_b'",
    "a head is removed": "DELETE FROM audit_heads WHERE merchant_id = 'mer_a'",
    "all heads are removed": "DELETE FROM audit_heads",
    "a signed entry is altered": "UPDATE audit_entries SET entry = :brace WHERE merchant_id = 'mer_a' AND sequence = 2",
    "unsigned entries are altered": "UPDATE audit_entries SET entry = :braces WHERE sequence > 3",
    "an entry gets another hash": "UPDATE audit_entries SET hash = :zeros WHERE sequence = 5",
    "entries move by one": "UPDATE audit_entries SET sequence = sequence + 7",
    "the last entry moves": "UPDATE audit_entries SET sequence = 6 WHERE merchant_id = 'mer_a' AND sequence = 5",
    "entries change their chain": "UPDATE audit_entries SET merchant_id = 'mer_c' WHERE merchant_id = 'mer_a'",
    "the first entries are removed": "DELETE FROM audit_entries WHERE sequence = 1",
    "a signed entry is removed": "DELETE FROM audit_entries WHERE merchant_id = 'mer_b' AND sequence = 3",
    "unsigned entries are removed": "DELETE FROM audit_entries WHERE merchant_id = 'mer_a' AND sequence > 3",
    "a chain's entries are removed": "DELETE FROM audit_entries WHERE merchant_id = 'mer_a'",
    "all entries are removed": "DELETE FROM audit_entries",
    "the first checkpoint is removed": "DELETE FROM audit_checkpoints WHERE number = 1",
    "the last checkpoint is removed": "DELETE FROM audit_checkpoints WHERE number = 2",
    "all checkpoints are removed": "DELETE FROM audit_checkpoints",
    "a checkpoint's body is not JSON": "UPDATE audit_checkpoints SET body = :brace WHERE number = 2",
    "a checkpoint's body is another": """UPDATE audit_checkpoints
        SET body = (SELECT body FROM audit_checkpoints WHERE number = 1) WHERE number = 2""",
    "a checkpoint has another hash": "UPDATE audit_checkpoints SET hash = :zeros WHERE number = 2",
    "signatures are forged": "UPDATE audit_checkpoints SET signature = :zeros",
    "a checkpoint names another key": "UPDATE audit_checkpoints SET key_id = key_id + 1 WHERE number = 1",
    "a checkpoint names no key": "UPDATE audit_checkpoints SET key_id = 999",
    "a checkpoint has another number": "UPDATE audit_checkpoints SET number = 7 WHERE number = 2",
    "a checkpoint has the last number": "UPDATE audit_checkpoints SET number = 9223372036854775807 WHERE number = 2",
}
"""Single statements, on every table and column of the trail."""

OF_OTHER_TYPES: Final = {
    "a head's place is text": "UPDATE audit_heads SET sequence = 'far' WHERE merchant_id = 'mer_a'",
    "a head's hash is text": "UPDATE audit_heads SET hash = 'text' WHERE merchant_id = 'mer_a'",
    "a head's chain is bytes": "UPDATE audit_heads SET merchant_id = CAST(merchant_id AS BLOB)",
    "a head's chain is null": "UPDATE audit_heads SET merchant_id = NULL WHERE merchant_id = 'mer_a'",
    "an entry is text": "UPDATE audit_entries SET entry = 'text' WHERE sequence = 5",
    "an entry's place is text": "UPDATE audit_entries SET sequence = 'far' WHERE sequence = 5",
    "an entry's hash is text": "UPDATE audit_entries SET hash = 'text' WHERE sequence = 2",
    "a chain's name is bytes": "UPDATE audit_entries SET merchant_id = CAST(merchant_id AS BLOB) WHERE sequence > 1",
    "a checkpoint's number is text": "UPDATE audit_checkpoints SET number = 'far' WHERE number = 2",
    "a checkpoint's body is text": "UPDATE audit_checkpoints SET body = CAST(body AS TEXT)",
    "a checkpoint's hash is text": "UPDATE audit_checkpoints SET hash = 'text' WHERE number = 2",
    "a checkpoint's key is text": "UPDATE audit_checkpoints SET key_id = 'far'",
    "a signature is text": "UPDATE audit_checkpoints SET signature = 'text'",
}
"""SQLite stores a value of any type in any column."""

VALUES: Final = {"zeros": bytes(32), "brace": b"{", "braces": b"{}"}


@pytest.fixture(params=BOTH)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@dataclass
class Trail:
    """A trail with an anchor, and what belongs in it."""

    vault: Vault
    process: AuditTrail
    honest: dict[str, Rows]
    anchored: Anchor

    async def put_back(self) -> None:
        """Restore the tables and the anchor."""
        await self.vault.engine.commit(self._rows)
        path = anchor_file(self.vault.settings)
        assert path is not None
        anchor.write(path, self.anchored)

    def _rows(self) -> Work[None]:
        for table, columns in TABLES.items():
            yield Query("clear", f"DELETE FROM {table}")()
            names = columns.split(", ")
            insert = Query(
                "fill", f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in names)})"
            )
            for row in self.honest[table]:
                yield insert(**dict(zip(names, row, strict=True)))

    def restart(self) -> None:
        """Let a new process go on, which remembers nothing."""
        vault = self.vault
        self.process = AuditTrail(vault.engine, vault.keyring, vault.vault_id, vault.clock, anchor_file(vault.settings))

    async def attack(self, statement: str) -> None:
        values = {name: value for name, value in VALUES.items() if f":{name}" in statement.split()}
        # A statement that breaks a constraint changes nothing.
        with contextlib.suppress(StoreError):
            await sql(self.vault.engine, statement, **values)

    async def checkpoint(self) -> None:
        """Do what the periodic task does: a failure is logged, and the task goes on."""
        with contextlib.suppress(Exception):
            await self.process.checkpoint()

    async def outcome(self) -> AuditReport:
        """Return what an operator sees after the next checkpoints, some minutes later."""
        clock = self.vault.clock
        assert isinstance(clock, SettableClock)
        began = clock.now()
        for _ in range(3):
            clock.advance(self.vault.settings.checkpoint_seconds)
            await self.checkpoint()
        report = await self.vault.verify_audit()
        clock.set(began)
        return report

    async def is_whole(self) -> bool:
        """Return whether every entry that was signed is still there, unchanged, and every entry present is signed."""
        entries = await sql(self.vault.engine, f"SELECT {TABLES['audit_entries']} FROM audit_entries")
        signed = [row for row in self.honest["audit_entries"] if row[0] != "mer_new" and row[1] <= 3]
        return all(row in entries for row in signed)


async def append(trail: AuditTrail, vault: Vault, chain: str) -> None:
    entry = AuditEntry(at=vault.clock.now(), action=Action.INSTRUMENT_DELETED, actor="somebody")
    await vault.engine.commit(partial(trail.append, chain, entry))


@pytest.fixture
async def trail(vault: Vault) -> Trail:
    audit = vault.audit
    for count in (1, 2):
        for chain in CHAINS[:2] * count:
            await append(audit, vault, chain)
        await audit.checkpoint()
    await audit.anchor.create()
    for chain in (*CHAINS, *CHAINS[:2]):
        await append(audit, vault, chain)
    honest = {
        table: await sql(vault.engine, f"SELECT {columns} FROM {table} ORDER BY 1, 2")
        for table, columns in TABLES.items()
    }
    path = anchor_file(vault.settings)
    assert path is not None
    anchored = anchor.read(path)
    assert anchored is not None
    return Trail(vault, audit, honest, anchored)


def checkpoints_of(vault: Vault, **limits: int) -> Checkpoints:
    return Checkpoints(vault.engine, vault.keyring, vault.vault_id, vault.clock, **limits)


async def is_healed_or_reported(trail: Trail) -> bool:
    report = await trail.outcome()
    return not report.intact or (report.unsigned_entries == 0 and await trail.is_whole())


async def test_an_untouched_trail_is_signed_and_intact(trail: Trail) -> None:
    report = await trail.outcome()
    assert (report.findings, report.entries, report.unsigned_entries) == ([], 11, 0)


async def test_every_single_statement_is_healed_or_reported(trail: Trail) -> None:
    unnoticed = []
    for (name, statement), restarts in product(MOVES.items(), (False, True)):
        await trail.put_back()
        trail.restart()
        await trail.process.checkpoints.catch_up()
        await trail.attack(statement)
        if restarts:
            trail.restart()
        if not await is_healed_or_reported(trail):
            unnoticed.append((name, restarts))
    assert unnoticed == []


@SQLITE_ALONE
async def test_values_of_other_types_are_healed_or_reported(trail: Trail) -> None:
    unnoticed = []
    for name, statement in OF_OTHER_TYPES.items():
        await trail.put_back()
        trail.restart()
        await trail.attack(statement)
        if not await is_healed_or_reported(trail):
            unnoticed.append(name)
    assert unnoticed == []


@pytest.mark.parametrize("seed", range(effort(3, 100)))
async def test_every_sequence_of_statements_is_healed_or_reported(trail: Trail, seed: int) -> None:
    chosen = random.Random(seed)
    for _ in range(10):
        await trail.put_back()
        trail.restart()
        steps = chosen.choices(list(MOVES), k=chosen.randint(2, 6))
        for step in steps:
            await trail.attack(MOVES[step])
            if chosen.random() < 0.3:
                await trail.checkpoint()
            if chosen.random() < 0.3:
                trail.restart()
        assert await is_healed_or_reported(trail), steps


async def test_a_merchants_entries_are_signed_within_a_minute_and_cannot_be_deleted_with_their_head(
    trail: Trail,
) -> None:
    await trail.outcome()
    await trail.attack("DELETE FROM audit_entries WHERE merchant_id = 'mer_new'")
    await trail.attack("DELETE FROM audit_heads WHERE merchant_id = 'mer_new'")
    assert "chain mer_new: was signed, and is missing" in (await trail.outcome()).findings


async def test_a_rewound_head_is_not_signed_and_an_error_says_so(
    trail: Trail, caplog: pytest.LogCaptureFixture
) -> None:
    await trail.outcome()
    await trail.attack("DELETE FROM audit_entries WHERE merchant_id = 'mer_a' AND sequence > 2")
    await trail.attack(MOVES["a head goes back, with the hash"])
    before = await sql(trail.vault.engine, "SELECT number FROM audit_checkpoints")
    caplog.clear()
    await trail.process.checkpoint()
    assert await sql(trail.vault.engine, "SELECT number FROM audit_checkpoints") == before
    assert [record.__dict__["chains"] for record in caplog.records if record.levelname == "ERROR"] == [["mer_a"]]


async def test_the_age_of_the_oldest_unsigned_entry_grows_while_a_head_cannot_be_signed(trail: Trail) -> None:
    clock = trail.vault.clock
    assert isinstance(clock, SettableClock)
    await trail.process.checkpoint()
    assert trail.process.checkpoints.unsigned_seconds == 0
    await trail.attack("UPDATE audit_heads SET sequence = 1 WHERE merchant_id = 'mer_a'")
    for _ in range(2):
        clock.advance(60)
        await trail.process.checkpoint()
    assert trail.process.checkpoints.unsigned_seconds == 120


async def test_signing_that_stopped_is_reported(trail: Trail) -> None:
    clock = trail.vault.clock
    assert isinstance(clock, SettableClock)
    seconds = trail.vault.settings.checkpoint_seconds
    clock.advance(2 * seconds)
    assert (await trail.vault.verify_audit()).findings == []
    clock.advance(1)
    assert "chain mer_a: entry 4 should have been signed by now" in (await trail.vault.verify_audit()).findings


@pytest.mark.parametrize(
    "entry", [b"{", b'{"at":"soon"}', b'{"at":99999999999999999}'], ids=["broken", "text", "future"]
)
async def test_an_unsigned_entry_that_does_not_say_when_it_was_written_is_reported(trail: Trail, entry: bytes) -> None:
    await sql(
        trail.vault.engine,
        "UPDATE audit_entries SET entry = :entry WHERE merchant_id = 'mer_new'",
        entry=entry,
    )
    findings = (await trail.vault.verify_audit()).findings
    assert "chain mer_new: entry 1 should have been signed by now" in findings


async def test_a_process_that_starts_learns_from_the_checkpoints_and_signs_nothing_twice(trail: Trail) -> None:
    await trail.process.checkpoint()
    trail.restart()
    assert not await trail.process.checkpoint()


async def test_heads_that_the_newest_checkpoints_do_not_name_are_signed_anew(trail: Trail) -> None:
    await trail.process.checkpoint()
    await append(trail.process, trail.vault, "mer_b")
    await trail.process.checkpoint()
    assert await checkpoints_of(trail.vault, earlier=1).sign_all(), "mer_a and mer_new"
    assert not await checkpoints_of(trail.vault, earlier=2).sign_all()


async def test_many_heads_are_signed_in_several_checkpoints(trail: Trail) -> None:
    for number in range(5):
        await append(trail.process, trail.vault, f"mer_{number}")
    await checkpoints_of(trail.vault, heads_at_once=2).sign_all()
    report = await trail.vault.verify_audit()
    assert (report.checkpoints, report.unsigned_entries, report.findings) == (2 + 4, 0, [])


async def test_processes_that_sign_many_heads_at_the_same_time_share_the_work(trail: Trail) -> None:
    for number in range(20):
        await append(trail.process, trail.vault, f"mer_{number:02}")
    processes = [checkpoints_of(trail.vault, heads_at_once=2) for _ in range(3)]
    await asyncio.gather(*(process.sign_all() for process in processes))
    report = await trail.vault.verify_audit()
    assert (report.unsigned_entries, report.findings) == (0, [])
    assert not any([await process.sign_all() for process in processes])


async def test_removed_checkpoints_of_a_vault_without_anchor_are_made_again_by_the_process_that_knew_them(
    trail: Trail, tmp_path: Path
) -> None:
    vault = trail.vault
    trail.process = AuditTrail(vault.engine, vault.keyring, vault.vault_id, vault.clock)
    await trail.process.checkpoint()
    await trail.attack("DELETE FROM audit_checkpoints")
    await trail.process.checkpoint()
    report = await vault.verify_audit(with_anchor=False)
    assert (report.findings, report.checkpoints, report.unsigned_entries) == ([], 1, 0)


async def test_one_broken_audit_key_stops_the_task_and_not_the_report(trail: Trail) -> None:
    await sql(trail.vault.engine, "UPDATE keys SET wrapped = :zeros WHERE purpose = 'audit'", zeros=bytes(60))
    trail.vault.keyring.clear()
    with pytest.raises(VaultError):
        await trail.process.checkpoint()
    assert not (await trail.outcome()).intact
