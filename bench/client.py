"""The cost of a call for its caller, compared with the official SDK and plain HTTP libraries.

One small server in its own process on core 1 returns the same card to every client. The clients run alternately, each
in its own process and on any core, because a library with its own threads would be slower on a single core. CPU time is
that of the client's process with all its threads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.support import ROOT, options, report
from bench.support.directories import scratch_directory
from bench.support.options import Options
from bench.support.processes import Server, free_port, on_core
from tests.client.authority import Authority
from tests.conformance.environments import python_environment

RELEASE: Final = "6.0.1"
OFFICIAL: Final = f"official cashfree_pg {RELEASE}"
OURS: Final = "tokenvault_client"
OURS_ASYNC: Final = "tokenvault_client, async"
STARTS: Final = 5
WARM_UP: Final = 0.25
"""The duration of the warm-up before a measurement, as a fraction of the measurement's duration."""


class Caller(NamedTuple):
    """A client: a file of `bench/callers`, an interpreter that has its library, and threads or tasks."""

    name: str
    file: str
    kind: str = "threads"
    python: str = sys.executable

    @property
    def is_installed(self) -> bool:
        """Whether its library is installed."""
        return not self.file.startswith("over_") or find_spec(self.file.removeprefix("over_")) is not None


class Endpoint(NamedTuple):
    """A server and its trusted certificate."""

    scheme: str
    port: int
    ca: Path

    @property
    def base_url(self) -> str:
        """The base URL for calls."""
        return f"{self.scheme}://127.0.0.1:{self.port}/pg"


@dataclass(slots=True)
class Candidate:
    """A running caller in its own process, with its results."""

    caller: Caller
    process: subprocess.Popen[str]
    started: dict[str, float]
    cpu_micros: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def measure(self, seconds: float) -> None:
        """Let it make calls for some seconds."""
        self._ask(seconds * WARM_UP)
        measured = self._ask(seconds)
        self.rates.append(measured["calls"] / measured["seconds"])
        self.cpu_micros.append(measured["cpu_seconds"] / measured["calls"] * 1e6)

    def _ask(self, seconds: float) -> dict[str, float]:
        assert self.process.stdin
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return _read_line(self.process)


def main() -> None:
    """Measure and print the results."""
    chosen = options.parse(__doc__, Options(seconds=1.0, rounds=7, connections=64, quick=False))
    report.print_heading("Fetch one saved card, from the caller's side")
    callers = _callers(chosen)
    with scratch_directory() as directory, _servers(directory) as servers:
        _print_starts([caller for caller in callers if caller.name != OURS_ASYNC], servers[0], chosen)
        schemes = 1 if chosen.quick else len(servers)
        alone = [caller for caller in callers if caller.kind == "threads"]
        for endpoint, goal in list(zip(servers, (1 / 5, None), strict=True))[:schemes]:
            _print_calls("one caller", alone, 1, endpoint, chosen, (OURS, goal))
        for endpoint, goal in list(zip(servers, (1 / 10, None), strict=True))[:schemes]:
            _print_calls(
                f"{chosen.connections} at once", callers, chosen.connections, endpoint, chosen, (OURS_ASYNC, goal)
            )


def _callers(chosen: Options) -> list[Caller]:
    callers = [
        Caller(OFFICIAL, "official", python=str(python_environment(RELEASE))),
        Caller(OURS, "tokenvault"),
        Caller(OURS_ASYNC, "tokenvault", "tasks"),
        Caller("tokenvault_client on pyreqwest", "over_pyreqwest"),
        Caller("the same, async", "over_pyreqwest", "tasks"),
        Caller("httpx2", "over_httpx2"),
        Caller("httpx2, async", "over_httpx2", "tasks"),
        Caller("aiohttp, async", "over_aiohttp", "tasks"),
        Caller("urllib3", "over_urllib3"),
    ]
    if chosen.quick:
        return callers[:3]
    for caller in callers:
        if not caller.is_installed:
            print(f"  {caller.name}: left out, it is not installed; `make bench` installs it\n")
    return [caller for caller in callers if caller.is_installed]


@contextmanager
def _servers(directory: Path) -> Iterator[list[Endpoint]]:
    """Run the server, with and without TLS."""
    authority = Authority(directory)
    authority.server()
    pem = directory / f"{authority.name}.server.pem"
    endpoints = [Endpoint("http", free_port(), authority.file), Endpoint("https", free_port(), authority.file)]
    command = [sys.executable, "-m", "bench.apps.one_card", *(str(endpoint.port) for endpoint in endpoints), str(pem)]
    with on_core(1):
        server = Server(command, endpoints[0].port, directory / "log")
    try:
        server.wait_for_answer(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        yield endpoints
    finally:
        server.stop()


def _print_starts(callers: Sequence[Caller], endpoint: Endpoint, chosen: Options) -> None:
    """Start each client a few times alternately and print the medians."""
    rounds = 0 if chosen.quick else STARTS
    starts: dict[str, list[dict[str, float]]] = {caller.name: [] for caller in callers}
    for _ in range(rounds + 1):  # the first start fills the page cache
        for caller in callers:
            with _running(caller, endpoint, 1) as candidate:
                starts[caller.name].append(candidate.started)
    figures = {name: _medians(measured[1:] or measured) for name, measured in starts.items()}
    print(f"  start of a process, medians of {rounds or 1}\n")
    columns = ["", "import ms", "first answer ms", "MiB after import", "after first answer"]
    report.print_table(columns, [[name, *_start_cells(each)] for name, each in figures.items()])
    ours, theirs = figures[OURS], figures[OFFICIAL]
    _print_ratio("import", ours["import_seconds"] / theirs["import_seconds"], 1 / 8)
    _print_ratio("memory after import", ours["import_mib"] / theirs["import_mib"], 2 / 3)
    _print_ratio("memory after the first answer", ours["answer_mib"] / theirs["answer_mib"], 2 / 3)
    print()


def _medians(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(each[name] for each in measured) for name in measured[0]}


def _start_cells(figures: dict[str, float]) -> list[str]:
    seconds = [f"{figures[name] * 1e3:.0f}" for name in ("import_seconds", "answer_seconds")]
    return [*seconds, f"{figures['import_mib']:.0f}", f"{figures['answer_mib']:.0f}"]


def _print_calls(
    title: str,
    callers: Sequence[Caller],
    count: int,
    endpoint: Endpoint,
    chosen: Options,
    wanted: tuple[str, float | None],
) -> None:
    """Measure some clients alternately and print their results."""
    with ExitStack() as running:
        candidates = [running.enter_context(_running(caller, endpoint, count)) for caller in callers]
        for _ in range(chosen.rounds):
            for candidate in candidates:
                candidate.measure(chosen.seconds)
    scheme = "over TLS" if endpoint.scheme == "https" else "plain"
    print(f"  {title}, {scheme}: medians of {chosen.rounds} x {chosen.seconds:g} s\n")
    report.print_table(
        ["", "calls/s", "CPU us/call", "of the official's"], [_row(each, candidates[0]) for each in candidates]
    )
    name, goal = wanted
    (ours,) = [candidate for candidate in candidates if candidate.caller.name == name]
    if goal:
        _print_ratio(f"CPU of a call, {title}", _ratio(ours, candidates[0]), goal)
        print()


def _row(candidate: Candidate, official: Candidate) -> list[str]:
    return [
        candidate.caller.name,
        f"{median(candidate.rates):,.0f}",
        f"{median(candidate.cpu_micros):.0f}",
        f"{_ratio(candidate, official):.2f}",
    ]


def _ratio(one: Candidate, other: Candidate) -> float:
    """Return the median of the ratios of all rounds. Other load on the machine affects both sides of a round alike."""
    return median(mine / theirs for mine, theirs in zip(one.cpu_micros, other.cpu_micros, strict=True))


def _print_ratio(what: str, reached: float, goal: float) -> None:
    report.print_goal(f"{what}, {OURS} / {OFFICIAL}", reached, goal, at_most=True)


@contextmanager
def _running(caller: Caller, endpoint: Endpoint, count: int) -> Iterator[Candidate]:
    """Run a client until the block ends, without the warnings of its libraries."""
    callers = ROOT / "bench" / "callers"
    command = [caller.python, "-I", "-W", "ignore", str(callers / "run.py"), str(callers / f"{caller.file}.py")]
    command += [caller.kind, str(count), endpoint.base_url, str(endpoint.ca)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        yield Candidate(caller, process, _read_line(process))


def _read_line(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"a caller ended with {process.wait()}: {process.args!r}")
    measured: dict[str, float] = json.loads(line)
    return measured


if __name__ == "__main__":
    main()
