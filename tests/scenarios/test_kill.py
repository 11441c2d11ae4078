"""`kill -9` at any moment: what was acknowledged stays, no counter comes back, and the audit trail holds.

`KILL_ROUNDS` says how often; `make test KILL_ROUNDS=200` goes on for some minutes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.ledger import Ledger
from tests.support.commands import tokenvault
from tests.support.emulator_process import STOP_SECONDS, emulator, started
from tests.support.http_client import Connection

ROUNDS = int(os.environ.get("KILL_ROUNDS", "10"))
MOST_ACTS = 150
ROUND_SECONDS = 60


def test_nothing_acknowledged_is_lost_and_no_counter_comes_back(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    ledger = Ledger()
    for number in range(ROUNDS):
        with started("--no-rate-limits", "--data", str(data)) as (running, process):
            find_all(running.connection(), ledger)
            enough = ledger.acknowledged + random.randint(1, MOST_ACTS)
            with calling(running, ledger, f"round-{number}"):
                in_time = ledger.wait_for(enough, ROUND_SECONDS)
                process.send_signal(signal.SIGKILL)
        assert in_time, f"{ledger.acknowledged} acts acknowledged, {enough} expected"
        assert ledger.wrong == []
        verify_audit(data)
    with emulator("--no-rate-limits", "--data", str(data)) as running:
        find_all(running.connection(), ledger)
    verify_audit(data)
    assert ledger.issued - audited(data) == set()


@pytest.mark.parametrize("file", ["master.key", "vault.db", "tsp.db", "emulator.json"])
def test_a_vault_killed_while_it_is_founded_starts_the_next_time(tmp_path: Path, file: str) -> None:
    data = tmp_path / "vault"
    command = [sys.executable, "-m", "tokenvault_server", "emulator", "--port", "0", "--json", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not (data / file).exists():
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        assert process.wait(STOP_SECONDS) == -signal.SIGKILL
    with emulator("--data", str(data)) as running:
        running.save("first")
    verify_audit(data)


def find_all(connection: Connection, ledger: Ledger) -> None:
    """Demands every acknowledged card, and that none of the deleted ones answers; the doubtful become certain."""
    with connection:
        found = {path: connection.ask("GET", path).status for path in ledger.living | ledger.doubtful | ledger.deleted}
    assert {found[path] for path in ledger.living} <= {200}
    assert {found[path] for path in ledger.deleted} <= {404}
    assert {found[path] for path in ledger.doubtful} <= {200, 404}
    ledger.living |= {path for path in ledger.doubtful if found[path] == 200}
    ledger.deleted |= {path for path in ledger.doubtful if found[path] == 404}
    ledger.doubtful.clear()


def verify_audit(data: Path) -> None:
    """Demands an intact audit trail from the command that operators use."""
    done = tokenvault("audit", "verify", "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr


def audited(data: Path) -> set[tuple[str, int]]:
    """Gives the saved card and counter value of every cryptogram in the audit trail."""
    with closing(sqlite3.connect(data / "vault.db")) as database:
        entries = [json.loads(entry) for (entry,) in database.execute("SELECT entry FROM audit_entries")]
    issued = [entry for entry in entries if entry["action"] == "cryptogram.issued"]
    return {(entry["instrument_id"], entry["details"]["atc"]) for entry in issued}
