"""The start-up time and the memory of an emulator.

The times are from the start of the process to its JSON line, which it prints when it answers calls, and to its first
answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import msgspec

from bench.support import ROOT, options, report
from bench.support.options import Options
from bench.support.processes import answers, resident_mib

GOAL_SECONDS = 0.5
GOAL_MIB = 60


@dataclass(frozen=True, slots=True)
class Start:
    """The measurements of one start."""

    line_seconds: float
    answer_seconds: float
    cpu_seconds: float
    mib: float


def main() -> None:
    """Measure and print the results."""
    chosen = options.parse(__doc__, Options(seconds=0, rounds=5, connections=1, quick=False))
    report.print_heading("From the start of `tokenvault emulator --port 0 --json` to its first answer")
    _start()  # this start fills the page cache and writes the byte code
    starts = [_start() for _ in range(chosen.rounds)]
    line, answer = median(start.line_seconds for start in starts), median(start.answer_seconds for start in starts)
    rows = [
        ["median", *_cells(line, answer, median(s.cpu_seconds for s in starts), median(s.mib for s in starts))],
        ["best", *_cells(*(min(values) for values in zip(*map(_values, starts), strict=True)))],
    ]
    report.print_table(
        [f"of {chosen.rounds} starts", "JSON line ms", "first answer ms", "CPU ms", "resident MiB"], rows
    )
    report.print_goal("emulator ready", answer, GOAL_SECONDS, at_most=True, unit=" s")
    report.print_goal("emulator's memory", median(s.mib for s in starts), GOAL_MIB, at_most=True, unit=" MiB")


def _start() -> Start:
    command = [str(Path(sys.executable).with_name("tokenvault")), "emulator", "--port", "0", "--json"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        announced = msgspec.json.decode(process.stdout.readline(), type=dict[str, str])
        line = time.perf_counter() - began
        assert answers(urlsplit(announced["base_url"]).port or 0, _request(announced))
        answer = time.perf_counter() - began
        times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        mib = resident_mib(process.pid)
        process.terminate()
    return Start(line, answer, cpu, mib)


def _request(announced: dict[str, str]) -> bytes:
    lines = (
        "GET /pg/customers/nobody/instruments?instrument_type=card HTTP/1.1",
        "host: 127.0.0.1",
        f"x-client-id: {announced['client_id']}",
        f"x-client-secret: {announced['client_secret']}",
        "x-api-version: 2026-01-01",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _values(start: Start) -> tuple[float, float, float, float]:
    return start.line_seconds, start.answer_seconds, start.cpu_seconds, start.mib


def _cells(line: float, answer: float, cpu: float, mib: float) -> list[str]:
    return [f"{line * 1e3:.0f}", f"{answer * 1e3:.0f}", f"{cpu * 1e3:.0f}", f"{mib:.0f}"]


if __name__ == "__main__":
    main()
