"""Cryptograms per second, each with its counter and its audit entry on disk before it is returned.

There are three ways to request one: the vault's own method in process (`Cryptograms.issue`, then the unit's commit),
the whole pipeline in process, and HTTP to `tokenvault serve` on core 0 with the load on core 1. All databases are files
on a real disk. At the end every cryptogram is read: no counter value may be used twice, and the audit chains must
verify.
"""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec
import uvloop

from bench.support import options, report, seeding
from bench.support.directories import scratch_directory, sync_seconds
from bench.support.load import Load, run_load
from bench.support.options import Options
from bench.support.processes import Server, on_core, serving
from bench.support.seeding import SavedCard
from tokenvault_contract.entities import CryptogramEntity
from tokenvault_contract.versions import LATEST
from tokenvault_server import settings as settings_module
from tokenvault_server.api.call import Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.settings import CONFIG_FILE

CARDS = 256
SYNCS = 200
VERB = "in process, the verb"
PIPELINE = "in process, the pipeline"
HTTP = "over HTTP, tokenvault serve"
GOAL = 8_000

Ask = Callable[[SavedCard], Awaitable[bytes]]
"""Requests one cryptogram and returns the body of the answer."""

_decode = msgspec.json.Decoder(CryptogramEntity).decode
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Results:
    """All measurements and answers."""

    loads: dict[tuple[str, int], list[Load]] = field(default_factory=dict)
    syncs: list[float] = field(default_factory=list)

    def add(self, way: str, callers: int, load: Load) -> None:
        """Add one measurement."""
        self.loads.setdefault((way, callers), []).append(load)

    def rate(self, way: str, callers: int) -> float:
        """Return the median of the cryptograms per second of a way."""
        return median(load.rate for load in self.loads[way, callers])


def main() -> None:
    """Measure, check and print the results."""
    chosen = options.parse(__doc__, Options(seconds=2.0, rounds=5, connections=64, quick=False))
    callers = (1, chosen.connections) if chosen.quick else (1, 16, chosen.connections)
    report.print_heading("Cryptograms per second, counter and audit entry both durable")
    with scratch_directory() as directory, ExitStack() as running:
        in_process, served = directory / "in-process", directory / "served"
        in_process.mkdir()
        served.mkdir()
        cards = {name: uvloop.run(_seed(name)) for name in (in_process, served)}
        server = serving(served, cards[served][0].request())
        running.callback(server.stop)
        results = Results()
        for _ in range(chosen.rounds):
            results.syncs += sync_seconds(directory / "sync", SYNCS)
            uvloop.run(_measure_in_process(in_process, cards[in_process], callers, chosen.seconds, results))
            for count in callers:
                results.add(HTTP, count, _measure_http(server, cards[served], count, chosen.seconds))
        running.close()
        _print(results, chosen, callers)
        _check(results, directory, [uvloop.run(_audited(name)) for name in (in_process, served)])


async def _seed(directory: Path) -> list[SavedCard]:
    async with seeding.new_vault(directory) as vault:
        return await seeding.enrol(vault, CARDS)


async def _measure_in_process(
    directory: Path, cards: Sequence[SavedCard], callers: Sequence[int], seconds: float, results: Results
) -> None:
    vault = await open_vault(settings_module.load({}, directory / CONFIG_FILE), SystemClock())
    api = Api(vault.settings, vault)
    pipeline = await api.start()
    for count in callers:
        results.add(VERB, count, await _measure(_by_verb(vault), cards, count, seconds))
        results.add(PIPELINE, count, await _measure(_by_pipeline(pipeline), cards, count, seconds))
    await api.stop()
    await vault.close()


def _by_verb(vault: Vault) -> Ask:
    async def ask(card: SavedCard) -> bytes:
        unit = Unit(vault.engine)
        issued = await vault.cryptograms.issue(card.caller(), unit, card.customer_id, card.instrument_id)
        await unit.commit()
        value, token = issued.cryptogram.value, issued.cryptogram.token_pan
        return _encode(CryptogramEntity("", "", token.reveal(), "", "", value.reveal(), ""))

    return ask


def _by_pipeline(pipeline: Pipeline) -> Ask:
    async def ask(card: SavedCard) -> bytes:
        path = card.request("/cryptogram").split(b" ", 2)[1]
        headers = [
            (b"host", b"tokenvault"),
            (b"x-client-id", card.client_id.encode()),
            (b"x-client-secret", card.client_secret.encode()),
            (b"x-api-version", LATEST.encode()),
        ]
        reply = await pipeline.answer(Request("GET", path, b"", headers, "127.0.0.1"))
        assert reply.status == 200, reply.body
        return reply.body

    return ask


async def _measure(ask: Ask, cards: Sequence[SavedCard], callers: int, seconds: float) -> Load:
    load = Load()
    began, cpu = time.perf_counter(), time.process_time()
    ends = began + seconds

    async def call() -> None:
        while (asked := time.perf_counter()) < ends:
            load.bodies.append(await ask(random.choice(cards)))
            load.waits.append(time.perf_counter() - asked)

    await asyncio.gather(*(call() for _ in range(callers)))
    load.seconds = time.perf_counter() - began
    load.server_cpu = time.process_time() - cpu
    return load


def _measure_http(server: Server, cards: Sequence[SavedCard], connections: int, seconds: float) -> Load:
    requests = [card.request("/cryptogram") for card in cards]
    with on_core(1):
        return run_load(
            server.port,
            requests,
            connections=connections,
            seconds=seconds,
            cpu_seconds=server.cpu_seconds,
            keep_bodies=True,
        )


async def _audited(directory: Path) -> int:
    """Return how many entries the audit trail has; it must be intact."""
    vault = await open_vault(settings_module.load({}, directory / CONFIG_FILE), SystemClock())
    audit = await vault.verify_audit()
    await vault.close()
    assert audit.intact, audit.findings
    return audit.entries


def _print(results: Results, chosen: Options, callers: Sequence[int]) -> None:
    print(f"  {CARDS} cards, medians of {chosen.rounds} x {chosen.seconds:g} s\n")
    rows = [_row(way, count, results.loads[way, count]) for way in (VERB, PIPELINE, HTTP) for count in callers]
    report.print_table(["", "callers", "cryptograms/s", "CPU us each", "p50 ms", "p99 ms"], rows)
    sync = median(results.syncs)
    print(
        f"fdatasync of 4 KiB on this disk: {sync * 1e3:.2f} ms (median), so two after one another {1 / sync / 2:,.0f}/s"
    )
    most = callers[-1]
    report.print_goal(f"{VERB}, {most} callers", results.rate(VERB, most), GOAL, unit="/s")


def _row(way: str, callers: int, loads: list[Load]) -> list[str]:
    return [
        way,
        str(callers),
        f"{median(load.rate for load in loads):,.0f}",
        f"{median(load.cpu_micros for load in loads):.0f}",
        f"{median(load.percentile_ms(50) for load in loads):.2f}",
        f"{median(load.percentile_ms(99) for load in loads):.2f}",
    ]


def _check(results: Results, directory: Path, audited: Sequence[int]) -> None:
    """Fail if a counter value was used twice, or a cryptogram has no audit entry."""
    for name, ways, entries in zip(("in-process", "served"), ({VERB, PIPELINE}, {HTTP}), audited, strict=True):
        loads = [load for (way, _), measured in results.loads.items() if way in ways for load in measured]
        spent = Counter(_spent(body) for load in loads for body in load.bodies)
        assert not [counter for counter, times in spent.items() if times > 1], "a counter value was used twice"
        assert entries >= len(spent), f"{directory / name}: {len(spent)} cryptograms, {entries} audit entries"
        print(f"checked   {name}: {len(spent):,} counters, none used twice; {entries:,} audit entries, chains intact")


def _spent(body: bytes) -> tuple[str, int, int]:
    """Return the token, key index and counter value of a cryptogram."""
    entity = _decode(body)
    packed = base64.b64decode(entity.cryptogram)
    return entity.card_number, packed[1], int.from_bytes(packed[2:4], "big")


if __name__ == "__main__":
    main()
