"""The disk space of a saved card and of a cryptogram on PostgreSQL, with all indexes, keys and audit entries.

The cards and cryptograms are created by the methods that the API uses. The tables are compacted before they are
measured, so the dead rows of a busy database need additional space. The projection at the end is a calculation.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

from bench.support import options, report, seeding
from bench.support.directories import scratch_directory
from bench.support.options import Options
from bench.support.seeding import SavedCard
from tests.support.databases import POSTGRESQL, started
from tests.support.postgres import Postgres
from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.settings import CONFIG_FILE

CARDS: Final = 80
QUICK_CARDS: Final = 4
"""The number of cards of each merchant."""
MERCHANTS: Final = 50
QUICK_MERCHANTS: Final = 4
DATABASES: Final = ("vault", "tsp")
SIZES: Final = (10**6, 10**7, 10**8, 10**9)
CRYPTOGRAMS_A_YEAR: Final = 12
"""The cryptograms of each card in the projection: one payment a month."""
SECONDS_A_YEAR: Final = 365 * 86_400
MOST_BYTES: Final = 2_500

_MEASURE: Final = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""

Sizes = Counter[tuple[str, str]]
"""Bytes by database and table."""


def main() -> None:
    """Measure and print the results."""
    chosen = options.parse(__doc__, Options(seconds=0, rounds=1, connections=16, quick=False))
    report.print_heading("Bytes on PostgreSQL for a card and for a cryptogram")
    merchants, cards = (QUICK_MERCHANTS, QUICK_CARDS) if chosen.quick else (MERCHANTS, CARDS)
    server = started(POSTGRESQL)
    try:
        for name in DATABASES:
            server.sql(f"CREATE DATABASE {name}")
        with scratch_directory() as directory:
            initial, saved, paid = asyncio.run(_measured(server, directory, merchants, cards))
    finally:
        server.remove()
    # A merchant's first card creates keys. So the second measurement adds as many merchants again, with all their
    # cards.
    card = _each(saved, initial + initial, merchants * (cards - 1))
    cryptogram = _each(paid, saved, merchants * cards)
    _print_tables(card, cryptogram)
    _project(sum(card.values()), sum(cryptogram.values()))
    report.print_goal("bytes a card, both databases", sum(card.values()), MOST_BYTES, at_most=True)


async def _measured(server: Postgres, directory: Path, merchants: int, cards: int) -> tuple[Sizes, Sizes, Sizes]:
    """Return the sizes with merchants of one card, then with as many more of many cards, then with cryptograms."""
    create_key_file(directory / "master.key")
    stores = f'store = "{server.url("vault")}"\ntsp_store = "{server.url("tsp")}"\n'
    (directory / CONFIG_FILE).write_text(f'key_provider = "file:master.key"\n{stores}')
    vault = await open_vault(settings_module.load({}, directory / CONFIG_FILE), SystemClock(), initialise=True)
    for _ in range(merchants):
        await seeding.enrol(vault, 1)
    initial = await _sizes(server)
    saved_cards = [await seeding.enrol(vault, cards) for _ in range(merchants)]
    saved = await _sizes(server)
    for group in saved_cards:
        await asyncio.gather(*(_pay(vault, card) for card in group))
    paid = await _sizes(server)
    await vault.close()
    return initial, saved, paid


async def _pay(vault: Vault, card: SavedCard) -> None:
    unit = Unit(vault.engine)
    await vault.cryptograms.issue(card.caller(), unit, card.customer_id, card.instrument_id)
    await unit.commit()


async def _sizes(server: Postgres) -> Sizes:
    sizes: Sizes = Counter()
    for name in DATABASES:
        connection = await asyncpg.connect(server.url(name))
        await connection.execute("VACUUM FULL")
        sizes.update({(name, table): size for table, size in await connection.fetch(_MEASURE)})
        await connection.close()
    return sizes


def _each(after: Sizes, before: Sizes, count: int) -> dict[tuple[str, str], float]:
    """Return the additional bytes of one row, by table."""
    return {table: max(after[table] - before[table], 0) / count for table in after}


def _print_tables(card: Mapping[tuple[str, str], float], cryptogram: Mapping[tuple[str, str], float]) -> None:
    rows = [
        [f"{database}.{table}", f"{size:,.0f}", f"{cryptogram[database, table]:,.0f}"]
        for (database, table), size in sorted(card.items(), key=lambda item: -item[1])
        if size >= 1 or cryptogram[database, table] >= 1
    ]
    rows.append(["together", f"{sum(card.values()):,.0f}", f"{sum(cryptogram.values()):,.0f}"])
    report.print_table(["table, with its indexes", "bytes a card", "a cryptogram"], rows)


def _project(card: float, cryptogram: float) -> None:
    rows = [
        [
            f"{count:,}",
            f"{count * card / 1e9:,.1f}",
            f"{count * CRYPTOGRAMS_A_YEAR * cryptogram / 1e9:,.1f}",
            f"{count * CRYPTOGRAMS_A_YEAR / SECONDS_A_YEAR:,.1f}",
        ]
        for count in SIZES
    ]
    report.print_table(["cards (computed)", "GB of cards", "GB of audit a year", "cryptograms/s, mean"], rows)


if __name__ == "__main__":
    main()
