"""A client survives a fork: the child notices, and connects for itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.client.recorder import recording
from tests.client.ways import WAYS

SECONDS = 60


def lines(how: str, way: str, base_url: str) -> list[str]:
    """Gives what the program printed; one that hangs fails the test."""
    program = [sys.executable, "-m", "tests.client.forking", how, way, base_url]
    return subprocess.run(program, capture_output=True, text=True, check=True, timeout=SECONDS).stdout.splitlines()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("how", "callers"),
    [
        ("by_fork", ["parent", "child", "parent again"]),
        ("by_two_forks", ["parent", "child", "grandchild"]),
        ("before_any_call", ["child", "parent"]),
        ("by_multiprocessing", ["parent", "worker 0", "worker 1", "worker 2"]),
    ],
)
def test_calls_are_answered_on_both_sides_of_a_fork(way: str, how: str, callers: list[str]) -> None:
    with recording() as server:
        assert sorted(lines(how, way, server.base_url)) == sorted(f"{caller}: 200" for caller in callers)
        asked = sorted(dict(request.headers)["x-request-id"] for request in server.heard)
    assert asked == sorted(callers)


def test_gunicorn_may_preload_an_application_that_has_called_already() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with recording() as server:
        command = [sys.executable, "-m", "gunicorn", "--preload", "--workers=2", f"--bind=127.0.0.1:{port}"]
        environment = os.environ | {"BASE_URL": server.base_url}
        with subprocess.Popen([*command, "tests.client.preloaded:application"], env=environment) as process:
            try:
                answers = {visit(port, process) for _ in range(10)}
            finally:
                process.terminate()
                process.wait(SECONDS)
    assert {status for _, status in answers} == {"200"}
    assert str(process.pid) not in {pid for pid, _ in answers}


def visit(port: int, process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Gives which worker answered and what; asks until one listens."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=SECONDS) as answer:
                pid, status = answer.read().decode().split()
                return pid, status
        except (ConnectionError, urllib.error.URLError):
            continue
    raise AssertionError(f"gunicorn ended with {process.returncode}")
