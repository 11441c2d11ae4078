"""What do many merchants cost those who call?

Beside its calls a vault has small loops, and some of them find more to do the more merchants there are: every chain
that moved is signed and marked as covered once a minute, every credential in use is noted, whatever is over is swept.
Here all merchants left all of that within the last minute, which is the worst minute there can be, and each loop runs
in the process that answers, which is the worst place for it: under `tokenvault serve` the parent checkpoints, sweeps
and tells merchants. Meanwhile another merchant fetches a card and takes
cryptograms, through the whole pipeline; what counts is the longest that one of its calls waits.

Three ratios are asked for. *Beside the loops / without them*: the longest wait of a call in all of this, beside the
longest when no loop runs. The latter is a few milliseconds, and two hundred times that less than a second or two, which
no client gives up on. Signing all chains at once, and putting all uses in order, are pieces of computing during which
nothing is answered; that is what is seen here. *What the loop takes*: nobody waits for a whole loop to end. One that
did everything in a transaction would have callers wait as long as it takes, seconds with many merchants, and the ratio
would be near 1; with few merchants every loop is that short, and the ratio says nothing. *Opening*: a vault with a
hundred times the merchants opens as quickly, since it reads none of them.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import NamedTuple

import uvloop

from bench.support import options, report, seeding
from bench.support.crowd import Crowd
from bench.support.directories import workplace
from bench.support.options import Options
from bench.support.processes import resident_mib
from bench.support.seeding import SavedCard
from tests.support.databases import POSTGRESQL, started
from tokenvault_contract.operations import FETCH_INSTRUMENT
from tokenvault_server import settings as settings_module
from tokenvault_server.api.call import Call
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.api.rate_limits import Budgets, RateLimits
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.settings import CONFIG_FILE
from tokenvault_server.store import webhook_queue
from tokenvault_server.vault.last_use import LastUse
from tokenvault_server.vault.rate_leases import Grant, RateLeases, block_of

MERCHANTS = 100_000
FEWER = 100
"""So many times as few are what many are compared with."""
CARDS = 64
OPENINGS = 5
TURNS = 32
"""Endpoints that a worker looks for at once."""
PAUSE_SECONDS = 0.001
WITHOUT = "no loop"
FETCH = "fetch"
CRYPTOGRAM = "cryptogram"
SUFFIXES = {FETCH: "", CRYPTOGRAM: "/cryptogram"}

BESIDE = 200.0
SHARE = 0.25
OPENING = 2.0

Act = Callable[[], Awaitable[object]]


class Loop(NamedTuple):
    """One of the small loops, when everybody has something for it to do."""

    name: str
    act: Act
    prepare: Act | None = None
    """Has everybody leave something."""


class Seen(NamedTuple):
    """One turn of a loop, and how long others waited meanwhile, in seconds, by what they asked for."""

    seconds: float
    waits: dict[str, list[float]]


class Opening(NamedTuple):
    """What opening a vault took a process that had done nothing yet."""

    seconds: float
    mib: float


@dataclass(slots=True)
class Results:
    """What was measured of one vault."""

    loops: dict[str, list[Seen]] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)

    def longest(self, name: str, kinds: Iterable[str] = SUFFIXES) -> float:
        """Seconds that the unluckiest call waited beside a loop, in any round."""
        return max(max(seen.waits[kind]) for seen in self.loops[name] for kind in kinds)

    def usual(self, kind: str, loops: Iterable[str]) -> float:
        """Seconds that a kind of call waited beside some loops, in the median."""
        return median(wait for name in loops for seen in self.loops[name] for wait in seen.waits[kind])

    def seconds(self, name: str) -> float:
        """What a loop took, in the median."""
        return median(seen.seconds for seen in self.loops[name])


@dataclass(frozen=True, slots=True)
class Place:
    """A vault with a crowd in it, and a merchant beside the crowd who calls."""

    directory: Path
    count: int
    cards: list[SavedCard]
    results: Results = field(default_factory=Results)

    async def open(self) -> Vault:
        """Open it as a server does."""
        return await open_vault(settings_module.load({}, self.directory / CONFIG_FILE))


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls again and again, with a short pause."""

    pipeline: Pipeline
    cards: Iterator[SavedCard]
    kind: str

    async def ask_until(self, over: asyncio.Event) -> list[float]:
        """Give how long each call waited; the last one ends after it is over, so none is left out that waited long.

        From the moment it was to be made: one that comes while the process stands still waits until it is heard.
        """
        waits = []
        while True:
            wanted = time.perf_counter() + PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)
            began = min(wanted, time.perf_counter())  # uvloop's timers may be a little early
            await self._ask()
            waits.append(time.perf_counter() - began)
            if over.is_set():
                return waits

    async def _ask(self) -> None:
        card = next(self.cards)
        reply = await self.pipeline.answer(
            Call("GET", card.path(SUFFIXES[self.kind]).encode(), b"", card.headers(), "127.0.0.1")
        )
        assert reply.status == 200, reply.body


def main() -> None:
    """Measure and print."""
    flags = options.parser(__doc__, Options(seconds=10.0, rounds=1, connections=1, quick=False))
    flags.add_argument("--merchants", type=int, default=MERCHANTS, help=f"at least {FEWER}; default {MERCHANTS:,}")
    given = flags.parse_args()
    chosen = options.chosen(given)
    most = 2 * FEWER if chosen.quick else max(FEWER, given.merchants)
    report.print_heading("What many merchants cost those who call")
    counts = (most // FEWER, most)
    with workplace() as directory, ExitStack() as ending:
        _measure("SQLite", [_made(directory / f"sqlite-{count}", count) for count in counts], chosen)
        server = started(POSTGRESQL, directory.parent, fsync="on", full_page_writes="on")
        ending.callback(server.remove)
        stores = [ending.enter_context(server.stores())._asdict() for _ in counts]
        made = [_made(directory / f"pg-{count}", count, **urls) for count, urls in zip(counts, stores, strict=True)]
        _measure("PostgreSQL", made, chosen)


def _made(directory: Path, count: int, **stores: str) -> Place:
    directory.mkdir()
    return Place(directory, count, uvloop.run(_filled(directory, count, stores)))


async def _filled(directory: Path, count: int, stores: Mapping[str, str]) -> list[SavedCard]:
    async with seeding.new_vault(directory, **stores) as vault:
        cards = await seeding.enrol(vault, CARDS)
        await Crowd(vault, count).come()
    return cards


def _measure(engine: str, places: Sequence[Place], chosen: Options) -> None:
    for _ in range(1 if chosen.quick else OPENINGS):
        for place in places:
            place.results.openings.append(_opening_of(place.directory))
    for place in places:
        uvloop.run(_run_loops(place, chosen))
    _print(engine, *places)


def _opening_of(directory: Path) -> Opening:
    """Open a vault in a new process, which has read nothing of it before."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(_open_once, directory).result()


def _open_once(directory: Path) -> Opening:
    async def measure() -> Opening:
        settings = settings_module.load({}, directory / CONFIG_FILE)
        before, began = resident_mib(os.getpid()), time.perf_counter()
        vault = await open_vault(settings)
        opening = Opening(time.perf_counter() - began, resident_mib(os.getpid()) - before)
        await vault.close()
        return opening

    return uvloop.run(measure())


async def _run_loops(place: Place, chosen: Options) -> None:
    async with AsyncExitStack() as opened:
        vault = await place.open()
        opened.push_async_callback(vault.close)
        api = Api(vault.settings, vault)
        opened.push_async_callback(api.stop)
        pipeline = await api.start()
        callers = [Caller(pipeline, cycle(place.cards), kind) for kind in SUFFIXES]
        await _beside(partial(asyncio.sleep, 0.1), callers)  # opens connections, remembers who calls
        crowd = Crowd(vault, place.count)
        loops = [Loop(WITHOUT, partial(asyncio.sleep, chosen.seconds)), *_loops(crowd)]
        for _ in range(chosen.rounds):
            for loop in loops:
                if loop.prepare:
                    await loop.prepare()
                place.results.loops.setdefault(loop.name, []).append(await _beside(loop.act, callers))


class _Granted(RateLeases):
    """Leases that the store was not asked for, which would take minutes: what is swept is what a process remembers."""

    async def take(self, merchant_id: MerchantId, operation: str, limit: int, now: int) -> Grant:  # noqa: ARG002  # the same to all
        """Grant a block to whoever asks."""
        return Grant(block_of(limit), limit - block_of(limit), now + MINUTE)


async def _beside(act: Act, callers: Sequence[Caller]) -> Seen:
    """Do something while others call; those who wait when it is done are waited for."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        calling = {caller.kind: tasks.create_task(caller.ask_until(over)) for caller in callers}
        await asyncio.sleep(5 * PAUSE_SECONDS)
        began = time.perf_counter()
        await act()
        seconds = time.perf_counter() - began
        over.set()
    return Seen(seconds, {kind: task.result() for kind, task in calling.items()})


def _loops(crowd: Crowd) -> list[Loop]:
    """Give the loops that look at more than one merchant, each with what everybody left it to do."""
    vault = crowd.vault
    watch, last_use = vault.key_watches[0], LastUse(vault.engine)
    limits = RateLimits(Budgets(), None, vault.clock, _Granted(vault.engine) if vault.rate_leases else None)

    async def use_secrets() -> None:
        last_use.at = crowd.uses()

    async def call() -> None:
        for member in crowd.members():
            await limits.merchant(member, FETCH_INSTRUMENT)

    async def grow_old() -> None:
        await crowd.leave_replies()
        await crowd.pass_a_day()
        await vault.daily_keys.rotate()
        await crowd.pass_a_day()

    async def look_for_failing() -> None:
        for failing in (False, True):
            await webhook_queue.due_endpoints(vault.engine, vault.clock.now(), TURNS, failing=failing)

    return [
        Loop("keys, nothing changed", watch.poll),
        Loop("keys, a merchant was added", watch.poll, lambda: vault.merchants.add("Newcomer", "bench")),
        Loop("last uses of all secrets", last_use.flush, use_secrets),
        Loop("windows of the last minute", limits.sweep, call),
        Loop("checkpoint, all chains moved", vault.audit.checkpoint, crowd.act),
        Loop("the one after, one chain moved", vault.audit.checkpoint),
        Loop("errands, none due", vault.outbox_tasks.run_due),
        Loop("webhooks, none due", vault.deliveries.start_due, crowd.calm_down),
        Loop("webhooks, all failing and due", look_for_failing, crowd.fail),
        Loop("webhooks swept and counted", vault.deliveries.sweep),
        Loop("daily keys, made and destroyed", vault.daily_keys.rotate, grow_old),
        Loop("replies, two of each swept", vault.idempotency_keys.sweep),
        Loop("tombstones, one of each", vault.instruments.forget_old_tombstones, crowd.leave_tombstones),
        Loop("cryptograms presented, one each", vault.token_service.sweep, crowd.leave_presented),
    ]


def _print(engine: str, few: Place, many: Place) -> None:
    print(f"  {engine}: how long a loop takes, and the longest that a call waited meanwhile, in ms\n")
    columns = [engine]
    for place in (few, many):
        columns += [f"{place.count:,}: loop", *SUFFIXES]
    names = list(many.results.loops)
    report.print_table(columns, [[name, *_cells(few.results, name), *_cells(many.results, name)] for name in names])
    for kind in SUFFIXES:
        alone, beside = (many.results.usual(kind, loops) * 1e3 for loops in ([WITHOUT], names[1:]))
        print(f"{kind}, {many.count:,} merchants, median: {beside:.2f} ms beside the loops, {alone:.2f} without")
    for place in (few, many):
        seconds, mib = (median(each) for each in zip(*place.results.openings, strict=True))
        print(f"opening, {place.count:,} merchants, median: {seconds * 1e3:.1f} ms, {mib:.1f} MiB")
    _print_goals(engine, few.results, many.results)
    print()


def _cells(results: Results, name: str) -> list[str]:
    waits = (results.longest(name, [kind]) for kind in SUFFIXES)
    return [f"{seconds * 1e3:,.1f}" for seconds in (results.seconds(name), *waits)]


def _print_goals(engine: str, few: Results, many: Results) -> None:
    loops = many.loops.keys() - {WITHOUT}
    beside = max(map(many.longest, loops)) / many.longest(WITHOUT)
    report.print_goal(f"{engine}, longest wait beside the loops / without them", beside, BESIDE, at_most=True)
    slowest = max(loops, key=many.seconds)
    share = many.longest(slowest) / many.seconds(slowest)
    report.print_goal(f"{engine}, longest wait / what the loop takes: {slowest}", share, SHARE, at_most=True)
    opening = median(each.seconds for each in many.openings) / median(each.seconds for each in few.openings)
    report.print_goal(f"{engine}, opening with all merchants / with one in {FEWER}", opening, OPENING, at_most=True)


if __name__ == "__main__":
    main()
