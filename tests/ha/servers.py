"""The vault on the cluster: two `tokenvault serve` with two workers each, configured with all three nodes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.ha.cluster import PASSWORD, Node
from tests.ha.verdict import Entry
from tests.support.commands import run_json, tokenvault
from tests.support.emulator_process import Emulator
from tests.support.served_process import await_answers, described, kill_all

PORTS = (8480, 8580)
WORKERS = 2
_SETTINGS = {"RATE_LIMITS": "false", "INSTRUMENTS_PER_CUSTOMER": "1000000", "LOG_LEVEL": "warning"}


class Vault:
    """One vault, its databases and its servers."""

    def __init__(self, folder: Path, nodes: Sequence[Node], leader: Node) -> None:
        """Create the two databases on the leader, and initialise the vault."""
        self._folder = folder / "vault"
        self._hosts = ",".join(f"{node.host.address}:5432" for node in nodes)
        # For all commands after this one. The configuration file contains no password.
        os.environ |= {"TOKENVAULT_STORE_PASSWORD": PASSWORD, "TOKENVAULT_TSP_STORE_PASSWORD": PASSWORD}
        self.config = self._folder / "tokenvault.toml"
        asyncio.run(_make_databases(leader))
        stores = ("--store", self._url("tokenvault"), "--tsp-store", self._url("tokenvault_tsp"))
        done = tokenvault("init", str(self._folder), *stores)
        assert done.returncode == 0, done.stderr
        self._merchant = run_json("merchant", "add", "Corner Shop", "--config", str(self.config))

    @contextmanager
    def served(self) -> Iterator[list[Emulator]]:
        """Run the servers until the block ends; yield their addresses and credentials."""
        processes = [self._start(port) for port in PORTS]
        try:
            for port, process in zip(PORTS, processes, strict=True):
                await_answers(port, process)
            yield [described(self._merchant, port, port + 1) for port in PORTS]
        finally:
            for process in processes:
                kill_all(process)

    def audit_errors(self) -> str:
        """Return the output of the operator's command if it finds faults in the audit trail, or an empty string."""
        done = tokenvault("audit", "verify", "--config", str(self.config))
        return done.stdout + done.stderr if done.returncode else ""

    def entries(self) -> Counter[Entry]:
        """Return the number of each of the audit trail's entries about cards."""
        entries: Counter[Entry] = Counter()
        for text in asyncio.run(_audit_entries(self._url("tokenvault"))):
            entry = json.loads(text)
            if entry.get("instrument_id"):
                entries[_as_entry(entry)] += 1
        return entries

    def _start(self, port: int) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | {"PORT": str(port), "ADMIN_PORT": str(port + 1)}
        command = [sys.executable, "-m", "tokenvault_server", "serve", "--config", str(self.config)]
        with (self._folder.parent / f"serve-{port}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--workers", str(WORKERS)],
                env=os.environ | {f"TOKENVAULT_{name}": value for name, value in settings.items()},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _url(self, database: str) -> str:
        options = "target_session_attrs=read-write&sslmode=require"
        return f"postgresql://tokenvault@{self._hosts}/{database}?{options}"


def _as_entry(entry: dict[str, Any]) -> Entry:
    return Entry(entry["action"], entry["instrument_id"], (entry.get("details") or {}).get("atc"))


async def _make_databases(leader: Node) -> None:
    """Create a role and its two databases, as docs/how-to/run-a-cluster.md describes."""
    url = f"postgresql://postgres:{PASSWORD}@{leader.host.address}:5432/postgres?sslmode=require"
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE ROLE tokenvault LOGIN PASSWORD '{PASSWORD}'")
    await connection.execute("CREATE DATABASE tokenvault OWNER tokenvault")
    await connection.execute("CREATE DATABASE tokenvault_tsp OWNER tokenvault")
    await connection.close()


async def _audit_entries(url: str) -> list[str]:
    connection = await asyncpg.connect(url, password=PASSWORD)
    rows = await connection.fetch("SELECT entry FROM audit_entries")
    await connection.close()
    return [bytes(row["entry"]).decode() if isinstance(row["entry"], bytes) else row["entry"] for row in rows]
