"""`kill -9` after a token was made and before its card is saved: the next start finds the token and gives it back.

The moment is chosen by locks: the test holds the token service's database until the vault has written down that it will
ask, then the vault's own until the token is there.
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


def test_a_token_that_was_made_for_a_vault_that_was_killed_is_given_back(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    with started("--data", str(data)) as (running, process):
        kill_between(data, running, process)
    assert asked(data, "vault.db", "SELECT COUNT(*) FROM instruments") == 0
    assert asked(data, "vault.db", "SELECT COUNT(*) FROM outbox WHERE topic = 'enrolment'") == 1
    assert asked(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == 1
    with emulator("--data", str(data)) as running:
        with holding(data, "vault.db") as database:
            database.execute("UPDATE outbox SET due_at = due_at - ?", (TWO_MINUTES,))
        wait_until(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'DELETED'")
        wait_until(data, "vault.db", "SELECT COUNT(*) = 0 FROM outbox")
        running.save("customer-1")
    assert asked(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == 1
    assert asked(data, "vault.db", "SELECT COUNT(*) FROM instruments") == 1


def test_a_merchant_that_asks_again_after_the_kill_gets_the_token_that_was_made(tmp_path: Path) -> None:
    data = tmp_path / "vault"
    with started("--data", str(data)) as (running, process):
        kill_between(data, running, process)
    with emulator("--data", str(data)) as running:
        running.save("customer-1")
        with holding(data, "vault.db") as database:
            database.execute("UPDATE outbox SET due_at = due_at - ?", (TWO_MINUTES,))
        wait_until(data, "vault.db", "SELECT COUNT(*) = 0 FROM outbox")
    assert asked(data, "tsp.db", "SELECT COUNT(*) FROM tokens WHERE status = 'ACTIVE'") == 1
    assert asked(data, "tsp.db", "SELECT COUNT(*) FROM tokens") == 1


def kill_between(data: Path, running: Emulator, process: subprocess.Popen[str]) -> None:
    """Have a card saved, and kill the vault when its token is durable and the card is not."""
    saving = Thread(target=save_in_vain, args=(running,))
    with holding(data, "tsp.db") as tokens:
        saving.start()
        wait_until(data, "vault.db", "SELECT COUNT(*) FROM outbox WHERE topic = 'enrolment'")
        with holding(data, "vault.db"):
            tokens.rollback()
            wait_until(data, "tsp.db", "SELECT COUNT(*) FROM tokens")
            process.send_signal(signal.SIGKILL)
            assert process.wait(STOP_SECONDS) == -signal.SIGKILL
    saving.join()


def save_in_vain(running: Emulator) -> None:
    """Ask for a card to be saved; nobody will answer."""
    with Connection(running.base_url, running.headers()) as connection:
        try:
            connection.ask("POST", instruments("customer-1"), enrolment())
        except OSError:
            return
    raise AssertionError("the vault answered although it was killed")


@contextmanager
def holding(data: Path, file: str) -> Iterator[sqlite3.Connection]:
    """Hold a database's write lock, and commit at the end."""
    with closing(sqlite3.connect(data / file, timeout=PATIENCE_SECONDS, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield database
        if database.in_transaction:
            database.commit()


def wait_until(data: Path, file: str, condition: str) -> None:
    """Return when a query's first value is not zero."""
    never = Event()
    for _ in range(int(PATIENCE_SECONDS / TRY_AGAIN_SECONDS)):
        if asked(data, file, condition):
            return
        never.wait(TRY_AGAIN_SECONDS)
    raise AssertionError(f"it never came true in {file}: {condition}")


def asked(data: Path, file: str, query: str) -> int:
    """Give the first value of a query."""
    with closing(sqlite3.connect(data / file, timeout=PATIENCE_SECONDS)) as database:
        return int(database.execute(query).fetchone()[0])
