"""Server processes: start them on their own core, wait until they answer, and measure them by /proc."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.support import ROOT
from tokenvault_server.settings import CONFIG_FILE, PREFIX

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Server:
    """A running server process and its children."""

    def __init__(self, command: Sequence[str], port: int, log: Path, environ: Mapping[str, str] | None = None) -> None:
        """Start the process; its output goes to a file, like a log in production."""
        self.port = port
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, **(environ or {})}
            )

    def wait_for_answer(self, request: bytes) -> None:
        """Return when it answers 200; raise an error with the end of its log after half a minute without."""
        give_up = time.monotonic() + START_SECONDS
        while not answers(self.port, request):
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{self.process.args!r} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.02)

    def cpu_seconds(self) -> float:
        """Return the user and system time of the process and its running children."""
        return sum(_ticks(pid) for pid in _family(self.process.pid)) * TICK_SECONDS

    def memory_mib(self) -> float:
        """Return the resident memory of the process and its children; shared pages count for each."""
        return sum(resident_mib(pid) for pid in _family(self.process.pid))

    def stop(self) -> None:
        """Terminate it; kill it if it does not end."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serving(directory: Path, request: bytes) -> Server:
    """Start `tokenvault serve` on the vault in a directory, on the first core, and return when it answers."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("tokenvault")), "serve", "--port", str(port)]
    environ = {PREFIX + "CONFIG": str(directory / CONFIG_FILE), PREFIX + "ADMIN_PORT": "0"}
    with on_core(0):
        server = Server(command, port, directory / "log", environ)
    server.wait_for_answer(request)
    return server


def answers(port: int, request: bytes) -> bool:
    """Return whether a server on this machine answers a request with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(65_536)[9:12] == b"200"
    except OSError:
        return False


def free_port() -> int:
    """Return a port that no process listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run this process and new children on one core; on a machine with fewer cores, do nothing."""
    before = os.sched_getaffinity(0)
    cores = sorted(before)
    if len(cores) > core:
        os.sched_setaffinity(0, {cores[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident_mib(pid: int) -> float:
    """Return the resident memory of one process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _family(pid: int) -> list[int]:
    family = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            family += _family(int(child))
    return family


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
