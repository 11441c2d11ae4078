"""What does each step of the pipeline cost? Fetching one card, and a cryptogram, station by station.

Every station is the server's own function on the objects of an open vault, timed for a batch of calls at once, round
after round, beside the whole call through the door and the bare handler of `bench.server`, all in one process and
without HTTP. What is left when the stations are taken from the whole are the layers between them.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench.support import options, plain, report, seeding
from bench.support.options import Options
from bench.support.seeding import SavedCard
from bench.support.stations import Stations, Visit, send, visit
from bench.support.workplace import workplace
from tokenvault_server.api.door import Door
from tokenvault_server.bootstrap import Api
from tokenvault_server.telemetry.access_log import AccessLog
from tokenvault_server.telemetry.metrics import Metrics

CARDS = 10_000
PAYABLE = 256
BATCH = 200
EXPLAINED = 0.6

Step = Callable[[Visit], Awaitable[None] | None]
App = Callable[..., Awaitable[None]]
WHOLE = "the whole call, through the door"
BARE = "the bare handler"
BETWEEN = "the layers between them"


@dataclass(slots=True)
class Costs:
    """Microseconds a call of every step, round by round."""

    found: dict[str, list[float]] = field(default_factory=dict)

    def add(self, step: str, seconds: float, calls: int) -> None:
        """Note one round of a step."""
        self.found.setdefault(step, []).append(seconds / calls * 1e6)

    def of(self, step: str) -> float:
        """What a step costs: the median of its rounds."""
        return median(self.found[step])


def main() -> None:
    """Measure and print."""
    chosen = options.parse(__doc__, Options(seconds=0, rounds=60, connections=64, quick=False))
    report.print_heading("What each step of the pipeline costs, in process")
    with workplace() as directory, (directory / "log").open("wb") as log:
        fetch, cryptogram = uvloop.run(_measure(directory, chosen, AccessLog(log)))
    _print(f"fetch one, {CARDS:,} saved cards, one call after another", fetch)
    print(f"{WHOLE} / {BARE}: {fetch.of(WHOLE) / fetch.of(BARE):.2f}\n")
    _print(f"cryptogram, {chosen.connections} at a time", cryptogram)
    for name, costs in (("fetch one", fetch), ("cryptogram", cryptogram)):
        report.print_goal(f"{name}: the steps explain the whole", _sum(costs) / costs.of(WHOLE), EXPLAINED)


async def _measure(directory: Path, chosen: Options, access_log: AccessLog) -> tuple[Costs, Costs]:
    async with seeding.new_vault(directory) as vault:
        plain_file = directory / "plain.db"
        saved = await seeding.fill(vault, 1_000 if chosen.quick else CARDS, plain_file)
        payable = await seeding.enrol(vault, PAYABLE)
        os.environ[plain.FILE_VARIABLE] = str(plain_file)
        bare = importlib.import_module("bench.apps.bare").app
        api, metrics = Api(vault.settings, vault), Metrics()
        stations = Stations(vault, await api.start(), access_log, metrics)
        door = Door(api, access_log, metrics, vault.clock)
        await door.open()
        fetch, cryptogram = Costs(), Costs()
        for _ in range(chosen.rounds):
            await _fetch_round(fetch, stations, saved, {WHOLE: door, BARE: bare})
            await _cryptogram_round(cryptogram, stations, payable, door, chosen.connections)
        await api.stop()
    return fetch, cryptogram


async def _fetch_round(costs: Costs, stations: Stations, cards: Sequence[SavedCard], apps: dict[str, App]) -> None:
    visits = [visit(random.choice(cards)) for _ in range(BATCH)]
    steps: dict[str, Step] = {
        "read the call": stations.make_call,
        "request id, key, host": stations.name,
        "route": stations.route,
        "version": stations.version,
        "authentication": stations.authenticate,
        "rate limit": stations.limit,
        "idempotency, without a key": stations.act_once,
        "load the row": stations.load,
        "open the record": stations.open,
        "entity": stations.make_entity,
        "render": stations.render,
        "headers": stations.head,
        "send": stations.send,
        "metrics": stations.count,
        "access line": stations.log,
    }
    for name, step in steps.items():
        costs.add(name, await _in_turn(stations, step, visits) - await _in_turn(stations, _idle(step), visits), BATCH)
    for name, app in apps.items():
        costs.add(name, await _in_turn(stations, _through(app), visits), BATCH)


async def _cryptogram_round(
    costs: Costs, stations: Stations, cards: Sequence[SavedCard], door: Door, callers: int
) -> None:
    visits = [visit(card, "/cryptogram") for card in random.sample(cards, callers)]
    asking = await _at_once(stations, _wait, visits)
    costs.add("from the call to idempotency, as above", await _in_turn(stations, stations.arrive, visits), callers)
    costs.add("load the row", await _in_turn(stations, stations.load, visits), callers)
    costs.add("open the record", await _in_turn(stations, stations.open, visits), callers)
    stations.bodies.seconds = 0
    spent = await _at_once(stations, stations.spend, visits) - asking
    costs.add("spend a counter value: the statement", stations.bodies.seconds, callers)
    costs.add("  and its share of a durable commit", spent - stations.bodies.seconds, callers)
    costs.add("open the token's record", await _in_turn(stations, stations.open_token, visits), callers)
    costs.add("derive the keys, make the code", await _in_turn(stations, stations.derive, visits), callers)
    await _at_once(stations, stations.issue, visits)
    costs.add("the guard's deadline", await _in_turn(stations, stations.guard, visits), callers)
    stations.bodies.seconds = 0
    released = await _at_once(stations, stations.release, visits) - asking
    costs.add("count, audit entry, head: the statements", stations.bodies.seconds, callers)
    costs.add("  and their share of a durable commit", released - stations.bodies.seconds, callers)
    costs.add("entity", await _in_turn(stations, stations.make_cryptogram_entity, visits), callers)
    costs.add("render", await _in_turn(stations, stations.render, visits), callers)
    costs.add("headers, send, metrics, line, as above", await _in_turn(stations, stations.leave, visits), callers)
    whole = await _at_once(stations, _through(door), visits)
    costs.add(WHOLE, whole - asking, callers)


async def _in_turn(stations: Stations, step: Step, visits: Sequence[Visit]) -> float:
    """The processor's seconds for a step of one visit after another."""
    await asyncio.sleep(0)  # reads of one turn share a transaction: not those of two steps
    began = time.process_time()
    for each in visits:
        waiting = step(each)
        if waiting is not None:
            await waiting
    stations.access_log.flush()
    return time.process_time() - began


async def _at_once(stations: Stations, step: Callable[[Visit], Awaitable[None]], visits: Sequence[Visit]) -> float:
    """The processor's seconds, all threads', for a step of all visits at the same time."""
    began = time.process_time()
    await asyncio.gather(*(step(each) for each in visits))
    stations.access_log.flush()
    return time.process_time() - began


def _through(app: App) -> Callable[[Visit], Awaitable[None]]:
    """The whole call, as a server makes it."""
    return lambda each: app(each.scope, _receive, send)


def _idle(step: Step) -> Step:
    """A step that does nothing, in the way in which `step` is asked."""
    return _wait if asyncio.iscoroutinefunction(step) else _skip


async def _wait(_visit: Visit) -> None:
    """Do nothing, awaited."""


def _skip(_visit: Visit) -> None:
    """Do nothing."""


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b""}


def _sum(costs: Costs) -> float:
    return sum(costs.of(step) for step in costs.found if step not in {WHOLE, BARE})


def _print(what: str, costs: Costs) -> None:
    whole = costs.of(WHOLE)
    steps = [step for step in costs.found if step not in {WHOLE, BARE}]
    rows = [_row(step, costs.of(step), whole) for step in steps]
    rows.append(_row(BETWEEN, whole - _sum(costs), whole))
    rows += [_row(step, costs.of(step), whole) for step in (WHOLE, BARE) if step in costs.found]
    print(f"  {what}, medians of {len(costs.found[WHOLE])} rounds\n")
    report.print_table(["step", "us", "per cent"], rows)


def _row(step: str, micros: float, whole: float) -> list[str]:
    return [step, f"{micros:.1f}", f"{micros / whole * 100:.0f}"]


if __name__ == "__main__":
    main()
