"""The effect of many merchants on the calls of one.

A vault has background tasks, and some of them have more work with more merchants. Once a minute they sign every chain
that moved, record every credential in use and delete what has expired. Here all merchants created all of this work
within the last minute, which is the worst case. Each task runs in the process that answers calls, which is the worst
case: under `tokenvault serve` the parent makes checkpoints, sweeps and delivers webhooks. Meanwhile another merchant
fetches a card and requests cryptograms through the whole pipeline. The result is the longest wait of one of its calls.

Three ratios are measured. *Beside the tasks / without them*: the longest wait of a call while tasks run, divided by
the longest wait without tasks. The latter is a few milliseconds, and two hundred times that is less than a second or
two, a wait that no client gives up on. Signing all chains at once and sorting all uses are computations during which
nothing is answered; this ratio shows them. *What the task takes*: no call waits for a whole task to end. A task that
did everything in one transaction would delay calls for as long as it takes, seconds with many merchants, and the ratio
would be near 1. With few merchants every task is that short, and the ratio means nothing. *Opening*: a vault with a
hundred times the merchants opens as quickly, because opening reads none of them.
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
from bench.support.directories import scratch_directory
from bench.support.many_merchants import ManyMerchants
from bench.support.options import Options
from bench.support.processes import resident_mib
from bench.support.seeding import SavedCard
from tests.support.databases import POSTGRESQL, started
from tokenvault_contract.operations import FETCH_INSTRUMENT
from tokenvault_server import settings as settings_module
from tokenvault_server.api.call import Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.api.rate_limits import Budgets, RateLimits
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.domain.clock import MINUTE, SystemClock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.settings import CONFIG_FILE
from tokenvault_server.store import webhook_queue
from tokenvault_server.store.rate_windows import RateLease
from tokenvault_server.vault.last_use import LastUse
from tokenvault_server.vault.rate_leases import Grant, RateLeases, block_of

MERCHANTS = 100_000
FEWER = 100
"""The results of many merchants are compared with those of this fraction of them."""
CARDS = 64
OPENINGS = 5
ENDPOINTS_AT_ONCE = 32
"""The number of endpoints that one query returns."""
PAUSE_SECONDS = 0.001
WITHOUT = "no task"
FETCH = "fetch"
CRYPTOGRAM = "cryptogram"
SUFFIXES = {FETCH: "", CRYPTOGRAM: "/cryptogram"}

BESIDE = 200.0
SHARE = 0.25
OPENING = 2.0

Action = Callable[[], Awaitable[object]]


class Task(NamedTuple):
    """A background task that processes every merchant."""

    name: str
    act: Action
    prepare: Action | None = None
    """Creates the work of every merchant."""


class Measurement(NamedTuple):
    """One run of a task, and how long calls waited meanwhile, in seconds, by kind."""

    seconds: float
    waits: dict[str, list[float]]


class Opening(NamedTuple):
    """The cost of opening a vault in a new process."""

    seconds: float
    mib: float


@dataclass(slots=True)
class Results:
    """The measurements of one vault."""

    tasks: dict[str, list[Measurement]] = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)

    def longest(self, name: str, kinds: Iterable[str] = SUFFIXES) -> float:
        """Return the longest wait of a call beside a task in any round, in seconds."""
        return max(max(each.waits[kind]) for each in self.tasks[name] for kind in kinds)

    def usual(self, kind: str, tasks: Iterable[str]) -> float:
        """Return the median wait of a kind of call beside some tasks, in seconds."""
        return median(wait for name in tasks for each in self.tasks[name] for wait in each.waits[kind])

    def seconds(self, name: str) -> float:
        """Return the median duration of a task, in seconds."""
        return median(each.seconds for each in self.tasks[name])


@dataclass(frozen=True, slots=True)
class VaultUnderLoad:
    """A vault with many merchants, and one more merchant that calls."""

    directory: Path
    count: int
    cards: list[SavedCard]
    results: Results = field(default_factory=Results)

    async def open(self) -> Vault:
        """Open the vault as a server does."""
        return await open_vault(settings_module.load({}, self.directory / CONFIG_FILE), SystemClock())


@dataclass(frozen=True, slots=True)
class Caller:
    """Makes calls with a short pause between them."""

    pipeline: Pipeline
    cards: Iterator[SavedCard]
    kind: str

    async def call_until(self, over: asyncio.Event) -> list[float]:
        """Return how long each call waited. The last one ends after `over`, so that no long wait is left out.

        A wait begins when the call was due: a call that is due while the process is blocked counts as waiting.
        """
        waits = []
        while True:
            wanted = time.perf_counter() + PAUSE_SECONDS
            await asyncio.sleep(PAUSE_SECONDS)
            began = min(wanted, time.perf_counter())  # uvloop's timers can be slightly early
            await self._ask()
            waits.append(time.perf_counter() - began)
            if over.is_set():
                return waits

    async def _ask(self) -> None:
        card = next(self.cards)
        reply = await self.pipeline.answer(
            Request("GET", card.path(SUFFIXES[self.kind]).encode(), b"", card.headers(), "127.0.0.1")
        )
        assert reply.status == 200, reply.body


def main() -> None:
    """Measure and print the results."""
    flags = options.parser(__doc__, Options(seconds=10.0, rounds=1, connections=1, quick=False))
    flags.add_argument("--merchants", type=int, default=MERCHANTS, help=f"at least {FEWER}; default {MERCHANTS:,}")
    arguments = flags.parse_args()
    chosen = options.chosen(arguments)
    most = 2 * FEWER if chosen.quick else max(FEWER, arguments.merchants)
    report.print_heading("What many merchants cost those who call")
    counts = (most // FEWER, most)
    with scratch_directory() as directory, ExitStack() as ending:
        _measure("SQLite", [_made(directory / f"sqlite-{count}", count) for count in counts], chosen)
        server = started(POSTGRESQL, directory.parent, fsync="on", full_page_writes="on")
        ending.callback(server.remove)
        stores = [ending.enter_context(server.stores())._asdict() for _ in counts]
        made = [_made(directory / f"pg-{count}", count, **urls) for count, urls in zip(counts, stores, strict=True)]
        _measure("PostgreSQL", made, chosen)


def _made(directory: Path, count: int, **stores: str) -> VaultUnderLoad:
    directory.mkdir()
    return VaultUnderLoad(directory, count, uvloop.run(_filled(directory, count, stores)))


async def _filled(directory: Path, count: int, stores: Mapping[str, str]) -> list[SavedCard]:
    async with seeding.new_vault(directory, **stores) as vault:
        cards = await seeding.enrol(vault, CARDS)
        await ManyMerchants(vault, count).add()
    return cards


def _measure(engine: str, vaults: Sequence[VaultUnderLoad], chosen: Options) -> None:
    for _ in range(1 if chosen.quick else OPENINGS):
        for loaded in vaults:
            loaded.results.openings.append(_opening_of(loaded.directory))
    for loaded in vaults:
        uvloop.run(_run_tasks(loaded, chosen))
    _print(engine, *vaults)


def _opening_of(directory: Path) -> Opening:
    """Open a vault in a new process, without any cache."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(_open_once, directory).result()


def _open_once(directory: Path) -> Opening:
    async def measure() -> Opening:
        settings = settings_module.load({}, directory / CONFIG_FILE)
        before, began = resident_mib(os.getpid()), time.perf_counter()
        vault = await open_vault(settings, SystemClock())
        opening = Opening(time.perf_counter() - began, resident_mib(os.getpid()) - before)
        await vault.close()
        return opening

    return uvloop.run(measure())


async def _run_tasks(loaded: VaultUnderLoad, chosen: Options) -> None:
    async with AsyncExitStack() as opened:
        vault = await loaded.open()
        opened.push_async_callback(vault.close)
        api = Api(vault.settings, vault)
        opened.push_async_callback(api.stop)
        pipeline = await api.start()
        callers = [Caller(pipeline, cycle(loaded.cards), kind) for kind in SUFFIXES]
        await _beside(partial(asyncio.sleep, 0.1), callers)  # opens connections, fills the cache of credentials
        merchants = ManyMerchants(vault, loaded.count)
        tasks = [Task(WITHOUT, partial(asyncio.sleep, chosen.seconds)), *_tasks(merchants)]
        for _ in range(chosen.rounds):
            for task in tasks:
                if task.prepare:
                    await task.prepare()
                loaded.results.tasks.setdefault(task.name, []).append(await _beside(task.act, callers))


class _Granted(RateLeases):
    """Leases without queries, which would take minutes. The sweep only concerns the memory of a process."""

    async def take(
        self,
        merchant_id: MerchantId,  # noqa: ARG002  # the same grant for all
        operation: str,  # noqa: ARG002
        limit: int,
        now: int,
        unspent: RateLease | None = None,  # noqa: ARG002
    ) -> Grant:
        """Grant every block."""
        return Grant(block_of(limit), limit - block_of(limit), now + MINUTE)


async def _beside(act: Action, callers: Sequence[Caller]) -> Measurement:
    """Run an action while callers make calls; wait for the calls that have not ended."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        calling = {caller.kind: tasks.create_task(caller.call_until(over)) for caller in callers}
        await asyncio.sleep(5 * PAUSE_SECONDS)
        began = time.perf_counter()
        await act()
        seconds = time.perf_counter() - began
        over.set()
    return Measurement(seconds, {kind: task.result() for kind, task in calling.items()})


def _tasks(merchants: ManyMerchants) -> list[Task]:
    """Return the tasks that process more than one merchant, each with its work."""
    vault = merchants.vault
    watch, last_use = vault.key_watches[0], LastUse(vault.engine)
    limits = RateLimits(Budgets(), None, vault.clock, _Granted(vault.engine) if vault.rate_leases else None)

    async def record_uses() -> None:
        last_use.at = merchants.uses()

    async def call() -> None:
        for merchant_id in merchants.ids():
            await limits.merchant(merchant_id, FETCH_INSTRUMENT)

    async def expire_everything() -> None:
        await merchants.add_replies()
        await merchants.age_daily_keys()
        await vault.daily_keys.rotate()
        await merchants.age_daily_keys()

    async def find_failing() -> None:
        for failing in (False, True):
            await webhook_queue.due_endpoints(vault.engine, vault.clock.now(), ENDPOINTS_AT_ONCE, failing=failing)

    return [
        Task("keys, nothing changed", watch.poll),
        Task("keys, a merchant was added", watch.poll, lambda: vault.merchants.add("New merchant", "bench")),
        Task("last uses of all secrets", last_use.flush, record_uses),
        Task("windows of the last minute", limits.sweep, call),
        Task("checkpoint, all chains moved", vault.audit.checkpoint, merchants.move_chains),
        Task("the one after, one chain moved", vault.audit.checkpoint),
        Task("outbox, none due", vault.outbox_tasks.run_due),
        Task("webhooks, none due", vault.deliveries.start_due, merchants.reset_endpoints),
        Task("webhooks, all failing and due", find_failing, merchants.fail_endpoints),
        Task("webhooks swept and counted", vault.deliveries.sweep),
        Task("daily keys, made and destroyed", vault.daily_keys.rotate, expire_everything),
        Task("replies, two of each swept", vault.idempotency_keys.sweep),
        Task("tombstones, one of each", vault.instruments.forget_old_tombstones, merchants.add_tombstones),
        Task("cryptograms presented, one each", vault.token_service.sweep, merchants.add_presented),
    ]


def _print(engine: str, few: VaultUnderLoad, many: VaultUnderLoad) -> None:
    print(f"  {engine}: how long a task takes, and the longest that a call waited meanwhile, in ms\n")
    columns = [engine]
    for loaded in (few, many):
        columns += [f"{loaded.count:,}: task", *SUFFIXES]
    names = list(many.results.tasks)
    report.print_table(columns, [[name, *_cells(few.results, name), *_cells(many.results, name)] for name in names])
    for kind in SUFFIXES:
        alone, beside = (many.results.usual(kind, tasks) * 1e3 for tasks in ([WITHOUT], names[1:]))
        print(f"{kind}, {many.count:,} merchants, median: {beside:.2f} ms beside the tasks, {alone:.2f} without")
    for loaded in (few, many):
        seconds, mib = (median(each) for each in zip(*loaded.results.openings, strict=True))
        print(f"opening, {loaded.count:,} merchants, median: {seconds * 1e3:.1f} ms, {mib:.1f} MiB")
    _print_goals(engine, few.results, many.results)
    print()


def _cells(results: Results, name: str) -> list[str]:
    waits = (results.longest(name, [kind]) for kind in SUFFIXES)
    return [f"{seconds * 1e3:,.1f}" for seconds in (results.seconds(name), *waits)]


def _print_goals(engine: str, few: Results, many: Results) -> None:
    tasks = many.tasks.keys() - {WITHOUT}
    beside = max(map(many.longest, tasks)) / many.longest(WITHOUT)
    report.print_goal(f"{engine}, longest wait beside the tasks / without them", beside, BESIDE, at_most=True)
    slowest = max(tasks, key=many.seconds)
    share = many.longest(slowest) / many.seconds(slowest)
    report.print_goal(f"{engine}, longest wait / what the task takes: {slowest}", share, SHARE, at_most=True)
    opening = median(each.seconds for each in many.openings) / median(each.seconds for each in few.openings)
    report.print_goal(f"{engine}, opening with all merchants / with one in {FEWER}", opening, OPENING, at_most=True)


if __name__ == "__main__":
    main()
