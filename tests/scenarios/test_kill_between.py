"""`kill -9` after a token was created and before its card is saved: after the next start, the token is deleted.

Locks choose the time of the kill: the test locks the token service's database until the vault has recorded the
enrolment, then the vault's database until the token is created.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.support.emulator_process import STOP_SECONDS, Emulator, emulator, enrolment, instruments, started
from tests.support.http_client import Connection

TRY_AGAIN_SECONDS = 0.02
PATIENCE_SECONDS = 20
TWO_MINUTES = 120_000_000


def test_a_token_that_was_created_for_a_killed_vault_is_deleted(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    with started("--data", str(data)) as (running, process):
        kill_between(data, running, process)
    assert value_of(data, "vault.db", "SELECT COUNT(*) FROM instruments") == 0
    assert value_of(data, "vault.db", "SELECT COUNT(*) FROM outbox WHERE topic = 'enrolment'") == 1
    assert value_of(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == 1
    with emulator("--data", str(data)) as running:
        with locked(data, "vault.db") as database:
            database.execute("UPDATE outbox SET due_at = due_at - ?", (TWO_MINUTES,))
        wait_until(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'DELETED'")
        wait_until(data, "vault.db", "SELECT COUNT(*) = 0 FROM outbox")
        running.save("customer-1")
    assert value_of(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == 1
    assert value_of(data, "vault.db", "SELECT COUNT(*) FROM instruments") == 1


def test_a_merchant_that_repeats_the_call_after_the_kill_gets_the_created_token(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    with started("--data", str(data)) as (running, process):
        kill_between(data, running, process)
    with emulator("--data", str(data)) as running:
        running.save("customer-1")
        with locked(data, "vault.db") as database:
            database.execute("UPDATE outbox SET due_at = due_at - ?", (TWO_MINUTES,))
        wait_until(data, "vault.db", "SELECT COUNT(*) = 0 FROM outbox")
    assert value_of(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == 1
    assert value_of(data, "tsp.db", "SELECT COUNT(*) FROM tokens") == 1


def kill_between(data: Path, running: Emulator, process: subprocess.Popen[str]) -> None:
    """Save a card, and kill the vault when the token is durable and the card is not."""
    saving = Thread(target=save_without_answer, args=(running,))
    with locked(data, "tsp.db") as tokens:
        saving.start()
        wait_until(data, "vault.db", "SELECT COUNT(*) FROM outbox WHERE topic = 'enrolment'")
        with locked(data, "vault.db"):
            tokens.rollback()
            wait_until(data, "tsp.db", "SELECT COUNT(*) FROM tokens")
            process.send_signal(signal.SIGKILL)
            assert process.wait(STOP_SECONDS) == -signal.SIGKILL
    saving.join()


def save_without_answer(running: Emulator) -> None:
    """Send a call that saves a card; it gets no answer."""
    with Connection(running.base_url, running.headers()) as connection:
        try:
            connection.ask("POST", instruments("customer-1"), enrolment())
        except OSError:
            return
    raise AssertionError("the vault answered although it was killed")


@contextmanager
def locked(data: Path, file: str) -> Iterator[sqlite3.Connection]:
    """Keep a database's write lock until the block ends, then commit."""
    with closing(sqlite3.connect(data / file, timeout=PATIENCE_SECONDS, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database
        if database.in_transaction:
            database.commit()


def wait_until(data: Path, file: str, condition: str) -> None:
    """Return when a query's first value is not zero."""
    never = Event()
    for _ in range(int(PATIENCE_SECONDS / TRY_AGAIN_SECONDS)):
        if value_of(data, file, condition):
            return
        never.wait(TRY_AGAIN_SECONDS)
    raise AssertionError(f"this never became true in {file}: {condition}")


def value_of(data: Path, file: str, query: str) -> int:
    """Return the first value of a query."""
    with closing(sqlite3.connect(data / file, timeout=PATIENCE_SECONDS)) as database:
        return int(database.execute(query).fetchone()[0])
