"""Server processes: started on a core of their own, asked until they answer, measured by what /proc says of them."""

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
        """Start it; what it says goes to a file, as a log would in production."""
        self.port = port
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=ROOT, env={**os.environ, **(environ or {})}
            )

    def wait_for_answer(self, request: bytes) -> None:
        """Return when it answers 200; raise with the end of its log when it does not within half a minute."""
        give_up = time.monotonic() + START_SECONDS
        while not answers(self.port, request):
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"{self.process.args!r} did not start:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.02)

    def cpu_seconds(self) -> float:
        """User and system time of the process and its living children so far."""
        return sum(_ticks(pid) for pid in _family(self.process.pid)) * TICK_SECONDS

    def memory_mib(self) -> float:
        """Resident memory of the process and its children; pages that they share count for each."""
        return sum(resident_mib(pid) for pid in _family(self.process.pid))

    def stop(self) -> None:
        """End it, politely first."""
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
    """Tell whether a server on this machine answers a request with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(request)
            return connection.recv(65_536)[9:12] == b"200"
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run, and start children, on one core only; on a machine with fewer cores nothing is pinned."""
    before = os.sched_getaffinity(0)
    cores = sorted(before)
    if len(cores) > core:
        os.sched_setaffinity(0, {cores[core]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def resident_mib(pid: int) -> float:
    """Resident memory of one process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _family(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += _family(int(child))
    return found


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
