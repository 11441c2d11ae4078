"""Run one caller: load it, connect, and make calls for the number of seconds in each line on stdin.

It prints lines of JSON: first the cost of loading and of the first call, then the result of each measurement. It runs
in the caller's own environment, where this repository cannot be imported.
"""

import json
import os
import runpy
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

Call = Callable[[], object]
AsyncCall = Callable[[], Awaitable[object]]
Connect = Callable[[str, str], Awaitable[AsyncCall]]


def main(file: str, kind: str, callers: str, base_url: str, ca: str) -> None:
    """Load the caller, and measure once for each line on stdin."""
    began = time.perf_counter()
    caller = runpy.run_path(file)
    loaded = {"import_seconds": time.perf_counter() - began, "import_mib": resident_mib()}
    if kind == "tasks":
        measure_tasks(caller["connect_async"], int(callers), base_url, ca, began, loaded)
        return
    call = caller["connect"](base_url, ca)
    call()
    print_json(**loaded, answer_seconds=time.perf_counter() - began, answer_mib=resident_mib())
    for line in sys.stdin:
        measured(lambda seconds=float(line): in_threads(call, int(callers), seconds))  # type: ignore[misc]


def in_threads(call: Call, callers: int, seconds: float) -> int:
    """Make calls from several threads, this one included; return how many."""
    counts = [0] * callers
    until = time.perf_counter() + seconds

    def repeat(number: int) -> None:
        while time.perf_counter() < until:
            call()
            counts[number] += 1

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(1, callers)]
    for thread in threads:
        thread.start()
    repeat(0)
    for thread in threads:
        thread.join()
    return sum(counts)


def measure_tasks(
    connect: Connect, callers: int, base_url: str, ca: str, began: float, loaded: dict[str, float]
) -> None:
    """Measure on one uvloop event loop."""
    import asyncio  # imported here, so that only asynchronous callers pay for it

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        call = runner.run(first_call(connect, base_url, ca))
        print_json(**loaded, answer_seconds=time.perf_counter() - began, answer_mib=resident_mib())
        for line in sys.stdin:
            measured(lambda seconds=float(line): runner.run(in_tasks(call, callers, seconds)))  # type: ignore[misc]


async def first_call(connect: Connect, base_url: str, ca: str) -> AsyncCall:
    """Connect, make one call, and return the coroutine function that makes a call."""
    call = await connect(base_url, ca)
    await call()
    return call


async def in_tasks(call: AsyncCall, callers: int, seconds: float) -> int:
    """Make calls from several tasks; return how many."""
    import asyncio

    until = time.perf_counter() + seconds

    async def repeat() -> int:
        count = 0
        while time.perf_counter() < until:
            await call()
            count += 1
        return count

    return sum(await asyncio.gather(*(repeat() for _ in range(callers))))


def measured(calls: Callable[[], int]) -> None:
    """Print the cost of some calls; CPU time includes all threads, also those of libraries."""
    began, cpu = time.perf_counter(), time.process_time()
    count = calls()
    print_json(calls=count, seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - cpu)


def resident_mib() -> float:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def print_json(**figures: float) -> None:
    """Print a line of JSON."""
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
