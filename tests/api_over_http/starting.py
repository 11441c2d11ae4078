"""A served vault that cannot open its database yet, because another connection locks it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event

from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import START_SECONDS, Emulator
from tests.support.http_client import Connection
from tests.support.served_process import TRY_AGAIN_SECONDS, await_answers, described, free_port, kill_all


@contextmanager
def starting(folder: Path) -> Iterator[tuple[Emulator, sqlite3.Connection]]:
    """Run a vault whose database is locked until the caller releases the lock."""
    done = tokenvault("init", str(folder / "vault"))
    assert done.returncode == 0, done.stderr
    config = folder / "vault" / "tokenvault.toml"
    merchant = run_json("merchant", "add", "Corner Shop", "--config", str(config))
    port, admin_port = free_port(), free_port()
    environ = os.environ | {"TOKENVAULT_PORT": str(port), "TOKENVAULT_ADMIN_PORT": str(admin_port)}
    command = [sys.executable, "-m", "tokenvault_server", "serve", "--config", str(config)]
    with (
        closing(sqlite3.connect(folder / "vault" / "vault.db", isolation_level=None)) as lock,
        subprocess.Popen(command, env=environ, start_new_session=True) as process,
    ):
        lock.execute("BEGIN IMMEDIATE")
        try:
            await_answers(admin_port, process)
            yield described(merchant, port, admin_port), lock
        finally:
            kill_all(process)


def await_ready(served: Emulator) -> None:
    """Return when the admin listener reports that calls can be served."""
    never = Event()
    for _ in range(int(START_SECONDS / TRY_AGAIN_SECONDS)):
        if status_of(served, "/ready") == 200:
            return
        never.wait(TRY_AGAIN_SECONDS)
    raise AssertionError(f"the vault was not ready after {START_SECONDS} seconds")


def status_of(served: Emulator, path: str) -> int:
    """Return the status of a page of the admin listener."""
    with Connection(served.console_url.rstrip("/"), {}) as connection:
        return connection.ask("GET", path).status
