"""An emulator with a data directory whose files a test changes: no call causes age, suspension or outage."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.support.builders import retag_in
from tests.support.commands import run_json
from tests.support.emulator_process import Emulator, emulator
from tests.support.http_client import Answer, Connection, Json

DAY = 86_400_000_000
BUSY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Running:
    """A running emulator and its data directory."""

    emulator: Emulator
    data: Path

    def ask(
        self,
        method: str,
        target: str,
        body: Json | bytes | None = None,
        *,
        leaving_out: str = "",
        **headers: str,
    ) -> Answer:
        """Send one request as the ready merchant; headers are named with underscores, and one may be left out."""
        usual = {name: value for name, value in self.emulator.headers().items() if name != leaving_out}
        with Connection(self.emulator.base_url, usual) as connection:
            return connection.ask(
                method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
            )

    def change(self, statement: str, *values: str | int, file: str = "vault.db") -> None:
        """Change a database without any verb of the vault."""
        with closing(sqlite3.connect(self.data / file, timeout=BUSY_SECONDS)) as database, database:
            database.execute(statement, values)

    def change_genuinely(self, statement: str, *values: str | int) -> None:
        """Change the vault's database as the vault would have written it."""
        self.change(statement, *values)
        asyncio.run(retag_in(self.data))

    def age(self, what: str, by: int) -> None:
        """Make `table.column` older by some microseconds, in every row."""
        table, column = what.split(".")
        self.change_genuinely(f"UPDATE {table} SET {column} = {column} - ?", by)

    @contextmanager
    def without(self, table: str, file: str = "vault.db") -> Iterator[None]:
        """Hide a table while the block runs, as if its database were lost."""
        self.change(f"ALTER TABLE {table} RENAME TO hidden_{table}", file=file)
        try:
            yield
        finally:
            self.change(f"ALTER TABLE hidden_{table} RENAME TO {table}", file=file)

    def merchant(self, name: str) -> Running:
        """Add a merchant; return the same emulator with its credentials."""
        added = run_json("merchant", "add", name, "--data", str(self.data))
        return replace(
            self,
            emulator=replace(
                self.emulator,
                client_id=added["client_id"],
                client_secret=added["client_secret"],
                partner_merchant_id=added["merchant_id"],
            ),
        )


@contextmanager
def running_in(data: Path) -> Iterator[Running]:
    """Run an emulator on a directory until the block ends."""
    with emulator("--data", str(data)) as announced:
        yield Running(announced, data)
