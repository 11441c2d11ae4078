"""The cost of fetching one saved card with every feature on, compared with handlers without features.

All servers run at the same time on core 0. Core 1 loads one after the other, in rounds; the results are medians of the
rounds. Our server authenticates, counts rates, opens the sealed record, counts metrics and logs calls to a file.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from bench.support import nginx, options, plain, report, seeding
from bench.support.directories import scratch_directory
from bench.support.load import Load, run_load
from bench.support.options import Options
from bench.support.processes import Server, free_port, on_core
from bench.support.seeding import SavedCard
from tokenvault_server.settings import CONFIG_FILE, PREFIX

INSTRUMENTS = 100_000
QUICK_INSTRUMENTS = 1_000
WARM_UP = 0.25
"""The duration of the warm-up before a measurement, as a fraction of the measurement's duration."""

OURS_ON_GRANIAN = "tokenvault serve (granian)"
OURS_ON_UVICORN = "tokenvault on uvicorn"
ANCHOR = "bare ASGI on uvicorn"
ANCHOR_ON_GRANIAN = "bare ASGI on granian"
STARLETTE = "Starlette on uvicorn"
FASTAPI = "FastAPI on uvicorn"
NGINX = "nginx, static"

BIN = Path(sys.executable).parent
APPS = {ANCHOR: "bench.apps.bare:app", STARLETTE: "bench.apps.on_starlette:app", FASTAPI: "bench.apps.on_fastapi:app"}


@dataclass(slots=True)
class Candidate:
    """A server and its measurements."""

    name: str
    server: Server
    loads: list[Load] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Its median number of calls per second."""
        return median(load.rate for load in self.loads)

    def row(self, anchor: Candidate) -> list[str]:
        """Return its row of the table."""
        return [
            self.name,
            f"{self.rate:,.0f}",
            f"{median(load.cpu_micros for load in self.loads):.1f}",
            f"{median(load.percentile_ms(50) for load in self.loads):.2f}",
            f"{median(load.percentile_ms(99) for load in self.loads):.2f}",
            f"{self.server.memory_mib():.0f}",
            f"{median(load.own_share for load in self.loads):.0%}",
            f"{_ratio(self, anchor):.2f}",
        ]


def main() -> None:
    """Measure and print the results."""
    chosen = options.parse(__doc__, Options(seconds=2.0, rounds=7, connections=64, quick=False))
    report.print_heading("Fetch one saved card over HTTP, one worker on one core")
    with scratch_directory() as directory, on_core(1), ExitStack() as running:
        cards = asyncio.run(_seed(directory, QUICK_INSTRUMENTS if chosen.quick else INSTRUMENTS))
        random.shuffle(cards)
        requests = [card.request() for card in cards]
        candidates = list(running.enter_context(_started(directory, requests[0])))
        for number in range(chosen.rounds):
            first = number % len(candidates)
            _measure_round(candidates[first:] + candidates[:first], requests, chosen)
        _print(candidates, chosen, len(cards))


async def _seed(directory: Path, count: int) -> list[SavedCard]:
    vault_directory = directory / "vault"
    vault_directory.mkdir()
    async with seeding.new_vault(vault_directory) as vault:
        return await seeding.fill(vault, count, directory / "plain.db")


@contextmanager
def _started(directory: Path, request: bytes) -> Iterator[list[Candidate]]:
    environ = {
        PREFIX + "CONFIG": str(directory / "vault" / CONFIG_FILE),
        PREFIX + "ADMIN_PORT": "0",
        plain.FILE_VARIABLE: str(directory / "plain.db"),
    }
    candidates = []
    with ExitStack() as running:
        for number, (name, port, command) in enumerate(_commands(directory)):
            with on_core(0):
                server = Server(command, port, directory / f"{number}.log", environ)
            running.callback(server.stop)
            server.wait_for_answer(request)
            candidates.append(Candidate(name, server))
        yield candidates


def _commands(directory: Path) -> Iterator[tuple[str, int, list[str]]]:
    port = free_port()
    yield OURS_ON_GRANIAN, port, [str(BIN / "tokenvault"), "serve", "--port", str(port)]
    port = free_port()
    yield OURS_ON_UVICORN, port, [*_uvicorn(port), "--factory", "bench.support.app:app"]
    port = free_port()
    yield ANCHOR_ON_GRANIAN, port, _granian(port, APPS[ANCHOR])
    for name, app in APPS.items():
        if name == FASTAPI and not find_spec("fastapi"):
            print(f"  {FASTAPI}: left out, it is not installed; `make bench` installs it\n")
            continue
        port = free_port()
        yield name, port, [*_uvicorn(port), app]
    if nginx.nginx() is None:
        print(f"  {NGINX}: left out, it is not installed\n")
        return
    port = free_port()
    yield NGINX, port, nginx.command(directory / "nginx", port, b"x" * 490)


def _uvicorn(port: int) -> list[str]:
    command = [str(BIN / "uvicorn"), "--port", str(port), "--loop", "uvloop", "--http", "httptools"]
    return [*command, "--no-access-log", "--no-server-header", "--log-level", "warning"]


def _granian(port: int, app: str) -> list[str]:
    """Return the command of Granian with the settings of `tokenvault serve`."""
    command = [str(BIN / "granian"), "--port", str(port), "--interface", "asgi", "--no-ws", "--log-level", "warning"]
    return [*command, "--backlog", "2048", "--backpressure", "4096", "--http1-header-read-timeout", "10000", app]


def _measure_round(candidates: Iterable[Candidate], requests: list[bytes], chosen: Options) -> None:
    for candidate in candidates:
        _load(candidate.server, requests, chosen.connections, chosen.seconds * WARM_UP)
        candidate.loads.append(_load(candidate.server, requests, chosen.connections, chosen.seconds))


def _load(server: Server, requests: list[bytes], connections: int, seconds: float) -> Load:
    return run_load(server.port, requests, connections=connections, seconds=seconds, cpu_seconds=server.cpu_seconds)


def _print(candidates: list[Candidate], chosen: Options, count: int) -> None:
    by_name = {candidate.name: candidate for candidate in candidates}
    anchor = by_name[ANCHOR]
    print(f"  {count:,} saved cards fetched at random, {chosen.connections} connections, medians of ", end="")
    print(f"{chosen.rounds} x {chosen.seconds:g} s; x: times the rate of {ANCHOR}\n")
    columns = ["", "calls/s", "CPU us/call", "p50 ms", "p99 ms", "MiB", "load's core", "x"]
    report.print_table(columns, [candidate.row(anchor) for candidate in candidates])
    ours, theirs = by_name[OURS_ON_GRANIAN], by_name.get(FASTAPI)
    report.print_goal(f"{ours.name} / {ANCHOR}", _ratio(ours, anchor), 1.0)
    report.print_goal(f"{OURS_ON_UVICORN} / {ANCHOR}", _ratio(by_name[OURS_ON_UVICORN], anchor), 0.85)
    if theirs:
        report.print_goal(f"{ours.name} / {FASTAPI}", _ratio(ours, theirs), 4.0)


def _ratio(one: Candidate, other: Candidate) -> float:
    """Return the median of the ratios of all rounds. Other load on the machine affects both sides of a round alike."""
    return median(mine.rate / theirs.rate for mine, theirs in zip(one.loads, other.loads, strict=True))


if __name__ == "__main__":
    main()
