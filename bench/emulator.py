"""The start-up time and the memory of an emulator beside localstripe, and what steering an emulator costs.

The times are from the start of the process to its first answer. localstripe is the peer that keeps state, too.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.support import ROOT, options, report
from bench.support.options import Options
from bench.support.processes import free_port, resident_mib
from tokenvault_server.embedded import Emulator

GOAL_SECONDS = 0.5
GOAL_MIB = 60
GOAL_RESETS = 1_000
GOAL_RESETS_SECONDS = 2.0
GOAL_ADVANCE_SECONDS = 0.05
GIVE_UP_SECONDS = 30.0

REQUEST = b"GET /nothing HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
"""Both peers answer it with an error, as soon as they answer anything."""


@dataclass(frozen=True, slots=True)
class Start:
    """The measurements of one start."""

    answer_seconds: float
    cpu_seconds: float
    mib: float


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that listens on a port."""

    name: str
    command: Callable[[int], Sequence[str]]


PEERS = (
    Peer("tokenvault emulator", lambda port: ["tokenvault", "emulator", "--port", str(port)]),
    Peer("localstripe", lambda port: ["localstripe", "--port", str(port), "--from-scratch"]),
)


def main() -> None:
    """Measure and print the results."""
    chosen = options.parse(__doc__, Options(seconds=0, rounds=5, connections=1, quick=False))
    report.print_heading("An emulator: its start beside a peer's, and what steering it costs")
    starts: dict[str, list[Start]] = {peer.name: [] for peer in PEERS}
    for peer in PEERS:
        _start(peer)  # this start fills the page cache and writes the byte code
    for _ in range(chosen.rounds):
        for peer in PEERS:
            starts[peer.name].append(_start(peer))
    medians = {name: _median(measured) for name, measured in starts.items()}
    rows = [
        [name, f"{each.answer_seconds * 1e3:.0f}", f"{each.cpu_seconds * 1e3:.0f}", f"{each.mib:.0f}"]
        for name, each in medians.items()
    ]
    report.print_table([f"median of {chosen.rounds} starts", "first answer ms", "CPU ms", "resident MiB"], rows)
    resets, reset_seconds, advance_seconds = _steering(GOAL_RESETS if not chosen.quick else 10)
    report.print_table(
        ["steering", "ms each"],
        [
            [f"{resets:,} resets, each of a new fault rule", f"{reset_seconds * 1e3 / resets:.2f}"],
            ["the clock moved by 30 days", f"{advance_seconds * 1e3:.1f}"],
        ],
    )
    ours = medians["tokenvault emulator"]
    report.print_goal("emulator ready", ours.answer_seconds, GOAL_SECONDS, at_most=True, unit=" s")
    report.print_goal("emulator's memory", ours.mib, GOAL_MIB, at_most=True, unit=" MiB")
    report.print_goal(f"{resets:,} resets", reset_seconds, GOAL_RESETS_SECONDS, at_most=True, unit=" s")
    report.print_goal("30 days", advance_seconds, GOAL_ADVANCE_SECONDS, at_most=True, unit=" s")


def _start(peer: Peer) -> Start:
    port = free_port()
    program, *arguments = peer.command(port)
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            while not _answers(port):
                if process.poll() is not None or time.perf_counter() - began > GIVE_UP_SECONDS:
                    raise RuntimeError(f"{program} did not start")
                time.sleep(0.002)
            answer = time.perf_counter() - began
            times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
            return Start(answer, cpu, resident_mib(process.pid))
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(REQUEST)
        return connection.recv(5) == b"HTTP/"
    return False


def _median(starts: Sequence[Start]) -> Start:
    return Start(
        median(start.answer_seconds for start in starts),
        median(start.cpu_seconds for start in starts),
        median(start.mib for start in starts),
    )


def _steering(resets: int) -> tuple[int, float, float]:
    """Return the resets, how long all of them took, and how long a move of the clock by 30 days took."""
    with Emulator(seed="demo") as emulator:
        resetting = 0.0
        for number in range(resets):
            emulator.faults.add(status=500, customer=f"customer-{number}")  # something to go back from
            began = time.perf_counter()
            emulator.reset()
            resetting += time.perf_counter() - began
        began = time.perf_counter()
        emulator.clock.advance(days=30)
        return resets, resetting, time.perf_counter() - began


if __name__ == "__main__":
    main()
