"""What an operator reads while a served vault has a bad day: a killed worker, then a disk that takes no more writes."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from tests.support.emulator_process import STOP_SECONDS, Emulator, emulator, instruments
from tests.support.http_client import Connection
from tests.support.log_lines import lines_of
from tests.support.served_process import TRY_AGAIN_SECONDS, started

CALLS = 40
LIMIT = 128 * 1024
"""The largest size of a file, in bytes, while the disk takes no more writes."""
MOST_LINES = 20
"""For a process: a failure has three lines and one with a count, and there are few kinds of failures."""


def test_every_line_of_the_emulator_is_as_the_page_of_logs_says(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with emulator("--log-level", "info", log=log) as running:
        use(running)
    lines = lines_of(log)
    assert [line["status"] for line in lines if line["logger"] == "calls"] == [201, 200, 404]
    assert {line["logger"] for line in lines} > {"calls"}


def test_a_killed_worker_and_a_full_disk_are_errors_with_hints_and_few_lines(tmp_path: Path) -> None:
    vault, log = tmp_path / "vault", tmp_path / "log"
    with started(vault, log, level="info") as (running, process):
        use(running)
        (worker,) = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until_ready(running, status=200, but=worker, parent=process.pid)
        card = running.save("asha")["instrument_id"]
        (worker,) = workers_of(process.pid)
        with no_more_writes(process.pid, worker):
            wait_until_ready(running, status=503)
            statuses = {running.ask("GET", instruments("asha", card) + "/cryptogram")[0] for _ in range(CALLS)}
            assert statuses <= {500, 502}  # the vault's own database, or that of the token service
            for _ in range(CALLS):
                assert ready(running) == 503
        wait_until_ready(running, status=200)
        assert running.ask("DELETE", instruments("asha", card))[0] == 200
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0
    lines = lines_of(log)
    (ended,) = [line for line in lines if line["event"] == "a worker process ended and is replaced"]
    assert (ended["level"], ended["exit_code"]) == ("error", -signal.SIGKILL)
    others = [line for line in lines if line["logger"] != "calls" and line["level"] != "info"]
    assert len(others) <= 2 * MOST_LINES
    failed = [line for line in others if line["event"] == "call failed"]
    assert sum(line.get("repeats", 1) for line in failed) == CALLS
    assert {line["event"] for line in others} >= {"not ready", "call failed"}
    assert any(line["hint"].startswith("check the file system of ") for line in failed)
    assert [line["level"] for line in lines if line.get("status") in {500, 502}] == ["error"] * CALLS


def use(running: Emulator) -> None:
    card = running.save("asha")["instrument_id"]
    assert running.ask("GET", instruments("asha", card))[0] == 200
    assert running.ask("GET", "/nothing/here")[0] == 404


@contextmanager
def no_more_writes(*processes: int) -> Iterator[None]:
    """Let no file grow beyond a size that the write-ahead logs reach soon; the log of the processes stays below it."""
    before = {each: resource.prlimit(each, resource.RLIMIT_FSIZE) for each in processes}
    for each, (_, hard) in before.items():
        resource.prlimit(each, resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        yield
    finally:
        for each, limits in before.items():
            resource.prlimit(each, resource.RLIMIT_FSIZE, limits)


def ready(running: Emulator) -> int:
    with Connection(running.console_url.rstrip("/"), {}) as connection:
        return connection.ask("GET", "/ready").status


def wait_until_ready(running: Emulator, *, status: int, but: int = 0, parent: int = 0) -> None:
    """Return when `/ready` has a status, and when the worker process is another one than `but`."""
    never = Event()
    for _ in range(int(STOP_SECONDS / TRY_AGAIN_SECONDS)):
        if ready(running) == status and not (parent and but in workers_of(parent)):
            return
        never.wait(TRY_AGAIN_SECONDS)
    pytest.fail(f"/ready is not {status}")


def workers_of(parent: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(parent), "-f", "spawn_main"], capture_output=True, check=False)
    return [int(each) for each in found.stdout.split()]
