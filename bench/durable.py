"""The cost of a durable transaction on both engines, and of a fetch through PostgreSQL, compared with plain drivers.

A transaction does what deleting a card does: it changes a row, appends to a hash chain and stores a reply. It has five
statements, and its commit is on disk before it returns. The writers for comparison make a transaction for each call, as
a program with a plain driver does. Both databases are on a real disk and sync it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from statistics import median

import asyncpg
import uvloop

from bench.support import options, report, seeding
from bench.support.directories import scratch_directory, sync_seconds
from bench.support.load import Load, run_load
from bench.support.options import Options
from bench.support.processes import Server, on_core, serving
from bench.support.seeding import SavedCard
from bench.support.transactions import CHAINS, Opened, Writer, by_asyncpg, by_engine, by_sqlite, prepare
from tests.support.databases import POSTGRESQL, Stores, started
from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.postgres.engine import PostgresEngine, placeholder
from tokenvault_server.database.sqlite.engine import SqliteEngine
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.settings import CONFIG_FILE
from tokenvault_server.store import instruments

CARDS = 2_000
CONNECTIONS = 16
SYNCS = 200

SQLITE_ALONE = "SQLite, a transaction a call"
SQLITE = "SQLite, our engine"
POSTGRES_ALONE = "PostgreSQL, one connection"
POSTGRES_POOL = "PostgreSQL, asyncpg's pool"
POSTGRES = "PostgreSQL, our engine"
WRITERS = (SQLITE_ALONE, SQLITE, POSTGRES_ALONE, POSTGRES_POOL, POSTGRES)

READ_ALONE = "asyncpg alone"
READ_POOL = "asyncpg's pool"
READ = "our engine"
FETCH = "the verb"
HTTP = "over HTTP, tokenvault serve"
READERS = (READ_ALONE, READ_POOL, READ, FETCH, HTTP)

Loads = dict[tuple[str, int], list[Load]]
Action = Callable[[], Awaitable[object]]
Cards = Iterator[SavedCard]


def main() -> None:
    """Measure, check and print the results."""
    chosen = options.parse(__doc__, Options(seconds=2.0, rounds=5, connections=64, quick=False))
    callers = (1, chosen.connections) if chosen.quick else (1, 16, chosen.connections)
    report.print_heading("Durable transactions a second, and fetches through PostgreSQL")
    with scratch_directory() as directory:
        server = started(POSTGRESQL, directory.parent, fsync="on", full_page_writes="on")
        try:
            with server.database() as url:
                written = uvloop.run(_measure_writing(directory, url, callers, chosen))
            _print_writing(written, callers, chosen, sync_seconds(directory / "sync", SYNCS))
            with server.stores() as stores:
                _print_reading(_measure_reading(directory / "vault", stores, chosen), chosen)
        finally:
            server.remove()


async def _measure_writing(directory: Path, url: str, callers: Sequence[int], chosen: Options) -> Loads:
    loads: Loads = {}
    async with AsyncExitStack() as stack:
        writers = [await stack.enter_async_context(opened) for opened in await _writers(directory, url)]
        for _ in range(chosen.rounds):
            for writer in writers:
                for number in callers:
                    load = await _measure([writer.write] * number, chosen.seconds)
                    loads.setdefault((writer.name, number), []).append(load)
        await _check(writers, loads)
    return loads


async def _writers(directory: Path, url: str) -> list[Opened]:
    ours = SqliteEngine(directory / "ours.db")
    await prepare(ours)
    theirs = PostgresEngine(url)
    await theirs.open()
    await prepare(theirs)
    return [
        by_sqlite(SQLITE_ALONE, directory / "alone.db"),
        by_engine(SQLITE, ours),
        by_asyncpg(POSTGRES_ALONE, url, 1),
        by_asyncpg(POSTGRES_POOL, url, CONNECTIONS),
        by_engine(POSTGRES, theirs),
    ]


async def _check(writers: Sequence[Writer], loads: Loads) -> None:
    """Fail when a finished transaction is missing. The writers to PostgreSQL share one database."""
    calls = Counter[str]()
    for (name, _), measured in loads.items():
        calls[name] += sum(load.calls for load in measured)
    appended = {writer.name: await writer.appended() for writer in writers}
    assert appended[SQLITE_ALONE] >= calls[SQLITE_ALONE]
    assert appended[SQLITE] >= calls[SQLITE]
    assert appended[POSTGRES] >= sum(calls[name] for name in (POSTGRES_ALONE, POSTGRES_POOL, POSTGRES))


async def _measure(acts: Sequence[Action], seconds: float) -> Load:
    """Repeat all actions concurrently for some seconds."""
    load = Load()
    began, cpu = time.perf_counter(), time.process_time()
    ends = began + seconds

    async def go_on(act: Action) -> None:
        while (asked := time.perf_counter()) < ends:
            await act()
            load.waits.append(time.perf_counter() - asked)

    await asyncio.gather(*map(go_on, acts))
    load.seconds = time.perf_counter() - began
    load.server_cpu = time.process_time() - cpu
    return load


def _measure_reading(directory: Path, stores: Stores, chosen: Options) -> Loads:
    directory.mkdir()
    cards = uvloop.run(_seed(directory, stores))
    server = serving(directory, cards[0].request())
    loads: Loads = {}
    try:
        for _ in range(chosen.rounds):
            for name, load in uvloop.run(_measure_in_process(directory, stores, cards, chosen.seconds)).items():
                loads.setdefault((name, CONNECTIONS), []).append(load)
            loads.setdefault((HTTP, CONNECTIONS), []).append(_measure_http(server, cards, chosen.seconds))
    finally:
        server.stop()
    return loads


async def _seed(directory: Path, stores: Stores) -> list[SavedCard]:
    async with seeding.new_vault(directory, **stores._asdict()) as vault:
        return await seeding.fill(vault, CARDS, directory / "plain.db")


async def _measure_in_process(
    directory: Path, stores: Stores, cards: Sequence[SavedCard], seconds: float
) -> dict[str, Load]:
    vault = await open_vault(settings_module.load({}, directory / CONFIG_FILE), SystemClock())
    next_cards = cycle(cards)
    alone = [await asyncpg.connect(stores.store) for _ in range(CONNECTIONS)]
    pool = await asyncpg.create_pool(stores.store, min_size=CONNECTIONS, max_size=CONNECTIONS)
    await asyncio.gather(*(_by_engine(vault, next_cards)() for _ in range(CONNECTIONS)))  # opens the connections
    loads = {
        READ_ALONE: await _measure([_by_asyncpg(connection, next_cards) for connection in alone], seconds),
        READ_POOL: await _measure([_by_asyncpg(pool, next_cards)] * CONNECTIONS, seconds),
        READ: await _measure([_by_engine(vault, next_cards)] * CONNECTIONS, seconds),
        FETCH: await _measure([_by_verb(vault, next_cards)] * CONNECTIONS, seconds),
    }
    for connection in alone:
        await connection.close()
    await pool.close()
    await vault.close()
    return loads


def _by_asyncpg(source: asyncpg.Connection[asyncpg.Record] | asyncpg.Pool[asyncpg.Record], next_cards: Cards) -> Action:
    text = instruments.SQL["load_instrument"].compiled[placeholder]

    async def act() -> None:
        card = next(next_cards)
        assert await source.fetch(text, card.merchant_id, card.customer_id, card.instrument_id)

    return act


def _by_engine(vault: Vault, next_cards: Cards) -> Action:
    async def act() -> None:
        card = next(next_cards)
        assert await instruments.load(vault.engine, card.merchant_id, card.customer_id, card.instrument_id)

    return act


def _by_verb(vault: Vault, next_cards: Cards) -> Action:
    async def act() -> None:
        card = next(next_cards)
        await vault.instruments.fetch(card.caller(), card.customer_id, card.instrument_id)

    return act


def _measure_http(server: Server, cards: Sequence[SavedCard], seconds: float) -> Load:
    requests = [card.request() for card in cards]
    with on_core(1):
        return run_load(server.port, requests, connections=CONNECTIONS, seconds=seconds, cpu_seconds=server.cpu_seconds)


def _print_writing(loads: Loads, callers: Sequence[int], chosen: Options, syncs: Sequence[float]) -> None:
    print(f"  five statements and a commit, on {CHAINS} chains; medians of {chosen.rounds} x {chosen.seconds:g} s\n")
    columns = ["a durable transaction", "callers", "a second", "CPU us each", "p50 ms", "p99 ms"]
    report.print_table(columns, [_row(name, number, loads[name, number]) for name in WRITERS for number in callers])
    print(f"fdatasync of 4 KiB on this disk: {median(syncs) * 1e3:.2f} ms (median)")
    most = callers[-1]
    for ours, theirs, wanted in (
        (SQLITE, SQLITE_ALONE, 2.5),
        (POSTGRES, POSTGRES_ALONE, 2.5),
        (POSTGRES, POSTGRES_POOL, 1.0),
    ):
        ratio = _ratio(loads[ours, most], loads[theirs, most])
        report.print_goal(f"{ours} / {theirs.partition(', ')[2]}, {most} callers", ratio, wanted)
    print()


def _print_reading(loads: Loads, chosen: Options) -> None:
    print(f"  {CARDS:,} saved cards, {CONNECTIONS} callers; medians of {chosen.rounds} x {chosen.seconds:g} s\n")
    columns = ["a fetch through PostgreSQL", "callers", "a second", "CPU us each", "p50 ms", "p99 ms"]
    report.print_table(columns, [_row(name, CONNECTIONS, loads[name, CONNECTIONS]) for name in READERS])
    alone = loads[READ_ALONE, CONNECTIONS]
    report.print_goal(f"{HTTP} / {READ_ALONE}", _ratio(loads[HTTP, CONNECTIONS], alone), 0.35)
    report.print_goal(f"{READ} / {READ_ALONE}", _ratio(loads[READ, CONNECTIONS], alone), 0.75)


def _ratio(ours: Sequence[Load], theirs: Sequence[Load]) -> float:
    """Return the median of the ratios of all rounds."""
    return median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))


def _row(name: str, callers: int, loads: Sequence[Load]) -> list[str]:
    return [
        name,
        str(callers),
        f"{median(load.rate for load in loads):,.0f}",
        f"{median(load.cpu_micros for load in loads):.0f}",
        f"{median(load.percentile_ms(50) for load in loads):.2f}",
        f"{median(load.percentile_ms(99) for load in loads):.2f}",
    ]


if __name__ == "__main__":
    main()
