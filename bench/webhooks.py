"""The cost of webhook deliveries, the memory of a long queue, and the delay by endpoints that do not answer.

Events are created, sealed and queued as in saving a card. The vault's own deliveries send them to a receiver in its own
process. The clock is moved, so nothing waits: a day of evenly saved cards takes as long as its attempts.
Each delivery fails three times and is retried after 2, 10 and 30 minutes.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import apsw
import msgspec
import uvloop

from bench.support import options, report, seeding
from bench.support.directories import scratch_directory, sync_seconds
from bench.support.options import Options
from bench.support.processes import Server, free_port, on_core, resident_mib
from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId, MerchantId, uuid7
from tokenvault_server.emulator.clock import MovableClock
from tokenvault_server.keys.packed import packed
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.vault.record_sealer import InstrumentSecrets
from tokenvault_server.webhooks import bodies
from tokenvault_server.webhooks.setup import connector_of

CARDS = 10_000
BURST = 2_000
DEAD = 40
DEADLINE_SECONDS = 3
MINUTES = 24 * 60
ATTEMPTS = 4

SYNCS = 200
START = 1_795_337_130_000_000
"""2026-11-22T08:45:30Z."""

THROUGHPUT = 0.10
"""The goal, as a fraction of the rate of plain posts. A delivery is also opened, signed, and recorded durably."""
GROWTH = 1.15
NEIGHBOUR = 2.0


@dataclass
class Results:
    """All measurements."""

    delivered: list[float] = field(default_factory=list)
    """The vault's deliveries per second."""
    syncs: list[float] = field(default_factory=list)
    """The seconds that the disk needs to make 4 KiB durable."""
    posted: list[float] = field(default_factory=list)
    """The same bodies per second over the same connections, without a vault."""
    alone: list[float] = field(default_factory=list)
    """The seconds from an event to its delivery."""
    beside: list[float] = field(default_factory=list)
    """The same while other endpoints do not answer."""
    memory: list[float] = field(default_factory=list)
    """The MiB of memory in each minute of the day, without SQLite's cache."""
    cache: float = 0.0
    """The MiB of SQLite's cache at the end; its size has a limit."""
    day_seconds: float = 0.0


@dataclass
class Bench:
    """A vault with one merchant, and the address of the receiver."""

    vault: Vault
    clock: MovableClock
    merchant_id: MerchantId
    base: str
    made: int = 0

    async def add(self, path: str) -> None:
        """Add an endpoint of the merchant at a path of the receiver."""
        await self.vault.webhooks.add(self.merchant_id, self.base + path, "bench")

    async def make(self, count: int) -> None:
        """Queue events of newly saved cards."""
        unit = Unit(self.vault.engine)
        for _ in range(count):
            self.made += 1
            bare = seeding.bare(
                self.merchant_id,
                CustomerId("customer"),
                InstrumentId(uuid7(self.clock.now())),
                self.made,
                self.clock.now(),
            )
            unit.add(await self.vault.webhook_events.of_saved(bodies.ACTIVE, bare, _SECRETS))
        await unit.commit()

    async def deliver(self) -> None:
        """Deliver until nothing is due."""
        while await self.vault.deliveries.start_due():
            await self.vault.deliveries.finish()

    async def counted(self, state: str) -> int:
        """Return how many deliveries are in a state."""
        reports = await self.vault.webhooks.deliveries(self.merchant_id, limit=10**9)
        return sum(report.state.value == state for report in reports)


_SECRETS = InstrumentSecrets(packed("4" * 16), 3, 2031, "V" * 29, "1" * 11, "ref", "740324562", 0, "v1")


def main() -> None:
    """Measure and print the results."""
    flags = options.parser(__doc__, Options(seconds=0, rounds=5, connections=8, quick=False))
    flags.add_argument("--cards", type=int, default=CARDS, help=f"saved within the day; default {CARDS:,}")
    arguments = flags.parse_args()
    chosen = options.chosen(arguments)
    minutes, cards = (40, 10) if chosen.quick else (MINUTES, arguments.cards)
    logging.disable()  # failures are intended here
    report.print_heading("Delivering webhooks: throughput, memory, neighbours")
    results = Results()
    with scratch_directory() as directory, _receiver(directory) as base:
        uvloop.run(_throughput(directory, base, chosen, results))
        uvloop.run(_neighbours(directory, base, chosen, results))
        uvloop.run(_day(directory, base, cards, minutes, results))
    _print(results, cards)


@contextmanager
def _receiver(directory: Path) -> Iterator[str]:
    port = free_port()
    with on_core(1):
        server = Server([sys.executable, "-m", "bench.apps.hooks", str(port)], port, directory / "receiver.log")
    try:
        server.wait_for_answer(b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


async def _bench(directory: Path, name: str, base: str, *, keep_days: int = 30) -> Bench:
    folder = directory / name
    folder.mkdir()
    create_key_file(folder / "master.key")
    settings = msgspec.structs.replace(
        settings_module.for_directory(folder), webhook_keep_days=keep_days, webhook_deadline_seconds=DEADLINE_SECONDS
    )
    clock = MovableClock(SystemClock(), frozen_at=START)
    vault = await open_vault(settings, clock, initialise=True)
    new = await vault.merchants.add("Merchant", "bench")
    return Bench(vault, clock, new.merchant.merchant_id, base)


async def _throughput(directory: Path, base: str, chosen: Options, results: Results) -> None:
    """Deliver many events to one endpoint, and post as many bodies over as many connections without a vault."""
    bench = await _bench(directory, "throughput", base)
    await bench.add("/")
    count = 50 if chosen.quick else BURST
    for _ in range(chosen.rounds):
        results.syncs += sync_seconds(directory / "sync", SYNCS)
        await bench.make(count)
        began = time.perf_counter()
        await bench.deliver()
        results.delivered.append(count / (time.perf_counter() - began))
        results.posted.append(count / await _bare_posts(base, count, chosen.connections))
        bench.clock.advance(60)
    assert await bench.counted("delivered") == count * chosen.rounds
    await bench.vault.close()


async def _bare_posts(base: str, count: int, connections: int) -> float:
    """Return how long plain posts take."""
    connector = connector_of(["127.0.0.0/8"], allows_http=True, deadline_seconds=10, ca="", concurrent_names=1)
    connection = connector.connection(base + "/")
    assert await connection.open() is None
    body = bytes(700)

    async def post(times: int) -> None:
        for _ in range(times):
            assert (await connection.send({"x-webhook-attempt": "1"}, body)).is_delivered

    began = time.perf_counter()
    await asyncio.gather(*(post(count // connections) for _ in range(connections)))
    seconds = time.perf_counter() - began
    connection.close()
    connector.close()
    return seconds


async def _neighbours(directory: Path, base: str, chosen: Options, results: Results) -> None:
    """Deliver to an endpoint that answers, first alone and then beside endpoints that never answer."""
    bench = await _bench(directory, "neighbours", base)
    await bench.add("/")
    times = chosen.rounds * 4
    results.alone = [await _delivery_seconds(bench) for _ in range(times)]
    for number in range(1 if chosen.quick else DEAD // 10):
        new = await bench.vault.merchants.add(f"Away {number}", "bench")
        away = Bench(bench.vault, bench.clock, new.merchant.merchant_id, base)
        for path in range(10):
            await away.add(f"/silent/{path}")
        await away.make(8)
    await bench.deliver()  # they fail for the first time
    bench.clock.advance(120)
    await bench.vault.deliveries.start_due()  # they are due again, and wait until their deadline
    results.beside = [await _delivery_seconds(bench) for _ in range(times)]
    await bench.vault.close()


async def _delivery_seconds(bench: Bench) -> float:
    """Return the seconds from queueing one event to its delivery, when the queue is read at once."""
    await asyncio.sleep(0.05)  # the previous batch ends
    bench.clock.advance(1)
    await bench.make(1)
    began = time.perf_counter()
    while await bench.counted("pending"):
        await bench.vault.deliveries.start_due()  # the previous batch may not have ended yet
        await asyncio.sleep(0)
        bench.clock.advance(0.01)
    return time.perf_counter() - began


async def _day(directory: Path, base: str, cards: int, minutes: int, results: Results) -> None:
    """Move the clock through a day, minute by minute; every card has four attempts."""
    bench = await _bench(directory, "day", base, keep_days=1)
    await bench.add("/fails")
    began = time.perf_counter()
    for minute in range(minutes + 43):
        if minute < minutes:
            await bench.make((minute + 1) * cards // minutes - minute * cards // minutes)
        await bench.deliver()
        bench.clock.advance(60)
        results.memory.append(resident_mib(os.getpid()) - apsw.memory_used() / 2**20)
    results.cache = apsw.memory_used() / 2**20
    results.day_seconds = time.perf_counter() - began
    rows = bench.vault.background_metrics.registry
    assert rows.get_sample_value("tokenvault_webhook_attempts_total", {"outcome": "delivered"}) == cards
    assert rows.get_sample_value("tokenvault_webhook_attempts_total", {"outcome": "refused"}) == cards * (ATTEMPTS - 1)
    await bench.vault.close()


def _print(results: Results, cards: int) -> None:
    delivered, posted = median(results.delivered), median(results.posted)
    rows = [
        ["deliveries, one endpoint", f"{delivered:,.0f}/s"],
        ["the same bodies posted without a vault", f"{posted:,.0f}/s"],
        ["one delivery, alone", f"{median(results.alone) * 1e3:.1f} ms"],
        [f"one delivery, beside {DEAD} endpoints that never answer", f"{median(results.beside) * 1e3:.1f} ms"],
        [f"a day of {cards:,} cards, {cards * ATTEMPTS:,} attempts", f"{results.day_seconds:,.0f} s"],
    ]
    report.print_table(["", ""], rows)
    settled, end = results.memory[len(results.memory) // 10], results.memory[-1]
    print(
        f"resident after a tenth of the day {settled:.0f} MiB, at most {max(results.memory):.0f}, at its end {end:.0f}"
    )
    print(f"beside that, SQLite's page caches: {results.cache:.0f} MiB at the end")
    sync = median(results.syncs)
    print(f"fdatasync of 4 KiB on this disk: {sync * 1e3:.2f} ms (median)")
    ratios = [ours / theirs for ours, theirs in zip(results.delivered, results.posted, strict=True)]
    report.print_goal("delivered / posted without a vault", median(ratios), THROUGHPUT)
    beside = median(results.beside) / median(results.alone)
    report.print_goal("beside dead endpoints / alone", beside, NEIGHBOUR, at_most=True)
    report.print_goal("memory at the end of the day / after a tenth", end / settled, GROWTH, at_most=True)


if __name__ == "__main__":
    main()
