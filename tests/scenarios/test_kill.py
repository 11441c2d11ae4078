"""`kill -9` at any moment: acknowledged acts stay, no counter value is reused, and the audit trail is intact."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from tests.scenarios.callers import calling
from tests.scenarios.expectations import Expectations
from tests.support.commands import tokenvault
from tests.support.effort import effort
from tests.support.emulator_process import STOP_SECONDS, emulator, started
from tests.support.http_client import Connection

ROUNDS = effort(3, 200)
MOST_ACTS = effort(80, 150)
ROUND_SECONDS = 60
MOMENT = 0.0005
"""Seconds; the files appear milliseconds after each other."""


def test_nothing_acknowledged_is_lost_and_no_counter_value_is_reused(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    expected = Expectations()
    for number in range(ROUNDS):
        with started("--no-rate-limits", "--data", str(data)) as (running, process):
            find_all(running.connection(), expected)
            enough = expected.acknowledged + random.randint(1, MOST_ACTS)
            with calling(running, expected, f"round-{number}"):
                in_time = expected.wait_for(enough, ROUND_SECONDS)
                process.send_signal(signal.SIGKILL)
        assert in_time, f"{expected.acknowledged} acts acknowledged, {enough} expected"
        assert expected.errors == []
        verify_audit(data)
    with emulator("--no-rate-limits", "--data", str(data)) as running:
        find_all(running.connection(), expected)
    verify_audit(data)
    assert expected.issued - audited(data) == set()


@pytest.mark.parametrize("file", ["master.key", "vault.db", "tsp.db", "emulator.json"])
def test_a_vault_killed_during_initialisation_starts_the_next_time(tmp_path: Path, file: str) -> None:
    data = tmp_path / "vault"
    command = [sys.executable, "-m", "tokenvault_server", "emulator", "--port", "0", "--json", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        never = Event()
        while not (data / file).exists():
            assert process.poll() is None
            never.wait(MOMENT)  # without it, this process would take the time that the other needs
        process.send_signal(signal.SIGKILL)
        assert process.wait(STOP_SECONDS) == -signal.SIGKILL
    with emulator("--data", str(data)) as running:
        running.save("first")
    verify_audit(data)


def find_all(connection: Connection, expected: Expectations) -> None:
    """Check that every active card is there and no deleted one; settle the unconfirmed."""
    with connection:
        statuses = {
            path: connection.ask("GET", path).status
            for path in expected.active | expected.unconfirmed | expected.deleted
        }
    assert {statuses[path] for path in expected.active} <= {200}
    assert {statuses[path] for path in expected.deleted} <= {404}
    assert {statuses[path] for path in expected.unconfirmed} <= {200, 404}
    expected.active |= {path for path in expected.unconfirmed if statuses[path] == 200}
    expected.deleted |= {path for path in expected.unconfirmed if statuses[path] == 404}
    expected.unconfirmed.clear()


def verify_audit(data: Path) -> None:
    """Check the audit trail with the operator's command."""
    done = tokenvault("audit", "verify", "--data", str(data))
    assert done.returncode == 0, done.stdout + done.stderr


def audited(data: Path) -> set[tuple[str, int]]:
    """Return the saved card and counter value of every cryptogram in the audit trail."""
    with closing(sqlite3.connect(data / "vault.db")) as database:
        entries = [json.loads(entry) for (entry,) in database.execute("SELECT entry FROM audit_entries")]
    issued = [entry for entry in entries if entry["action"] == "cryptogram.issued"]
    return {(entry["instrument_id"], entry["details"]["atc"]) for entry in issued}
