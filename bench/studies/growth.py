"""The cost of fetching a card and of a cryptogram in vaults with 10^4 to 10^7 saved cards.

The vaults are open at the same time and measured alternately in many short rounds, so that other work on the machine
affects all of them alike. Cards are picked at random from all cards of ten merchants, and calls go through the whole
pipeline in process. The databases are files on a real disk that the system has in its cache. The result is processor
time, the system's included; elapsed time is printed beside it.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

import uvloop

from bench.support import options, report
from bench.support.large_vault import LargeVault, large_vault
from bench.support.options import Options
from tokenvault_server.api.call import Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, open_vault
from tokenvault_server.domain.clock import SystemClock

SIZES = (10_000, 100_000, 1_000_000)
LARGEST = 10_000_000
FETCH = "fetch one"
CRYPTOGRAM = "cryptogram"
SUFFIXES = {FETCH: "", CRYPTOGRAM: "/cryptogram"}
CALLS = 400
WARM_UP = 50
"""The number of warm-up rounds. Until caches are full and files are mapped, each new page costs more."""

GOAL = 1.25


@dataclass(slots=True)
class Candidate:
    """An open vault of one size, and the cost of its calls."""

    vault: LargeVault
    pipeline: Pipeline
    cpu: dict[str, list[float]] = field(default_factory=lambda: {FETCH: [], CRYPTOGRAM: []})
    wall: dict[str, list[float]] = field(default_factory=lambda: {FETCH: [], CRYPTOGRAM: []})

    async def measure(self, what: str, callers: int) -> None:
        """Record the microseconds of a call in one round. Concurrent cryptograms share commits."""
        calls = [self._call(what) for _ in range(CALLS)]
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(self._ask(calls[first::callers]) for first in range(callers)))
        self.cpu[what].append((time.process_time() - cpu) / CALLS * 1e6)
        self.wall[what].append((time.perf_counter() - wall) / CALLS * 1e6)

    def forget(self) -> None:
        """Discard the measurements so far, which were the warm-up."""
        for costs in (*self.cpu.values(), *self.wall.values()):
            costs.clear()

    def _call(self, what: str) -> Request:
        card = self.vault.card(random.randrange(self.vault.count))
        return Request("GET", card.path(SUFFIXES[what]).encode(), b"", card.headers(), "127.0.0.1")

    async def _ask(self, calls: Iterable[Request]) -> None:
        for call in calls:
            reply = await self.pipeline.answer(call)
            assert reply.status == 200, reply.body


def main() -> None:
    """Measure and print the results."""
    flags = options.parser(__doc__, Options(seconds=0, rounds=60, connections=32, quick=False))
    flags.add_argument("--largest", action="store_true", help=f"with {LARGEST:,} cards too: minutes, and 15 GB of disk")
    arguments = flags.parse_args()
    chosen = options.chosen(arguments)
    sizes = (100, 1_000) if chosen.quick else SIZES + (LARGEST,) * arguments.largest
    report.print_heading("What a call costs as the vault grows")
    vaults = uvloop.run(_large_vaults(sizes))
    callers = {FETCH: 1, CRYPTOGRAM: chosen.connections}
    candidates = uvloop.run(_measure(vaults, chosen.rounds, callers))
    for what in SUFFIXES:
        print(f"  {what}, {callers[what]} at a time, us a call: {chosen.rounds} rounds of {CALLS} calls\n")
        _print(what, candidates)
    for vault in vaults:
        if vault.count >= LARGEST:
            shutil.rmtree(vault.directory)


async def _large_vaults(sizes: Iterable[int]) -> list[LargeVault]:
    return [await large_vault(size) for size in sizes]


async def _measure(vaults: Iterable[LargeVault], rounds: int, callers: Mapping[str, int]) -> list[Candidate]:
    async with AsyncExitStack() as opened:
        candidates = []
        for each in vaults:
            _read_through(each)
            vault = await open_vault(each.settings, SystemClock())
            opened.push_async_callback(vault.close)
            api = Api(vault.settings, vault)
            opened.push_async_callback(api.stop)
            candidates.append(Candidate(each, await api.start()))
        measurements = [(candidate, what) for candidate in candidates for what in SUFFIXES]
        for candidate, what in measurements * (WARM_UP if rounds > WARM_UP else 1):
            await candidate.measure(what, callers[what])
        for candidate in candidates:
            candidate.forget()
        for _ in range(rounds):
            random.shuffle(measurements)
            for candidate, what in measurements:
                await candidate.measure(what, callers[what])
    return candidates


def _read_through(vault: LargeVault) -> None:
    """Read a vault's files into the system's cache, so that the vault is measured and not the disk."""
    for file in vault.directory.glob("*.db"):
        with file.open("rb", buffering=0) as content:
            while content.read(1 << 20):
                pass


def _print(what: str, candidates: list[Candidate]) -> None:
    base = candidates[0]
    rows = [_row(what, candidate, base) for candidate in candidates]
    report.print_table(["saved cards", "GB", "CPU median", "least", "ratio", "of least", "elapsed, median"], rows)
    for candidate in candidates[1:]:
        goal = f"{what} with {candidate.vault.count:,} cards / with {base.vault.count:,}"
        report.print_goal(goal, median(candidate.cpu[what]) / median(base.cpu[what]), GOAL, at_most=True)
    print()


def _row(what: str, candidate: Candidate, base: Candidate) -> list[str]:
    cpu, cpu_of_base = candidate.cpu[what], base.cpu[what]
    return [
        f"{candidate.vault.count:,}",
        f"{candidate.vault.size / 1e9:.2f}",
        f"{median(cpu):.1f}",
        f"{min(cpu):.1f}",
        f"{median(cpu) / median(cpu_of_base):.2f}",
        f"{min(cpu) / min(cpu_of_base):.2f}",
        f"{median(candidate.wall[what]):.1f}",
    ]


if __name__ == "__main__":
    main()
