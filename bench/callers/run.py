"""Run one caller: loads it, connects, and calls for as many seconds as each line on stdin says.

It answers in lines of JSON: first what it took to be loaded and answered once, then what each measurement gave. It runs
in the caller's own environment, where nothing of this repository can be imported.
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
    """Loads, and measures as often as it is asked to."""
    began = time.perf_counter()
    caller = runpy.run_path(file)
    loaded = {"import_seconds": time.perf_counter() - began, "import_mib": resident_mib()}
    if kind == "tasks":
        measure_tasks(caller["connect_async"], int(callers), base_url, ca, began, loaded)
        return
    call = caller["connect"](base_url, ca)
    call()
    say(**loaded, answer_seconds=time.perf_counter() - began, answer_mib=resident_mib())
    for line in sys.stdin:
        measured(lambda seconds=float(line): in_threads(call, int(callers), seconds))  # type: ignore[misc]


def in_threads(call: Call, callers: int, seconds: float) -> int:
    """Make from some threads, of which this is one, and counts."""
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
    """Measure on one uvloop."""
    import asyncio  # here, so that it weighs on those alone who need it

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        call = runner.run(first_call(connect, base_url, ca))
        say(**loaded, answer_seconds=time.perf_counter() - began, answer_mib=resident_mib())
        for line in sys.stdin:
            measured(lambda seconds=float(line): runner.run(in_tasks(call, callers, seconds)))  # type: ignore[misc]


async def first_call(connect: Connect, base_url: str, ca: str) -> AsyncCall:
    """Connects, and gives what to call."""
    call = await connect(base_url, ca)
    await call()
    return call


async def in_tasks(call: AsyncCall, callers: int, seconds: float) -> int:
    """Make from some tasks, and counts."""
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
    """Print what some calls took; CPU is that of all threads, those of libraries too."""
    began, cpu = time.perf_counter(), time.process_time()
    count = calls()
    say(calls=count, seconds=time.perf_counter() - began, cpu_seconds=time.process_time() - cpu)


def resident_mib() -> float:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def say(**figures: float) -> None:
    """Print a line of JSON."""
    sys.stdout.write(json.dumps(figures) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
